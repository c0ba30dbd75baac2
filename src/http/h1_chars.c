#include "http/h1_chars.h"

#define T H1_CHAR_TOKEN
#define P (H1_CHAR_PATH | H1_CHAR_QUERY)
#define Q H1_CHAR_QUERY
#define H H1_CHAR_HOST
#define X H1_CHAR_HEX

const uint8_t h1_classes[256] = {
    ['!'] = T | P,
    ['#'] = T,
    ['$'] = T | P,
    ['%'] = T,
    ['&'] = T | P,
    ['\''] = T | P,
    ['('] = P,
    [')'] = P,
    ['*'] = T | P,
    ['+'] = T | P,
    [','] = P,
    ['-'] = T | P | H,
    ['.'] = T | P | H,
    ['/'] = P,
    ['0' ... '9'] = T | P | H | X,
    [':'] = P,
    [';'] = P,
    ['='] = P,
    ['?'] = Q,
    ['@'] = P,
    ['A' ... 'F'] = T | P | H | X,
    ['G' ... 'Z'] = T | P | H,
    ['['] = Q,
    [']'] = Q,
    ['^'] = T | Q,
    ['_'] = T | P | H,
    ['`'] = T | Q,
    ['a' ... 'f'] = T | P | H | X,
    ['g' ... 'z'] = T | P | H,
    ['{'] = Q,
    ['|'] = T | Q,
    ['}'] = Q,
    ['~'] = T | P | H,
};

bool h1_is_token(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (!h1_char_is(s.p[i], H1_CHAR_TOKEN))
            return false;
    }
    return s.n > 0;
}

static inline bool is_control(unsigned char c)
{
    return (c < 0x20 && c != '\t') || c == 0x7f;
}

/* Eight bytes: whether one may be a control character. Borrows between bytes make it a "perhaps"
 * for some that are none, never the other way round. */
static inline bool may_have_control(uint64_t bytes)
{
    const uint64_t ones = 0x0101010101010101u, high = 0x80 * ones;
    uint64_t del = bytes ^ ones * 0x7f;

    return (((bytes - ones * 0x20) & ~bytes) | ((del - ones) & ~del)) & high;
}

static inline uint64_t load(const char *p)
{
    uint64_t bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return bytes;
}

/* False: clean for sure. Loads overlap at the end. */
static inline bool is_suspicious(str s)
{
    bool suspicious = false;

    if (s.n < sizeof(uint64_t))
        return true;
    for (size_t i = 0; i + sizeof(uint64_t) < s.n; i += sizeof(uint64_t))
        suspicious |= may_have_control(load(s.p + i));
    return suspicious || may_have_control(load(s.p + s.n - sizeof(uint64_t)));
}

bool h1_is_clean(str s)
{
    if (!is_suspicious(s))
        return true;
    for (size_t i = 0; i < s.n; i++) {
        if (is_control((unsigned char)s.p[i]))
            return false;
    }
    return true;
}

#include "http/h1_chars.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

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

bool h1_is_clean(str s)
{
    size_t i = 0;

#ifdef __SSE2__
    /* Bytes are signed here: adding 0x80 turns "unsigned less than 0x20" into a signed compare. */
    const __m128i flip = _mm_set1_epi8((char)0x80);
    const __m128i least = _mm_set1_epi8((char)(0x20 - 0x80));
    const __m128i tab = _mm_set1_epi8('\t');
    const __m128i del = _mm_set1_epi8(0x7f);

    for (; i + 16 <= s.n; i += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(s.p + i));
        __m128i low = _mm_cmplt_epi8(_mm_xor_si128(bytes, flip), least);
        __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low),
                                   _mm_cmpeq_epi8(bytes, del));

        if (_mm_movemask_epi8(bad))
            return false;
    }
#endif
    for (; i < s.n; i++) {
        if (is_control((unsigned char)s.p[i]))
            return false;
    }
    return true;
}

#include "base/json_token.h"

#include "base/utf8.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#if defined(__x86_64__)
/* Blocks of 64 bytes. Signed: controls and everything from 0x80 on are below 0x20. */
__attribute__((target("avx2"))) static size_t skip_blocks_avx2(const char *p, size_t n)
{
    const __m256i quote = _mm256_set1_epi8('"'), backslash = _mm256_set1_epi8('\\');
    const __m256i least = _mm256_set1_epi8(0x20);
    size_t at = 0;

    for (; at + 64 <= n; at += 64) {
        __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)(p + at));
        __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(p + at + 32));
        __m256i below = _mm256_or_si256(_mm256_cmpgt_epi8(least, a), _mm256_cmpgt_epi8(least, b));
        __m256i quotes = _mm256_or_si256(_mm256_cmpeq_epi8(a, quote), _mm256_cmpeq_epi8(b, quote));
        __m256i slashes =
            _mm256_or_si256(_mm256_cmpeq_epi8(a, backslash), _mm256_cmpeq_epi8(b, backslash));

        if (_mm256_movemask_epi8(_mm256_or_si256(below, _mm256_or_si256(quotes, slashes))))
            break;
    }
    return at;
}

/* How many bytes from p on are plain for sure, by the widest registers there are. */
static size_t skip_blocks(const char *p, size_t n)
{
    return __builtin_cpu_supports("avx2") ? skip_blocks_avx2(p, n) : 0;
}
#else
static size_t skip_blocks(const char *p, size_t n)
{
    (void)p;
    (void)n;
    return 0;
}
#endif

size_t json_skip_far(str text, size_t at)
{
    at += skip_blocks(text.p + at, text.n - at);
#if defined(__SSE2__)
    for (; at + 16 <= text.n; at += 16) {
        unsigned hits = json_special_mask(text.p + at);

        if (hits)
            return at + (size_t)__builtin_ctz(hits);
    }
#endif
    while (at < text.n && !json_is_special(text.p[at]))
        at++;
    return at;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = str_lower_char(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits at `at`; -1 if they are not hexadecimal. */
static int32_t take_u16(str text, size_t at)
{
    int32_t value = 0;

    for (size_t i = 0; i < 4; i++) {
        int digit = hex_digit(text.p[at + i]);

        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

int json_escape_length(str text, size_t at)
{
    if (at + 1 >= text.n)
        return 0;
    if (text.p[at + 1] != 'u')
        return strchr("\"\\/bfnrt", text.p[at + 1]) && text.p[at + 1] ? 2 : -1;
    if (at + 6 > text.n)
        return 0;
    int32_t unit = take_u16(text, at + 2);
    if (unit < 0 || is_low_surrogate(unit))
        return -1;
    if (!is_high_surrogate(unit))
        return 6;
    if (at + 12 > text.n)
        return 0;
    if (text.p[at + 6] != '\\' || text.p[at + 7] != 'u')
        return -1;
    return is_low_surrogate(take_u16(text, at + 8)) ? 12 : -1;
}

static size_t digits(str text, size_t at)
{
    while (at < text.n && text.p[at] >= '0' && text.p[at] <= '9')
        at++;
    return at;
}

size_t json_number_end(str text, size_t at)
{
    size_t from = text.p[at] == '-' ? at + 1 : at, to = digits(text, from);

    if (to == from || (text.p[from] == '0' && to > from + 1))
        return 0;
    if (to < text.n && text.p[to] == '.') {
        from = to + 1;
        to = digits(text, from);
        if (to == from)
            return 0;
    }
    if (to < text.n && (text.p[to] == 'e' || text.p[to] == 'E')) {
        from = to + 1;
        if (from < text.n && (text.p[from] == '+' || text.p[from] == '-'))
            from++;
        to = digits(text, from);
        if (to == from)
            return 0;
    }
    return to;
}

bool json_is_number_char(char c)
{
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
}

static size_t put_escape(str text, size_t at, char *to, size_t *n)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    uint32_t point;

    if (text.p[at + 1] != 'u') {
        to[(*n)++] = values[strchr(names, text.p[at + 1]) - names];
        return 2;
    }
    point = (uint32_t)take_u16(text, at + 2);
    if (!is_high_surrogate((int32_t)point)) {
        *n += utf8_put(point, to + *n);
        return 6;
    }
    point = 0x10000 + ((point - 0xd800) << 10) + ((uint32_t)take_u16(text, at + 8) - 0xdc00);
    *n += utf8_put(point, to + *n);
    return 12;
}

str json_unescape(str between_quotes, struct arena *arena)
{
    char *to = arena_alloc(arena, between_quotes.n +
                                      1); /* an escape is never shorter than what it stands for */
    size_t n = 0;

    for (size_t at = 0; at < between_quotes.n;) {
        if (between_quotes.p[at] == '\\')
            at += put_escape(between_quotes, at, to, &n);
        else
            to[n++] = between_quotes.p[at++];
    }
    return str_make(to, n);
}

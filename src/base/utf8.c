#include "base/utf8.h"

/* RFC 3629 section 4: by first byte, the range of the second and the length. */
static const struct {
    unsigned char first_lo, first_hi, second_lo, second_hi, length;
} forms[] = {
    {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
    {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
    {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
};

int utf8_length(str s)
{
    const unsigned char *p = (const unsigned char *)s.p;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (p[0] < forms[i].first_lo || p[0] > forms[i].first_hi)
            continue;
        for (size_t k = 1; k < forms[i].length; k++) {
            if (k == s.n)
                return 0;
            if (p[k] < (k == 1 ? forms[i].second_lo : 0x80) ||
                p[k] > (k == 1 ? forms[i].second_hi : 0xbf))
                return -1;
        }
        return forms[i].length;
    }
    return -1;
}

size_t utf8_put(uint32_t point, char *to)
{
    if (point < 0x80) {
        to[0] = (char)point;
        return 1;
    }
    if (point < 0x800) {
        to[0] = (char)(0xc0 | point >> 6);
        to[1] = (char)(0x80 | (point & 0x3f));
        return 2;
    }
    if (point < 0x10000) {
        to[0] = (char)(0xe0 | point >> 12);
        to[1] = (char)(0x80 | (point >> 6 & 0x3f));
        to[2] = (char)(0x80 | (point & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | point >> 18);
    to[1] = (char)(0x80 | (point >> 12 & 0x3f));
    to[2] = (char)(0x80 | (point >> 6 & 0x3f));
    to[3] = (char)(0x80 | (point & 0x3f));
    return 4;
}

static inline bool follows(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Three or four bytes: the range of the second depends on the first where there would be overlong
 * forms, surrogates, or more than U+10FFFF (RFC 3629 section 4). */
static size_t long_form(const unsigned char *p)
{
    unsigned second = p[1];

    if (p[0] < 0xf0) {
        unsigned lo = p[0] == 0xe0 ? 0xa0 : 0x80, hi = p[0] == 0xed ? 0x9f : 0xbf;

        return second >= lo && second <= hi && follows(p[2]) ? 3 : 0;
    }
    unsigned lo = p[0] == 0xf0 ? 0x90 : 0x80, hi = p[0] == 0xf4 ? 0x8f : 0xbf;
    return p[0] <= 0xf4 && second >= lo && second <= hi && follows(p[2]) && follows(p[3]) ? 4 : 0;
}

enum utf8_stop utf8_skip(str s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = *at;

    while (s.n - i >= 4 && p[i] >= 0x80) {
        size_t n = p[i] < 0xe0 ? (p[i] >= 0xc2 && follows(p[i + 1]) ? 2 : 0) : long_form(p + i);

        if (n == 0)
            break;
        i += n;
    }
    while (i < s.n && p[i] >= 0x80) {
        int n = utf8_length(str_from(s, i));

        if (n <= 0) {
            *at = i;
            return n == 0 ? UTF8_CUT : UTF8_BAD;
        }
        i += (size_t)n;
    }
    *at = i;
    return i == s.n ? UTF8_CUT : UTF8_ASCII;
}

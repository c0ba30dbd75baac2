/* UTF-8 against a decoder that does it the slow way: decode, then ask whether that was the shortest
 * form of a code point that exists. */

#include "base/mem.h"
#include "base/utf8.h"
#include "unit/test.h"

/* Whether there is a code point between the two that is written in `length` bytes. */
static bool any_between(uint32_t lo, uint32_t hi, int length)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};

    return hi >= smallest[length] && lo <= 0x10ffff && !(lo >= 0xd800 && hi <= 0xdfff);
}

/* As utf8_length, from RFC 3629's bit patterns. */
static int slow_length(const unsigned char *p, size_t n)
{
    int length = p[0] < 0x80         ? 1
                 : p[0] >> 5 == 0x06 ? 2
                 : p[0] >> 4 == 0x0e ? 3
                 : p[0] >> 3 == 0x1e ? 4
                                     : 0;
    uint32_t lo = length == 1 ? p[0] : p[0] & (0x7fu >> length), hi = lo;
    bool cut = false;

    if (length == 0)
        return -1;
    for (int i = 1; i < length; i++) {
        cut = cut || (size_t)i == n;
        if (!cut && p[i] >> 6 != 2)
            return -1;
        lo = lo << 6 | (cut ? 0 : p[i] & 0x3f);
        hi = hi << 6 | (cut ? 0x3f : p[i] & 0x3f);
    }
    if (!any_between(lo, hi, length))
        return -1;
    return cut ? 0 : length;
}

static void every_code_point_is_put_and_read(void)
{
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        char bytes[4];
        size_t n;

        if (point >= 0xd800 && point <= 0xdfff)
            continue;
        n = utf8_put(point, bytes);
        CHECK_INT(n, point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4);
        CHECK_INT(utf8_length(str_make(bytes, n)), n);
        CHECK_INT(slow_length((const unsigned char *)bytes, n), n);
    }
}

/* All pairs of first bytes, with what may and may not follow them. */
static void sequences_are_judged_as_by_the_slow_way(void)
{
    static const unsigned char others[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0xbf, 0xc0, 0xff};
    unsigned char p[4];

    for (unsigned i = 0; i < 0x10000; i++)
        for (unsigned k = 0; k < COUNT_OF(others) * COUNT_OF(others); k++) {
            p[0] = (unsigned char)(i >> 8), p[1] = (unsigned char)i;
            p[2] = others[k / COUNT_OF(others)], p[3] = others[k % COUNT_OF(others)];
            str s = str_make((const char *)p, 4);
            int length = utf8_length(s);
            size_t at = 0;

            CHECK_INT(length, slow_length(p, 4));
            /* the fast way has to stop where the slow one does */
            enum utf8_stop stop = utf8_skip(s, &at);
            size_t expected = 0;
            int n = 1;
            while (expected < 4 && p[expected] >= 0x80 &&
                   (n = slow_length(p + expected, 4 - expected)) > 0)
                expected += (size_t)n;
            CHECK_INT(at, expected);
            CHECK_INT(stop, expected == 4 || n == 0 ? UTF8_CUT : n < 0 ? UTF8_BAD : UTF8_ASCII);
        }
}

/* A sequence that its end cuts off is told from one that is none, as soon as it can be. */
static void what_is_cut_off(void)
{
    static const struct {
        const char *bytes;
        int length;
    } cases[] = {
        {"\xc3", 0},          {"\xe2", 0},         {"\xe2\x82", 0},  {"\xf0", 0},
        {"\xf0\x9f", 0},      {"\xf0\x9f\x98", 0}, {"\xe0\x80", -1}, {"\xed\xa0", -1},
        {"\xf4\x90", -1},     {"\xf0\x80", -1},    {"\xc0", -1},     {"\xf5", -1},
        {"\xe2\x82\x41", -1}, {"\x80", -1},        {"\xff", -1},     {"\xc3\xa9", 2},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_INT(utf8_length(str_of(cases[i].bytes)), cases[i].length);
}

static void skipping_ends_at_ascii_and_at_the_end(void)
{
    str s = STR("a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80z\xc3\xa9");
    size_t at = 1;

    CHECK_INT(utf8_skip(s, &at), UTF8_ASCII);
    CHECK_INT(at, 10);
    CHECK_INT(utf8_skip(s, &at), UTF8_ASCII);
    CHECK_INT(at, 10);
    at = 11;
    CHECK_INT(utf8_skip(s, &at), UTF8_CUT);
    CHECK_INT(at, s.n);
    for (size_t n = 2; n < 10; n++) {
        bool whole = n == 3 || n == 6;

        at = 1;
        CHECK_INT(utf8_skip(str_upto(s, n), &at), UTF8_CUT);
        CHECK_INT(at, n >= 6 ? 6 : n >= 3 ? 3 : 1);
        CHECK(!whole || at == n);
    }
}

int main(void)
{
    RUN(every_code_point_is_put_and_read);
    RUN(sequences_are_judged_as_by_the_slow_way);
    RUN(what_is_cut_off);
    RUN(skipping_ends_at_ascii_and_at_the_end);
    return test_end();
}

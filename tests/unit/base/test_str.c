/* Slices: what they compare as, where they are cut, what is a number and what is a near match. */

#include "base/mem.h"
#include "base/str.h"
#include "unit/test.h"

static void equal_bytes_are_equal(void)
{
    CHECK(str_eq(STR(""), STR_NULL) && str_eq(STR_NULL, STR_NULL));
    CHECK(str_eq(STR("a\0b"), STR("a\0b")) && !str_eq(STR("a\0b"), STR("a\0c")));
    CHECK(!str_eq(STR("a"), STR("ab")) && !str_eq(STR("a"), STR("A")));
    CHECK(str_ieq(STR("Content-TYPE"), STR("content-type")));
    CHECK(str_ieq(STR_NULL, STR("")));
    CHECK(!str_ieq(STR("a"), STR("ab")));
    /* only letters have two cases: these pairs differ in the same bit */
    CHECK(!str_ieq(STR("@"), STR("`")) && !str_ieq(STR("["), STR("{")));
    CHECK(!str_ieq(STR("\xc3\x89"), STR("\xc3\xa9")));
}

static void order_is_of_bytes_and_prefixes_come_first(void)
{
    static const str sorted[] = {STR_INIT(""),   STR_INIT("\0"), STR_INIT("A"),   STR_INIT("a"),
                                 STR_INIT("aa"), STR_INIT("b"),  STR_INIT("\xff")};

    for (size_t i = 0; i < COUNT_OF(sorted); i++)
        for (size_t k = 0; k < COUNT_OF(sorted); k++) {
            int order = str_cmp(sorted[i], sorted[k]);

            CHECK((order < 0) == (i < k) && (order > 0) == (i > k));
        }
    CHECK_INT(str_cmp(STR_NULL, STR("")), 0);
}

static void cutting_stays_within(void)
{
    str s = STR("abc"), rest;

    CHECK_STR(str_from(s, 1), "bc");
    CHECK_STR(str_from(s, 3), "");
    CHECK_STR(str_from(s, SIZE_MAX), "");
    CHECK(str_from(s, 9).p == s.p + 3);
    CHECK(str_from(STR_NULL, 0).p == NULL && str_from(STR_NULL, 5).n == 0);
    CHECK_STR(str_upto(s, 2), "ab");
    CHECK_STR(str_upto(s, 9), "abc");
    CHECK_STR(str_upto(s, 0), "");
    rest = STR("a,,b");
    CHECK_STR(str_cut(&rest, ','), "a");
    CHECK_STR(rest, ",b");
    CHECK_STR(str_cut(&rest, ','), "");
    CHECK_STR(str_cut(&rest, ','), "b");
    CHECK_INT(rest.n, 0);
    CHECK_STR(str_cut(&rest, ','), "");
}

static void beginnings_and_ends(void)
{
    CHECK(str_starts(STR("abc"), STR("ab")) && str_starts(STR("abc"), STR("")));
    CHECK(str_starts(STR("abc"), STR("abc")) && !str_starts(STR("abc"), STR("abcd")));
    CHECK(!str_starts(STR("abc"), STR("b")) && !str_starts(STR_NULL, STR("a")));
    CHECK(str_ends(STR("abc"), STR("bc")) && str_ends(STR("abc"), STR("")));
    CHECK(str_ends(STR("abc"), STR("abc")) && !str_ends(STR("abc"), STR("xabc")));
    CHECK(!str_ends(STR("abc"), STR("b")) && str_ends(STR_NULL, STR_NULL));
}

static void finding(void)
{
    str s = STR("a\0b,b");

    CHECK_INT(str_find(s, 'b', 0), 2);
    CHECK_INT(str_find(s, 'b', 3), 4);
    CHECK_INT(str_find(s, 'b', 5), 5);
    CHECK_INT(str_find(s, 'b', 99), 5);
    CHECK_INT(str_find(s, '\0', 0), 1);
    CHECK_INT(str_find(s, 'x', 0), 5);
    CHECK_INT(str_find(STR_NULL, 'x', 0), 0);
    CHECK_INT(str_search(s, STR("b,b")), 2);
    CHECK_INT(str_search(s, STR("\0b")), 1);
    CHECK_INT(str_search(s, STR("bb")), 5);
    CHECK_INT(str_search(s, STR("a\0b,b,")), 5);
    CHECK_INT(str_search(s, STR("")), 0);
    CHECK_INT(str_search(STR_NULL, STR("a")), 0);
}

static void blanks_are_spaces_and_tabs(void)
{
    CHECK_STR(str_trim(STR(" \t a b\t ")), "a b");
    CHECK_STR(str_trim(STR(" \t ")), "");
    CHECK_STR(str_trim(STR("\na\r")), "\na\r");
    CHECK_INT(str_trim(STR_NULL).n, 0);
}

static void numbers_are_digits_only(void)
{
    static const char *const wrong[] = {"",
                                        " 1",
                                        "1 ",
                                        "+1",
                                        "-1",
                                        "0x1",
                                        "1.0",
                                        "18446744073709551616",
                                        "99999999999999999999",
                                        "184467440737095516150"};
    uint64_t value = 7;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        CHECK(!str_parse_u64(str_of(wrong[i]), &value));
        CHECK_INT(value, 7);
    }
    CHECK(str_parse_u64(STR("18446744073709551615"), &value) && value == UINT64_MAX);
    CHECK(str_parse_u64(STR("0"), &value) && value == 0);
    CHECK(str_parse_u64(STR("00012"), &value) && value == 12);
}

static void copies_end_in_nul(void)
{
    CLEANUP_FREE char *copy = str_dup(str_upto(STR("abcdef"), 3));
    CLEANUP_FREE char *empty = str_dup(STR_NULL);

    CHECK(strcmp(copy, "abc") == 0);
    CHECK(strcmp(empty, "") == 0);
    CHECK(str_of(NULL).p == NULL && str_of(NULL).n == 0);
}

static void near_matches(void)
{
    static const str names[] = {STR_INIT("timeout"), STR_INIT("rpm"), STR_INIT("region_name"),
                                STR_INIT("a_name_of_more_than_forty_eight_bytes_is_no_match")};
    static const struct {
        const char *wrong, *near;
    } cases[] = {
        {"timeout", "timeout"},
        {"TimeOut", "timeout"},
        {"timout", "timeout"},
        {"rgion_nam", "region_name"},
        {"rpn", "rpm"},
        {"x", ""},
        {"completely_different", ""},
        {"a_name_of_more_than_forty_eight_bytes_is_no_match", ""},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_STR(str_near_match(str_of(cases[i].wrong), names, COUNT_OF(names)), cases[i].near);
    CHECK(str_near_match(STR("rpm"), names, 0).p == NULL);
}

int main(void)
{
    RUN(equal_bytes_are_equal);
    RUN(order_is_of_bytes_and_prefixes_come_first);
    RUN(cutting_stays_within);
    RUN(beginnings_and_ends);
    RUN(finding);
    RUN(blanks_are_spaces_and_tabs);
    RUN(numbers_are_digits_only);
    RUN(copies_end_in_nul);
    RUN(near_matches);
    return test_end();
}

/* Instants as RFC 3339 writes them. */

#include "base/clock.h"
#include "base/mem.h"
#include "unit/test.h"

static str format(int64_t wall_ns)
{
    static char text[CLOCK_RFC3339_LEN + 1];

    text[CLOCK_RFC3339_LEN] = '#'; /* no NUL is written */
    clock_format_rfc3339(wall_ns, text);
    CHECK(text[CLOCK_RFC3339_LEN] == '#');
    return str_make(text, CLOCK_RFC3339_LEN);
}

/* Seconds and nanoseconds since 1970, from date(1). */
static const struct {
    const char *text;
    int64_t seconds, ns;
} instants[] = {
    {"1970-01-01T00:00:00.000Z", 0, 0},
    {"1970-01-01T00:00:00.999Z", 0, 999000000},
    {"1972-02-29T12:00:00.000Z", 68212800, 0},
    {"1999-12-31T23:59:59.001Z", 946684799, 1000000},
    {"2000-02-29T00:00:00.000Z", 951782400, 0},
    {"2000-03-01T00:00:00.000Z", 951868800, 0},
    {"2026-11-21T01:17:00.123Z", 1795223820, 123000000},
    {"2100-02-28T23:59:59.000Z", 4107542399, 0},
    {"2100-03-01T00:00:00.000Z", 4107542400, 0},
    {"2262-04-11T23:47:16.854Z", 9223372036, 854000000},
    {"1969-12-31T23:59:59.999Z", -1, 999000000},
    {"1969-12-31T00:00:00.000Z", -86400, 0},
    {"1900-03-01T00:00:00.000Z", -2203891200, 0},
};

static void instants_there_and_back(void)
{
    for (size_t i = 0; i < COUNT_OF(instants); i++) {
        int64_t wall_ns = instants[i].seconds * NS_PER_S + instants[i].ns, back = 0;

        CHECK_STR(format(wall_ns), instants[i].text);
        CHECK(clock_parse_rfc3339(str_of(instants[i].text), &back));
        CHECK_INT(back, wall_ns);
        CHECK_STR(format(wall_ns + 775807), instants[i].text); /* what is below a ms is cut */
    }
}

/* A day at a time through 400 years, so that every leap year is met. */
static void every_day_comes_after_the_one_before(void)
{
    char text[CLOCK_RFC3339_LEN], last[CLOCK_RFC3339_LEN] = {0};
    int64_t back;

    for (int64_t day = -100000; day < 106000; day++) {
        clock_format_rfc3339(day * 86400 * NS_PER_S, text);
        CHECK(memcmp(text, last, sizeof(text)) > 0);
        CHECK(clock_parse_rfc3339(str_make(text, sizeof(text)), &back));
        CHECK_INT(back, day * 86400 * NS_PER_S);
        memcpy(last, text, sizeof(text));
    }
}

static void expect_s(const char *text, int64_t seconds, int64_t ns)
{
    int64_t wall_ns = 0;

    if (!clock_parse_rfc3339(str_of(text), &wall_ns))
        printf("  %s\n", text);
    CHECK_INT(wall_ns, seconds * NS_PER_S + ns);
}

static void fractions_and_offsets(void)
{
    expect_s("2026-11-21T01:17:00Z", 1795223820, 0);
    expect_s("2026-11-21t01:17:00z", 1795223820, 0);
    expect_s("2026-11-21T01:17:00.5Z", 1795223820, 500000000);
    expect_s("2026-11-21T01:17:00.123456789Z", 1795223820, 123456789);
    expect_s("2026-11-21T01:17:00.12345678999999999999999999Z", 1795223820, 123456789);
    expect_s("2026-11-21T03:47:00+02:30", 1795223820, 0);
    expect_s("2026-11-20T23:17:00.25-02:00", 1795223820, 250000000);
    expect_s("2026-11-21T01:17:00+00:00", 1795223820, 0);
    expect_s("2026-11-21T01:16:60Z", 1795223820, 0); /* a leap second */
}

static void what_is_no_instant(void)
{
    static const char *const wrong[] = {
        "",
        "2026-11-21",
        "2026-11-21T01:17Z",
        "2026-11-21T01:17:00",
        "2026-11-21 01:17:00Z",
        "2026-11-21T01:17:00.Z",
        "2026-11-21T01:17:00,5Z",
        "2026-11-21T01:17:00Z ",
        " 2026-11-21T01:17:00Z",
        "2026-11-21T01:17:00ZZ",
        "2026-11-21T01:17:00+02",
        "2026-11-21T01:17:00+0200",
        "2026-11-21T01:17:00+24:00",
        "2026-11-21T01:17:00+02:60",
        "2026-11-21T24:00:00Z",
        "2026-11-21T01:60:00Z",
        "2026-11-21T01:17:61Z",
        "2026-00-21T01:17:00Z",
        "2026-13-21T01:17:00Z",
        "2026-11-00T01:17:00Z",
        "2026-11-31T01:17:00Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "26-11-21T01:17:00Z",
        "+026-11-21T01:17:00Z",
        "2026-1-21T01:17:00Z",
        "2026-11-21T 1:17:00Z",
        "2026\x0d"
        "11\x0d"
        "21T01:17:00Z", /* differs from a dash in the bit of a letter's case */
        "2026-11-21T01\x1a"
        "17\x1a"
        "00Z",
    };
    int64_t wall_ns = 7;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (clock_parse_rfc3339(str_of(wrong[i]), &wall_ns))
            printf("  %s\n", wrong[i]);
        CHECK_INT(wall_ns, 7);
    }
}

/* Nanoseconds in 64 bits end in 2262; a later instant is refused, not folded into the past. */
static void instants_that_do_not_fit(void)
{
    static const char *const beyond[] = {
        "2262-04-11T23:47:16.854775808Z", "2262-04-12T00:00:00Z", "2600-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",           "1677-09-21T00:12:42Z", "0000-01-01T00:00:00Z",
    };
    int64_t wall_ns = 7;

    for (size_t i = 0; i < COUNT_OF(beyond); i++) {
        CHECK(!clock_parse_rfc3339(str_of(beyond[i]), &wall_ns));
        CHECK_INT(wall_ns, 7);
    }
    CHECK(clock_parse_rfc3339(STR("2262-04-11T23:47:16.854775807Z"), &wall_ns));
    CHECK(wall_ns == INT64_MAX);
}

static void clocks_go_forward(void)
{
    int64_t monotonic = clock_monotonic_ns(), wall = clock_wall_ns();

    CHECK(monotonic > 0 && clock_monotonic_ns() >= monotonic);
    CHECK(wall > 1700000000 * NS_PER_S);
}

int main(void)
{
    RUN(instants_there_and_back);
    RUN(every_day_comes_after_the_one_before);
    RUN(fractions_and_offsets);
    RUN(what_is_no_instant);
    RUN(instants_that_do_not_fit);
    RUN(clocks_go_forward);
    return test_end();
}

#include "base/clock.h"

#include <time.h>

int64_t clock_monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_wall_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

struct civil {
    int64_t year;
    unsigned month, day;
};

/* Days since 1970-01-01 to a proleptic Gregorian date, and back: Howard Hinnant, "chrono-Compatible
 * Low-Level Date Algorithms", civil_from_days and days_from_civil. */
static struct civil civil_from_days(int64_t days)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    unsigned doe = (unsigned)(days - era * 146097);
    unsigned yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    unsigned mp = (5 * doy + 2) / 153;
    unsigned month = mp < 10 ? mp + 3 : mp - 9;

    return (struct civil){
        .year = (int64_t)yoe + era * 400 + (month <= 2 ? 1 : 0),
        .month = month,
        .day = doy - (153 * mp + 2) / 5 + 1,
    };
}

static int64_t days_from_civil(struct civil date)
{
    int64_t year = date.year - (date.month <= 2 ? 1 : 0);
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    unsigned yoe = (unsigned)(year - era * 400);
    unsigned doy =
        (153 * (date.month > 2 ? date.month - 3 : date.month + 9) + 2) / 5 + date.day - 1;
    unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

    return era * 146097 + (int64_t)doe - 719468;
}

static char *put_digits(char *at, unsigned value, int digits)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return at + digits;
}

/* The quotient that is not greater, before 1970 as well. */
static int64_t divide_down(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void clock_format_rfc3339(int64_t wall_ns, char *ret_text)
{
    int64_t ms = divide_down(wall_ns, NS_PER_MS);
    int64_t days = divide_down(ms, 86400000);
    unsigned rest = (unsigned)(ms - days * 86400000);
    struct civil date = civil_from_days(days);
    char *at = put_digits(ret_text, (unsigned)date.year, 4);

    *at++ = '-';
    at = put_digits(at, date.month, 2);
    *at++ = '-';
    at = put_digits(at, date.day, 2);
    *at++ = 'T';
    at = put_digits(at, rest / 3600000, 2);
    *at++ = ':';
    at = put_digits(at, rest / 60000 % 60, 2);
    *at++ = ':';
    at = put_digits(at, rest / 1000 % 60, 2);
    *at++ = '.';
    at = put_digits(at, rest % 1000, 3);
    *at = 'Z';
}

struct cursor {
    str rest;
    bool failed;
};

static unsigned take_digits(struct cursor *c, size_t digits)
{
    uint64_t value = 0;

    if (c->rest.n < digits || !str_parse_u64(str_upto(c->rest, digits), &value))
        c->failed = true;
    c->rest = str_from(c->rest, digits);
    return (unsigned)value;
}

static void take_char(struct cursor *c, char wanted)
{
    if (c->rest.n == 0 || str_lower_char(c->rest.p[0]) != str_lower_char(wanted))
        c->failed = true;
    c->rest = str_from(c->rest, 1);
}

static int64_t take_fraction_ns(struct cursor *c)
{
    int64_t ns = 0, unit = NS_PER_S / 10;

    if (c->rest.n == 0 || c->rest.p[0] != '.')
        return 0;
    c->rest = str_from(c->rest, 1);
    if (c->rest.n == 0 || c->rest.p[0] < '0' || c->rest.p[0] > '9')
        c->failed = true;
    for (; c->rest.n && c->rest.p[0] >= '0' && c->rest.p[0] <= '9';
         c->rest = str_from(c->rest, 1)) {
        ns += (c->rest.p[0] - '0') * unit;
        unit /= 10;
    }
    return ns;
}

static int64_t take_offset_s(struct cursor *c)
{
    if (c->rest.n && (c->rest.p[0] == '+' || c->rest.p[0] == '-')) {
        int64_t sign = c->rest.p[0] == '+' ? 1 : -1;

        c->rest = str_from(c->rest, 1);
        unsigned hours = take_digits(c, 2);
        take_char(c, ':');
        unsigned minutes = take_digits(c, 2);
        if (hours > 23 || minutes > 59)
            c->failed = true;
        return sign * (int64_t)(hours * 3600 + minutes * 60);
    }
    take_char(c, 'Z');
    return 0;
}

bool clock_parse_rfc3339(str text, int64_t *ret_wall_ns)
{
    struct cursor c = {.rest = text};
    struct civil date = {.year = take_digits(&c, 4)};

    take_char(&c, '-');
    date.month = take_digits(&c, 2);
    take_char(&c, '-');
    date.day = take_digits(&c, 2);
    take_char(&c, 'T');
    unsigned hour = take_digits(&c, 2);
    take_char(&c, ':');
    unsigned minute = take_digits(&c, 2);
    take_char(&c, ':');
    unsigned second = take_digits(&c, 2);
    int64_t fraction_ns = take_fraction_ns(&c);
    int64_t offset_s = take_offset_s(&c);

    if (c.failed || c.rest.n || date.month < 1 || date.month > 12 || date.day < 1 || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    int64_t days = days_from_civil(date);
    struct civil back = civil_from_days(days);
    if (back.month != date.month || back.day != date.day)
        return false;
    int64_t seconds = days * 86400 + hour * 3600 + minute * 60 + second - offset_s;
    int64_t wall_ns;
    if (__builtin_mul_overflow(seconds, NS_PER_S, &wall_ns) ||
        __builtin_add_overflow(wall_ns, fraction_ns, &wall_ns))
        return false;
    *ret_wall_ns = wall_ns;
    return true;
}

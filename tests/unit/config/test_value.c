#include "config/value.h"

#include "unit/test.h"

static long long duration(const char *text)
{
    int64_t ms;

    return value_parse_duration(str_of(text), &ms) ? (long long)ms : -1;
}

static long long bytes(const char *text)
{
    uint64_t n;

    return value_parse_bytes(str_of(text), &n) ? (long long)n : -1;
}

static long long scaled(const char *text)
{
    int64_t n;

    return value_parse_scaled(str_of(text), 4, &n) ? (long long)n : -999;
}

static const char *listen_text(const char *text)
{
    static char shown[64];
    uint16_t port;
    str host;

    if (!value_parse_listen(str_of(text), &host, &port))
        return "no";
    (void)snprintf(shown, sizeof(shown), "%.*s %u", STR_ARG(host), port);
    return shown;
}

static void test_durations(void)
{
    CHECK_INT(duration("30"), 30000);
    CHECK_INT(duration("0"), 0);
    CHECK_INT(duration("0.25"), 250);
    CHECK_INT(duration("250ms"), 250);
    CHECK_INT(duration("1.5s"), 1500);
    CHECK_INT(duration("5m"), 300000);
    CHECK_INT(duration("1h"), 3600000);
    CHECK_INT(duration("2d"), 172800000);
    CHECK_INT(duration("1w"), 604800000);
    CHECK_INT(duration(""), -1);
    CHECK_INT(duration("s"), -1);
    CHECK_INT(duration("-1s"), -1);
    CHECK_INT(duration("1 s"), -1);
    CHECK_INT(duration("1S"), -1);
    CHECK_INT(duration("1h30m"), -1);
    CHECK_INT(duration("1.s"), -1);
    CHECK_INT(duration("1.2345s"), -1);
    CHECK_INT(duration("99999999999999999999s"), -1);
    CHECK_INT(duration("9999999999999999w"), -1);
}

static void test_sizes(void)
{
    CHECK_INT(bytes("0"), 0);
    CHECK_INT(bytes("64MiB"), 64 << 20);
    CHECK_INT(bytes("2KiB"), 2048);
    CHECK_INT(bytes("1GiB"), 1 << 30);
    CHECK_INT(bytes("1MB"), 1000000);
    CHECK_INT(bytes("3kB"), 3000);
    CHECK_INT(bytes("7B"), 7);
    CHECK_INT(bytes("64M"), -1);
    CHECK_INT(bytes("1.5MiB"), -1);
    CHECK_INT(bytes("99999999999999GiB"), -1);
}

static void test_scaled_decimals(void)
{
    CHECK_INT(scaled("48.8566"), 488566);
    CHECK_INT(scaled("-2.5"), -25000);
    CHECK_INT(scaled("7"), 70000);
    CHECK_INT(scaled("1.23456"), -999);
    CHECK_INT(scaled("--1"), -999);
    CHECK_INT(scaled("1e2"), -999);
    CHECK_INT(scaled(""), -999);
}

static void test_listen(void)
{
    CHECK_STR(str_of(listen_text("127.0.0.1:4000")), "127.0.0.1 4000");
    CHECK_STR(str_of(listen_text("[::1]:65535")), "::1 65535");
    CHECK_STR(str_of(listen_text(":80")), "0.0.0.0 80");
    CHECK_STR(str_of(listen_text("4000")), "0.0.0.0 4000");
    CHECK_STR(str_of(listen_text("::1:4000")), "no");
    CHECK_STR(str_of(listen_text("localhost:4000")), "no");
    CHECK_STR(str_of(listen_text("127.0.0.1:0")), "no");
    CHECK_STR(str_of(listen_text("127.0.0.1:65536")), "no");
    CHECK_STR(str_of(listen_text("127.0.0.1:")), "no");
    CHECK_STR(str_of(listen_text("[::1]4000")), "no");
    CHECK_STR(str_of(listen_text("")), "no");
}

int main(void)
{
    RUN(test_durations);
    RUN(test_sizes);
    RUN(test_scaled_decimals);
    RUN(test_listen);
    return test_end();
}

#include "test.h"

#include "base/mem.h"
#include "net/address.h"

#include <errno.h>

static void test_ip_literals(void)
{
    static const struct {
        const char *text, *shown; /* NULL: refused */
    } rows[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"2001:DB8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"::ffff:192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"", NULL},
        {"[]", NULL},
        {"[192.0.2.1]", NULL},
        {"192.0.2.256", NULL},
        {"192.0.2", NULL},
        {"192.0.2.01", NULL},
        {"0x7f.0.0.1", NULL},
        {"2130706433", NULL},
        {"example.com", NULL},
        {"fe80::1%lo", NULL},
        {"[::1", NULL},
        {" ::1", NULL},
        {"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct net_address a;
        char text[NET_ADDRESS_TEXT];
        int r = net_address_from_ip(str_of(rows[i].text), 80, &a);

        CHECK_INT(r, rows[i].shown ? 0 : -EINVAL);
        if (!rows[i].shown)
            continue;
        net_address_format_host(&a, text);
        CHECK_STR(str_of(text), rows[i].shown);
        CHECK_INT(net_address_port(&a), 80);
    }
    struct net_address a;
    CHECK_INT(net_address_from_ip(str_make("127.0.0.1\0x", 11), 80, &a), -EINVAL);
}

static void test_addresses_with_port(void)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"192.0.2.1:8080", "192.0.2.1:8080"},
        {"[2001:db8::1]:80", "[2001:db8::1]:80"},
        {"*:80", "[::]:80"},
        {":80", "[::]:80"},
        {"[::ffff:10.0.0.1]:1", "10.0.0.1:1"},
        {"unix:/run/ambit.sock", "unix:/run/ambit.sock"},
        {"192.0.2.1", NULL},
        {"192.0.2.1:", NULL},
        {"192.0.2.1:0", NULL},
        {"192.0.2.1:65536", NULL},
        {"192.0.2.1:80x", NULL},
        {"192.0.2.1:80:80", NULL},
        {"2001:db8::1:80", NULL},
        {"[2001:db8::1]80", NULL},
        {"name:80", NULL},
        {"unix:", NULL},
        {"", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct net_address a;
        char text[NET_ADDRESS_TEXT];

        CHECK_INT(net_address_parse(str_of(rows[i].text), &a), rows[i].shown ? 0 : -EINVAL);
        if (!rows[i].shown)
            continue;
        net_address_format(&a, text);
        CHECK_STR(str_of(text), rows[i].shown);
    }
}

static void test_paths(void)
{
    char path[120], text[NET_ADDRESS_TEXT];
    struct net_address a;

    memset(path, 'p', sizeof(path));
    CHECK_INT(net_address_from_path(str_make(path, 107), &a), 0);
    net_address_format(&a, text);
    CHECK_INT(strlen(text), 5 + 107);
    net_address_format_host(&a, text);
    CHECK_STR(str_of(text), "unix");
    CHECK_INT(net_address_port(&a), 0);
    CHECK_INT(net_address_from_path(str_make(path, 108), &a), -ENAMETOOLONG);
    CHECK_INT(net_address_from_path(str_make("a\0b", 3), &a), -EINVAL);
    CHECK_INT(net_address_from_path(STR(""), &a), -EINVAL);
}

static void test_split(void)
{
    static const struct {
        const char *text, *host; /* NULL: refused */
        unsigned port;
    } rows[] = {
        {"example.com", "example.com", 443},
        {"example.com:80", "example.com", 80},
        {"[::1]", "::1", 443},
        {"[::1]:80", "::1", 80},
        {":80", "", 80},
        {"example.com:", NULL, 0},
        {"example.com:0", NULL, 0},
        {"example.com:99999999999999999999", NULL, 0},
        {"example.com:+80", NULL, 0},
        {"[::1]:", NULL, 0},
        {"[::1", NULL, 0},
        {"[::1]x", NULL, 0},
        {"::1", NULL, 0},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint16_t port = 1;
        str host = STR("untouched");

        CHECK_INT(net_split_host_port(str_of(rows[i].text), 443, &host, &port),
                  rows[i].host ? 0 : -EINVAL);
        CHECK_STR(host, rows[i].host ? rows[i].host : "untouched");
        CHECK_INT(port, rows[i].host ? rows[i].port : 1);
    }
}

static struct net_address ip(const char *text)
{
    struct net_address a;

    CHECK_INT(net_address_from_ip(str_of(text), 7, &a), 0);
    return a;
}

static void test_equality(void)
{
    struct net_address a = ip("192.0.2.1"), b = ip("::ffff:192.0.2.1"), c = ip("2001:db8::1");

    CHECK(net_address_eq(&a, &b));
    CHECK(!net_address_eq(&a, &c));
    CHECK(net_address_eq(&c, &c));
    net_address_set_port(&b, 8);
    CHECK(!net_address_eq(&a, &b));
    net_address_set_port(&c, 9);
    CHECK_INT(net_address_port(&c), 9);
}

static void test_classes(void)
{
    static const struct {
        const char *text;
        bool loopback, private;
    } rows[] = {
        {"127.0.0.1", true, true},
        {"127.255.255.255", true, true},
        {"::1", true, true},
        {"::ffff:127.0.0.1", true, true},
        {"0.0.0.0", false, true},
        {"10.255.255.255", false, true},
        {"11.0.0.0", false, false},
        {"9.255.255.255", false, false},
        {"100.63.255.255", false, false},
        {"100.64.0.0", false, true},
        {"100.127.255.255", false, true},
        {"100.128.0.0", false, false},
        {"169.254.169.254", false, true},
        {"172.15.255.255", false, false},
        {"172.16.0.0", false, true},
        {"172.31.255.255", false, true},
        {"172.32.0.0", false, false},
        {"192.0.0.1", false, true},
        {"192.0.2.1", false, true},
        {"192.168.1.1", false, true},
        {"192.169.0.0", false, false},
        {"198.18.0.1", false, true},
        {"198.20.0.0", false, false},
        {"198.51.100.1", false, true},
        {"203.0.113.1", false, true},
        {"224.0.0.1", false, true},
        {"255.255.255.255", false, true},
        {"8.8.8.8", false, false},
        {"::", false, true},
        {"::ffff:10.0.0.1", false, true},
        {"::ffff:8.8.8.8", false, false},
        {"64:ff9b::a00:1", false, true},
        {"100::1", false, true},
        {"2001::1", false, true},
        {"2001:db8::1", false, true},
        {"2001:200::1", false, false},
        {"2002:a00:1::", false, true},
        {"2606:4700::1111", false, false},
        {"2a00:1450::1", false, false},
        {"3fff:fff::1", false, true},
        {"3fff:1000::1", false, false},
        {"fc00::1", false, true},
        {"fdff::1", false, true},
        {"fe80::1", false, true},
        {"ff02::1", false, true},
    };
    struct net_address local;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct net_address a = ip(rows[i].text);

        if (net_address_is_private(&a) != rows[i].private)
            printf("  %s\n", rows[i].text);
        CHECK(net_address_is_private(&a) == rows[i].private);
        CHECK(net_address_is_loopback(&a) == rows[i].loopback);
    }
    CHECK_INT(net_address_from_path(STR("/x"), &local), 0);
    CHECK(net_address_is_loopback(&local) && net_address_is_private(&local));
}

int main(void)
{
    RUN(test_ip_literals);
    RUN(test_addresses_with_port);
    RUN(test_paths);
    RUN(test_split);
    RUN(test_equality);
    RUN(test_classes);
    return test_end();
}

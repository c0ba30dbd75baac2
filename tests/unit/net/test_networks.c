#include "test.h"

#include "base/mem.h"
#include "net/networks.h"

#include <ifaddrs.h>

static const char *refuse(const char *networks, const char *ip)
{
    struct net_address a;

    CHECK_INT(net_address_from_ip(str_of(ip), 80, &a), 0);
    return networks_refuse(str_of(networks), &a);
}

static void test_what_is_a_network(void)
{
    static const char *const good[] = {"10.0.0.0/8", "0.0.0.0/0",     "::/0",        "192.0.2.7",
                                       "fd12::/16",  "192.0.2.7/32",  "2001:db8::1", "10.128.0.0/9",
                                       "::1/128",    "2001:db8::/127"};
    static const char *const bad[] = {"",
                                      "10.0.0.0/33",
                                      "10.0.0.0/",
                                      "10.0.0.1/8",
                                      "fd12::1/16",
                                      "::1/129",
                                      "10.0.0.0/-1",
                                      "localhost",
                                      "10.0.0.0/8 ",
                                      "10.0.0.0/8/8",
                                      "10.64.0.0/9",
                                      "10.0/8",
                                      "outside"};

    for (size_t i = 0; i < COUNT_OF(good); i++)
        CHECK(networks_is_one(str_of(good[i])));
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        CHECK(!networks_is_one(str_of(bad[i])));
}

/* Each form of an address that leads here, or to what answers here only. */
static void test_outside(void)
{
    static const struct {
        const char *ip, *what; /* NULL: may be reached */
    } rows[] = {
        {"127.0.0.1", "loopback"},
        {"127.255.255.254", "loopback"},
        {"::1", "loopback"},
        {"::ffff:127.0.0.1", "loopback"},
        {"64:ff9b::127.0.0.1", "loopback"},
        {"2002:7f00:1::", "loopback"},
        {"::127.0.0.1", "reserved"},
        {"0.0.0.0", "unspecified"},
        {"0.1.2.3", "unspecified"},
        {"::", "unspecified"},
        {"::ffff:0.0.0.0", "unspecified"},
        {"169.254.169.254", "link-local"},
        {"::ffff:169.254.169.254", "link-local"},
        {"64:ff9b::a9fe:a9fe", "link-local"},
        {"2002:a9fe:a9fe::1", "link-local"},
        {"fe80::1", "link-local"},
        {"febf::1", "link-local"},
        {"fec0::1", "link-local"},
        {"64:ff9b:1::a9fe:a9fe", "a translation into networks that are not known here"},
        {"2001::1", "a tunnel"},
        {"224.0.0.1", "multicast"},
        {"239.255.255.255", "multicast"},
        {"64:ff9b::e000:1", "multicast"},
        {"ff02::1", "multicast"},
        {"240.0.0.1", "reserved"},
        {"255.255.255.255", "reserved"},
        {"192.0.0.192", "reserved"},
        {"100.100.100.200", "a cloud's metadata service"},
        {"168.63.129.16", "a cloud's metadata service"},
        {"fd00:ec2::254", "a cloud's metadata service"},
        {"fd20:ce::254", "a cloud's metadata service"},
        {"192.0.2.1", NULL},
        {"126.255.255.255", NULL},
        {"128.0.0.1", NULL},
        {"169.253.0.1", NULL},
        {"169.255.0.1", NULL},
        {"223.255.255.255", NULL},
        {"10.99.98.97", NULL},
        {"172.31.255.250", NULL},
        {"192.168.251.250", NULL},
        {"100.64.0.1", NULL},
        {"fd12:3456::1", NULL},
        {"2001:db8::1", NULL},
        {"64:ff9b::192.0.2.1", NULL},
        {"2002:c000:201::1", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const char *what = refuse("outside", rows[i].ip);

        CHECK_STR(str_of(what ? what : "nothing"), rows[i].what ? rows[i].what : "nothing");
    }
}

/* A server that listens on every address is reached by each of them. */
static void test_this_machines_own_addresses_are_not_outside(void)
{
    struct ifaddrs *all = NULL;

    CHECK_INT(getifaddrs(&all), 0);
    for (struct ifaddrs *i = all; i; i = i->ifa_next) {
        struct net_address a = {0};

        if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET)
            continue;
        memcpy(&a.v4, i->ifa_addr, sizeof(a.v4));
        a.length = sizeof(a.v4);
        CHECK(networks_refuse(NETWORKS_OUTSIDE, &a) != NULL);
    }
    freeifaddrs(all);
}

static void test_a_list_is_all_that_there_is(void)
{
    const char *list = "127.0.0.1 10.0.0.0/8 fd12::/16";

    CHECK(!refuse(list, "127.0.0.1"));
    CHECK(!refuse(list, "::ffff:127.0.0.1"));
    CHECK(!refuse(list, "10.255.0.1"));
    CHECK(!refuse(list, "fd12::9"));
    CHECK(refuse(list, "127.0.0.2"));
    CHECK(refuse(list, "11.0.0.1"));
    CHECK(refuse(list, "192.0.2.1"));
    CHECK(refuse(list, "fd13::9"));
    CHECK(refuse(list, "::1"));
    CHECK(refuse(list, "64:ff9b::10.0.0.1"));
    /* Each family for itself. */
    CHECK(refuse("::/0", "169.254.169.254"));
    CHECK(refuse("::/0", "::ffff:169.254.169.254"));
    CHECK(!refuse("::/0", "2001:db8::1"));
    CHECK(refuse("0.0.0.0/0", "2001:db8::1"));
    CHECK(!refuse("0.0.0.0/0", "::ffff:192.0.2.1"));
}

static void test_no_networks_are_no_bound(void)
{
    struct net_address a;

    CHECK(!refuse("", "127.0.0.1"));
    CHECK_INT(net_address_from_path(STR("/run/x.sock"), &a), 0);
    CHECK(!networks_refuse(STR(""), &a));
    CHECK(networks_refuse(STR("outside"), &a));
    CHECK(networks_refuse(STR("::/0"), &a));
}

int main(void)
{
    RUN(test_what_is_a_network);
    RUN(test_outside);
    RUN(test_this_machines_own_addresses_are_not_outside);
    RUN(test_a_list_is_all_that_there_is);
    RUN(test_no_networks_are_no_bound);
    return test_end();
}

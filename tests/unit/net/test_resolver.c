/* The resolver against a scripted DNS server. */

#include "test.h"

#include "base/log.h"
#include "base/mem.h"
#include "dns_server.h"
#include "net/resolver.h"

#include <errno.h>

/* A record set has questions for A and AAAA. */
enum { QUESTIONS = 2 };

struct waiter {
    struct resolver_query query;
    int told;
    bool found;
    char address[NET_ADDRESS_TEXT];
    struct waiter *cancels;
    struct resolver *asks_again;
    int again;
};

static struct loop *loop;
static struct dns_server server;
static struct resolver *resolver;

static void on_done(struct resolver_query *query, const struct net_address *address_or_null)
{
    struct waiter *w = container_of(query, struct waiter, query);
    struct net_address again;

    w->told++;
    w->found = address_or_null != NULL;
    if (address_or_null)
        net_address_format(address_or_null, w->address);
    if (w->cancels)
        resolver_cancel(&w->cancels->query);
    if (w->asks_again)
        w->again = resolver_lookup(w->asks_again, STR("a.example"), 1, &w->query, &again);
}

#define TURN_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int turns_ = 0; !(condition) && turns_ < 2000; turns_++)                              \
            loop_turn(loop, 5);                                                                    \
        CHECK(condition);                                                                          \
    } while (0)

static void start(struct dns_record *records, struct resolver_options options)
{
    loop = loop_new();
    dns_server_start(&server, loop, records);
    options.servers = server.address;
    options.timeout_ms = options.timeout_ms ? options.timeout_ms : 10000;
    options.tries = options.tries ? options.tries : 1;
    resolver = resolver_new_with(loop, &options);
    CHECK(resolver);
}

static void finish(void)
{
    resolver_free(resolver);
    dns_server_stop(&server);
    loop_free(loop);
}

static int lookup(struct waiter *w, const char *host)
{
    struct net_address address;
    int r;

    *w = (struct waiter){.query.on_done = on_done};
    r = resolver_lookup(resolver, str_of(host), 80, &w->query, &address);
    if (r == 1)
        net_address_format(&address, w->address);
    return r;
}

/* Looks up and waits if need be; the address, or "". */
static const char *resolve(const char *host)
{
    static struct waiter w;
    int r = lookup(&w, host);

    CHECK(r >= 0);
    if (r == 0)
        TURN_UNTIL(w.told);
    return w.address;
}

/* Looks up until this is the answer, whatever comes before. */
static void resolve_until(const char *host, const char *address)
{
    static struct waiter w;
    bool right = false;

    for (int turns = 0; !right && turns < 2000; turns++) {
        resolver_cancel(&w.query);
        right = lookup(&w, host) == 1 && strcmp(w.address, address) == 0;
        if (!right)
            loop_turn(loop, 5);
    }
    CHECK(right);
}

static void report(const char *host, const char *ip)
{
    struct net_address failed;

    CHECK_INT(net_address_from_ip(str_of(ip), 80, &failed), 0);
    resolver_report_failure(resolver, str_of(host), &failed);
}

static void test_waits_once(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 60}, {0}};
    struct waiter w;

    start(records, (struct resolver_options){0});
    CHECK_INT(lookup(&w, "a.example"), 0);
    CHECK_INT(w.told, 0);
    TURN_UNTIL(w.told);
    CHECK_STR(str_of(w.address), "192.0.2.1:80");
    CHECK_INT(lookup(&w, "a.example"), 1);
    CHECK_STR(str_of(w.address), "192.0.2.1:80");
    CHECK_INT(lookup(&w, "A.Example"), 1);
    CHECK_INT(server.asked, QUESTIONS);
    finish();
}

static void test_several_waiters_one_question(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 60}, {0}};
    struct waiter a, b, c;

    start(records, (struct resolver_options){0});
    CHECK_INT(lookup(&a, "a.example"), 0);
    CHECK_INT(lookup(&b, "a.example"), 0);
    CHECK_INT(lookup(&c, "a.example"), 0);
    resolver_cancel(&b.query);
    resolver_cancel(&b.query);
    TURN_UNTIL(a.told && c.told);
    CHECK_INT(b.told, 0);
    CHECK_INT(server.asked, QUESTIONS);
    finish();
}

static void test_cancelled_in_a_callback(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 60}, {0}};
    struct waiter a, b, c;

    start(records, (struct resolver_options){0});
    CHECK_INT(lookup(&a, "a.example"), 0);
    CHECK_INT(lookup(&b, "a.example"), 0);
    CHECK_INT(lookup(&c, "a.example"), 0);
    a.cancels = &b;
    TURN_UNTIL(c.told);
    CHECK_INT(a.told, 1);
    CHECK_INT(b.told, 0);
    finish();
}

static void test_never_on_the_network(void)
{
    static const struct {
        const char *host, *address;
    } rows[] = {
        {"192.0.2.7", "192.0.2.7:80"},         {"2001:db8::7", "[2001:db8::7]:80"},
        {"[2001:db8::7]", "[2001:db8::7]:80"}, {"localhost", "127.0.0.1:80"},
        {"LocalHost", "127.0.0.1:80"},         {"x.localhost", "127.0.0.1:80"},
    };
    struct dns_record records[] = {{0}};
    struct waiter w;

    start(records, (struct resolver_options){0});
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        CHECK_INT(lookup(&w, rows[i].host), 1);
        CHECK_STR(str_of(w.address), rows[i].address);
    }
    report("localhost", "127.0.0.1");
    CHECK_STR(str_of(resolve("localhost")), "[::1]:80");
    CHECK_INT(lookup(&w, ""), -EINVAL);
    CHECK_INT(lookup(&w, "a b"), -EINVAL);
    CHECK_INT(lookup(&w, "a/b"), -EINVAL);
    CHECK_INT(lookup(&w, "a:80"), -EINVAL);
    CHECK_INT(lookup(&w, "\xc3\xbc.example"), -EINVAL);
    for (int i = 0; i < 3; i++)
        loop_turn(loop, 1);
    CHECK_INT(server.asked, 0);
    finish();
}

/* The first name of this machine's own table that is not answered before it. */
static bool name_of_hosts(char *ret_name, size_t size)
{
    FILE *file = fopen("/etc/hosts", "re");
    char line[512];
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file)) {
        char ip[64], name[256];
        struct net_address address;

        if (sscanf(line, "%63s %255s", ip, name) != 2 ||
            net_address_from_ip(str_of(ip), 0, &address) != 0 || strstr(name, "localhost"))
            continue;
        found = strlen(name) < size;
        if (found)
            snprintf(ret_name, size, "%s", name);
    }
    if (file)
        fclose(file);
    return found;
}

static void test_hosts_file(void)
{
    struct dns_record records[] = {{0}};
    char name[64];
    struct waiter w;

    start(records, (struct resolver_options){0});
    if (name_of_hosts(name, sizeof(name))) {
        CHECK_INT(lookup(&w, name), 1);
        CHECK_INT(server.asked, 0);
    }
    finish();
}

/* The address changes; nobody ever waits, and nobody has to look up for the change to be noticed.
 */
static void test_refresh_follows_a_change(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 0}, {0}};
    struct waiter w;
    unsigned asked;

    start(records, (struct resolver_options){.min_ttl_ms = 40});
    CHECK_STR(str_of(resolve("a.example")), "192.0.2.1:80");
    records[0].v4[0] = "192.0.2.2";
    asked = server.asked;
    TURN_UNTIL(server.asked >= asked + 2 * QUESTIONS);
    CHECK_INT(lookup(&w, "a.example"), 1);
    CHECK_STR(str_of(w.address), "192.0.2.2:80");
    finish();
}

static void test_time_to_live_bounds(void)
{
    struct dns_record records[] = {{"long.example", .v4 = {"192.0.2.1"}, .ttl_s = 86400},
                                   {"short.example", .v4 = {"192.0.2.2"}, .ttl_s = 0},
                                   {0}};

    /* A day becomes at most 40 ms. */
    start(records, (struct resolver_options){.min_ttl_ms = 40, .max_ttl_ms = 40});
    resolve("long.example");
    TURN_UNTIL(server.asked >= 2 * QUESTIONS);
    finish();

    /* Nothing becomes at least an hour. */
    start(records, (struct resolver_options){.min_ttl_ms = 3600 * 1000});
    resolve("short.example");
    for (int i = 0; i < 20; i++)
        loop_turn(loop, 2);
    CHECK_INT(server.asked, QUESTIONS);
    finish();
}

static void test_failed_refresh_keeps_what_there_was(void)
{
    static const enum dns_server_mood moods[] = {DNS_FAILS, DNS_SILENT, DNS_NO_SUCH_NAME,
                                                 DNS_BABBLES};

    for (size_t i = 0; i < COUNT_OF(moods); i++) {
        struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 0}, {0}};
        struct waiter w;
        unsigned asked;

        start(records, (struct resolver_options){.min_ttl_ms = 20, .timeout_ms = 30});
        resolve_until("a.example", "192.0.2.1:80");
        records[0].mood = moods[i];
        asked = server.asked;
        TURN_UNTIL(server.asked >= asked + 2 * QUESTIONS);
        CHECK_INT(lookup(&w, "a.example"), 1);
        CHECK_STR(str_of(w.address), "192.0.2.1:80");
        /* Back again, elsewhere. */
        records[0].mood = DNS_ANSWERS;
        records[0].v4[0] = "192.0.2.9";
        resolve_until("a.example", "192.0.2.9:80");
        finish();
    }
}

static void test_no_such_name(void)
{
    struct dns_record records[] = {{"a.example", .mood = DNS_NO_SUCH_NAME}, {0}};
    struct waiter w;
    unsigned asked;

    start(records, (struct resolver_options){.min_ttl_ms = 60});
    CHECK_INT(lookup(&w, "a.example"), 0);
    TURN_UNTIL(w.told);
    CHECK(!w.found);
    /* For a moment nobody is asked again... */
    asked = server.asked;
    CHECK_INT(lookup(&w, "a.example"), -ENOENT);
    CHECK_INT(server.asked, asked);
    /* ...but not for ever. */
    records[0].mood = DNS_ANSWERS;
    records[0].v4[0] = "192.0.2.1";
    resolve_until("a.example", "192.0.2.1:80");
    finish();
}

static void test_name_without_addresses(void)
{
    struct dns_record records[] = {{"a.example", .ttl_s = 60}, {0}};
    struct waiter w;

    start(records, (struct resolver_options){0});
    CHECK_INT(lookup(&w, "a.example"), 0);
    TURN_UNTIL(w.told);
    CHECK(!w.found);
    finish();
}

static void test_asking_again_in_the_callback(void)
{
    struct dns_record records[] = {{"a.example", .mood = DNS_NO_SUCH_NAME}, {0}};
    struct waiter w;

    start(records, (struct resolver_options){0});
    CHECK_INT(lookup(&w, "a.example"), 0);
    w.asks_again = resolver;
    TURN_UNTIL(w.told);
    CHECK_INT(w.told, 1);
    CHECK_INT(w.again, -ENOENT);
    finish();
}

static void test_silence_blocks_nobody_else(void)
{
    struct dns_record records[] = {{"silent.example", .mood = DNS_SILENT},
                                   {"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 60},
                                   {0}};
    struct waiter silent, other;

    start(records, (struct resolver_options){0});
    CHECK_INT(lookup(&silent, "silent.example"), 0);
    CHECK_INT(lookup(&other, "a.example"), 0);
    TURN_UNTIL(other.told);
    CHECK_INT(silent.told, 0);
    finish();

    /* It is not for ever. */
    start(records, (struct resolver_options){.timeout_ms = 30, .tries = 2});
    CHECK_INT(lookup(&silent, "silent.example"), 0);
    TURN_UNTIL(silent.told);
    CHECK(!silent.found);
    TURN_UNTIL(server.asked >= 2 * QUESTIONS); /* it may not have read the last ones yet */
    CHECK_INT(server.asked, 2 * QUESTIONS);
    finish();
}

/* At a later instant than all before; `address` with its port. */
static void report_later(const char *address)
{
    int64_t now_ns = loop_now_ns(loop);
    char ip[NET_ADDRESS_TEXT];

    while (loop_now_ns(loop) == now_ns)
        loop_turn(loop, 0);
    snprintf(ip, sizeof(ip), "%.*s", (int)str_find(str_of(address), ':', 0), address);
    report("a.example", ip);
}

static void test_in_turn(void)
{
    struct dns_record records[] = {
        {"a.example", .v4 = {"192.0.2.1", "192.0.2.2", "192.0.2.3"}, .ttl_s = 60}, {0}};
    char first[NET_ADDRESS_TEXT], second[NET_ADDRESS_TEXT], third[NET_ADDRESS_TEXT];

    start(records, (struct resolver_options){0});
    snprintf(first, sizeof(first), "%s", resolve("a.example"));
    snprintf(second, sizeof(second), "%s", resolve("a.example"));
    snprintf(third, sizeof(third), "%s", resolve("a.example"));
    CHECK(strcmp(first, second) != 0 && strcmp(second, third) != 0 && strcmp(first, third) != 0);
    CHECK_STR(str_of(resolve("a.example")), first);

    /* What failed is passed over. */
    report_later(second);
    CHECK_STR(str_of(resolve("a.example")), third);
    CHECK_STR(str_of(resolve("a.example")), first);
    CHECK_STR(str_of(resolve("a.example")), third);

    /* When all have failed, there is still one: that which failed first. */
    report_later(first);
    report_later(third);
    CHECK_STR(str_of(resolve("a.example")), second);
    report_later(second);
    CHECK_STR(str_of(resolve("a.example")), first);
    report_later(first);
    CHECK_STR(str_of(resolve("a.example")), third);
    CHECK_INT(server.asked, QUESTIONS);
    finish();
}

static void test_all_failed_asks_again(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 3600}, {0}};

    start(records, (struct resolver_options){.min_ttl_ms = 10});
    CHECK_STR(str_of(resolve("a.example")), "192.0.2.1:80");
    records[0].v4[0] = "192.0.2.2";
    int64_t answered_ns = loop_now_ns(loop);
    TURN_UNTIL(loop_now_ns(loop) - answered_ns >= 10 * NS_PER_MS);
    report("a.example", "192.0.2.1");
    TURN_UNTIL(server.asked == 2 * QUESTIONS);
    resolve_until("a.example", "192.0.2.2:80");
    finish();
}

/* A refresh forgets neither whose turn it is nor what has failed. */
static void test_failure_outlives_a_refresh(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1", "192.0.2.2"}, .ttl_s = 0},
                                   {0}};

    start(records, (struct resolver_options){.min_ttl_ms = 20});
    resolve("a.example");
    report("a.example", "192.0.2.1");
    TURN_UNTIL(server.asked >= 3 * QUESTIONS);
    CHECK_STR(str_of(resolve("a.example")), "192.0.2.2:80");
    CHECK_STR(str_of(resolve("a.example")), "192.0.2.2:80");
    finish();
}

static void test_the_other_family_comes_last(void)
{
    struct dns_record records[] = {
        {"a.example", .v4 = {"192.0.2.1", "192.0.2.2"}, .v6 = {"2001:db8::1"}, .ttl_s = 60}, {0}};
    bool v6_first, v6;

    start(records, (struct resolver_options){0});
    v6_first = resolve("a.example")[0] == '[';
    for (int i = 0; i < 4; i++)
        CHECK((resolve("a.example")[0] == '[') == v6_first);
    if (v6_first) {
        report("a.example", "2001:db8::1");
    } else {
        report("a.example", "192.0.2.1");
        report("a.example", "192.0.2.2");
    }
    v6 = resolve("a.example")[0] == '[';
    CHECK(v6 != v6_first);
    finish();
}

static void test_bounded(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 60},
                                   {"b.example", .v4 = {"192.0.2.2"}, .ttl_s = 60},
                                   {"c.example", .v4 = {"192.0.2.3"}, .ttl_s = 60},
                                   {"silent1.example", .mood = DNS_SILENT},
                                   {"silent2.example", .mood = DNS_SILENT},
                                   {0}};
    struct waiter w, silent1, silent2;

    start(records, (struct resolver_options){.max_names = 2});
    resolve("a.example");
    resolve("b.example");
    resolve("a.example");
    /* The one unused for longest has made room. */
    resolve("c.example");
    CHECK_INT(lookup(&w, "a.example"), 1);
    CHECK_INT(lookup(&w, "c.example"), 1);
    CHECK_INT(lookup(&w, "b.example"), 0);
    resolver_cancel(&w.query);
    /* While it is being asked for, a name stays. */
    resolve("b.example");
    CHECK_INT(lookup(&silent1, "silent1.example"), 0);
    CHECK_INT(lookup(&silent2, "silent2.example"), 0);
    CHECK_INT(lookup(&w, "a.example"), -ENOSPC);
    finish(); /* with two that wait */
    CHECK_INT(silent1.told + silent2.told, 0);
    CHECK(!silent1.query.name && !silent2.query.name);
}

static void test_unused_names_are_forgotten(void)
{
    struct dns_record records[] = {{"a.example", .v4 = {"192.0.2.1"}, .ttl_s = 0}, {0}};
    struct waiter w;
    unsigned asked;

    start(records, (struct resolver_options){.min_ttl_ms = 10, .idle_ms = 30});
    resolve("a.example");
    /* Refreshed until then, and then no more: neither for a time nor for many turns, since a whole
     * pause of this process may lie within one turn. */
    do {
        int64_t since_ns = loop_now_ns(loop);

        asked = server.asked;
        for (int turns = 0; turns < 20; turns++)
            loop_turn(loop, 5);
        TURN_UNTIL(loop_now_ns(loop) - since_ns > 60 * NS_PER_MS);
    } while (server.asked != asked);
    CHECK_INT(lookup(&w, "a.example"), 0);
    resolver_cancel(&w.query);
    finish();
}

static void test_configuration(void)
{
    loop = loop_new();
    CHECK(!resolver_new_with(loop, &(struct resolver_options){.servers = "not an address"}));
    resolver = resolver_new(loop);
    CHECK(resolver);
    resolver_free(resolver);
    resolver_free(NULL);
    loop_free(loop);
}

int main(void)
{
    log_init("test", LOG_ERROR);
    RUN(test_waits_once);
    RUN(test_several_waiters_one_question);
    RUN(test_cancelled_in_a_callback);
    RUN(test_never_on_the_network);
    RUN(test_hosts_file);
    RUN(test_refresh_follows_a_change);
    RUN(test_time_to_live_bounds);
    RUN(test_failed_refresh_keeps_what_there_was);
    RUN(test_no_such_name);
    RUN(test_name_without_addresses);
    RUN(test_asking_again_in_the_callback);
    RUN(test_silence_blocks_nobody_else);
    RUN(test_in_turn);
    RUN(test_all_failed_asks_again);
    RUN(test_failure_outlives_a_refresh);
    RUN(test_the_other_family_comes_last);
    RUN(test_bounded);
    RUN(test_unused_names_are_forgotten);
    RUN(test_configuration);
    return test_end();
}

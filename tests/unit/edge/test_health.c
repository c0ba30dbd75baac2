#include "edge/health.h"

#include "edge/edge.h"
#include "net/listener.h"
#include "unit/test.h"

#include <poll.h>
#include <unistd.h>

/*
 * Active health checks over policies that switch them on and off. The endpoint is a listening
 * socket of this process, which is answered from the test between two turns of the loop.
 */

enum { HOUR_MS = 3600 * 1000, TURN_MS = 5, TURNS = 100 };

static struct edge edge;
static struct registry *registry;
static int listen_fd;
static uint16_t port;

static void on_retire(void *ctx, uint64_t origin_id)
{
    (void)ctx;
    (void)origin_id;
}

static void begin(void)
{
    struct net_address address;

    CHECK(net_address_from_ip(STR("127.0.0.1"), 0, &address) == 0);
    CHECK(listen_on(&address, LISTEN_ALONE, &listen_fd) == 0);
    CHECK(net_address_of_socket(listen_fd, &address) == 0);
    port = net_address_port(&address);
    memset(&edge, 0, sizeof(edge));
    edge.loop = loop_new();
    edge.publisher = publisher_new(1);
    edge.health = health_new(&edge);
    registry = registry_new(edge.publisher, on_retire, NULL);
}

static void end(void)
{
    health_free(edge.health);
    registry_free(registry);
    publisher_free(edge.publisher);
    loop_free(edge.loop);
    close(listen_fd);
}

static void put_in_force(struct catalog *c)
{
    registry_attach(registry, c, NULL);
    registry_retire(registry, c, publisher_publish(edge.publisher, c));
    health_refresh(edge.health);
}

/* A policy with one endpoint, the same in all of them, comes into force. */
static struct endpoint_state *publish(uint64_t revision, int64_t interval_ms)
{
    struct catalog *c = catalog_new();

    c->revision = revision;
    c->regions = region_builder_finish(region_builder_new());
    c->settings.health_interval_ms = interval_ms;
    c->settings.health_timeout_ms = HOUR_MS;
    c->settings.health_path = STR("/health");
    c->endpoints = arena_zalloc(&c->arena, sizeof(*c->endpoints));
    c->endpoints[0] = (struct catalog_endpoint){
        .id = STR("e0"), .origin_revision = 1, .host = STR("127.0.0.1"), .port = port};
    c->n_endpoints = 1;
    put_in_force(c);
    return worker_states(c)[0];
}

static bool is_readable(int fd)
{
    return poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0) > 0;
}

/* The connection of the next check, its request read. */
static int take_check(void)
{
    char request[1024];

    while (!is_readable(listen_fd))
        loop_turn(edge.loop, TURN_MS);
    int fd = accept(listen_fd, NULL, NULL);
    CHECK(fd >= 0);
    while (!is_readable(fd))
        loop_turn(edge.loop, TURN_MS);
    CHECK(read(fd, request, sizeof(request)) > 0);
    return fd;
}

static void answer(int fd, const char *status)
{
    char text[128];
    int n = snprintf(text, sizeof(text), "HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n", status);

    CHECK(write(fd, text, (size_t)n) == n);
}

/* Until the gateway has let go of the connection: the check is over. */
static void wait_for_end(int fd)
{
    while (!is_readable(fd))
        loop_turn(edge.loop, TURN_MS);
    loop_turn(edge.loop, 0);
    close(fd);
}

static void check_once(const char *status)
{
    int fd = take_check();

    answer(fd, status);
    wait_for_end(fd);
}

static void test_a_check_says_whether_an_endpoint_is_well(void)
{
    begin();
    struct endpoint_state *s = publish(1, 1);

    check_once("503 Busy");
    CHECK_INT(s->check_failed, 1);
    check_once("404 Not Found");
    CHECK_INT(s->check_failed, 0);
    end();
}

static void test_without_an_interval_nothing_is_checked(void)
{
    begin();
    publish(1, 0);
    for (int i = 0; i < TURNS; i++)
        loop_turn(edge.loop, 0);
    CHECK(!is_readable(listen_fd));
    end();
}

/* No later check could say that it is well again. */
static void test_switched_off_checks_are_forgotten(void)
{
    begin();
    struct endpoint_state *s = publish(1, HOUR_MS);

    check_once("500 Broken");
    CHECK_INT(s->check_failed, 1);
    CHECK(publish(2, 0) == s);
    CHECK_INT(s->check_failed, 0);
    end();
}

static void test_a_check_that_outlasts_its_policy_says_nothing(void)
{
    begin();
    struct endpoint_state *s = publish(1, HOUR_MS);
    int fd = take_check();

    CHECK(publish(2, 0) == s);
    answer(fd, "500 Broken");
    wait_for_end(fd);
    CHECK_INT(s->check_failed, 0);
    end();
}

/* However often policy changes, an endpoint is asked once in an interval. */
static void test_a_policy_with_the_same_interval_begins_no_round(void)
{
    begin();
    publish(1, HOUR_MS);
    check_once("200 OK");
    for (uint64_t revision = 2; revision < 10; revision++) {
        publish(revision, HOUR_MS);
        for (int i = 0; i < TURNS; i++)
            loop_turn(edge.loop, 0);
        CHECK(!is_readable(listen_fd));
    }
    publish(10, HOUR_MS - 1);
    check_once("200 OK");
    end();
}

/* --- regions to be learnt */

/* One with `n` endpoints, all of which stand nobody knows where. */
static void publish_pending(uint64_t revision, size_t n)
{
    struct catalog *c = catalog_new();

    c->revision = revision;
    c->regions = region_builder_finish(region_builder_new());
    c->endpoints = arena_zalloc(&c->arena, n * sizeof(*c->endpoints));
    for (size_t i = 0; i < n; i++)
        c->endpoints[i] = (struct catalog_endpoint){.id = STR("e"),
                                                    .origin_revision = i + 1,
                                                    .provider = PROVIDER_AZURE,
                                                    .state = ENDPOINT_REGION_PENDING,
                                                    .host = STR("127.0.0.1"),
                                                    .port = port};
    c->n_endpoints = n;
    put_in_force(c);
}

static void check_nobody_is_asked(void)
{
    for (int i = 0; i < TURNS; i++)
        loop_turn(edge.loop, 0);
    CHECK(!is_readable(listen_fd));
}

/* A question under way goes on, and the next one waits its time. */
static void test_policies_ask_nobody_for_a_region_again(void)
{
    uint64_t revision = 1;

    begin();
    publish_pending(revision, 1);
    int fd = take_check();
    while (revision < 10) {
        publish_pending(++revision, 1);
        check_nobody_is_asked();
    }
    answer(fd, "200 OK");
    wait_for_end(fd);
    publish_pending(++revision, 1);
    check_nobody_is_asked();
    end();
}

static void test_who_is_new_is_asked_for_its_region_at_once(void)
{
    begin();
    publish_pending(1, 1);
    int first = take_check();
    publish_pending(2, 2);
    int second = take_check();
    check_nobody_is_asked();
    close(first);
    close(second);
    end();
}

int main(void)
{
    RUN(test_a_check_says_whether_an_endpoint_is_well);
    RUN(test_without_an_interval_nothing_is_checked);
    RUN(test_switched_off_checks_are_forgotten);
    RUN(test_a_check_that_outlasts_its_policy_says_nothing);
    RUN(test_a_policy_with_the_same_interval_begins_no_round);
    RUN(test_policies_ask_nobody_for_a_region_again);
    RUN(test_who_is_new_is_asked_for_its_region_at_once);
    return test_end();
}

/* A rule that is tightened binds what runs: outside it is cut, inside it goes on. */

#include "model_hosts.h"

#include "base/mem.h"
#include "unit/test.h"

#include <unistd.h>

static struct model_hosts *g;

static bool has(str text, const char *part)
{
    return str_search(text, str_of(part)) < text.n;
}

/* Begins an answer, and ends it when the gate opens. Notes 1 once it has begun, 2 where the gateway
 * left first. */
static bool answer_in_parts(struct replica *r, int fd)
{
    if (!replica_read_request(r, fd))
        return false;
    replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 10\r\n\r\nfirst");
    atomic_store(&r->noted, 1);
    while (!atomic_load(&r->gate))
        if (replica_is_left(fd)) {
            atomic_store(&r->noted, 2);
            return false;
        }
    replica_say(fd, "-last");
    return false;
}

static bool answer_late(struct replica *r, int fd)
{
    if (!replica_read_request(r, fd))
        return false;
    atomic_store(&r->noted, 1);
    while (!atomic_load(&r->gate))
        if (replica_is_left(fd)) {
            atomic_store(&r->noted, 2);
            return false;
        }
    replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\nlate");
    return false;
}

static int open_request(const char *host, const char *path)
{
    int fd = client_open(g);
    struct buf request;

    buf_init(&request, 0);
    buf_printf(&request,
               "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer k-all\r\n"
               "Connection: close\r\nContent-Length: 1\r\n\r\nx",
               path, host);
    client_send(fd, buf_str(&request));
    buf_deinit(&request);
    return fd;
}

static void publish(const char *eu_rule)
{
    struct policy p = policy_default();

    p.eu_rule = eu_rule;
    model_hosts_publish(g, &p);
}

static void check_is_cut(const char *path)
{
    struct replica *r = model_hosts_replica(g, 2);

    replica_set(r, answer_in_parts);
    int fd = open_request("model-abc.d.test", path);
    CHECK(has(client_read_until(g, fd, "first"), "first"));
    publish("allow=de");
    WAIT_FOR(atomic_load(&r->noted) == 2);
    CHECK(!has(client_read_all(g, fd), "last"));
    replica_set(r, NULL);
    publish("allow=eu");
}

static void test_an_answer_outside_is_cut(void)
{
    check_is_cut("/environments/eu/predict");
}

static void test_so_is_one_of_the_deployment_by_its_id(void)
{
    check_is_cut("/deployment/euro1/predict");
}

static void check_goes_on(const char *path, size_t replica, const char *eu_rule)
{
    struct replica *r = model_hosts_replica(g, replica);

    replica_set(r, answer_in_parts);
    int fd = open_request("model-abc.d.test", path);
    CHECK(has(client_read_until(g, fd, "first"), "first"));
    publish(eu_rule);
    CHECK_INT(atomic_load(&r->noted), 1);
    atomic_store(&r->gate, 1);
    CHECK(has(client_read_all(g, fd), "-last"));
    replica_set(r, NULL);
    publish("allow=eu");
}

static void test_what_stays_inside_goes_on(void)
{
    check_goes_on("/environments/eu/predict", 2, "allow=eu");
    check_goes_on("/environments/eu/predict", 2, "allow=fr");
    check_goes_on("/environments/eu/predict", 2, NULL);
    check_goes_on("/production/predict", 0, "allow=de");
    check_goes_on("/deployment/alone1/predict", 4, "allow=de");
}

/* The replica stays inside, the gateway does not: a regional host promises both. */
static void test_a_gateway_that_is_outside_now_ends_regional_answers(void)
{
    struct replica *r = model_hosts_replica(g, 2);

    replica_set(r, answer_in_parts);
    int fd = open_request("model-abc-eu.d.test", "/predict");
    CHECK(has(client_read_until(g, fd, "first"), "first"));
    publish("allow=fr;transit=de");
    CHECK_INT(atomic_load(&r->noted), 1);
    publish("allow=fr");
    WAIT_FOR(atomic_load(&r->noted) == 2);
    CHECK(!has(client_read_all(g, fd), "last"));
    replica_set(r, NULL);
    publish("allow=eu");
}

static void test_without_an_answer_yet_it_is_refused_by_the_rule(void)
{
    struct replica *r = model_hosts_replica(g, 2);

    replica_set(r, answer_late);
    int fd = open_request("model-abc.d.test", "/environments/eu/predict");
    WAIT_FOR(atomic_load(&r->noted) == 1);
    publish("allow=de");
    WAIT_FOR(atomic_load(&r->noted) == 2);
    str answer = client_read_all(g, fd);
    CHECK_INT(status_of(answer), 403);
    CHECK(has(answer, "environment_group"));
    CHECK(!has(answer, "late"));
    replica_set(r, NULL);
    publish("allow=eu");
}

static void test_a_revoked_key_ends_what_it_began(void)
{
    struct replica *r = model_hosts_replica(g, 0);
    struct policy p = policy_default();

    replica_set(r, answer_in_parts);
    int fd = open_request("model-abc.d.test", "/production/predict");
    CHECK(has(client_read_until(g, fd, "first"), "first"));
    p.key_gone = true;
    model_hosts_publish(g, &p);
    WAIT_FOR(atomic_load(&r->noted) == 2);
    CHECK(!has(client_read_all(g, fd), "last"));
    replica_set(r, NULL);
    publish("allow=eu");
}

int main(void)
{
    struct policy p = policy_default();

    g = model_hosts_start(&p);
    RUN(test_an_answer_outside_is_cut);
    RUN(test_so_is_one_of_the_deployment_by_its_id);
    RUN(test_what_stays_inside_goes_on);
    RUN(test_a_gateway_that_is_outside_now_ends_regional_answers);
    RUN(test_without_an_answer_yet_it_is_refused_by_the_rule);
    RUN(test_a_revoked_key_ends_what_it_began);
    model_hosts_stop(g);
    return test_end();
}

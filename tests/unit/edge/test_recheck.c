/* A rule that is tightened binds what runs: outside it is cut, inside it goes on. */

#include "model_hosts.h"

#include "base/mem.h"
#include "edge/edge.h"
#include "edge/worker.h"
#include "http/identity.h"
#include "unit/test.h"

#include <sys/socket.h>
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

#define IDENTITY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

/* Connected, and not yet to be sent anything: proves itself when the gate opens, and answers what
 * comes then. Notes 1 once it was asked, 2 once a request has come. */
static bool prove_late(struct replica *r, int fd)
{
    char challenge[IDENTITY_CHALLENGE_BYTES], proof[IDENTITY_PROOF_BYTES];

    if (recv(fd, challenge, sizeof(challenge), MSG_WAITALL) != sizeof(challenge) ||
        identity_answer(STR(IDENTITY), str_make(challenge, sizeof(challenge)), proof) !=
            IDENTITY_DONE)
        return false;
    if (atomic_load(&r->noted) == 0)
        atomic_store(&r->noted, 1);
    replica_wait_gate(r);
    client_send(fd, str_make(proof, sizeof(proof)));
    if (!replica_read_request(r, fd))
        return false;
    atomic_store(&r->noted, 2);
    replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
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

static void check_key_ends_what_it_began(const struct policy *p)
{
    struct replica *r = model_hosts_replica(g, 0);

    replica_set(r, answer_in_parts);
    int fd = open_request("model-abc.d.test", "/production/predict");
    CHECK(has(client_read_until(g, fd, "first"), "first"));
    model_hosts_publish(g, p);
    WAIT_FOR(atomic_load(&r->noted) == 2);
    CHECK(!has(client_read_all(g, fd), "last"));
    replica_set(r, NULL);
    publish("allow=eu");
}

static void test_a_key_that_ends_or_is_narrowed_ends_what_it_began(void)
{
    struct policy gone = policy_default(), expired = policy_default(), narrowed = policy_default();

    gone.key_gone = true;
    check_key_ends_what_it_began(&gone);
    expired.key_expires_wall_ns = 1;
    check_key_ends_what_it_began(&expired);
    narrowed.key_narrowed = true;
    check_key_ends_what_it_began(&narrowed);
}

static bool say_503(struct replica *r, int fd)
{
    if (replica_read_request(r, fd))
        replica_say(fd, "HTTP/1.1 503 Busy\r\nConnection: close\r\nContent-Length: 4\r\n\r\nbusy");
    return false;
}

/* It waits for a better one, which does not come. */
static void test_an_answer_that_is_kept_is_not_given_any_more(void)
{
    struct replica *second = model_hosts_replica(g, 1);

    model_hosts_bind_customer(g, RULE_EU);
    replica_set(model_hosts_replica(g, 0), say_503);
    replica_set(second, answer_late);
    int fd = client_open(g);
    client_send(fd, STR("POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
                        "Authorization: Bearer k-all\r\nx-litellm-customer-id: acme\r\n"
                        "Connection: close\r\nContent-Length: 1\r\n\r\nx"));
    WAIT_FOR(atomic_load(&second->noted) == 1);
    model_hosts_bind_customer(g, RULE_US);
    str answer = client_read_all(g, fd);
    CHECK_INT(status_of(answer), 403);
    CHECK(!has(answer, "busy"));
    replica_set(model_hosts_replica(g, 0), NULL);
    replica_set(second, NULL);
}

/* No content was there when what runs was judged: it is judged before any is sent. */
static void check_connecting(uint32_t rule, unsigned status)
{
    struct replica *r = model_hosts_replica(g, 4);
    struct policy p = policy_default();

    p.identity = IDENTITY;
    p.revive = rule + 1;
    model_hosts_publish(g, &p);
    model_hosts_bind_customer(g, RULE_EU);
    replica_set(r, prove_late);
    int fd = client_open(g);
    client_send(fd, STR("POST /deployment/alone1/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
                        "Authorization: Bearer k-all\r\nx-litellm-customer-id: acme\r\n"
                        "Connection: close\r\nContent-Length: 1\r\n\r\nx"));
    WAIT_FOR(atomic_load(&r->noted) == 1);
    model_hosts_bind_customer(g, rule);
    atomic_store(&r->gate, 1);
    CHECK_INT(status_of(client_read_all(g, fd)), status);
    CHECK_INT(atomic_load(&r->noted), status == 200 ? 2 : 1);
    replica_set(r, NULL);
}

static void test_a_customers_rule_binds_what_still_connects(void)
{
    check_connecting(RULE_US, 403);
    check_connecting(RULE_EU, 200);
    publish("allow=eu");
}

/* The only replica has been sent nothing under the old policy: it may be chosen under the new one.
 */
static void test_what_connects_while_the_policy_changes_is_tried_again(void)
{
    struct replica *r = model_hosts_replica(g, 4);
    struct policy p = policy_default();

    p.identity = IDENTITY;
    p.revive = RULES + 1;
    model_hosts_publish(g, &p);
    replica_set(r, prove_late);
    int fd = open_request("model-abc.d.test", "/deployment/alone1/predict");
    WAIT_FOR(atomic_load(&r->noted) == 1);
    model_hosts_publish(g, &p);
    atomic_store(&r->gate, 1);
    str answer = client_read_all(g, fd);
    CHECK_INT(status_of(answer), 200);
    CHECK(has(answer, "\r\nX-BASETEN-MODEL-PREDICTION-ATTEMPTS: 2\r\n"));
    replica_set(r, NULL);
    publish("allow=eu");
}

/* What is acknowledged after a worker has passed has ended what it forbids. */
static void test_a_worker_passes_what_it_has_judged(void)
{
    struct edge edge = {.publisher = publisher_new(1)};
    struct worker w = {.edge = &edge, .reader = publisher_reader(edge.publisher, 0)};

    uint64_t epoch = publisher_publish(edge.publisher, catalog_new());
    atomic_store(&edge.policy_count, 1); /* being made */
    w.judged_count = 1;
    worker_pass(&w);
    CHECK(!publisher_passed(edge.publisher, epoch));
    atomic_store(&edge.policy_count, 2); /* made, and not looked at yet */
    worker_pass(&w);
    CHECK(!publisher_passed(edge.publisher, epoch));
    w.judged_count = 2;
    worker_pass(&w);
    CHECK(publisher_passed(edge.publisher, epoch));
    publisher_free(edge.publisher);
}

int main(void)
{
    struct policy p = policy_default();

    g = model_hosts_start(&p);
    RUN(test_what_connects_while_the_policy_changes_is_tried_again);
    RUN(test_an_answer_outside_is_cut);
    RUN(test_so_is_one_of_the_deployment_by_its_id);
    RUN(test_what_stays_inside_goes_on);
    RUN(test_a_gateway_that_is_outside_now_ends_regional_answers);
    RUN(test_without_an_answer_yet_it_is_refused_by_the_rule);
    RUN(test_a_key_that_ends_or_is_narrowed_ends_what_it_began);
    RUN(test_an_answer_that_is_kept_is_not_given_any_more);
    RUN(test_a_customers_rule_binds_what_still_connects);
    RUN(test_a_worker_passes_what_it_has_judged);
    model_hosts_stop(g);
    return test_end();
}

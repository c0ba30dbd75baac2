/* Requests that wait for a replica: what wakes it, what lets them go on, and what ends their
 * waiting. */

#include "control.h"
#include "model_hosts.h"

#include "base/mem.h"
#include "unit/test.h"

#include <unistd.h>

static struct model_hosts *g;

static bool has(str text, const char *part)
{
    return str_search(text, str_of(part)) < text.n;
}

static struct control *control(void)
{
    return model_hosts_control(g);
}

static int open_request(const char *environment, const char *body)
{
    int fd = client_open(g);
    struct buf request;

    buf_init(&request, 0);
    buf_printf(&request,
               "POST /environments/%s/predict HTTP/1.1\r\nHost: model-abc.d.test\r\nAuthorization: "
               "Bearer k-all\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
               environment, strlen(body), body);
    client_send(fd, buf_str(&request));
    buf_deinit(&request);
    return fd;
}

/* Every test begins with nobody awake. */
static void publish_default(void)
{
    struct policy p = policy_default();

    model_hosts_publish(g, &p);
}

static void publish_awake(void)
{
    struct policy p = policy_default();

    p.awake = true;
    model_hosts_publish(g, &p);
}

static void check_goes_on(const char *environment, const char *deployment)
{
    unsigned wakes = control_wakes(control(), deployment);
    int fd = open_request(environment, "the body");

    WAIT_FOR(control_wakes(control(), deployment) > wakes);
    CHECK_INT(atomic_load(&model_hosts_replica(g, 1)->noted), 0);
    publish_default(); /* news that do not help */
    publish_awake();
    str answer = client_read_all(g, fd);
    CHECK_INT(status_of(answer), 200);
    CHECK(has(answer, "\r\nx-ambit-held-ms: "));
    CHECK(has(replica_seen(model_hosts_replica(g, 1)), "\r\n\r\nthe body"));
    replica_set(model_hosts_replica(g, 1), NULL);
    publish_default();
}

static void test_a_request_wakes_what_sleeps_and_goes_on(void)
{
    replica_set(model_hosts_replica(g, 1), NULL);
    check_goes_on("lazy", "lazy1");
}

static void test_a_deployment_without_endpoints_is_waited_for_as_well(void)
{
    check_goes_on("bare", "bare1");
}

static void test_waiting_is_told_every_second_until_it_is_over(void)
{
    unsigned times = control_said(control(), "lazy1").times;
    unsigned wakes = control_wakes(control(), "lazy1");
    int fd = open_request("lazy", "x");

    WAIT_FOR(control_said(control(), "lazy1").times > times &&
             control_said(control(), "lazy1").held == 1);
    CHECK_INT(control_said(control(), "lazy1").in_flight, 0);
    WAIT_FOR(control_wakes(control(), "lazy1") >= wakes + 2);
    close(fd);
    WAIT_FOR(control_said(control(), "lazy1").held == 0);
}

static bool wait_with_answer(struct replica *r, int fd)
{
    if (!replica_read_request(r, fd))
        return false;
    replica_wait_gate(r);
    replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    return false;
}

static void test_requests_under_way_are_told(void)
{
    struct replica *r = model_hosts_replica(g, 2);
    uint64_t begun = control_said(control(), "euro1").begun;

    replica_set(r, wait_with_answer);
    int one = open_request("eu", "x"), two = open_request("eu", "y");
    WAIT_FOR(control_said(control(), "euro1").in_flight == 2);
    CHECK_INT(control_said(control(), "euro1").begun, begun + 2);
    atomic_store(&r->gate, 1);
    CHECK_INT(status_of(client_read_all(g, one)), 200);
    CHECK_INT(status_of(client_read_all(g, two)), 200);
    WAIT_FOR(control_said(control(), "euro1").in_flight == 0);
    CHECK_INT(control_said(control(), "euro1").begun, begun + 2);
    replica_set(r, NULL);
}

static void test_wake_answers_at_once(void)
{
    unsigned wakes = control_wakes(control(), "lazy1");
    str answer = ask(g, NULL, "POST", "model-abc.d.test", "/environments/lazy/wake", "", STR_NULL);

    CHECK_INT(status_of(answer), 202);
    WAIT_FOR(control_wakes(control(), "lazy1") > wakes);
}

static void check_not_ready(str answer, const char *why)
{
    CHECK_INT(status_of(answer), 503);
    CHECK(has(answer, "\"error_code\":\"model_not_ready\""));
    CHECK(has(answer, "\r\nretry-after: 30\r\n"));
    CHECK(has(answer, why));
}

static void test_waiting_has_an_end(void)
{
    struct policy p = policy_default();

    p.hold_ms = 20;
    model_hosts_publish(g, &p);
    check_not_ready(client_read_all(g, open_request("lazy", "x")), "timers.hold");
    publish_default();
}

static bool die_at_gate(struct replica *r, int fd)
{
    if (replica_read_request(r, fd)) {
        atomic_store(&r->noted, 1);
        replica_wait_gate(r);
    }
    return false;
}

/* It had a replica meanwhile: what counts is all of its waiting. */
static void test_so_has_waiting_again(void)
{
    struct replica *r = model_hosts_replica(g, 1);
    struct policy p = policy_default();
    int fd = open_request("lazy", "x");

    replica_set(r, die_at_gate);
    WAIT_FOR(control_said(control(), "lazy1").held == 1);
    publish_awake();
    WAIT_FOR(atomic_load(&r->noted) == 1);
    p.hold_ms = 1;
    model_hosts_publish(g, &p);
    atomic_store(&r->gate, 1);
    check_not_ready(client_read_all(g, fd), "timers.hold");
    replica_set(r, NULL);
    publish_default();
}

static void test_so_many_wait_and_no_more(void)
{
    struct policy p = policy_default();

    p.held_requests = 1;
    model_hosts_publish(g, &p);
    int first = open_request("lazy", "x");
    WAIT_FOR(control_said(control(), "lazy1").held == 1);
    check_not_ready(client_read_all(g, open_request("bare", "x")), "limits.held_requests");
    p.awake = true;
    model_hosts_publish(g, &p);
    CHECK_INT(status_of(client_read_all(g, first)), 200);
    publish_default();
}

static void test_so_much_waits_and_no_more(void)
{
    struct policy p = policy_default();

    p.held_bytes = 10;
    model_hosts_publish(g, &p);
    int first = open_request("lazy", "eight by");
    WAIT_FOR(control_said(control(), "lazy1").held == 1);
    check_not_ready(client_read_all(g, open_request("lazy", "three")), "limits.held_bytes");
    close(first);
    WAIT_FOR(control_said(control(), "lazy1").held == 0);
    /* What left has given its share back. */
    int second = open_request("lazy", "ten bytes.");
    WAIT_FOR(control_said(control(), "lazy1").held == 1);
    p.awake = true;
    model_hosts_publish(g, &p);
    CHECK_INT(status_of(client_read_all(g, second)), 200);
    publish_default();
}

/* What waits for one deployment leaves room for those who wait for another. */
static void check_share(struct policy *p, const char *why)
{
    model_hosts_publish(g, p);
    int first = open_request("lazy", "eight by");
    WAIT_FOR(control_said(control(), "lazy1").held == 1);
    check_not_ready(client_read_all(g, open_request("lazy", "three")), why);
    int other = open_request("bare", "eight by");
    WAIT_FOR(control_said(control(), "bare1").held == 1);
    close(first);
    WAIT_FOR(control_said(control(), "lazy1").held == 0);
    /* What left has given its share back. */
    int second = open_request("lazy", "eight by");
    WAIT_FOR(control_said(control(), "lazy1").held == 1);
    p->awake = true;
    model_hosts_publish(g, p);
    CHECK_INT(status_of(client_read_all(g, other)), 200);
    CHECK_INT(status_of(client_read_all(g, second)), 200);
    publish_default();
}

static void test_so_many_wait_for_one_deployment_and_no_more(void)
{
    struct policy p = policy_default();

    p.held_requests_per_deployment = 1;
    check_share(&p, "limits.held_requests_per_deployment");
}

static void test_so_much_waits_for_one_deployment_and_no_more(void)
{
    struct policy p = policy_default();

    p.held_bytes_per_deployment = 10;
    check_share(&p, "limits.held_bytes_per_deployment");
}

static void test_a_revoked_key_waits_for_nothing(void)
{
    struct policy p = policy_default();
    unsigned wakes = control_wakes(control(), "lazy1");
    int fd = open_request("lazy", "x");

    WAIT_FOR(control_wakes(control(), "lazy1") > wakes || control_said(control(), "lazy1").held);
    p.key_gone = true;
    p.awake = true;
    replica_set(model_hosts_replica(g, 1), NULL);
    model_hosts_publish(g, &p);
    CHECK_INT(status_of(client_read_all(g, fd)), 401);
    CHECK_INT(atomic_load(&model_hosts_replica(g, 1)->noted), 0);
    publish_default();
}

int main(void)
{
    struct policy p = policy_default();

    g = model_hosts_start(&p);
    RUN(test_a_request_wakes_what_sleeps_and_goes_on);
    RUN(test_a_deployment_without_endpoints_is_waited_for_as_well);
    RUN(test_waiting_is_told_every_second_until_it_is_over);
    RUN(test_requests_under_way_are_told);
    RUN(test_wake_answers_at_once);
    RUN(test_waiting_has_an_end);
    RUN(test_so_has_waiting_again);
    RUN(test_so_many_wait_and_no_more);
    RUN(test_so_much_waits_and_no_more);
    RUN(test_so_many_wait_for_one_deployment_and_no_more);
    RUN(test_so_much_waits_for_one_deployment_and_no_more);
    RUN(test_a_revoked_key_waits_for_nothing);
    model_hosts_stop(g);
    return test_end();
}

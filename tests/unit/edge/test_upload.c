/* Bodies that pass while they are read: whole, in order, within bounded memory, and to another
 * replica only while nothing of them is lost. */

#include "control.h"
#include "model_hosts.h"

#include "base/mem.h"
#include "unit/test.h"

#include <unistd.h>

static struct model_hosts *g;
static struct buf big; /* 3 MiB that repeat nowhere near */

enum { BIG_BYTES = 3 << 20, SMALL_BYTES = 200 << 10 };

static bool has(str text, const char *part)
{
    return str_search(text, str_of(part)) < text.n;
}

static str part_of_big(size_t n)
{
    return str_upto(buf_str(&big), n);
}

static str body_of(str message)
{
    return str_from(message, str_search(message, STR("\r\n\r\n")) + 4);
}

static str predict(size_t bytes)
{
    return ask(g, NULL, "POST", "model-abc.d.test", "/production/predict", "", part_of_big(bytes));
}

/* --- replicas */

/* Reads nothing until the gate opens. */
static bool answer_after_gate(struct replica *r, int fd)
{
    atomic_store(&r->noted, 1);
    replica_wait_gate(r);
    if (replica_read_request(r, fd))
        replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    return false;
}

/* Reads as much as a client can send of a body that is to be kept, then dies. */
static bool die_in_body(struct replica *r, int fd)
{
    size_t rest = SMALL_BYTES;
    char bytes[4096];

    atomic_fetch_add(&r->noted, 1);
    for (size_t n; rest > sizeof(bytes) && (n = replica_read(fd, bytes, sizeof(bytes)));)
        rest -= n;
    return false;
}

static bool die_after_head(struct replica *r, int fd)
{
    replica_read_head(r, fd);
    atomic_fetch_add(&r->noted, 1);
    return false;
}

static bool say_503(struct replica *r, int fd)
{
    if (!replica_read_request(r, fd))
        return false;
    atomic_fetch_add(&r->noted, 1);
    replica_say(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    return true;
}

static bool say_503_to_the_head(struct replica *r, int fd)
{
    atomic_fetch_add(&r->noted, 1);
    replica_say(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy");
    while (replica_read(fd, (char[4096]){0}, 4096))
        continue;
    return false;
}

static bool begin_503_to_the_head(struct replica *r, int fd)
{
    replica_say(fd, "HTTP/1.1 503 Busy\r\nContent-Length: 8\r\n\r\nbusy");
    replica_wait_gate(r);
    replica_say(fd, "-end");
    return false;
}

/* Answers the head at once, then sends each byte back as it comes. */
static bool echo_body(struct replica *r, int fd)
{
    char bytes[4096];

    if (!replica_read_head(r, fd))
        return false;
    replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    str rest = body_of(replica_seen(r));
    ssize_t sent = rest.n ? write(fd, rest.p, rest.n) : 0;
    (void)sent;
    for (size_t n; (n = replica_read(fd, bytes, sizeof(bytes)));) {
        sent = write(fd, bytes, n);
        if (memchr(bytes, '.', n))
            break;
    }
    return false;
}

/* The answer goes on until the gate opens. */
static bool answer_for_long(struct replica *r, int fd)
{
    if (!replica_read_request(r, fd))
        return false;
    replica_say(fd, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nfirst");
    replica_wait_gate(r);
    replica_say(fd, "-last");
    return false;
}

static bool refuse_early(struct replica *r, int fd)
{
    if (!replica_read_head(r, fd))
        return false;
    replica_say(fd, "HTTP/1.1 400 No\r\nContent-Length: 5\r\nConnection: close\r\n\r\nearly");
    replica_wait_gate(r);
    return false;
}

/* Notes that the connection broke before the body was whole. */
static bool note_cut(struct replica *r, int fd)
{
    replica_read_head(r, fd);
    atomic_store(&r->noted, 1);
    while (replica_read(fd, (char[4096]){0}, 4096))
        continue;
    atomic_store(&r->noted, 2);
    return false;
}

static void fill_big(void)
{
    buf_init(&big, 0);
    for (uint32_t i = 0; big.n < BIG_BYTES; i++)
        buf_put(&big, &(uint32_t){i * 2654435761u}, sizeof(i));
}

static void reset_replicas(void)
{
    for (size_t i = 0; i < REPLICAS; i++)
        replica_set(model_hosts_replica(g, i), NULL);
}

/* --- */

static void test_a_body_beyond_what_is_kept_arrives_whole(void)
{
    str answer = predict(BIG_BYTES);

    CHECK_INT(status_of(answer), 200);
    CHECK(str_eq(body_of(replica_seen(model_hosts_replica(g, 0))), buf_str(&big)));
    CHECK(has(replica_seen(model_hosts_replica(g, 0)), "Content-Length: 3145728\r\n"));
}

static void test_a_slow_replica_holds_the_client_back(void)
{
    struct replica *r = model_hosts_replica(g, 0);
    struct buf request;

    replica_set(r, answer_after_gate);
    int fd = client_open(g);
    buf_init(&request, 0);
    buf_printf(&request,
               "POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\nAuthorization: "
               "Bearer k-all\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
               BIG_BYTES);
    client_send(fd, buf_str(&request));
    buf_deinit(&request);
    /* Nothing reads: only what buffers hold can leave. */
    size_t sent = client_send_some(fd, buf_str(&big));
    WAIT_FOR(atomic_load(&r->noted) == 1);
    atomic_store(&r->gate, 1);
    client_send(fd, str_from(buf_str(&big), sent));
    str answer = client_read_all(g, fd);
    CHECK_INT(status_of(answer), 200);
    CHECK(str_eq(body_of(replica_seen(r)), buf_str(&big)));
    reset_replicas();
}

/* What is kept and a window are in memory, and nothing else of it. */
static void test_a_body_that_waits_for_a_replica_is_held_back_as_well(void)
{
    struct policy p = policy_default();
    struct buf request;

    p.buffered_bytes = 1 << 20;
    model_hosts_publish(g, &p);
    int fd = client_open(g);
    buf_init(&request, 0);
    buf_printf(&request,
               "POST /environments/lazy/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
               "Authorization: Bearer k-all\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
               BIG_BYTES);
    client_send(fd, buf_str(&request));
    buf_deinit(&request);
    size_t sent = client_send_some(fd, buf_str(&big));
    WAIT_FOR(control_said(model_hosts_control(g), "lazy1").held == 1);
    p.awake = true;
    model_hosts_publish(g, &p);
    client_send(fd, str_from(buf_str(&big), sent));
    CHECK_INT(status_of(client_read_all(g, fd)), 200);
    CHECK(str_eq(body_of(replica_seen(model_hosts_replica(g, 1))), buf_str(&big)));
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_chunks_pass_as_chunks(void)
{
    int fd = client_open(g);

    replica_set(model_hosts_replica(g, 0), echo_body);
    client_send(fd, STR("POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
                        "Authorization: Bearer k-all\r\nConnection: close\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n"));
    str answer = client_read_until(g, fd, "abcd");
    CHECK(has(answer, "abcd"));
    CHECK(has(replica_seen(model_hosts_replica(g, 0)), "Transfer-Encoding: chunked\r\n"));
    client_send(fd, STR("2\r\ne.\r\n0\r\n\r\n"));
    answer = client_read_all(g, fd);
    CHECK(has(answer, "e."));
    reset_replicas();
}

static void test_an_answer_may_begin_before_the_body_has_ended(void)
{
    struct replica *r = model_hosts_replica(g, 0);
    int fd = client_open(g);

    replica_set(r, echo_body);
    client_send(fd, STR("POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
                        "Authorization: Bearer k-all\r\nConnection: close\r\n"
                        "Content-Length: 12\r\n\r\n"));
    str answer = client_read_until(g, fd, "\r\n\r\n");
    CHECK_INT(status_of(answer), 200);
    client_send(fd, STR("one--"));
    CHECK(has(client_read_until(g, fd, "one--"), "one--"));
    client_send(fd, STR("two--"));
    CHECK(has(client_read_until(g, fd, "two--"), "two--"));
    client_send(fd, STR("3."));
    CHECK(has(client_read_all(g, fd), "3."));
    reset_replicas();
}

static void test_a_small_body_is_sent_again_elsewhere(void)
{
    static const serve_fn failing[] = {die_after_head, die_in_body, say_503, say_503_to_the_head};

    for (size_t i = 0; i < COUNT_OF(failing); i++) {
        struct policy p = policy_default();

        replica_set(model_hosts_replica(g, 0), failing[i]);
        replica_set(model_hosts_replica(g, 1), NULL);
        p.revive = i + 1; /* what the last round has taught about replica 0 is forgotten */
        model_hosts_publish(g, &p);
        str answer = predict(SMALL_BYTES);
        CHECK_INT(status_of(answer), 200);
        CHECK(has(answer, "\r\nX-BASETEN-MODEL-PREDICTION-ATTEMPTS: 2\r\n"));
        CHECK_INT(atomic_load(&model_hosts_replica(g, 0)->noted), 1);
        CHECK(str_eq(body_of(replica_seen(model_hosts_replica(g, 1))), part_of_big(SMALL_BYTES)));
    }
    reset_replicas();
}

static void test_a_body_that_is_lost_is_not_sent_again(void)
{
    struct policy p = policy_default();

    p.revive = 10;
    p.replay_bytes = 1000;
    model_hosts_publish(g, &p);
    replica_set(model_hosts_replica(g, 0), die_in_body);
    str answer = predict(SMALL_BYTES);
    CHECK_INT(status_of(answer), 502);
    CHECK(has(answer, "\"error_code\":\"model_unavailable\""));
    CHECK_INT(atomic_load(&model_hosts_replica(g, 1)->noted), 0);
    replica_set(model_hosts_replica(g, 0), say_503);
    answer = predict(SMALL_BYTES);
    CHECK_INT(status_of(answer), 503);
    CHECK(str_ends(answer, STR("\r\n\r\nbusy")));
    CHECK_INT(atomic_load(&model_hosts_replica(g, 1)->noted), 0);
    reset_replicas();
    p = policy_default();
    p.revive = 11;
    model_hosts_publish(g, &p);
}

/* The replica that died had read more than is kept: so the earlier refusal is the answer, and who
 * gave it, not wholly yet, is sent nothing of the rest. */
static void test_a_refusal_comes_back_when_the_body_is_lost(void)
{
    struct policy p = policy_default();
    struct buf request;

    p.revive = 20;
    p.replay_bytes = 1000;
    model_hosts_publish(g, &p);
    replica_set(model_hosts_replica(g, 0), begin_503_to_the_head);
    replica_set(model_hosts_replica(g, 1), die_in_body);
    int fd = client_open(g);
    buf_init(&request, 0);
    buf_printf(&request,
               "POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
               "Authorization: Bearer k-all\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
               2 * SMALL_BYTES);
    client_send(fd, buf_str(&request));
    client_send(fd, part_of_big(10));
    WAIT_FOR(atomic_load(&model_hosts_replica(g, 1)->noted) == 1);
    buf_deinit(&request);
    client_send(fd, str_from(part_of_big(2 * SMALL_BYTES), 10));
    str answer = client_read_until(g, fd, "busy");
    CHECK_INT(status_of(answer), 503);
    CHECK(has(answer, "\r\n\r\nbusy"));
    atomic_store(&model_hosts_replica(g, 0)->gate, 1);
    CHECK(has(client_read_until(g, fd, "-end"), "-end"));
    close(fd);
    reset_replicas();
    p = policy_default();
    p.revive = 21;
    model_hosts_publish(g, &p);
}

static void test_the_last_answer_comes_when_all_replicas_refuse(void)
{
    struct policy p = policy_default();

    replica_set(model_hosts_replica(g, 0), say_503);
    replica_set(model_hosts_replica(g, 1), say_503);
    str answer = predict(1000);
    CHECK_INT(status_of(answer), 503);
    CHECK(str_ends(answer, STR("\r\n\r\nbusy")));
    CHECK(has(answer, "ATTEMPTS: 2\r\n"));
    reset_replicas();
    p.revive = 12;
    model_hosts_publish(g, &p);
}

static void test_an_early_refusal_reaches_the_client(void)
{
    struct replica *r = model_hosts_replica(g, 0);

    replica_set(r, refuse_early);
    str answer = predict(BIG_BYTES);
    atomic_store(&r->gate, 1);
    CHECK_INT(status_of(answer), 400);
    CHECK(has(answer, "early"));
    reset_replicas();
}

static void test_a_long_answer_keeps_no_body(void)
{
    struct policy p = policy_default();
    struct replica *r = model_hosts_replica(g, 4);
    struct buf request;

    p.buffered_bytes = SMALL_BYTES + SMALL_BYTES / 2; /* room for one */
    model_hosts_publish(g, &p);
    replica_set(r, answer_for_long);
    int fd = client_open(g);
    buf_init(&request, 0);
    buf_printf(&request,
               "POST /deployment/alone1/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
               "Authorization: Bearer k-all\r\nConnection: close\r\nContent-Length: %d\r\n\r\n",
               SMALL_BYTES);
    client_send(fd, buf_str(&request));
    client_send(fd, part_of_big(SMALL_BYTES));
    buf_deinit(&request);
    CHECK(has(client_read_until(g, fd, "first"), "first"));
    CHECK_INT(status_of(predict(SMALL_BYTES)), 200);
    atomic_store(&r->gate, 1);
    CHECK(has(client_read_all(g, fd), "-last"));
    reset_replicas();
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_the_limit_holds_before_and_in_the_body(void)
{
    struct policy p = policy_default();
    struct replica *r = model_hosts_replica(g, 0);
    unsigned before = atomic_load(&r->connections) + atomic_load(&r->noted);

    p.predict_bytes = 100000;
    model_hosts_publish(g, &p);
    str answer = ask(g, NULL, "POST", "model-abc.d.test", "/production/predict",
                     "Content-Length: 100001\r\nExpect: 100-continue\r\n", STR_NULL);
    CHECK_INT(status_of(answer), 413);
    CHECK(has(answer, "limits.predict_bytes"));
    CHECK(has(answer, "\"error_code\":\"payload_too_large\""));
    CHECK_INT(atomic_load(&r->connections) + atomic_load(&r->noted), before);

    replica_set(r, note_cut);
    int fd = client_open(g);
    client_send(fd, STR("POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
                        "Authorization: Bearer k-all\r\nConnection: close\r\n"
                        "Transfer-Encoding: chunked\r\n\r\n186a0\r\n"));
    client_send(fd, part_of_big(100000));
    WAIT_FOR(atomic_load(&r->noted) == 1);
    client_send(fd, STR("\r\n1\r\nx\r\n"));
    answer = client_read_all(g, fd);
    CHECK_INT(status_of(answer), 413);
    WAIT_FOR(atomic_load(&r->noted) == 2);
    reset_replicas();
    p = policy_default();
    model_hosts_publish(g, &p);
}

static void test_continue_is_said_when_the_body_is_wanted(void)
{
    int fd = client_open(g);

    client_send(fd, STR("POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
                        "Authorization: Bearer k-all\r\nConnection: close\r\nContent-Length: 3\r\n"
                        "Expect: 100-continue\r\n\r\n"));
    CHECK(has(client_read_until(g, fd, "\r\n\r\n"), "HTTP/1.1 100 "));
    client_send(fd, STR("xyz"));
    CHECK_INT(status_of(client_read_all(g, fd)), 200);
    CHECK(has(replica_seen(model_hosts_replica(g, 0)), "\r\n\r\nxyz"));
}

static void test_a_client_that_leaves_cancels_its_upload(void)
{
    struct replica *r = model_hosts_replica(g, 0);
    int fd = client_open(g);

    replica_set(r, note_cut);
    client_send(fd, STR("POST /production/predict HTTP/1.1\r\nHost: model-abc.d.test\r\n"
                        "Authorization: Bearer k-all\r\nContent-Length: 100\r\n\r\nabc"));
    WAIT_FOR(atomic_load(&r->noted) == 1);
    close(fd);
    WAIT_FOR(atomic_load(&r->noted) == 2);
    reset_replicas();
}

int main(void)
{
    struct policy p = policy_default();

    fill_big();
    g = model_hosts_start(&p);
    RUN(test_a_body_beyond_what_is_kept_arrives_whole);
    RUN(test_a_slow_replica_holds_the_client_back);
    RUN(test_a_body_that_waits_for_a_replica_is_held_back_as_well);
    RUN(test_chunks_pass_as_chunks);
    RUN(test_an_answer_may_begin_before_the_body_has_ended);
    RUN(test_a_small_body_is_sent_again_elsewhere);
    RUN(test_a_body_that_is_lost_is_not_sent_again);
    RUN(test_a_refusal_comes_back_when_the_body_is_lost);
    RUN(test_the_last_answer_comes_when_all_replicas_refuse);
    RUN(test_an_early_refusal_reaches_the_client);
    RUN(test_a_long_answer_keeps_no_body);
    RUN(test_the_limit_holds_before_and_in_the_body);
    RUN(test_continue_is_said_when_the_body_is_wanted);
    RUN(test_a_client_that_leaves_cancels_its_upload);
    model_hosts_stop(g);
    buf_deinit(&big);
    return test_end();
}

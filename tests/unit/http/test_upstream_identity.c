#include "http/identity.h"
#include "http/upstream.h"
#include "unit/http/recorder.h"
#include "unit/test.h"

#include "base/mem.h"

#include <arpa/inet.h>

/*
 * An origin that has to prove who it is, and what somebody else on its port gets to see. The test
 * itself is the peer, as in test_upstream.c.
 */

#define IDENTITY "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
#define OTHER    "ff02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"

static const struct upstream_limits limits = {
    .head_bytes = 4096, .headers = 32, .idle_per_origin = 2, .idle_ms = 60000};

static struct loop *loop;
static struct resolver *resolver;
static struct upstream_pools *pools;
static struct upstream_origin origin;
static int listener = -1;
static struct recorder r;
static struct buf heard;

static void begin(int64_t connect_ms)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    recorder_clear(&r);
    buf_init(&heard, 0);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, n) == 0 && listen(listener, 16) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &n) == 0);
    origin = (struct upstream_origin){
        .id = 1, .host = STR("127.0.0.1"), .port = ntohs(at.sin_port), .identity = STR(IDENTITY)};
    pools = upstream_pools_new(loop, resolver, &limits);
    CHECK_INT(upstream_open(pools, &origin, connect_ms, &recorder_events, &r, &r.s),
              UPSTREAM_CONNECTING);
}

static void finish(void)
{
    if (r.s)
        recorder_release(&r);
    turn_some(loop);
    upstream_pools_free(pools);
    turn_some(loop);
    close(listener);
    recorder_clear(&r);
    buf_deinit(&heard);
}

/* The peer's end, once the challenge is there. */
static int challenged(void)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
        loop_turn(loop, 5);
    while (heard.n < IDENTITY_CHALLENGE_BYTES) {
        loop_turn(loop, 5);
        peer_read(fd, &heard);
    }
    return fd;
}

static void send_proof(int fd, str identity, size_t from, size_t to)
{
    char proof[IDENTITY_PROOF_BYTES];

    CHECK_INT(identity_answer(identity, buf_str(&heard), proof), IDENTITY_DONE);
    CHECK(send(fd, proof + from, to - from, MSG_NOSIGNAL) == (ssize_t)(to - from));
}

static void send_get(void)
{
    struct http_head head = {.method = HTTP_METHOD_GET,
                             .method_text = STR("GET"),
                             .target = STR("/v1"),
                             .authority = STR("up.example"),
                             .content_length = HTTP_LENGTH_NONE};

    stream_send_head(r.s, &head, STREAM_END);
}

#define OK_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

static void a_request_follows_the_proof(void)
{
    begin(60000);
    int fd = challenged();
    turn_some(loop);
    CHECK(!r.opened);
    CHECK_INT(heard.n, IDENTITY_CHALLENGE_BYTES);
    /* In two pieces: half a proof opens nothing. */
    send_proof(fd, STR(IDENTITY), 0, 40);
    turn_some(loop);
    CHECK(!r.opened);
    send_proof(fd, STR(IDENTITY), 40, IDENTITY_PROOF_BYTES);
    TURN_UNTIL(loop, r.opened);
    send_get();
    buf_clear(&heard);
    while (!str_ends(buf_str(&heard), STR("\r\n\r\n"))) {
        loop_turn(loop, 5);
        peer_read(fd, &heard);
    }
    CHECK(str_starts(buf_str(&heard), STR("GET /v1 HTTP/1.1\r\n")));
    peer_send(fd, OK_5);
    TURN_UNTIL(loop, r.ended);
    CHECK_STR(buf_str(&r.log), "open,head 200 more,end");
    CHECK_STR(buf_str(&r.body), "hello");
    close(fd);
    finish();
}

static void a_proven_connection_is_leased_again_without_another_proof(void)
{
    begin(60000);
    int fd = challenged();
    send_proof(fd, STR(IDENTITY), 0, IDENTITY_PROOF_BYTES);
    TURN_UNTIL(loop, r.opened);
    send_get();
    peer_send(fd, OK_5);
    TURN_UNTIL(loop, r.ended);
    recorder_release(&r);
    turn_some(loop);
    CHECK_INT(upstream_open(pools, &origin, 60000, &recorder_events, &r, &r.s), UPSTREAM_READY);
    close(fd);
    finish();
}

/* A wrong answer of any kind: the stream is reset, and the peer has seen the challenge, no more. */
static void fails_after(int fd)
{
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset connect failed unprocessed");
    CHECK_INT(r.s->bytes_sent, 0);
    while (peer_read(fd, &heard))
        loop_turn(loop, 5);
    CHECK_INT(heard.n, IDENTITY_CHALLENGE_BYTES);
    close(fd);
    finish();
}

static void who_proves_another_identity_gets_nothing(void)
{
    begin(60000);
    int fd = challenged();
    send_proof(fd, STR(OTHER), 0, IDENTITY_PROOF_BYTES);
    fails_after(fd);
}

static void who_answers_http_gets_nothing(void)
{
    begin(60000);
    int fd = challenged();
    peer_send(fd, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\nX: "
                  "yyyyyyyyyyyyyyyyyyyy\r\n\r\n");
    fails_after(fd);
}

static void who_echoes_gets_nothing(void)
{
    begin(60000);
    int fd = challenged();
    CHECK(send(fd, heard.p, heard.n, MSG_NOSIGNAL) > 0);
    shutdown(fd, SHUT_WR);
    fails_after(fd);
}

static void who_resets_gets_nothing(void)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    begin(60000);
    int fd = challenged();
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset connect failed unprocessed");
    finish();
}

static void who_says_nothing_times_out(void)
{
    begin(30);
    int fd = challenged();
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset connect timeout unprocessed");
    CHECK_INT(heard.n, IDENTITY_CHALLENGE_BYTES);
    close(fd);
    finish();
}

static void a_release_before_the_proof_closes(void)
{
    begin(60000);
    int fd = challenged();
    recorder_release(&r);
    while (peer_read(fd, &heard))
        loop_turn(loop, 5);
    CHECK_INT(heard.n, IDENTITY_CHALLENGE_BYTES);
    close(fd);
    finish();
}

static void an_identity_that_is_none_is_never_passed_over(void)
{
    begin(60000);
    origin.identity = STR("0102");
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset connect failed unprocessed");
    finish();
}

int main(void)
{
    loop = loop_new();
    resolver = resolver_new(loop);
    RUN(a_request_follows_the_proof);
    RUN(a_proven_connection_is_leased_again_without_another_proof);
    RUN(who_proves_another_identity_gets_nothing);
    RUN(who_answers_http_gets_nothing);
    RUN(who_echoes_gets_nothing);
    RUN(who_resets_gets_nothing);
    RUN(who_says_nothing_times_out);
    RUN(a_release_before_the_proof_closes);
    RUN(an_identity_that_is_none_is_never_passed_over);
    resolver_free(resolver);
    loop_free(loop);
    return test_end();
}

#include "http/upstream.h"
#include "unit/http/recorder.h"
#include "unit/test.h"

#include "base/mem.h"
#include "http/h1_client.h"

#include <arpa/inet.h>
#include <sys/ioctl.h>

/*
 * The peer is a listening socket on the loopback interface that the test itself accepts from,
 * reads and writes, so that every step of both sides is in the test's hand.
 */

enum { IDLE_MAX = 2 };

static const struct upstream_limits limits = {
    .head_bytes = 4096, .headers = 32, .idle_per_origin = IDLE_MAX, .idle_ms = 60000};

static struct loop *loop;
static struct resolver *resolver;
static struct upstream_pools *pools;
static struct upstream_origin origin;
static int listener = -1;
static struct recorder r;

static void listen_here(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);

    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, n) == 0 && listen(listener, 16) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &n) == 0);
    origin =
        (struct upstream_origin){.id = 1, .host = STR("127.0.0.1"), .port = ntohs(at.sin_port)};
}

static void begin_with(const struct upstream_limits *these)
{
    recorder_clear(&r);
    listen_here();
    pools = upstream_pools_new(loop, resolver, these);
}

static void begin(void)
{
    begin_with(&limits);
}

static void finish(void)
{
    struct upstream_counts counts;

    if (r.s)
        recorder_release(&r);
    turn_some(loop);
    upstream_counts(pools, &counts);
    CHECK_INT(counts.busy + counts.connecting, 0);
    upstream_pools_free(pools);
    turn_some(loop);
    close(listener);
    recorder_clear(&r);
}

static int open_stream(struct recorder *to)
{
    return upstream_open(pools, &origin, 60000, &recorder_events, to, &to->s);
}

static int accept_peer(void)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
        loop_turn(loop, 5);
    return fd;
}

/* Dials; returns the peer's end. */
static int connect_stream(struct recorder *to)
{
    int fd;

    CHECK_INT(open_stream(to), UPSTREAM_CONNECTING);
    fd = accept_peer();
    TURN_UNTIL(loop, to->opened);
    return fd;
}

static struct http_head request(enum http_method method, const char *text, int64_t length)
{
    return (struct http_head){.method = method,
                              .method_text = str_of(text),
                              .target = STR("/v1"),
                              .authority = STR("up.example"),
                              .content_length = length};
}

static void send_get(struct stream *s)
{
    struct http_head head = request(HTTP_METHOD_GET, "GET", HTTP_LENGTH_NONE);

    stream_send_head(s, &head, STREAM_END);
}

static void send_post(struct stream *s, const char *body)
{
    struct http_head head = request(HTTP_METHOD_POST, "POST", (int64_t)strlen(body));

    stream_send_head(s, &head, STREAM_MORE);
    send_text(s, body, STREAM_END);
}

static bool hears(int fd, struct buf *heard, size_t least)
{
    loop_turn(loop, 5);
    peer_read(fd, heard);
    return heard->n >= least;
}

/* Waits for a request that ends in `tail`, and forgets it. */
static void expect_request(int fd, const char *tail)
{
    struct buf heard = {0};

    while (!str_ends(buf_str(&heard), str_of(tail)))
        hears(fd, &heard, 0);
    buf_deinit(&heard);
}

#define OK_5 "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* One clean exchange; leaves the connection to the pool. */
static void exchange(int fd)
{
    send_get(r.s);
    expect_request(fd, "\r\n\r\n");
    r.ended = false;
    peer_send(fd, OK_5);
    TURN_UNTIL(loop, r.ended);
    recorder_release(&r);
    r.log.n = 0;
}

static struct upstream_counts count(void)
{
    struct upstream_counts counts;

    upstream_counts(pools, &counts);
    return counts;
}

static bool sees_close(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);

    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void a_request_is_written_as_given(void)
{
    struct http_header headers[] = {{.name = STR("X-B"), .value = STR("2")},
                                    {.name = STR("x-a"), .value = STR("1")}};
    struct buf heard = {0};

    begin();
    int fd = connect_stream(&r);
    struct http_head head = request(HTTP_METHOD_POST, "POST", 5);
    head.headers = headers;
    head.n_headers = 2;
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hello", STREAM_END);
    static const char expected[] = "POST /v1 HTTP/1.1\r\nHost: up.example\r\nX-B: 2\r\nx-a: 1\r\n"
                                   "Content-Length: 5\r\n\r\nhello";
    while (!hears(fd, &heard, sizeof(expected) - 1))
        ;
    CHECK_STR(buf_str(&heard), expected);
    CHECK_INT(r.s->bytes_sent, sizeof(expected) - 1);
    CHECK(!upstream_is_reused(r.s));
    CHECK_INT(upstream_origin_id(r.s), 1);
    buf_deinit(&heard);
    close(fd);
    finish();
}

static const struct {
    const char *answer, *log, *body;
    bool reusable;
} answers[] = {
    {OK_5, "open,head 200 more,end", "hello", true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "open,head 200 end", "", true},
    {"HTTP/1.1 204 No Content\r\n\r\n", "open,head 204 end", "", true},
    {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", "open,head 304 end", "", true},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x\r\nllo\r\n0\r\nA: "
     "b\r\n\r\n",
     "open,head 200 more,end A=b", "hello", true},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" OK_5,
     "open,head 100 more,head 103 more,head 200 more,end", "hello", true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello", "open,head 200 more,end", "hello", false},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
     "open,head 200 more,end", "hello", true},
    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
     "open,head 200 more,end", "hello", false},
    {OK_5 "x", "open,head 200 more,end", "hello", false},
    {OK_5 OK_5, "open,head 200 more,end", "hello", false},
    {"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello", "open,head 204 end", "", false},
    {"HTTP/1.1 101 Switching Protocols\r\n\r\n", "open,reset protocol error", "", false},
    {"HTTP/2 200\r\n\r\n", "open,reset protocol error", "", false},
    {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "open,reset protocol error", "", false},
    {"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", "open,reset protocol error", "", false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     "open,reset protocol error", "", false},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n",
     "open,head 200 more,reset protocol error", "hello", false},
};

static void answers_are_understood_or_refused(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        begin();
        int fd = connect_stream(&r);
        send_get(r.s);
        expect_request(fd, "\r\n\r\n");
        peer_send(fd, answers[i].answer);
        TURN_UNTIL(loop, r.ended || r.reset);
        turn_some(loop);
        CHECK_STR(buf_str(&r.log), answers[i].log);
        CHECK_STR(buf_str(&r.body), answers[i].body);
        recorder_release(&r);
        CHECK_INT(count().idle, answers[i].reusable);
        close(fd);
        finish();
    }
}

static void answers_may_come_byte_by_byte(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        size_t n = strlen(answers[i].answer);

        begin();
        r.releases_at_end = true;
        int fd = connect_stream(&r);
        send_get(r.s);
        expect_request(fd, "\r\n\r\n");
        for (size_t at = 0; at < n && !r.reset; at++) {
            if (send(fd, answers[i].answer + at, 1, MSG_NOSIGNAL) < 0)
                break;
            loop_turn(loop, 0);
        }
        TURN_UNTIL(loop, r.ended || r.reset);
        CHECK_STR(buf_str(&r.log), answers[i].log);
        CHECK_STR(buf_str(&r.body), answers[i].body);
        close(fd);
        finish();
    }
}

static void a_body_may_last_until_close(void)
{
    begin();
    int fd = connect_stream(&r);
    send_get(r.s);
    expect_request(fd, "\r\n\r\n");
    peer_send(fd, "HTTP/1.1 200 OK\r\n\r\nhel");
    peer_send(fd, "lo");
    close(fd);
    TURN_UNTIL(loop, r.ended || r.reset);
    CHECK_STR(buf_str(&r.log), "open,head 200 more,end");
    CHECK_STR(buf_str(&r.body), "hello");
    recorder_release(&r);
    CHECK_INT(count().idle, 0);
    finish();
}

static void reset_peer(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(fd);
}

static void a_reset_does_not_end_a_body(void)
{
    begin();
    int fd = connect_stream(&r);
    send_get(r.s);
    expect_request(fd, "\r\n\r\n");
    peer_send(fd, "HTTP/1.1 200 OK\r\n\r\nhel");
    TURN_UNTIL(loop, r.body_bytes == 3);
    reset_peer(fd);
    TURN_UNTIL(loop, r.ended || r.reset);
    CHECK_STR(buf_str(&r.log), "open,head 200 more,reset peer closed");
    finish();
}

static void an_answer_cut_off_is_a_reset(void)
{
    static const char *const cut[] = {
        "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", ""};

    for (size_t i = 0; i < COUNT_OF(cut); i++) {
        begin();
        int fd = connect_stream(&r);
        send_get(r.s);
        expect_request(fd, "\r\n\r\n");
        peer_send(fd, cut[i]);
        close(fd);
        TURN_UNTIL(loop, r.ended || r.reset);
        CHECK(str_ends(buf_str(&r.log), STR("reset peer closed")));
        finish();
    }
}

static void answers_to_head_have_no_body(void)
{
    begin();
    int fd = connect_stream(&r);
    struct http_head head = request(HTTP_METHOD_HEAD, "HEAD", HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_END);
    peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    TURN_UNTIL(loop, r.ended);
    CHECK_STR(buf_str(&r.log), "open,head 200 end");
    recorder_release(&r);
    CHECK_INT(count().idle, 1);
    close(fd);
    finish();
}

/* --- pools --- */

static void a_connection_serves_again(void)
{
    begin();
    int fd = connect_stream(&r);
    exchange(fd);
    for (int i = 0; i < 3; i++) {
        CHECK_INT(open_stream(&r), UPSTREAM_READY);
        CHECK(upstream_is_reused(r.s));
        CHECK_INT(r.s->bytes_sent, 0);
        exchange(fd);
    }
    CHECK_INT(count().dialled, 1);
    CHECK_INT(count().reused, 3);
    CHECK_INT(count().idle, 1);
    close(fd);
    finish();
}

/* Who dialled may think better of it: what is connected serves the next one. */
static void a_connection_that_was_not_used_is_kept(void)
{
    begin();
    int fd = connect_stream(&r);
    recorder_release(&r);
    CHECK_INT(count().idle, 1);
    for (int i = 0; i < 2; i++) {
        CHECK_INT(open_stream(&r), UPSTREAM_READY);
        recorder_release(&r);
    }
    CHECK_INT(open_stream(&r), UPSTREAM_READY);
    exchange(fd);
    CHECK_INT(count().dialled, 1);
    CHECK_INT(count().idle, 1);
    close(fd);
    finish();
}

static void one_that_was_not_used_and_is_spoken_to_is_not_kept(void)
{
    begin();
    int fd = connect_stream(&r);
    peer_send(fd, "x");
    recorder_release(&r);
    TURN_UNTIL(loop, count().idle == 0);
    CHECK_INT(open_stream(&r), UPSTREAM_CONNECTING);
    close(fd);
    finish();
}

static void the_newest_idle_connection_is_leased_first(void)
{
    struct recorder other = {0};

    begin();
    int first = connect_stream(&r), second = connect_stream(&other);
    exchange(first);
    send_get(other.s);
    peer_send(second, OK_5);
    TURN_UNTIL(loop, other.ended);
    recorder_release(&other);
    CHECK_INT(count().idle, 2);
    CHECK_INT(open_stream(&r), UPSTREAM_READY);
    exchange(second);
    recorder_clear(&other);
    close(first);
    close(second);
    finish();
}

static void idle_connections_are_bounded_and_the_oldest_go(void)
{
    struct recorder more[IDLE_MAX] = {0};
    int fds[IDLE_MAX + 1];

    begin();
    fds[0] = connect_stream(&r);
    for (size_t i = 0; i < IDLE_MAX; i++)
        fds[i + 1] = connect_stream(&more[i]);
    exchange(fds[0]);
    for (size_t i = 0; i < IDLE_MAX; i++) {
        send_get(more[i].s);
        peer_send(fds[i + 1], OK_5);
        TURN_UNTIL(loop, more[i].ended);
        recorder_release(&more[i]);
        recorder_clear(&more[i]);
    }
    CHECK_INT(count().idle, IDLE_MAX);
    CHECK(sees_close(fds[0]));
    for (size_t i = 0; i <= IDLE_MAX; i++)
        close(fds[i]);
    finish();
}

static void an_idle_connection_goes_when_the_peer_closes_or_talks(void)
{
    for (int way = 0; way < 3; way++) {
        begin();
        int fd = connect_stream(&r);
        exchange(fd);
        CHECK_INT(count().idle, 1);
        if (way == 0)
            shutdown(fd, SHUT_WR);
        else if (way == 1)
            peer_send(fd, "HTTP/1.1 408 Request Timeout\r\n\r\n");
        else
            reset_peer(fd);
        TURN_UNTIL(loop, count().idle == 0);
        CHECK_INT(open_stream(&r), UPSTREAM_CONNECTING);
        if (way < 2)
            close(fd);
        finish();
    }
}

static void idle_connections_end(void)
{
    struct upstream_limits hasty = limits;

    hasty.idle_ms = 1;
    begin_with(&hasty);
    int fd = connect_stream(&r);
    exchange(fd);
    TURN_UNTIL(loop, count().idle == 0);
    close(fd);
    finish();
}

static void origins_never_share_connections(void)
{
    begin();
    int fd = connect_stream(&r);
    exchange(fd);
    origin.id = 2;
    CHECK_INT(open_stream(&r), UPSTREAM_CONNECTING);
    CHECK_INT(upstream_origin_id(r.s), 2);
    close(fd);
    finish();
}

static void a_retired_origin_closes_when_idle(void)
{
    struct recorder other = {0};

    begin();
    int busy = connect_stream(&r), idle = connect_stream(&other);
    send_get(other.s);
    peer_send(idle, OK_5);
    TURN_UNTIL(loop, other.ended);
    recorder_release(&other);
    recorder_clear(&other);
    upstream_retire(pools, 1);
    CHECK_INT(count().idle, 0);
    exchange(busy);
    CHECK_INT(count().idle, 0);
    CHECK(sees_close(busy));
    close(busy);
    close(idle);
    finish();
}

/* --- connections that were closed behind our back --- */

static void a_request_that_met_a_closed_connection_was_not_processed(void)
{
    begin();
    int fd = connect_stream(&r);
    exchange(fd);
    close(fd); /* the loop has not seen it yet */
    CHECK_INT(open_stream(&r), UPSTREAM_READY);
    send_post(r.s, "hello");
    stream_flush(r.s);
    CHECK(r.s->bytes_sent > 0);
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset refused unprocessed");
    CHECK_INT(count().stale, 1);
    finish();
}

static void a_lease_that_never_sent_was_not_processed(void)
{
    begin();
    int fd = connect_stream(&r);
    exchange(fd);
    close(fd);
    CHECK_INT(open_stream(&r), UPSTREAM_READY);
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset refused unprocessed");
    finish();
}

static void a_request_that_was_read_may_have_been_processed(void)
{
    for (int way = 0; way < 4; way++) {
        begin();
        int fd = connect_stream(&r);
        exchange(fd);
        CHECK_INT(open_stream(&r), UPSTREAM_READY);
        send_post(r.s, "hello");
        stream_flush(r.s);
        if (way == 3) {
            shutdown(fd, SHUT_WR); /* acknowledges the request, which can still be read */
        } else if (way == 0) {
            expect_request(fd, "hello");
            close(fd);
        } else if (way == 1) {
            expect_request(fd, "hello");
            reset_peer(fd); /* perhaps before it was acknowledged */
        } else {
            close(fd); /* with the request unread in the peer's kernel */
        }
        TURN_UNTIL(loop, r.reset);
        CHECK_STR(buf_str(&r.log), "reset peer closed");
        if (way == 3)
            close(fd);
        finish();
    }
}

/* --- dialling --- */

static void a_refused_connection_fails(void)
{
    begin();
    close(listener);
    CHECK_INT(open_stream(&r), UPSTREAM_CONNECTING);
    CHECK_INT(r.log.n, 0);
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset connect failed unprocessed");
    CHECK_INT(count().connect_failures, 1);
    listener = -1;
    finish();
}

static void a_name_that_is_none_fails(void)
{
    begin();
    origin.host = STR("not a name");
    CHECK_INT(open_stream(&r), UPSTREAM_CONNECTING);
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset connect failed unprocessed");
    finish();
}

static struct tls_client *some_tls(void)
{
    struct tls_client_options options = {.verify = TLS_VERIFY_NOTHING};
    struct tls_client *tls = NULL;
    char why[TLS_WHY_TEXT];

    CHECK(tls_client_new(&options, &tls, why) == 0);
    return tls;
}

static void the_deadline_covers_the_handshake(void)
{
    begin();
    origin.tls = some_tls();
    CHECK_INT(upstream_open(pools, &origin, 20, &recorder_events, &r, &r.s), UPSTREAM_CONNECTING);
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset connect timeout unprocessed");
    tls_client_unref(origin.tls);
    finish();
}

static void a_peer_without_tls_fails(void)
{
    begin();
    origin.tls = some_tls();
    CHECK_INT(open_stream(&r), UPSTREAM_CONNECTING);
    int fd = accept_peer();
    peer_send(fd, "HTTP/1.1 400 Bad Request\r\n\r\n");
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset tls failed unprocessed");
    tls_client_unref(origin.tls);
    close(fd);
    finish();
}

static void a_unix_socket_is_an_origin_too(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    begin();
    close(listener);
    snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/ambit-test-upstream-%d", (int)getpid());
    unlink(at.sun_path);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(listener, 1) == 0);
    origin = (struct upstream_origin){.id = 3, .unix_path = str_of(at.sun_path)};
    int fd = connect_stream(&r);
    exchange(fd);
    CHECK_INT(count().idle, 1);
    unlink(at.sun_path);
    close(fd);
    finish();
}

/* --- cancelling --- */

static void releasing_closes_upstream_in_every_state(void)
{
    begin();
    CHECK_INT(open_stream(&r), UPSTREAM_CONNECTING);
    recorder_release(&r);
    CHECK_INT(count().connecting, 0);
    finish();

    for (int state = 1; state < 4; state++) {
        begin();
        int fd = connect_stream(&r);
        struct http_head head = request(HTTP_METHOD_POST, "POST", 10);
        if (state == 1) {
            stream_send_head(r.s, &head, STREAM_MORE);
            send_text(r.s, "hello", STREAM_MORE);
            stream_flush(r.s);
        }
        if (state >= 2)
            send_post(r.s, "hello");
        if (state == 3) {
            peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
            TURN_UNTIL(loop, r.body_bytes == 5);
        }
        recorder_release(&r);
        CHECK_INT(count().busy, 0);
        struct buf heard = {0};
        while (peer_read(fd, &heard))
            ;
        buf_deinit(&heard);
        close(fd);
        finish();
    }
}

static void freeing_the_pools_resets_what_is_open(void)
{
    begin();
    int fd = connect_stream(&r);
    upstream_pools_free(pools);
    CHECK_STR(buf_str(&r.log), "open,reset cancelled unprocessed");
    recorder_release(&r);
    turn_some(loop);
    CHECK(sees_close(fd));
    close(fd);
    close(listener);
    recorder_clear(&r);
}

/* --- flow --- */

static void an_answer_stops_at_the_window(void)
{
    static char block[65536];
    size_t total = 4 * 1024 * 1024, sent = 0, consumed = 0;

    begin();
    r.holds = true;
    int fd = connect_stream(&r);
    send_get(r.s);
    expect_request(fd, "\r\n\r\n");
    peer_send(fd, "HTTP/1.1 200 OK\r\nContent-Length: 4194304\r\n\r\n");
    while (!r.ended) {
        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)((sent + i) % 251);
        size_t most = total - sent < sizeof(block) ? total - sent : sizeof(block);
        ssize_t n = send(fd, block, most, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
        loop_turn(loop, 0);
        CHECK(r.body_bytes - consumed <= 65536);
        stream_consume(r.s, r.body_bytes - consumed);
        consumed = r.body_bytes;
    }
    CHECK_INT(r.body_bytes, total);
    for (size_t i = 0; i < total; i++)
        CHECK(r.body.p[i] == (char)(i % 251));
    recorder_release(&r);
    CHECK_INT(count().idle, 1);
    close(fd);
    finish();
}

static void a_paused_body_may_end_with_its_connection(void)
{
    static char block[150000];

    begin();
    r.holds = true;
    int fd = connect_stream(&r);
    send_get(r.s);
    expect_request(fd, "\r\n\r\n");
    peer_send(fd, "HTTP/1.1 200 OK\r\n\r\n");
    CHECK(send(fd, block, sizeof(block), 0) == (ssize_t)sizeof(block));
    close(fd);
    TURN_UNTIL(loop, r.body_bytes == 65536);
    turn_some(loop);
    CHECK(!r.ended && !r.reset);
    for (size_t consumed = 0; !r.ended;) {
        size_t n = r.body_bytes - consumed;

        consumed += n;
        stream_consume(r.s, n);
        loop_turn(loop, 0);
        CHECK(!r.reset);
    }
    CHECK_INT(r.body_bytes, sizeof(block));
    finish();
}

static void a_large_request_arrives_whole(void)
{
    static char block[65536];
    struct buf heard = {0};
    size_t total = 4 * 1024 * 1024, written = 0;

    begin();
    int fd = connect_stream(&r);
    struct http_head head = request(HTTP_METHOD_POST, "POST", (int64_t)total);
    stream_send_head(r.s, &head, STREAM_MORE);
    while (written < total) {
        struct iovec iov = {block, sizeof(block) - written % 251};

        for (size_t i = 0; i < sizeof(block); i++)
            block[i] = (char)((written + i) % 251);
        if (iov.iov_len > total - written)
            iov.iov_len = total - written;
        enum stream_end end = written + iov.iov_len == total ? STREAM_END : STREAM_MORE;
        size_t taken = stream_write(r.s, &iov, 1, end), before = r.writable;
        written += taken;
        while (taken < iov.iov_len && r.writable == before)
            hears(fd, &heard, 0);
    }
    size_t head_bytes = sizeof("POST /v1 HTTP/1.1\r\nHost: up.example\r\n"
                               "Content-Length: 4194304\r\n\r\n") -
                        1;
    while (!hears(fd, &heard, head_bytes + total))
        ;
    for (size_t i = 0; i < total; i++)
        CHECK(heard.p[head_bytes + i] == (char)(i % 251));
    peer_send(fd, OK_5);
    TURN_UNTIL(loop, r.ended);
    recorder_release(&r);
    CHECK_INT(count().idle, 1);
    buf_deinit(&heard);
    close(fd);
    finish();
}

static void an_early_answer_arrives_and_its_connection_is_not_kept(void)
{
    begin();
    int fd = connect_stream(&r);
    struct http_head head = request(HTTP_METHOD_POST, "POST", 1000);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hello", STREAM_MORE);
    expect_request(fd, "hello");
    peer_send(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    TURN_UNTIL(loop, r.ended);
    CHECK_STR(buf_str(&r.log), "open,head 413 more,end");
    recorder_release(&r);
    CHECK_INT(count().idle, 0);
    close(fd);
    finish();
}

static void an_answer_is_read_though_sending_failed(void)
{
    static char block[65536];
    struct iovec iov = {block, sizeof(block)};

    begin();
    int fd = connect_stream(&r);
    struct http_head head = request(HTTP_METHOD_POST, "POST", 100000000);
    stream_send_head(r.s, &head, STREAM_MORE);
    stream_write(r.s, &iov, 1, STREAM_MORE);
    loop_turn(loop, 0);
    peer_send(fd, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
    close(fd); /* with unread bytes: a reset */
    for (int i = 0; i < 20; i++)
        stream_write(r.s, &iov, 1, STREAM_MORE);
    TURN_UNTIL(loop, r.ended || r.reset);
    CHECK_STR(buf_str(&r.log), "open,head 413 more,end");
    finish();
}

static void a_head_that_cannot_be_written_is_refused(void)
{
    begin();
    int fd = connect_stream(&r);
    struct http_head head = request(HTTP_METHOD_GET, "GET", HTTP_LENGTH_NONE);
    head.target = STR("/a b");
    stream_send_head(r.s, &head, STREAM_END);
    CHECK(!r.reset);
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "open,reset protocol error unprocessed");
    close(fd);
    finish();
}

static void connections_are_small_and_hold_nothing_while_idle(void)
{
    const struct client_conn *conn;

    CHECK(sizeof(struct client_conn) < 700);
    begin();
    int fd = connect_stream(&r);
    conn = container_of(r.s, struct client_conn, c.stream);
    send_get(r.s);
    peer_send(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    TURN_UNTIL(loop, r.body_bytes == 5);
    CHECK(conn->c.kept == NULL);
    CHECK(conn->c.out.first == NULL);
    close(fd);
    finish();
}

int main(void)
{
    loop = loop_new();
    resolver = resolver_new(loop);
    RUN(a_request_is_written_as_given);
    RUN(answers_are_understood_or_refused);
    RUN(answers_may_come_byte_by_byte);
    RUN(a_body_may_last_until_close);
    RUN(a_reset_does_not_end_a_body);
    RUN(an_answer_cut_off_is_a_reset);
    RUN(answers_to_head_have_no_body);
    RUN(a_connection_serves_again);
    RUN(a_connection_that_was_not_used_is_kept);
    RUN(one_that_was_not_used_and_is_spoken_to_is_not_kept);
    RUN(the_newest_idle_connection_is_leased_first);
    RUN(idle_connections_are_bounded_and_the_oldest_go);
    RUN(an_idle_connection_goes_when_the_peer_closes_or_talks);
    RUN(idle_connections_end);
    RUN(origins_never_share_connections);
    RUN(a_retired_origin_closes_when_idle);
    RUN(a_request_that_met_a_closed_connection_was_not_processed);
    RUN(a_lease_that_never_sent_was_not_processed);
    RUN(a_request_that_was_read_may_have_been_processed);
    RUN(a_refused_connection_fails);
    RUN(a_name_that_is_none_fails);
    RUN(the_deadline_covers_the_handshake);
    RUN(a_peer_without_tls_fails);
    RUN(a_unix_socket_is_an_origin_too);
    RUN(releasing_closes_upstream_in_every_state);
    RUN(freeing_the_pools_resets_what_is_open);
    RUN(an_answer_stops_at_the_window);
    RUN(a_paused_body_may_end_with_its_connection);
    RUN(a_large_request_arrives_whole);
    RUN(an_early_answer_arrives_and_its_connection_is_not_kept);
    RUN(an_answer_is_read_though_sending_failed);
    RUN(a_head_that_cannot_be_written_is_refused);
    RUN(connections_are_small_and_hold_nothing_while_idle);
    resolver_free(resolver);
    loop_free(loop);
    return test_end();
}

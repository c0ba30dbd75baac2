#include "http/upstream.h"
#include "unit/http/recorder.h"
#include "unit/test.h"

#include "base/mem.h"
#include "http/h1_client.h"

#include <arpa/inet.h>

/* A request of ours that asks to leave HTTP; the peer is a listening socket of the test's own. */

static const struct upstream_limits limits = {
    .head_bytes = 4096, .headers = 32, .idle_per_origin = 2, .idle_ms = 60000};

static struct loop *loop;
static struct resolver *resolver;
static struct upstream_pools *pools;
static struct upstream_origin origin;
static int listener = -1, peer = -1;
static struct recorder r;
static struct buf heard; /* what the peer has received */
static bool is_open;

#define ASKED                                                                                      \
    "GET /ws HTTP/1.1\r\nHost: up.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
#define SWITCHED "HTTP/1.1 101 Fine\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n"

static void hear(void)
{
    loop_turn(loop, 5);
    is_open = peer_read(peer, &heard);
}

static void begin(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct http_head head = {.method = HTTP_METHOD_GET,
                             .method_text = STR("GET"),
                             .target = STR("/ws"),
                             .authority = STR("up.example"),
                             .content_length = HTTP_LENGTH_NONE,
                             .upgrade = HTTP_UPGRADE_WEBSOCKET};
    socklen_t n = sizeof(at);

    recorder_clear(&r);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK(bind(listener, (struct sockaddr *)&at, n) == 0 && listen(listener, 16) == 0);
    CHECK(getsockname(listener, (struct sockaddr *)&at, &n) == 0);
    origin =
        (struct upstream_origin){.id = 1, .host = STR("127.0.0.1"), .port = ntohs(at.sin_port)};
    pools = upstream_pools_new(loop, resolver, &limits);
    CHECK_INT(upstream_open(pools, &origin, 60000, &recorder_events, &r, &r.s),
              UPSTREAM_CONNECTING);
    while ((peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) < 0)
        loop_turn(loop, 5);
    TURN_UNTIL(loop, r.opened);
    stream_send_head(r.s, &head, STREAM_END);
    while (heard.n < sizeof(ASKED) - 1)
        hear();
    CHECK_STR(buf_str(&heard), ASKED);
    heard.n = r.log.n = 0;
}

static void begin_tunnel(void)
{
    begin();
    peer_send(peer, SWITCHED);
    TURN_UNTIL(loop, r.status == 101);
    r.log.n = 0;
}

static struct upstream_counts count(void)
{
    struct upstream_counts counts;

    upstream_counts(pools, &counts);
    return counts;
}

static void finish(void)
{
    if (r.s)
        recorder_release(&r);
    if (peer >= 0)
        close(peer);
    peer = -1;
    TURN_UNTIL(loop, count().busy + count().connecting == 0);
    upstream_pools_free(pools);
    turn_some(loop);
    close(listener);
    recorder_clear(&r);
    buf_deinit(&heard);
}

static const struct {
    const char *answer, *log, *body;
    bool reusable;
} answers[] = {
    {SWITCHED "hello", "head 101 more", "hello", false},
    {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nContent-Length: 0\r\nConnection: x, upgrade\r\n\r\n"
     "hello",
     "head 101 more", "hello", false},
    {"HTTP/1.1 103 x\r\n\r\n" SWITCHED "hello", "head 103 more,head 101 more", "hello", false},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "head 200 more,end", "hello", true},
    {"HTTP/1.1 426 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n",
     "head 426 end", "", true},
    {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhellomore", "head 200 more,end", "hello", false},
    {"HTTP/1.1 101 x\r\n\r\n", "reset protocol error", "", false},
    {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\nx", "reset protocol error", "", false},
    {"HTTP/1.1 101 x\r\nConnection: upgrade\r\n\r\n", "reset protocol error", "", false},
    {"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", "reset protocol error", "",
     false},
    {"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n",
     "reset protocol error", "", false},
    {"HTTP/1.0 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", "reset protocol error",
     "", false},
};

static bool all_told(const char *log, const char *body)
{
    return str_eq(buf_str(&r.log), str_of(log)) && str_eq(buf_str(&r.body), str_of(body));
}

static void answers_make_a_tunnel_or_do_not(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        begin();
        peer_send(peer, answers[i].answer);
        TURN_UNTIL(loop, all_told(answers[i].log, answers[i].body));
        turn_some(loop);
        CHECK_STR(buf_str(&r.log), answers[i].log);
        recorder_release(&r);
        turn_some(loop);
        CHECK_INT(count().idle, answers[i].reusable);
        CHECK_INT(count().busy, 0);
        finish();
    }
}

static void answers_may_come_byte_by_byte(void)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        begin();
        r.releases_at_end = true;
        for (const char *at = answers[i].answer; *at && !r.reset; at++) {
            if (send(peer, at, 1, MSG_NOSIGNAL) < 0)
                break;
            loop_turn(loop, 0);
        }
        TURN_UNTIL(loop, all_told(answers[i].log, answers[i].body));
        finish();
    }
}

static void bytes_pass_both_ways(void)
{
    begin_tunnel();
    send_text(r.s, "HTTP/1.1 ", STREAM_MORE);
    while (heard.n < 9)
        hear();
    CHECK_STR(buf_str(&heard), "HTTP/1.1 ");
    peer_send(peer, "HTTP/1.1 200 OK\r\n\r\n");
    TURN_UNTIL(loop, r.body_bytes == 19);
    CHECK_INT(r.log.n, 0);
    finish();
}

static void the_peers_fin_ends_its_half_only(void)
{
    begin_tunnel();
    peer_send(peer, "bye");
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(loop, r.ended);
    CHECK_STR(buf_str(&r.body), "bye");
    send_text(r.s, "still here", STREAM_MORE);
    while (heard.n < 10)
        hear();
    CHECK(is_open);
    send_text(r.s, ", and gone", STREAM_END);
    while (is_open)
        hear();
    CHECK_STR(buf_str(&heard), "still here, and gone");
    CHECK_STR(buf_str(&r.log), "end");
    recorder_release(&r);
    turn_some(loop);
    CHECK_INT(count().busy + count().idle, 0);
    finish();
}

static void our_end_is_a_fin_behind_the_last_byte(void)
{
    begin_tunnel();
    send_text(r.s, "last", STREAM_END);
    while (is_open)
        hear();
    CHECK_STR(buf_str(&heard), "last");
    peer_send(peer, "not so fast");
    TURN_UNTIL(loop, r.body_bytes == 11);
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(loop, r.ended);
    recorder_release(&r);
    turn_some(loop);
    CHECK_INT(count().busy + count().idle, 0);
    finish();
}

/* Fills the connection and the queue; returns how many bytes were taken. */
static size_t write_until_full(void)
{
    static char block[65536];
    struct iovec iov = {block, sizeof(block)};
    size_t total = 0, taken;

    do {
        taken = stream_write(r.s, &iov, 1, STREAM_MORE);
        total += taken;
        loop_turn(loop, 0);
    } while (taken);
    stream_write(r.s, NULL, 0, STREAM_END);
    return total;
}

/* Leaves it to the connection to notice its end, instead of running into its deadline. */
static struct client_conn *release_for_good(void)
{
    struct client_conn *conn = container_of(r.s, struct client_conn, c.stream);

    recorder_release(&r);
    CHECK(conn->lingers);
    deadline_cancel(&conn->deadline);
    return conn;
}

static void what_is_queued_leaves_after_the_release(void)
{
    for (int way = 0; way < 2; way++) {
        begin_tunnel();
        size_t total = write_until_full();
        if (way == 0) { /* the peer has ended; else it goes on talking into the void */
            shutdown(peer, SHUT_WR);
            TURN_UNTIL(loop, r.ended);
        }
        CHECK(release_for_good()->c.out.n > 0);
        if (way == 1)
            peer_send(peer, "what?");
        while (is_open)
            hear();
        CHECK_INT(heard.n, total);
        if (way == 1) {
            CHECK_INT(count().busy, 1);
            shutdown(peer, SHUT_WR);
        }
        TURN_UNTIL(loop, count().busy == 0);
        CHECK_INT(count().idle, 0);
        finish();
    }
}

static void leaving_early_resets(void)
{
    char byte;

    begin_tunnel();
    recorder_release(&r);
    turn_some(loop);
    CHECK_INT(count().busy, 0);
    CHECK(recv(peer, &byte, 1, 0) < 0 && errno == ECONNRESET);
    finish();
}

static void reset_peer(void)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(peer, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close(peer);
    peer = -1;
}

static void a_peer_that_breaks_resets(void)
{
    begin_tunnel();
    peer_send(peer, "x");
    TURN_UNTIL(loop, r.body_bytes == 1);
    reset_peer();
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "reset peer closed");
    finish();
    begin_tunnel();
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(loop, r.ended);
    reset_peer();
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "end,reset peer closed");
    finish();
}

static void a_peer_that_breaks_after_the_release_is_let_go(void)
{
    begin_tunnel();
    send_text(r.s, "last", STREAM_END);
    release_for_good();
    while (is_open)
        hear();
    CHECK_INT(count().busy, 1);
    reset_peer();
    TURN_UNTIL(loop, count().busy == 0);
    finish();
}

static void a_peer_that_stays_after_the_release_is_left(void)
{
    struct client_conn *conn;

    begin_tunnel();
    send_text(r.s, "last", STREAM_END);
    conn = release_for_good();
    while (is_open)
        hear();
    CHECK_INT(count().busy, 1);
    CHECK(conn->deadline.at_ns <= loop_now_ns(loop) + H1_LINGER_MS * NS_PER_MS);
    deadline_set(loop, &conn->deadline, 1);
    TURN_UNTIL(loop, count().busy == 0);
    finish();
}

static void no_more_is_read_than_the_window(void)
{
    static char block[65536];
    size_t sent = 0;

    begin_tunnel();
    r.holds = true;
    for (int i = 0; i < 40; i++) {
        ssize_t n = send(peer, block, sizeof(block), MSG_NOSIGNAL);

        sent += n > 0 ? (size_t)n : 0;
        loop_turn(loop, 0);
    }
    shutdown(peer, SHUT_WR);
    TURN_UNTIL(loop, r.body_bytes == H1_WINDOW_BYTES);
    for (size_t consumed = 0, before; !r.ended; consumed = before) {
        before = r.body_bytes;
        CHECK(before - consumed <= H1_WINDOW_BYTES);
        stream_consume(r.s, before - consumed);
        TURN_UNTIL(loop, r.body_bytes > before || r.ended);
    }
    CHECK_INT(r.body_bytes, sent);
    CHECK_STR(buf_str(&r.log), "end");
    finish();
}

static void an_idle_tunnel_holds_nothing(void)
{
    const struct client_conn *conn;

    begin_tunnel();
    peer_send(peer, "hello");
    TURN_UNTIL(loop, r.body_bytes == 5);
    send_text(r.s, "hi", STREAM_MORE);
    while (heard.n < 2)
        hear();
    conn = container_of(r.s, const struct client_conn, c.stream);
    CHECK(conn->c.kept == NULL);
    CHECK(conn->c.out.first == NULL);
    finish();
}

int main(void)
{
    loop = loop_new();
    resolver = resolver_new(loop);
    RUN(answers_make_a_tunnel_or_do_not);
    RUN(answers_may_come_byte_by_byte);
    RUN(bytes_pass_both_ways);
    RUN(the_peers_fin_ends_its_half_only);
    RUN(our_end_is_a_fin_behind_the_last_byte);
    RUN(what_is_queued_leaves_after_the_release);
    RUN(leaving_early_resets);
    RUN(a_peer_that_breaks_resets);
    RUN(a_peer_that_breaks_after_the_release_is_let_go);
    RUN(a_peer_that_stays_after_the_release_is_left);
    RUN(no_more_is_read_than_the_window);
    RUN(an_idle_tunnel_holds_nothing);
    resolver_free(resolver);
    loop_free(loop);
    return test_end();
}

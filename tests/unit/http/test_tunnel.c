#include "unit/http/served.h"

#include "base/mem.h"
#include "http/h1_server.h"

/* A client that leaves HTTP, over a socket pair: what our server makes of it. */

static const struct server_conn *connection(void)
{
    return container_of(r.s, struct server_conn, c.stream);
}

#define WISH "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
#define SWITCHED                                                                                   \
    "HTTP/1.1 101 Switching Protocols\r\nX: y\r\nConnection: Upgrade\r\nUpgrade: "                 \
    "websocket\r\n\r\n"

static void send_101(void)
{
    struct http_header headers[] = {
        {.name = STR("X"), .value = STR("y")},
        {.name = STR("Upgrade"), .value = STR("h2c"), .id = HTTP_HEADER_UPGRADE},
        {.name = STR("Connection"), .value = STR("close"), .id = HTTP_HEADER_CONNECTION},
    };
    struct http_head head = {.status = 101, .headers = headers, .n_headers = COUNT_OF(headers)};

    stream_send_head(r.s, &head, STREAM_MORE);
}

/* A tunnel in which nothing was said yet. */
static void begin_tunnel(void)
{
    say(WISH);
    CHECK_STR(buf_str(&r.log), "GET / websocket");
    send_101();
    turn();
    CHECK_STR(received(), SWITCHED);
    r.log.n = 0;
}

static void bytes_pass_both_ways_after_a_101(void)
{
    begin();
    begin_tunnel();
    say("GET / HTTP/1.1\r\n\r\n");
    CHECK_STR(buf_str(&r.body), "GET / HTTP/1.1\r\n\r\n");
    send_text(r.s, "hello", STREAM_MORE);
    turn();
    CHECK_STR(received(), "hello");
    CHECK_INT(n_requests, 1);
    CHECK_INT(r.log.n, 0);
    CHECK(is_open);
    finish();
}

static void a_101_needs_no_flush_and_leaves_with_what_follows(void)
{
    begin();
    say(WISH);
    send_101();
    send_text(r.s, "hello", STREAM_MORE);
    turn();
    CHECK_STR(received(), SWITCHED "hello");
    finish();
}

static void what_was_sent_behind_the_request_comes_first(void)
{
    static const char text[] = WISH "\x81\x85hello";
    size_t head = sizeof(WISH) - 1;

    for (size_t cut = 0; cut < sizeof(text); cut++) {
        begin();
        CHECK(send(client, text, cut, 0) == (ssize_t)cut);
        turn();
        CHECK_INT(n_requests, cut >= head);
        if (n_requests)
            send_101();
        CHECK(send(client, text + cut, sizeof(text) - 1 - cut, 0) >= 0);
        turn();
        if (cut < head) {
            CHECK_INT(r.body_bytes, 0);
            send_101();
        }
        say(" you");
        CHECK_STR(buf_str(&r.body), "\x81\x85hello you");
        CHECK_STR(received(), SWITCHED);
        finish();
    }
}

static void answer_200(void)
{
    struct http_head head = {.status = 200};

    stream_send_head(r.s, &head, STREAM_END);
    recorder_release(&r);
    turn();
}

static void without_a_101_it_stays_http(void)
{
    begin();
    say(WISH WISH "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK_STR(buf_str(&r.log), "GET / websocket");
    answer_200();
    answer_200();
    CHECK_STR(buf_str(&r.log), "GET / websocket,GET / websocket,GET /");
    answer_200();
    CHECK(is_open);
    finish();
}

static void early_bytes_are_bounded_by_the_window(void)
{
    static char block[65536];

    begin();
    r.holds = true;
    say(WISH);
    for (int i = 0; i < 4; i++) {
        (void)!send(client, block, sizeof(block), MSG_NOSIGNAL);
        turn();
    }
    CHECK(connection()->c.kept_n <= H1_READ_BYTES);
    send_101();
    turn();
    CHECK_INT(r.body_bytes, H1_WINDOW_BYTES);
    finish();
}

/* --- the halves end apart --- */

static void the_clients_fin_ends_its_half_only(void)
{
    begin();
    begin_tunnel();
    peer_send(client, "bye");
    shutdown(client, SHUT_WR);
    turn();
    CHECK_STR(buf_str(&r.log), "end");
    CHECK_STR(buf_str(&r.body), "bye");
    send_text(r.s, "still here", STREAM_MORE);
    turn();
    CHECK(is_open);
    send_text(r.s, ", and gone", STREAM_END);
    turn();
    CHECK(!is_open);
    CHECK_STR(received(), "still here, and gone");
    CHECK_STR(buf_str(&r.log), "end");
    recorder_release(&r);
    turn();
    CHECK_INT(http_server_connections(server), 0);
    finish();
}

static void the_fin_waits_behind_what_the_window_holds_back(void)
{
    static char block[H1_WINDOW_BYTES + 1000];

    begin();
    begin_tunnel();
    r.holds = true;
    CHECK(send(client, block, sizeof(block), 0) == (ssize_t)sizeof(block));
    shutdown(client, SHUT_WR);
    turn();
    CHECK_INT(r.body_bytes, H1_WINDOW_BYTES);
    CHECK(!r.ended && !r.reset);
    stream_consume(r.s, r.body_bytes);
    turn();
    CHECK_INT(r.body_bytes, sizeof(block));
    CHECK_STR(buf_str(&r.log), "end");
    finish();
}

static void our_end_is_a_fin_behind_the_last_byte(void)
{
    begin();
    begin_tunnel();
    send_text(r.s, "last", STREAM_END);
    turn();
    CHECK(!is_open);
    CHECK_STR(received(), "last");
    say("not so fast");
    CHECK_STR(buf_str(&r.body), "not so fast");
    shutdown(client, SHUT_WR);
    turn();
    CHECK_STR(buf_str(&r.log), "end");
    recorder_release(&r);
    turn();
    CHECK_INT(http_server_connections(server), 0);
    finish();
}

static void a_user_that_has_ended_may_leave(void)
{
    begin();
    begin_tunnel();
    send_text(r.s, "last", STREAM_END);
    recorder_release(&r);
    peer_send(client, "whatever");
    turn();
    CHECK(!is_open);
    CHECK_STR(received(), "last");
    peer_send(client, "and more");
    turn();
    CHECK_INT(http_server_connections(server), 1);
    shutdown(client, SHUT_WR);
    turn();
    CHECK_INT(http_server_connections(server), 0);
    finish();
}

static void a_user_that_leaves_early_closes(void)
{
    begin();
    begin_tunnel();
    recorder_release(&r);
    turn();
    CHECK(!is_open);
    CHECK_INT(http_server_connections(server), 0);
    finish();
}

static void a_tunnel_may_be_released_in_any_callback(void)
{
    begin();
    begin_tunnel();
    r.releases_at_end = true;
    stream_write(r.s, NULL, 0, STREAM_END);
    shutdown(client, SHUT_WR);
    turn();
    CHECK_STR(buf_str(&r.log), "end");
    CHECK_INT(http_server_connections(server), 0);
    finish();
}

static void a_client_that_is_gone_cancels(void)
{
    struct iovec iov = {"x", 1};

    begin();
    begin_tunnel();
    close(client);
    client = -1;
    turn_some(loop);
    CHECK_STR(buf_str(&r.log), "end");
    stream_write(r.s, &iov, 1, STREAM_MORE);
    turn_some(loop);
    CHECK_STR(buf_str(&r.log), "end,reset cancelled");
    finish();
}

static void a_fin_before_the_answer_cancels(void)
{
    begin();
    say(WISH "early");
    shutdown(client, SHUT_WR);
    turn();
    CHECK_STR(buf_str(&r.log), "GET / websocket,reset cancelled");
    send_101();
    finish();
}

/* --- pressure --- */

static void a_tunnel_reads_no_further_than_its_window(void)
{
    static char block[65536];
    size_t sent = 0, total = 8 * 1024 * 1024, consumed = 0;

    begin();
    begin_tunnel();
    r.holds = true;
    while (r.body_bytes < total) {
        ssize_t n = 0;

        while (n >= 0 && sent < total) {
            for (size_t i = 0; i < sizeof(block); i++)
                block[i] = (char)((sent + i) % 251);
            n = send(client, block, total - sent < sizeof(block) ? total - sent : sizeof(block),
                     MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        turn_some(loop);
        CHECK(r.body_bytes - consumed <= H1_WINDOW_BYTES);
        stream_consume(r.s, r.body_bytes - consumed);
        consumed = r.body_bytes;
        turn_some(loop);
        CHECK(r.body_bytes > consumed || r.body_bytes == total);
    }
    for (size_t i = 0; i < total; i++)
        CHECK(r.body.p[i] == (char)(i % 251));
    finish();
}

static void a_slow_reader_is_bounded_and_gets_everything(void)
{
    static char block[200000 + 251];
    size_t written = 0, total = 8 * 1024 * 1024;

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i % 251);
    begin();
    begin_tunnel();
    while (written < total) {
        size_t n = total - written < 200000 ? total - written : 200000, before = r.writable;
        struct iovec iov = {block + written % 251, n};
        size_t taken = stream_write(r.s, &iov, 1, written + n == total ? STREAM_END : STREAM_MORE);

        CHECK(connection()->c.out.n <= H1_OUT_BYTES + 64);
        written += taken;
        for (int i = 0; taken < n && r.writable == before; i++) {
            CHECK(i < 1000);
            turn();
        }
    }
    while (is_open)
        turn();
    CHECK_INT(got.n, total);
    for (size_t i = 0; i < total; i++)
        CHECK(got.p[i] == (char)(i % 251));
    finish();
}

/* --- deadlines and drain --- */

static void no_deadline_of_http_applies(void)
{
    struct http_server_limits hasty = patient;

    hasty.body_idle_ms = hasty.keep_alive_ms = 1;
    begin_with(&hasty, SOCK_STREAM);
    begin_tunnel();
    CHECK_INT(connection()->waits_for, WAIT_NOTHING);
    say("x");
    CHECK_INT(connection()->waits_for, WAIT_NOTHING);
    finish();
}

static void draining_leaves_tunnels_alone(void)
{
    begin();
    begin_tunnel();
    http_server_drain(server, 0);
    say("hello");
    CHECK_STR(buf_str(&r.body), "hello");
    CHECK_STR(buf_str(&r.log), "");
    send_text(r.s, "hi", STREAM_MORE);
    turn();
    CHECK(is_open);
    finish();
}

static void an_idle_tunnel_holds_nothing(void)
{
    begin();
    begin_tunnel();
    say("hello");
    send_text(r.s, "hi", STREAM_MORE);
    turn();
    CHECK(connection()->c.kept == NULL);
    CHECK(connection()->c.out.first == NULL);
    finish();
}

int main(void)
{
    loop = loop_new();
    RUN(bytes_pass_both_ways_after_a_101);
    RUN(a_101_needs_no_flush_and_leaves_with_what_follows);
    RUN(what_was_sent_behind_the_request_comes_first);
    RUN(without_a_101_it_stays_http);
    RUN(early_bytes_are_bounded_by_the_window);
    RUN(the_clients_fin_ends_its_half_only);
    RUN(the_fin_waits_behind_what_the_window_holds_back);
    RUN(our_end_is_a_fin_behind_the_last_byte);
    RUN(a_user_that_has_ended_may_leave);
    RUN(a_user_that_leaves_early_closes);
    RUN(a_tunnel_may_be_released_in_any_callback);
    RUN(a_client_that_is_gone_cancels);
    RUN(a_fin_before_the_answer_cancels);
    RUN(a_tunnel_reads_no_further_than_its_window);
    RUN(a_slow_reader_is_bounded_and_gets_everything);
    RUN(no_deadline_of_http_applies);
    RUN(draining_leaves_tunnels_alone);
    RUN(an_idle_tunnel_holds_nothing);
    loop_free(loop);
    return test_end();
}

#include "unit/http/served.h"

#include "base/mem.h"
#include "http/h1_server.h"

static struct http_head response(unsigned status, int64_t length)
{
    return (struct http_head){.status = status, .content_length = length};
}

static void answer(unsigned status, const char *body)
{
    struct http_head head = response(status, (int64_t)strlen(body));

    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, body, STREAM_END);
    recorder_release(&r);
    turn();
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: a\r\n\r\n"

static void an_answer_leaves_in_one_send(void)
{
    begin_with(&patient, SOCK_SEQPACKET);
    peer_send(client, GET("/x"));
    turn_some(loop);
    CHECK_STR(buf_str(&r.log), "GET /x");
    struct http_head head = response(200, 5);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hello", STREAM_END);
    recorder_release(&r);
    turn_some(loop);
    char bytes[1024];
    ssize_t n = recv(client, bytes, sizeof(bytes), 0);
    CHECK(n > 0);
    buf_put(&got, bytes, (size_t)n);
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    finish();
}

static void a_head_waits_for_its_body(void)
{
    begin();
    say(GET("/"));
    struct http_head head = response(200, 2);
    stream_send_head(r.s, &head, STREAM_MORE);
    turn();
    CHECK_INT(got.n, 0);
    stream_flush(r.s);
    turn();
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    send_text(r.s, "a", STREAM_MORE);
    turn();
    CHECK_STR(received(), "a");
    send_text(r.s, "b", STREAM_END);
    turn();
    CHECK_STR(received(), "b");
    finish();
}

static void pipelined_requests_are_answered_in_order(void)
{
    begin();
    say(GET("/1") GET("/2") GET("/3"));
    CHECK_STR(buf_str(&r.log), "GET /1");
    answer(200, "1");
    CHECK_STR(buf_str(&r.log), "GET /1,GET /2");
    answer(200, "2");
    answer(200, "3");
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
                          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"
                          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n3");
    CHECK(is_open);
    finish();
}

static void an_answered_stream_is_the_users_until_released(void)
{
    begin();
    say(GET("/1") GET("/2"));
    struct http_head head = response(204, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_END);
    turn();
    CHECK_STR(received(), "HTTP/1.1 204 No Content\r\n\r\n");
    CHECK_INT(n_requests, 1);
    recorder_release(&r);
    turn();
    CHECK_INT(n_requests, 2);
    finish();
}

static void answers_to_head_have_no_body(void)
{
    begin();
    say("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    answer(200, "hello");
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
    say(GET("/2"));
    CHECK_INT(n_requests, 2);
    finish();
}

static void http_1_0_gets_its_body_until_close(void)
{
    begin();
    say("GET / HTTP/1.0\r\n\r\n");
    struct http_head head = response(200, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hello", STREAM_END);
    recorder_release(&r);
    turn();
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
    CHECK(!is_open);
    finish();
}

static void a_body_of_unknown_length_is_chunked(void)
{
    struct http_header trailer = {.name = STR("X-Sum"), .value = STR("7")};
    struct http_head trailers = {.headers = &trailer, .n_headers = 1};

    begin();
    say(GET("/"));
    struct http_head head = response(200, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hello", STREAM_MORE);
    send_text(r.s, "0123456789abcdef", STREAM_MORE);
    stream_send_trailers(r.s, &trailers);
    recorder_release(&r);
    turn();
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
                          "10\r\n0123456789abcdef\r\n0\r\nX-Sum: 7\r\n\r\n");
    CHECK(is_open);
    finish();
}

static void trailers_of_a_request_arrive_filtered(void)
{
    begin();
    say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel");
    say("lo\r\n0\r\nX: 1\r\nHo");
    say("st: b\r\nY: 2\r\n\r\n");
    CHECK_STR(buf_str(&r.log), "POST / more,end X=1 Y=2");
    CHECK_STR(buf_str(&r.body), "hello");
    finish();
}

#define EXPECTING "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"

static void a_waiting_client_is_asked_for_its_body(void)
{
    begin();
    say(EXPECTING);
    CHECK_INT(got.n, 0);
    http_server_continue(r.s);
    http_server_continue(r.s);
    turn();
    CHECK_STR(received(), "HTTP/1.1 100 Continue\r\n\r\n");
    say("hello");
    CHECK_STR(buf_str(&r.log), "POST / more,end");
    answer(200, "");
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    CHECK(is_open);
    finish();
}

static void a_client_that_did_not_wait_is_not_asked(void)
{
    begin();
    say(EXPECTING "he");
    http_server_continue(r.s);
    turn();
    CHECK_INT(got.n, 0);
    finish();
}

static void an_answer_instead_of_continue_closes(void)
{
    begin();
    say(EXPECTING);
    answer(401, "no");
    CHECK_STR(received(),
              "HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
    CHECK(!is_open);
    peer_send(client, GET("/2"));
    turn();
    CHECK_INT(n_requests, 1);
    finish();
}

static void a_request_body_stops_at_the_window(void)
{
    static char block[65536];
    size_t sent = 0, body = 8 * 1024 * 1024, offered = 0;

    begin();
    r.holds = true;
    say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n");
    while (r.body_bytes < body) {
        ssize_t n = 0;

        while (n >= 0 && sent < body) {
            for (size_t i = 0; i < sizeof(block); i++)
                block[i] = (char)((sent + i) % 251);
            n = send(client, block, body - sent < sizeof(block) ? body - sent : sizeof(block),
                     MSG_NOSIGNAL);
            sent += n > 0 ? (size_t)n : 0;
        }
        turn_some(loop);
        CHECK(r.body_bytes - offered <= 65536);
        stream_consume(r.s, r.body_bytes - offered);
        offered = r.body_bytes;
        turn_some(loop);
        CHECK(r.body_bytes > offered || r.body_bytes == body);
    }
    for (size_t i = 0; i < body; i++)
        CHECK(r.body.p[i] == (char)(i % 251));
    turn_some(loop);
    CHECK(r.ended);
    CHECK_INT(r.s->bytes_received, body);
    finish();
}

/* Writes `total` bytes as the stream takes them. */
static void write_all(size_t total, size_t piece, size_t n_slices)
{
    static char bytes[256 * 1024];
    size_t written = 0;

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (char)(i % 251);
    while (written < total) {
        struct iovec iov[64];
        size_t left = piece;

        if (left > total - written)
            left = total - written;
        char *from = bytes + written % 251;
        size_t share = left / n_slices;
        for (size_t i = 0; i < n_slices; i++)
            iov[i] = (struct iovec){from + i * share, i + 1 == n_slices ? left - i * share : share};
        size_t taken = stream_write(r.s, iov, (int)n_slices,
                                    written + left == total ? STREAM_END : STREAM_MORE);
        written += taken;
        size_t before = r.writable;
        for (int i = 0; taken < left && r.writable == before; i++) {
            CHECK(i < 1000);
            turn();
        }
    }
    turn();
}

static void check_pattern(str body, size_t total)
{
    CHECK_INT(body.n, total);
    for (size_t i = 0; i < total; i++)
        CHECK(body.p[i] == (char)(i % 251));
}

static void large_answers_arrive_whole_in_any_pieces(void)
{
    static const struct {
        size_t piece, n_slices;
    } ways[] = {{1000, 1}, {16384, 3}, {65536, 1}, {200000, 2}, {200000, 60}, {70000, 40}};

    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        size_t total = 3000000;

        begin();
        say(GET("/"));
        struct http_head head = response(200, (int64_t)total);
        stream_send_head(r.s, &head, STREAM_MORE);
        write_all(total, ways[i].piece, ways[i].n_slices);
        turn();
        size_t end = str_search(buf_str(&got), STR("\r\n\r\n")) + 4;
        check_pattern(str_from(buf_str(&got), end), total);
        recorder_release(&r);
        finish();
    }
}

/* Takes a chunked body apart in place. */
static str unchunk(str text)
{
    char *to = (char *)(uintptr_t)text.p;
    size_t n = 0;

    for (;;) {
        char *end;
        size_t size = strtoul(text.p, &end, 16);

        CHECK(end > text.p && memcmp(end, "\r\n", 2) == 0);
        if (size == 0)
            break;
        memmove(to + n, end + 2, size);
        n += size;
        text.p = end + 2 + size;
        CHECK(memcmp(text.p, "\r\n", 2) == 0);
        text.p += 2;
    }
    return str_make(to, n);
}

static void large_chunked_answers_arrive_whole_in_any_pieces(void)
{
    static const struct {
        size_t piece, n_slices;
    } ways[] = {{1000, 1}, {16384, 3}, {65536, 1}, {200000, 2}, {200000, 60}, {16300, 1}};

    for (size_t i = 0; i < COUNT_OF(ways); i++) {
        size_t total = 3000000;

        begin();
        say(GET("/"));
        struct http_head head = response(200, HTTP_LENGTH_NONE);
        stream_send_head(r.s, &head, STREAM_MORE);
        write_all(total, ways[i].piece, ways[i].n_slices);
        turn();
        size_t end = str_search(buf_str(&got), STR("\r\n\r\n")) + 4;
        buf_put_char(&got, '\0');
        CHECK(str_ends(str_make(got.p, got.n - 1), STR("\r\n0\r\n\r\n")));
        check_pattern(unchunk(str_from(buf_str(&got), end)), total);
        recorder_release(&r);
        finish();
    }
}

static void a_slow_reader_is_bounded(void)
{
    static char block[65536];
    struct iovec iov = {block, sizeof(block)};
    struct server_conn *conn;
    size_t taken;

    begin();
    say(GET("/"));
    struct http_head head = response(200, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_MORE);
    do {
        taken = stream_write(r.s, &iov, 1, STREAM_MORE);
        turn_some(loop);
    } while (taken == sizeof(block));
    CHECK_INT(stream_write(r.s, &iov, 1, STREAM_MORE), 0);
    conn = container_of(r.s, struct server_conn, c.stream);
    CHECK(conn->c.out.n <= H1_OUT_BYTES + 64);
    turn_some(loop);
    CHECK_INT(r.writable, 0);
    for (int i = 0; i < 8; i++)
        turn();
    CHECK_INT(r.writable, 1);
    finish();
}

/* Answers that nobody reads must not pile up, not even small ones to a great many requests. */
static void a_client_that_only_asks_gets_no_more_answers(void)
{
    struct server_conn *conn = NULL;
    struct buf many = {0};
    size_t before;

    for (int i = 0; i < 500; i++)
        buf_put_str(&many, STR(GET("/")));
    begin();
    for (;;) {
        struct http_head head = response(204, HTTP_LENGTH_NONE);

        if (!r.s) {
            (void)!send(client, many.p, many.n, MSG_NOSIGNAL);
            turn_some(loop);
        }
        if (!r.s)
            break;
        conn = container_of(r.s, struct server_conn, c.stream);
        stream_send_head(r.s, &head, STREAM_END);
        recorder_release(&r);
        CHECK(conn->c.out.n < 1024);
        loop_turn(loop, 0);
        r.log.n = 0;
    }
    CHECK(conn && conn->c.out.n > 0);
    before = n_requests;
    for (int i = 0; i < 10 && !r.s; i++)
        turn();
    CHECK_INT(n_requests, before + 1);
    buf_deinit(&many);
    finish();
}

/* --- cancelling --- */

static void expect_cancel(const char *log)
{
    turn_some(loop);
    CHECK_STR(buf_str(&r.log), log);
    recorder_release(&r);
    turn_some(loop);
    CHECK_INT(http_server_connections(server), 0);
    finish();
}

static void closing_cancels_a_request_that_waits_for_its_answer(void)
{
    begin();
    say(GET("/"));
    close(client);
    client = -1;
    expect_cancel("GET /,reset cancelled");
}

static void ending_the_sending_side_cancels_too(void)
{
    begin();
    say(GET("/"));
    shutdown(client, SHUT_WR);
    expect_cancel("GET /,reset cancelled");
    begin();
    say(GET("/1") GET("/2"));
    shutdown(client, SHUT_WR);
    expect_cancel("GET /1,reset cancelled");
}

static void closing_cancels_in_the_middle_of_the_request(void)
{
    begin();
    say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    close(client);
    client = -1;
    expect_cancel("POST / more,reset cancelled");
}

static void closing_cancels_while_nothing_is_read(void)
{
    static char block[65536 + 1000];

    begin();
    r.holds = true;
    say("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000000\r\n\r\n");
    CHECK(send(client, block, sizeof(block), 0) == (ssize_t)sizeof(block));
    turn_some(loop);
    CHECK_INT(r.body_bytes, 65536);
    close(client);
    client = -1;
    expect_cancel("POST / more,reset cancelled");
}

static void closing_cancels_in_the_middle_of_the_answer(void)
{
    static char block[65536];
    struct iovec iov = {block, sizeof(block)};

    begin();
    say(GET("/"));
    struct http_head head = response(200, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_MORE);
    while (stream_write(r.s, &iov, 1, STREAM_MORE) == sizeof(block))
        turn_some(loop);
    close(client);
    client = -1;
    expect_cancel("GET /,reset cancelled");
}

static void closing_after_the_answer_cancels_nothing(void)
{
    begin();
    say(GET("/"));
    struct http_head head = response(200, 0);
    stream_send_head(r.s, &head, STREAM_END);
    close(client);
    client = -1;
    expect_cancel("GET /");
}

static void writing_to_a_cancelled_stream_is_harmless(void)
{
    begin();
    say(GET("/"));
    close(client);
    client = -1;
    turn_some(loop);
    struct http_head head = response(200, 5);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hello", STREAM_END);
    stream_flush(r.s);
    stream_send_trailers(r.s, NULL);
    expect_cancel("GET /,reset cancelled");
}

/* --- answers before the request has come --- */

static void a_small_unread_body_is_thrown_away(void)
{
    begin();
    say("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 33\r\n\r\n");
    answer(403, "no");
    CHECK_STR(received(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    say(GET("/evil"));
    CHECK_INT(n_requests, 1);
    say("12" GET("/2"));
    CHECK_STR(buf_str(&r.log), "POST /1 more,GET /2");
    CHECK(is_open);
    finish();
}

static void an_unread_chunked_body_is_thrown_away(void)
{
    begin();
    say("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
    answer(403, "no");
    say("llo\r\n0\r\nX: 1\r\n\r\n" GET("/2"));
    CHECK_STR(buf_str(&r.log), "POST /1 more,GET /2");
    finish();
}

static void a_large_unread_body_closes_and_the_answer_arrives(void)
{
    static char block[300000];

    begin();
    say("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    (void)!send(client, block, sizeof(block), MSG_NOSIGNAL);
    answer(413, "big");
    CHECK_STR(
        received(),
        "HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    CHECK(!is_open);
    (void)!send(client, GET("/evil"), sizeof(GET("/evil")) - 1, MSG_NOSIGNAL);
    turn_some(loop);
    CHECK_INT(n_requests, 1);
    finish();
}

static void an_endless_chunked_body_is_not_read_for_ever(void)
{
    begin();
    say("POST /1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    answer(403, "no");
    for (int i = 0; i < 1000 && is_open; i++) {
        static char chunk[1024 + 7];

        memcpy(chunk, "400\r\n", 5);
        memcpy(chunk + sizeof(chunk) - 2, "\r\n", 2);
        if (send(client, chunk, sizeof(chunk), MSG_NOSIGNAL) < 0)
            break;
        turn();
    }
    CHECK(!is_open);
    CHECK_INT(n_requests, 1);
    finish();
}

static void releasing_without_an_answer_closes(void)
{
    begin();
    say(GET("/"));
    recorder_release(&r);
    turn();
    CHECK_INT(got.n, 0);
    CHECK(!is_open);
    finish();
}

static void an_answer_cut_short_closes(void)
{
    begin();
    say(GET("/"));
    struct http_head head = response(200, 5);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hel", STREAM_MORE);
    recorder_release(&r);
    turn();
    CHECK(!is_open);
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
    finish();
}

/* --- faults and deadlines --- */

static void a_bad_chunk_is_answered_and_resets_the_stream(void)
{
    begin();
    say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    say("bad");
    CHECK_STR(buf_str(&r.log), "POST / more,reset protocol error");
    CHECK_STR(received(), "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\n"
                          "Content-Length: 7\r\nConnection: close\r\n\r\nbad 400");
    CHECK(!is_open);
    struct http_head head = response(200, 0);
    stream_send_head(r.s, &head, STREAM_END); /* has no effect any more */
    turn();
    CHECK_INT(got.n, 0);
    finish();
}

static void a_bad_chunk_cuts_a_begun_answer(void)
{
    begin();
    say("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    struct http_head head = response(200, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "hello", STREAM_MORE);
    say("xyz");
    CHECK_STR(buf_str(&r.log), "POST / more,reset protocol error");
    CHECK(!is_open);
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    finish();
}

static void late_heads_get_408(void)
{
    struct http_server_limits hasty = patient;

    hasty.head_ms = 1;
    begin_with(&hasty, SOCK_STREAM);
    peer_send(client, "GET / HTTP/1.1\r\nHo");
    while (is_open) {
        loop_turn(loop, 5);
        is_open = peer_read(client, &got);
    }
    CHECK_STR(received(), "HTTP/1.1 408 Request Timeout\r\nContent-Type: application/json\r\n"
                          "Content-Length: 7\r\nConnection: close\r\n\r\nbad 408");
    CHECK_INT(n_requests, 0);
    finish();
}

static void late_bodies_get_408(void)
{
    struct http_server_limits hasty = patient;

    hasty.body_idle_ms = 1;
    begin_with(&hasty, SOCK_STREAM);
    peer_send(client, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
    TURN_UNTIL(loop, r.reset);
    turn();
    CHECK_STR(buf_str(&r.log), "POST / more,reset timeout");
    CHECK(str_starts(buf_str(&got), STR("HTTP/1.1 408 ")));
    finish();
}

static void nobody_waits_for_a_body_that_was_not_asked_for(void)
{
    struct http_server_limits hasty = patient;
    struct server_conn *conn;

    hasty.body_idle_ms = 1;
    begin_with(&hasty, SOCK_STREAM);
    say(EXPECTING);
    conn = container_of(r.s, struct server_conn, c.stream);
    CHECK_INT(conn->waits_for, WAIT_NOTHING);
    http_server_continue(r.s);
    CHECK_INT(conn->waits_for, WAIT_BODY);
    finish();
}

static void idle_connections_end(void)
{
    struct http_server_limits hasty = patient;

    hasty.keep_alive_ms = 1;
    begin_with(&hasty, SOCK_STREAM);
    TURN_UNTIL(loop, http_server_connections(server) == 0);
    finish();
}

static void a_client_that_takes_nothing_is_reset(void)
{
    static char block[65536];
    struct iovec iov = {block, sizeof(block)};
    struct http_server_limits hasty = patient;

    hasty.write_idle_ms = 1;
    begin_with(&hasty, SOCK_STREAM);
    say(GET("/"));
    struct http_head head = response(200, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_MORE);
    while (stream_write(r.s, &iov, 1, STREAM_MORE) == sizeof(block))
        ;
    TURN_UNTIL(loop, r.reset);
    CHECK_STR(buf_str(&r.log), "GET /,reset timeout");
    finish();
}

static void draining_closes_after_the_answer(void)
{
    begin();
    say(GET("/"));
    http_server_drain(server, 60000);
    answer(200, "x");
    CHECK_STR(received(), "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx");
    CHECK(!is_open);
    finish();
}

static void draining_leaves_idle_connections_their_time(void)
{
    begin();
    say(GET("/1"));
    answer(200, "x");
    http_server_drain(server, 60000);
    turn();
    CHECK(is_open);
    say(GET("/2"));
    CHECK_INT(n_requests, 2);
    answer(200, "x");
    CHECK(!is_open);
    finish();
    begin();
    http_server_drain(server, 1);
    TURN_UNTIL(loop, http_server_connections(server) == 0);
    finish();
}

static void on_drain(struct loop_message *message)
{
    (void)message;
    http_server_drain(server, 60000);
}

/* The connection is reset, for there is an answer that the client has not read, and leaves memory
 * at the end of the turn in which the server is told to drain. */
static void draining_sets_no_time_for_what_has_ended(void)
{
    struct loop_message message = {.on_delivery = on_drain};

    struct http_head head = response(200, 0);

    begin();
    say(GET("/"));
    stream_send_head(r.s, &head, STREAM_END);
    recorder_release(&r);
    turn_some(loop);
    close(client);
    client = -1;
    loop_post(loop, &message);
    loop_turn(loop, 0);
    CHECK_INT(http_server_connections(server), 0);
    finish();
}

static void freeing_the_server_resets_what_is_open(void)
{
    begin();
    say(GET("/"));
    http_server_free(server);
    CHECK_STR(buf_str(&r.log), "GET /,reset cancelled");
    recorder_release(&r);
    turn();
    CHECK(!is_open);
    close(client);
    client = -1;
    recorder_clear(&r);
    buf_deinit(&got);
}

static void connections_are_small_and_hold_nothing_while_idle(void)
{
    const struct server_conn *conn;

    CHECK(sizeof(struct server_conn) < 700);
    begin();
    say(GET("/"));
    conn = container_of(r.s, struct server_conn, c.stream);
    struct http_head head = response(200, HTTP_LENGTH_NONE);
    stream_send_head(r.s, &head, STREAM_MORE);
    send_text(r.s, "data: 1\n\n", STREAM_MORE);
    turn();
    CHECK(conn->c.kept == NULL);
    CHECK(conn->c.out.first == NULL);
    finish();
}

static void the_scratch_word_belongs_to_the_connection(void)
{
    begin();
    say(GET("/1"));
    CHECK_INT(*(char *)http_server_scratch(r.s), 0);
    *(char *)http_server_scratch(r.s) = 7;
    answer(200, "");
    say(GET("/2"));
    CHECK_INT(*(char *)http_server_scratch(r.s), 7);
    finish();
}

int main(void)
{
    loop = loop_new();
    RUN(an_answer_leaves_in_one_send);
    RUN(a_head_waits_for_its_body);
    RUN(pipelined_requests_are_answered_in_order);
    RUN(an_answered_stream_is_the_users_until_released);
    RUN(answers_to_head_have_no_body);
    RUN(http_1_0_gets_its_body_until_close);
    RUN(a_body_of_unknown_length_is_chunked);
    RUN(trailers_of_a_request_arrive_filtered);
    RUN(a_waiting_client_is_asked_for_its_body);
    RUN(a_client_that_did_not_wait_is_not_asked);
    RUN(an_answer_instead_of_continue_closes);
    RUN(a_request_body_stops_at_the_window);
    RUN(large_answers_arrive_whole_in_any_pieces);
    RUN(large_chunked_answers_arrive_whole_in_any_pieces);
    RUN(a_slow_reader_is_bounded);
    RUN(a_client_that_only_asks_gets_no_more_answers);
    RUN(closing_cancels_a_request_that_waits_for_its_answer);
    RUN(ending_the_sending_side_cancels_too);
    RUN(closing_cancels_in_the_middle_of_the_request);
    RUN(closing_cancels_while_nothing_is_read);
    RUN(closing_cancels_in_the_middle_of_the_answer);
    RUN(closing_after_the_answer_cancels_nothing);
    RUN(writing_to_a_cancelled_stream_is_harmless);
    RUN(a_small_unread_body_is_thrown_away);
    RUN(an_unread_chunked_body_is_thrown_away);
    RUN(a_large_unread_body_closes_and_the_answer_arrives);
    RUN(an_endless_chunked_body_is_not_read_for_ever);
    RUN(releasing_without_an_answer_closes);
    RUN(an_answer_cut_short_closes);
    RUN(a_bad_chunk_is_answered_and_resets_the_stream);
    RUN(a_bad_chunk_cuts_a_begun_answer);
    RUN(late_heads_get_408);
    RUN(late_bodies_get_408);
    RUN(nobody_waits_for_a_body_that_was_not_asked_for);
    RUN(idle_connections_end);
    RUN(a_client_that_takes_nothing_is_reset);
    RUN(draining_closes_after_the_answer);
    RUN(draining_leaves_idle_connections_their_time);
    RUN(draining_sets_no_time_for_what_has_ended);
    RUN(freeing_the_server_resets_what_is_open);
    RUN(connections_are_small_and_hold_nothing_while_idle);
    RUN(the_scratch_word_belongs_to_the_connection);
    loop_free(loop);
    return test_end();
}

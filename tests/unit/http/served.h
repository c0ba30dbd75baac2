#pragma once

/*
 * Our server on one end of a socket pair, the test as its client on the other. Its requests go to
 * one recorder, each once the one before it is released, and are noted in its log as "POST /x
 * more", or "GET /x websocket" where one wants to leave HTTP.
 */

#include "http/server.h"
#include "unit/http/recorder.h"
#include "unit/test.h"

static const struct http_server_limits patient = {
    .head_bytes = 4096,
    .headers = 32,
    .head_ms = 60000,
    .body_idle_ms = 60000,
    .keep_alive_ms = 60000,
    .write_idle_ms = 60000,
};

static struct loop *loop;
static struct http_server *server;
static int client = -1;
static struct buf got; /* what the client has received */
static bool is_open;   /* nothing says that the server has closed */
static struct recorder r;
static size_t n_requests;

static inline void served_on_request(void *ctx, struct stream *s, const struct http_head *head,
                                     enum stream_end end)
{
    (void)ctx;
    n_requests++;
    s->events = &recorder_events;
    s->ctx = &r;
    r.s = s;
    r.ended = end == STREAM_END && !head->upgrade; /* a 101 opens it again */
    if (r.log.n)
        buf_put_char(&r.log, ',');
    buf_printf(&r.log, "%.*s %.*s%s", STR_ARG(head->method_text), STR_ARG(head->target),
               end == STREAM_END ? "" : " more");
    if (head->upgrade)
        buf_printf(&r.log, " %.*s", STR_ARG(http_upgrade_name(head->upgrade)));
}

static inline void served_on_bad_request(void *ctx, unsigned status, str detail,
                                         struct buf *ret_body)
{
    (void)ctx, (void)detail;
    buf_printf(ret_body, "bad %u", status);
}

static const struct http_server_handler handler = {.on_request = served_on_request,
                                                   .on_bad_request = served_on_bad_request};

static inline void begin_with(const struct http_server_limits *limits, int type)
{
    int fds[2];

    CHECK(socketpair(AF_UNIX, type | SOCK_NONBLOCK, 0, fds) == 0);
    recorder_clear(&r);
    got.n = 0;
    server = http_server_new(loop, limits, &handler, NULL);
    http_server_accept(server, fds[0], NULL);
    client = fds[1];
    n_requests = 0;
    is_open = true;
}

static inline void begin(void)
{
    begin_with(&patient, SOCK_STREAM);
}

static inline void finish(void)
{
    if (client >= 0)
        close(client);
    client = -1;
    turn_some(loop);
    if (r.s)
        recorder_release(&r);
    turn_some(loop);
    CHECK_INT(http_server_connections(server), 0);
    http_server_free(server);
    recorder_clear(&r);
    buf_deinit(&got);
}

static inline void turn(void)
{
    turn_some(loop);
    is_open = peer_read(client, &got);
}

static inline void say(const char *text)
{
    peer_send(client, text);
    turn();
}

/* What the client got, without Date headers; empties it. */
static inline str received(void)
{
    size_t at;

    while ((at = str_search(buf_str(&got), STR("Date: "))) < got.n) {
        size_t line = sizeof("Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n") - 1;

        memmove(got.p + at, got.p + at + line, got.n - at - line);
        got.n -= line;
    }
    str text = buf_str(&got);
    got.n = 0;
    return text;
}

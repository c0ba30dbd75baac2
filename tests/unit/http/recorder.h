#pragma once

/*
 * Writes down the events of a stream as words, so that a test compares one string: "open",
 * "head 200 more", "body hello", "end", "end x=1" (a trailer), "writable", "reset cancelled",
 * "reset refused unprocessed". Bodies are put together; beyond 64 bytes only the count is noted.
 */

#include "base/buf.h"
#include "http/stream.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct recorder {
    struct stream *s;
    struct buf log;
    struct buf body;
    size_t body_bytes;
    size_t writable;
    bool holds; /* does not consume */
    bool ended, reset, opened;
    bool releases_at_end;
    bool has_head;
    unsigned status;
};

static inline void record(struct recorder *r, const char *word)
{
    if (r->log.n)
        buf_put_char(&r->log, ',');
    buf_put_str(&r->log, str_of(word));
}

static inline void recorder_release(struct recorder *r)
{
    struct stream *s = r->s;

    r->s = NULL;
    stream_release(s);
}

static inline void recorder_clear(struct recorder *r)
{
    buf_deinit(&r->log);
    buf_deinit(&r->body);
    *r = (struct recorder){0};
}

static inline void recorder_on_open(void *ctx, struct stream *s)
{
    struct recorder *r = ctx;

    (void)s;
    r->opened = true;
    record(r, "open");
}

static inline void recorder_on_head(void *ctx, struct stream *s, const struct http_head *head,
                                    enum stream_end end)
{
    struct recorder *r = ctx;
    char word[32];

    (void)s;
    snprintf(word, sizeof(word), "head %u %s", head->status, end == STREAM_END ? "end" : "more");
    record(r, word);
    r->status = head->status;
    r->has_head = head->status >= 200;
    r->ended = end == STREAM_END;
    if (r->ended && r->releases_at_end)
        recorder_release(r);
}

static inline void recorder_on_body(void *ctx, struct stream *s, str slice)
{
    struct recorder *r = ctx;

    buf_put_str(&r->body, slice);
    r->body_bytes += slice.n;
    if (!r->holds)
        stream_consume(s, slice.n);
}

static inline void recorder_on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    struct recorder *r = ctx;

    (void)s;
    record(r, "end");
    for (size_t i = 0; trailers && i < trailers->n_headers; i++)
        buf_printf(&r->log, " %.*s=%.*s", STR_ARG(trailers->headers[i].name),
                   STR_ARG(trailers->headers[i].value));
    r->ended = true;
    if (r->releases_at_end)
        recorder_release(r);
}

static inline void recorder_on_writable(void *ctx, struct stream *s)
{
    struct recorder *r = ctx;

    (void)s;
    r->writable++;
}

static inline void recorder_on_reset(void *ctx, struct stream *s, enum stream_reset why,
                                     bool unprocessed)
{
    static const char *const words[] = {
        [STREAM_CANCELLED] = "reset cancelled",
        [STREAM_CONNECT_FAILED] = "reset connect failed",
        [STREAM_CONNECT_TIMEOUT] = "reset connect timeout",
        [STREAM_TLS_FAILED] = "reset tls failed",
        [STREAM_PEER_CLOSED] = "reset peer closed",
        [STREAM_PROTOCOL_ERROR] = "reset protocol error",
        [STREAM_REFUSED] = "reset refused",
        [STREAM_TIMEOUT] = "reset timeout",
    };
    struct recorder *r = ctx;

    (void)s;
    record(r, words[why]);
    if (unprocessed)
        buf_put_str(&r->log, STR(" unprocessed"));
    r->reset = true;
}

static const struct stream_events recorder_events = {
    .on_open = recorder_on_open,
    .on_head = recorder_on_head,
    .on_body = recorder_on_body,
    .on_end = recorder_on_end,
    .on_writable = recorder_on_writable,
    .on_reset = recorder_on_reset,
};

/* --- the other end of a connection, scripted --- */

/* What has arrived, appended; false at the end. */
static inline bool peer_read(int fd, struct buf *to)
{
    ssize_t n;

    do {
        char *at = buf_reserve(to, 65536);

        n = recv(fd, at, 65536, MSG_DONTWAIT);
        if (n > 0)
            to->n += (size_t)n;
    } while (n > 0);
    return n < 0 && errno == EAGAIN;
}

static inline void peer_send(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        abort();
}

/* Turns the loop until the condition holds. What is waited for always comes; a test that hangs is
 * ended by the runner. */
#define TURN_UNTIL(loop, condition)                                                                \
    while (!(condition))                                                                           \
    loop_turn(loop, 5)

static inline void turn_some(struct loop *loop)
{
    for (int i = 0; i < 6; i++)
        loop_turn(loop, 0);
}

static inline void send_text(struct stream *s, const char *text, enum stream_end end)
{
    struct iovec iov = {(void *)(uintptr_t)text, strlen(text)};

    if (stream_write(s, &iov, 1, end) != strlen(text))
        abort();
}

#pragma once

/*
 * The narrow waist: one HTTP exchange as its user sees it, whatever carries it and on whichever
 * side of the gateway. A server stream receives a request and sends a response; a client stream the
 * other way round. HTTP/1.1 and HTTP/2 implement it.
 *
 * Flow is pulled. A stream delivers at most its window of body bytes (64 KiB) before some are
 * consumed: on_body passes a slice that lives for that call, the receiver forwards it or copies it,
 * and calls stream_consume for what it has got rid of, which lets the stream read on. Writing is
 * the mirror image: stream_write returns how many bytes it took; after less than all, on_writable
 * says when to try again. Every queue has a bound.
 *
 * Heads are held back until the first stream_write, stream_flush or end, so that head and a small
 * body leave in one send.
 *
 * A request with http_head.upgrade set asks to leave HTTP (WebSocket). It has no body and is sent,
 * and received, with STREAM_END. Any answer but a 101 leaves it an ordinary exchange. A 101, which
 * a server stream's user sends with stream_send_head and a client stream's gets by on_head, makes
 * the stream a tunnel: both halves are open again, on_body and stream_write carry whatever bytes,
 * and each half ends apart from the other, with on_end where the peer has ended its own and with
 * STREAM_END where the user ends ours. A peer that breaks the connection resets the stream. A 101
 * is not held back. What the client had sent behind its request comes first. No deadline applies to
 * a tunnel, apart from a server's write_idle_ms: how long it may be silent, its user decides.
 *
 * Ownership: a stream belongs to its connection. Its user calls stream_release exactly once, at any
 * time after it got it; no event follows. Releasing a stream whose halves are not both ended resets
 * it (a server stream's connection is closed, a client stream's request is cancelled upstream at
 * once). A tunnel may be released once its sending half is ended: what is queued still leaves, and
 * what comes is thrown away for a moment, so that the last bytes are not lost to a reset. Calling
 * any stream function from inside its callbacks is allowed.
 */

#include "http/head.h"

#include <sys/uio.h>

struct stream;

enum stream_end { STREAM_MORE, STREAM_END };

/* Why a stream was reset. */
enum stream_reset {
    STREAM_CANCELLED, /* the peer went away or asked for it (client side of the gateway: the client
                         is gone) */
    STREAM_CONNECT_FAILED, /* DNS, TCP connect */
    STREAM_CONNECT_TIMEOUT,
    STREAM_TLS_FAILED,
    STREAM_PEER_CLOSED,    /* closed or reset in the middle of a message */
    STREAM_PROTOCOL_ERROR, /* the peer broke HTTP */
    STREAM_REFUSED,        /* not processed, for sure: refused stream, GOAWAY, a stale keep-alive
                              connection before any byte */
    STREAM_TIMEOUT, /* a deadline of the connection itself: a head or body that trickles in too
                       slowly, a write that nobody takes */
};

struct stream_events {
    /* Client streams that were not usable at once: connected, the head may be sent. */
    void (*on_open)(void *ctx, struct stream *s);

    /* The head of a response (client streams; informational ones, 1xx without 101, come first, any
     * number of them; a 101 only where the request has asked for it, of what it has asked for). A
     * server stream's request head is passed to the server's on_request instead. `end`: no body
     * follows, nor on_end. */
    void (*on_head)(void *ctx, struct stream *s, const struct http_head *head, enum stream_end end);

    void (*on_body)(void *ctx, struct stream *s, str slice);

    /* The message has ended. `trailers` may be NULL; it lives for this call. */
    void (*on_end)(void *ctx, struct stream *s, const struct http_head *trailers);

    void (*on_writable)(void *ctx, struct stream *s);

    /* The stream is dead: nothing can be sent or received. `unprocessed` is true only if the peer
     * can't have acted on the request, which alone makes any method safe to repeat. The user still
     * has to release it. */
    void (*on_reset)(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed);
};

struct stream_ops {
    void (*send_head)(struct stream *s, const struct http_head *head, enum stream_end end);
    size_t (*write)(struct stream *s, const struct iovec *iov, int n, enum stream_end end);
    void (*send_trailers)(struct stream *s, const struct http_head *trailers);
    void (*flush)(struct stream *s);
    void (*consume)(struct stream *s, size_t n);
    void (*release)(struct stream *s);
};

/* The first member of every implementation. */
struct stream {
    const struct stream_ops *ops;
    const struct stream_events *events;
    void *ctx;
    uint64_t
        bytes_sent; /* on the wire, heads and framing included; 0 means the peer has seen nothing */
    uint64_t bytes_received; /* body bytes delivered */
};

/* Response head on a server stream (1xx heads may precede), request head on a client stream. The
 * head's content_length says how the body is framed: HTTP_LENGTH_NONE with STREAM_MORE means
 * chunked (or until close for an HTTP/1.0 client). Connection, Content-Length, Transfer-Encoding,
 * Keep-Alive, Upgrade and Date headers are the codec's own: any in `head` are ignored, and
 * head->upgrade says what to ask for or to offer (in a 101 it is what was asked for). A 101 that
 * the request did not ask for is a programming error. The head is serialised before this returns.
 */
static inline void stream_send_head(struct stream *s, const struct http_head *head,
                                    enum stream_end end)
{
    s->ops->send_head(s, head, end);
}

/* Body bytes taken, in order; less than all: on_writable follows. STREAM_END takes effect only if
 * all were taken. n may be 0 with STREAM_END. Writing more than content_length promises is a
 * programming error. */
static inline size_t stream_write(struct stream *s, const struct iovec *iov, int n,
                                  enum stream_end end)
{
    return s->ops->write(s, iov, n, end);
}

/* Ends the body with trailers (chunked and HTTP/2 only; elsewhere they are dropped and the body
 * just ends). */
static inline void stream_send_trailers(struct stream *s, const struct http_head *trailers)
{
    s->ops->send_trailers(s, trailers);
}

/* Sends what is held back. */
static inline void stream_flush(struct stream *s)
{
    s->ops->flush(s);
}

static inline void stream_consume(struct stream *s, size_t n)
{
    s->ops->consume(s, n);
}

static inline void stream_release(struct stream *s)
{
    s->ops->release(s);
}

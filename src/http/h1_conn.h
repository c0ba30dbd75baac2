#pragma once

/*
 * What the two ends of HTTP/1.1 have in common: a connection that carries one stream at a time. It
 * reads into the worker's buffer and keeps only what it can't use yet, delivers a body within its
 * window, and queues what goes out. server and client add their own states and heads.
 *
 * Input is pulled by one loop that never nests (`pumping`): callbacks may call any stream function,
 * and what they change is looked at when they return. Events never come out of a stream function
 * that the user calls: what such a call sets off (a failed send, bytes that may be read on) is left
 * to `task`, at the end of the turn. The same task sends what small writes have gathered.
 *
 * A connection is freed by its task, after it is closed and its stream is released.
 */

#include "base/buf.h"
#include "http/h1_body.h"
#include "http/h1_out.h"
#include "http/stream.h"

enum {
    H1_READ_BYTES = 65536,   /* of one read */
    H1_WINDOW_BYTES = 65536, /* of body delivered and not consumed */
    H1_TURN_BYTES =
        131072, /* of one connection in one turn and direction: then others have theirs */
};

/* What the connections of one loop share. */
struct h1_worker {
    struct loop *loop;
    struct h1_limits limits;
    struct http_header *headers; /* of the head that is being parsed */
    size_t headers_room;
    char *buffer; /* of the read that is being digested */
    size_t buffer_bytes;
    struct h1_blocks blocks;
    struct buf text; /* of the head that is being written */
};

void h1_worker_init(struct h1_worker *w, struct loop *loop, struct h1_limits limits);
void h1_worker_deinit(struct h1_worker *w);

/* For what is parsed from now on; not while something is. */
void h1_worker_set_limits(struct h1_worker *w, struct h1_limits limits);

struct h1_conn {
    struct stream stream; /* first */
    struct h1_worker *worker;
    struct transport t;
    struct loop_task task;
    struct deadline again; /* 0 ms: goes on in the next turn, after others had theirs */
    struct h1_out out;
    char *kept; /* bytes read and not used yet: a part of a head, or the next request */
    size_t kept_n;
    struct h1_parser parser;
    struct h1_body body; /* of the message that comes in */
    int64_t send_rest;   /* of a body with a length that goes out */
    size_t unconsumed;
    int64_t turn_ns; /* the turn in which these were read and sent */
    uint32_t turn_read, turn_sent;
    uint8_t send_framing; /* enum h1_framing */
    bool leased;          /* the user has the stream */
    bool pumping;
    bool paused;        /* the window was used up; goes on when half of it is free */
    bool received_head; /* (the final one) */
    bool received_all;
    bool sent_head; /* the final one is at least queued */
    bool sent_all;  /* the whole message is at least queued */
    bool cut_short; /* ended before the length that its head promised */
    bool held;      /* the head waits for the body */
    bool wants_writable;
    bool send_failed;
    bool tunnel;      /* no HTTP any more: the body of either side is what comes until it ends */
    bool half_closed; /* a tunnel's sending side is, behind its last byte */
    int failure;      /* the first errno of the transport, 0 so far: later ones say less */
    bool dead;        /* on_reset is due or was given: what the user still does has no effect */
    bool closed;      /* the transport is */
};

/* Starts a new exchange: everything about the last one is forgotten, kept bytes and queue stay. */
void h1_conn_reset(struct h1_conn *c, enum h1_kind receives);
void h1_conn_deinit(struct h1_conn *c);

/* The bytes at hand: those that were kept, now in the worker's buffer, and behind them, if
 * `most` > 0 and the transport is readable, one read of at most so many. Returns what the read
 * returned; -EAGAIN where there was none. */
ssize_t h1_conn_read(struct h1_conn *c, size_t most, str *ret_bytes);
void h1_conn_keep(struct h1_conn *c, str rest);

/* How much to read while a body comes in. */
static inline size_t h1_conn_window(const struct h1_conn *c)
{
    return c->paused ? 0 : H1_WINDOW_BYTES - c->unconsumed;
}

enum h1_pulled {
    H1_PULL_MORE,    /* needs bytes */
    H1_PULL_BLOCKED, /* the window is used up */
    H1_PULL_STOPPED, /* the user has released the stream, or closed the connection */
    H1_PULL_ENDED,   /* received_all is set, on_end was called */
    H1_PULL_BAD,
};

/* Delivers body bytes; *bytes moves on to what is left. */
enum h1_pulled h1_conn_pull(struct h1_conn *c, str *bytes, enum h1_fault *ret_fault);

/* Reads the body without delivering it, at most *budget bytes of it. */
enum h1_pulled h1_conn_discard(struct h1_conn *c, str *bytes, size_t *budget);

/* The user got rid of n bytes; true if reading has to go on. */
bool h1_conn_consumed(struct h1_conn *c, size_t n);

/* Queues a body according to send_framing; returns the bytes taken. Sends at once what is large. */
size_t h1_conn_write(struct h1_conn *c, const struct iovec *iov, int n, enum stream_end end);
void h1_conn_write_trailers(struct h1_conn *c, const struct http_head *trailers);

/* Queues what is in the worker's text; begin_message: as the final head of a message whose body is
 * framed so. The head is held back until the body, a flush or the end. */
void h1_conn_put_text(struct h1_conn *c);
void h1_conn_begin_message(struct h1_conn *c, enum h1_framing framing, int64_t length,
                           enum stream_end end);

/* stream_flush: sends what is queued, a head that is held back included. */
void h1_conn_release_head(struct h1_conn *c);

/* Everything is queued. What fits a block leaves at the end of the turn, beside what other
 * connections have to send: who waits for it on another processor is woken once for all of them. */
void h1_conn_end(struct h1_conn *c);

/* Sends what is queued as far as it goes. A failure is left in send_failed. */
void h1_conn_flush(struct h1_conn *c);

/* After a flush: true, once, if the user waits for room and there is some. */
bool h1_conn_take_writable(struct h1_conn *c);

/* Remembers why the transport failed. */
void h1_conn_note_failure(struct h1_conn *c);

static inline void h1_conn_go_on_later(struct h1_conn *c)
{
    deadline_set(c->worker->loop, &c->again, 0);
}

static inline void h1_conn_defer(struct h1_conn *c)
{
    loop_defer(c->worker->loop, &c->task);
}

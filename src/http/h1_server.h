#pragma once

/*
 * The server's side of HTTP/1.1, inside: server.c holds the server and its connections, h1_server.c
 * a connection's way from one state to the next, h1_server_input.c what it reads,
 * h1_server_send.c the stream functions and the codec's own answers.
 *
 *                          head complete
 *      IDLE ────────────────────────────────────► EXCHANGE
 *       ▲ │ ▲                                       │ │ │
 *       │ │ └──── answered, request read, open ─────┘ │ │ answered, rest of the request small
 *       │ │ malformed                                 │ ▼
 *       └─┼───────────────────────────────────────────┼─ DISCARD
 *         ▼                                           ▼    │ too much
 *      CLOSING ◄── answered, not to be kept open ──────────┘
 *         │ everything sent
 *         ▼
 *      LINGER ── the client closes, or enough is enough ──► CLOSED
 *
 * A connection is in EXCHANGE from a request's head until its stream is released and the answer is
 * queued. One request is answered at a time: pipelined ones wait unparsed, in the bytes that came
 * with the one before or in the kernel. A client that closes, or only ends its sending side, during
 * an exchange has cancelled it, complete request or not.
 *
 * A request that wants to leave HTTP is an exchange like any other until its answer: what the
 * client sends behind it stays unparsed, and is the next request unless the answer is a 101. From
 * there on the exchange is a tunnel (h1_tunnel.h), a client's FIN ends one half of it, and the
 * connection goes by CLOSING when the stream is released.
 *
 * LINGER is there because closing a socket with unread bytes resets it, and a reset can overtake
 * the answer: the sending side is closed, and what still comes is thrown away for a moment.
 */

#include "http/h1_tunnel.h"
#include "http/server.h"

enum { H1_DISCARD_BYTES = 256 * 1024 /* of a request that was answered before it was read */ };

enum server_state {
    SERVER_IDLE,
    SERVER_EXCHANGE,
    SERVER_DISCARD,
    SERVER_CLOSING,
    SERVER_LINGER,
    SERVER_CLOSED,
};

/* What the deadline `patience` is for. It is left armed when the wait is over. */
enum server_wait {
    WAIT_NOTHING,
    WAIT_HANDSHAKE,
    WAIT_REQUEST,
    WAIT_HEAD,
    WAIT_BODY,
    WAIT_LINGER,
};

struct http_server {
    struct h1_worker worker;
    struct http_server_limits limits;
    const struct http_server_handler *handler;
    void *ctx;
    struct list connections;
    size_t n_connections;
    struct buf body; /* of the codec's own answers */
    int64_t date_second;
    char date[32];
    int64_t drain_idle_ms;
    bool draining;
    bool freed; /* waits for the last connection's memory */
};

struct server_conn {
    struct h1_conn c; /* first */
    struct http_server *server;
    struct list link;
    struct deadline patience; /* with what the client sends */
    struct deadline stalled;  /* with what it takes */
    size_t discard_budget;
    enum http_method method;
    unsigned version;
    uint8_t state;      /* enum server_state */
    uint8_t waits_for;  /* enum server_wait */
    uint8_t upgrade;    /* enum http_upgrade, that the request wants */
    bool keep_alive;    /* this exchange leaves the connection open */
    bool client_closes; /* it asked for the close: no more comes from it */
    bool waits_continue;
    bool starved; /* what was kept is not enough to go on with */
    bool surplus; /* bytes came that nobody wanted */
    bool resumes; /* input has to be looked at again */
    bool watches_stall;
    _Alignas(8) char scratch[HTTP_SERVER_SCRATCH_BYTES];
};

extern const struct stream_ops h1_server_ops;

/* h1_server.c */
void h1_server_on_transport(struct transport *t, unsigned events);
void h1_server_run_task(struct loop_task *task);
void h1_server_on_again(struct deadline *deadline);
void h1_server_on_patience(struct deadline *deadline);
void h1_server_on_stalled(struct deadline *deadline);

/* Rearms `patience`. */
void h1_server_wait(struct server_conn *conn, enum server_wait what);

/* The user has released the stream: decides what becomes of the connection. */
void h1_server_settle(struct server_conn *conn);

/* Request read, answer queued, stream released: on to the next request, or to CLOSING. */
void h1_server_finish_exchange(struct server_conn *conn);

/* The request turned out to be broken in its body. */
void h1_server_break_off(struct server_conn *conn, unsigned status, str detail,
                         enum stream_reset why);

/* The client has ended its sending side, or all of it. */
void h1_server_peer_gone(struct server_conn *conn);
void h1_server_start_closing(struct server_conn *conn);

/* In CLOSING: once everything is sent, ends the sending side and lingers, unless the client is
 * known to send nothing more. */
void h1_server_go_on_closing(struct server_conn *conn);

/* Closes at once; a stream that is leased and has not ended both ways is reset. */
void h1_server_close(struct server_conn *conn, enum transport_close how, enum stream_reset why);
void h1_server_close_quietly(struct server_conn *conn);

/* h1_server_input.c */

/* Digests what was kept; if that is not enough, one read and what it brought. More waits for the
 * next turn, so that a connection that never runs dry leaves room for others. */
void h1_server_input(struct server_conn *conn);

/* h1_server_send.c */

/* Answers with the handler's body for `status`, if nothing was answered yet, and closes. */
void h1_server_refuse(struct server_conn *conn, unsigned status, str detail);

/* server.c */
void h1_server_drop(struct server_conn *conn);
str h1_server_date(struct http_server *server);

#pragma once

/*
 * The client's side of HTTP/1.1, inside: upstream.c holds the pools, h1_dial.c the way to a
 * connection, h1_client.c an exchange on it, h1_client_send.c the stream functions,
 * h1_client_tunnel.c what an exchange becomes by a 101.
 *
 *   RESOLVING ──► CONNECTING ──► BUSY ◄──► IDLE
 *       └──────────────┴──────────┴─────────┴───► CLOSED
 *
 * A connection is BUSY while its stream is leased and goes back to IDLE only if nothing about it is
 * in doubt: the request was sent completely, the answer ended where its framing says, nothing came
 * behind it, both sides want to keep it; or nothing was sent or received at all. IDLE ones are
 * leased again newest first, and are dropped as soon as the peer closes or says anything.
 */

#include "base/map.h"
#include "http/h1_tunnel.h"
#include "http/identity.h"
#include "http/upstream.h"

enum { H1_DIAL_TRIES = 3 /* addresses of one host, within one deadline */ };

enum client_state {
    CLIENT_RESOLVING,
    CLIENT_CONNECTING,
    CLIENT_BUSY,
    CLIENT_IDLE,
    CLIENT_CLOSED,
    CLIENT_STATES,
};

/* The connections of one origin. */
struct upstream_pool {
    uint64_t id; /* its bytes are the key in the map of pools */
    struct list idle;
    size_t n_idle;
    size_t n_connections; /* the pool goes with the last one */
    bool retired;
};

/* Of a peer's identity, as far as it has come. */
struct client_proof {
    char expected[IDENTITY_PROOF_BYTES];
    char got[IDENTITY_PROOF_BYTES];
    size_t n;
};

struct client_conn {
    struct h1_conn c; /* first */
    struct upstream_pools *pools;
    struct upstream_pool *pool;
    struct list link;                     /* all of these pools */
    struct list idle_link;                /* of its origin, while IDLE */
    const struct upstream_origin *origin; /* while it is dialled */
    struct client_proof *proof;           /* while the peer owes it */
    struct net_address address;
    struct resolver_query query;
    struct deadline deadline; /* to connect, to stay idle, or to linger; left armed when the state
                                 moves on */
    uint8_t state;            /* enum client_state */
    uint8_t tries;
    uint8_t why;     /* enum stream_reset, of a failure that the task has to tell */
    uint8_t asked;   /* enum http_method */
    uint8_t upgrade; /* enum http_upgrade, that was asked for */
    bool failing;
    bool unprocessed;
    bool reused;
    bool keep_alive;
    bool answered; /* at least a byte came */
    bool surplus;  /* bytes came behind the answer */
    bool starved;
    bool resumes;
    bool lingers; /* a tunnel whose user has left */
};

struct upstream_pools {
    struct h1_worker worker;
    struct resolver *resolver;
    struct upstream_limits limits;
    struct map pools; /* of struct upstream_pool */
    struct list connections;
    size_t n_connections;
    uint64_t in_state[CLIENT_STATES];
    uint64_t dialled, n_reused, connect_failures, stale;
    bool freed; /* waits for the last connection's memory */
};

extern const struct stream_ops h1_client_ops; /* h1_client_send.c */

/* h1_client.c */
void h1_client_on_transport(struct transport *t, unsigned events);
void h1_client_run_task(struct loop_task *task);
void h1_client_on_again(struct deadline *deadline);
void h1_client_on_deadline(struct deadline *deadline);
void h1_client_move(struct client_conn *conn, enum client_state to);

/* Closes it and tells the user, if it has the stream still. */
void h1_client_fail(struct client_conn *conn, enum stream_reset why);

/* The same from within a function that the user called: told at the end of the turn. */
void h1_client_fail_later(struct client_conn *conn, enum stream_reset why);
void h1_client_close(struct client_conn *conn, enum transport_close how);

/* After a release: back to the pool, if nothing speaks against it. */
void h1_client_settle(struct client_conn *conn);

/* Connected, and no byte of this exchange has gone either way. */
bool h1_client_is_unused(const struct client_conn *conn);

/* h1_client_tunnel.c */

/* A 101 has come: a tunnel from here on, or an answer that nobody asked for. */
void h1_client_switch(struct client_conn *conn, const struct http_head *head);

/* The user has ended its half and left: what is queued leaves, then the connection ends. Called
 * again whenever something happens to it. */
void h1_client_linger(struct client_conn *conn);

/* The connection is broken, and nothing more is to be read that would tell. */
void h1_client_tunnel_broke(struct client_conn *conn);

/* h1_dial.c */
void h1_dial(struct client_conn *conn);

/* Connected: asks the peer who it is, if the origin says so. Called for all that happens to the
 * connection until then; true once nothing stands against a request. */
bool h1_dial_is_proven(struct client_conn *conn);

/* The address at hand did not answer: tries another one, or fails. */
void h1_dial_next(struct client_conn *conn);
void h1_dial_give_up_address(struct client_conn *conn);

/* upstream.c */

/* To the idle ones of its origin; false: it has to be closed. */
bool h1_client_park(struct client_conn *conn);
void h1_client_drop(struct client_conn *conn);

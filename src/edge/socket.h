#pragma once

/*
 * A WebSocket between a client and a replica, from the replica's 101 to the end of both halves.
 * Bytes pass as they come; frames are followed (http/websocket.h) for the limit of a message and so
 * that the socket can be ended between two of them: each side then gets a close frame, with a code
 * that says why, and the end of its half. Close frames of the two themselves pass like anything
 * else. What one side does not take is copied and no credit returned to the other, so each half
 * holds at most a window.
 *
 * Of a socket that the rules forbid from now on not one byte more goes to the replica: it sees a
 * reset, and the client the reason.
 */

#include "base/buf.h"
#include "http/websocket.h"
#include "net/loop.h"
#include "route/trace.h"

struct exchange;

struct socket_half {
    struct websocket_scan scan;
    struct buf rest; /* that the receiver has not taken */
    size_t rest_at;
    size_t unconsumed;
    bool input_ended; /* by the sender */
    bool parting;     /* our own goodbye, if there was to be one, is the last of the bytes */
    bool ended;       /* towards the receiver */
};

struct socket {
    struct exchange *exchange;
    struct socket_half up, down; /* to the replica, to the client */
    struct deadline idle;        /* and the end's own, once it is being ended */
    struct deadline key_end;     /* when its key expires, or an hour before that is looked at */
    int64_t idle_ms;
    bool closing;
    enum websocket_close code; /* that it is ended with */
    str reason;
    enum route_outcome outcome; /* of the attempt */
};

/* The replica has agreed: so is the client told, and the bytes begin. */
void socket_begin(struct exchange *x, const struct http_head *answer);

void socket_from_client(struct exchange *x, str bytes);
void socket_from_replica(struct exchange *x, str bytes);
void socket_client_ended(struct exchange *x);
void socket_replica_ended(struct exchange *x);
void socket_is_writable(struct exchange *x); /* either side */

/* Has it judged when its key, as the newest policy has it, expires. */
void socket_watch_key(struct exchange *x);

/* Ends it from here, between frames. */
void socket_end(struct exchange *x, enum websocket_close code, str reason);

/* The connection to the replica has broken, or is broken now: a policy forbids it. */
void socket_lost_replica(struct exchange *x);
void socket_forbid(struct exchange *x);

void socket_deinit(struct socket *s);

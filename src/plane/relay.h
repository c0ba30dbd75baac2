#pragma once

/*
 * A replica's public port: passes bytes between an edge and the replica's own process, in both
 * directions, for as long as both want. It knows nothing of HTTP.
 *
 *   CHALLENGED ──► CONNECTING ──► OPEN ──► BROKEN
 *       └──────────────┴───────────┴─────────┴──► closed
 *
 * A connection begins with the challenge of http/identity.h, which is answered when a connection to
 * the process stands: so whoever has the proof knows that its bytes will get there, and one that
 * could not be made was never used. Halves end apart. When the process breaks a connection, what it
 * had said before still gets to the edge (BROKEN), and then the connection is broken there too; an
 * edge that breaks one breaks the other at once.
 *
 * A connection holds no buffer but for bytes that one side has given and the other does not take
 * yet, one read's worth each way.
 */

#include "base/list.h"
#include "net/listener.h"

enum {
    RELAY_CHALLENGE_MS = 5000, /* for the challenge, and to connect */
    RELAY_READ_BYTES = 64 << 10,
    RELAY_TURN_BYTES = 256 << 10, /* of one direction in one turn of the loop */
};

enum relay_service { RELAY_REFUSES, RELAY_SERVES };

struct relay;
typedef void (*relay_fn)(struct relay *r);

/* Zero-initialised before relay_init. */
struct relay {
    struct loop *loop;
    struct listener listener;
    int listening_fd;
    char identity[65];
    uint16_t to_port;
    enum relay_service service;
    struct list connections;
    size_t n;
    relay_fn on_empty; /* after the last connection, once the relay is closing */
    bool closing;
    uint64_t accepted;
    char *scratch;
};

/* Listens on 127.0.0.1:port and refuses until told otherwise. 0 or a negative errno. */
int relay_init(struct relay *r, struct loop *loop, uint16_t port, uint16_t to_port, str identity,
               relay_fn on_empty);
/* Memory of its connections goes at the end of the turn, so the relay outlives that. */
void relay_deinit(struct relay *r);

/* While it refuses, new connections are closed without a proof; old ones go on. */
void relay_set_service(struct relay *r, enum relay_service service);

/* No new connections from now on. on_empty follows when the last one ends; r->n says whether there
 * are any. */
void relay_close(struct relay *r);

/* Breaks all there are. */
void relay_break(struct relay *r);

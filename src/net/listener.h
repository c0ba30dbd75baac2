#pragma once

/*
 * Listening sockets: made here or inherited, and accepted from on a loop. A listening description
 * may be shared between workers and between processes (generations of an edge), so one connection
 * wakes one of them, and stopping takes it out of this loop's epoll before anything else: nobody
 * else stops with it.
 */

#include "net/address.h"
#include "net/loop.h"

enum listen_share { LISTEN_ALONE, LISTEN_REUSEPORT };

/* Binds and listens: 0 and a non-blocking, close-on-exec descriptor, or a negative errno. [::]
 * takes IPv4 as well, and is 0.0.0.0 on a machine without IPv6. A Unix socket is its user's alone
 * (mode 0600); the file of one that nobody listens on is replaced, a file of another kind is not.
 */
int listen_on(const struct net_address *address, enum listen_share share, int *ret_fd);

struct listener;
typedef void (*listener_fn)(struct listener *l, int fd);

/* Embedded, zero-initialised. */
struct listener {
    struct loop_io io;
    struct loop *loop;     /* NULL when stopped */
    struct deadline retry; /* armed while the process is out of descriptors */
    listener_fn on_accept; /* gets a non-blocking, close-on-exec descriptor and owns it */
    void *ctx;
    bool paused;
};

/* Accepts from `fd`, which stays the caller's. Calls on_accept from the loop's turns only. Out of
 * descriptors it leaves connections in the backlog and looks again in a moment. 0 or a negative
 * errno. */
int listener_start(struct listener *l, struct loop *loop, int fd, listener_fn on_accept, void *ctx);

/* No callback follows; nothing happens if it is stopped already. */
void listener_stop(struct listener *l);

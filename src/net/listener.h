#pragma once

/*
 * Listening sockets: made here, inherited or not, and accepted from on a loop. A listening
 * description may be shared between processes (generations of an edge), so stopping takes it out of
 * this loop's epoll before anything else: nobody else stops with it.
 */

#include "net/address.h"
#include "net/loop.h"

enum listen_share { LISTEN_ALONE, LISTEN_REUSEPORT };

/* Binds and listens: 0 and a non-blocking descriptor, or a negative errno. A Unix socket's file is
 * replaced and gets mode 0600; [::] takes IPv4 as well. */
int listen_on(const struct net_address *address, enum listen_share share, int *ret_fd);

struct listener;
typedef void (*listener_fn)(struct listener *l, int fd);

/* Embedded, zero-initialised. */
struct listener {
    struct loop_io io;
    struct loop *loop;
    struct deadline retry; /* armed while the process is out of descriptors */
    listener_fn on_accept; /* gets a non-blocking, close-on-exec descriptor and owns it */
    void *ctx;
};

/* Accepts from `fd`, which stays the caller's. 0 or a negative errno. */
int listener_start(struct listener *l, struct loop *loop, int fd, listener_fn on_accept, void *ctx);
void listener_stop(struct listener *l);

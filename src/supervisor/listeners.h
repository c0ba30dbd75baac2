#pragma once

/*
 * The sockets that a server is reached at. They are bound once and stay open in the supervisor for
 * its whole life, so that whatever happens to the processes behind them, a connection waits in a
 * queue instead of being refused.
 */

#include "base/str.h"

struct supervisor_options;

struct listeners {
    int *gateway; /* n_gateway descriptors: `workers` SO_REUSEPORT sockets for each address */
    size_t n_gateway;
    int control; /* management */
    int link;    /* DATA_DIR/control.sock */
};

enum { LISTENER_TEXT = 64 };

/* Binds all of them, non-blocking, close-on-exec and listening. Returns 0, or a negative errno
 * after a log line that names the address. */
int listeners_open(const struct supervisor_options *options, struct listeners *ret_listeners);
void listeners_close(struct listeners *l);

/* The address that a socket is bound to, "127.0.0.1:4000" or "[::]:4000"; LISTENER_TEXT bytes with
 * the NUL. */
void listener_text(int fd, char *ret_text);

/* The port that a socket is bound to; 0: it is closed. */
uint16_t listener_port(int fd);

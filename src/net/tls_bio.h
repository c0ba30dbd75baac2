#pragma once

/*
 * What OpenSSL reads from and writes to: the connection's descriptor, with three differences from
 * OpenSSL's own socket BIO.
 *
 * It sends with MSG_NOSIGNAL. It never refuses to write: what the socket does not take is kept in
 * `unsent` until tls_bio_flush, so that a record, once encrypted, is as good as sent, nobody has
 * to offer the same bytes again, and no operation of OpenSSL waits for writing. And it remembers a
 * short read, after which an edge-triggered socket is empty, and saves the recv that would say so.
 *
 * `unsent` holds at most one record beyond what the handshake and its alerts need: whoever writes
 * payload asks tls_bio_is_flushed first.
 */

#include "base/buf.h"

#include <openssl/bio.h>

struct tls_bio {
    int fd;
    int error;        /* of the socket, once it has failed */
    bool at_end;      /* the socket is at EOF */
    bool drained;     /* nothing to read until the next edge */
    bool peer_closed; /* a FIN lies behind what can be read: a short read proves nothing */
    struct buf unsent;
};

/* The method of such BIOs; must outlive them. NULL only without memory. */
BIO_METHOD *tls_bio_method_new(void);

/* A BIO over `b`, which stays the caller's. */
BIO *tls_bio_new(const BIO_METHOD *method, struct tls_bio *b, int fd);
void tls_bio_deinit(struct tls_bio *b);

/* Sends what is unsent: 0 when nothing is left, -EAGAIN, or a negative errno. */
int tls_bio_flush(struct tls_bio *b);

static inline bool tls_bio_is_flushed(const struct tls_bio *b)
{
    return b->unsent.n == 0;
}

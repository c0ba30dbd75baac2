#pragma once

/*
 * What a connection has still to send: a short list of blocks that come from, and go back to, the
 * spare blocks of the worker, so that a connection with nothing to send holds no memory and a
 * request that is answered at once allocates none. Small pieces are copied together to leave in one
 * send; large ones are handed to the kernel beside the queue and only what it did not take is
 * copied here. Who puts keeps the bound H1_OUT_BYTES (heads and framing may exceed it a little).
 */

#include "net/transport.h"

enum { H1_BLOCK_BYTES = 16384, H1_OUT_BYTES = 65536 };

struct h1_block;

/* Spare blocks of one worker. */
struct h1_blocks {
    struct h1_block *free;
    size_t n_free;
};

void h1_blocks_deinit(struct h1_blocks *blocks);

/* Zero-initialised: empty. */
struct h1_out {
    struct h1_block *first;
    struct h1_block *last;
    size_t n; /* bytes queued */
};

void h1_out_put(struct h1_out *out, struct h1_blocks *blocks, str bytes);
void h1_out_clear(struct h1_out *out, struct h1_blocks *blocks);

static inline size_t h1_out_room(const struct h1_out *out)
{
    return out->n < H1_OUT_BYTES ? H1_OUT_BYTES - out->n : 0;
}

/* One send of the queue and the slices behind it. Returns how many bytes left, queue first, or a
 * negative errno; -EAGAIN counts as 0. */
ssize_t h1_out_send(struct h1_out *out, struct h1_blocks *blocks, struct transport *t,
                    const struct iovec *iov, int n);

#pragma once

/*
 * The last bytes of a TLS connection that its owner has closed. For plaintext the kernel goes on
 * sending after close; records that were encrypted but not yet taken by the kernel need the same
 * service, else an answer whose last write succeeded would reach a slow reader cut short.
 *
 * Owned by itself: it ends when everything is sent, when the peer resets, after a while, or with
 * the loop.
 */

#include "base/buf.h"
#include "net/loop.h"

/* Takes over the descriptor, which is on no loop, and the bytes. */
void farewell_start(struct loop *loop, int fd, struct buf *unsent);

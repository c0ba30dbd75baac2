#pragma once

/*
 * What a shim must know and no file may hold: the replica's identity and the values of its secrets.
 * They come through its standard input, a sealed piece of memory: the identity, then each
 * "NAME=value", every one ending in NUL.
 */

#include "base/str.h"

enum { SECRETS_MAX_BYTES = 4 << 20 };

/* A descriptor to be a shim's standard input, or a negative errno. */
int secrets_write(str identity, const str *variables, size_t n);

/* Reads all of it. The first is the identity. `*ret_items` points into `*ret_bytes`; both are the
 * caller's. 0 or a negative errno. */
int secrets_read(int fd, char **ret_bytes, size_t *ret_n_bytes, str **ret_items, size_t *ret_n);

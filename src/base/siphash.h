#pragma once

/* SipHash-2-4 (Aumasson, Bernstein 2012), 64 and 128 bit: a keyed digest for maps and for ids that
 * must not leak. */

#include "base/str.h"

struct siphash_key {
    uint64_t k0;
    uint64_t k1;
};

struct digest128 {
    uint64_t lo;
    uint64_t hi;
};

static inline bool digest128_eq(struct digest128 a, struct digest128 b)
{
    return ((a.lo ^ b.lo) | (a.hi ^ b.hi)) == 0;
}

uint64_t siphash64(const struct siphash_key *key, str bytes);
struct digest128 siphash128(const struct siphash_key *key, str bytes);

/* A key of this process's own, drawn at first use: for maps that take names from a network. */
const struct siphash_key *siphash_process_key(void);

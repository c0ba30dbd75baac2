#pragma once

#include "base/str.h"

/* Fills from the kernel's generator; aborts if it cannot. For keys, ids, secrets. */
void random_bytes(void *p, size_t n);

/* xoshiro256**: fast, seedable, not for secrets. For balancing, jitter and simulations. */
struct prng {
    uint64_t s[4];
};

void prng_seed(struct prng *r, uint64_t seed);
uint64_t prng_next(struct prng *r);

/* Uniform in [0, bound), bound > 0. */
uint64_t prng_below(struct prng *r, uint64_t bound);

/* Lower-case hexadecimal of n bytes: writes 2n characters, no NUL. */
void hex_encode(const void *p, size_t n, char *ret_hex);

/* Inverse; false unless hex has exactly 2n hexadecimal digits. */
bool hex_decode(str hex, void *ret_bytes, size_t n);

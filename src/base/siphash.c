#include "base/siphash.h"

#include "base/random.h"

#include <endian.h>
#include <pthread.h>

struct sip_state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotl(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

static inline void sip_rounds(struct sip_state *s, int n)
{
    while (n--) {
        s->v0 += s->v1;
        s->v1 = rotl(s->v1, 13) ^ s->v0;
        s->v0 = rotl(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotl(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotl(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotl(s->v1, 17) ^ s->v2;
        s->v2 = rotl(s->v2, 32);
    }
}

static uint64_t load_le(const char *p, size_t n)
{
    uint64_t word = 0;

    for (size_t i = 0; i < n; i++)
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    return word;
}

static struct sip_state sip_absorb(const struct siphash_key *key, str bytes, uint64_t variant)
{
    struct sip_state s = {
        .v0 = key->k0 ^ 0x736f6d6570736575u,
        .v1 = key->k1 ^ 0x646f72616e646f6du ^ variant,
        .v2 = key->k0 ^ 0x6c7967656e657261u,
        .v3 = key->k1 ^ 0x7465646279746573u,
    };
    size_t whole = bytes.n & ~(size_t)7;

    for (size_t i = 0; i < whole; i += 8) {
        uint64_t word;

        memcpy(&word, bytes.p + i, 8);
        word = le64toh(word);
        s.v3 ^= word;
        sip_rounds(&s, 2);
        s.v0 ^= word;
    }
    uint64_t last = (uint64_t)bytes.n << 56 | load_le(bytes.p + whole, bytes.n - whole);
    s.v3 ^= last;
    sip_rounds(&s, 2);
    s.v0 ^= last;
    return s;
}

static uint64_t sip_squeeze(const struct sip_state *s)
{
    return s->v0 ^ s->v1 ^ s->v2 ^ s->v3;
}

uint64_t siphash64(const struct siphash_key *key, str bytes)
{
    struct sip_state s = sip_absorb(key, bytes, 0);

    s.v2 ^= 0xff;
    sip_rounds(&s, 4);
    return sip_squeeze(&s);
}

struct digest128 siphash128(const struct siphash_key *key, str bytes)
{
    struct sip_state s = sip_absorb(key, bytes, 0xee);
    struct digest128 digest;

    s.v2 ^= 0xee;
    sip_rounds(&s, 4);
    digest.lo = sip_squeeze(&s);
    s.v1 ^= 0xdd;
    sip_rounds(&s, 4);
    digest.hi = sip_squeeze(&s);
    return digest;
}

static struct siphash_key process_key;

static void draw_process_key(void)
{
    random_bytes(&process_key, sizeof(process_key));
}

const struct siphash_key *siphash_process_key(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, draw_process_key);
    return &process_key;
}

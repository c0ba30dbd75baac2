#pragma once

/*
 * A region set: 1,024 bits by value. One bit for each region of a catalogue, one for "elsewhere in
 * this country" for each country, one for "unknown". Which bit means what is the business of one
 * region_catalogue, so sets are only compared within one policy revision.
 */

#include <stdbool.h>
#include <stdint.h>

enum { REGION_SET_BITS = 1024, REGION_SET_WORDS = REGION_SET_BITS / 64 };

struct region_set {
    uint64_t words[REGION_SET_WORDS];
};

static inline struct region_set region_set_none(void)
{
    return (struct region_set){{0}};
}

static inline struct region_set region_set_all(void)
{
    struct region_set s;

    for (int i = 0; i < REGION_SET_WORDS; i++)
        s.words[i] = ~(uint64_t)0;
    return s;
}

static inline void region_set_add(struct region_set *s, unsigned bit)
{
    s->words[bit / 64] |= (uint64_t)1 << bit % 64;
}

static inline bool region_set_has(const struct region_set *s, unsigned bit)
{
    return s->words[bit / 64] >> bit % 64 & 1;
}

static inline struct region_set region_set_and(const struct region_set *a,
                                               const struct region_set *b)
{
    struct region_set s;

    for (int i = 0; i < REGION_SET_WORDS; i++)
        s.words[i] = a->words[i] & b->words[i];
    return s;
}

static inline struct region_set region_set_or(const struct region_set *a,
                                              const struct region_set *b)
{
    struct region_set s;

    for (int i = 0; i < REGION_SET_WORDS; i++)
        s.words[i] = a->words[i] | b->words[i];
    return s;
}

static inline struct region_set region_set_minus(const struct region_set *a,
                                                 const struct region_set *b)
{
    struct region_set s;

    for (int i = 0; i < REGION_SET_WORDS; i++)
        s.words[i] = a->words[i] & ~b->words[i];
    return s;
}

static inline bool region_set_is_empty(const struct region_set *s)
{
    uint64_t any = 0;

    for (int i = 0; i < REGION_SET_WORDS; i++)
        any |= s->words[i];
    return any == 0;
}

static inline bool region_set_equal(const struct region_set *a, const struct region_set *b)
{
    uint64_t different = 0;

    for (int i = 0; i < REGION_SET_WORDS; i++)
        different |= a->words[i] ^ b->words[i];
    return different == 0;
}

/* Whether every member of `inner` is in `outer`. False for an empty `inner`: an empty set never
 * passes. */
static inline bool region_set_within(const struct region_set *inner, const struct region_set *outer)
{
    uint64_t outside = 0, any = 0;

    for (int i = 0; i < REGION_SET_WORDS; i++) {
        outside |= inner->words[i] & ~outer->words[i];
        any |= inner->words[i];
    }
    return outside == 0 && any != 0;
}

static inline unsigned region_set_count(const struct region_set *s)
{
    unsigned n = 0;

    for (int i = 0; i < REGION_SET_WORDS; i++)
        n += (unsigned)__builtin_popcountll(s->words[i]);
    return n;
}

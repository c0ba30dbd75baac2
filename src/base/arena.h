#pragma once

/*
 * A bump allocator: what dies together is allocated together and freed at once. The first block can
 * be the caller's own storage, so that a small arena costs no allocation at all.
 */

#include "base/str.h"

struct arena_block;

struct arena {
    char *at;
    char *end;
    struct arena_block *blocks; /* heap blocks, newest first */
    size_t allocated_bytes;     /* of heap blocks */
};

/* `storage` (may be NULL) is used first and must outlive the arena. */
void arena_init(struct arena *a, void *storage, size_t size);
void arena_deinit(struct arena *a);

/* Uninitialised memory aligned to 8 bytes, valid until arena_deinit. */
void *arena_alloc(struct arena *a, size_t size);
void *arena_zalloc(struct arena *a, size_t size);

/* A NUL-terminated copy; the slice excludes the NUL. */
str arena_copy(struct arena *a, str s);

/* The pieces one after the other: for texts made for every request, where printf's parsing shows.
 */
str arena_join(struct arena *a, const str *pieces, size_t n);
#define ARENA_JOIN(a, ...)                                                                         \
    arena_join(a, (const str[]){__VA_ARGS__}, sizeof((const str[]){__VA_ARGS__}) / sizeof(str))

/* Decimal digits. */
str arena_u64(struct arena *a, uint64_t value);

str arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

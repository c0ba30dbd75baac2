#pragma once

/* A growable byte buffer with a sticky overflow mark: append freely, test `overflow` once at the
 * end. */

#include "base/str.h"

struct buf {
    char *p;
    size_t n;        /* bytes used */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* 0: none. Growing past it sets `overflow` and drops what came last. */
    bool overflow;
};

void buf_init(struct buf *b, size_t limit_bytes);
void buf_deinit(struct buf *b);

/* Empties it and keeps the memory. */
static inline void buf_clear(struct buf *b)
{
    b->n = 0;
    b->overflow = false;
}

/* The slow half of buf_reserve: more memory, or NULL on overflow. */
char *buf_grow(struct buf *b, size_t size);

/* Room for at least `size` more bytes at b->p + b->n, or NULL on overflow. The caller adds to b->n
 * what it wrote. */
static inline char *buf_reserve(struct buf *b, size_t size)
{
    /* The capacity never exceeds the limit. */
    return size <= b->capacity - b->n && !b->overflow ? b->p + b->n : buf_grow(b, size);
}

static inline void buf_put(struct buf *b, const void *p, size_t n)
{
    char *to = n ? buf_reserve(b, n) : NULL;

    if (!to)
        return;
    memcpy(to, p, n);
    b->n += n;
}

static inline void buf_put_char(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);

    if (!to)
        return;
    *to = c;
    b->n++;
}

void buf_put_u64(struct buf *b, uint64_t value);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void buf_put_str(struct buf *b, str s)
{
    buf_put(b, s.p, s.n);
}

static inline str buf_str(const struct buf *b)
{
    return str_make(b->p, b->n);
}

/* Drops the first n bytes. */
void buf_drop(struct buf *b, size_t n);

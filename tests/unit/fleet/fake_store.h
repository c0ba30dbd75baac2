#pragma once

/* A store in memory that keeps objects in the order of their making, holds back what is not
 * committed, and fails at a write of the test's choice. */

#include "base/mem.h"
#include "fleet/fleet.h"

#include <errno.h>

struct fake_row {
    enum fleet_kind kind;
    str key, body;
    uint64_t version;
};

struct fake_store {
    struct fake_row *rows;
    size_t n, n_max;
    struct fake_row *pending; /* the open transaction's writes; body NULL: a removal */
    size_t n_pending, n_pending_max;
    size_t fail_at; /* the write that fails, counted from 1; 0: none */
    size_t n_writes;
};

static inline str fake_copy(str s)
{
    char *p = mem_alloc(s.n + 1);

    if (s.n)
        memcpy(p, s.p, s.n);
    return str_make(p, s.n);
}

static inline void fake_row_free(struct fake_row *row)
{
    mem_free((char *)(uintptr_t)row->key.p);
    mem_free((char *)(uintptr_t)row->body.p);
}

static inline void fake_push(struct fake_row **rows, size_t *n, size_t *n_max, struct fake_row row)
{
    if (*n == *n_max) {
        *n_max = *n_max ? 2 * *n_max : 64;
        *rows = mem_realloc(*rows, *n_max * sizeof(**rows));
    }
    (*rows)[(*n)++] = row;
}

static inline int fake_write(struct fake_store *s, struct fake_row row)
{
    if (++s->n_writes == s->fail_at) {
        fake_row_free(&row);
        return -EIO;
    }
    fake_push(&s->pending, &s->n_pending, &s->n_pending_max, row);
    return 0;
}

static inline int fake_put(void *ctx, enum fleet_kind kind, str key, uint64_t version, str body)
{
    return fake_write(ctx, (struct fake_row){kind, fake_copy(key), fake_copy(body), version});
}

static inline int fake_remove(void *ctx, enum fleet_kind kind, str key)
{
    return fake_write(ctx, (struct fake_row){kind, fake_copy(key), STR_NULL, 0});
}

static inline struct fleet_store fake_interface(struct fake_store *s)
{
    return (struct fleet_store){.put = fake_put, .remove = fake_remove, .ctx = s};
}

static inline size_t fake_find(const struct fake_store *s, enum fleet_kind kind, str key)
{
    size_t i = 0;

    while (i < s->n && !(s->rows[i].kind == kind && str_eq(s->rows[i].key, key)))
        i++;
    return i;
}

static inline void fake_apply(struct fake_store *s, struct fake_row row)
{
    size_t at = fake_find(s, row.kind, row.key);

    if (!row.body.p && at < s->n) {
        fake_row_free(&s->rows[at]);
        memmove(&s->rows[at], &s->rows[at + 1], (s->n - at - 1) * sizeof(*s->rows));
        s->n--;
    }
    if (!row.body.p) {
        fake_row_free(&row);
    } else if (at < s->n) {
        fake_row_free(&s->rows[at]);
        s->rows[at] = row;
    } else {
        fake_push(&s->rows, &s->n, &s->n_max, row);
    }
}

static inline void fake_commit(struct fake_store *s)
{
    for (size_t i = 0; i < s->n_pending; i++)
        fake_apply(s, s->pending[i]);
    s->n_pending = s->n_writes = 0;
}

static inline void fake_rollback(struct fake_store *s)
{
    for (size_t i = 0; i < s->n_pending; i++)
        fake_row_free(&s->pending[i]);
    s->n_pending = s->n_writes = 0;
}

static inline void fake_deinit(struct fake_store *s)
{
    fake_rollback(s);
    for (size_t i = 0; i < s->n; i++)
        fake_row_free(&s->rows[i]);
    mem_free(s->rows);
    mem_free(s->pending);
}

/* The fleet that a restarted program would have; NULL if a body cannot be read. */
static inline struct fleet *fake_load(const struct fake_store *s)
{
    struct fleet *f = fleet_new();

    for (size_t i = 0; i < s->n; i++)
        if (fleet_load(f, s->rows[i].kind, s->rows[i].key, s->rows[i].version, s->rows[i].body)) {
            fleet_free(f);
            return NULL;
        }
    return f;
}

#pragma once

/*
 * A hash map from byte strings to pointers, open addressing, keyed hash (names may come from a
 * network). Keys are borrowed: they must outlive their entry, which is usual where the key lies in
 * the value.
 */

#include "base/str.h"

struct map_entry {
    str key;
    void *value; /* NULL: the slot is free */
    uint64_t hash;
};

struct map {
    struct map_entry *slots;
    size_t n;
    size_t n_slots; /* a power of two, or 0 */
};

void map_init(struct map *m);
void map_deinit(struct map *m);

/* The value, or NULL. */
void *map_get(const struct map *m, str key);

/* Sets or replaces; value must not be NULL. Returns the value it replaced, or NULL. */
void *map_put(struct map *m, str key, void *value);

/* Returns the removed value, or NULL. */
void *map_remove(struct map *m, str key);

/* Visits all entries in no order: start with *cursor = 0; false at the end. Do not change the map
 * meanwhile. */
bool map_next(const struct map *m, size_t *cursor, struct map_entry *ret_entry);

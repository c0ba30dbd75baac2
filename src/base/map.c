#include "base/map.h"

#include "base/mem.h"
#include "base/siphash.h"

enum { MAP_MIN_SLOTS = 16 };

void map_init(struct map *m)
{
    *m = (struct map){0};
}

void map_deinit(struct map *m)
{
    mem_free(m->slots);
    *m = (struct map){0};
}

static size_t map_slot(const struct map *m, str key, uint64_t hash)
{
    size_t i = hash & (m->n_slots - 1);

    while (m->slots[i].value && !(m->slots[i].hash == hash && str_eq(m->slots[i].key, key)))
        i = (i + 1) & (m->n_slots - 1);
    return i;
}

void *map_get(const struct map *m, str key)
{
    if (m->n == 0)
        return NULL;
    return m->slots[map_slot(m, key, siphash64(siphash_process_key(), key))].value;
}

static void map_grow(struct map *m)
{
    struct map bigger = {.n = m->n, .n_slots = m->n_slots ? m->n_slots * 2 : MAP_MIN_SLOTS};

    bigger.slots = mem_array(bigger.n_slots, sizeof(*bigger.slots));
    for (size_t i = 0; i < m->n_slots; i++)
        if (m->slots[i].value)
            bigger.slots[map_slot(&bigger, m->slots[i].key, m->slots[i].hash)] = m->slots[i];
    mem_free(m->slots);
    *m = bigger;
}

void *map_put(struct map *m, str key, void *value)
{
    if ((m->n + 1) * 4 > m->n_slots * 3)
        map_grow(m);
    uint64_t hash = siphash64(siphash_process_key(), key);
    struct map_entry *entry = &m->slots[map_slot(m, key, hash)];
    void *old = entry->value;

    *entry = (struct map_entry){.key = key, .value = value, .hash = hash};
    m->n += old ? 0 : 1;
    return old;
}

/* Backward-shift deletion: no tombstones, so look-ups never slow down. */
static void map_close_gap(struct map *m, size_t gap)
{
    size_t mask = m->n_slots - 1;

    for (size_t i = (gap + 1) & mask; m->slots[i].value; i = (i + 1) & mask) {
        size_t home = m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - gap) & mask)) {
            m->slots[gap] = m->slots[i];
            gap = i;
        }
    }
    m->slots[gap] = (struct map_entry){0};
}

void *map_remove(struct map *m, str key)
{
    if (m->n == 0)
        return NULL;
    size_t slot = map_slot(m, key, siphash64(siphash_process_key(), key));
    void *old = m->slots[slot].value;

    if (old) {
        m->n--;
        map_close_gap(m, slot);
    }
    return old;
}

bool map_next(const struct map *m, size_t *cursor, struct map_entry *ret_entry)
{
    while (*cursor < m->n_slots) {
        const struct map_entry *entry = &m->slots[(*cursor)++];

        if (entry->value) {
            *ret_entry = *entry;
            return true;
        }
    }
    return false;
}

#include "region/catalogue.h"

#include "base/mem.h"

#include <assert.h>

/* What a finished catalogue answers. Nothing here changes it: it is shared between policy revisions
 * and threads. */

struct region_catalogue *region_catalogue_ref(struct region_catalogue *c)
{
    __atomic_fetch_add(&c->references, 1, __ATOMIC_RELAXED);
    return c;
}

void region_catalogue_unref(struct region_catalogue *c)
{
    /* acq_rel: whoever frees sees what every other holder did before it let go. */
    if (!c || __atomic_fetch_sub(&c->references, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    map_deinit(&c->codes);
    map_deinit(&c->zone_names);
    arena_deinit(&c->arena);
    mem_free(c->regions);
    mem_free(c->definitions);
    mem_free(c->zones);
    mem_free(c);
}

size_t region_count(const struct region_catalogue *c)
{
    return c->n_regions;
}

const struct region *region_at(const struct region_catalogue *c, unsigned index)
{
    assert(index < c->n_regions);
    return &c->regions[index];
}

unsigned region_find(const struct region_catalogue *c, str code)
{
    char storage[REGION_CODE_MAX];
    str folded;

    if (!region_fold_name(code, storage, &folded))
        return REGION_NONE;
    const struct region *region = map_get(&c->codes, folded);
    return region ? (unsigned)(region - c->regions) : REGION_NONE;
}

bool region_resolve(const struct region_catalogue *c, str name, struct region_set *ret_set)
{
    char storage[REGION_CODE_MAX];
    str folded;

    if (!region_fold_name(name, storage, &folded))
        return false;
    const struct region *region = map_get(&c->codes, folded);
    if (region) {
        *ret_set = region_set_none();
        region_set_add(ret_set, (unsigned)(region - c->regions));
        return true;
    }
    const struct zone_entry *zone = map_get(&c->zone_names, folded);
    if (zone) {
        *ret_set = zone->set;
        return true;
    }
    unsigned country = country_find(name);
    if (country == COUNTRY_NONE)
        return false;
    *ret_set = c->countries[country];
    return true;
}

struct region_set region_set_known(const struct region_catalogue *c)
{
    return c->known;
}

struct region_set region_set_world(const struct region_catalogue *c)
{
    struct region_set world = c->known;

    region_set_add(&world, UNKNOWN_BIT);
    return world;
}

unsigned region_unknown_bit(const struct region_catalogue *c)
{
    (void)c;
    return UNKNOWN_BIT;
}

bool region_zone_next(const struct region_catalogue *c, size_t *cursor, str *ret_name,
                      struct region_set *ret_set)
{
    if (*cursor >= c->n_zones)
        return false;
    const struct zone_entry *zone = &c->zones[(*cursor)++];
    *ret_name = zone->name;
    *ret_set = zone->set;
    return true;
}

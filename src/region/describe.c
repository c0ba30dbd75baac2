/*
 * A set in words, for refusals, reports and `explain`. The shortest true text wins: a zone's or
 * country's name, the list of members, or "zone except members".
 */

#include "region/catalogue.h"

/* Writes names with commas between them, as many as may be, and counts all. */
struct naming {
    struct buf *to; /* NULL: only count */
    size_t max;
    size_t n;
};

static void name_one(struct naming *naming, const char *before, str name)
{
    if (naming->n++ >= naming->max || !naming->to)
        return;
    buf_printf(naming->to, "%s%s%.*s", naming->n > 1 ? ", " : "", before, STR_ARG(name));
}

/* Whole countries by their code, then single regions, then countries without their regions. */
static void name_members(const struct region_catalogue *c, const struct region_set *set,
                         struct naming *naming)
{
    struct region_set rest = *set;

    for (unsigned k = 0; k < COUNTRY_COUNT; k++)
        if (region_set_within(&c->countries[k], set)) {
            name_one(naming, "", str_of(country_table[k].code));
            rest = region_set_minus(&rest, &c->countries[k]);
        }
    for (unsigned i = 0; i < c->n_regions; i++)
        if (region_set_has(&rest, i))
            name_one(naming, "", c->regions[i].code);
    for (unsigned k = 0; k < COUNTRY_COUNT; k++)
        if (region_set_has(&rest, COUNTRY_BIT_FIRST + k))
            name_one(naming, "elsewhere in ", str_of(country_table[k].code));
    if (region_set_has(&rest, UNKNOWN_BIT))
        name_one(naming, "", STR("unknown"));
}

static size_t count_names(const struct region_catalogue *c, const struct region_set *set)
{
    struct naming naming = {0};

    name_members(c, set, &naming);
    return naming.n;
}

static void put_names(const struct region_catalogue *c, const struct region_set *set,
                      size_t max_names, struct buf *to)
{
    struct naming naming = {.to = to, .max = max_names};

    name_members(c, set, &naming);
    if (naming.n > max_names)
        buf_printf(to, "%s%zu more", max_names ? " and " : "", naming.n - max_names);
}

/* The zone from which the fewest names must be taken to get `set`, where that is shorter than its
 * `n_names` members; of several the one with the shortest name. */
static const struct zone_entry *find_frame(const struct region_catalogue *c,
                                           const struct region_set *set, size_t n_names)
{
    const struct zone_entry *best = NULL;
    size_t least = n_names;

    for (size_t z = 0; z < c->n_zones; z++) {
        const struct zone_entry *zone = &c->zones[z];

        if (!region_set_within(set, &zone->set))
            continue;
        struct region_set missing = region_set_minus(&zone->set, set);
        size_t names = 1 + count_names(c, &missing);
        if (names < least || (best && names == least && zone->name.n < best->name.n)) {
            best = zone;
            least = names;
        }
    }
    return best;
}

static void describe_known(const struct region_catalogue *c, const struct region_set *set,
                           size_t max_names, struct buf *to)
{
    const struct zone_entry *frame = find_frame(c, set, count_names(c, set));

    if (!frame) {
        put_names(c, set, max_names, to);
        return;
    }
    buf_put_str(to, frame->name);
    struct region_set missing = region_set_minus(&frame->set, set);
    if (region_set_is_empty(&missing))
        return;
    buf_printf(to, " except ");
    put_names(c, &missing, max_names, to);
}

void region_set_describe(const struct region_catalogue *c, const struct region_set *set,
                         size_t max_names, struct buf *to)
{
    struct region_set known = region_set_and(set, &c->known);
    bool unknown = region_set_has(set, UNKNOWN_BIT);

    if (region_set_equal(&known, &c->known) && unknown) {
        buf_put_str(to, STR("anywhere"));
        return;
    }
    if (region_set_is_empty(&known)) {
        buf_put_str(to, unknown ? STR("unknown") : STR("nothing"));
        return;
    }
    describe_known(c, &known, max_names, to);
    if (unknown)
        buf_put_str(to, STR(", unknown"));
}

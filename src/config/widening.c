/*
 * What a reload would take away from the rules in force. Each rule is compared by what it means,
 * not by its text: the same words may stand for more once the file has changed a zone or moved a
 * region.
 *
 * The two models have catalogues of their own, so their sets cannot be compared bit by bit. What a
 * rule meant before is carried over to the new catalogue: a region by its code, and one that is new
 * as "elsewhere in its country", which is what the old catalogue took it for.
 */

#include "base/map.h"
#include "config/model.h"

enum { MAX_COUNTRIES = 26 * 26 };

/* The bits of "elsewhere in this country" in both catalogues. */
struct country_bits {
    unsigned before, after;
};

struct comparison {
    const struct region_catalogue *before, *after;
    bool same_places; /* nothing about regions and zones has changed */
    struct country_bits countries[MAX_COUNTRIES];
    size_t n_countries;
    struct map verdicts; /* of pairs of rules: many objects have the same ones */
    struct arena *arena;
    struct config_widened *items;
    size_t n, capacity;
};

/* --- sets across catalogues */

/* The bit of "elsewhere in this country", REGION_NONE if the catalogue has none. */
static unsigned country_bit(const struct region_catalogue *c, const char *country)
{
    struct region_set set;

    if (!region_resolve(c, str_of(country), &set))
        return REGION_NONE;
    for (unsigned bit = (unsigned)region_count(c); bit < REGION_SET_BITS; bit++) {
        if (region_set_has(&set, bit))
            return bit;
    }
    return REGION_NONE;
}

static bool has_bit(const struct region_set *set, unsigned bit)
{
    return bit != REGION_NONE && region_set_has(set, bit);
}

static void carry_regions(const struct comparison *k, const struct region_set *from,
                          struct region_set *to)
{
    for (unsigned i = 0; i < region_count(k->after); i++) {
        const struct region *region = region_at(k->after, i);
        unsigned old = region_find(k->before, region->code);

        if (old == REGION_NONE)
            old = country_bit(k->before, region->country);
        if (has_bit(from, old))
            region_set_add(to, i);
    }
}

static void index_countries(struct comparison *k)
{
    char code[3] = {0};

    for (code[0] = 'A'; code[0] <= 'Z'; code[0]++) {
        for (code[1] = 'A'; code[1] <= 'Z'; code[1]++) {
            struct country_bits bits = {REGION_NONE, REGION_NONE};

            if (!region_country_name(str_of(code)).p)
                continue;
            bits.before = country_bit(k->before, code);
            bits.after = country_bit(k->after, code);
            if (bits.before != REGION_NONE && bits.after != REGION_NONE)
                k->countries[k->n_countries++] = bits;
        }
    }
}

/* A set of the old catalogue in the bits of the new one. */
static struct region_set carry(const struct comparison *k, const struct region_set *from)
{
    struct region_set to = region_set_none();

    carry_regions(k, from, &to);
    for (size_t i = 0; i < k->n_countries; i++) {
        if (region_set_has(from, k->countries[i].before))
            region_set_add(&to, k->countries[i].after);
    }
    if (region_set_has(from, region_unknown_bit(k->before)))
        region_set_add(&to, region_unknown_bit(k->after));
    return to;
}

static bool has_same_places(const struct region_catalogue *a, const struct region_catalogue *b)
{
    struct buf x, y;
    bool same;

    buf_init(&x, 0);
    buf_init(&y, 0);
    region_catalogue_encode(a, &x);
    region_catalogue_encode(b, &y);
    same = str_eq(buf_str(&x), buf_str(&y));
    buf_deinit(&x);
    buf_deinit(&y);
    return same;
}

/* --- rules */

static bool compile(const struct comparison *k, const struct region_catalogue *c, str canonical,
                    struct region_rule_compiled *ret_compiled)
{
    struct region_rule rule;
    str message;

    return region_rule_parse_canonical(canonical, k->arena, &rule) &&
           region_rule_compile(&rule, c, k->arena, ret_compiled, &message) == 0;
}

static bool gains(const struct region_set *before, const struct region_set *after)
{
    struct region_set gained = region_set_minus(after, before);

    return !region_set_is_empty(&gained);
}

static bool means_more(const struct comparison *k, str before, str after)
{
    struct region_rule_compiled old, new;
    struct region_set inference, transit;

    /* A rule that cannot be read any more counts as gone. */
    if (!compile(k, k->before, before, &old) || !compile(k, k->after, after, &new))
        return true;
    inference = carry(k, &old.inference);
    transit = carry(k, &old.transit);
    return gains(&inference, &new.inference) || gains(&transit, &new.transit);
}

/* Whether requests under `after` may go where those under `before` may not. */
static bool widens(struct comparison *k, str before, str after)
{
    static const char yes = 1, no = 0;
    const char *verdict;
    str pair;

    if (!before.p || !after.p)
        return before.p != NULL;
    if (k->same_places && str_eq(before, after))
        return false;
    pair = arena_printf(k->arena, "%.*s|%.*s", STR_ARG(before), STR_ARG(after));
    verdict = map_get(&k->verdicts, pair);
    if (!verdict) {
        verdict = means_more(k, before, after) ? &yes : &no;
        map_put(&k->verdicts, pair, (void *)(uintptr_t)verdict);
    }
    return verdict == &yes;
}

/* --- items */

static void add_item(struct comparison *k, enum config_subject subject, str name, str before,
                     str after)
{
    struct config_widened *grown;

    if (k->n == k->capacity) {
        k->capacity = k->capacity ? 2 * k->capacity : 16;
        grown = arena_alloc(k->arena, k->capacity * sizeof(*grown));
        if (k->n)
            memcpy(grown, k->items, k->n * sizeof(*grown));
        k->items = grown;
    }
    k->items[k->n++] = (struct config_widened){
        .subject = subject,
        .name = name,
        .before = before.p ? before : STR(""),
        .after = after.p ? after : STR(""),
    };
}

static void compare(struct comparison *k, enum config_subject subject, str name, str before,
                    str after)
{
    if (widens(k, before, after))
        add_item(k, subject, name, before, after);
}

static void index_names(struct map *m, const void *objects, size_t n, size_t size, size_t offset)
{
    map_init(m);
    for (size_t i = 0; i < n; i++) {
        char *object = (char *)objects + i * size;

        map_put(m, *(const str *)(object + offset), object);
    }
}

static void compare_customers(struct comparison *k, const struct config *before,
                              const struct config *after)
{
    struct map by_id;

    index_names(&by_id, after->customers, after->n_customers, sizeof(*after->customers),
                offsetof(struct config_customer, id));
    for (size_t i = 0; i < before->n_customers; i++) {
        const struct config_customer *old = &before->customers[i];
        const struct config_customer *new = map_get(&by_id, old->id);

        compare(k, CONFIG_CUSTOMER, old->id, old->rule, new ? new->rule : STR_NULL);
    }
    map_deinit(&by_id);
}

/* A key that is gone lets nobody in. One that is no longer bound to its customer escapes that
 * customer's rule. */
static void compare_keys(struct comparison *k, const struct config *before,
                         const struct config *after)
{
    struct map by_name;

    index_names(&by_name, after->keys, after->n_keys, sizeof(*after->keys),
                offsetof(struct config_key, name));
    for (size_t i = 0; i < before->n_keys; i++) {
        const struct config_key *old = &before->keys[i];
        const struct config_key *new = map_get(&by_name, old->name);

        if (!new)
            continue;
        compare(k, CONFIG_KEY, old->name, old->rule, new->rule);
        if (old->customer.p && (!new->customer.p || !str_eq(old->customer, new->customer)))
            add_item(k, CONFIG_KEY, old->name,
                     arena_printf(k->arena, "customer=%.*s", STR_ARG(old->customer)),
                     new->customer.p
                         ? arena_printf(k->arena, "customer=%.*s", STR_ARG(new->customer))
                         : STR_NULL);
    }
    map_deinit(&by_name);
}

static void compare_environment_groups(struct comparison *k, const struct config *before,
                                       const struct config *after)
{
    struct map by_name;

    index_names(&by_name, after->environment_groups, after->n_environment_groups,
                sizeof(*after->environment_groups),
                offsetof(struct config_environment_group, name));
    for (size_t i = 0; i < before->n_environment_groups; i++) {
        const struct config_environment_group *old = &before->environment_groups[i];
        const struct config_environment_group *new = map_get(&by_name, old->name);

        compare(k, CONFIG_ENVIRONMENT_GROUP, old->name, old->rule, new ? new->rule : STR_NULL);
    }
    map_deinit(&by_name);
}

/* Where customers have rules, whoever is not known is refused: a first default rule lets them in.
 */
static void compare_default_rule(struct comparison *k, const struct config *before,
                                 const struct config *after, size_t ruled_customers)
{
    str old = before->default_customer_rule, new = after->default_customer_rule;

    if (!old.p && new.p && ruled_customers > 0)
        add_item(k, CONFIG_DEFAULT_CUSTOMER_RULE, STR(""), old, new);
    else
        compare(k, CONFIG_DEFAULT_CUSTOMER_RULE, STR(""), old, new);
}

void config_widening(const struct config *before, const struct config *after,
                     const struct config_foreign_rule *foreign, size_t n_foreign,
                     size_t ruled_customers, struct arena *arena,
                     const struct config_widened **ret_items, size_t *ret_n)
{
    struct comparison k = {.before = before->regions, .after = after->regions, .arena = arena};

    map_init(&k.verdicts);
    k.same_places = has_same_places(before->regions, after->regions);
    index_countries(&k);
    compare(&k, CONFIG_ORGANIZATION, STR(""), before->organization_rule, after->organization_rule);
    compare_default_rule(&k, before, after, ruled_customers);
    compare_environment_groups(&k, before, after);
    compare_customers(&k, before, after);
    compare_keys(&k, before, after);
    for (size_t i = 0; i < n_foreign; i++)
        compare(&k, foreign[i].subject, foreign[i].name, foreign[i].canonical,
                foreign[i].canonical);
    map_deinit(&k.verdicts);
    *ret_items = k.items;
    *ret_n = k.n;
}

void config_widened_print(const struct config_widened *item, struct buf *to)
{
    static const char *const subjects[] = {"organization", "default_customer_rule",
                                           "environment group", "customer", "key"};

    buf_printf(to, "%s", subjects[item->subject]);
    if (item->name.n)
        buf_printf(to, " %.*s", STR_ARG(item->name));
    if (!item->after.n)
        buf_printf(to, ": %.*s would be gone", STR_ARG(item->before));
    else if (!item->before.n)
        buf_printf(to, ": %.*s would be new, for requests that are refused now",
                   STR_ARG(item->after));
    else
        buf_printf(to, ": %.*s would become %.*s", STR_ARG(item->before), STR_ARG(item->after));
}

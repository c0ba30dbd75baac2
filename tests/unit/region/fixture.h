#pragma once

/* A catalogue of the built-in rows, and random rules and rows for property tests. */

#include "base/arena.h"
#include "base/mem.h"
#include "base/random.h"
#include "region/permit.h"
#include "test.h"

static inline struct region_catalogue *builtin_catalogue(void)
{
    return region_builder_finish(region_builder_new());
}

static inline struct region_set resolved(const struct region_catalogue *c, const char *name)
{
    struct region_set set = region_set_none();

    if (!region_resolve(c, str_of(name), &set))
        printf("  \"%s\" does not resolve\n", name);
    return set;
}

/* The row of a region in `country` with nothing else known. */
static inline struct region plain_row(const char *code, const char *country)
{
    struct region row = {.code = str_of(code),
                         .provider = STR("here"),
                         .location = STR("a cellar"),
                         .source = STR("the test"),
                         .grid_g_per_kwh = -1,
                         .latency_p50_ms = -1,
                         .latency_p95_ms = -1};

    memcpy(row.country, country, 2);
    return row;
}

/* A name that resolves: a region, a zone or a country. */
static inline str random_name(const struct region_catalogue *c, struct prng *r)
{
    static const char *const others[] = {"eu", "eea",   "efta",   "uk",   "us",   "FR",
                                         "de", "IS",    "gb",     "CH",   "dach", "nordics",
                                         "SE", "world", "europe", "apac", "JP",   "BR"};
    if (prng_below(r, 2))
        return region_at(c, (unsigned)prng_below(r, region_count(c)))->code;
    return str_of(others[prng_below(r, COUNT_OF(others))]);
}

static inline const str *random_names(const struct region_catalogue *c, struct prng *r, size_t n,
                                      struct arena *arena)
{
    str *names = arena_alloc(arena, n * sizeof(*names));

    for (size_t i = 0; i < n; i++)
        names[i] = random_name(c, r);
    return names;
}

static inline struct region_rule random_rule(const struct region_catalogue *c, struct prng *r,
                                             struct arena *arena)
{
    struct region_rule rule = {0};

    if (prng_below(r, 8) == 0) {
        rule.primary = region_at(c, (unsigned)prng_below(r, region_count(c)))->code;
        if (prng_below(r, 2))
            rule.secondary = region_at(c, (unsigned)prng_below(r, region_count(c)))->code;
    } else {
        rule.n_allow = (size_t)prng_below(r, 4);
        rule.allow = random_names(c, r, rule.n_allow, arena);
        rule.n_exclude = (size_t)prng_below(r, 3);
        rule.exclude = random_names(c, r, rule.n_exclude, arena);
    }
    rule.n_transit = (size_t)prng_below(r, 2);
    rule.transit = random_names(c, r, rule.n_transit, arena);
    return rule;
}

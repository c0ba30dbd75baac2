#pragma once

/*
 * A small policy for tests of routing: regions whose latencies and roles the test knows, one model
 * group with a fallback, and a state for each endpoint. The table below is the whole geography; an
 * endpoint is one row of `place` strings, and whatever else matters is set on it afterwards.
 */

#include "base/mem.h"
#include "route/trace.h"
#include "unit/test.h"

enum { WORLD_MAX = 96, WORLD_REVISION = 7 };

struct world {
    struct catalog *c;
    struct endpoint_state *states[WORLD_MAX];
    struct region_latency latencies[WORLD_MAX];
    size_t n; /* endpoints */
    struct permit permit;
    struct route_wish wish;
    struct prng prng;
    int64_t now_ns;
    struct route_candidate candidates[WORLD_MAX];
    size_t n_candidates;
};

static inline void world_regions(struct world *w)
{
    static const struct {
        const char *code, *country;
        int32_t p50_ms, p95_ms;
        enum region_role role;
    } rows[] = {
        {"near-de", "DE", 5, 9, REGION_ROLE_INFERENCE},
        {"mid-de", "DE", 20, 40, REGION_ROLE_INFERENCE},
        {"far-fr", "FR", 50, 90, REGION_ROLE_INFERENCE},
        {"over-us", "US", 90, 150, REGION_ROLE_INFERENCE},
        {"dark-us", "US", -1, -1, REGION_ROLE_INFERENCE},
        {"gate-de", "DE", 1, 2, REGION_ROLE_GATEWAY},
    };
    struct region_catalogue_builder *b = region_builder_new();
    const char *error;

    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct region row = {.code = str_of(rows[i].code),
                             .provider = STR("here"),
                             .location = STR("a cellar"),
                             .source = STR("the test"),
                             .grid_g_per_kwh = -1,
                             .latency_p50_ms = rows[i].p50_ms,
                             .latency_p95_ms = rows[i].p95_ms,
                             .role = rows[i].role};

        memcpy(row.country, rows[i].country, 2);
        CHECK_INT(region_builder_put(b, &row, &error), 0);
    }
    w->c->regions = region_builder_finish(b);
}

/* The label that stands for a region's text: the index of the first endpoint there. */
static inline uint16_t world_label(const struct world *w, size_t index)
{
    size_t i = 0;

    while (i < index && strcmp(w->states[i]->region, w->states[index]->region) != 0)
        i++;
    return (uint16_t)i;
}

static inline void world_endpoint(struct world *w, size_t i, const char *place)
{
    struct catalog_endpoint *e = &w->c->endpoints[i];
    struct endpoint_state *s = aligned_alloc(64, (sizeof(*s) + 63) / 64 * 64);

    *e = (struct catalog_endpoint){.id = arena_printf(&w->c->arena, "e%zu", i),
                                   .provider = PROVIDER_COMPATIBLE,
                                   .origin_revision = 100 + i,
                                   .host = STR("127.0.0.1"),
                                   .region_name = str_of(place),
                                   .region = REGION_NONE,
                                   .weight = 1,
                                   .order = 1};
    if (*place) {
        CHECK(region_resolve(w->c->regions, e->region_name, &e->place));
        e->region = (uint16_t)region_find(w->c->regions, e->region_name);
    } else {
        region_set_add(&e->place, region_unknown_bit(w->c->regions));
    }
    memset(s, 0, sizeof(*s));
    s->id = str_dup(e->id);
    s->origin_revision = e->origin_revision;
    snprintf(s->region, sizeof(s->region), "%s", *place ? place : "unknown");
    w->states[i] = s;
    s->region_label = world_label(w, i);
    s->latency = &w->latencies[s->region_label];
    region_latency_init(&w->latencies[i]);
}

static inline void world_group(struct world *w, size_t group, const char *name, size_t first,
                               size_t n)
{
    uint32_t *indexes = arena_alloc(&w->c->arena, (n + 1) * sizeof(*indexes));

    for (size_t i = 0; i < n; i++)
        indexes[i] = (uint32_t)(first + i);
    w->c->groups[group] =
        (struct catalog_group){.name = str_of(name), .endpoints = indexes, .n_endpoints = n};
}

/* The first `n_own` endpoints are the group's own, the others its fallback's. A place is the name
 * of a region, zone or country; "" is nowhere known. */
static inline void world_begin_split(struct world *w, const char *const *places, size_t n,
                                     size_t n_own)
{
    static const uint32_t fallbacks[] = {1};

    memset(w, 0, sizeof(*w));
    w->c = catalog_new();
    w->c->revision = WORLD_REVISION;
    w->n = n;
    w->now_ns = 1000 * NS_PER_S;
    prng_seed(&w->prng, 1);
    world_regions(w);
    w->c->gateway_region = REGION_NONE;
    w->c->endpoints = arena_zalloc(&w->c->arena, n * sizeof(*w->c->endpoints));
    for (size_t i = 0; i < n; i++)
        world_endpoint(w, i, places[i]);
    w->c->n_endpoints = n;
    w->c->groups = arena_zalloc(&w->c->arena, 2 * sizeof(*w->c->groups));
    world_group(w, 0, "m", 0, n_own);
    world_group(w, 1, "fallback", n_own, n - n_own);
    w->c->n_groups = 2;
    if (n_own < n) {
        w->c->groups[0].fallbacks = fallbacks;
        w->c->groups[0].n_fallbacks = 1;
    }
    permit_init(&w->permit, w->c->regions, WORLD_REVISION);
}

#define WORLD_BEGIN(w, ...)                                                                        \
    world_begin_split((w), (const char *const[]){__VA_ARGS__},                                     \
                      COUNT_OF(((const char *const[]){__VA_ARGS__})),                              \
                      COUNT_OF(((const char *const[]){__VA_ARGS__})))

static inline void world_end(struct world *w)
{
    for (size_t i = 0; i < w->n; i++) {
        mem_free(w->states[i]->id);
        free(w->states[i]);
    }
    catalog_free(w->c);
}

static inline uint16_t world_region(const struct world *w, const char *code)
{
    unsigned region = region_find(w->c->regions, str_of(code));

    CHECK(region != REGION_NONE);
    return (uint16_t)region;
}

static inline void world_prefer(struct world *w, const char *first, const char *second)
{
    uint16_t *order = arena_alloc(&w->c->arena, 2 * sizeof(*order));
    size_t n = 0;

    order[n++] = world_region(w, first);
    if (second)
        order[n++] = world_region(w, second);
    w->c->settings.preferred = order;
    w->c->settings.n_preferred = n;
}

/* Narrows the permit by a rule of the organization. */
static inline void world_rule(struct world *w, const struct region_rule *rule)
{
    struct region_rule_compiled compiled;
    str error;

    CHECK_INT(region_rule_compile(rule, w->c->regions, &w->c->arena, &compiled, &error), 0);
    permit_narrow(&w->permit, PERMIT_ORGANIZATION, STR_NULL,
                  region_rule_canonical(rule, &w->c->arena), &compiled);
}

static inline void world_allow(struct world *w, const char *name)
{
    str allow = str_of(name);

    world_rule(w, &(struct region_rule){.allow = &allow, .n_allow = 1});
}

static inline struct route_view world_view(const struct world *w)
{
    return (struct route_view){w->c, w->states, w->now_ns};
}

static inline void world_gather(struct world *w)
{
    struct route_view view = world_view(w);

    w->n_candidates = route_candidate_count(w->c, &w->c->groups[0]);
    route_gather(&view, &w->permit, &w->c->groups[0], &w->wish, w->candidates, w->n_candidates);
}

/* Chooses among the candidates as they stand; the endpoint's index, or -1. */
static inline ptrdiff_t world_choose_again(struct world *w)
{
    struct route_view view = world_view(w);

    return route_choose(&view, w->candidates, w->n_candidates, w->wish.session, &w->prng);
}

static inline ptrdiff_t world_choose(struct world *w)
{
    world_gather(w);
    return world_choose_again(w);
}

static inline str world_verdict(const struct world *w, size_t i)
{
    return route_verdict_name(w->candidates[i].verdict);
}

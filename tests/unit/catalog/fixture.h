#pragma once

/*
 * Catalogs for the tests of this folder: a bare one to which a test adds what it is about, and a
 * full one in which every field that travels has a value of its own.
 */

#include "base/mem.h"
#include "catalog/catalog.h"
#include "unit/test.h"

enum { FIXTURE_RULES = 16, FIXTURE_KEYS = 4 };

/* The built-in regions, no rule, group, endpoint or key. */
static inline struct catalog *bare_catalog(void)
{
    struct catalog *c = catalog_new();

    c->revision = 7;
    c->issued_wall_ns = 1234567890123456789;
    c->installation = STR("inst_1");
    c->regions = region_builder_finish(region_builder_new());
    c->customer_key = (struct siphash_key){0x1111222233334444, 0x5555666677778888};
    c->rules = arena_zalloc(&c->arena, FIXTURE_RULES * sizeof(*c->rules));
    c->n_rules = FIXTURE_RULES;
    c->keys = arena_zalloc(&c->arena, FIXTURE_KEYS * sizeof(*c->keys));
    return c;
}

static inline void set_rule(struct catalog *c, size_t index, const char *canonical)
{
    struct region_rule rule;
    str error = STR_NULL;

    c->rules[index].text = str_of(canonical);
    if (!region_rule_parse_canonical(str_of(canonical), &c->arena, &rule) ||
        region_rule_compile(&rule, c->regions, &c->arena, &c->rules[index].compiled, &error) < 0) {
        printf("  \"%s\" is no rule: %.*s\n", canonical, STR_ARG(error));
        longjmp(test_escape, 1);
    }
}

static inline struct catalog_key *add_key(struct catalog *c, const char *id, uint32_t rule)
{
    struct catalog_key *key = &c->keys[c->n_keys++];

    memset(key->hash, (int)(0x40 + c->n_keys), sizeof(key->hash));
    key->id = key->name = str_of(id);
    key->scopes = SCOPE_INFERENCE;
    key->rule = rule;
    return key;
}

static inline uint16_t region_named(const struct catalog *c, const char *code)
{
    unsigned index = region_find(c->regions, str_of(code));

    if (index == REGION_NONE) {
        printf("  there is no region \"%s\"\n", code);
        longjmp(test_escape, 1);
    }
    return (uint16_t)index;
}

/* An endpoint that stands in a region, zone or country; in an unknown place for NULL. */
static inline struct catalog_endpoint endpoint_in(const struct catalog *c, const char *name)
{
    struct catalog_endpoint e = {.region = REGION_NONE, .weight = 1, .order = 1};

    if (!name) {
        region_set_add(&e.place, region_unknown_bit(c->regions));
        return e;
    }
    if (!region_resolve(c->regions, str_of(name), &e.place)) {
        printf("  \"%s\" does not resolve\n", name);
        longjmp(test_escape, 1);
    }
    e.region = (uint16_t)region_find(c->regions, str_of(name));
    e.region_name = str_of(name);
    e.evidence = EVIDENCE_DECLARED;
    return e;
}

#include "base/random.h"
#include "catalog/catalog_wire.h"

#include <openssl/evp.h>

/* --- decoding
 * ------------------------------------------------------------------------------------------------------
 */

struct decoder {
    struct wire_reader r;
    struct catalog *c;
};

static void fail(struct decoder *d)
{
    d->r.failed = true;
}

static str take_str(struct decoder *d)
{
    str s = wire_take_str(&d->r);

    return s.n ? arena_copy(&d->c->arena, s) : STR("");
}

static bool take_bool(struct decoder *d)
{
    uint8_t value = wire_take_u8(&d->r);

    if (value > 1)
        fail(d);
    return value == 1;
}

static unsigned take_enum(struct decoder *d, unsigned last)
{
    uint8_t value = wire_take_u8(&d->r);

    if (value > last)
        fail(d);
    return d->r.failed ? 0 : value;
}

static uint32_t take_index(struct decoder *d, size_t n)
{
    uint32_t index = wire_take_u32(&d->r);

    if (index >= n)
        fail(d);
    return d->r.failed ? 0 : index;
}

static uint32_t take_rule(struct decoder *d)
{
    return wire_take_u32(&d->r); /* one that points nowhere is handled, closed, where it is used */
}

static uint16_t take_region(struct decoder *d)
{
    uint16_t index = wire_take_u16(&d->r);

    if (index != REGION_NONE && (!d->c->regions || index >= region_count(d->c->regions)))
        fail(d);
    return d->r.failed ? (uint16_t)REGION_NONE : index;
}

static int64_t take_duration(struct decoder *d)
{
    int64_t value = wire_take_i64(&d->r);

    if (value < 0)
        fail(d);
    return value;
}

/* An index, or none. */
static uint32_t take_reference(struct decoder *d, size_t n)
{
    uint32_t index = wire_take_u32(&d->r);

    if (index != CATALOG_NONE && index >= n)
        fail(d);
    return d->r.failed ? CATALOG_NONE : index;
}

static const str *take_names(struct decoder *d, size_t *ret_n)
{
    uint32_t n = wire_take_count(&d->r, 4);
    str *names = arena_alloc(&d->c->arena, (n + 1) * sizeof(*names));

    for (uint32_t i = 0; i < n; i++)
        names[i] = take_str(d);
    *ret_n = n;
    return names;
}

static const uint32_t *take_indexes(struct decoder *d, size_t bound, size_t *ret_n)
{
    uint32_t n = wire_take_count(&d->r, 4);
    uint32_t *indexes = arena_alloc(&d->c->arena, (n + 1) * sizeof(*indexes));

    for (uint32_t i = 0; i < n; i++)
        indexes[i] = take_index(d, bound);
    *ret_n = n;
    return indexes;
}

static const uint16_t *take_regions(struct decoder *d, size_t *ret_n)
{
    uint32_t n = wire_take_count(&d->r, 2);
    uint16_t *regions = arena_alloc(&d->c->arena, (n + 1) * sizeof(*regions));

    for (uint32_t i = 0; i < n; i++)
        regions[i] = take_region(d);
    *ret_n = n;
    return regions;
}

static void take_settings(struct decoder *d, struct catalog_settings *s)
{
#define X(field) s->field = wire_take_u64(&d->r);
    SETTINGS_U64(X)
#undef X
#define X(field) s->field = wire_take_u32(&d->r);
    SETTINGS_U32(X)
#undef X
#define X(field) s->field = take_duration(d);
    SETTINGS_I64(X)
#undef X
    s->default_carbon_aware = take_bool(d);
    s->health_path = take_str(d);
    s->preferred = take_regions(d, &s->n_preferred);
    s->named = take_regions(d, &s->n_named);
}

static void take_group(struct decoder *d, struct catalog_group *g)
{
    g->name = take_str(d);
    g->endpoints = take_indexes(d, d->c->n_endpoints, &g->n_endpoints);
    g->fallbacks = take_indexes(d, d->c->n_groups, &g->n_fallbacks);
    g->timers.connect_ms = take_duration(d);
    g->timers.first_byte_ms = take_duration(d);
    g->timers.idle_ms = take_duration(d);
    g->timers.total_ms = take_duration(d);
    g->max_retries = wire_take_u32(&d->r);
    g->wildcard = take_bool(d);
    g->deployment = take_bool(d);
    g->created_s = wire_take_i64(&d->r);
}

/* A place lies within the world of its catalogue and is never empty. */
static void take_place(struct decoder *d, struct catalog_endpoint *e)
{
    for (int i = 0; i < REGION_SET_WORDS; i++)
        e->place.words[i] = wire_take_u64(&d->r);
    e->region = take_region(d);
    if (d->r.failed)
        return;
    struct region_set world = region_set_world(d->c->regions);
    if (!region_set_within(&e->place, &world))
        fail(d);
    if (e->region != REGION_NONE &&
        (region_set_count(&e->place) != 1 || !region_set_has(&e->place, e->region)))
        fail(d);
}

static void take_headers(struct decoder *d, struct catalog_endpoint *e)
{
    uint32_t n = wire_take_count(&d->r, 8);
    struct catalog_header *headers = arena_alloc(&d->c->arena, (n + 1) * sizeof(*headers));

    for (uint32_t i = 0; i < n; i++) {
        headers[i].name = take_str(d);
        headers[i].value = take_str(d);
    }
    e->extra_headers = headers;
    e->n_extra_headers = n;
}

static void take_endpoint(struct decoder *d, struct catalog_endpoint *e)
{
#define X(field) e->field = take_str(d);
    ENDPOINT_STRINGS(X)
#undef X
    e->group = take_index(d, d->c->n_groups);
    e->provider = take_enum(d, PROVIDER_REPLICA);
    e->state = take_enum(d, ENDPOINT_OUT_OF_SERVICE);
    e->evidence = take_enum(d, EVIDENCE_PROVIDER);
    e->origin_revision = wire_take_u64(&d->r);
    e->tls = take_bool(d);
    e->port = wire_take_u16(&d->r);
    e->wildcard = take_bool(d);
    take_place(d, e);
    e->weight = wire_take_u32(&d->r);
    e->order = wire_take_u32(&d->r);
    e->rpm = wire_take_u32(&d->r);
    e->tpm = wire_take_u64(&d->r);
    e->max_parallel = wire_take_u32(&d->r);
    e->timeout_ms = take_duration(d);
    e->stream_timeout_ms = take_duration(d);
    take_headers(d, e);
}

static void take_key(struct decoder *d, struct catalog_key *k)
{
    str hash = wire_take_bytes(&d->r, sizeof(k->hash));

    if (hash.n)
        memcpy(k->hash, hash.p, sizeof(k->hash));
    k->id = take_str(d);
    k->name = take_str(d);
    k->scopes = wire_take_u32(&d->r) & SCOPE_ALL;
    k->rule = take_rule(d);
    k->bound = take_bool(d);
    k->customer_id = take_str(d);
    k->customer.lo = wire_take_u64(&d->r);
    k->customer.hi = wire_take_u64(&d->r);
    k->expires_wall_ns = wire_take_i64(&d->r);
    k->team = take_str(d);
    k->models = take_names(d, &k->n_models);
    k->environments = take_names(d, &k->n_environments);
}

static void take_model(struct decoder *d, struct catalog_model *m)
{
    m->kind = take_enum(d, MODEL_KIND_CHAIN);
    m->id = take_str(d);
    m->name = take_str(d);
    m->team = take_str(d);
    m->development = take_reference(d, d->c->n_deployments);
}

static void take_environment(struct decoder *d, struct catalog_environment *e)
{
    e->name = take_str(d);
    e->model = take_index(d, d->c->n_models);
    e->deployment = take_reference(d, d->c->n_deployments);
    e->rule = take_rule(d);
    e->standard_refused = take_bool(d);
}

/* Its group is one of a deployment's: an operator's group is reached by model name only. */
static void take_deployment(struct decoder *d, struct catalog_deployment *to)
{
    to->id = take_str(d);
    to->model = take_index(d, d->c->n_models);
    to->group = take_index(d, d->c->n_groups);
    to->state = take_enum(d, DEPLOYMENT_INACTIVE);
    to->environment = take_reference(d, d->c->n_environments);
    to->predict_path = take_str(d);
    to->websocket_path = take_str(d);
    if (!d->r.failed && !d->c->groups[to->group].deployment)
        fail(d);
}

/* Nothing leads from one model to another's deployment. */
static void check_hosts(struct decoder *d)
{
    const struct catalog *c = d->c;

    for (size_t i = 0; i < c->n_models && !d->r.failed; i++)
        if (c->models[i].development != CATALOG_NONE &&
            c->deployments[c->models[i].development].model != i)
            fail(d);
    for (size_t i = 0; i < c->n_environments && !d->r.failed; i++)
        if (c->environments[i].deployment != CATALOG_NONE &&
            c->deployments[c->environments[i].deployment].model != c->environments[i].model)
            fail(d);
    for (size_t i = 0; i < c->n_deployments && !d->r.failed; i++)
        if (c->deployments[i].environment != CATALOG_NONE &&
            c->environments[c->deployments[i].environment].model != c->deployments[i].model)
            fail(d);
}

static void take_hosts(struct decoder *d)
{
    struct catalog *c = d->c;

    c->domain = take_str(d);
    c->n_models = wire_take_count(&d->r, MIN_MODEL_BYTES);
    c->n_environments = wire_take_count(&d->r, MIN_ENVIRONMENT_BYTES);
    c->n_deployments = wire_take_count(&d->r, MIN_DEPLOYMENT_BYTES);
    c->models = arena_zalloc(&c->arena, (c->n_models + 1) * sizeof(*c->models));
    c->environments = arena_zalloc(&c->arena, (c->n_environments + 1) * sizeof(*c->environments));
    c->deployments = arena_zalloc(&c->arena, (c->n_deployments + 1) * sizeof(*c->deployments));
    for (size_t i = 0; i < c->n_models && !d->r.failed; i++)
        take_model(d, &c->models[i]);
    for (size_t i = 0; i < c->n_environments && !d->r.failed; i++)
        take_environment(d, &c->environments[i]);
    for (size_t i = 0; i < c->n_deployments && !d->r.failed; i++)
        take_deployment(d, &c->deployments[i]);
    check_hosts(d);
}

static void take_rules(struct decoder *d)
{
    struct catalog *c = d->c;

    c->n_rules = wire_take_count(&d->r, MIN_RULE_BYTES);
    c->rules = arena_zalloc(&c->arena, (c->n_rules + 1) * sizeof(*c->rules));
    for (size_t i = 0; i < c->n_rules && !d->r.failed; i++) {
        str text = wire_take_str(&d->r), error;
        struct region_rule rule;

        if (text.n == 0)
            continue;
        c->rules[i].text = arena_copy(&c->arena, text);
        if (!region_rule_parse_canonical(c->rules[i].text, &c->arena, &rule) ||
            region_rule_compile(&rule, c->regions, &c->arena, &c->rules[i].compiled, &error) < 0)
            fail(d);
    }
}

static void take_tables(struct decoder *d)
{
    struct catalog *c = d->c;

    c->n_groups = wire_take_count(&d->r, MIN_GROUP_BYTES);
    c->n_endpoints = wire_take_count(&d->r, MIN_ENDPOINT_BYTES);
    c->groups = arena_zalloc(&c->arena, (c->n_groups + 1) * sizeof(*c->groups));
    c->endpoints = arena_zalloc(&c->arena, (c->n_endpoints + 1) * sizeof(*c->endpoints));
    for (size_t i = 0; i < c->n_groups && !d->r.failed; i++)
        take_group(d, &c->groups[i]);
    for (size_t i = 0; i < c->n_endpoints && !d->r.failed; i++)
        take_endpoint(d, &c->endpoints[i]);
    take_hosts(d);
    c->n_keys = wire_take_count(&d->r, MIN_KEY_BYTES);
    c->keys = arena_zalloc(&c->arena, (c->n_keys + 1) * sizeof(*c->keys));
    for (size_t i = 0; i < c->n_keys && !d->r.failed; i++)
        take_key(d, &c->keys[i]);
}

static void take_certificates(struct decoder *d)
{
    uint32_t n = wire_take_count(&d->r, 8);
    struct catalog_certificate *certificates =
        arena_alloc(&d->c->arena, (n + 1) * sizeof(*certificates));

    for (uint32_t i = 0; i < n; i++) {
        certificates[i].chain_pem = take_str(d);
        certificates[i].key_pem = take_str(d);
    }
    d->c->certificates = certificates;
    d->c->n_certificates = n;
    d->c->client_ca_pem = take_str(d);
}

static void take_aliases(struct decoder *d)
{
    uint32_t n = wire_take_count(&d->r, 8);
    struct catalog_alias *aliases = arena_alloc(&d->c->arena, (n + 1) * sizeof(*aliases));

    for (uint32_t i = 0; i < n; i++) {
        aliases[i].name = take_str(d);
        aliases[i].group = take_index(d, d->c->n_groups);
    }
    d->c->aliases = aliases;
    d->c->n_aliases = n;
}

/* SHA-256 over the content alone, so that two revisions with equal content have equal hashes. */
static str hash_content(struct arena *arena, str content)
{
    uint8_t hash[CATALOG_KEY_HASH_BYTES];
    char *hex = arena_alloc(arena, 2 * sizeof(hash));
    unsigned n = sizeof(hash);

    if (EVP_Digest(content.p, content.n, hash, &n, EVP_sha256(), NULL) != 1)
        abort();
    hex_encode(hash, sizeof(hash), hex);
    return str_make(hex, 2 * sizeof(hash));
}

static bool take_content(struct decoder *d)
{
    struct catalog *c = d->c;
    str content = d->r.rest;

    c->customer_key.k0 = wire_take_u64(&d->r);
    c->customer_key.k1 = wire_take_u64(&d->r);
    c->regions = d->r.failed ? NULL : region_catalogue_decode(&d->r);
    if (!c->regions)
        return false;
    c->organization_rule = take_rule(d);
    c->default_customer_rule = take_rule(d);
    c->gateway_region = take_region(d);
    take_rules(d);
    take_tables(d);
    take_settings(d, &c->settings);
    take_certificates(d);
    take_aliases(d);
    c->config_hash = hash_content(&c->arena, content);
    return !d->r.failed && d->r.rest.n == 0;
}

struct catalog *catalog_decode(str bytes)
{
    struct decoder d = {.r = {.rest = bytes}, .c = catalog_new()};
    str found = wire_take_bytes(&d.r, CATALOG_MAGIC.n);
    uint16_t version = wire_take_u16(&d.r);

    d.c->revision = wire_take_u64(&d.r);
    d.c->issued_wall_ns = wire_take_i64(&d.r);
    d.c->installation = take_str(&d);
    if (d.r.failed || !str_eq(found, CATALOG_MAGIC) || version != CATALOG_VERSION ||
        !take_content(&d)) {
        catalog_free(d.c);
        return NULL;
    }
    catalog_index(d.c);
    return d.c;
}

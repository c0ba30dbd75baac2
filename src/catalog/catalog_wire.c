#include "catalog/catalog.h"

#include "base/random.h"

#include <openssl/evp.h>

/*
 * The catalog on the wire and on disk. Layout, in order: magic, version, header, regions, rules,
 * groups, endpoints, keys, settings, certificates, aliases. Rules travel as text and are compiled
 * by whoever decodes. Decoding trusts nothing: every index is checked against the count it points
 * into, every enum against its last value, and all strings are copied.
 */

static const str magic = STR_INIT("AMBITCAT");
enum {
    VERSION = 1,
    MIN_RULE_BYTES = 4,
    MIN_GROUP_BYTES = 57,
    MIN_ENDPOINT_BYTES = 120,
    MIN_KEY_BYTES = 77
};

/* --- settings: one list for both directions
 * ------------------------------------------------------------------------- */

#define SETTINGS_U64(X) X(body_bytes) X(buffered_bytes)
#define SETTINGS_U32(X)                                                                            \
    X(head_bytes)                                                                                  \
    X(headers)                                                                                     \
    X(json_members)                                                                                \
    X(json_depth)                                                                                  \
    X(splice_bytes)                                                                                \
    X(trace_header_bytes) X(connections) X(customer_id_bytes) X(idle_upstreams) X(allowed_fails)
#define SETTINGS_I64(X)                                                                            \
    X(head_ms)                                                                                     \
    X(body_idle_ms)                                                                                \
    X(keep_alive_ms)                                                                               \
    X(write_idle_ms)                                                                               \
    X(drain_ms)                                                                                    \
    X(upstream_idle_ms) X(cooldown_ms) X(health_interval_ms) X(health_timeout_ms)                  \
        X(latency_window_ms) X(policy_lease_ms)

static void put_regions(struct buf *to, const uint16_t *regions, size_t n)
{
    wire_put_u32(to, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        wire_put_u16(to, regions[i]);
}

static void put_settings(struct buf *to, const struct catalog_settings *s)
{
#define X(field) wire_put_u64(to, s->field);
    SETTINGS_U64(X)
#undef X
#define X(field) wire_put_u32(to, s->field);
    SETTINGS_U32(X)
#undef X
#define X(field) wire_put_i64(to, s->field);
    SETTINGS_I64(X)
#undef X
    wire_put_u8(to, s->default_carbon_aware);
    wire_put_str(to, s->health_path);
    put_regions(to, s->preferred, s->n_preferred);
    put_regions(to, s->named, s->n_named);
}

/* --- encoding
 * ------------------------------------------------------------------------------------------------------
 */

static void put_timers(struct buf *to, const struct catalog_timers *t)
{
    wire_put_i64(to, t->connect_ms);
    wire_put_i64(to, t->first_byte_ms);
    wire_put_i64(to, t->idle_ms);
    wire_put_i64(to, t->total_ms);
}

static void put_indexes(struct buf *to, const uint32_t *indexes, size_t n)
{
    wire_put_u32(to, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        wire_put_u32(to, indexes[i]);
}

static void put_group(struct buf *to, const struct catalog_group *g)
{
    wire_put_str(to, g->name);
    put_indexes(to, g->endpoints, g->n_endpoints);
    put_indexes(to, g->fallbacks, g->n_fallbacks);
    put_timers(to, &g->timers);
    wire_put_u32(to, g->max_retries);
    wire_put_u8(to, g->wildcard);
    wire_put_i64(to, g->created_s);
}

#define ENDPOINT_STRINGS(X)                                                                        \
    X(id)                                                                                          \
    X(state_reason)                                                                                \
    X(host)                                                                                        \
    X(unix_path)                                                                                   \
    X(ca_pem)                                                                                      \
    X(client_cert_pem) X(client_key_pem) X(api_base) X(base_path) X(upstream_model) X(api_version) \
        X(credential) X(region_name)

static void put_endpoint(struct buf *to, const struct catalog_endpoint *e)
{
#define X(field) wire_put_str(to, e->field);
    ENDPOINT_STRINGS(X)
#undef X
    wire_put_u32(to, e->group);
    wire_put_u8(to, (uint8_t)e->provider);
    wire_put_u8(to, (uint8_t)e->state);
    wire_put_u8(to, (uint8_t)e->evidence);
    wire_put_u64(to, e->origin_revision);
    wire_put_u8(to, e->tls);
    wire_put_u16(to, e->port);
    wire_put_u8(to, e->wildcard);
    for (int i = 0; i < REGION_SET_WORDS; i++)
        wire_put_u64(to, e->place.words[i]);
    wire_put_u16(to, e->region);
    wire_put_u32(to, e->weight);
    wire_put_u32(to, e->order);
    wire_put_u32(to, e->rpm);
    wire_put_u64(to, e->tpm);
    wire_put_u32(to, e->max_parallel);
    wire_put_i64(to, e->timeout_ms);
    wire_put_i64(to, e->stream_timeout_ms);
    wire_put_u32(to, (uint32_t)e->n_extra_headers);
    for (size_t i = 0; i < e->n_extra_headers; i++) {
        wire_put_str(to, e->extra_headers[i].name);
        wire_put_str(to, e->extra_headers[i].value);
    }
}

static void put_key(struct buf *to, const struct catalog_key *k)
{
    buf_put(to, k->hash, sizeof(k->hash));
    wire_put_str(to, k->id);
    wire_put_str(to, k->name);
    wire_put_u32(to, k->scopes);
    wire_put_u32(to, k->rule);
    wire_put_u8(to, k->bound);
    wire_put_str(to, k->customer_id);
    wire_put_u64(to, k->customer.lo);
    wire_put_u64(to, k->customer.hi);
    wire_put_i64(to, k->expires_wall_ns);
}

static void put_content(const struct catalog *c, struct buf *to)
{
    wire_put_u64(to, c->customer_key.k0);
    wire_put_u64(to, c->customer_key.k1);
    region_catalogue_encode(c->regions, to);
    wire_put_u32(to, c->organization_rule);
    wire_put_u32(to, c->default_customer_rule);
    wire_put_u16(to, c->gateway_region);
    wire_put_u32(to, (uint32_t)c->n_rules);
    for (size_t i = 0; i < c->n_rules; i++)
        wire_put_str(to, c->rules[i].text);
    wire_put_u32(to, (uint32_t)c->n_groups);
    wire_put_u32(to, (uint32_t)c->n_endpoints);
    for (size_t i = 0; i < c->n_groups; i++)
        put_group(to, &c->groups[i]);
    for (size_t i = 0; i < c->n_endpoints; i++)
        put_endpoint(to, &c->endpoints[i]);
    wire_put_u32(to, (uint32_t)c->n_keys);
    for (size_t i = 0; i < c->n_keys; i++)
        put_key(to, &c->keys[i]);
    put_settings(to, &c->settings);
    wire_put_u32(to, (uint32_t)c->n_certificates);
    for (size_t i = 0; i < c->n_certificates; i++) {
        wire_put_str(to, c->certificates[i].chain_pem);
        wire_put_str(to, c->certificates[i].key_pem);
    }
    wire_put_str(to, c->client_ca_pem);
    wire_put_u32(to, (uint32_t)c->n_aliases);
    for (size_t i = 0; i < c->n_aliases; i++) {
        wire_put_str(to, c->aliases[i].name);
        wire_put_u32(to, c->aliases[i].group);
    }
}

void catalog_encode(const struct catalog *c, struct buf *to)
{
    buf_put_str(to, magic);
    wire_put_u16(to, VERSION);
    wire_put_u64(to, c->revision);
    wire_put_i64(to, c->issued_wall_ns);
    wire_put_str(to, c->installation);
    put_content(c, to);
}

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
    e->provider = take_enum(d, PROVIDER_AZURE);
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
    str found = wire_take_bytes(&d.r, magic.n);
    uint16_t version = wire_take_u16(&d.r);

    d.c->revision = wire_take_u64(&d.r);
    d.c->issued_wall_ns = wire_take_i64(&d.r);
    d.c->installation = take_str(&d);
    if (d.r.failed || !str_eq(found, magic) || version != VERSION || !take_content(&d)) {
        catalog_free(d.c);
        return NULL;
    }
    catalog_index(d.c);
    return d.c;
}

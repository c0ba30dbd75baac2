#include "catalog/catalog_wire.h"

/* --- settings: one list for both directions
 * ------------------------------------------------------------------------- */

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
    wire_put_u8(to, g->deployment);
    wire_put_i64(to, g->created_s);
}

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

static void put_names(struct buf *to, const str *names, size_t n)
{
    wire_put_u32(to, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        wire_put_str(to, names[i]);
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
    wire_put_str(to, k->team);
    put_names(to, k->models, k->n_models);
    put_names(to, k->environments, k->n_environments);
}

static void put_model(struct buf *to, const struct catalog_model *m)
{
    wire_put_u8(to, (uint8_t)m->kind);
    wire_put_str(to, m->id);
    wire_put_str(to, m->name);
    wire_put_str(to, m->team);
    wire_put_u32(to, m->development);
}

static void put_environment(struct buf *to, const struct catalog_environment *e)
{
    wire_put_str(to, e->name);
    wire_put_u32(to, e->model);
    wire_put_u32(to, e->deployment);
    wire_put_u32(to, e->rule);
    wire_put_u8(to, e->standard_refused);
}

static void put_deployment(struct buf *to, const struct catalog_deployment *d)
{
    wire_put_str(to, d->id);
    wire_put_u32(to, d->model);
    wire_put_u32(to, d->group);
    wire_put_u8(to, (uint8_t)d->state);
    wire_put_u32(to, d->environment);
    wire_put_str(to, d->predict_path);
    wire_put_str(to, d->websocket_path);
}

/* The counts first: the three tables point into each other. */
static void put_hosts(struct buf *to, const struct catalog *c)
{
    wire_put_str(to, c->domain);
    wire_put_u32(to, (uint32_t)c->n_models);
    wire_put_u32(to, (uint32_t)c->n_environments);
    wire_put_u32(to, (uint32_t)c->n_deployments);
    for (size_t i = 0; i < c->n_models; i++)
        put_model(to, &c->models[i]);
    for (size_t i = 0; i < c->n_environments; i++)
        put_environment(to, &c->environments[i]);
    for (size_t i = 0; i < c->n_deployments; i++)
        put_deployment(to, &c->deployments[i]);
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
    put_hosts(to, c);
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
    buf_put_str(to, CATALOG_MAGIC);
    wire_put_u16(to, CATALOG_VERSION);
    wire_put_u64(to, c->revision);
    wire_put_i64(to, c->issued_wall_ns);
    wire_put_str(to, c->installation);
    put_content(c, to);
}

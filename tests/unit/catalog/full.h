#pragma once

/* A catalog in which every field that travels has a value of its own, none of them the default. */

#include "unit/catalog/fixture.h"

static inline void fill_regions(struct catalog *c)
{
    struct region_catalogue_builder *b = region_builder_new();
    const struct region cellar = {.code = STR("cellar-1"),
                                  .provider = STR("cellar"),
                                  .location = STR("Lyon"),
                                  .grid_zone = STR("FR"),
                                  .source = STR("the landlord"),
                                  .country = "FR",
                                  .has_coordinates = true,
                                  .latitude_e4 = 457578,
                                  .longitude_e4 = 48320,
                                  .grid_g_per_kwh = 41,
                                  .latency_p50_ms = 3,
                                  .latency_p95_ms = 9};
    const str members[] = {STR("cellar-1"), STR("CH")};
    const char *error = NULL;

    CHECK_INT(region_builder_put(b, &cellar, &error), 0);
    CHECK_INT(region_builder_put_zone(b, STR("near"), members, 2, &error), 0);
    region_catalogue_unref(c->regions);
    c->regions = region_builder_finish(b);
}

static inline void fill_groups(struct catalog *c)
{
    static const uint32_t first[] = {0, 1}, second[] = {2}, fallbacks[] = {1};
    static const struct catalog_alias aliases[] = {{STR_INIT("gpt-latest"), 0}};
    static const uint32_t replicas[] = {3};
    struct catalog_group *groups = arena_zalloc(&c->arena, 3 * sizeof(*groups));

    groups[0] = (struct catalog_group){.name = STR("gpt"),
                                       .endpoints = first,
                                       .n_endpoints = 2,
                                       .fallbacks = fallbacks,
                                       .n_fallbacks = 1,
                                       .timers = {101, 102, 103, 104},
                                       .max_retries = 105,
                                       .created_s = 106};
    groups[1] = (struct catalog_group){.name = STR("azure/*"),
                                       .endpoints = second,
                                       .n_endpoints = 1,
                                       .timers = {201, 202, 203, 204},
                                       .wildcard = true};
    groups[2] = (struct catalog_group){.name = STR("dep0001"),
                                       .endpoints = replicas,
                                       .n_endpoints = 1,
                                       .timers = {301, 302, 303, 304},
                                       .max_retries = 2,
                                       .deployment = true};
    c->groups = groups;
    c->n_groups = 3;
    c->aliases = aliases;
    c->n_aliases = COUNT_OF(aliases);
}

static inline void fill_texts(struct catalog_endpoint *e)
{
    e->id = STR("ep_1");
    e->state_reason = STR("reason");
    e->host = STR("gpu.example");
    e->unix_path = STR("/run/gpu");
    e->ca_pem = STR("ca");
    e->client_cert_pem = STR("cert");
    e->client_key_pem = STR("key");
    e->api_base = STR("https://gpu.example/v1");
    e->base_path = STR("/v1");
    e->upstream_model = STR("gpt-x");
    e->api_version = STR("2026-01-01");
    e->credential = STR("sk-secret");
    e->identity = STR("proof");
}

static inline void fill_endpoints(struct catalog *c)
{
    static const struct catalog_header headers[] = {{STR_INIT("x-team"), STR_INIT("a")},
                                                    {STR_INIT("x-none"), STR_INIT("")}};
    struct catalog_endpoint *e = arena_zalloc(&c->arena, 4 * sizeof(*e));

    e[0] = endpoint_in(c, "cellar-1");
    e[1] = endpoint_in(c, "near");
    e[2] = endpoint_in(c, NULL);
    fill_texts(&e[0]);
    e[0].provider = PROVIDER_AZURE;
    e[0].state = ENDPOINT_OUT_OF_SERVICE;
    e[0].evidence = EVIDENCE_PROVIDER;
    e[0].origin_revision = 0xfedcba9876543210;
    e[0].tls = true;
    e[0].port = 8443;
    e[0].weight = 301;
    e[0].order = 302;
    e[0].rpm = 303;
    e[0].tpm = 0x130000000;
    e[0].max_parallel = 304;
    e[0].timeout_ms = 305;
    e[0].stream_timeout_ms = 306;
    e[0].extra_headers = headers;
    e[0].n_extra_headers = COUNT_OF(headers);
    e[2].group = 1;
    e[2].state = ENDPOINT_REGION_PENDING;
    e[2].wildcard = true;
    e[3] = endpoint_in(c, "cellar-1");
    e[3].group = 2;
    e[3].provider = PROVIDER_REPLICA;
    c->endpoints = e;
    c->n_endpoints = 4;
}

static inline void fill_hosts(struct catalog *c)
{
    struct catalog_model *models = arena_zalloc(&c->arena, 2 * sizeof(*models));
    struct catalog_environment *environments = arena_zalloc(&c->arena, 2 * sizeof(*environments));
    struct catalog_deployment *deployments = arena_zalloc(&c->arena, 2 * sizeof(*deployments));

    models[0] =
        (struct catalog_model){MODEL_KIND_MODEL, STR("abc123"), STR("writer"), STR("team1"), 1};
    models[1] = (struct catalog_model){MODEL_KIND_CHAIN, STR("abc123"), STR("chained"),
                                       STR("team2"), CATALOG_NONE};
    environments[0] = (struct catalog_environment){STR("prod-eu"), 0, 0, 1, true};
    environments[1] =
        (struct catalog_environment){STR("production"), 1, CATALOG_NONE, CATALOG_NONE, false};
    deployments[0] = (struct catalog_deployment){
        STR("dep0001"),      0, 2, DEPLOYMENT_ASLEEP, 0, STR("/v1/models/model:predict"),
        STR("/v1/websocket")};
    deployments[1] = (struct catalog_deployment){
        STR("dep0002"), 0, 2, DEPLOYMENT_INACTIVE, CATALOG_NONE, STR("/run"), STR("/ws")};
    c->domain = STR("inference.example");
    c->models = models;
    c->environments = environments;
    c->deployments = deployments;
    c->n_models = c->n_environments = c->n_deployments = 2;
}

static inline void fill_keys(struct catalog *c)
{
    static const str models[] = {STR_INIT("abc123"), STR_INIT("xyz789")};
    static const str environments[] = {STR_INIT("prod-eu")};
    struct catalog_key *key = add_key(c, "key_1", 2);

    key->name = STR("the shop");
    key->scopes = SCOPE_INFERENCE | SCOPE_OPERATE;
    key->bound = true;
    key->customer_id = STR("shop");
    key->customer = (struct digest128){0x0123456789abcdef, 0x1122334455667788};
    key->expires_wall_ns = 1900000000000000000;
    key->team = STR("team1");
    key->models = models;
    key->n_models = COUNT_OF(models);
    key->environments = environments;
    key->n_environments = COUNT_OF(environments);
    add_key(c, "key_2", CATALOG_NONE);
}

static inline void fill_settings(struct catalog *c)
{
    static uint16_t preferred[2], named[1];

    preferred[0] = region_named(c, "cellar-1");
    preferred[1] = region_named(c, "scaleway-par-1");
    named[0] = region_named(c, "ovh-gra-1");
    c->settings = (struct catalog_settings){
        .body_bytes = 0x100000001,
        .buffered_bytes = 0x100000002,
        .head_bytes = 3,
        .headers = 4,
        .json_members = 5,
        .json_depth = 6,
        .splice_bytes = 7,
        .trace_header_bytes = 8,
        .connections = 9,
        .customer_id_bytes = 10,
        .idle_upstreams = 11,
        .head_ms = 12,
        .body_idle_ms = 13,
        .keep_alive_ms = 14,
        .write_idle_ms = 15,
        .drain_ms = 16,
        .upstream_idle_ms = 17,
        .allowed_fails = 18,
        .cooldown_ms = 19,
        .health_interval_ms = 20,
        .health_timeout_ms = 21,
        .health_path = STR("/ready"),
        .preferred = preferred,
        .n_preferred = 2,
        .named = named,
        .n_named = 1,
        .default_carbon_aware = true,
        .latency_window_ms = 22,
        .policy_lease_ms = 23,
        .predict_bytes = 24,
        .replay_bytes = 25,
        .message_bytes = 26,
        .held_bytes = 27,
        .held_requests = 28,
        .held_requests_per_deployment = 31,
        .held_bytes_per_deployment = 32,
        .hold_ms = 29,
        .socket_idle_ms = 30,
    };
}

static inline struct catalog *full_catalog(void)
{
    static const struct catalog_certificate certificates[] = {
        {STR_INIT("chain"), STR_INIT("secret")}, {STR_INIT("chain 2"), STR_INIT("secret 2")}};
    struct catalog *c = bare_catalog();

    fill_regions(c);
    set_rule(c, 1, "allow=eu");
    set_rule(c, 2, "allow=near;exclude=ch;transit=us");
    set_rule(c, 5, "primary=cellar-1;secondary=scaleway-par-1");
    c->n_rules = 6;
    c->organization_rule = 1;
    c->default_customer_rule = 5;
    c->gateway_region = region_named(c, "ovh-gra-1");
    fill_groups(c);
    fill_endpoints(c);
    fill_hosts(c);
    fill_keys(c);
    fill_settings(c);
    c->certificates = certificates;
    c->n_certificates = COUNT_OF(certificates);
    c->client_ca_pem = STR("client ca");
    catalog_index(c);
    return c;
}

#include "catalog/catalog.h"

#include "base/mem.h"

#include <openssl/crypto.h>

void catalog_settings_defaults(struct catalog_settings *settings)
{
    *settings = (struct catalog_settings){
        .body_bytes = 64u << 20,
        .buffered_bytes = 512u << 20,
        .head_bytes = 32 * 1024,
        .headers = 128,
        .json_members = 1024,
        .json_depth = 128,
        .splice_bytes = 256 * 1024,
        .trace_header_bytes = 2048,
        .connections = 20000,
        .customer_id_bytes = 256,
        .idle_upstreams = 64,
        .predict_bytes = 100u << 20,
        .replay_bytes = 256 * 1024,
        .message_bytes = 100u << 20,
        .held_bytes = 64u << 20,
        .held_requests = 1000,
        .held_requests_per_deployment = 250,
        .held_bytes_per_deployment = 16u << 20,
        .head_ms = 30000,
        .body_idle_ms = 60000,
        .keep_alive_ms = 75000,
        .write_idle_ms = 60000,
        .drain_ms = 3600000,
        .upstream_idle_ms = 55000,
        .hold_ms = 600000,
        .socket_idle_ms = 3600000,
        .allowed_fails = 3,
        .cooldown_ms = 5000,
        .health_timeout_ms = 2000,
        .health_path = STR("/health"),
        .latency_window_ms = 300000,
        .policy_lease_ms = 3600000,
    };
}

void catalog_timers_defaults(struct catalog_timers *timers)
{
    *timers = (struct catalog_timers){
        .connect_ms = 5000, .first_byte_ms = 600000, .idle_ms = 300000, .total_ms = 3600000};
}

struct catalog *catalog_new(void)
{
    struct catalog *c = mem_zalloc(sizeof(*c));

    arena_init(&c->arena, NULL, 0);
    c->organization_rule = c->default_customer_rule = CATALOG_NONE;
    c->gateway_region = REGION_NONE;
    catalog_settings_defaults(&c->settings);
    map_init(&c->group_by_name);
    map_init(&c->key_by_hash);
    map_init(&c->model_by_host);
    map_init(&c->environment_by_name);
    map_init(&c->deployment_by_id);
    return c;
}

void catalog_free(struct catalog *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < c->n_keys; i++)
        OPENSSL_cleanse(c->keys[i].hash, sizeof(c->keys[i].hash));
    map_deinit(&c->group_by_name);
    map_deinit(&c->key_by_hash);
    map_deinit(&c->model_by_host);
    map_deinit(&c->environment_by_name);
    map_deinit(&c->deployment_by_id);
    region_catalogue_unref(c->regions);
    arena_deinit(&c->arena);
    mem_free(c);
}

static str hash_of(const struct catalog_key *key)
{
    return str_make((const char *)key->hash, sizeof(key->hash));
}

static void index_wildcards(struct catalog *c)
{
    uint32_t *wildcards = arena_alloc(&c->arena, (c->n_groups + 1) * sizeof(*wildcards));
    size_t n = 0;

    for (size_t i = 0; i < c->n_groups; i++) {
        size_t at = n;

        if (!c->groups[i].wildcard)
            continue;
        for (; at && c->groups[wildcards[at - 1]].name.n < c->groups[i].name.n; at--)
            wildcards[at] = wildcards[at - 1];
        wildcards[at] = (uint32_t)i;
        n++;
    }
    c->wildcards = wildcards;
    c->n_wildcards = n;
}

static str kind_prefix(enum catalog_model_kind kind)
{
    return kind == MODEL_KIND_CHAIN ? STR("chain-") : STR("model-");
}

static void index_hosts(struct catalog *c)
{
    for (size_t i = 0; i < c->n_models; i++)
        map_put(&c->model_by_host,
                ARENA_JOIN(&c->arena, kind_prefix(c->models[i].kind), c->models[i].id),
                &c->models[i]);
    for (size_t i = 0; i < c->n_environments; i++) {
        const struct catalog_model *m = &c->models[c->environments[i].model];

        map_put(
            &c->environment_by_name,
            ARENA_JOIN(&c->arena, kind_prefix(m->kind), m->id, STR("/"), c->environments[i].name),
            &c->environments[i]);
    }
    for (size_t i = 0; i < c->n_deployments; i++)
        map_put(&c->deployment_by_id, c->deployments[i].id, &c->deployments[i]);
}

void catalog_index(struct catalog *c)
{
    for (size_t i = 0; i < c->n_aliases; i++)
        map_put(&c->group_by_name, c->aliases[i].name, &c->groups[c->aliases[i].group]);
    /* After the aliases: a group's own name wins. */
    for (size_t i = 0; i < c->n_groups; i++)
        if (!c->groups[i].wildcard && !c->groups[i].deployment)
            map_put(&c->group_by_name, c->groups[i].name, &c->groups[i]);
    for (size_t i = 0; i < c->n_keys; i++)
        map_put(&c->key_by_hash, hash_of(&c->keys[i]), &c->keys[i]);
    index_wildcards(c);
    index_hosts(c);
}

/* "azure/" and the rest: a pattern has one `*`, which stands for one or more bytes. */
static bool matches(str pattern, str model, str *ret_matched)
{
    size_t star = str_find(pattern, '*', 0);
    str prefix = str_upto(pattern, star), suffix = str_from(pattern, star + 1);

    if (model.n <= prefix.n + suffix.n || !str_starts(model, prefix) || !str_ends(model, suffix))
        return false;
    *ret_matched = str_make(model.p + prefix.n, model.n - prefix.n - suffix.n);
    return true;
}

const struct catalog_group *catalog_find_group(const struct catalog *c, str model, str *ret_matched)
{
    const struct catalog_group *group = map_get(&c->group_by_name, model);

    *ret_matched = model;
    if (group)
        return group;
    for (size_t i = 0; i < c->n_wildcards; i++)
        if (matches(c->groups[c->wildcards[i]].name, model, ret_matched))
            return &c->groups[c->wildcards[i]];
    return NULL;
}

const struct catalog_key *catalog_find_key(const struct catalog *c,
                                           const uint8_t hash[CATALOG_KEY_HASH_BYTES])
{
    const struct catalog_key *key =
        map_get(&c->key_by_hash, str_make((const char *)hash, CATALOG_KEY_HASH_BYTES));

    /* The map compares hashes of random keys, which tell nothing about a key; the comparison that
     * decides takes constant time. */
    return key && CRYPTO_memcmp(key->hash, hash, CATALOG_KEY_HASH_BYTES) == 0 ? key : NULL;
}

/* Longer names than any in the tables are none. */
enum { HOST_NAME_MAX_BYTES = 256 };

static str join_name(char storage[HOST_NAME_MAX_BYTES], str a, str b, str c, str d)
{
    const str parts[] = {a, b, c, d};
    size_t n = 0;

    for (size_t i = 0; i < COUNT_OF(parts); i++) {
        if (parts[i].n > HOST_NAME_MAX_BYTES - n)
            return STR("");
        if (parts[i].n)
            memcpy(storage + n, parts[i].p, parts[i].n);
        n += parts[i].n;
    }
    return str_make(storage, n);
}

const struct catalog_model *catalog_find_model(const struct catalog *c,
                                               enum catalog_model_kind kind, str id)
{
    char storage[HOST_NAME_MAX_BYTES];

    return map_get(&c->model_by_host, join_name(storage, kind_prefix(kind), id, STR(""), STR("")));
}

const struct catalog_environment *
catalog_find_environment(const struct catalog *c, const struct catalog_model *model, str name)
{
    char storage[HOST_NAME_MAX_BYTES];

    return map_get(&c->environment_by_name,
                   join_name(storage, kind_prefix(model->kind), model->id, STR("/"), name));
}

const struct catalog_deployment *catalog_find_deployment(const struct catalog *c,
                                                         const struct catalog_model *model, str id)
{
    const struct catalog_deployment *d = map_get(&c->deployment_by_id, id);

    return d && &c->models[d->model] == model ? d : NULL;
}

static const struct {
    str name;
    uint32_t bit;
} scopes[] = {
    {STR_INIT("inference"), SCOPE_INFERENCE},
    {STR_INIT("customers"), SCOPE_CUSTOMERS},
    {STR_INIT("keys"), SCOPE_KEYS},
    {STR_INIT("policy:read"), SCOPE_POLICY_READ},
    {STR_INIT("policy:write"), SCOPE_POLICY_WRITE},
    {STR_INIT("policy:widen"), SCOPE_POLICY_WIDEN},
    {STR_INIT("metrics"), SCOPE_METRICS},
    {STR_INIT("operate"), SCOPE_OPERATE},
    {STR_INIT("deploy"), SCOPE_DEPLOY},
};

uint32_t catalog_scope(str name)
{
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        if (str_eq(scopes[i].name, name))
            return scopes[i].bit;
    return 0;
}

str catalog_scope_name(uint32_t scope)
{
    for (size_t i = 0; i < COUNT_OF(scopes); i++)
        if (scopes[i].bit == scope)
            return scopes[i].name;
    return STR_NULL;
}

/*
 * From the model, and what control adds to it, to a catalog. The catalog is first put together from
 * borrowed strings, then encoded and decoded: so what control holds is what every edge will make of
 * the same bytes, checked by the same decoder, and it owns all its memory.
 */

#include "base/map.h"
#include "base/mem.h"
#include "catalog/customers.h"
#include "config/model.h"
#include "config/origin.h"

#include <errno.h>
#include <openssl/evp.h>

enum { MAX_RULE_INDEX = 1 << 26 };

struct builder {
    const struct config *config;
    const struct config_build *with;
    struct diagnostics *diagnostics;
    struct catalog *catalog;
    struct arena *arena; /* the catalog's */
    struct map indexes;  /* canonical → rule, for rules interned here */
    size_t n_rule_slots;
};

struct interned {
    uint32_t index;
};

static void free_catalog(struct catalog **c)
{
    catalog_free(*c);
}

/* --- rules */

static void report(const struct builder *b, const char *what, str name, str message)
{
    diagnostics_add(b->diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""), "%s%.*s: %.*s", what,
                    STR_ARG(str_upto(name, 80)), STR_ARG(message));
}

static void put_rule(struct builder *b, uint32_t index, str canonical)
{
    struct catalog_rule *grown;
    size_t n;

    if (index >= b->n_rule_slots) {
        n = 2 * (size_t)index + 16;
        grown = arena_zalloc(b->arena, n * sizeof(*grown));
        if (b->n_rule_slots)
            memcpy(grown, b->catalog->rules, b->n_rule_slots * sizeof(*grown));
        b->catalog->rules = grown;
        b->n_rule_slots = n;
    }
    b->catalog->rules[index].text = canonical;
    if (index >= b->catalog->n_rules)
        b->catalog->n_rules = (size_t)index + 1;
}

/* The rule's index, CATALOG_NONE for no rule (or, reported, where the table failed). */
static uint32_t intern(struct builder *b, str canonical)
{
    struct interned *known;
    uint32_t index;

    if (!canonical.p)
        return CATALOG_NONE;
    known = map_get(&b->indexes, canonical);
    if (known)
        return known->index;
    index = b->with->rules.intern(b->with->rules.ctx, canonical);
    if (index >= MAX_RULE_INDEX) {
        report(b, "rule ", canonical, STR("the table of rules gave no index"));
        return CATALOG_NONE;
    }
    known = arena_alloc(b->arena, sizeof(*known));
    known->index = index;
    map_put(&b->indexes, canonical, known);
    put_rule(b, index, canonical);
    return index;
}

static void compile_rule(struct builder *b, struct catalog_rule *rule, str used_by)
{
    struct region_rule parsed;
    str message = STR("its text cannot be read");

    if (!region_rule_parse_canonical(rule->text, b->arena, &parsed) ||
        region_rule_compile(&parsed, b->config->regions, b->arena, &rule->compiled, &message))
        report(b, used_by.n ? "the region rule of " : "a region rule", used_by, message);
}

static void add_organization_of_api(struct builder *b)
{
    uint32_t index = intern(b, b->with->organization_rule);

    b->catalog->organization_rule = index;
    if (index != CATALOG_NONE)
        compile_rule(b, &b->catalog->rules[index], STR("the organisation"));
}

/* Rules of objects that the file does not own: they must go on meaning something. */
static void add_rules_in_use(struct builder *b)
{
    add_organization_of_api(b);
    for (size_t i = 0; i < b->with->n_rules_in_use; i++) {
        const struct config_rule_in_use *rule = &b->with->rules_in_use[i];

        if (rule->index >= MAX_RULE_INDEX)
            continue;
        put_rule(b, rule->index, rule->canonical);
        compile_rule(b, &b->catalog->rules[rule->index], rule->used_by);
    }
}

static void add_file_rules(struct builder *b)
{
    const struct config *c = b->config;

    if (c->organization_rule.p)
        b->catalog->organization_rule = intern(b, c->organization_rule);
    b->catalog->default_customer_rule = intern(b, c->default_customer_rule);
    for (size_t i = 0; i < c->n_customers; i++)
        (void)intern(b, c->customers[i].rule);
    for (size_t i = 0; i < c->n_environment_groups; i++)
        (void)intern(b, c->environment_groups[i].rule);
}

/* --- keys */

static struct catalog_key master_key(const struct builder *b)
{
    struct catalog_key key = {
        .id = STR("key_master"),
        .name = STR("master"),
        .scopes = SCOPE_ALL,
        .rule = CATALOG_NONE,
        .customer_id = STR(""),
    };

    (void)EVP_Digest(b->with->master_key.p, b->with->master_key.n, key.hash, NULL, EVP_sha256(),
                     NULL);
    return key;
}

static void bind_key(const struct builder *b, struct catalog_key *key, str customer)
{
    key->bound = customer.n > 0;
    key->customer_id = key->bound ? customer : STR("");
    if (key->bound)
        key->customer = customer_digest(&b->with->customer_key, customer);
}

static struct catalog_key file_key(struct builder *b, const struct config_key *from)
{
    struct catalog_key key = {
        .id = from->id,
        .name = from->name,
        .scopes = from->scopes,
        .rule = intern(b, from->rule),
        .expires_wall_ns = from->expires_wall_ns,
    };

    memcpy(key.hash, from->hash, sizeof(key.hash));
    bind_key(b, &key, from->customer);
    return key;
}

/* A text that two keys share would make it a matter of chance which rule a request gets. */
static void check_key_texts(struct builder *b)
{
    struct map hashes;

    map_init(&hashes);
    for (size_t i = 0; i < b->catalog->n_keys; i++) {
        struct catalog_key *key = &b->catalog->keys[i];
        const struct catalog_key *other =
            map_put(&hashes, str_make((const char *)key->hash, sizeof(key->hash)), key);

        if (other)
            report(
                b, "key ", key->name,
                arena_printf(b->arena, "has the same text as the key %.*s", STR_ARG(other->name)));
    }
    map_deinit(&hashes);
}

static void add_keys(struct builder *b)
{
    const struct config *c = b->config;
    size_t most = 1 + c->n_keys + b->with->n_keys, n = 0;
    struct catalog_key *keys = arena_zalloc(b->arena, most * sizeof(*keys));

    if (b->with->master_key.n)
        keys[n++] = master_key(b);
    for (size_t i = 0; i < c->n_keys; i++)
        keys[n++] = file_key(b, &c->keys[i]);
    for (size_t i = 0; i < b->with->n_keys; i++) {
        keys[n] = b->with->keys[i];
        bind_key(b, &keys[n], keys[n].bound ? keys[n].customer_id : STR(""));
        n++;
    }
    b->catalog->keys = keys;
    b->catalog->n_keys = n;
    check_key_texts(b);
}

/* --- endpoints */

static const struct config_observed *find_observed(const struct builder *b,
                                                   const struct catalog_endpoint *e)
{
    for (size_t i = 0; i < b->with->n_observed; i++) {
        const struct config_observed *o = &b->with->observed[i];

        if (o->origin_revision == e->origin_revision && str_eq(o->endpoint, e->id))
            return o;
    }
    return NULL;
}

static void apply_observed(const struct builder *b, const struct config_endpoint *from,
                           struct catalog_endpoint *e)
{
    const struct region_catalogue *regions = b->config->regions;
    const struct config_observed *observed = find_observed(b, e);
    struct region_set set;
    str name;

    if (!observed || !region_resolve(regions, observed->region, &set))
        return;
    name = observed->region;
    config_deployment_place(regions, from->deployment, &set, &name);
    e->state = ENDPOINT_IN_SERVICE;
    e->region_name = name;
    e->place = set;
    e->region = config_single_region(regions, &set);
    e->evidence = EVIDENCE_OBSERVED;
    /* A relabelled endpoint starts afresh: what its pools hold was opened under another name. */
    e->origin_revision = origin_revision(e);
}

static void apply_withdrawn(const struct builder *b, struct catalog_endpoint *e)
{
    for (size_t i = 0; i < b->with->n_withdrawn; i++) {
        if (!str_eq(b->with->withdrawn[i].endpoint, e->id))
            continue;
        e->state = ENDPOINT_OUT_OF_SERVICE;
        e->state_reason = b->with->withdrawn[i].reason;
    }
}

static void add_endpoints(struct builder *b)
{
    const struct config *c = b->config;
    struct catalog_endpoint *endpoints =
        arena_zalloc(b->arena, (c->n_endpoints + 1) * sizeof(*endpoints));

    for (size_t i = 0; i < c->n_endpoints; i++) {
        struct catalog_endpoint *e = &endpoints[i];

        *e = c->endpoints[i].endpoint;
        e->origin_revision = origin_revision(e);
        if (e->state == ENDPOINT_REGION_PENDING)
            apply_observed(b, &c->endpoints[i], e);
        apply_withdrawn(b, e);
    }
    b->catalog->endpoints = endpoints;
    b->catalog->n_endpoints = c->n_endpoints;
}

/* --- model hosts */

static uint32_t rule_of_host(void *ctx, str canonical)
{
    struct builder *b = ctx;
    uint32_t index = intern(b, canonical);

    if (index != CATALOG_NONE)
        compile_rule(b, &b->catalog->rules[index], STR("an environment group"));
    return index;
}

static void add_hosts(struct builder *b)
{
    b->catalog->domain = b->config->domain;
    if (b->with->hosts.add)
        b->with->hosts.add(b->with->hosts.ctx, b->catalog, rule_of_host, b);
}

/* --- settings */

/* Gateway hosting regions that may serve inference after all, since the operator names them. */
static void add_named_regions(struct builder *b)
{
    const struct config *c = b->config;
    struct region_set named = region_set_none();
    uint16_t *list = arena_alloc(b->arena, (region_count(c->regions) + 1) * sizeof(*list));
    size_t n = 0;

    for (size_t i = 0; i < c->settings.n_preferred; i++)
        region_set_add(&named, c->settings.preferred[i]);
    for (size_t i = 0; i < b->catalog->n_endpoints; i++) {
        if (b->catalog->endpoints[i].region != REGION_NONE)
            region_set_add(&named, b->catalog->endpoints[i].region);
    }
    for (unsigned i = 0; i < region_count(c->regions); i++) {
        if (region_set_has(&named, i) && region_at(c->regions, i)->role == REGION_ROLE_GATEWAY)
            list[n++] = (uint16_t)i;
    }
    b->catalog->settings.named = list;
    b->catalog->settings.n_named = n;
}

static void add_rest(struct builder *b)
{
    const struct config *c = b->config;
    struct catalog *catalog = b->catalog;

    catalog->installation = b->with->installation;
    catalog->customer_key = b->with->customer_key;
    catalog->regions = region_catalogue_ref(c->regions);
    catalog->gateway_region = c->gateway_region;
    catalog->groups = (struct catalog_group *)c->groups;
    catalog->n_groups = c->n_groups;
    catalog->aliases = c->aliases;
    catalog->n_aliases = c->n_aliases;
    catalog->certificates = c->certificates;
    catalog->n_certificates = c->n_certificates;
    catalog->client_ca_pem = c->client_ca_pem;
    catalog->settings = c->settings;
}

/* --- all */

/* Owns its memory, unlike what was put together here. */
static struct catalog *own_copy(const struct catalog *borrowed)
{
    struct catalog *owned;
    struct buf bytes;

    buf_init(&bytes, 0);
    catalog_encode(borrowed, &bytes);
    owned = catalog_decode(buf_str(&bytes));
    buf_deinit(&bytes);
    return owned;
}

struct catalog *config_build_catalog(const struct config *c, const struct config_build *with,
                                     struct diagnostics *diagnostics)
{
    CLEANUP(free_catalog) struct catalog *borrowed = catalog_new();
    struct builder b = {
        .config = c,
        .with = with,
        .diagnostics = diagnostics,
        .catalog = borrowed,
        .arena = &borrowed->arena,
    };
    size_t errors = diagnostics->n_errors;
    struct catalog *owned;

    map_init(&b.indexes);
    add_rules_in_use(&b);
    add_file_rules(&b);
    add_keys(&b);
    add_endpoints(&b);
    add_rest(&b);
    add_hosts(&b);
    add_named_regions(&b);
    map_deinit(&b.indexes);
    if (diagnostics->n_errors > errors)
        return NULL;
    borrowed->revision = with->revision;
    borrowed->issued_wall_ns = with->issued_wall_ns;
    owned = own_copy(borrowed);
    if (!owned)
        report(&b, "catalog", STR(""), STR("its encoding cannot be read back"));
    return owned;
}

#include "control/policy.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "catalog/disk.h"
#include "control/hosts.h"

#include <errno.h>
#include <stdio.h>

enum { PATH_BYTES = 4096 };

_Static_assert(sizeof(((struct policy *)0)->seal_key) == DISK_KEY_BYTES, "one kind of key");
_Static_assert((uint32_t)STORE_RULE_NONE == (uint32_t)CUSTOMER_RULE_NONE, "one kind of index");

/* --- what the store adds to a configuration */

struct gathering {
    const struct policy *p;
    const struct customer *puts;
    size_t n_puts;
    struct arena arena;
    struct catalog_key *keys;
    size_t n_keys;
    struct config_observed *observed;
    size_t n_observed;
    struct config_withdrawn *withdrawn;
    size_t n_withdrawn;
    struct config_rule_in_use *rules;
    size_t n_rules;
    str organization_rule;
};

/* Grows an array by doubling at powers of two. */
static void *room_for(void *array, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? mem_realloc(array, (n ? 2 * n : 1) * size) : array;
}

/* Words that spaces separate. */
static const str *split(struct arena *arena, str text, size_t *ret_n)
{
    str rest = arena_copy(arena, text);
    str *list = arena_alloc(arena, (text.n / 2 + 1) * sizeof(*list));

    *ret_n = 0;
    while (rest.n)
        list[(*ret_n)++] = str_cut(&rest, ' ');
    return list;
}

uint32_t policy_role_scopes(enum fleet_role role)
{
    uint32_t member = SCOPE_INFERENCE | SCOPE_DEPLOY | SCOPE_POLICY_READ | SCOPE_METRICS;

    switch (role) {
    case ROLE_MEMBER:
        return member;
    case ROLE_TEAM_ADMIN:
        return member | SCOPE_KEYS | SCOPE_POLICY_WRITE;
    case ROLE_ORGANIZATION_ADMIN:
        return SCOPE_ALL;
    }
    return 0;
}

/* A personal key is worth what its user is now; 0: nothing. */
static uint32_t personal_scopes(const struct fleet *f, const struct store_key *key)
{
    const struct fleet_user *u = fleet_find_user(f, key->user);
    bool belongs = u && u->role == ROLE_ORGANIZATION_ADMIN;

    for (size_t i = 0; u && i < u->n_teams; i++)
        belongs = belongs || str_eq(u->teams[i], key->team);
    return belongs ? policy_role_scopes(u->role) : 0;
}

static int on_key(void *ctx, const struct store_key *key)
{
    struct gathering *g = ctx;
    uint32_t scopes = key->user.n ? personal_scopes(g->p->fleet, key) : key->scopes;

    if (!scopes)
        return 0;
    g->keys = room_for(g->keys, g->n_keys, sizeof(*g->keys));
    struct catalog_key *k = &g->keys[g->n_keys++];
    *k = (struct catalog_key){
        .id = arena_copy(&g->arena, key->id),
        .name = arena_copy(&g->arena, key->name),
        .scopes = scopes,
        .rule = key->rule,
        .bound = key->customer.p != NULL,
        .customer_id = key->customer.p ? arena_copy(&g->arena, key->customer) : STR_NULL,
        .expires_wall_ns = key->expires_ns,
        .team = arena_copy(&g->arena, key->team),
    };
    k->models = split(&g->arena, key->models, &k->n_models);
    k->environments = split(&g->arena, key->environments, &k->n_environments);
    memcpy(k->hash, key->hash, sizeof(k->hash));
    return 0;
}

static int on_observed(void *ctx, const struct store_observed *o)
{
    struct gathering *g = ctx;

    g->observed = room_for(g->observed, g->n_observed, sizeof(*g->observed));
    g->observed[g->n_observed++] = (struct config_observed){
        arena_copy(&g->arena, o->endpoint), o->origin_revision, arena_copy(&g->arena, o->region)};
    return 0;
}

static int on_withdrawn(void *ctx, const struct store_withdrawn *w)
{
    struct gathering *g = ctx;

    g->withdrawn = room_for(g->withdrawn, g->n_withdrawn, sizeof(*g->withdrawn));
    g->withdrawn[g->n_withdrawn++] = (struct config_withdrawn){arena_copy(&g->arena, w->endpoint),
                                                               arena_copy(&g->arena, w->reason)};
    return 0;
}

/* Who has the rule, in words; STR_NULL: nobody. */
static str user_of(struct gathering *g, uint32_t rule)
{
    for (size_t i = 0; i < g->n_keys; i++)
        if (g->keys[i].rule == rule)
            return arena_printf(&g->arena, "key %.*s", STR_ARG(g->keys[i].name));
    if (rule < g->p->n_rule_uses && g->p->rule_uses[rule])
        return arena_printf(&g->arena, "%u customers", g->p->rule_uses[rule]);
    for (size_t i = 0; i < g->n_puts; i++)
        if (g->puts[i].rule == rule)
            return STR("a customer");
    return STR_NULL;
}

static int on_rule(void *ctx, uint32_t index, str canonical)
{
    struct gathering *g = ctx;
    str used_by = user_of(g, index);

    if (!used_by.p)
        return 0;
    g->rules = room_for(g->rules, g->n_rules, sizeof(*g->rules));
    g->rules[g->n_rules++] =
        (struct config_rule_in_use){index, arena_copy(&g->arena, canonical), used_by};
    return 0;
}

/* The key that was made because nobody named one; a master key of the configuration replaces it. */
static int add_made_master(struct gathering *g, const struct config *config)
{
    struct catalog_key key = {
        .id = STR("key_master"), .name = STR("master"), .scopes = SCOPE_ALL, .rule = CATALOG_NONE};
    str hex;

    if (config->master_key.n)
        return 0;
    int r = store_setting_get(g->p->store, POLICY_SETTING_MASTER, &g->arena, &hex);
    if (r != STORE_OK)
        return r < 0 ? r : 0;
    if (!hex_decode(hex, key.hash, sizeof(key.hash)))
        return -EUCLEAN;
    g->keys = room_for(g->keys, g->n_keys, sizeof(*g->keys));
    g->keys[g->n_keys++] = key;
    return 0;
}

/* The rule that the API gave the organisation, for where the file says nothing. */
static int find_organization(struct gathering *g)
{
    int r = store_setting_get(g->p->store, POLICY_SETTING_ORGANIZATION, &g->arena,
                              &g->organization_rule);

    return r < 0 ? r : 0;
}

static int gather(struct gathering *g, const struct config *config)
{
    struct store *s = g->p->store;
    int r = store_key_each(s, on_key, g);

    if (r == 0)
        r = add_made_master(g, config);
    if (r == 0)
        r = store_observed_each(s, on_observed, g);
    if (r == 0)
        r = store_withdrawn_each(s, on_withdrawn, g);
    if (r == 0)
        r = find_organization(g);
    return r == 0 ? store_rule_each(s, on_rule, g) : r;
}

static void gathering_deinit(struct gathering *g)
{
    mem_free(g->keys);
    mem_free(g->observed);
    mem_free(g->withdrawn);
    mem_free(g->rules);
    arena_deinit(&g->arena);
}

static uint32_t intern(void *ctx, str canonical)
{
    uint32_t index;

    return store_rule_intern(ctx, canonical, &index) == STORE_OK ? index : CATALOG_NONE;
}

struct catalog *policy_build(const struct policy *p, const struct config *config,
                             const struct customer *puts, size_t n_puts, uint64_t revision,
                             struct diagnostics *diagnostics)
{
    struct gathering g = {.p = p, .puts = puts, .n_puts = n_puts};
    struct catalog *catalog = NULL;

    arena_init(&g.arena, NULL, 0);
    if (gather(&g, config) == 0) {
        struct hosts_source hosts = {p, config};
        struct config_build with = {
            .revision = revision,
            .issued_wall_ns = clock_wall_ns(),
            .installation = store_installation(p->store),
            .customer_key = store_customer_key(p->store),
            .rules = {intern, p->store},
            .rules_in_use = g.rules,
            .n_rules_in_use = g.n_rules,
            .organization_rule = g.organization_rule,
            .master_key = config->master_key,
            .keys = g.keys,
            .n_keys = g.n_keys,
            .observed = g.observed,
            .n_observed = g.n_observed,
            .withdrawn = g.withdrawn,
            .n_withdrawn = g.n_withdrawn,
            .hosts = {hosts_add, &hosts},
        };

        catalog = config_build_catalog(config, &with, diagnostics);
    } else {
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, 0, 0, STR(""), "the store failed");
    }
    gathering_deinit(&g);
    return catalog;
}

void policy_set_catalog(struct policy *p, struct catalog *catalog)
{
    catalog_free(p->catalog);
    p->catalog = catalog;
    buf_clear(&p->catalog_bytes);
    catalog_encode(catalog, &p->catalog_bytes);
}

/* --- customers */

static void count_rule(struct policy *p, uint32_t rule, int by)
{
    if (rule == CUSTOMER_RULE_NONE)
        return;
    if (rule >= p->n_rule_uses) {
        size_t n = 2 * (size_t)rule + 64;

        p->rule_uses = mem_realloc(p->rule_uses, n * sizeof(*p->rule_uses));
        memset(p->rule_uses + p->n_rule_uses, 0, (n - p->n_rule_uses) * sizeof(*p->rule_uses));
        p->n_rule_uses = n;
    }
    p->rule_uses[rule] += (uint32_t)by;
}

void policy_put_customer(struct policy *p, const struct customer *customer)
{
    struct customer old;

    if (customers_find(p->customers, customer->id, &old))
        count_rule(p, old.rule, -1);
    count_rule(p, customer->rule, 1);
    customers_put(p->customers, customer);
}

void policy_remove_customer(struct policy *p, struct digest128 id)
{
    struct customer old;

    if (customers_find(p->customers, id, &old))
        count_rule(p, old.rule, -1);
    customers_remove(p->customers, id);
}

static void load_record(void *ctx, const struct store_customer_record *record)
{
    struct policy *p = ctx;

    count_rule(p, record->rule, 1);
    customers_put(p->customers,
                  &(struct customer){.id = record->digest,
                                     .rule = record->rule,
                                     .flags = record->blocked ? CUSTOMER_BLOCKED : 0});
}

/* --- the fleet */

static int load_object(void *ctx, str kind, str key, uint64_t version, str body)
{
    enum fleet_kind which = fleet_kind_of(kind);

    return which == FLEET_KINDS ? -EUCLEAN : fleet_load(ctx, which, key, version, body);
}

/* --- opening */

static int load(struct policy *p, const char *data_dir)
{
    char path[PATH_BYTES];
    int r = store_open(data_dir, &p->store);

    if (r < 0)
        return r;
    if (snprintf(path, sizeof(path), "%s/store.key", data_dir) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    r = disk_key_load(path, p->seal_key);
    if (r < 0)
        return r;
    customers_begin(p->customers);
    r = store_customer_load(p->store, load_record, p);
    customers_commit(p->customers);
    customers_seal(p->customers);
    customers_reclaim(p->customers);
    return r == 0 ? store_object_each(p->store, load_object, p->fleet) : r;
}

int policy_open(struct policy *p, const char *config_path, const char *data_dir)
{
    *p = (struct policy){.config_path = str_dup(str_of(config_path)),
                         .customers = customers_new(),
                         .fleet = fleet_new(),
                         .package_paths = package_paths_new()};
    uint64_t seed;
    random_bytes(&seed, sizeof(seed));
    prng_seed(&p->random, seed);
    buf_init(&p->catalog_bytes, 0);
    buf_init(&p->file_why, 0);
    int r = load(p, data_dir);
    if (r < 0) {
        log_event(LOG_ERROR, "store_not_opened", LOG_STR("data_dir", str_of(data_dir)),
                  LOG_STR("why", str_of(strerrordesc_np(-r))));
        policy_close(p);
    }
    return r;
}

void policy_close(struct policy *p)
{
    if (p->catalog)
        catalog_free(p->catalog);
    customers_free(p->customers);
    fleet_free(p->fleet);
    package_paths_free(p->package_paths);
    mem_free(p->planes);
    for (size_t i = 0; i < p->n_planes_down; i++) {
        mem_free(p->planes_down[i].name);
        mem_free(p->planes_down[i].why);
    }
    mem_free(p->planes_down);
    if (p->config)
        config_free(p->config);
    store_close(p->store);
    buf_deinit(&p->catalog_bytes);
    buf_deinit(&p->file_why);
    mem_free(p->rule_uses);
    mem_free(p->config_path);
    *p = (struct policy){0};
}

/* --- asking */

uint64_t policy_revision(const struct policy *p)
{
    return store_revision(p->store);
}

bool policy_knows_rule(const struct policy *p, uint32_t rule)
{
    return rule == CUSTOMER_RULE_NONE ||
           (p->catalog && rule < p->catalog->n_rules && p->catalog->rules[rule].text.p);
}

static const struct region_rule_compiled *
compile(const struct policy *p, str canonical, struct arena *arena, struct region_rule_compiled *to)
{
    struct region_rule rule;
    str error;

    if (!canonical.p)
        return NULL;
    /* A rule that cannot be read allows nothing, so whatever replaces it widens. */
    if (!region_rule_parse_canonical(canonical, arena, &rule) ||
        region_rule_compile(&rule, p->config->regions, arena, to, &error) != 0)
        *to = (struct region_rule_compiled){.primary = REGION_NONE, .secondary = REGION_NONE};
    return to;
}

enum region_rule_change policy_compare_rules(const struct policy *p, str before, str after)
{
    struct region_rule_compiled old, new;
    struct arena arena;

    arena_init(&arena, NULL, 0);
    enum region_rule_change change =
        region_rule_compare(compile(p, before, &arena, &old), compile(p, after, &arena, &new));
    arena_deinit(&arena);
    return change;
}

const struct config_key *policy_file_key(const struct policy *p, str id)
{
    for (size_t i = 0; i < p->config->n_keys; i++)
        if (str_eq(p->config->keys[i].id, id))
            return &p->config->keys[i];
    return NULL;
}

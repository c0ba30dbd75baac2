#include "control/policy.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

/* --- the catalog
 * ------------------------------------------------------------------------------------------------------
 */

static uint32_t intern(void *ctx, str canonical)
{
    uint32_t index;

    return store_rule_intern(ctx, canonical, &index) == STORE_OK ? index : CATALOG_NONE;
}

struct gathering {
    struct policy *p;
    struct arena arena;
    struct catalog_key *keys;
    size_t n_keys;
    struct config_observed *observed;
    size_t n_observed;
    struct config_withdrawn *withdrawn;
    size_t n_withdrawn;
    uint8_t *used; /* one byte for each rule index that an object of the store holds */
    size_t n_used;
    struct config_rule_in_use *rules;
    size_t n_rules;
};

/* Grows an array by doubling at powers of two. */
static void *room_for(void *array, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? mem_realloc(array, (n ? 2 * n : 1) * size) : array;
}

static void use_rule(struct gathering *g, uint32_t rule)
{
    if (rule == STORE_RULE_NONE)
        return;
    if (rule >= g->n_used) {
        size_t n = (size_t)rule + 64;

        g->used = mem_realloc(g->used, n);
        memset(g->used + g->n_used, 0, n - g->n_used);
        g->n_used = n;
    }
    g->used[rule] = 1;
}

static int on_key(void *ctx, const struct store_key *key)
{
    struct gathering *g = ctx;

    g->keys = room_for(g->keys, g->n_keys, sizeof(*g->keys));
    struct catalog_key *k = &g->keys[g->n_keys++];
    *k = (struct catalog_key){
        .id = arena_copy(&g->arena, key->id),
        .name = arena_copy(&g->arena, key->name),
        .scopes = key->scopes,
        .rule = key->rule,
        .bound = key->customer.p != NULL,
        .customer_id = key->customer.p ? arena_copy(&g->arena, key->customer) : STR_NULL,
        .expires_wall_ns = key->expires_ns,
    };
    memcpy(k->hash, key->hash, sizeof(k->hash));
    use_rule(g, key->rule);
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

static int on_rule(void *ctx, uint32_t index, str canonical)
{
    struct gathering *g = ctx;

    if (index >= g->n_used || !g->used[index])
        return 0;
    g->rules = room_for(g->rules, g->n_rules, sizeof(*g->rules));
    g->rules[g->n_rules++] = (struct config_rule_in_use){index, arena_copy(&g->arena, canonical),
                                                         STR("a customer or key of the API")};
    return 0;
}

enum { WALK_RECORDS = 4096 };

static void use_customers_rules(struct gathering *g)
{
    CLEANUP_FREE struct customer *found = mem_array(WALK_RECORDS, sizeof(*found));
    struct customers_cursor cursor = {0};
    size_t n;

    while ((n = customers_walk(g->p->customers, &cursor, found, WALK_RECORDS)) > 0)
        for (size_t i = 0; i < n; i++)
            use_rule(g, found[i].rule);
}

static bool gather(struct gathering *g)
{
    struct store *s = g->p->store;

    use_customers_rules(g);
    return store_key_each(s, on_key, g) == 0 && store_observed_each(s, on_observed, g) == 0 &&
           store_withdrawn_each(s, on_withdrawn, g) == 0 && store_rule_each(s, on_rule, g) == 0;
}

static struct catalog *build(struct policy *p, struct gathering *g, struct diagnostics *d)
{
    struct config_build with = {
        .revision = store_revision(p->store),
        .issued_wall_ns = clock_wall_ns(),
        .installation = store_installation(p->store),
        .customer_key = store_customer_key(p->store),
        .rules = {intern, p->store},
        .rules_in_use = g->rules,
        .n_rules_in_use = g->n_rules,
        .master_key = p->config->master_key,
        .keys = g->keys,
        .n_keys = g->n_keys,
        .observed = g->observed,
        .n_observed = g->n_observed,
        .withdrawn = g->withdrawn,
        .n_withdrawn = g->n_withdrawn,
    };

    return config_build_catalog(p->config, &with, d);
}

bool policy_rebuild(struct policy *p, struct buf *ret_why)
{
    struct gathering g = {.p = p};
    struct diagnostics d;
    struct catalog *catalog = NULL;

    arena_init(&g.arena, NULL, 0);
    diagnostics_init(&d);
    if (gather(&g))
        catalog = build(p, &g, &d);
    if (catalog) {
        catalog_free(p->catalog);
        p->catalog = catalog;
        buf_clear(&p->catalog_bytes);
        catalog_encode(catalog, &p->catalog_bytes);
    } else {
        diagnostics_print(&d, ret_why);
    }
    diagnostics_deinit(&d);
    mem_free(g.keys);
    mem_free(g.observed);
    mem_free(g.withdrawn);
    mem_free(g.used);
    mem_free(g.rules);
    arena_deinit(&g.arena);
    return catalog != NULL;
}

bool policy_knows_rule(const struct policy *p, uint32_t rule)
{
    return rule == CUSTOMER_RULE_NONE ||
           (rule < p->catalog->n_rules && p->catalog->rules[rule].text.p);
}

uint64_t policy_revision(const struct policy *p)
{
    return store_revision(p->store);
}

/* --- the file's customers
 * ---------------------------------------------------------------------------------------------- */

static void load_record(void *ctx, const struct store_customer_record *record)
{
    customers_put(ctx, &(struct customer){.id = record->digest,
                                          .rule = record->rule,
                                          .flags = record->blocked ? CUSTOMER_BLOCKED : 0});
}

static bool load_customers(struct policy *p)
{
    struct customers *fresh = customers_new();
    bool fine = store_customer_load(p->store, load_record, fresh) == 0;

    if (fine) {
        customers_replace(p->customers, fresh);
        customers_seal(p->customers);
        customers_reclaim(p->customers);
    }
    customers_free(fresh);
    return fine;
}

struct leaving {
    struct map staying;
    struct arena arena;
    str *ids;
    size_t n;
};

static int on_owned(void *ctx, const struct store_customer *customer)
{
    struct leaving *l = ctx;

    if (map_get(&l->staying, customer->id))
        return 0;
    l->ids = room_for(l->ids, l->n, sizeof(*l->ids));
    l->ids[l->n++] = arena_copy(&l->arena, customer->id);
    return 0;
}

static int delete_left(struct policy *p, const struct config *config)
{
    struct leaving l = {0};
    int r = 0;

    map_init(&l.staying);
    arena_init(&l.arena, NULL, 0);
    for (size_t i = 0; i < config->n_customers; i++)
        map_put(&l.staying, config->customers[i].id, (void *)&config->customers[i]);
    r = store_customer_each_owned(p->store, STORE_OWNER_FILE, on_owned, &l);
    for (size_t i = 0; i < l.n && r >= 0; i++)
        r = store_customer_delete(p->store, l.ids[i]);
    map_deinit(&l.staying);
    arena_deinit(&l.arena);
    mem_free(l.ids);
    return r < 0 ? r : 0;
}

static int put_owned(struct policy *p, const struct config_customer *c, int64_t now_ns)
{
    struct siphash_key key = store_customer_key(p->store);
    struct store_customer row = {
        .id = c->id,
        .digest = customer_digest(&key, c->id),
        .alias = c->alias,
        .blocked = c->blocked,
        .rule = STORE_RULE_NONE,
        .allowed_model_region = c->allowed_model_region,
        .primary = c->primary,
        .secondary = c->secondary,
        .metadata = c->metadata,
        .owner = STORE_OWNER_FILE,
        .created_ns = now_ns,
        .updated_ns = now_ns,
    };

    if (c->rule.p && store_rule_intern(p->store, c->rule, &row.rule) != STORE_OK)
        return -EIO;
    int r = store_customer_update(p->store, &row);
    return r == STORE_NOT_FOUND ? store_customer_insert(p->store, &row) : r;
}

/* Object, audit and revision in one transaction. */
static int store_file(struct policy *p, const struct config *config, str actor)
{
    uint64_t revision;
    int r = store_begin(p->store, STORE_DURABLE);

    if (r < 0)
        return r;
    r = delete_left(p, config);
    for (size_t i = 0; i < config->n_customers && r >= 0; i++)
        r = put_owned(p, &config->customers[i], clock_wall_ns());
    if (r >= 0)
        r = store_next_revision(p->store, &revision);
    if (r >= 0)
        r = store_audit_append(p->store, &(struct store_audit){.at_ns = clock_wall_ns(),
                                                               .actor = actor,
                                                               .action = STR("configuration.load"),
                                                               .object = str_of(config->file_hash),
                                                               .revision = revision});
    if (r >= 0)
        r = store_commit(p->store);
    store_rollback(p->store);
    return r < 0 ? r : 0;
}

/* --- opening and reloading
 * -----------------------------------------------------------------------------------------------
 */

static struct config *read_file(struct policy *p, struct buf *ret_why)
{
    struct config_source source = {.file = p->config_path};
    struct diagnostics d;

    diagnostics_init(&d);
    struct config *config = config_load(&source, &d);
    diagnostics_print(&d, ret_why);
    diagnostics_deinit(&d);
    return config;
}

enum { MASTER_KEY_RANDOM = 24 };

static void hash_key(str text, uint8_t hash[STORE_HASH_BYTES])
{
    unsigned n = STORE_HASH_BYTES;

    if (EVP_Digest(text.p, text.n, hash, &n, EVP_sha256(), NULL) != 1)
        abort();
}

static int insert_key(struct policy *p, const struct store_key *key)
{
    int r = store_begin(p->store, STORE_DURABLE);

    if (r == 0)
        r = store_key_insert(p->store, key);
    if (r == STORE_OK)
        r = store_commit(p->store);
    store_rollback(p->store);
    return r;
}

/* Where neither file nor environment names one: made once, kept as a hash, printed when it is made.
 * The gateway is never open. */
static bool make_master_key(struct policy *p)
{
    uint8_t random[MASTER_KEY_RANDOM];
    char text[3 + 2 * MASTER_KEY_RANDOM] = "sk-";
    struct store_key key = {.id = STR("key_made_master"),
                            .name = STR("master"),
                            .scopes = SCOPE_ALL,
                            .rule = STORE_RULE_NONE,
                            .created_ns = clock_wall_ns()},
                     found;
    struct arena arena;

    if (p->config->master_key.n)
        return true;
    arena_init(&arena, NULL, 0);
    int r = store_key_get(p->store, key.id, &arena, &found);
    arena_deinit(&arena);
    if (r != STORE_NOT_FOUND)
        return r == STORE_OK;
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), text + 3);
    hash_key(str_make(text, sizeof(text)), key.hash);
    if (insert_key(p, &key) != STORE_OK)
        return false;
    printf("master key, shown this once: %.*s\n", (int)sizeof(text), text);
    fflush(stdout);
    return true;
}

bool policy_open(struct policy *p, const char *config_path, const char *data_dir)
{
    struct buf why;

    *p = (struct policy){.config_path = str_dup(str_of(config_path))};
    buf_init(&p->catalog_bytes, 0);
    buf_init(&why, 0);
    p->customers = customers_new();
    bool fine = store_open(data_dir, &p->store) == 0 && (p->config = read_file(p, &why)) &&
                make_master_key(p) && store_file(p, p->config, STR("file")) == 0 &&
                load_customers(p) && policy_rebuild(p, &why);
    if (why.n && write(STDERR_FILENO, why.p, why.n) < 0)
        log_event(LOG_WARN, "diagnostics_lost", LOG_NUM("errno", errno));
    buf_deinit(&why);
    return fine;
}

void policy_close(struct policy *p)
{
    catalog_free(p->catalog);
    customers_free(p->customers);
    config_free(p->config);
    store_close(p->store);
    buf_deinit(&p->catalog_bytes);
    mem_free(p->config_path);
}

static bool widens(struct policy *p, const struct config *next, struct buf *ret_why)
{
    const struct config_widened *items;
    struct arena arena;
    size_t n;

    arena_init(&arena, NULL, 0);
    config_widening(p->config, next, NULL, 0, customers_with_rule(p->customers), &arena, &items,
                    &n);
    for (size_t i = 0; i < n; i++) {
        config_widened_print(&items[i], ret_why);
        buf_put_char(ret_why, '\n');
    }
    arena_deinit(&arena);
    return n > 0;
}

enum policy_reload policy_reload(struct policy *p, enum policy_widening widening, str actor,
                                 struct buf *ret_why)
{
    struct config *next = read_file(p, ret_why), *before = p->config;

    if (!next)
        return POLICY_INVALID;
    if (strcmp(next->file_hash, before->file_hash) == 0) {
        config_free(next);
        return POLICY_UNCHANGED;
    }
    buf_clear(ret_why);
    if (widening == POLICY_KEEP_NARROW && widens(p, next, ret_why)) {
        config_free(next);
        return POLICY_WOULD_WIDEN;
    }
    p->config = next;
    if (store_file(p, next, actor) == 0 && load_customers(p) && policy_rebuild(p, ret_why)) {
        config_free(before);
        return POLICY_RELOADED;
    }
    /* Back to what was: the file's customers of before are written again. */
    p->config = before;
    config_free(next);
    if (store_file(p, before, STR("system")) < 0 || !load_customers(p) ||
        !policy_rebuild(p, ret_why))
        log_event(LOG_ERROR, "reload_not_undone", LOG_NUM("revision", policy_revision(p)));
    return POLICY_INVALID;
}

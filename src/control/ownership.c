#include "control/ownership.h"

#include "base/map.h"
#include "base/mem.h"
#include "control/customer_json.h"

/* --- conflicts */

static void check_customers(struct policy *p, const struct config *config, struct arena *arena,
                            struct diagnostics *d)
{
    for (size_t i = 0; i < config->n_customers; i++) {
        const struct config_customer *customer = &config->customers[i];
        struct store_customer row;

        if (store_customer_get(p->store, customer->id, arena, &row) == STORE_OK &&
            row.owner == STORE_OWNER_API)
            diagnostics_add(d, DIAGNOSTIC_ERROR, customer->line, 0, STR("customers"),
                            "customer \"%.*s\" was made through the API, which owns it; delete it "
                            "there first, or leave it out here",
                            STR_ARG(str_upto(customer->id, 80)));
    }
}

struct key_check {
    const struct config *config;
    struct diagnostics *diagnostics;
};

static int check_key(void *ctx, const struct store_key *key)
{
    struct key_check *k = ctx;

    for (size_t i = 0; i < k->config->n_keys; i++)
        if (str_eq(k->config->keys[i].name, key->name))
            diagnostics_add(k->diagnostics, DIAGNOSTIC_ERROR, k->config->keys[i].line, 0,
                            STR("keys"),
                            "key \"%.*s\" was made through the API, which owns it; delete it there "
                            "first, or choose another name here",
                            STR_ARG(str_upto(key->name, 80)));
    return 0;
}

static void check_organization(struct policy *p, const struct config *config, struct arena *arena,
                               struct diagnostics *d)
{
    str canonical;

    if (config->organization_rule.p &&
        store_setting_get(p->store, POLICY_SETTING_ORGANIZATION, arena, &canonical) == STORE_OK)
        diagnostics_add(d, DIAGNOSTIC_ERROR, 0, 0, STR("organization.region_rule"),
                        "the organisation's rule was set through the API, which owns it; clear it "
                        "there first, or leave it out here");
}

bool ownership_check(struct policy *p, const struct config *config, struct diagnostics *d)
{
    struct key_check keys = {config, d};
    size_t errors = d->n_errors;
    struct arena arena;

    arena_init(&arena, NULL, 0);
    diagnostics_set_file(d, config->file);
    check_customers(p, config, &arena, d);
    check_organization(p, config, &arena, d);
    if (store_key_each(p->store, check_key, &keys) < 0)
        diagnostics_add(d, DIAGNOSTIC_ERROR, 0, 0, STR(""), "the store failed");
    arena_deinit(&arena);
    return d->n_errors == errors;
}

/* --- customers of the file */

struct writing {
    struct change *change;
    struct map wanted; /* id → struct config_customer; what was there already is taken out */
    struct arena arena;
    struct store_customer *leaving;
    size_t n_leaving;
    struct store_customer *changing; /* rows as they were */
    size_t n_changing;
};

static bool str_same(str a, str b)
{
    return !a.p == !b.p && str_eq(a, b);
}

static bool differs(const struct store_customer *row, const struct store_customer *wanted)
{
    return row->rule != wanted->rule || row->blocked != wanted->blocked ||
           !str_same(row->alias, wanted->alias) ||
           !str_same(row->allowed_model_region, wanted->allowed_model_region) ||
           !str_same(row->primary, wanted->primary) ||
           !str_same(row->secondary, wanted->secondary) ||
           !str_same(row->metadata, wanted->metadata);
}

static struct store_customer row_of(struct change *c, const struct config_customer *from)
{
    struct siphash_key key = store_customer_key(c->policy->store);

    return (struct store_customer){
        .id = from->id,
        .digest = customer_digest(&key, from->id),
        .alias = from->alias,
        .blocked = from->blocked,
        .rule = change_rule(c, from->rule),
        .allowed_model_region = from->allowed_model_region,
        .primary = from->primary,
        .secondary = from->secondary,
        .metadata = from->metadata,
        .owner = STORE_OWNER_FILE,
        .created_ns = c->at_ns,
        .updated_ns = c->at_ns,
    };
}

/* The walk holds a statement, so rows are only collected here. */
static struct store_customer copy_row(struct arena *arena, const struct store_customer *row)
{
    struct store_customer copy = *row;
    str *const texts[] = {&copy.id,      &copy.alias,     &copy.allowed_model_region,
                          &copy.primary, &copy.secondary, &copy.metadata};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (texts[i]->p)
            *texts[i] = arena_copy(arena, *texts[i]);
    return copy;
}

static void *room_for(void *array, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? mem_realloc(array, (n ? 2 * n : 1) * size) : array;
}

static int on_owned(void *ctx, const struct store_customer *row)
{
    struct writing *w = ctx;

    if (map_get(&w->wanted, row->id)) {
        w->changing = room_for(w->changing, w->n_changing, sizeof(*w->changing));
        w->changing[w->n_changing++] = copy_row(&w->arena, row);
    } else {
        w->leaving = room_for(w->leaving, w->n_leaving, sizeof(*w->leaving));
        w->leaving[w->n_leaving++] = copy_row(&w->arena, row);
    }
    return 0;
}

static void write_all(struct writing *w, const struct config *config)
{
    struct change *c = w->change;

    for (size_t i = 0; i < w->n_leaving; i++) {
        change_remove_customer(c, &w->leaving[i]);
        customer_audit(c, STR("customer.delete"), &w->leaving[i], NULL);
    }
    for (size_t i = 0; i < w->n_changing; i++) {
        struct store_customer row = row_of(c, map_remove(&w->wanted, w->changing[i].id));

        if (!differs(&w->changing[i], &row))
            continue;
        change_put_customer(c, CHANGE_UPDATE, &row);
        customer_audit(c, STR("customer.update"), &w->changing[i], &row);
    }
    for (size_t i = 0; i < config->n_customers; i++) {
        if (!map_get(&w->wanted, config->customers[i].id))
            continue;
        struct store_customer row = row_of(c, &config->customers[i]);

        change_put_customer(c, CHANGE_INSERT, &row);
        customer_audit(c, STR("customer.new"), NULL, &row);
    }
}

void ownership_write_customers(struct change *c, const struct config *config)
{
    struct writing w = {.change = c};

    if (c->error)
        return;
    map_init(&w.wanted);
    arena_init(&w.arena, NULL, 0);
    for (size_t i = 0; i < config->n_customers; i++)
        map_put(&w.wanted, config->customers[i].id, (void *)(uintptr_t)&config->customers[i]);
    change_did(c, store_customer_each_owned(c->policy->store, STORE_OWNER_FILE, on_owned, &w));
    write_all(&w, config);
    mem_free(w.leaving);
    mem_free(w.changing);
    map_deinit(&w.wanted);
    arena_deinit(&w.arena);
}

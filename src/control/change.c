#include "control/change.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>

static void *room_for(void *array, size_t n, size_t size)
{
    return (n & (n - 1)) == 0 ? mem_realloc(array, (n ? 2 * n : 1) * size) : array;
}

void change_did(struct change *c, int result)
{
    if (result != STORE_OK && c->error == 0)
        c->error = result < 0 ? result : -EBUSY;
}

void change_begin(struct change *c, struct policy *p, str actor)
{
    *c = (struct change){.policy = p, .actor = actor, .at_ns = clock_wall_ns()};
    change_did(c, store_begin(p->store, STORE_DURABLE));
    if (c->error == 0)
        change_did(c, store_next_revision(p->store, &c->revision));
}

uint32_t change_rule(struct change *c, str canonical)
{
    uint32_t index = STORE_RULE_NONE;

    if (!canonical.p || c->error)
        return STORE_RULE_NONE;
    change_did(c, store_rule_intern(c->policy->store, canonical, &index));
    if (!policy_knows_rule(c->policy, index))
        c->rebuild = true;
    return index;
}

void change_put_customer(struct change *c, enum change_row row, const struct store_customer *to)
{
    if (c->error)
        return;
    change_did(c, row == CHANGE_INSERT ? store_customer_insert(c->policy->store, to)
                                       : store_customer_update(c->policy->store, to));
    c->puts = room_for(c->puts, c->n_puts, sizeof(*c->puts));
    c->puts[c->n_puts++] = (struct customer){
        .id = to->digest, .rule = to->rule, .flags = to->blocked ? CUSTOMER_BLOCKED : 0};
}

void change_remove_customer(struct change *c, const struct store_customer *from)
{
    if (c->error)
        return;
    change_did(c, store_customer_delete(c->policy->store, from->id));
    c->gone = room_for(c->gone, c->n_gone, sizeof(*c->gone));
    c->gone[c->n_gone++] = from->digest;
}

/* --- the fleet */

struct fleet *change_fleet(struct change *c)
{
    if (!fleet_in_transaction(c->policy->fleet))
        fleet_begin(c->policy->fleet);
    return c->policy->fleet;
}

static int put_object(void *ctx, enum fleet_kind kind, str key, uint64_t version, str body)
{
    return store_object_put(ctx, fleet_kind_name(kind), key, version, body);
}

static int remove_object(void *ctx, enum fleet_kind kind, str key)
{
    return store_object_delete(ctx, fleet_kind_name(kind), key);
}

static void write_fleet(struct change *c)
{
    struct fleet *fleet = c->policy->fleet;
    const struct fleet_store store = {put_object, remove_object, c->policy->store};

    if (c->error || c->fleet_written || !fleet_in_transaction(fleet) || !fleet_has_changed(fleet))
        return;
    c->rebuild = c->fleet_written = true;
    change_did(c, fleet_write(fleet, &store, c->revision));
}

/* --- the trail */

static str dump(const json_t *value, char **ret_text)
{
    *ret_text = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    return str_of(*ret_text);
}

void change_audit(struct change *c, str action, str object, const json_t *before,
                  const json_t *after)
{
    char *old, *new;
    struct store_audit event = {
        .at_ns = c->at_ns,
        .actor = c->actor,
        .action = action,
        .object = object,
        .before = dump(before, &old),
        .after = dump(after, &new),
        .revision = c->revision,
    };

    if (c->error == 0)
        change_did(c, store_audit_append(c->policy->store, &event));
    free(old);
    free(new);
}

struct catalog *change_build(struct change *c, struct diagnostics *diagnostics)
{
    const struct config *config = c->next ? c->next : c->policy->config;

    write_fleet(c);
    return c->error ? NULL
                    : policy_build(c->policy, config, c->puts, c->n_puts, c->revision, diagnostics);
}

static void clear(struct change *c)
{
    mem_free(c->puts);
    mem_free(c->gone);
    *c = (struct change){0};
}

/* It is durable: from here on nothing can fail. */
static void take_effect(struct change *c, struct catalog *catalog)
{
    struct policy *p = c->policy;
    struct publication publication = {catalog != NULL, c->puts, c->n_puts, c->gone, c->n_gone};

    if (fleet_in_transaction(p->fleet))
        fleet_commit(p->fleet);
    customers_begin(p->customers);
    for (size_t i = 0; i < c->n_gone; i++)
        policy_remove_customer(p, c->gone[i]);
    for (size_t i = 0; i < c->n_puts; i++)
        policy_put_customer(p, &c->puts[i]);
    customers_commit(p->customers);
    customers_seal(p->customers);
    customers_reclaim(p->customers);
    if (c->next) {
        struct config *old = p->config;

        p->config = TAKE(c->next);
        if (old)
            config_free(old);
    }
    if (catalog)
        policy_set_catalog(p, catalog);
    if (p->on_published)
        p->on_published(p->ctx, &publication);
}

int change_commit(struct change *c, struct catalog *catalog, struct diagnostics *diagnostics)
{
    write_fleet(c);
    int r = c->error;

    if (r == 0 && c->rebuild && !catalog) {
        catalog = change_build(c, diagnostics);
        r = catalog ? 0 : -EINVAL;
    }
    /* Much of what happens to a fleet is no edge's business. */
    if (r == 0 && catalog && !c->next && c->policy->catalog &&
        str_eq(catalog->config_hash, c->policy->catalog->config_hash)) {
        catalog_free(catalog);
        catalog = NULL;
    }
    if (r == 0 && catalog)
        r = store_setting_put(c->policy->store, POLICY_SETTING_HASH, catalog->config_hash);
    if (r == 0)
        r = store_commit(c->policy->store);
    if (r < 0) {
        log_event(LOG_ERROR, "change_failed", LOG_STR("actor", c->actor), LOG_NUM("errno", -r));
        if (catalog)
            catalog_free(catalog);
        change_abort(c);
        return r;
    }
    take_effect(c, catalog);
    clear(c);
    return 0;
}

void change_abort(struct change *c)
{
    store_rollback(c->policy->store);
    if (fleet_in_transaction(c->policy->fleet))
        fleet_rollback(c->policy->fleet);
    if (c->next)
        config_free(c->next);
    clear(c);
}

/*
 * A catalog as an edge gets it, from the link or from its snapshot. What decodes is encoded and
 * decoded again and stays the same, every index in it leads somewhere, and what an edge asks of it
 * has an answer that keeps the promise: under a rule nothing unknown is allowed.
 */

#include "base/mem.h"
#include "catalog/eligible.h"
#include "catalog/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

enum { HEAD_BYTES = 8 + 2 + 8 + 8, KEY_BYTES = 16, DIGEST_BYTES = 16, ASKED_MAX = 16 };

/* The digest of this build's regions, which no mutation would hit upon, put where it belongs. */
static void put_digest(struct buf *bytes)
{
    static struct region_catalogue *builtin;
    CLEANUP(buf_deinit) struct buf own;
    struct wire_reader r = {.rest = str_from(buf_str(bytes), HEAD_BYTES)};

    if (!builtin)
        builtin = region_builder_finish(region_builder_new());
    buf_init(&own, 0);
    region_catalogue_encode(builtin, &own);
    wire_take_str(&r); /* of the installation */
    wire_take_bytes(&r, KEY_BYTES);
    if (!r.failed && r.rest.n >= DIGEST_BYTES)
        memcpy(bytes->p + (bytes->n - r.rest.n), own.p, DIGEST_BYTES);
}

static void check_encoding(const struct catalog *c)
{
    CLEANUP(buf_deinit) struct buf once, twice;

    buf_init(&once, 0);
    buf_init(&twice, 0);
    catalog_encode(c, &once);
    struct catalog *again = catalog_decode(buf_str(&once));
    must(again != NULL);
    catalog_encode(again, &twice);
    must(str_eq(buf_str(&once), buf_str(&twice)));
    must(again->config_hash.n == 64);
    catalog_free(again);
}

static void check_indexes(const struct catalog *c)
{
    str matched;

    for (size_t i = 0; i < c->n_groups; i++) {
        const struct catalog_group *g = &c->groups[i], *found;

        for (size_t k = 0; k < g->n_endpoints; k++)
            must(g->endpoints[k] < c->n_endpoints);
        for (size_t k = 0; k < g->n_fallbacks; k++)
            must(g->fallbacks[k] < c->n_groups);
        found = catalog_find_group(c, g->name, &matched);
        must(g->wildcard || (found && str_eq(found->name, g->name)));
        must(matched.n <= g->name.n);
    }
    for (size_t i = 0; i < c->n_aliases; i++)
        must(catalog_find_group(c, c->aliases[i].name, &matched) != NULL);
    for (size_t i = 0; i < c->n_keys; i++)
        must(catalog_find_key(c, c->keys[i].hash) != NULL);
    must(c->gateway_region == REGION_NONE || c->gateway_region < region_count(c->regions));
}

static void check_endpoint(const struct catalog *c, const struct permit *permit,
                           const struct catalog_endpoint *e)
{
    enum eligibility verdict = catalog_eligible(c, permit, e);

    must(e->group < c->n_groups && !region_set_is_empty(&e->place));
    must(e->region == REGION_NONE || e->region < region_count(c->regions));
    must(catalog_eligibility_name(verdict).n > 0);
    must(verdict != ELIGIBLE || permit_allows(permit, &e->place));
    must(verdict != ELIGIBLE || !permit->restricted ||
         !region_set_has(&e->place, region_unknown_bit(c->regions)));
}

static void ask(const struct catalog *c, const struct customers *customers,
                const struct catalog_key *key)
{
    struct policy_request request = {.key = key};
    struct permit permit;
    str subject;

    must(policy_add_customer(&request, c, key->customer_id));
    if (policy_permit(c, customers, &request, &permit, &subject) != POLICY_PERMITTED)
        return;
    must(permit.restricted || (key->rule == CATALOG_NONE && c->organization_rule == CATALOG_NONE));
    must(permit.restricted == !region_set_has(&permit.set, region_unknown_bit(c->regions)));
    for (size_t i = 0; i < c->n_endpoints && i < ASKED_MAX; i++)
        check_endpoint(c, &permit, &c->endpoints[i]);
}

/* Each key is asked for once by its own customer, which has the key's rule. */
static void check_decisions(const struct catalog *c)
{
    struct customers *customers = customers_new();

    for (size_t i = 0; i < c->n_keys && i < ASKED_MAX; i++) {
        ask(c, customers, &c->keys[i]);
        customers_put(customers, &(struct customer){.id = customer_digest(&c->customer_key,
                                                                          c->keys[i].customer_id),
                                                    .rule = c->keys[i].rule});
        ask(c, customers, &c->keys[i]);
    }
    customers_free(customers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    CLEANUP(buf_deinit) struct buf bytes;

    buf_init(&bytes, 0);
    buf_put(&bytes, data, size);
    put_digest(&bytes);
    struct catalog *c = catalog_decode(buf_str(&bytes));
    if (!c)
        return 0;
    check_encoding(c);
    check_indexes(c);
    check_decisions(c);
    catalog_free(c);
    return 0;
}

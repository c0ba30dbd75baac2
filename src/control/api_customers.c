/*
 * Customers in LiteLLM's shapes, with its defects mended: an update can clear a field with null and
 * set false, block and unblock change the same row, lists of ids are done as a whole or not at all.
 * A rule is only taken away or widened by whom that is entrusted to.
 */

#include "base/clock.h"
#include "control/api_internal.h"
#include "control/customer_body.h"
#include "control/customer_json.h"

enum { LIST_PRESET = 1000, LIST_MAX = 10000 };

static struct store *store_of(struct api_call *call)
{
    return call->api->policy->store;
}

/* --- looking up */

/* STORE_OK, STORE_NOT_FOUND, or a negative errno after a 500. */
static int look_up(struct api_call *call, str id, struct store_customer *ret_row)
{
    int r = store_customer_get(store_of(call), id, &call->arena, ret_row);

    if (r < 0)
        api_store_failed(call);
    return r;
}

/* False: answered with 404 or 500. */
static bool find(struct api_call *call, str id, const char *param, struct store_customer *ret_row)
{
    int r = look_up(call, id, ret_row);

    if (r == STORE_NOT_FOUND)
        api_error(call, 404, "not_found", param, "End User Id=%.*s does not exist in db",
                  STR_ARG(id));
    return r == STORE_OK;
}

/* False: answered with 409. */
static bool is_ours(struct api_call *call, const struct store_customer *row)
{
    if (row->owner == STORE_OWNER_API)
        return true;
    api_error(call, 409, "owned_by_file", "user_id",
              "customer \"%.*s\" is defined in the configuration file, which owns it: change it "
              "there",
              STR_ARG(str_upto(row->id, 200)));
    return false;
}

/* The canonical rule that a row has now. */
static str rule_of(struct api_call *call, const struct store_customer *row)
{
    const struct catalog *c = call->api->policy->catalog;

    if (row->rule == STORE_RULE_NONE)
        return STR_NULL;
    /* What cannot be read allows nothing, so whatever replaces it widens. */
    return row->rule < c->n_rules && c->rules[row->rule].text.p ? c->rules[row->rule].text
                                                                : STR("?");
}

static bool may_change_rule(struct api_call *call, str before, str after)
{
    if (!before.p == !after.p && str_eq(before, after))
        return true;
    if (policy_compare_rules(call->api->policy, before, after) == REGION_RULE_WIDENED)
        return api_may(call, SCOPE_POLICY_WIDEN, "removing or widening a customer's region rule");
    return api_may(call, SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN,
                   "changing a customer's region rule");
}

/* A customer without a rule may use every region, which nobody else may while others have rules: an
 * id that is not known is refused then, or gets the default. */
static bool may_leave_unrestricted(struct api_call *call)
{
    const struct policy *p = call->api->policy;

    return (customers_with_rule(p->customers) == 0 &&
            p->catalog->default_customer_rule == CATALOG_NONE) ||
           api_may(call, SCOPE_POLICY_WIDEN,
                   "a customer without a region rule, while others have one,");
}

static bool may_make(struct api_call *call, str rule)
{
    return rule.p ? api_may(call, SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN,
                            "making a customer with a region rule")
                  : may_leave_unrestricted(call);
}

/* --- writing */

static void insert(struct change *c, struct store_customer *row, str rule)
{
    struct siphash_key key = store_customer_key(c->policy->store);

    row->digest = customer_digest(&key, row->id);
    row->rule = change_rule(c, rule);
    row->created_ns = row->updated_ns = c->at_ns;
    change_put_customer(c, CHANGE_INSERT, row);
    customer_audit(c, STR("customer.new"), NULL, row);
}

static void update(struct change *c, const struct store_customer *before,
                   struct store_customer *row, str rule)
{
    row->rule = change_rule(c, rule);
    row->updated_ns = c->at_ns;
    change_put_customer(c, CHANGE_UPDATE, row);
    customer_audit(c, STR("customer.update"), before, row);
}

/* --- new and update */

static void make(struct api_call *call, const json_t *body)
{
    struct store_customer row = {.owner = STORE_OWNER_API}, other;
    struct change change;
    str rule;

    if (!customer_body_id(call, body, &row.id) || !customer_body_apply(call, body, &row, &rule) ||
        !may_make(call, rule))
        return;
    int r = look_up(call, row.id, &other);
    if (r == STORE_OK)
        api_error(call, 400, "bad_request", "user_id",
                  "customer \"%.*s\" exists already; /customer/update changes it",
                  STR_ARG(str_upto(row.id, 200)));
    if (r != STORE_NOT_FOUND)
        return;
    change_begin(&change, call->api->policy, call->request.actor);
    insert(&change, &row, rule);
    if (api_commit(call, &change))
        call->json = customer_to_json(&row);
}

enum api_progress api_customer_new(struct api_call *call)
{
    json_t *body = customer_body(call);

    if (body)
        make(call, body);
    json_decref(body);
    return API_ANSWERED;
}

static void edit(struct api_call *call, const json_t *body)
{
    struct store_customer before, row;
    struct change change;
    str id, rule;

    if (!customer_body_id(call, body, &id) || !find(call, id, "user_id", &before) ||
        !is_ours(call, &before))
        return;
    row = before;
    if (!customer_body_apply(call, body, &row, &rule) ||
        !may_change_rule(call, rule_of(call, &before), rule) ||
        (before.blocked && !row.blocked && !rule.p && !may_leave_unrestricted(call)))
        return;
    change_begin(&change, call->api->policy, call->request.actor);
    update(&change, &before, &row, rule);
    if (api_commit(call, &change))
        call->json = customer_to_json(&row);
}

enum api_progress api_customer_update(struct api_call *call)
{
    json_t *body = customer_body(call);

    if (body)
        edit(call, body);
    json_decref(body);
    return API_ANSWERED;
}

/* --- reading */

enum api_progress api_customer_info(struct api_call *call)
{
    str id = api_query(call, "end_user_id");
    struct store_customer row;

    if (id.n == 0)
        api_error(call, 400, "missing_field", "end_user_id",
                  "end_user_id: expected a customer's id in the query");
    else if (find(call, id, "end_user_id", &row))
        call->json = customer_to_json(&row);
    return API_ANSWERED;
}

static int on_listed(void *ctx, const struct store_customer *row)
{
    return json_array_append_new(ctx, customer_to_json(row));
}

enum api_progress api_customer_list(struct api_call *call)
{
    str after = api_query(call, "after");
    uint64_t limit;

    if (!api_query_number(call, "limit", 1, LIST_MAX, LIST_PRESET, &limit))
        return API_ANSWERED;
    call->json = json_array();
    if (store_customer_each(store_of(call), after.p ? after : STR(""), limit, on_listed,
                            call->json) < 0)
        api_store_failed(call);
    return API_ANSWERED;
}

/* --- several at once: all of them or none */

/* NULL: answered. */
static struct store_customer *find_all(struct api_call *call, const str *ids, size_t n)
{
    struct store_customer *rows = arena_alloc(&call->arena, n * sizeof(*rows));

    for (size_t i = 0; i < n; i++)
        if (!find(call, ids[i], "user_ids", &rows[i]) || !is_ours(call, &rows[i]))
            return NULL;
    return rows;
}

static bool may_delete_all(struct api_call *call, const struct store_customer *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].rule != STORE_RULE_NONE)
            return api_may(call, SCOPE_POLICY_WIDEN, "deleting a customer that has a region rule");
    return true;
}

enum api_progress api_customer_delete(struct api_call *call)
{
    struct store_customer *rows;
    struct change change;
    const str *ids;
    size_t n;

    if (!customer_body_ids(call, &ids, &n) || !(rows = find_all(call, ids, n)) ||
        !may_delete_all(call, rows, n))
        return API_ANSWERED;
    change_begin(&change, call->api->policy, call->request.actor);
    for (size_t i = 0; i < n; i++) {
        change_remove_customer(&change, &rows[i]);
        customer_audit(&change, STR("customer.delete"), &rows[i], NULL);
    }
    if (api_commit(call, &change))
        call->json = json_pack("{s:I, s:o}", "deleted_customers", (json_int_t)n, "message",
                               json_sprintf("deleted %zu customer%s", n, n == 1 ? "" : "s"));
    return API_ANSWERED;
}

static void block_unknown(struct change *c, str id, json_t *list)
{
    struct store_customer row = {.id = id, .blocked = true, .owner = STORE_OWNER_API};

    insert(c, &row, STR_NULL);
    json_array_append_new(list, customer_to_json(&row));
}

static void set_blocked(struct change *c, const struct store_customer *before, bool blocked,
                        json_t *list)
{
    struct store_customer row = *before;

    row.blocked = blocked;
    row.updated_ns = c->at_ns;
    if (before->blocked != blocked) {
        change_put_customer(c, CHANGE_UPDATE, &row);
        customer_audit(c, blocked ? STR("customer.block") : STR("customer.unblock"), before, &row);
    }
    json_array_append_new(list, customer_to_json(&row));
}

enum api_progress api_customer_block(struct api_call *call)
{
    struct store_customer row;
    struct change change;
    json_t *list;
    const str *ids;
    size_t n;

    if (!customer_body_ids(call, &ids, &n))
        return API_ANSWERED;
    for (size_t i = 0; i < n; i++) {
        int r = look_up(call, ids[i], &row);

        if (r < 0 || (r == STORE_OK && !is_ours(call, &row)))
            return API_ANSWERED;
    }
    list = json_array();
    change_begin(&change, call->api->policy, call->request.actor);
    for (size_t i = 0; i < n; i++) {
        int r = store_customer_get(store_of(call), ids[i], &call->arena, &row);

        if (r == STORE_OK)
            set_blocked(&change, &row, true, list);
        else if (r == STORE_NOT_FOUND)
            block_unknown(&change, ids[i], list);
        else
            change_did(&change, r);
    }
    if (api_commit(call, &change))
        call->json = json_pack("{s:O}", "blocked_users", list);
    json_decref(list);
    return API_ANSWERED;
}

static bool may_unblock_all(struct api_call *call, const struct store_customer *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (rows[i].blocked && rows[i].rule == STORE_RULE_NONE)
            return may_leave_unrestricted(call);
    return true;
}

enum api_progress api_customer_unblock(struct api_call *call)
{
    struct store_customer *rows;
    struct change change;
    json_t *list;
    const str *ids;
    size_t n;

    if (!customer_body_ids(call, &ids, &n) || !(rows = find_all(call, ids, n)) ||
        !may_unblock_all(call, rows, n))
        return API_ANSWERED;
    list = json_array();
    change_begin(&change, call->api->policy, call->request.actor);
    for (size_t i = 0; i < n; i++)
        set_blocked(&change, &rows[i], false, list);
    if (api_commit(call, &change))
        call->json = json_pack("{s:O}", "unblocked_users", list);
    json_decref(list);
    return API_ANSWERED;
}

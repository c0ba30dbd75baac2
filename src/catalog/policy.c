#include "catalog/policy.h"

/*
 * Narrowing in order: organisation, environment group, customers, key, request. Whatever can't be
 * resolved narrows to nothing: a rule index that points nowhere is an empty set, not a missing
 * rule.
 */

bool policy_add_customer(struct policy_request *r, const struct catalog *c, str id)
{
    struct digest128 digest = customer_digest(&c->customer_key, id);

    for (size_t i = 0; i < r->n_customer_ids; i++)
        if (digest128_eq(r->customers[i], digest))
            return true;
    if (r->n_customer_ids == POLICY_MAX_CUSTOMER_IDS)
        return false;
    r->customers[r->n_customer_ids] = digest;
    r->customer_ids[r->n_customer_ids++] = id;
    return true;
}

static void narrow(const struct catalog *c, struct permit *permit, enum permit_source source,
                   str name, uint32_t rule)
{
    static const struct region_rule_compiled nothing = {.primary = REGION_NONE,
                                                        .secondary = REGION_NONE};

    if (rule < c->n_rules && c->rules[rule].text.p)
        permit_narrow(permit, source, name, c->rules[rule].text, &c->rules[rule].compiled);
    else
        permit_narrow(permit, source, name, STR("a rule that is missing"), &nothing);
}

/* Applies one customer's record. */
static enum policy_outcome apply(const struct catalog *c, const struct customer *customer, str id,
                                 struct permit *permit)
{
    if (customer->flags & CUSTOMER_BLOCKED)
        return POLICY_CUSTOMER_BLOCKED;
    if (customer->rule != CUSTOMER_RULE_NONE)
        narrow(c, permit, PERMIT_CUSTOMER, id, customer->rule);
    return POLICY_PERMITTED;
}

/* Nobody knows this customer. Under a bound key that widens nothing, so it is let be. */
static enum policy_outcome apply_unknown(const struct catalog *c, const struct customers *customers,
                                         bool bound, str id, struct permit *permit)
{
    if (bound)
        return POLICY_PERMITTED;
    if (c->default_customer_rule != CATALOG_NONE) {
        narrow(c, permit, PERMIT_CUSTOMER, id.n ? id : STR("default_customer_rule"),
               c->default_customer_rule);
        return POLICY_PERMITTED;
    }
    return customers_with_rule(customers) ? POLICY_UNKNOWN_CUSTOMER : POLICY_PERMITTED;
}

static enum policy_outcome apply_bound(const struct catalog *c, const struct customers *customers,
                                       const struct catalog_key *key, struct permit *permit,
                                       str *ret_subject)
{
    struct customer customer;

    *ret_subject = key->customer_id;
    if (!customers_find(customers, key->customer, &customer))
        return POLICY_UNKNOWN_CUSTOMER;
    return apply(c, &customer, key->customer_id, permit);
}

static enum policy_outcome apply_customers(const struct catalog *c,
                                           const struct customers *customers,
                                           const struct policy_request *request,
                                           struct permit *permit, str *ret_subject)
{
    enum policy_outcome outcome = POLICY_PERMITTED;
    struct customer customer;

    if (request->key->bound)
        outcome = apply_bound(c, customers, request->key, permit, ret_subject);
    else if (request->n_customer_ids == 0)
        outcome = apply_unknown(c, customers, false, STR_NULL, permit);
    for (size_t i = 0; i < request->n_customer_ids && outcome == POLICY_PERMITTED; i++) {
        *ret_subject = request->customer_ids[i];
        outcome = customers_find(customers, request->customers[i], &customer)
                      ? apply(c, &customer, request->customer_ids[i], permit)
                      : apply_unknown(c, customers, request->key->bound, request->customer_ids[i],
                                      permit);
    }
    return outcome;
}

enum policy_outcome policy_permit(const struct catalog *c, const struct customers *customers,
                                  const struct policy_request *request, struct permit *ret_permit,
                                  str *ret_subject)
{
    *ret_subject = STR_NULL;
    permit_init(ret_permit, c->regions, c->revision);
    if (c->organization_rule != CATALOG_NONE)
        narrow(c, ret_permit, PERMIT_ORGANIZATION, STR("organization"), c->organization_rule);
    if (request->environment && request->environment->rule != CATALOG_NONE)
        narrow(c, ret_permit, PERMIT_ENVIRONMENT_GROUP, request->environment->name,
               request->environment->rule);
    enum policy_outcome outcome = apply_customers(c, customers, request, ret_permit, ret_subject);
    if (outcome != POLICY_PERMITTED)
        return outcome;
    if (request->key->rule != CATALOG_NONE)
        narrow(c, ret_permit, PERMIT_KEY, request->key->name, request->key->rule);
    if (request->region.n && !permit_narrow_by_request(ret_permit, request->region)) {
        *ret_subject = request->region;
        return POLICY_UNKNOWN_REGION;
    }
    return POLICY_PERMITTED;
}

bool policy_lets_gateway(const struct catalog *c, uint32_t rule)
{
    if (rule == CATALOG_NONE)
        return true;
    return rule < c->n_rules && c->rules[rule].text.p && c->gateway_region != REGION_NONE &&
           region_set_has(&c->rules[rule].compiled.transit, c->gateway_region);
}

#include "control/explain.h"

#include "catalog/eligible.h"
#include "control/render.h"

struct explanation {
    const struct catalog *c;
    const struct explain_query *query;
    struct permit permit;
    json_t *answer;
    json_t *endpoints;
    size_t eligible;
    bool permitted; /* some endpoint is inside the permit, whatever else stands in its way */
    bool pending;
};

static void decide(struct explanation *e, unsigned status, const char *code, json_t *message)
{
    json_object_set_new(e->answer, "decision", json_string(code ? "refused" : "permitted"));
    json_object_set_new(e->answer, "status", json_integer(status));
    json_object_set_new(e->answer, "code", code ? json_string(code) : json_null());
    json_object_set_new(e->answer, "message", message);
}

/* --- the permit */

static json_t *render_step(const struct explanation *e, const struct permit_step *step)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "source", render_str(permit_source_name(step->source)),
                     "name", render_str(step->name), "rule", render_str(step->rule), "allows",
                     render_set(e->c->regions, &step->allowed));
}

static json_t *render_blocker(const struct permit_step *step)
{
    return step ? json_pack("{s:o, s:o, s:o}", "source",
                            render_str(permit_source_name(step->source)), "name",
                            render_str(step->name), "rule", render_str(step->rule))
                : json_null();
}

static const struct permit_step *first_without(const struct permit *p, unsigned region)
{
    for (unsigned i = 0; i < p->n_steps; i++)
        if (!region_set_has(&p->steps[i].allowed, region))
            return &p->steps[i];
    return NULL;
}

static json_t *render_regions(const struct explanation *e)
{
    const struct permit *p = &e->permit;
    json_t *list = json_array();

    for (unsigned i = 0; i < region_count(e->c->regions); i++) {
        const struct region *region = region_at(e->c->regions, i);
        bool allowed = region_set_has(&p->set, i);

        json_array_append_new(
            list, json_pack("{s:o, s:s, s:b, s:o}", "region", render_str(region->code), "country",
                            region->country, "allowed", allowed, "removed_by",
                            allowed ? json_null() : render_blocker(first_without(p, i))));
    }
    return list;
}

static void put_permit(struct explanation *e)
{
    const struct permit *p = &e->permit;
    json_t *rules = json_array();

    for (unsigned i = 0; i < p->n_steps; i++)
        json_array_append_new(rules, render_step(e, &p->steps[i]));
    json_object_set_new(e->answer, "restricted", json_boolean(p->restricted));
    json_object_set_new(e->answer, "allowed", render_set(e->c->regions, &p->set));
    json_object_set_new(e->answer, "pin", render_region(e->c->regions, p->pin));
    json_object_set_new(e->answer, "primary", render_region(e->c->regions, p->primary));
    json_object_set_new(e->answer, "secondary", render_region(e->c->regions, p->secondary));
    json_object_set_new(e->answer, "rules", rules);
    json_object_set_new(e->answer, "regions", render_regions(e));
}

/* --- the endpoints of a model */

static void put_endpoint(struct explanation *e, const struct catalog_group *group, uint32_t index)
{
    const struct catalog_endpoint *endpoint = &e->c->endpoints[index];
    enum eligibility eligibility = catalog_eligible(e->c, &e->permit, endpoint);
    bool outside = !permit_allows(&e->permit, &endpoint->place);

    e->eligible += eligibility == ELIGIBLE;
    e->pending |= eligibility == ELIGIBLE_REGION_PENDING;
    e->permitted |= eligibility == ELIGIBLE || eligibility == ELIGIBLE_OUT_OF_SERVICE ||
                    eligibility == ELIGIBLE_REGION_PENDING;
    json_array_append_new(
        e->endpoints,
        json_pack(
            "{s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o}", "id", render_str(endpoint->id),
            "model_group", render_str(group->name), "region", render_str(endpoint->region_name),
            "evidence", render_str(render_evidence_name(endpoint->evidence)), "state",
            render_str(render_state_name(endpoint->state)), "eligible", eligibility == ELIGIBLE,
            "reason", render_str(catalog_eligibility_name(eligibility)), "removed_by",
            outside ? render_blocker(permit_blocker(&e->permit, &endpoint->place)) : json_null()));
}

static void put_group(struct explanation *e, const struct catalog_group *group)
{
    for (size_t i = 0; i < group->n_endpoints; i++)
        put_endpoint(e, group, group->endpoints[i]);
}

static const struct permit_step *rule_against_pin(const struct permit *p)
{
    for (unsigned i = 0; i < p->n_steps; i++)
        if (p->steps[i].source != PERMIT_REQUEST && !region_set_has(&p->steps[i].allowed, p->pin))
            return &p->steps[i];
    return NULL;
}

static json_t *message_of_rules(const struct explanation *e)
{
    struct buf text;

    buf_init(&text, 0);
    buf_put_str(&text, STR("the region rules leave no endpoint: "));
    permit_explain(&e->permit, &text);
    json_t *message = render_str(buf_str(&text));
    buf_deinit(&text);
    return message;
}

/* As edge/dispatch.c refuses what it cannot route. */
static void judge(struct explanation *e)
{
    const struct permit *p = &e->permit;

    if (e->eligible)
        decide(e, 200, NULL,
               json_sprintf("%zu of %zu endpoints may serve it", e->eligible,
                            json_array_size(e->endpoints)));
    else if (p->pin != REGION_NONE && !rule_against_pin(p))
        decide(e, 503, "service_unavailable",
               json_string("the pinned region has no endpoint for this model that is in service"));
    else if (p->pin != REGION_NONE || !e->permitted)
        decide(e, 403, "region_not_allowed", message_of_rules(e));
    else if (e->pending)
        decide(
            e, 503, "region_pending",
            json_string("the endpoint's region is not known yet, and the request is restricted"));
    else
        decide(e, 503, "service_unavailable", json_string("no permitted endpoint is in service"));
}

static void put_model(struct explanation *e)
{
    const struct catalog_group *group;
    str matched;

    if (e->query->model.n == 0) {
        decide(e, 200, NULL, json_string("no model was named, so no endpoints are judged"));
        return;
    }
    group = catalog_find_group(e->c, e->query->model, &matched);
    if (!group) {
        decide(e, 404, "model_not_found", json_string("no such model is configured"));
        return;
    }
    put_group(e, group);
    for (size_t i = 0; i < group->n_fallbacks; i++)
        put_group(e, &e->c->groups[group->fallbacks[i]]);
    judge(e);
}

/* --- all */

static bool add_customers(struct explanation *e, struct policy_request *request)
{
    for (size_t i = 0; i < e->query->n_customers; i++)
        if (!policy_add_customer(request, e->c, e->query->customers[i]))
            return false;
    return true;
}

static void refuse(struct explanation *e, enum policy_outcome outcome, str subject)
{
    switch (outcome) {
    case POLICY_UNKNOWN_CUSTOMER:
        decide(e, 403, "unknown_customer",
               json_string("some customer has a region rule, and this request names no customer "
                           "that is known"));
        return;
    case POLICY_CUSTOMER_BLOCKED:
        decide(e, 403, "customer_blocked", json_string("the customer is blocked"));
        return;
    case POLICY_UNKNOWN_REGION:
        decide(e, 400, "invalid_region",
               json_sprintf("\"%.*s\" is no region, zone or country", STR_ARG(subject)));
        return;
    case POLICY_TOO_MANY_CUSTOMERS:
    case POLICY_PERMITTED:
        break;
    }
    decide(e, 400, "too_many_customers", json_string("too many different customers"));
}

json_t *explain(const struct catalog *c, const struct customers *customers,
                const struct explain_query *query)
{
    static const struct catalog_key plain = {
        .name = {"a key without rule", 18}, .rule = CATALOG_NONE, .scopes = SCOPE_INFERENCE};
    struct explanation e = {.c = c, .query = query};
    struct policy_request request = {.key = query->key ? query->key : &plain,
                                     .region = query->region};
    enum policy_outcome outcome = POLICY_TOO_MANY_CUSTOMERS;
    str subject = STR_NULL;

    e.answer = json_pack("{s:I}", "revision", (json_int_t)c->revision);
    e.endpoints = json_array();
    if (add_customers(&e, &request))
        outcome = policy_permit(c, customers, &request, &e.permit, &subject);
    if (outcome == POLICY_PERMITTED) {
        put_permit(&e);
        put_model(&e);
    } else {
        refuse(&e, outcome, subject);
    }
    json_object_set_new(e.answer, "endpoints", e.endpoints);
    return e.answer;
}

const struct catalog_key *explain_find_key(const struct catalog *c, str id_or_name)
{
    for (size_t i = 0; i < c->n_keys; i++)
        if (str_eq(c->keys[i].id, id_or_name) || str_eq(c->keys[i].name, id_or_name))
            return &c->keys[i];
    return NULL;
}

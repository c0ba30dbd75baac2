/* The organisation's region rule: the one that holds for every request. The file owns it where it
 * has one; else it is set here. */

#include "control/api_internal.h"
#include "control/render.h"

static str rule_now(const struct policy *p)
{
    uint32_t rule = p->catalog->organization_rule;

    return rule < p->catalog->n_rules ? p->catalog->rules[rule].text : STR_NULL;
}

static json_t *render(const struct policy *p)
{
    str rule = rule_now(p);

    return json_pack("{s:o, s:o, s:o}", "region_rule", render_rule(rule), "owner",
                     p->config->organization_rule.p ? json_string("file")
                     : rule.p                       ? json_string("api")
                                                    : json_null(),
                     "default_customer_rule",
                     render_rule_at(p->catalog, p->catalog->default_customer_rule));
}

/* A rule's index is never given to another one. */
static str tag_of(struct api_call *call)
{
    str rule = rule_now(call->api->policy);

    return rule.p ? arena_printf(&call->arena, "\"rule-%u\"",
                                 call->api->policy->catalog->organization_rule)
                  : STR("\"none\"");
}

static void show(struct api_call *call)
{
    call->json = render(call->api->policy);
    call->etag = tag_of(call);
}

enum api_progress api_organization_get(struct api_call *call)
{
    show(call);
    return API_ANSWERED;
}

static bool may_change(struct api_call *call, str before, str after)
{
    struct policy *p = call->api->policy;

    if (p->config->organization_rule.p) {
        api_error(call, 409, "owned_by_file", "region_rule",
                  "the organisation's rule is defined in the configuration file, which owns it: "
                  "change it there");
        return false;
    }
    return policy_compare_rules(p, before, after) != REGION_RULE_WIDENED ||
           api_may(call, SCOPE_POLICY_WIDEN, "removing or widening the organisation's region rule");
}

static void write_rule(struct api_call *call, str before, str after)
{
    struct policy *p = call->api->policy;
    json_t *old = before.p ? json_pack("{s:o}", "region_rule", render_rule(before)) : NULL;
    json_t *new = after.p ? json_pack("{s:o}", "region_rule", render_rule(after)) : NULL;
    struct change change;

    change_begin(&change, p, call->request.actor);
    if (change.error == 0 && after.p)
        change_did(&change, store_setting_put(p->store, POLICY_SETTING_ORGANIZATION, after));
    else if (change.error == 0)
        change_did(&change, store_setting_delete(p->store, POLICY_SETTING_ORGANIZATION));
    change_audit(&change,
                 !old   ? STR("organization.new")
                 : !new ? STR("organization.delete")
                        : STR("organization.update"),
                 STR("organization"), old, new);
    change.rebuild = true;
    if (api_commit(call, &change))
        show(call);
    json_decref(old);
    json_decref(new);
}

static void set_rule(struct api_call *call, str after)
{
    /* The catalog that has it goes away with the change. */
    str now = rule_now(call->api->policy);
    str before = now.p ? arena_copy(&call->arena, now) : STR_NULL;

    if (!api_matches(call, tag_of(call)) || !may_change(call, before, after))
        return;
    if (!before.p == !after.p && str_eq(before, after)) {
        show(call);
        call->changed = true; /* a moment ago, maybe: it may be on its way to the edges */
    } else {
        write_rule(call, before, after);
    }
}

enum api_progress api_organization_put(struct api_call *call)
{
    static const char *const names[] = {"region_rule"};
    json_t *body = api_body_of(call, names, COUNT_OF(names));
    str rule;

    if (body && !json_object_get(body, "region_rule"))
        api_error(call, 400, "missing_field", "region_rule",
                  "region_rule: expected a rule, or null to take it away");
    else if (body && api_rule(call, body, "region_rule", &rule))
        set_rule(call, rule);
    json_decref(body);
    return API_ANSWERED;
}

enum api_progress api_organization_delete(struct api_call *call)
{
    set_rule(call, STR_NULL);
    return API_ANSWERED;
}

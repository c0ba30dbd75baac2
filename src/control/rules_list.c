#include "control/rules_list.h"

#include "control/deployments.h"
#include "control/render.h"

static void put(json_t *list, const char *subject, str name, json_t *rule, const char *owner)
{
    json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:s}", "subject", subject, "name",
                                          name.n ? render_str(name) : json_null(), "rule", rule,
                                          "owner", owner));
}

static bool is_of(str team, str owner)
{
    return !team.n || str_eq(team, owner);
}

json_t *rules_list(const struct policy *p, str team)
{
    const struct catalog *c = p->catalog;
    json_t *list = json_array();

    if (c->organization_rule != CATALOG_NONE)
        put(list, "organization", STR_NULL, render_rule_at(c, c->organization_rule),
            p->config->organization_rule.p ? "file" : "api");
    if (c->default_customer_rule != CATALOG_NONE)
        put(list, "default_customer_rule", STR_NULL, render_rule_at(c, c->default_customer_rule),
            "file");
    for (size_t i = 0; i < p->config->n_environment_groups; i++)
        if (p->config->environment_groups[i].rule.p && is_of(team, DEPLOYMENTS_DEFAULT_TEAM))
            put(list, "environment_group", p->config->environment_groups[i].name,
                render_rule(p->config->environment_groups[i].rule), "file");
    for (struct fleet_group *g = fleet_first_group(p->fleet); g; g = fleet_next_group(p->fleet, g))
        if (g->rule.n && !g->of_file && is_of(team, g->team))
            put(list, "environment_group", g->name, render_rule(g->rule), "api");
    for (size_t i = 0; i < c->n_keys; i++)
        if (c->keys[i].rule != CATALOG_NONE && is_of(team, c->keys[i].team))
            put(list, "key", c->keys[i].name, render_rule_at(c, c->keys[i].rule),
                policy_file_key(p, c->keys[i].id) ? "file" : "api");
    return list;
}

json_t *rules_of_customers(const struct policy *p)
{
    const struct catalog *c = p->catalog;
    json_t *list = json_array();

    for (uint32_t i = 0; i < c->n_rules && i < p->n_rule_uses; i++)
        if (p->rule_uses[i])
            json_array_append_new(list, json_pack("{s:o, s:I}", "rule", render_rule_at(c, i),
                                                  "customers", (json_int_t)p->rule_uses[i]));
    return json_pack("{s:I, s:I, s:o}", "total", (json_int_t)customers_count(p->customers),
                     "with_rule", (json_int_t)customers_with_rule(p->customers), "by_rule", list);
}

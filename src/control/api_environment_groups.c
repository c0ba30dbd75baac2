/*
 * Environment groups: an environment name within a team. Its region rule and its restriction hold
 * for every model that has an environment of that name, and can be set before there is any. A rule
 * is policy: setting one needs policy:write, and whatever widens it policy:widen.
 */

#include "base/mem.h"
#include "control/api_internal.h"
#include "control/registry.h"
#include "control/registry_json.h"
#include "control/render.h"

enum { USERS_MAX = 1000, LIST_MAX = 10000 };

static void show(struct api_call *call, const struct fleet_team *team, str name)
{
    const struct policy *p = call->api->policy;
    const struct fleet_group *g = fleet_find_group_of(p->fleet, team->id, name);

    call->json = group_json(p, team, name, g);
    registry_tag(call, g ? &g->object : NULL);
}

/* --- reading */

static bool is_listed(const json_t *list, str name)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (str_eq(str_of(json_string_value(json_object_get(item, "name"))), name))
            return true;
    }
    return false;
}

/* Those that somebody has said something about, and every other name that environments have. */
static json_t *list_groups(const struct policy *p, const struct fleet_team *team)
{
    const struct fleet *f = p->fleet;
    json_t *list = json_array();

    for (struct fleet_group *g = fleet_first_group(f); g; g = fleet_next_group(f, g))
        if (str_eq(g->team, team->id))
            json_array_append_new(list, group_json(p, team, g->name, g));
    for (struct fleet_environment *e = fleet_first_environment(f);
         e && json_array_size(list) < LIST_MAX; e = fleet_next_environment(f, e)) {
        const struct fleet_model *m = fleet_find_model(f, e->model);

        if (m && str_eq(m->team, team->id) && !is_listed(list, e->name))
            json_array_append_new(list, group_json(p, team, e->name, NULL));
    }
    return list;
}

enum api_progress api_group_list(struct api_call *call)
{
    const struct fleet_team *team = registry_team(call);

    if (team)
        call->json = json_pack("{s:o, s:{s:b, s:n}}", "items", list_groups(call->api->policy, team),
                               "pagination", "has_more", 0, "cursor");
    return API_ANSWERED;
}

static bool has_environment(const struct fleet *f, str team, str name)
{
    for (struct fleet_environment *e = fleet_first_environment(f); e;
         e = fleet_next_environment(f, e)) {
        const struct fleet_model *m = fleet_find_model(f, e->model);

        if (m && str_eq(m->team, team) && str_eq(e->name, name))
            return true;
    }
    return false;
}

enum api_progress api_group_get(struct api_call *call)
{
    const struct fleet *f = call->api->policy->fleet;
    const struct fleet_team *team = registry_team(call);
    str name = api_path(call, "env_name");

    if (!team)
        return API_ANSWERED;
    if (fleet_find_group_of(f, team->id, name) || has_environment(f, team->id, name))
        show(call, team, name);
    else
        api_error(call, 404, "not_found", "env_name",
                  "team \"%.*s\" has no environment group \"%.*s\"; PATCH it to make it",
                  STR_ARG(team->name), STR_ARG(str_upto(name, 200)));
    return API_ANSWERED;
}

/* --- changing */

struct group_patch {
    str rule; /* canonical, "" : none */
    int refused, restricted;
    str *users;
    size_t n_users;
    bool sets_rule, sets_access;
};

static bool take_rule(struct api_call *call, const json_t *body, str now, struct group_patch *patch)
{
    str rule;

    patch->rule = now;
    if (!json_object_get(body, "region_rule"))
        return true;
    if (!api_may(call, SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN, "a region rule") ||
        !api_rule(call, body, "region_rule", &rule))
        return false;
    patch->rule = rule.p ? rule : STR("");
    patch->sets_rule = !str_eq(patch->rule, now);
    enum region_rule_change change = policy_compare_rules(call->api->policy, now.n ? now : STR_NULL,
                                                          patch->rule.n ? patch->rule : STR_NULL);
    return change != REGION_RULE_WIDENED ||
           api_may(call, SCOPE_POLICY_WIDEN, "removing or widening a region rule");
}

/* Refusing the standard host is a guarantee, so that giving it up widens. */
static bool take_standard(struct api_call *call, const json_t *body, struct group_patch *patch)
{
    const json_t *value = json_object_get(body, "standard_endpoint");
    const char *text = json_string_value(value);
    int before = patch->refused;

    if (!value)
        return true;
    if (!json_is_null(value) && (!text || (strcmp(text, "serve") && strcmp(text, "refuse")))) {
        api_error(call, 400, "invalid_field", "standard_endpoint",
                  "standard_endpoint: expected serve or refuse");
        return false;
    }
    patch->refused = text && strcmp(text, "refuse") == 0;
    return patch->refused == before ||
           api_may(call,
                   patch->refused ? SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN : SCOPE_POLICY_WIDEN,
                   "standard_endpoint");
}

static bool take_users(struct api_call *call, const json_t *list, struct group_patch *patch)
{
    const json_t *item;
    size_t i;

    if (list && !json_is_null(list) &&
        (!json_is_array(list) || json_array_size(list) > USERS_MAX)) {
        api_error(call, 400, "invalid_field", "manage_access.user_ids",
                  "manage_access.user_ids: expected a list of at most %d users", USERS_MAX);
        return false;
    }
    patch->users = arena_alloc(&call->arena, (json_array_size(list) + 1) * sizeof(str));
    json_array_foreach(list, i, item)
    {
        str id = str_make(json_string_value(item), json_string_length(item));

        const struct fleet_user *u = fleet_find_user(call->api->policy->fleet, id);
        if (!u || !registry_sees_user(call, u)) {
            api_error(call, 400, "invalid_field", "manage_access.user_ids",
                      "manage_access.user_ids[%zu]: there is no user \"%.*s\"", i,
                      STR_ARG(str_upto(id, 200)));
            return false;
        }
        patch->users[patch->n_users++] = arena_copy(&call->arena, id);
    }
    return true;
}

/* A personal key needs an admin for it; one of the workspace its scope. */
static bool may_restrict(struct api_call *call, str team)
{
    const struct fleet *f = call->api->policy->fleet;
    str id = registry_caller(call).user;
    const struct fleet_user *u = fleet_find_user(f, id);
    bool admin = !id.n || (u && u->role == ROLE_ORGANIZATION_ADMIN);

    for (size_t i = 0; u && u->role == ROLE_TEAM_ADMIN && i < u->n_teams; i++)
        admin = admin || str_eq(u->teams[i], team);
    if (!admin)
        api_error(call, 403, "insufficient_role", "manage_access",
                  "manage_access: only admins of the team or organisation change it");
    return admin && api_may(call, SCOPE_DEPLOY, "manage_access");
}

static bool take_access(struct api_call *call, const json_t *body, const struct fleet_team *team,
                        struct group_patch *patch)
{
    static const char *const names[] = {"is_restricted", "user_ids"};
    const json_t *value = json_object_get(body, "manage_access");
    const json_t *flag = json_object_get(value, "is_restricted");

    if (!value || json_is_null(value))
        return true;
    if (!json_is_object(value) || !json_is_boolean(flag)) {
        api_error(call, 400, "invalid_field", "manage_access",
                  "manage_access: expected an object with is_restricted, true or false, and "
                  "user_ids");
        return false;
    }
    patch->sets_access = true;
    patch->restricted = json_is_true(flag);
    return api_members(call, value, "manage_access", names, COUNT_OF(names)) &&
           take_users(call, json_object_get(value, "user_ids"), patch) &&
           may_restrict(call, team->id);
}

/* What the controllers have no say in. */
static void set_members(struct registry_change *c, const struct fleet_team *team, str name,
                        const struct group_patch *patch)
{
    struct fleet_group *g = fleet_find_group_of(c->fleet, team->id, name);

    if (!g) {
        char key[1024];
        int n = snprintf(key, sizeof(key), "%.*s/%.*s", STR_ARG(team->id), STR_ARG(name));

        g = (struct fleet_group *)fleet_add(c->fleet, FLEET_GROUP, str_make(key, (size_t)n));
        fleet_set_str(&g->team, team->id);
        fleet_set_str(&g->name, name);
        g->created_ns = c->world.now_ns;
    }
    g = fleet_edit(c->fleet, g);
    g->standard_refused = patch->refused;
    if (!patch->sets_access)
        return;
    g->restricted = patch->restricted;
    fleet_set_strs(&g->user_ids, &g->n_user_ids, patch->users, patch->n_users);
}

static void change_group(struct api_call *call, const struct fleet_team *team, str name,
                         const struct group_patch *patch)
{
    const struct policy *p = call->api->policy;
    const struct fleet_group *g = fleet_find_group_of(p->fleet, team->id, name);
    json_t *before = g ? group_json(p, team, name, g) : NULL;
    enum fleet_outcome outcome = FLEET_OK;
    struct registry_change c;

    registry_begin(call, &c);
    if (!g)
        outcome = fleet_check_quota(c.fleet, &c.world, QUOTA_GROUPS, team->id, 1, &c.problem);
    if (outcome == FLEET_OK && patch->sets_rule)
        outcome = fleet_set_group_rule(c.fleet, &c.world, team->id, name, patch->rule, &c.problem);
    if (outcome == FLEET_OK) {
        set_members(&c, team, name, patch);
        registry_audit(&c, g ? "ENVIRONMENT_GROUP_UPDATED" : "ENVIRONMENT_GROUP_CREATED",
                       arena_printf(&call->arena, "%.*s/%.*s", STR_ARG(team->id), STR_ARG(name)),
                       json_incref(before),
                       group_json(p, team, name, fleet_find_group_of(p->fleet, team->id, name)));
        c.change.rebuild = true;
    }
    if (registry_end(call, &c, outcome))
        show(call, team, name);
    json_decref(before);
}

/* The group may be changed at all: its name can be one, and nobody else owns it. */
static bool is_open(struct api_call *call, const struct fleet_group *g, str name)
{
    const char *wrong = fleet_environment_name_problem(name);

    if (wrong)
        api_error(call, 400, "invalid_field", "env_name", "env_name: \"%.*s\" %s",
                  STR_ARG(str_upto(name, 80)), wrong);
    else if (g && g->of_file)
        api_error(call, 409, "owned_by_file", "env_name",
                  "environment group \"%.*s\" is defined in the configuration file, which owns it: "
                  "change it there",
                  STR_ARG(name));
    return !wrong && !(g && g->of_file) && registry_matches(call, g ? &g->object : NULL);
}

enum api_progress api_group_patch(struct api_call *call)
{
    static const char *const names[] = {"manage_access", "region_rule", "standard_endpoint"};
    const struct fleet_team *team = registry_team(call);
    str name = api_path(call, "env_name");
    const struct fleet_group *g =
        team ? fleet_find_group_of(call->api->policy->fleet, team->id, name) : NULL;

    if (!team || !is_open(call, g, name) || !registry_may_change(call, team->id, name))
        return API_ANSWERED;
    json_t *body = api_body_of(call, names, COUNT_OF(names));
    struct group_patch patch = {.refused = g && g->standard_refused};
    str rule = g ? arena_copy(&call->arena, g->rule) : STR("");
    if (body && take_rule(call, body, rule, &patch) && take_standard(call, body, &patch) &&
        take_access(call, body, team, &patch))
        change_group(call, team, name, &patch);
    json_decref(body);
    return API_ANSWERED;
}

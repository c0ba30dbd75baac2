#include "control/registry.h"

#include "control/registry_json.h"
#include "control/render.h"

/* --- who asks */

static const struct catalog_key *key_of(const struct policy *p, str id)
{
    for (size_t i = 0; i < p->catalog->n_keys; i++)
        if (str_eq(p->catalog->keys[i].id, id))
            return &p->catalog->keys[i];
    return NULL;
}

struct registry_caller registry_caller(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    struct registry_caller caller = {.key = key_of(p, call->request.actor)};
    struct store_key stored;

    if (caller.key)
        caller.team = caller.key->team;
    if (store_key_get(p->store, call->request.actor, &call->arena, &stored) == STORE_OK)
        caller.user = stored.user;
    return caller;
}

static bool is_listed(const str *list, size_t n, str what)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], what))
            return true;
    return n == 0;
}

/* These are asked for every object of a list: they need no store. */
bool registry_sees_team(struct api_call *call, str team)
{
    const struct catalog_key *key = key_of(call->api->policy, call->request.actor);

    return !key || !key->team.n || str_eq(key->team, team);
}

bool registry_sees_model(struct api_call *call, const struct fleet_model *model)
{
    const struct catalog_key *key = key_of(call->api->policy, call->request.actor);

    return !key || ((!key->team.n || str_eq(key->team, model->team)) &&
                    is_listed(key->models, key->n_models, model->id));
}

bool registry_sees_user(struct api_call *call, const struct fleet_user *u)
{
    bool sees = u->role == ROLE_ORGANIZATION_ADMIN || registry_sees_team(call, STR(""));

    for (size_t i = 0; i < u->n_teams && !sees; i++)
        sees = registry_sees_team(call, u->teams[i]);
    return sees;
}

bool registry_may_change(struct api_call *call, str team, str environment)
{
    struct registry_caller caller = registry_caller(call);
    const struct catalog_key *key = caller.key;

    if (key && !is_listed(key->environments, key->n_environments, environment)) {
        api_error(call, 403, "environment_not_allowed", NULL,
                  "this key is limited to environments that \"%.*s\" is not among",
                  STR_ARG(environment));
        return false;
    }
    if (environment.n &&
        !fleet_may_manage(call->api->policy->fleet, team, environment, caller.user)) {
        api_error(call, 403, "restricted_environment", NULL,
                  "environment \"%.*s\" is restricted: only the users that its environment group "
                  "names, and admins, may change it",
                  STR_ARG(environment));
        return false;
    }
    return true;
}

bool registry_may_change_all(struct api_call *call)
{
    if (!registry_caller(call).team.n)
        return true;
    api_error(call, 403, "team_not_allowed", NULL, "this key belongs to one team");
    return false;
}

bool registry_take_name(struct api_call *call, const json_t *body, size_t most, str *ret_name)
{
    if (!api_text(call, body, "name", most, ret_name))
        return false;
    if (!ret_name->p)
        api_error(call, 400, "missing_field", "name", "name: expected a text of 1 to %zu bytes",
                  most);
    return ret_name->p != NULL;
}

bool registry_take_dry_run(struct api_call *call, const json_t *body, int *ret_dry_run)
{
    str query = api_query(call, "dry_run");
    bool is_true = str_eq(query, STR("true"));

    if (!api_flag(call, body, "dry_run", 0, ret_dry_run))
        return false;
    *ret_dry_run = *ret_dry_run || is_true;
    if (!query.p || is_true || str_eq(query, STR("false")))
        return true;
    api_error(call, 400, "invalid_field", "dry_run", "dry_run: expected true or false");
    return false;
}

/* --- finding */

static void not_there(struct api_call *call, const char *what, const char *param, str name)
{
    api_error(call, 404, "not_found", param, "there is no %s \"%.*s\"", what,
              STR_ARG(str_upto(name, 200)));
}

struct fleet_team *registry_team_named(struct api_call *call, str id_or_name, const char *param)
{
    const struct fleet *f = call->api->policy->fleet;
    struct fleet_team *team = fleet_find_team(f, id_or_name);

    for (struct fleet_team *t = team ? NULL : fleet_first_team(f); t && !team;
         t = fleet_next_team(f, t))
        if (str_eq(t->name, id_or_name))
            team = t;
    if (team && registry_sees_team(call, team->id))
        return team;
    not_there(call, "team", param, id_or_name);
    return NULL;
}

struct fleet_team *registry_team(struct api_call *call)
{
    str named = api_path(call, "team_id"), own = registry_caller(call).team;

    return registry_team_named(call,
                               named.p ? named
                               : own.n ? own
                                       : DEPLOYMENTS_DEFAULT_TEAM,
                               "team_id");
}

struct fleet_model *registry_model(struct api_call *call)
{
    bool chain = api_path(call, "chain_id").p != NULL;
    const char *param = chain ? "chain_id" : "model_id";
    str id = api_path(call, param);
    struct fleet_model *model = fleet_find_model(call->api->policy->fleet, id);

    if (model && model->chain == chain && registry_sees_model(call, model))
        return model;
    not_there(call, chain ? "chain" : "model", param, id);
    return NULL;
}

struct fleet_environment *registry_environment(struct api_call *call,
                                               const struct fleet_model *model)
{
    str name = api_path(call, "env_name");
    struct fleet_environment *e =
        fleet_find_environment_of(call->api->policy->fleet, model->id, name);

    if (!e)
        api_error(call, 404, "not_found", "env_name",
                  "%s \"%.*s\" has no environment \"%.*s\"; make it with POST "
                  "/v1/%ss/%.*s/environments",
                  model_kind(model), STR_ARG(model->name), STR_ARG(str_upto(name, 200)),
                  model_kind(model), STR_ARG(model->id));
    return e;
}

static struct fleet_deployment *find_development(const struct fleet *f, str model)
{
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        if (d->development && str_eq(d->model, model))
            return d;
    return NULL;
}

static struct fleet_deployment *find_production(const struct fleet *f, str model)
{
    const struct fleet_environment *e = fleet_find_environment_of(f, model, STR("production"));

    return e ? fleet_find_deployment(f, e->current) : NULL;
}

struct fleet_deployment *registry_find_deployment(struct api_call *call,
                                                  const struct fleet_model *model, str id,
                                                  const char *param)
{
    const struct fleet *f = call->api->policy->fleet;
    struct fleet_deployment *d = str_eq(id, STR("development"))  ? find_development(f, model->id)
                                 : str_eq(id, STR("production")) ? find_production(f, model->id)
                                                                 : fleet_find_deployment(f, id);

    if (d && str_eq(d->model, model->id))
        return d;
    api_error(call, 404, "not_found", param, "%s \"%.*s\" has no deployment \"%.*s\"",
              model_kind(model), STR_ARG(model->name), STR_ARG(str_upto(id, 200)));
    return NULL;
}

struct fleet_deployment *registry_deployment(struct api_call *call, const struct fleet_model *model)
{
    return registry_find_deployment(call, model, api_path(call, "deployment_id"), "deployment_id");
}

/* --- versions */

static str tag_of(struct api_call *call, const struct fleet_object *object)
{
    return arena_printf(&call->arena, "\"%llu\"", (unsigned long long)object->version);
}

void registry_tag(struct api_call *call, const struct fleet_object *object)
{
    if (object)
        call->etag = tag_of(call, object);
}

bool registry_matches(struct api_call *call, const struct fleet_object *object)
{
    return api_matches(call, object ? tag_of(call, object) : STR_NULL);
}

/* --- changing */

void registry_begin(struct api_call *call, struct registry_change *c)
{
    struct policy *p = call->api->policy;

    *c = (struct registry_change){0};
    change_begin(&c->change, p, call->request.actor);
    c->fleet = change_fleet(&c->change);
    fleet_world_of(p, call->request.actor, &c->world);
}

void registry_audit(struct registry_change *c, const char *action, str object, json_t *before,
                    json_t *after)
{
    change_audit(&c->change, str_of(action), object, before, after);
    json_decref(before);
    json_decref(after);
}

void registry_audit_of(struct registry_change *c, const struct fleet_model *m, const char *action,
                       str object, json_t *before, json_t *after)
{
    char whole[64];

    snprintf(whole, sizeof(whole), "%s_%s", m->chain ? "CHAIN" : "MODEL", action);
    registry_audit(c, whole, object, before, after);
}

static void refuse(struct api_call *call, enum fleet_outcome outcome,
                   const struct fleet_problem *problem)
{
    const char *param = *problem->field ? problem->field : NULL;

    switch (outcome) {
    case FLEET_NOT_FOUND:
        api_error(call, 404, "not_found", param, "%s", problem->message);
        break;
    case FLEET_INVALID:
        api_error(call, 400, "invalid_field", param, "%s", problem->message);
        break;
    case FLEET_FORBIDDEN:
        api_error(call, 403, "restricted_environment", param, "%s", problem->message);
        break;
    case FLEET_CONFLICT:
        api_error(call, 409, "conflict", param, "%s", problem->message);
        break;
    case FLEET_QUOTA:
        api_error(call, 409, "quota_exceeded", param, "%s", problem->message);
        break;
    case FLEET_OK:
    case FLEET_UNCHANGED:
        break;
    }
}

bool registry_end(struct api_call *call, struct registry_change *c, enum fleet_outcome outcome)
{
    if (outcome == FLEET_OK)
        return api_commit(call, &c->change);
    change_abort(&c->change);
    refuse(call, outcome, &c->problem);
    /* Unchanged since a moment ago may still be on its way to the edges: who asks again because
     * the first answer said so, or never came, waits as well. */
    call->changed = outcome == FLEET_UNCHANGED;
    return call->changed;
}

void registry_drop(struct registry_change *c)
{
    change_abort(&c->change);
}

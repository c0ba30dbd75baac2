/* Models, and chains: made empty, or with their first deployment. */

#include "base/mem.h"
#include "control/api_internal.h"
#include "control/push.h"
#include "control/registry_json.h"
#include "control/render.h"

enum { NAME_BYTES = 200 };

/* --- reading */

static json_t *list_of(struct api_call *call, const struct fleet_team *team,
                       enum fleet_model_kind kind)
{
    bool chains = kind == FLEET_MODEL_CHAIN;
    const struct policy *p = call->api->policy;
    json_t *list = json_array();

    for (struct fleet_model *m = fleet_first_model(p->fleet); m; m = fleet_next_model(p->fleet, m))
        if (m->chain == chains && (!team || str_eq(m->team, team->id)) &&
            registry_sees_model(call, m))
            json_array_append_new(list, model_json(p, m));
    return json_pack("{s:o}", chains ? "chains" : "models", list);
}

static enum api_progress answer_list(struct api_call *call, enum fleet_model_kind kind)
{
    bool of_team = api_path(call, "team_id").p != NULL;
    const struct fleet_team *team = of_team ? registry_team(call) : NULL;

    if (team || !of_team)
        call->json = list_of(call, team, kind);
    return API_ANSWERED;
}

enum api_progress api_model_list(struct api_call *call)
{
    return answer_list(call, FLEET_MODEL_PLAIN);
}

enum api_progress api_chain_list(struct api_call *call)
{
    return answer_list(call, FLEET_MODEL_CHAIN);
}

static void show(struct api_call *call, const struct fleet_model *m)
{
    call->json = model_json(call->api->policy, m);
    registry_tag(call, &m->object);
}

enum api_progress api_model_get(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);

    if (m)
        show(call, m);
    return API_ANSWERED;
}

/* --- making */

/* A key of some models makes no others. */
static bool may_make(struct api_call *call, const struct fleet_team *team, str environment)
{
    const struct catalog_key *key = registry_caller(call).key;

    if (!key || key->n_models == 0)
        return registry_may_change(call, team->id, environment);
    api_error(call, 403, "model_not_allowed", NULL, "this key is limited to models there are");
    return false;
}

struct making {
    str name;
    enum fleet_model_kind kind;
    struct push push;
    bool pushes;
};

static bool take_making(struct api_call *call, const json_t *body, struct making *making)
{
    static const char *const empty[] = {"name", "source"};
    static const char *const pushed[] = {"source", "dry_run"};

    making->pushes = json_object_get(body, "source") != NULL;
    if (!making->pushes)
        return api_members(call, body, "", empty, COUNT_OF(empty)) &&
               registry_take_name(call, body, NAME_BYTES, &making->name);
    if (!api_members(call, body, "", pushed, COUNT_OF(pushed)) ||
        !push_take(call, body, PUSH_NAMES_MODEL, &making->push))
        return false;
    making->name = making->push.model_name;
    return true;
}

static void make(struct api_call *call, const struct fleet_team *team, struct making *making)
{
    const struct policy *p = call->api->policy;
    struct fleet_deployment *d = NULL;
    struct fleet_model *m;
    struct registry_change c;

    registry_begin(call, &c);
    enum fleet_outcome outcome =
        fleet_create_model(c.fleet, &c.world, team->id, making->name, making->kind, &m, &c.problem);
    if (outcome == FLEET_OK && making->pushes && making->push.dry_run) {
        push_answer_plan(call, &c, m, &making->push);
        return;
    }
    if (outcome == FLEET_OK) {
        registry_audit_of(&c, m, "CREATED", m->id, NULL, model_json(p, m));
        if (making->pushes)
            outcome = push_run(&c, p, m, &making->push, &d);
    }
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:o, s:o}", model_kind(m), model_json(p, m), "deployment",
                               d ? deployment_json(p, d) : json_null());
}

static enum api_progress answer_new(struct api_call *call, enum fleet_model_kind kind)
{
    const struct fleet_team *team = registry_team(call);
    json_t *body = team ? api_body(call) : NULL;
    struct making making = {.kind = kind};

    if (body && take_making(call, body, &making) &&
        may_make(call, team, making.push.fleet.environment))
        make(call, team, &making);
    json_decref(body);
    return API_ANSWERED;
}

enum api_progress api_model_new(struct api_call *call)
{
    return answer_new(call, FLEET_MODEL_PLAIN);
}

enum api_progress api_chain_new(struct api_call *call)
{
    return answer_new(call, FLEET_MODEL_CHAIN);
}

/* --- deleting */

/* Whoever deletes a model changes each of its environments. */
static bool may_delete(struct api_call *call, const struct fleet_model *m)
{
    const struct fleet *f = call->api->policy->fleet;

    for (struct fleet_environment *e = fleet_first_environment(f); e;
         e = fleet_next_environment(f, e))
        if (str_eq(e->model, m->id) && !registry_may_change(call, m->team, e->name))
            return false;
    return registry_may_change(call, m->team, STR(""));
}

enum api_progress api_model_delete(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    const struct fleet_model *m = registry_model(call);
    struct registry_change c;

    if (!m || !registry_matches(call, &m->object) || !may_delete(call, m))
        return API_ANSWERED;
    str id = arena_copy(&call->arena, m->id);
    registry_begin(call, &c);
    registry_audit_of(&c, m, "DELETED", id, model_json(p, m), NULL);
    enum fleet_outcome outcome = fleet_delete_model(c.fleet, &c.world, id, &c.problem);
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:o, s:b}", "id", render_str(id), "deleted", 1);
    return API_ANSWERED;
}

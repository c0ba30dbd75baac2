/* Environments of a model or chain. */

#include "control/api_internal.h"
#include "control/environment_settings.h"
#include "control/registry_json.h"
#include "control/registry_settings.h"
#include "control/render.h"

enum { NAME_BYTES = 64 };

static void show(struct api_call *call, const struct fleet_environment *e)
{
    call->json = environment_json(call->api->policy, e);
    registry_tag(call, &e->object);
}

enum api_progress api_environment_list(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    const struct fleet_model *m = registry_model(call);
    json_t *list = json_array();

    for (struct fleet_environment *e = m ? fleet_first_environment(p->fleet) : NULL; e;
         e = fleet_next_environment(p->fleet, e))
        if (str_eq(e->model, m->id))
            json_array_append_new(list, environment_json(p, e));
    if (m)
        call->json = json_pack("{s:o}", "environments", list);
    else
        json_decref(list);
    return API_ANSWERED;
}

enum api_progress api_environment_get(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);
    const struct fleet_environment *e = m ? registry_environment(call, m) : NULL;

    if (e)
        show(call, e);
    return API_ANSWERED;
}

/* --- making */

static bool take_settings(struct api_call *call, const json_t *body,
                          struct environment_settings *settings)
{
    return settings_take_autoscaling(call, body, "autoscaling_settings", &settings->autoscaling) &&
           settings_take_promotion(call, body, "promotion_settings", &settings->promotion);
}

static void make(struct api_call *call, const struct fleet_model *m, str name,
                 const struct environment_settings *settings)
{
    struct fleet_promotion *promotion; /* none: nothing is in it yet */
    struct fleet_environment *e;
    struct registry_change c;

    registry_begin(call, &c);
    enum fleet_outcome outcome =
        fleet_create_environment(c.fleet, &c.world, m->id, name, &e, &c.problem);
    if (outcome == FLEET_OK)
        outcome = fleet_set_environment(c.fleet, &c.world, e, &settings->autoscaling,
                                        &settings->promotion, &c.problem);
    if (outcome == FLEET_UNCHANGED) /* the settings are the defaults */
        outcome = FLEET_OK;
    if (outcome == FLEET_OK && settings->instance_type.n)
        outcome = fleet_set_instance_type(c.fleet, &c.world, e, settings->instance_type, &promotion,
                                          &c.problem);
    if (outcome == FLEET_OK)
        registry_audit(&c, "ENVIRONMENT_CREATED", e->object.key, NULL,
                       environment_json(call->api->policy, e));
    if (registry_end(call, &c, outcome))
        show(call, e);
}

enum api_progress api_environment_new(struct api_call *call)
{
    static const char *const names[] = {"name", "autoscaling_settings", "promotion_settings",
                                        "chainlet_settings"};
    const struct fleet_model *m = registry_model(call);
    json_t *body = m ? api_body_of(call, names, COUNT_OF(names) - !m->chain) : NULL;
    struct environment_settings settings = {.instance_type = STR("")};
    str name;

    fleet_autoscaling_defaults(&settings.autoscaling);
    fleet_promotion_settings_defaults(&settings.promotion);
    if (body && registry_take_name(call, body, NAME_BYTES, &name) &&
        take_settings(call, body, &settings) && chainlets_take_settings(call, m, body, &settings) &&
        registry_may_change(call, m->team, name))
        make(call, m, name, &settings);
    json_decref(body);
    return API_ANSWERED;
}

/* --- changing */

struct fleet_environment *environment_changeable(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);
    struct fleet_environment *e = m ? registry_environment(call, m) : NULL;

    return e && registry_may_change(call, m->team, e->name) && registry_matches(call, &e->object)
               ? e
               : NULL;
}

static void answer_settings(struct api_call *call, enum fleet_outcome outcome, bool waits)
{
    if (outcome == FLEET_UNCHANGED)
        call->json = json_pack("{s:s, s:s}", "status", "UNCHANGED", "message",
                               "these are the settings already");
    else if (waits)
        call->json = json_pack("{s:s, s:s}", "status", "QUEUED", "message",
                               "a promotion is in progress: the settings hold once it has ended");
    else
        call->json =
            json_pack("{s:s, s:s}", "status", "ACCEPTED", "message", "the settings are in force");
}

void environment_change_settings(struct api_call *call, struct fleet_environment *e,
                                 const struct environment_settings *settings)
{
    json_t *before = environment_json(call->api->policy, e);
    struct registry_change c;

    registry_begin(call, &c);
    enum fleet_outcome outcome = fleet_set_environment(c.fleet, &c.world, e, &settings->autoscaling,
                                                       &settings->promotion, &c.problem);
    registry_audit(&c, "ENVIRONMENT_UPDATED", e->object.key, before,
                   environment_json(call->api->policy, e));
    if (registry_end(call, &c, outcome)) {
        answer_settings(call, outcome, e->promotion.n != 0);
        registry_tag(call, &e->object);
    }
}

enum api_progress api_environment_patch(struct api_call *call)
{
    static const char *const names[] = {"autoscaling_settings", "promotion_settings"};
    struct fleet_environment *e = environment_changeable(call);
    json_t *body = e ? api_body_of(call, names, COUNT_OF(names)) : NULL;

    if (body) {
        struct environment_settings settings = {e->autoscaling, e->promotion_settings, STR("")};

        if (take_settings(call, body, &settings))
            environment_change_settings(call, e, &settings);
        if (call->json && api_path(call, "chain_id").p)
            json_object_set_new(call->json, "ok", json_true());
    }
    json_decref(body);
    return API_ANSWERED;
}

enum api_progress api_environment_delete(struct api_call *call)
{
    struct fleet_environment *e = environment_changeable(call);
    struct registry_change c;

    if (!e)
        return API_ANSWERED;
    const struct fleet_model *m = fleet_find_model(call->api->policy->fleet, e->model);
    str name = arena_copy(&call->arena, e->name);
    str key = arena_copy(&call->arena, e->object.key);
    json_t *before = environment_json(call->api->policy, e);
    registry_begin(call, &c);
    enum fleet_outcome outcome =
        fleet_delete_environment(c.fleet, &c.world, m->id, name, &c.problem);
    registry_audit(&c, "ENVIRONMENT_DELETED", key, before, NULL);
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:o, s:b, s:o}", "name", render_str(name), "deleted", 1,
                               model_id_member(m), render_str(m->id));
    return API_ANSWERED;
}

/* --- what is in it, on and off */

typedef enum fleet_outcome (*deployment_verb_fn)(struct fleet *f, const struct fleet_world *w,
                                                 struct fleet_deployment *d,
                                                 struct fleet_problem *problem);

static enum api_progress switch_current(struct api_call *call, deployment_verb_fn verb,
                                        const char *action)
{
    const struct policy *p = call->api->policy;
    struct fleet_environment *e = environment_changeable(call);
    struct fleet_deployment *d = e ? fleet_find_deployment(p->fleet, e->current) : NULL;
    struct registry_change c;

    if (e && !d)
        api_error(call, 409, "conflict", NULL,
                  "environment \"%.*s\" has no deployment yet: promote one first",
                  STR_ARG(e->name));
    if (!d)
        return API_ANSWERED;
    json_t *before = deployment_json(p, d);
    registry_begin(call, &c);
    enum fleet_outcome outcome = verb(c.fleet, &c.world, d, &c.problem);
    registry_audit_of(&c, fleet_find_model(p->fleet, d->model), action, d->id, before,
                      deployment_json(p, d));
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:b}", "success", 1);
    return API_ANSWERED;
}

enum api_progress api_environment_activate(struct api_call *call)
{
    return switch_current(call, fleet_activate, "DEPLOYMENT_ACTIVATED");
}

enum api_progress api_environment_deactivate(struct api_call *call)
{
    return switch_current(call, fleet_deactivate, "DEPLOYMENT_DEACTIVATED");
}

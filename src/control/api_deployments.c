/* Deployments of a model. Where a path has {deployment_id}, "development" and "production" stand
 * for whatever that is at the moment. */

#include "base/mem.h"
#include "control/api_internal.h"
#include "control/push.h"
#include "control/registry_json.h"
#include "control/registry_settings.h"
#include "control/render.h"

static void show(struct api_call *call, const struct fleet_deployment *d)
{
    call->json = deployment_json(call->api->policy, d);
    registry_tag(call, &d->object);
}

static struct fleet_deployment *find(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);

    return m ? registry_deployment(call, m) : NULL;
}

/* The deployment that the path names, if the caller may change it as it is. */
static struct fleet_deployment *changeable(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);
    struct fleet_deployment *d = m ? registry_deployment(call, m) : NULL;

    return d && registry_may_change(call, m->team, d->environment) &&
                   registry_matches(call, &d->object)
               ? d
               : NULL;
}

static const struct fleet_model *model_of(struct api_call *call, const struct fleet_deployment *d)
{
    return fleet_find_model(call->api->policy->fleet, d->model);
}

/* --- reading */

enum api_progress api_deployment_list(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    const struct fleet_model *m = registry_model(call);
    json_t *list = json_array();

    for (struct fleet_deployment *d = m ? fleet_first_deployment(p->fleet) : NULL; d;
         d = fleet_next_deployment(p->fleet, d))
        if (str_eq(d->model, m->id))
            json_array_append_new(list, deployment_json(p, d));
    if (m)
        call->json = json_pack("{s:o}", "deployments", list);
    else
        json_decref(list);
    return API_ANSWERED;
}

enum api_progress api_deployment_get(struct api_call *call)
{
    const struct fleet_deployment *d = find(call);

    if (d)
        show(call, d);
    return API_ANSWERED;
}

enum api_progress api_deployment_config(struct api_call *call)
{
    const struct fleet_deployment *d = find(call);
    str format = api_query(call, "output_format");
    bool raw = str_eq(format, STR("raw")), parsed = str_eq(format, STR("parsed"));

    if (!d)
        return API_ANSWERED;
    if (format.p && !raw && !parsed && !str_eq(format, STR("both"))) {
        api_error(call, 400, "invalid_field", "output_format",
                  "output_format: expected raw, parsed or both");
        return API_ANSWERED;
    }
    call->json = json_object();
    if (!raw)
        json_object_set_new(call->json, "config",
                            d->config.n ? render_stored(d->config) : json_null());
    if (!parsed)
        json_object_set_new(call->json, "raw_config", text_or_null(d->raw_config));
    return API_ANSWERED;
}

enum api_progress api_replica_list(struct api_call *call)
{
    const struct fleet *f = call->api->policy->fleet;
    const struct fleet_deployment *d = find(call);
    json_t *list = json_array();

    for (struct fleet_replica *r = d ? fleet_first_replica(f) : NULL; r;
         r = fleet_next_replica(f, r))
        if (str_eq(r->deployment, d->id))
            json_array_append_new(list, replica_json(r));
    if (d)
        call->json = json_pack("{s:o}", "replicas", list);
    else
        json_decref(list);
    return API_ANSWERED;
}

/* --- making and deleting */

static void make(struct api_call *call, const struct fleet_model *m, struct push *push)
{
    const struct policy *p = call->api->policy;
    struct fleet_deployment *d = NULL;
    struct registry_change c;

    registry_begin(call, &c);
    if (push->dry_run) {
        push_answer_plan(call, &c, m, push);
        return;
    }
    enum fleet_outcome outcome = push_run(&c, p, m, push, &d);
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:o, s:o}", model_kind(m), model_json(p, m), "deployment",
                               deployment_json(p, d));
}

enum api_progress api_deployment_new(struct api_call *call)
{
    static const char *const names[] = {"source", "dry_run"};
    const struct fleet_model *m = registry_model(call);
    json_t *body = m ? api_body_of(call, names, COUNT_OF(names)) : NULL;
    struct push push;

    if (body && push_take(call, body, PUSH_MODEL_IS_KNOWN, &push) &&
        registry_may_change(call, m->team, push.fleet.environment))
        make(call, m, &push);
    json_decref(body);
    return API_ANSWERED;
}

enum api_progress api_deployment_delete(struct api_call *call)
{
    struct fleet_deployment *d = changeable(call);
    struct registry_change c;

    if (!d)
        return API_ANSWERED;
    const struct fleet_model *m = model_of(call, d);
    str id = arena_copy(&call->arena, d->id);
    json_t *before = deployment_json(call->api->policy, d);
    registry_begin(call, &c);
    enum fleet_outcome outcome = fleet_delete_deployment(c.fleet, &c.world, d, &c.problem);
    registry_audit_of(&c, m, "DEPLOYMENT_DELETED", id, before, NULL);
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:o, s:b, s:o}", "id", render_str(id), "deleted", 1,
                               model_id_member(m), render_str(m->id));
    return API_ANSWERED;
}

/* --- changing */

static void change_autoscaling(struct api_call *call, struct fleet_deployment *d,
                               const struct fleet_autoscaling *settings)
{
    json_t *before = deployment_json(call->api->policy, d);
    struct registry_change c;

    registry_begin(call, &c);
    enum fleet_outcome outcome = fleet_set_autoscaling(c.fleet, &c.world, d, settings, &c.problem);
    registry_audit_of(&c, model_of(call, d), "DEPLOYMENT_AUTOSCALING_SETTINGS_CHANGED", d->id,
                      before, deployment_json(call->api->policy, d));
    if (!registry_end(call, &c, outcome))
        return;
    call->json = outcome == FLEET_UNCHANGED ? json_pack("{s:s, s:s}", "status", "UNCHANGED",
                                                        "message", "these are the settings already")
                                            : json_pack("{s:s, s:s}", "status", "ACCEPTED",
                                                        "message", "the settings are in force");
    registry_tag(call, &d->object);
}

enum api_progress api_deployment_autoscaling(struct api_call *call)
{
    struct fleet_deployment *d = changeable(call);
    json_t *body = d ? api_body(call) : NULL;

    if (body) {
        struct fleet_autoscaling settings = d->autoscaling;

        if (!d->has_autoscaling)
            fleet_autoscaling_defaults(&settings);
        if (settings_take_autoscaling_body(call, body, &settings))
            change_autoscaling(call, d, &settings);
    }
    json_decref(body);
    return API_ANSWERED;
}

typedef enum fleet_outcome (*deployment_verb_fn)(struct fleet *f, const struct fleet_world *w,
                                                 struct fleet_deployment *d,
                                                 struct fleet_problem *problem);

/* Whether it was done, or is so already. */
static bool run_verb(struct api_call *call, struct fleet_deployment *d, deployment_verb_fn verb,
                     const char *action)
{
    const struct policy *p = call->api->policy;
    json_t *before = deployment_json(p, d);
    struct registry_change c;

    registry_begin(call, &c);
    enum fleet_outcome outcome = verb(c.fleet, &c.world, d, &c.problem);
    registry_audit_of(&c, model_of(call, d), action, d->id, before, deployment_json(p, d));
    return registry_end(call, &c, outcome);
}

static enum api_progress do_verb(struct api_call *call, deployment_verb_fn verb, const char *action)
{
    struct fleet_deployment *d = changeable(call);

    if (d && run_verb(call, d, verb, action))
        call->json = json_pack("{s:b}", "success", 1);
    return API_ANSWERED;
}

enum api_progress api_deployment_activate(struct api_call *call)
{
    return do_verb(call, fleet_activate, "DEPLOYMENT_ACTIVATED");
}

enum api_progress api_deployment_deactivate(struct api_call *call)
{
    return do_verb(call, fleet_deactivate, "DEPLOYMENT_DEACTIVATED");
}

enum api_progress api_deployment_wake(struct api_call *call)
{
    return do_verb(call, fleet_wake, "DEPLOYMENT_WOKEN");
}

enum api_progress api_deployment_retry(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    struct fleet_deployment *d = changeable(call);
    bool failed = d && (d->status == STATUS_FAILED || d->status == STATUS_BUILD_FAILED ||
                        d->status == STATUS_BUILD_STOPPED || d->status == STATUS_DEPLOY_FAILED);

    if (d && !failed)
        call->json =
            json_pack("{s:b, s:s, s:o}", "retried", 0, "reason", "the deployment has not failed",
                      "deployment", deployment_json(p, d));
    else if (d && run_verb(call, d, fleet_retry, "DEPLOYMENT_RETRIED"))
        call->json = json_pack("{s:b, s:n, s:o}", "retried", 1, "reason", "deployment",
                               deployment_json(p, d));
    return API_ANSWERED;
}

enum api_progress api_replica_terminate(struct api_call *call)
{
    struct fleet_deployment *d = changeable(call);
    str id = api_path(call, "replica_id");
    struct fleet_replica *r = d ? fleet_find_replica(call->api->policy->fleet, id) : NULL;
    struct registry_change c;

    if (d && (!r || !str_eq(r->deployment, d->id))) {
        api_error(call, 404, "not_found", "replica_id",
                  "deployment \"%.*s\" has no replica \"%.*s\"", STR_ARG(d->id),
                  STR_ARG(str_upto(id, 200)));
        r = NULL;
    }
    if (!r)
        return API_ANSWERED;
    registry_begin(call, &c);
    json_t *before = replica_json(r);
    enum fleet_outcome outcome = fleet_terminate_replica(c.fleet, &c.world, r, &c.problem);
    registry_audit(&c, "REPLICA_TERMINATED", id, before, NULL);
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:b}", "success", 1);
    return API_ANSWERED;
}

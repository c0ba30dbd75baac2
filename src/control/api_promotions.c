/* Promotions: what would happen, making it happen, and how it goes. */

#include "base/mem.h"
#include "control/api_internal.h"
#include "control/environment_settings.h"
#include "control/registry_json.h"
#include "control/render.h"

/* --- plans */

static void answer_plan(struct api_call *call, const struct fleet_environment *e,
                        const struct fleet_promote *promote)
{
    struct fleet_plan plan;
    struct registry_change c;

    /* A change that never commits: the plan is asked of the same functions as the promotion. */
    registry_begin(call, &c);
    enum fleet_outcome outcome =
        fleet_plan_promotion(c.fleet, &c.world, promote, &plan, &c.problem);
    if (outcome == FLEET_OK) {
        call->json = plan_json(&plan, e->name, promote->deployment);
        registry_drop(&c);
    } else {
        registry_end(call, &c, outcome);
    }
}

/* --- promoting */

static void start(struct api_call *call, struct fleet_environment *e,
                  const struct fleet_promote *promote)
{
    const struct policy *p = call->api->policy;
    struct fleet_promotion *promotion = NULL;
    json_t *before = environment_json(p, e);
    struct registry_change c;

    registry_begin(call, &c);
    enum fleet_outcome outcome = fleet_promote(c.fleet, &c.world, promote, &promotion, &c.problem);
    if (outcome == FLEET_OK)
        registry_audit_of(&c, fleet_find_model(p->fleet, e->model), "DEPLOYMENT_PROMOTED",
                          promotion->candidate, json_incref(before), environment_json(p, e));
    json_decref(before);
    if (!registry_end(call, &c, outcome))
        return;
    struct fleet_deployment *d =
        fleet_find_deployment(p->fleet, promotion ? promotion->candidate : promote->deployment);
    call->json = deployment_json(p, d);
    json_object_set_new(call->json, "promotion",
                        promotion ? promotion_json(p, promotion) : json_null());
}

static bool take_flags(struct api_call *call, const json_t *body, const char *scale_down_name,
                       struct fleet_promote *promote, int *ret_dry_run)
{
    int scale_down, preserve;

    if (!api_flag(call, body, scale_down_name, 1, &scale_down) ||
        !api_flag(call, body, "preserve_env_instance_type", 1, &preserve) ||
        !registry_take_dry_run(call, body, ret_dry_run))
        return false;
    promote->scale_down_previous = scale_down;
    promote->preserve_environment_instance_type = preserve;
    return true;
}

static void promote_to(struct api_call *call, struct fleet_environment *e,
                       struct fleet_promote *promote, int dry_run)
{
    promote->environment = arena_copy(&call->arena, e->object.key);
    promote->deployment = arena_copy(&call->arena, promote->deployment);
    if (dry_run)
        answer_plan(call, e, promote);
    else
        start(call, e, promote);
}

enum api_progress api_environment_promote(struct api_call *call)
{
    static const char *const names[] = {"deployment_id", "scale_down_previous_deployment",
                                        "preserve_env_instance_type", "dry_run"};
    const struct fleet_model *m = registry_model(call);
    struct fleet_environment *e = m ? environment_changeable(call) : NULL;
    json_t *body = e ? api_body_of(call, names, COUNT_OF(names)) : NULL;
    struct fleet_promote promote = {0};
    int dry_run;
    str id;

    if (body && api_text(call, body, "deployment_id", 64, &id) &&
        take_flags(call, body, "scale_down_previous_deployment", &promote, &dry_run)) {
        const struct fleet_deployment *d = NULL;

        if (!id.p)
            api_error(call, 400, "missing_field", "deployment_id",
                      "deployment_id: expected the deployment to promote");
        else
            d = registry_find_deployment(call, m, id, "deployment_id");
        if (d) {
            promote.deployment = d->id;
            promote_to(call, e, &promote, dry_run);
        }
    }
    json_decref(body);
    return API_ANSWERED;
}

/* To production. */
enum api_progress api_deployment_promote(struct api_call *call)
{
    static const char *const names[] = {"scale_down_previous_production",
                                        "preserve_env_instance_type", "dry_run"};
    const struct fleet_model *m = registry_model(call);
    const struct fleet_deployment *d = m ? registry_deployment(call, m) : NULL;
    json_t *body = d ? api_optional_body_of(call, names, COUNT_OF(names)) : NULL;
    struct fleet_environment *e =
        d ? fleet_find_environment_of(call->api->policy->fleet, m->id, STR("production")) : NULL;
    struct fleet_promote promote = {0};
    int dry_run;

    if (body && e && registry_may_change(call, m->team, e->name) &&
        take_flags(call, body, "scale_down_previous_production", &promote, &dry_run)) {
        promote.deployment = d->id;
        promote_to(call, e, &promote, dry_run);
    }
    json_decref(body);
    return API_ANSWERED;
}

/* --- the one in progress */

enum api_progress api_promotion_cancel(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    const struct fleet_model *m = registry_model(call);
    struct fleet_environment *e = m ? environment_changeable(call) : NULL;
    struct registry_change c;

    if (!e)
        return API_ANSWERED;
    json_t *before = environment_json(p, e);
    registry_begin(call, &c);
    enum fleet_outcome outcome = fleet_cancel_promotion(c.fleet, &c.world, e, &c.problem);
    registry_audit_of(&c, m, "PROMOTION_CONTROL_ACTION", e->object.key, before,
                      environment_json(p, e));
    if (registry_end(call, &c, outcome))
        call->json = json_pack("{s:s, s:s}", "status", "CANCELED", "message",
                               "the promotion is cancelled; traffic is as it was");
    return API_ANSWERED;
}

enum api_progress api_promotion_rolling(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);
    const struct fleet_environment *e = m ? environment_changeable(call) : NULL;

    if (e)
        api_error(call, 409, "conflict", NULL,
                  "environment \"%.*s\" has no rolling promotion in progress%s", STR_ARG(e->name),
                  e->promotion.n
                      ? ": the one in progress switches at once; cancel_promotion ends it"
                      : "");
    return API_ANSWERED;
}

/* --- the trail of them */

enum api_progress api_promotion_list(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    const struct fleet_model *m = registry_model(call);
    const struct fleet_environment *e = m ? registry_environment(call, m) : NULL;
    json_t *list = json_array();

    for (struct fleet_promotion *one = e ? fleet_first_promotion(p->fleet) : NULL; one;
         one = fleet_next_promotion(p->fleet, one))
        if (str_eq(one->environment, e->object.key))
            json_array_insert_new(list, 0, promotion_json(p, one));
    if (e)
        call->json = json_pack("{s:o}", "promotions", list);
    else
        json_decref(list);
    return API_ANSWERED;
}

enum api_progress api_promotion_get(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    const struct fleet_model *m = registry_model(call);
    const struct fleet_environment *e = m ? registry_environment(call, m) : NULL;
    str id = api_path(call, "promotion_id");
    const struct fleet_promotion *promotion = e ? fleet_find_promotion(p->fleet, id) : NULL;

    if (promotion && str_eq(promotion->environment, e->object.key)) {
        call->json = promotion_json(p, promotion);
        registry_tag(call, &promotion->object);
    } else if (e) {
        api_error(call, 404, "not_found", "promotion_id",
                  "environment \"%.*s\" has no promotion \"%.*s\"", STR_ARG(e->name),
                  STR_ARG(str_upto(id, 200)));
    }
    return API_ANSWERED;
}

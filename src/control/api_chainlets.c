/*
 * Settings of chainlets in an environment. A chain has one chainlet here, its entry, which has the
 * chain's name; so a list of settings has one element, and they are the environment's.
 */

#include "base/mem.h"
#include "control/api_internal.h"
#include "control/environment_settings.h"
#include "control/registry_json.h"
#include "control/registry_settings.h"

enum { NAME_BYTES = 200 };

/* --- lists of settings */

static bool is_chainlet(struct api_call *call, const struct fleet_model *m, const json_t *element,
                        const char *where)
{
    str name;

    if (!api_text(call, element, "chainlet_name", NAME_BYTES, &name))
        return false;
    if (name.p && str_eq(name, m->name))
        return true;
    api_error(
        call, 400, "invalid_field", where,
        "%s.chainlet_name: expected \"%.*s\": a chain has one chainlet here, its entry, which "
        "is named as the chain",
        where, STR_ARG(m->name));
    return false;
}

/* The list's one element; NULL, and a 400, where there are others. */
static const json_t *only_element(struct api_call *call, const struct fleet_model *m,
                                  const json_t *list, const char *name, const char *const *members,
                                  size_t n_members)
{
    const json_t *element;
    size_t i;

    if (!json_is_array(list) || json_array_size(list) == 0) {
        api_error(call, 400, "invalid_field", name,
                  "%s: expected a list of settings, each with a chainlet_name", name);
        return NULL;
    }
    json_array_foreach(list, i, element)
    {
        str where = arena_printf(&call->arena, "%s[%zu]", name, i);

        if (!json_is_object(element)) {
            api_error(call, 400, "invalid_field", where.p, "%s: expected an object", where.p);
            return NULL;
        }
        if (!api_members(call, element, where.p, members, n_members) ||
            !is_chainlet(call, m, element, where.p))
            return NULL;
    }
    if (json_array_size(list) == 1)
        return json_array_get(list, 0);
    api_error(call, 400, "invalid_field", name, "%s: chainlet \"%.*s\" is there several times",
              name, STR_ARG(m->name));
    return NULL;
}

static bool take_autoscaling(struct api_call *call, const json_t *element,
                             struct environment_settings *settings)
{
    return settings_take_autoscaling(call, element, "autoscaling_settings", &settings->autoscaling);
}

static bool take_instance_type(struct api_call *call, const json_t *element,
                               struct environment_settings *settings)
{
    return settings_take_instance_type(call, json_object_get(element, "instance_type_id"),
                                       "instance_type_id", &settings->instance_type);
}

bool chainlets_take_settings(struct api_call *call, const struct fleet_model *m, const json_t *body,
                             struct environment_settings *settings)
{
    static const char *const members[] = {"chainlet_name", "autoscaling_settings",
                                          "instance_type_id"};
    const json_t *list = json_object_get(body, "chainlet_settings");

    if (!list || json_is_null(list))
        return true;
    const json_t *element =
        only_element(call, m, list, "chainlet_settings", members, COUNT_OF(members));
    return element && take_autoscaling(call, element, settings) &&
           take_instance_type(call, element, settings);
}

/* --- changing */

/* The one element of the body's updates, which has that setting; NULL, and a 400. */
static const json_t *take_update(struct api_call *call, const struct fleet_environment *e,
                                 const json_t *body, const char *setting)
{
    const char *const members[] = {"chainlet_name", setting};
    const struct fleet_model *m = fleet_find_model(call->api->policy->fleet, e->model);
    const json_t *element = only_element(call, m, json_object_get(body, "updates"), "updates",
                                         members, COUNT_OF(members));
    const json_t *value = json_object_get(element, setting);

    if (!element || (value && !json_is_null(value)))
        return element;
    api_error(call, 400, "missing_field", setting, "updates[0].%s is missing", setting);
    return NULL;
}

static json_t *take_body(struct api_call *call)
{
    static const char *const names[] = {"updates"};

    return api_body_of(call, names, COUNT_OF(names));
}

enum api_progress api_chainlet_autoscaling(struct api_call *call)
{
    struct fleet_environment *e = environment_changeable(call);
    json_t *body = e ? take_body(call) : NULL;
    const json_t *update = body ? take_update(call, e, body, "autoscaling_settings") : NULL;

    if (update) {
        struct environment_settings settings = {e->autoscaling, e->promotion_settings, STR("")};

        if (take_autoscaling(call, update, &settings))
            environment_change_settings(call, e, &settings);
    }
    json_decref(body);
    return API_ANSWERED;
}

static void change_instance_type(struct api_call *call, struct fleet_environment *e, str type)
{
    const struct policy *p = call->api->policy;
    const struct fleet_model *m = fleet_find_model(p->fleet, e->model);
    json_t *before = environment_json(p, e);
    struct fleet_promotion *promotion;
    struct registry_change c;

    registry_begin(call, &c);
    enum fleet_outcome outcome =
        fleet_set_instance_type(c.fleet, &c.world, e, type, &promotion, &c.problem);
    if (outcome == FLEET_OK)
        registry_audit_of(&c, m, "DEPLOYMENT_INSTANCE_TYPE_CHANGED",
                          promotion ? promotion->candidate : e->object.key, json_incref(before),
                          environment_json(p, e));
    json_decref(before);
    if (!registry_end(call, &c, outcome))
        return;
    const struct fleet_deployment *d =
        promotion ? fleet_find_deployment(p->fleet, promotion->candidate) : NULL;
    call->json = json_pack("{s:b, s:o, s:[o]}", "requires_redeployment", promotion != NULL,
                           "chain_deployment", d ? deployment_json(p, d) : json_null(),
                           "chainlet_environment_settings", chainlet_settings_json(m, e, type));
    registry_tag(call, &e->object);
}

enum api_progress api_chainlet_instance_type(struct api_call *call)
{
    struct fleet_environment *e = environment_changeable(call);
    json_t *body = e ? take_body(call) : NULL;
    const json_t *update = body ? take_update(call, e, body, "instance_type_id") : NULL;
    struct environment_settings settings = {.instance_type = STR("")};

    if (update && take_instance_type(call, update, &settings))
        change_instance_type(call, e, settings.instance_type);
    json_decref(body);
    return API_ANSWERED;
}

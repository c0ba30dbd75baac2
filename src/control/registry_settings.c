#include "control/registry_settings.h"

#include "base/mem.h"
#include "control/instance_types.h"

enum { REPLICAS_MAX = 1000, CONCURRENCY_MAX = 100000, TOKENS_MAX = 1000000000, RAMP_MAX_S = 86400 };

enum setting_kind {
    SETTING_NUMBER,
    SETTING_FLAG,
    SETTING_NEVER,   /* a flag of something that is not carried out here: only false */
    SETTING_CLEANUP, /* enum fleet_cleanup */
    SETTING_REPLICA, /* has one value only, which nothing keeps */
    SETTING_ROLLING, /* an object of its own, with the table `rolling` */
};

struct setting {
    const char *name;
    enum setting_kind kind;
    size_t offset;
    uint32_t min, max;
};

#define AT(member) offsetof(struct fleet_autoscaling, member)
static const struct setting autoscaling[] = {
    {"min_replica", SETTING_NUMBER, AT(min_replica), 0, REPLICAS_MAX},
    {"max_replica", SETTING_NUMBER, AT(max_replica), 1, REPLICAS_MAX},
    {"autoscaling_window", SETTING_NUMBER, AT(autoscaling_window_s), 10, 3600},
    {"scale_down_delay", SETTING_NUMBER, AT(scale_down_delay_s), 0, 3600},
    {"concurrency_target", SETTING_NUMBER, AT(concurrency_target), 1, CONCURRENCY_MAX},
    {"target_utilization_percentage", SETTING_NUMBER, AT(target_utilization_percentage), 1, 100},
    {"max_scale_down_rate", SETTING_NUMBER, AT(max_scale_down_rate), 1, 50},
    {"target_in_flight_tokens", SETTING_NUMBER, AT(target_in_flight_tokens), 1, TOKENS_MAX},
};
#undef AT

#define AT(member) offsetof(struct fleet_promotion_settings, member)
static const struct setting promotion[] = {
    {"redeploy_on_promotion", SETTING_FLAG, AT(redeploy_on_promotion), 0, 1},
    {"rolling_deploy", SETTING_NEVER, AT(rolling_deploy), 0, 0},
    {"promotion_cleanup_strategy", SETTING_CLEANUP, AT(cleanup_strategy), 0, 0},
    {"rolling_deploy_config", SETTING_ROLLING, 0, 0, 0},
    {"ramp_up_while_promoting", SETTING_NEVER, AT(ramp_up_while_promoting), 0, 0},
    {"ramp_up_duration_seconds", SETTING_NUMBER, AT(ramp_up_duration_s), 1, RAMP_MAX_S},
};
static const struct setting rolling[] = {
    {"rolling_deploy_strategy", SETTING_REPLICA, 0, 0, 0},
    {"max_surge_percent", SETTING_NUMBER, AT(max_surge_percent), 0, 50},
    {"max_unavailable_percent", SETTING_NUMBER, AT(max_unavailable_percent), 0, 50},
    {"stabilization_time_seconds", SETTING_NUMBER, AT(stabilization_time_s), 0, 3600},
    {"replica_overhead_percent", SETTING_NUMBER, AT(replica_overhead_percent), 0, 500},
};
#undef AT

/* A table, and the struct that holds its defaults. */
struct section {
    const struct setting *table;
    size_t n;
    const void *defaults;
    const char *where; /* the member of the body; "" : the body itself */
};

static bool take_object(struct api_call *call, const json_t *value, const struct section *section,
                        void *settings);

static bool refuse(struct api_call *call, const char *param, const char *expected)
{
    api_error(call, 400, "invalid_field", param, "%s: expected %s", param, expected);
    return false;
}

static bool take_number(struct api_call *call, const json_t *value, const struct setting *s,
                        const char *param, uint32_t *field)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < s->min || number > s->max) {
        str range = arena_printf(&call->arena, "a whole number from %u to %u", s->min, s->max);

        return refuse(call, param, range.p);
    }
    *field = (uint32_t)number;
    return true;
}

static bool take_cleanup(struct api_call *call, const json_t *value, const char *param,
                         enum fleet_cleanup *field)
{
    static const struct {
        const char *name;
        enum fleet_cleanup strategy;
    } names[] = {{"KEEP", CLEANUP_KEEP},
                 {"SCALE_TO_ZERO", CLEANUP_SCALE_TO_ZERO},
                 {"DEACTIVATE", CLEANUP_DEACTIVATE}};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (json_is_string(value) && strcmp(json_string_value(value), names[i].name) == 0) {
            *field = names[i].strategy;
            return true;
        }
    return refuse(call, param, "KEEP, SCALE_TO_ZERO or DEACTIVATE");
}

static bool take_flag(struct api_call *call, const json_t *value, const struct setting *s,
                      const char *param, bool *field)
{
    if (!json_is_boolean(value))
        return refuse(call, param, "true or false");
    if (json_is_true(value) && s->kind == SETTING_NEVER)
        return refuse(call, param,
                      "false: promotions switch at once here, and a setting that has no effect is "
                      "not taken");
    *field = json_is_true(value);
    return true;
}

static void reset(const struct setting *s, const void *defaults, void *settings)
{
    const char *from = (const char *)defaults + s->offset;
    char *field = (char *)settings + s->offset;

    switch (s->kind) {
    case SETTING_NUMBER:
        memcpy(field, from, sizeof(uint32_t));
        break;
    case SETTING_FLAG:
    case SETTING_NEVER:
        memcpy(field, from, sizeof(bool));
        break;
    case SETTING_CLEANUP:
        memcpy(field, from, sizeof(enum fleet_cleanup));
        break;
    case SETTING_ROLLING:
        for (size_t i = 0; i < COUNT_OF(rolling); i++)
            reset(&rolling[i], defaults, settings);
        break;
    case SETTING_REPLICA:
        break;
    }
}

static bool take_one(struct api_call *call, const json_t *value, const struct setting *s,
                     const struct section *section, void *settings)
{
    str param = *section->where ? arena_printf(&call->arena, "%s.%s", section->where, s->name)
                                : str_of(s->name);
    void *field = (char *)settings + s->offset;

    if (json_is_null(value)) {
        reset(s, section->defaults, settings);
        return true;
    }
    switch (s->kind) {
    case SETTING_NUMBER:
        return take_number(call, value, s, param.p, field);
    case SETTING_FLAG:
    case SETTING_NEVER:
        return take_flag(call, value, s, param.p, field);
    case SETTING_CLEANUP:
        return take_cleanup(call, value, param.p, field);
    case SETTING_REPLICA:
        return (json_is_string(value) && strcmp(json_string_value(value), "REPLICA") == 0) ||
               refuse(call, param.p, "REPLICA");
    case SETTING_ROLLING:
        return take_object(
            call, value, &(struct section){rolling, COUNT_OF(rolling), section->defaults, param.p},
            settings);
    }
    return false;
}

static bool take_object(struct api_call *call, const json_t *value, const struct section *section,
                        void *settings)
{
    const char *names[8];

    if (json_is_null(value)) {
        for (size_t i = 0; i < section->n; i++)
            reset(&section->table[i], section->defaults, settings);
        return true;
    }
    if (!json_is_object(value))
        return refuse(call, section->where, "an object, or null for its defaults");
    for (size_t i = 0; i < section->n; i++)
        names[i] = section->table[i].name;
    if (!api_members(call, value, section->where, names, section->n))
        return false;
    for (size_t i = 0; i < section->n; i++) {
        const json_t *one = json_object_get(value, section->table[i].name);

        if (one && !take_one(call, one, &section->table[i], section, settings))
            return false;
    }
    return true;
}

_Static_assert(COUNT_OF(autoscaling) <= 8, "names in take_object");

/* --- whole settings */

static bool take_autoscaling(struct api_call *call, const json_t *value, const char *where,
                             struct fleet_autoscaling *settings)
{
    struct fleet_autoscaling defaults, next = *settings;
    struct section section = {autoscaling, COUNT_OF(autoscaling), &defaults, where};

    fleet_autoscaling_defaults(&defaults);
    if (!take_object(call, value, &section, &next))
        return false;
    if (next.min_replica > next.max_replica) {
        str param = arena_printf(&call->arena, "%s%smin_replica", where, *where ? "." : "");

        api_error(call, 400, "invalid_field", param.p,
                  "%s: %u is more than max_replica, which is %u", param.p, next.min_replica,
                  next.max_replica);
        return false;
    }
    *settings = next;
    return true;
}

bool settings_take_autoscaling(struct api_call *call, const json_t *body, const char *name,
                               struct fleet_autoscaling *settings)
{
    const json_t *value = json_object_get(body, name);

    return !value || take_autoscaling(call, value, name, settings);
}

bool settings_take_autoscaling_body(struct api_call *call, const json_t *body,
                                    struct fleet_autoscaling *settings)
{
    return take_autoscaling(call, body, "", settings);
}

bool settings_take_promotion(struct api_call *call, const json_t *body, const char *name,
                             struct fleet_promotion_settings *settings)
{
    const json_t *value = json_object_get(body, name);
    struct fleet_promotion_settings defaults, next = *settings;
    struct section section = {promotion, COUNT_OF(promotion), &defaults, name};

    fleet_promotion_settings_defaults(&defaults);
    if (value && !take_object(call, value, &section, &next))
        return false;
    if (!next.max_surge_percent == !next.max_unavailable_percent) {
        str param = arena_printf(&call->arena, "%s.rolling_deploy_config", name);

        api_error(call, 400, "invalid_field", param.p,
                  "%s: exactly one of max_surge_percent (%u) and max_unavailable_percent (%u) has "
                  "to be above 0",
                  param.p, next.max_surge_percent, next.max_unavailable_percent);
        return false;
    }
    *settings = next;
    return true;
}

/* --- instance types */

bool settings_take_instance_type(struct api_call *call, const json_t *value, const char *param,
                                 str *field)
{
    if (!value || json_is_null(value))
        return true;
    const struct instance_type *type =
        instance_type_known(str_make(json_string_value(value), json_string_length(value)));
    if (type) {
        *field = type->name;
        return true;
    }
    api_error(call, 400, "invalid_field", param,
              "%s: expected the name of an instance type; GET /v1/instance_types lists them",
              param);
    return false;
}

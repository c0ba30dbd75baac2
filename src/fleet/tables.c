/*
 * The table of fields of each kind, in the order of its struct. A new member of a struct gets a row
 * here and a default that a body without it means.
 */

#include "fleet/fields.h"

#include "base/mem.h"

static const str role_words[] = {STR_INIT("member"), STR_INIT("team_admin"),
                                 STR_INIT("organization_admin")};
static const str cleanup_words[] = {STR_INIT("SCALE_TO_ZERO"), STR_INIT("KEEP"),
                                    STR_INIT("DEACTIVATE")};
static const str source_words[] = {STR_INIT("package"), STR_INIT("external")};
static const str target_words[] = {STR_INIT("run"), STR_INIT("sleep"), STR_INIT("inactive")};
static const str replica_words[] = {STR_INIT("PENDING"),   STR_INIT("STARTING"), STR_INIT("READY"),
                                    STR_INIT("UNHEALTHY"), STR_INIT("STOPPING"), STR_INIT("GONE")};
#define X(id) STR_INIT(#id),
static const str status_words[] = {FLEET_STATUS_TABLE(X)};
static const str promotion_words[] = {FLEET_PROMOTION_TABLE(X)};
#undef X
#define X(id, name) STR_INIT(#name),
static const str kind_words[] = {FLEET_KIND_TABLE(X)};
#undef X

_Static_assert(COUNT_OF(replica_words) == FLEET_REPLICA_STATES, "each state has its word");

/* The offset of a member, if it has the type that the table says. */
#define PLACE(s, m, type)                                                                          \
    (offsetof(struct fleet_##s, m) +                                                               \
     0 * sizeof(char[__builtin_types_compatible_p(__typeof__(((struct fleet_##s *)0)->m), type)    \
                         ? 1                                                                       \
                         : -1]))
#define FIELD(s, m, kind, c_type)                                                                  \
    {                                                                                              \
        .name = STR_INIT(#m), .type = (kind), .offset = PLACE(s, m, c_type)                        \
    }
#define TEXT(s, m) FIELD(s, m, FIELD_STR, str)
#define STRS(s, m) FIELD(s, m, FIELD_STRS, str *)
#define FLAG(s, m) FIELD(s, m, FIELD_BOOL, bool)
#define U32(s, m)  FIELD(s, m, FIELD_U32, uint32_t)
#define U64(s, m)  FIELD(s, m, FIELD_U64, uint64_t)
#define I64(s, m)  FIELD(s, m, FIELD_I64, int64_t)
#define ENUM(s, m, table)                                                                          \
    {                                                                                              \
        .name = STR_INIT(#m), .type = FIELD_ENUM, .offset = offsetof(struct fleet_##s, m),         \
        .words = (table), .n_words = COUNT_OF(table)                                               \
    }
#define NESTED(s, m, table)                                                                        \
    {                                                                                              \
        .name = STR_INIT(#m), .type = FIELD_NESTED, .offset = offsetof(struct fleet_##s, m),       \
        .nested = &(table)                                                                         \
    }
#define SETTINGS(s)                                                                                \
    {                                                                                              \
        .list = s##_list, .n = COUNT_OF(s##_list), .begin = 0, .end = sizeof(struct fleet_##s),    \
        .size = sizeof(struct fleet_##s)                                                           \
    }

static const struct field autoscaling_list[] = {
    U32(autoscaling, min_replica),          U32(autoscaling, max_replica),
    U32(autoscaling, autoscaling_window_s), U32(autoscaling, scale_down_delay_s),
    U32(autoscaling, concurrency_target),   U32(autoscaling, target_utilization_percentage),
    U32(autoscaling, max_scale_down_rate),  U32(autoscaling, target_in_flight_tokens),
};
const struct fields autoscaling_fields = SETTINGS(autoscaling);

static const struct field promotion_settings_list[] = {
    FLAG(promotion_settings, redeploy_on_promotion),
    FLAG(promotion_settings, rolling_deploy),
    U32(promotion_settings, max_surge_percent),
    U32(promotion_settings, max_unavailable_percent),
    U32(promotion_settings, stabilization_time_s),
    U32(promotion_settings, replica_overhead_percent),
    ENUM(promotion_settings, cleanup_strategy, cleanup_words),
    FLAG(promotion_settings, ramp_up_while_promoting),
    U32(promotion_settings, ramp_up_duration_s),
};
const struct fields promotion_settings_fields = SETTINGS(promotion_settings);

static const struct field team_list[] = {
    TEXT(team, id),
    TEXT(team, name),
    FLAG(team, is_default),
    I64(team, created_ns),
};

static const struct field user_list[] = {
    TEXT(user, id),
    TEXT(user, email),
    TEXT(user, name),
    STRS(user, teams),
    ENUM(user, role, role_words),
    I64(user, created_ns),
};

static const struct field group_list[] = {
    TEXT(group, team),       TEXT(group, name),
    TEXT(group, rule),       FLAG(group, standard_refused),
    FLAG(group, restricted), STRS(group, user_ids),
    FLAG(group, of_file),    I64(group, created_ns),
};

static const struct field model_list[] = {
    TEXT(model, id),    TEXT(model, team),      TEXT(model, name),
    FLAG(model, chain), I64(model, created_ns), U32(model, n_deployments_made),
};

static const struct field environment_list[] = {
    TEXT(environment, model),
    TEXT(environment, name),
    TEXT(environment, current),
    TEXT(environment, promotion),
    TEXT(environment, last_promotion),
    TEXT(environment, instance_type),
    NESTED(environment, autoscaling, autoscaling_fields),
    NESTED(environment, promotion_settings, promotion_settings_fields),
    I64(environment, created_ns),
};

static const struct field deployment_list[] = {
    TEXT(deployment, id),
    TEXT(deployment, model),
    TEXT(deployment, name),
    ENUM(deployment, source, source_words),
    TEXT(deployment, package),
    TEXT(deployment, copied_from),
    TEXT(deployment, image),
    TEXT(deployment, config),
    TEXT(deployment, raw_config),
    TEXT(deployment, url),
    TEXT(deployment, region),
    TEXT(deployment, credential),
    TEXT(deployment, labels),
    TEXT(deployment, instance_type),
    TEXT(deployment, environment),
    TEXT(deployment, told_environment),
    TEXT(deployment, rule),
    FLAG(deployment, development),
    FLAG(deployment, was_active),
    FLAG(deployment, built),
    ENUM(deployment, status, status_words),
    TEXT(deployment, why),
    ENUM(deployment, target, target_words),
    FLAG(deployment, has_autoscaling),
    NESTED(deployment, autoscaling, autoscaling_fields),
    U32(deployment, restarts),
    I64(deployment, restart_ns),
    I64(deployment, deadline_ns),
    I64(deployment, used_ns),
    I64(deployment, created_ns),
    I64(deployment, deactivated_ns),
    I64(deployment, deploy_timeout_ns),
};

static const struct field promotion_list[] = {
    TEXT(promotion, id),
    TEXT(promotion, environment),
    TEXT(promotion, source),
    TEXT(promotion, candidate),
    TEXT(promotion, previous),
    FLAG(promotion, redeployed),
    TEXT(promotion, reason),
    FLAG(promotion, scale_down_previous),
    FLAG(promotion, preserve_instance_type),
    FLAG(promotion, pushed),
    TEXT(promotion, candidate_environment),
    TEXT(promotion, candidate_rule),
    TEXT(promotion, candidate_told),
    ENUM(promotion, candidate_target, target_words),
    U32(promotion, candidate_replicas),
    ENUM(promotion, status, promotion_words),
    U32(promotion, percent_traffic),
    TEXT(promotion, error),
    TEXT(promotion, actor),
    I64(promotion, started_ns),
    I64(promotion, deadline_ns),
    I64(promotion, ended_ns),
};

static const struct field replica_list[] = {
    TEXT(replica, id),
    TEXT(replica, deployment),
    TEXT(replica, plane),
    TEXT(replica, region),
    ENUM(replica, state, replica_words),
    U32(replica, port),
    TEXT(replica, identity),
    TEXT(replica, environment),
    TEXT(replica, why),
    TEXT(replica, usage),
    I64(replica, created_ns),
    I64(replica, started_ns),
    I64(replica, ready_ns),
    I64(replica, stopping_ns),
    I64(replica, gone_ns),
};

static const struct field secret_list[] = {
    TEXT(secret, id),     TEXT(secret, team),      TEXT(secret, name),
    TEXT(secret, sealed), I64(secret, created_ns),
};

static const struct field usage_list[] = {
    TEXT(usage, id),
    TEXT(usage, model),
    TEXT(usage, model_name),
    TEXT(usage, environment),
    TEXT(usage, deployment),
    TEXT(usage, region),
    TEXT(usage, instance_type),
    I64(usage, from_ns),
    I64(usage, to_ns),
    U64(usage, replica_ms),
};

static const struct field leftover_list[] = {
    TEXT(leftover, id),
    TEXT(leftover, image),
    I64(leftover, alone_ns),
};

static const struct field package_list[] = {
    TEXT(package, team),
    TEXT(package, sha256),
    U64(package, bytes),
    I64(package, uploaded_ns),
};

#define X(id, name)                                                                                \
    [FLEET_##id] = {.list = name##_list,                                                           \
                    .n = COUNT_OF(name##_list),                                                    \
                    .begin = sizeof(struct fleet_object),                                          \
                    .end = sizeof(struct fleet_##name),                                            \
                    .size = sizeof(struct fleet_##name)},
static const struct fields tables[FLEET_KINDS] = {FLEET_KIND_TABLE(X)};
#undef X

const struct fields *fields_of(enum fleet_kind kind)
{
    return &tables[kind];
}

static str word(const str *words, size_t n, unsigned value)
{
    return value < n ? words[value] : STR_NULL;
}

str fleet_kind_name(enum fleet_kind kind)
{
    return word(kind_words, COUNT_OF(kind_words), kind);
}

enum fleet_kind fleet_kind_of(str name)
{
    for (unsigned i = 0; i < FLEET_KINDS; i++)
        if (str_eq(kind_words[i], name))
            return (enum fleet_kind)i;
    return FLEET_KINDS;
}

str fleet_status_name(enum fleet_status status)
{
    return word(status_words, COUNT_OF(status_words), status);
}

str fleet_promotion_status_name(enum fleet_promotion_status status)
{
    return word(promotion_words, COUNT_OF(promotion_words), status);
}

str fleet_replica_state_name(enum fleet_replica_state state)
{
    return word(replica_words, COUNT_OF(replica_words), state);
}

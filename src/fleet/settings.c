/* The documented ranges of autoscaling and promotion settings, as one table. */

#include "fleet/controller_internal.h"

#include "base/mem.h"

struct range {
    const char *field; /* as the API names it */
    size_t offset;
    uint32_t least, most;
};

#define AUTOSCALING(field, member, least, most)                                                    \
    {                                                                                              \
        (field), offsetof(struct fleet_autoscaling, member), (least), (most)                       \
    }
static const struct range autoscaling_ranges[] = {
    AUTOSCALING("min_replica", min_replica, 0, 1000),
    AUTOSCALING("max_replica", max_replica, 1, 1000),
    AUTOSCALING("autoscaling_window", autoscaling_window_s, 10, 3600),
    AUTOSCALING("scale_down_delay", scale_down_delay_s, 0, 3600),
    AUTOSCALING("concurrency_target", concurrency_target, 1, 1000000),
    AUTOSCALING("target_utilization_percentage", target_utilization_percentage, 1, 100),
    AUTOSCALING("max_scale_down_rate", max_scale_down_rate, 1, 50),
    AUTOSCALING("target_in_flight_tokens", target_in_flight_tokens, 0, UINT32_MAX),
};

#define PROMOTION(field, member, least, most)                                                      \
    {                                                                                              \
        (field), offsetof(struct fleet_promotion_settings, member), (least), (most)                \
    }
static const struct range promotion_ranges[] = {
    PROMOTION("max_surge_percent", max_surge_percent, 0, 50),
    PROMOTION("max_unavailable_percent", max_unavailable_percent, 0, 50),
    PROMOTION("stabilization_time_seconds", stabilization_time_s, 0, 3600),
    PROMOTION("replica_overhead_percent", replica_overhead_percent, 0, 500),
    PROMOTION("ramp_up_duration_seconds", ramp_up_duration_s, 0, 86400),
};

static enum fleet_outcome check(const struct range *ranges, size_t n, const void *settings,
                                struct fleet_problem *problem)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t value;

        memcpy(&value, (const char *)settings + ranges[i].offset, sizeof(value));
        if (value >= ranges[i].least && value <= ranges[i].most)
            continue;
        problem_say(problem, ranges[i].field, "%s: %u; %u to %u are expected", ranges[i].field,
                    value, ranges[i].least, ranges[i].most);
        return FLEET_INVALID;
    }
    return FLEET_OK;
}

enum fleet_outcome settings_check_autoscaling(const struct fleet_autoscaling *settings,
                                              struct fleet_problem *problem)
{
    enum fleet_outcome outcome =
        check(autoscaling_ranges, COUNT_OF(autoscaling_ranges), settings, problem);

    if (outcome == FLEET_OK && settings->min_replica > settings->max_replica) {
        problem_say(problem, "min_replica", "min_replica: %u is more than max_replica, %u",
                    settings->min_replica, settings->max_replica);
        return FLEET_INVALID;
    }
    return outcome;
}

enum fleet_outcome settings_check_promotion(const struct fleet_promotion_settings *settings,
                                            struct fleet_problem *problem)
{
    enum fleet_outcome outcome =
        check(promotion_ranges, COUNT_OF(promotion_ranges), settings, problem);

    if (outcome == FLEET_OK &&
        (settings->max_surge_percent == 0) == (settings->max_unavailable_percent == 0)) {
        problem_say(problem, "max_surge_percent",
                    "max_surge_percent and max_unavailable_percent: %u and %u; exactly one of them "
                    "has to be zero",
                    settings->max_surge_percent, settings->max_unavailable_percent);
        return FLEET_INVALID;
    }
    return outcome;
}

/* Ids, names of environments, and the documented defaults. */

#include "fleet/fleet.h"

void fleet_make_id(struct prng *random, char *ret_id, size_t n)
{
    static const char alphabet[] = "0123456789abcdefghijklmnopqrstuvwxyz";

    for (size_t i = 0; i < n; i++)
        ret_id[i] = alphabet[prng_below(random, sizeof(alphabet) - 1)];
}

const char *fleet_environment_name_problem(str name)
{
    enum { NAME_MAX_BYTES = 40 };

    if (name.n == 0)
        return "is empty; 1 to 40 lower-case letters, digits and hyphens are expected";
    if (name.n > NAME_MAX_BYTES)
        return "is longer than 40 characters";
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
            return "has a character that is no lower-case letter, digit or hyphen";
    }
    if (name.p[0] == '-' || name.p[name.n - 1] == '-')
        return "begins or ends with a hyphen";
    if (str_eq(name, STR("development")))
        return "is the name of the development deployment, which is no environment";
    if (str_starts(name, STR("region-")))
        return "begins with \"region-\", which is reserved";
    return NULL;
}

str fleet_instance_type(str name_or_empty)
{
    static const str preset = FLEET_INSTANCE_TYPE;

    return name_or_empty.n ? name_or_empty : preset;
}

void fleet_autoscaling_defaults(struct fleet_autoscaling *settings)
{
    *settings = (struct fleet_autoscaling){
        .max_replica = 1,
        .autoscaling_window_s = 60,
        .scale_down_delay_s = 900,
        .concurrency_target = 1,
        .target_utilization_percentage = 70,
        .max_scale_down_rate = 50,
    };
}

void fleet_promotion_settings_defaults(struct fleet_promotion_settings *settings)
{
    *settings = (struct fleet_promotion_settings){
        .max_surge_percent = 10,
        .cleanup_strategy = CLEANUP_SCALE_TO_ZERO,
        .ramp_up_duration_s = 600,
    };
}

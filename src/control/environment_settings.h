#pragma once

/* Changing the settings of an environment, whichever member of which body says so. */

#include "control/registry.h"

struct environment_settings {
    struct fleet_autoscaling autoscaling;
    struct fleet_promotion_settings promotion;
    str instance_type; /* of a new one; "" : as its deployments say */
};

/* The environment that the path names, if the caller may change it as it is; else NULL, and an
 * error in the answer. */
struct fleet_environment *environment_changeable(struct api_call *call);

/* Changes it, and answers ACCEPTED, QUEUED or UNCHANGED. */
void environment_change_settings(struct api_call *call, struct fleet_environment *e,
                                 const struct environment_settings *settings);

/* The member `chainlet_settings` of a body about an environment of a chain, if it is there. False,
 * and a 400. */
bool chainlets_take_settings(struct api_call *call, const struct fleet_model *m, const json_t *body,
                             struct environment_settings *settings);

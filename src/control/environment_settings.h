#pragma once

/* Changing the settings of an environment, whichever member of which body says so. */

#include "control/registry.h"

struct environment_settings {
    struct fleet_autoscaling autoscaling;
    struct fleet_promotion_settings promotion;
};

/* The environment that the path names, if the caller may change it as it is; else NULL, and an
 * error in the answer. */
struct fleet_environment *environment_changeable(struct api_call *call);

/* Changes it, and answers ACCEPTED, QUEUED or UNCHANGED. */
void environment_change_settings(struct api_call *call, struct fleet_environment *e,
                                 const struct environment_settings *settings);

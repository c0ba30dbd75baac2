#pragma once

/* Settings of environments and deployments, as bodies change them: only members that are there
 * change, null puts a member (or all of a section) back to its default, and each has its range. One
 * table says all of that. */

#include "control/api.h"
#include "fleet/fleet.h"

/* Applies the member `name` of the body (an object, null, or absent) to *settings, which holds what
 * is in force. False, and a 400 that names the member. */
bool settings_take_autoscaling(struct api_call *call, const json_t *body, const char *name,
                               struct fleet_autoscaling *settings);
bool settings_take_promotion(struct api_call *call, const json_t *body, const char *name,
                             struct fleet_promotion_settings *settings);

/* The same where the body itself has the members. */
bool settings_take_autoscaling_body(struct api_call *call, const json_t *body,
                                    struct fleet_autoscaling *settings);

/* A value that names an instance type, by id or name, which becomes *field; absent or null leaves
 * it. False, and a 400 that names it `param`. */
bool settings_take_instance_type(struct api_call *call, const json_t *value, const char *param,
                                 str *field);

#pragma once

/*
 * The fleet as part of the policy: what its controllers may look at beside it, and what the
 * configuration file says about it.
 */

#include "control/change.h"
#include "fleet/controller.h"

/* Planes, rules and timers of the configuration that `config` is (the one in force, or the one that
 * is about to be). It stays valid until the configuration or the planes change. */
void fleet_world_init(struct policy *p, const struct config *config, str actor,
                      struct fleet_world *ret_world);
/* The same for the configuration in force. */
void fleet_world_of(struct policy *p, str actor, struct fleet_world *ret_world);

/* A plane of the configuration that nothing can be placed on, for this reason; "" : it can. Whether
 * that is news. */
bool deployments_plane_down(struct policy *p, str plane, str why);

/* What a configuration says goes to the fleet: the default team, and the environment groups that
 * the file owns. What the file no longer names is the API's from then on, without a rule. */
void deployments_take_file(struct change *c, const struct config *config);

/* Whether the file claims no environment group that the API gave a rule; what it does is reported.
 */
bool deployments_check_file(struct policy *p, const struct config *config,
                            struct diagnostics *diagnostics);

#define DEPLOYMENTS_DEFAULT_TEAM STR("default")

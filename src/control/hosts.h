#pragma once

/* The fleet as edges see it: models, environments and deployments of a catalog, each deployment
 * with its ready replicas as the endpoints of a group of its own. */

#include "catalog/catalog.h"
#include "fleet/fleet.h"

/* struct config_hosts.add; ctx is the policy. */
void hosts_add(void *ctx, struct catalog *c, uint32_t (*rule)(void *rules, str canonical),
               void *rules);

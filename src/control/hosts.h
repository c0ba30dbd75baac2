#pragma once

/* The fleet as edges see it: models, environments and deployments of a catalog, each deployment
 * with its ready replicas as the endpoints of a group of its own. */

#include "control/policy.h"

/* The configuration is the one that the catalog is made for, which need not be in force yet. */
struct hosts_source {
    const struct policy *policy;
    const struct config *config;
};

/* struct config_hosts.add; ctx is a struct hosts_source. */
void hosts_add(void *ctx, struct catalog *c, uint32_t (*rule)(void *rules, str canonical),
               void *rules);

#pragma once

/* What a replica is started with, put together from the fleet: its deployment, environment, package
 * and the secrets that its package names. */

#include "control/policy.h"
#include "plane/plane.h"

struct replica_spec {
    struct plane_replica replica;
    struct arena arena;
};

/* `data_dir` holds what was built, in deployments/{image}. */
void replica_spec_init(struct replica_spec *s, const struct policy *p, const char *data_dir,
                       const struct fleet_replica *replica);
/* Secrets are wiped. */
void replica_spec_deinit(struct replica_spec *s);

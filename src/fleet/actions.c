/* What is to be done outside, derived from what is: nothing is queued, so nothing is lost. */

#include "fleet/controller_internal.h"

static bool action_of_replica(const struct fleet_replica *r, struct fleet_action *ret_action)
{
    static const int kinds[FLEET_REPLICA_STATES] = {
        [REPLICA_PENDING] = ACTION_START,
        [REPLICA_STARTING] = -1,
        [REPLICA_READY] = -1,
        [REPLICA_UNHEALTHY] = -1,
        [REPLICA_STOPPING] = ACTION_STOP,
        [REPLICA_GONE] = ACTION_FORGET,
    };

    if (r->plane.n == 0 || kinds[r->state] < 0)
        return false;
    *ret_action = (struct fleet_action){(enum fleet_action_kind)kinds[r->state], r->id};
    return true;
}

static bool action_of_deployment(const struct fleet_deployment *d, struct fleet_action *ret_action)
{
    if (d->built || d->target != TARGET_RUN || status_has_failed(d->status))
        return false;
    *ret_action = (struct fleet_action){ACTION_BUILD, d->id};
    return true;
}

static bool action_of_leftover(const struct fleet_leftover *l, struct fleet_action *ret_action)
{
    if (l->alone_ns == 0)
        return false;
    *ret_action = (struct fleet_action){ACTION_FORGET, l->id};
    return true;
}

bool fleet_next_action(const struct fleet *f, size_t *cursor, struct fleet_action *ret_action)
{
    size_t at = 0;

    /* The cursor counts objects, not pointers: they may change between two calls. */
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        if (at++ >= *cursor && action_of_replica(r, ret_action))
            goto found;
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        if (at++ >= *cursor && action_of_deployment(d, ret_action))
            goto found;
    for (struct fleet_leftover *l = fleet_first_leftover(f); l; l = fleet_next_leftover(f, l))
        if (at++ >= *cursor && action_of_leftover(l, ret_action))
            goto found;
    *cursor = at;
    return false;
found:
    *cursor = at;
    return true;
}

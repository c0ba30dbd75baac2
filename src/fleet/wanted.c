/*
 * How many replicas a deployment should have, and when it falls asleep. Between one (it is awake)
 * and max_replica it is min_replica that says; a candidate has what its promotion needs.
 */

#include "fleet/controller_internal.h"

#include "base/clock.h"

enum { AWAKE_LEAST_S = 10 }; /* so that what woke it finds it awake, whatever the delay says */

static uint32_t least(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

uint32_t wanted_replicas(const struct crew *crew)
{
    const struct fleet_deployment *d = crew->deployment;
    uint32_t n;

    if (d->target != TARGET_RUN || !d->built || status_has_failed(d->status))
        return 0;
    if (d->source == SOURCE_EXTERNAL)
        return 1;
    n = least(most(d->autoscaling.min_replica, 1), d->autoscaling.max_replica);
    return crew->promotion ? most(n, crew->promotion->candidate_replicas) : n;
}

int64_t sleep_at(const struct crew *crew)
{
    const struct fleet_deployment *d = crew->deployment;
    int64_t delay = (int64_t)most(d->autoscaling.scale_down_delay_s, AWAKE_LEAST_S) * NS_PER_S;

    /* What others run costs nothing awake. A candidate is awaited. What is being started has not
     * had its chance yet. */
    if (d->source == SOURCE_EXTERNAL || d->target != TARGET_RUN || !d->was_active ||
        d->autoscaling.min_replica > 0 || crew->promotion ||
        (d->status != STATUS_ACTIVE && d->status != STATUS_UNHEALTHY))
        return 0;
    return d->used_ns + delay;
}

/* What planes and edges saw. It may be late, come twice, or speak of what is no more: what does not
 * fit the state is ignored. What follows from it is decided by the tick behind all that was seen at
 * one time, so that of many observations none is decided upon without the others. */

#include "fleet/controller_internal.h"

#include "base/clock.h"

void fleet_observe_build(struct fleet *f, const struct fleet_world *w, str deployment,
                         const char *failure_or_null)
{
    struct fleet_deployment *d = fleet_find_deployment(f, deployment);

    if (!d || d->built || d->source != SOURCE_PACKAGE || status_has_failed(d->status))
        return;
    if (failure_or_null) {
        deployment_fail(f, w, d, STATUS_BUILD_FAILED, failure_or_null);
    } else {
        d = fleet_edit(f, d);
        d->built = true;
        if (d->target == TARGET_RUN)
            deployment_begin(f, w, d, STATUS_DEPLOYING);
    }
}

/* A pause that doubles from one second with every replica that ends in a row. Those that end within
 * the pause are of the same mishap: they count once. */
static void back_off(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                     str why)
{
    d = fleet_edit(f, d);
    fleet_set_str(&d->why, why);
    if (w->now_ns < d->restart_ns)
        return;
    int64_t pause_s = d->restarts < 6 ? 1 << d->restarts : BACKOFF_MAX_S;
    d->restarts++;
    d->restart_ns = w->now_ns + pause_s * NS_PER_S;
}

static void started(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r)
{
    r = fleet_edit(f, r);
    r->state = REPLICA_STARTING;
    r->started_ns = w->now_ns;
    usage_begin(f, w, r);
}

static void ready(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r,
                  struct fleet_deployment *d)
{
    if (r->state == REPLICA_PENDING)
        started(f, w, r);
    r = fleet_edit(f, r);
    r->state = REPLICA_READY;
    r->ready_ns = w->now_ns;
    d = fleet_edit(f, d);
    d->restarts = 0;
    d->restart_ns = 0;
}

static void gone(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r,
                 struct fleet_deployment *d_or_null, str why)
{
    bool expected = r->state == REPLICA_STOPPING;

    replica_end(f, w, r, why);
    if (!expected && d_or_null)
        back_off(f, w, d_or_null, why);
}

void fleet_observe_environment(struct fleet *f, str replica, str environment)
{
    struct fleet_replica *r = fleet_find_replica(f, replica);

    if (!r || r->plane.n == 0 || r->state >= REPLICA_STOPPING ||
        str_eq(r->environment, environment))
        return;
    fleet_set_str(&fleet_edit(f, r)->environment, environment);
}

void fleet_observe_replica(struct fleet *f, const struct fleet_world *w, str replica,
                           enum fleet_seen seen, str why)
{
    struct fleet_replica *r = fleet_find_replica(f, replica);
    struct fleet_deployment *d = r ? fleet_find_deployment(f, r->deployment) : NULL;

    if (!r || r->plane.n == 0 || r->state == REPLICA_GONE)
        return;
    if (seen == SEEN_GONE)
        gone(f, w, r, d, why);
    else if (!d || r->state == REPLICA_STOPPING)
        return;
    else if (seen == SEEN_STARTED && r->state == REPLICA_PENDING)
        started(f, w, r);
    else if (seen == SEEN_READY && r->state != REPLICA_READY && replica_is_told(r, d))
        ready(f, w, r, d);
    else if (seen == SEEN_NOT_READY && r->state == REPLICA_READY)
        fleet_edit(f, r)->state = REPLICA_UNHEALTHY;
    else
        return;
}

/* Demand is noted often enough for the delay after which the deployment falls asleep, and no
 * oftener: each note is a write. */
static int64_t grain_ns(const struct fleet_deployment *d)
{
    int64_t grain = (int64_t)d->autoscaling.scale_down_delay_s * NS_PER_S / 16;

    return grain > 5 * NS_PER_S ? 5 * NS_PER_S : grain;
}

void fleet_observe_demand(struct fleet *f, const struct fleet_world *w, str deployment,
                          uint32_t in_flight, uint32_t held, uint64_t begun)
{
    struct fleet_deployment *d = fleet_find_deployment(f, deployment);

    if (!d || (in_flight == 0 && held == 0 && begun == 0))
        return;
    if (held && d->target == TARGET_SLEEP)
        (void)fleet_wake(f, w, d, NULL);
    else if (d->target == TARGET_RUN && w->now_ns - d->used_ns >= grain_ns(d))
        fleet_edit(f, d)->used_ns = w->now_ns;
}

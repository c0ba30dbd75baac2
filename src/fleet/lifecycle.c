/* What people ask of one deployment, or of one replica: run, stop, try again, wake up. */

#include "fleet/controller_internal.h"

static enum fleet_outcome conflict(const struct fleet_deployment *d, const char *why,
                                   struct fleet_problem *problem)
{
    str status = fleet_status_name(d->status);

    problem_say(problem, "", "deployment %.*s is %.*s: %s", STR_ARG(d->id), STR_ARG(status), why);
    return FLEET_CONFLICT;
}

static enum fleet_outcome unchanged(const struct fleet_deployment *d, struct fleet_problem *problem)
{
    str status = fleet_status_name(d->status);

    problem_say(problem, "", "deployment %.*s is %.*s", STR_ARG(d->id), STR_ARG(status));
    return FLEET_UNCHANGED;
}

enum fleet_outcome fleet_activate(struct fleet *f, const struct fleet_world *w,
                                  struct fleet_deployment *d, struct fleet_problem *problem)
{
    if (status_has_failed(d->status))
        return conflict(d, "retry it", problem);
    if (d->target != TARGET_INACTIVE)
        return unchanged(d, problem);
    deployment_begin(f, w, d, d->built ? STATUS_DEPLOYING : STATUS_BUILDING);
    d->deactivated_ns = 0;
    return settled(f, w);
}

enum fleet_outcome fleet_deactivate(struct fleet *f, const struct fleet_world *w,
                                    struct fleet_deployment *d, struct fleet_problem *problem)
{
    if (d->target == TARGET_INACTIVE)
        return unchanged(d, problem);
    if (deployment_promotion(f, d))
        return conflict(d, "it is being promoted; cancel the promotion first", problem);
    d = fleet_edit(f, d);
    d->target = TARGET_INACTIVE;
    d->deactivated_ns = w->now_ns;
    d->deadline_ns = 0;
    return settled(f, w);
}

enum fleet_outcome fleet_retry(struct fleet *f, const struct fleet_world *w,
                               struct fleet_deployment *d, struct fleet_problem *problem)
{
    if (!status_has_failed(d->status))
        return unchanged(d, problem);
    deployment_begin(f, w, d, d->built ? STATUS_DEPLOYING : STATUS_BUILDING);
    d->deactivated_ns = 0;
    return settled(f, w);
}

enum fleet_outcome fleet_wake(struct fleet *f, const struct fleet_world *w,
                              struct fleet_deployment *d, struct fleet_problem *problem)
{
    if (status_has_failed(d->status))
        return conflict(d, "retry it", problem);
    if (d->target == TARGET_INACTIVE)
        return conflict(d, "activate it first", problem);
    if (d->target != TARGET_SLEEP)
        return unchanged(d, problem);
    deployment_begin(f, w, d, STATUS_WAKING_UP);
    return settled(f, w);
}

enum fleet_outcome fleet_terminate_replica(struct fleet *f, const struct fleet_world *w,
                                           struct fleet_replica *r, struct fleet_problem *problem)
{
    struct fleet_deployment *d = fleet_find_deployment(f, r->deployment);

    if (r->plane.n == 0) {
        problem_say(problem, "", "replica %.*s is run by others", STR_ARG(r->id));
        return FLEET_CONFLICT;
    }
    if (r->state >= REPLICA_STOPPING) {
        problem_say(problem, "", "replica %.*s is stopping already", STR_ARG(r->id));
        return FLEET_UNCHANGED;
    }
    replica_stop(f, w, r, "terminated");
    if (d && d->status == STATUS_ACTIVE)
        fleet_edit(f, d)->status = STATUS_UPDATING;
    return settled(f, w);
}

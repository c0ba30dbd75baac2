/*
 * One deployment: from what it should be (target, settings) and what is there (its crew) to the
 * replicas that start and stop, and to the status that people see.
 *
 * A deployment that has never been ready fails for good when its replicas end too often or its
 * deadline passes. One that has been is restarted for ever, with growing pauses: it may be the one
 * that serves.
 */

#include "fleet/controller_internal.h"

#include "base/clock.h"

#include <stdio.h>

int64_t deployment_timeout(const struct fleet_world *w, const struct fleet_deployment *d)
{
    return d->deploy_timeout_ns ? d->deploy_timeout_ns : w->deploy_timeout_ns;
}

void deployment_set_why(struct fleet *f, struct fleet_deployment *d, str why)
{
    if (!str_eq(d->why, why))
        fleet_set_str(&fleet_edit(f, d)->why, why);
}

void deployment_fail(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                     enum fleet_status status, const char *why)
{
    d = fleet_edit(f, d);
    d->status = status;
    fleet_set_str(&d->why, str_of(why));
    d->target = TARGET_INACTIVE;
    d->deactivated_ns = w->now_ns;
    d->deadline_ns = d->restart_ns = 0;
}

void deployment_begin(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                      enum fleet_status status)
{
    d = fleet_edit(f, d);
    d->status = status;
    d->target = TARGET_RUN;
    d->restarts = 0;
    d->restart_ns = 0;
    d->used_ns = w->now_ns;
    d->deadline_ns = d->built && !d->was_active ? w->now_ns + deployment_timeout(w, d) : 0;
    fleet_set_str(&d->why, STR_NULL);
}

static void check_first_start(struct fleet *f, const struct fleet_world *w,
                              struct fleet_deployment *d)
{
    char why[700];

    if (d->was_active || d->target != TARGET_RUN || !d->built || status_has_failed(d->status))
        return;
    if (d->restarts > RESTARTS_MAX)
        snprintf(why, sizeof(why), "%u replicas ended before one was ready%s%.*s", d->restarts,
                 d->why.n ? ": " : "", STR_ARG(d->why));
    else if (d->deadline_ns && w->now_ns >= d->deadline_ns)
        snprintf(why, sizeof(why), "no replica was ready within %lld s%s%.*s",
                 (long long)(deployment_timeout(w, d) / NS_PER_S), d->why.n ? ": " : "",
                 STR_ARG(d->why));
    else
        return;
    deployment_fail(f, w, d, STATUS_DEPLOY_FAILED, why);
}

/* Whether it falls asleep, or wakes because settings say that it may not sleep. */
static bool check_sleep(struct fleet *f, const struct fleet_world *w, struct crew *crew)
{
    struct fleet_deployment *d = crew->deployment;
    int64_t at = sleep_at(crew);

    if (at && w->now_ns >= at) {
        fleet_edit(f, d)->target = TARGET_SLEEP;
        return true;
    }
    if (d->target != TARGET_SLEEP || d->autoscaling.min_replica == 0)
        return false;
    deployment_begin(f, w, d, STATUS_WAKING_UP);
    return true;
}

/* Whom to let go first: who serves least, and of those the newest. */
static struct fleet_replica *most_dispensable(const struct fleet *f,
                                              const struct fleet_deployment *d)
{
    static const int worth[FLEET_REPLICA_STATES] = {[REPLICA_PENDING] = 0,
                                                    [REPLICA_STARTING] = 1,
                                                    [REPLICA_UNHEALTHY] = 2,
                                                    [REPLICA_READY] = 3};
    struct fleet_replica *found = NULL;

    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        if (r->state < REPLICA_STOPPING && str_eq(r->deployment, d->id) &&
            (!found || worth[r->state] <= worth[found->state]))
            found = r;
    return found;
}

static void stop_surplus(struct fleet *f, const struct fleet_world *w, struct crew *crew,
                         uint32_t wanted)
{
    while (crew_running(crew) > wanted) {
        struct fleet_replica *r = most_dispensable(f, crew->deployment);

        crew->n[r->state]--;
        replica_stop(f, w, r, "fewer replicas are wanted");
        crew->n[r->state]++;
    }
}

/* False, with words, where nothing may run it. */
static bool start_missing(struct fleet *f, const struct fleet_world *w, struct crew *crew,
                          uint32_t wanted, struct fleet_problem *problem)
{
    struct fleet_deployment *d = crew->deployment;

    while (crew_running(crew) < wanted) {
        if (d->source == SOURCE_EXTERNAL) {
            if (!placement_external_fits(f, w, d->region, d->rule, problem))
                return false;
            replica_start(f, w, d, NULL);
            crew->n[REPLICA_READY]++;
            continue;
        }
        const struct fleet_plane *plane = placement_choose(f, w, d, d->rule, problem);
        if (!plane)
            return false;
        replica_start(f, w, d, plane);
        crew->n[REPLICA_PENDING]++;
    }
    return true;
}

/* Awake, with nothing ready. */
static enum fleet_status status_without_ready(const struct crew *crew, bool placeable)
{
    const struct fleet_deployment *d = crew->deployment;
    bool loading = crew->n[REPLICA_STARTING] + crew->n[REPLICA_UNHEALTHY] > 0;
    bool deploying = d->status == STATUS_DEPLOYING || d->status == STATUS_LOADING_MODEL;

    if (!d->was_active)
        return loading ? STATUS_LOADING_MODEL : STATUS_DEPLOYING;
    if (!placeable || d->restarts > RESTARTS_MAX)
        return STATUS_UNHEALTHY;
    if (deploying)
        return loading ? STATUS_LOADING_MODEL : STATUS_DEPLOYING;
    return d->status == STATUS_WAKING_UP || d->status == STATUS_UPDATING ? d->status
                                                                         : STATUS_UNHEALTHY;
}

static enum fleet_status status_of(const struct crew *crew, bool placeable)
{
    const struct fleet_deployment *d = crew->deployment;

    if (status_has_failed(d->status))
        return d->status;
    if (d->target == TARGET_INACTIVE)
        return crew_running(crew) + crew->n[REPLICA_STOPPING] ? STATUS_DEACTIVATING
                                                              : STATUS_INACTIVE;
    if (!d->built)
        return STATUS_BUILDING;
    if (d->target == TARGET_SLEEP)
        return STATUS_SCALED_TO_ZERO;
    return crew->n[REPLICA_READY] ? STATUS_ACTIVE : status_without_ready(crew, placeable);
}

static bool set_status(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                       enum fleet_status status)
{
    if (d->status == status)
        return false;
    d = fleet_edit(f, d);
    d->status = status;
    if (status != STATUS_ACTIVE)
        return true;
    d->was_active = d->has_autoscaling = true;
    d->deadline_ns = 0;
    d->used_ns = w->now_ns;
    fleet_set_str(&d->why, STR_NULL);
    return true;
}

bool supervise(struct fleet *f, const struct fleet_world *w, struct crew *crew)
{
    struct fleet_deployment *d = crew->deployment;
    struct fleet_problem problem = {.message = ""};
    bool placeable = true;

    check_first_start(f, w, d);
    uint32_t wanted = wanted_replicas(crew);
    stop_surplus(f, w, crew, wanted);
    if (w->now_ns >= d->restart_ns)
        placeable = start_missing(f, w, crew, wanted, &problem);
    if (!placeable && crew->n[REPLICA_READY] == 0)
        deployment_set_why(f, d, str_of(problem.message));
    return set_status(f, w, d, status_of(crew, placeable));
}

/* Everything but sleep. True: there may be more, as a status has changed or a promotion ended. */
static bool settle_once(struct fleet *f, const struct fleet_world *w, struct census *c)
{
    bool ended = false, changed = false;

    for (size_t i = 0; i < c->n; i++)
        changed |= supervise(f, w, &c->crews[i]);
    for (size_t i = 0; i < c->n; i++)
        ended |= c->crews[i].promotion && promotion_advance(f, w, &c->crews[i]);
    if (ended)
        placement_enforce(f, w); /* a candidate may be back under its former rule */
    return ended || changed;
}

/* Sleep comes last, so that settings which a promotion's end brings are heard first. It ends: at
 * one moment a deployment goes to sleep, fails, and becomes active at most once. */
void settle(struct fleet *f, const struct fleet_world *w)
{
    struct census c;
    bool again = true;

    rules_trim(f->rules);
    placement_enforce(f, w);
    while (again) {
        census_take(f, &c);
        again = settle_once(f, w, &c);
        for (size_t i = 0; !again && i < c.n; i++)
            again = check_sleep(f, w, &c.crews[i]);
        census_deinit(&c);
    }
}

enum fleet_outcome settled(struct fleet *f, const struct fleet_world *w)
{
    settle(f, w);
    return FLEET_OK;
}

#include "control/reconciler_internal.h"
#include "control/runner_path.h"

#include <limits.h>
#include <stdio.h>
#include <unistd.h>

enum { TURN_MAX_MS = 1000 };

/* --- planes */

static void tell_stopped(struct reconciler *r)
{
    list_for_each (node, &r->works)
        if (list_entry(node, struct work, link)->kind == WORK_REPLICA)
            return;
    if (r->on_stopped)
        r->on_stopped(r->on_stopped_ctx);
    r->on_stopped = NULL;
}

static void on_replica(void *ctx, struct plane *p, str replica, enum plane_replica_state state,
                       str environment, str why)
{
    static const enum fleet_seen seen_as[] = {
        [PLANE_REPLICA_STARTED] = SEEN_STARTED,
        [PLANE_REPLICA_READY] = SEEN_READY,
        [PLANE_REPLICA_NOT_READY] = SEEN_NOT_READY,
        [PLANE_REPLICA_GONE] = SEEN_GONE,
    };
    struct reconciler *r = ctx;
    struct work *w = work_find(r, WORK_REPLICA, replica);

    (void)p;
    if (!w)
        return;
    if (r->stopping && state == PLANE_REPLICA_GONE) {
        work_free(w);
        tell_stopped(r);
        return;
    }
    if (state == PLANE_REPLICA_READY) {
        mem_free(w->said);
        w->said = environment.p ? str_dup(environment) : NULL;
    }
    work_note(w, seen_as[state], why);
    reconciler_poke(r);
}

static void on_built(void *ctx, struct plane *p, str deployment, str failure)
{
    struct reconciler *r = ctx;
    struct work *w = work_find(r, WORK_BUILD, deployment);

    (void)p;
    if (!w)
        return;
    work_note(w, SEEN_GONE, failure);
    reconciler_poke(r);
}

static const struct plane_events plane_events = {.on_replica = on_replica, .on_built = on_built};

/* One whose plane is not there any more is nobody's: the fleet takes it for gone. */
static bool known(void *ctx, str replica)
{
    const struct reconciler *r = ctx;
    const struct fleet_replica *it = fleet_find_replica(r->policy->fleet, replica);

    return it && reconciler_plane(r, it->plane);
}

/* It is tried again in every turn, and told of once. */
static void set_down(struct reconciler *r, str plane, str why)
{
    if (deployments_plane_down(r->policy, plane, why) && why.n)
        log_event(LOG_ERROR, "plane_failed", LOG_STR("plane", plane), LOG_STR("why", why));
}

static void add_plane(struct reconciler *r, const struct config_plane *from)
{
    const struct config *config = r->policy->config;
    CLEANUP_FREE char *name = str_dup(from->name);
    char runner[PATH_MAX];
    CLEANUP_FREE char *cgroup = str_dup(from->cgroup);
    CLEANUP_FREE char *user = str_dup(from->user);
    if (config->runner.n)
        snprintf(runner, sizeof(runner), "%.*s", STR_ARG(config->runner));
    else
        runner_path_find(runner, sizeof(runner));
    struct plane_process_options options = {
        .name = name,
        .data_dir = r->data_dir,
        .binary = r->binary,
        .runner_dir = runner,
        .port_first = from->first_port,
        .port_last = from->last_port,
        .cgroup = *cgroup ? cgroup : NULL,
        .user = {user, from->uid, from->gid},
    };
    char why[USER_WHY_BYTES] = "";
    struct plane *plane;
    int result = plane_process_check_user(&options, why);

    if (result == 0)
        result = r->make_plane(r->loop, &options, &plane_events, r, &plane);
    set_down(r, from->name, result == 0 ? STR("") : str_of(*why ? why : strerrordesc_np(-result)));
    if (result < 0)
        return;
    if (geteuid() == 0 && !from->user.n)
        log_event(LOG_WARN, "packages_run_as_root", LOG_STR("plane", from->name));
    r->planes = mem_realloc(r->planes, (r->n_planes + 1) * sizeof(struct plane *));
    r->planes[r->n_planes++] = plane;
}

/* Without any plane what a predecessor has started would run for ever: this one, which nothing is
 * placed on, stops all of it. */
static void reclaim(struct reconciler *r)
{
    struct plane_process_options options = {
        .name = "", .data_dir = r->data_dir, .binary = r->binary, .runner_dir = ""};
    int result = r->make_plane(r->loop, &options, &plane_events, r, &r->leftovers);

    if (result == 0)
        r->leftovers->ops->adopt(r->leftovers, known, r);
    else
        log_event(LOG_ERROR, "leftovers_not_stopped",
                  LOG_STR("why", str_of(strerrordesc_np(-result))));
}

/* A reload may give a plane another one: what is started or built from then on runs as it, or, if
 * that is not possible, not at all. */
static void follow_user(const struct reconciler *r, const struct config_plane *from)
{
    struct plane *plane = reconciler_plane(r, from->name);
    CLEANUP_FREE char *name = str_dup(from->user);

    plane->ops->set_user(plane, &(struct plane_user){name, from->uid, from->gid});
}

/* A plane that the configuration no longer names stays until the process ends: its replicas have to
 * be stopped by somebody. */
static void follow_configuration(struct reconciler *r)
{
    const struct config *config = r->policy->config;
    size_t n_before = r->n_planes;

    for (size_t i = 0; i < config->n_planes; i++)
        if (reconciler_plane(r, config->planes[i].name))
            follow_user(r, &config->planes[i]);
        else
            add_plane(r, &config->planes[i]);
    /* Not before all of them are there: they find the replicas of each other. */
    for (size_t i = n_before; i < r->n_planes; i++)
        r->planes[i]->ops->adopt(r->planes[i], known, r);
    if (r->n_planes == 0 && !r->leftovers)
        reclaim(r);
}

/* After a start: what runs is under way, what should and does not has ended. */
static void adopt(struct reconciler *r)
{
    const struct fleet *f = r->policy->fleet;

    r->adopted = true;
    for (struct fleet_replica *it = fleet_first_replica(f); it; it = fleet_next_replica(f, it)) {
        const struct fleet_deployment *d = fleet_find_deployment(f, it->deployment);
        struct plane *plane = reconciler_plane(r, it->plane);

        bool runs = plane && plane->ops->runs(plane, it->id);
        if (it->state == REPLICA_GONE || (it->state == REPLICA_PENDING && !runs) ||
            (d && d->source == SOURCE_EXTERNAL))
            continue;
        struct work *w = work_add(r, WORK_REPLICA, it->id, plane);
        if (!runs)
            work_note(w, SEEN_GONE, STR("it no longer ran when the control plane came back"));
    }
}

/* --- turns */

static bool is_pending(const struct reconciler *r)
{
    list_for_each (node, &r->works)
        if (list_entry(node, struct work, link)->seen_pending)
            return true;
    return !list_empty(&r->demands);
}

static void run(struct reconciler *r)
{
    int64_t next_ns = INT64_MAX;

    if (r->stopping || !r->policy->config)
        return;
    follow_configuration(r);
    if (!r->adopted)
        adopt(r);
    if (!reconciler_turn(r, &next_ns)) {
        deadline_set(r->loop, &r->timer, RECONCILER_RETRY_MS);
        return;
    }
    reconciler_act(r);
    int64_t wait_ms = (next_ns - clock_wall_ns()) / NS_PER_MS;
    wait_ms = is_pending(r) || wait_ms < 0 ? 0 : wait_ms;
    deadline_set(r->loop, &r->timer, wait_ms < TURN_MAX_MS ? wait_ms : TURN_MAX_MS);
}

static void on_timer(struct deadline *deadline)
{
    run(container_of(deadline, struct reconciler, timer));
}

void reconciler_poke(struct reconciler *r)
{
    /* Not from within a turn of its own: the timer comes right after it. */
    deadline_set(r->loop, &r->timer, 0);
}

/* --- from edges */

void reconciler_wake(struct reconciler *r, str deployment)
{
    if (!r->stopping)
        demand_add(r, deployment)->wake = true;
}

void reconciler_demand(struct reconciler *r, str deployment, uint32_t in_flight, uint32_t held,
                       uint64_t begun)
{
    if (r->stopping)
        return;
    struct demand *d = demand_add(r, deployment);
    d->in_flight = in_flight;
    d->held = held;
    d->begun = begun;
}

/* --- life */

struct reconciler *reconciler_new(struct loop *loop, struct policy *policy,
                                  struct link_server *link,
                                  const struct reconciler_options *options)
{
    struct reconciler *r = mem_zalloc(sizeof(*r));

    r->loop = loop;
    r->policy = policy;
    r->link = link;
    r->data_dir = str_dup(str_of(options->data_dir));
    r->binary = str_dup(str_of(options->binary));
    r->make_plane = options->make_plane;
    list_init(&r->works);
    list_init(&r->demands);
    r->timer.on_expire = on_timer;
    reconciler_poke(r);
    return r;
}

void reconciler_stop(struct reconciler *r, reconciler_stopped_fn on_stopped, void *ctx)
{
    if (!r->adopted && r->policy->config) { /* told before its first turn */
        follow_configuration(r);
        adopt(r);
    }
    r->stopping = true;
    r->on_stopped = on_stopped;
    r->on_stopped_ctx = ctx;
    list_for_each_safe (node, &r->works) {
        struct work *w = list_entry(node, struct work, link);

        if (w->kind == WORK_REPLICA && w->plane && !(w->seen_pending && w->seen == SEEN_GONE))
            w->plane->ops->stop(w->plane, str_of(w->id), PLANE_NOW);
        else if (w->kind == WORK_REPLICA)
            work_free(w);
    }
    tell_stopped(r);
}

void reconciler_free(struct reconciler *r)
{
    if (!r)
        return;
    deadline_cancel(&r->timer);
    for (size_t i = 0; i < r->n_planes; i++)
        r->planes[i]->ops->free(r->planes[i]);
    if (r->leftovers)
        r->leftovers->ops->free(r->leftovers);
    list_for_each_safe (node, &r->works)
        work_free(list_entry(node, struct work, link));
    list_for_each_safe (node, &r->demands)
        demand_free(list_entry(node, struct demand, link));
    mem_free(r->planes);
    mem_free(r->data_dir);
    mem_free(r->binary);
    mem_free(r);
}

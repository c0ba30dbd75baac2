/* Has planes build, start and stop. Whatever is asked for again while it is under way is passed
 * over, so that the fleet's actions may be walked as often as one likes. */

#include "control/reconciler_internal.h"
#include "control/replica_spec.h"

#include <stdio.h>

enum { PATH_BYTES = 4096, OUTSIDE_GRACE_MS = 500 };

static void build(struct reconciler *r, str id)
{
    const struct fleet_deployment *d = fleet_find_deployment(r->policy->fleet, id);
    char archive[PATH_BYTES];

    if (!d || work_find(r, WORK_BUILD, d->image))
        return;
    struct plane *plane = r->n_planes ? r->planes[0] : NULL;
    struct work *w = work_add(r, WORK_BUILD, d->image, plane);
    snprintf(archive, sizeof(archive), "%s/packages/%.*s.tar.gz", r->data_dir, STR_ARG(d->package));
    if (plane)
        plane->ops->build(plane, d->image, str_of(archive), d->config);
    else
        work_note(w, SEEN_GONE, STR("no plane is configured that could build it"));
}

static void start(struct reconciler *r, str id)
{
    struct fleet *f = r->policy->fleet;
    const struct fleet_replica *replica = fleet_find_replica(f, id);
    struct plane *plane = replica ? reconciler_plane(r, replica->plane) : NULL;
    struct replica_spec spec;

    if (!replica || work_find(r, WORK_REPLICA, id))
        return;
    struct work *w = work_add(r, WORK_REPLICA, id, plane);
    if (!plane || !replica->port) {
        work_note(w, SEEN_GONE,
                  plane ? STR("the plane has no free port")
                        : STR("the plane is not there any more"));
        return;
    }
    replica_spec_init(&spec, r->policy, r->data_dir, replica);
    int result = plane->ops->start(plane, &spec.replica);
    if (result < 0)
        work_note(w, SEEN_GONE, str_of(strerrordesc_np(-result)));
    w->told = str_dup(spec.replica.environment);
    replica_spec_deinit(&spec);
}

struct waiting {
    struct reconciler *reconciler;
    char *id;
};

static void stop_now(struct work *w)
{
    w->phase = WORK_STOPS;
    w->plane->ops->stop(w->plane, str_of(w->id), PLANE_NOW);
}

/* Edges send it nothing any more: now it may finish what it has, unless it stands outside. */
static void on_in_force(void *ctx, const str *missing, size_t n_missing)
{
    struct waiting *waiting = ctx;
    struct reconciler *r = waiting->reconciler;
    struct work *w = work_find(r, WORK_REPLICA, str_of(waiting->id));

    (void)missing;
    mem_free(waiting->id);
    mem_free(waiting);
    if (!w || w->phase != WORK_STOP_WAITS || r->stopping)
        return;
    if (w->outside_ns) {
        stop_now(w);
        return;
    }
    if (n_missing) {
        w->phase = WORK_RUNS; /* the next turn waits anew */
        deadline_set(r->loop, &r->timer, RECONCILER_RETRY_MS);
        return;
    }
    w->phase = WORK_STOPS;
    w->plane->ops->stop(w->plane, str_of(w->id), PLANE_DRAIN);
}

static void wait_for_edges(struct reconciler *r, struct work *w)
{
    struct waiting *waiting = mem_zalloc(sizeof(*waiting));

    w->phase = WORK_STOP_WAITS;
    waiting->reconciler = r;
    waiting->id = str_dup(str_of(w->id));
    link_server_when_in_force(r->link, policy_revision(r->policy), on_in_force, waiting);
}

/* Edges cut what they have there with the reason, and nobody waits for them for long: what stands
 * outside ends even if they do not. */
static void stop_outside(struct reconciler *r, struct work *w)
{
    int64_t now_ns = loop_now_ns(r->loop);

    if (w->outside_ns == 0)
        w->outside_ns = now_ns;
    if (w->phase == WORK_RUNS)
        wait_for_edges(r, w);
    else if (now_ns - w->outside_ns >= OUTSIDE_GRACE_MS * NS_PER_MS)
        stop_now(w);
}

static void stop(struct reconciler *r, str id)
{
    const struct fleet_replica *replica = fleet_find_replica(r->policy->fleet, id);
    struct work *w = work_find(r, WORK_REPLICA, id);
    struct fleet_world world;

    if (!w) {
        /* It was decided and never started. */
        work_note(work_add(r, WORK_REPLICA, id, NULL), SEEN_GONE, STR("it had not started"));
        reconciler_poke(r);
        return;
    }
    if (w->seen_pending || !w->plane || w->phase == WORK_STOPS)
        return;
    fleet_world_of(r->policy, STR("system"), &world);
    if (!replica || !placement_is_within(r->policy->fleet, &world, replica))
        stop_outside(r, w);
    else if (w->phase == WORK_RUNS)
        wait_for_edges(r, w);
}

static bool image_is_used(const struct fleet *f, str image)
{
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        if (str_eq(d->image, image))
            return true;
    return false;
}

static void forget_deployment(struct reconciler *r, str id)
{
    for (size_t i = 0; i < r->n_planes; i++)
        r->planes[i]->ops->forget_deployment(r->planes[i], id);
}

/* What was built under a deployment's id stays for as long as a copy of it runs that. */
static void forget(struct reconciler *r, str id)
{
    const struct fleet *f = r->policy->fleet;
    const struct fleet_leftover *l = fleet_find_leftover(f, id);

    for (size_t i = 0; i < r->n_planes; i++)
        r->planes[i]->ops->forget_replica(r->planes[i], id);
    if (!l)
        return;
    if (!image_is_used(f, l->id))
        forget_deployment(r, l->id);
    if (!str_eq(l->image, l->id) && !fleet_find_deployment(f, l->image) &&
        !image_is_used(f, l->image))
        forget_deployment(r, l->image);
}

/* What it said before it was told is of no more use. */
static bool tell(struct work *w, str environment)
{
    int result = w->plane->ops->set_environment(w->plane, str_of(w->id), environment);

    if (result < 0) {
        log_event(LOG_WARN, "environment_not_told", LOG_STR("replica", str_of(w->id)),
                  LOG_STR("why", str_of(strerrordesc_np(-result))));
        return false;
    }
    mem_free(w->told);
    w->told = str_dup(environment);
    if (w->said) {
        mem_free(w->said);
        w->said = str_dup(STR("?"));
    }
    return true;
}

/* A promotion that reuses a deployment changes what its running replicas are told, and goes on once
 * they know. What one knows already it need not say again. */
static void tell_environment(struct reconciler *r, struct work *w)
{
    const struct fleet *f = r->policy->fleet;
    const struct fleet_replica *replica = fleet_find_replica(f, str_of(w->id));
    const struct fleet_deployment *d =
        replica ? fleet_find_deployment(f, replica->deployment) : NULL;

    if (!d || !w->plane || w->phase != WORK_RUNS || (w->seen_pending && w->seen == SEEN_GONE))
        return;
    if ((!w->told || !str_eq(str_of(w->told), d->told_environment)) &&
        !tell(w, d->told_environment))
        return;
    const char *environment = work_environment(w);
    if (w->seen == SEEN_READY && !w->seen_pending && replica->state < REPLICA_STOPPING &&
        environment && !str_eq(str_of(environment), replica->environment)) {
        work_note(w, SEEN_READY, STR(""));
        reconciler_poke(r);
    }
}

void reconciler_act(struct reconciler *r)
{
    struct fleet_action action;
    size_t cursor = 0;

    while (fleet_next_action(r->policy->fleet, &cursor, &action)) {
        switch (action.kind) {
        case ACTION_BUILD:
            build(r, action.id);
            break;
        case ACTION_START:
            start(r, action.id);
            break;
        case ACTION_STOP:
            stop(r, action.id);
            break;
        case ACTION_FORGET:
            forget(r, action.id);
            break;
        }
    }
    list_for_each (node, &r->works) {
        struct work *w = list_entry(node, struct work, link);

        if (w->kind == WORK_REPLICA)
            tell_environment(r, w);
    }
}

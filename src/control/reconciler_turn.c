/* One turn, one change: everything that was seen since the last, and what follows from it, becomes
 * durable together. */

#include "control/package_store.h"
#include "control/reconciler_internal.h"
#include "control/registry_json.h"

struct plane *reconciler_plane(const struct reconciler *r, str name)
{
    for (size_t i = 0; i < r->n_planes; i++)
        if (str_eq(str_of(r->planes[i]->name), name))
            return r->planes[i];
    return NULL;
}

/* "{model}/{name}" is the key of an environment, which may be there no more. */
static bool is_of_chain(const struct fleet *f, const struct fleet_promotion *p)
{
    const struct fleet_model *m =
        fleet_find_model(f, str_upto(p->environment, str_find(p->environment, '/', 0)));

    return m && m->chain;
}

/* Promotions that have ended are for the trail, whoever began them. */
static void audit_promotions(struct change *c)
{
    struct fleet *f = c->policy->fleet;

    for (struct fleet_promotion *p = fleet_first_promotion(f); p; p = fleet_next_promotion(f, p)) {
        const struct fleet_promotion *before = (const struct fleet_promotion *)p->object.before;

        if (!before || before->status == p->status || !p->ended_ns)
            continue;
        str status = fleet_promotion_status_name(p->status);
        json_t *after =
            json_pack("{s:s%, s:s%, s:s%, s:s%}", "status", status.p, status.n, "environment",
                      p->environment.p, p->environment.n, "deployment_id", p->candidate.p,
                      p->candidate.n, "error", p->error.n ? p->error.p : "", p->error.n);

        change_audit(
            c, is_of_chain(f, p) ? STR("CHAIN_PROMOTION_ENDED") : STR("MODEL_PROMOTION_ENDED"),
            p->id, NULL, after);
        log_event(p->status == PROMOTION_FAILED ? LOG_WARN : LOG_INFO, "promotion_ended",
                  LOG_STR("promotion", p->id), LOG_STR("environment", p->environment),
                  LOG_STR("deployment", p->candidate), LOG_STR("status", status),
                  LOG_STR("error", p->error.n ? p->error : STR("")));
        json_decref(after);
    }
}

/* Copies of promotions that ended without them. */
static void audit_removed(struct change *c)
{
    struct fleet_object *o = NULL;

    while ((o = fleet_next_removed(c->policy->fleet, FLEET_DEPLOYMENT, o)) != NULL) {
        const struct fleet_deployment *d = (const struct fleet_deployment *)o;
        const struct fleet_model *m = fleet_find_model(c->policy->fleet, d->model);
        json_t *before = deployment_json(c->policy, d);

        change_audit(
            c, m && m->chain ? STR("CHAIN_DEPLOYMENT_DELETED") : STR("MODEL_DEPLOYMENT_DELETED"),
            d->id, before, NULL);
        json_decref(before);
    }
}

static void log_deployments(const struct fleet *f)
{
    for (struct fleet_deployment *d = fleet_first_deployment(f); d;
         d = fleet_next_deployment(f, d)) {
        const struct fleet_deployment *before = (const struct fleet_deployment *)d->object.before;

        if (before && before->status != d->status)
            log_event(LOG_INFO, "deployment", LOG_STR("deployment", d->id),
                      LOG_STR("status", fleet_status_name(d->status)),
                      LOG_STR("why", d->why.n ? d->why : STR("")));
    }
}

/* Its place may be taken before anybody has looked at its status. */
static void log_replicas(const struct fleet *f)
{
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r)) {
        const struct fleet_replica *before = (const struct fleet_replica *)r->object.before;

        if (before && before->state != REPLICA_GONE && r->state == REPLICA_GONE && !r->stopping_ns)
            log_event(LOG_WARN, "replica_ended", LOG_STR("replica", r->id),
                      LOG_STR("deployment", r->deployment), LOG_STR("plane", r->plane),
                      LOG_STR("why", r->why.n ? r->why : STR("")));
    }
}

/* Copies of a deployment share what was built. */
static void feed_build(struct fleet *f, const struct fleet_world *world, const struct work *w)
{
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        if (!d->built && str_eq(d->image, str_of(w->id)))
            fleet_observe_build(f, world, d->id, *w->why ? w->why : NULL);
}

/* What it says counts once it has been told what it is to know now. */
static void feed_replica(struct fleet *f, const struct fleet_world *world, const struct work *w)
{
    const struct fleet_replica *r = fleet_find_replica(f, str_of(w->id));
    const struct fleet_deployment *d = r ? fleet_find_deployment(f, r->deployment) : NULL;
    const char *environment = work_environment(w);

    if (w->seen == SEEN_READY && environment && d && w->told &&
        str_eq(str_of(w->told), d->told_environment))
        fleet_observe_environment(f, str_of(w->id), str_of(environment));
    fleet_observe_replica(f, world, str_of(w->id), w->seen, str_of(w->why));
}

static void feed_works(struct reconciler *r, struct fleet *f, const struct fleet_world *world)
{
    list_for_each (node, &r->works) {
        struct work *w = list_entry(node, struct work, link);

        if (!w->seen_pending)
            continue;
        if (w->kind == WORK_BUILD)
            feed_build(f, world, w);
        else
            feed_replica(f, world, w);
    }
}

static void feed_demands(struct reconciler *r, struct fleet *f, const struct fleet_world *world)
{
    struct fleet_problem problem;

    list_for_each (node, &r->demands) {
        struct demand *d = list_entry(node, struct demand, link);
        struct fleet_deployment *deployment = fleet_find_deployment(f, str_of(d->deployment));

        if (deployment && d->wake)
            (void)fleet_wake(f, world, deployment, &problem);
        if (deployment && !d->wake)
            fleet_observe_demand(f, world, deployment->id, d->in_flight, d->held, d->begun);
    }
}

/* A replica gets its port before it is started, so that what is started is what is written down. */
static void give_ports(struct reconciler *r, struct fleet *f)
{
    struct fleet_action action;
    size_t cursor = 0;

    while (fleet_next_action(f, &cursor, &action)) {
        struct fleet_replica *replica =
            action.kind == ACTION_START ? fleet_find_replica(f, action.id) : NULL;
        struct plane *plane = replica ? reconciler_plane(r, replica->plane) : NULL;

        if (!plane || replica->port)
            continue;
        replica = fleet_edit(f, replica);
        replica->port = plane->ops->take_port(plane);
    }
}

/* It is in the fleet: what has ended is not under way any more. */
static void forget_fed(struct reconciler *r)
{
    list_for_each_safe (node, &r->works) {
        struct work *w = list_entry(node, struct work, link);

        if (w->seen_pending && w->seen == SEEN_GONE)
            work_free(w);
        else
            w->seen_pending = false;
    }
    list_for_each_safe (node, &r->demands)
        demand_free(list_entry(node, struct demand, link));
}

bool reconciler_turn(struct reconciler *r, int64_t *ret_next_ns)
{
    struct diagnostics diagnostics;
    struct fleet_world world;
    struct change change;

    change_begin(&change, r->policy, STR("system"));
    struct fleet *f = change_fleet(&change);
    fleet_world_of(r->policy, STR("system"), &world);
    feed_works(r, f, &world);
    feed_demands(r, f, &world);
    size_t packages = fleet_count(f, FLEET_PACKAGE);
    fleet_tick(f, &world, ret_next_ns);
    bool fewer = fleet_count(f, FLEET_PACKAGE) < packages;
    give_ports(r, f);
    if (change.error == 0 && !fleet_has_changed(f)) {
        change_abort(&change);
        forget_fed(r);
        return true;
    }
    audit_promotions(&change);
    audit_removed(&change);
    log_deployments(f);
    log_replicas(f);
    diagnostics_init(&diagnostics);
    int result = change_commit(&change, NULL, &diagnostics);
    diagnostics_deinit(&diagnostics);
    if (result == 0)
        forget_fed(r);
    if (result == 0 && fewer)
        package_store_sweep(r->data_dir, r->policy->fleet);
    return result == 0;
}

/* Time passes: what is due is decided (settle), what is over is removed, and the next moment that
 * matters is told. */

#include "fleet/controller_internal.h"

static void sooner(int64_t *next_ns, int64_t at_ns)
{
    if (at_ns && at_ns < *next_ns)
        *next_ns = at_ns;
}

static void remove_gone(struct fleet *f, const struct fleet_world *w, int64_t *next_ns)
{
    struct fleet_replica *next;

    for (struct fleet_replica *r = fleet_first_replica(f); r; r = next) {
        next = fleet_next_replica(f, r);
        if (r->state != REPLICA_GONE)
            continue;
        if (w->now_ns - r->gone_ns >= FORGET_NS)
            fleet_remove(f, &r->object);
        else
            sooner(next_ns, r->gone_ns + FORGET_NS);
    }
}

static bool has_replica(const struct fleet *f, str deployment)
{
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        if (str_eq(r->deployment, deployment))
            return true;
    return false;
}

static void remove_leftovers(struct fleet *f, const struct fleet_world *w, int64_t *next_ns)
{
    struct fleet_leftover *next;

    for (struct fleet_leftover *l = fleet_first_leftover(f); l; l = next) {
        next = fleet_next_leftover(f, l);
        if (l->alone_ns && w->now_ns - l->alone_ns >= FORGET_NS) {
            fleet_remove(f, &l->object);
            continue;
        }
        if (l->alone_ns == 0 && !has_replica(f, l->id))
            fleet_edit(f, l)->alone_ns = w->now_ns;
        sooner(next_ns, l->alone_ns ? l->alone_ns + FORGET_NS : 0);
    }
}

/* What a promotion had made, which ended without it, and nobody has touched since. */
static struct fleet_deployment *discarded(const struct fleet *f, const struct fleet_promotion *p)
{
    struct fleet_deployment *d =
        p->redeployed && (p->status == PROMOTION_FAILED || p->status == PROMOTION_CANCELED)
            ? fleet_find_deployment(f, p->candidate)
            : NULL;

    return d && d->environment.n == 0 && d->target == TARGET_INACTIVE &&
                   d->deactivated_ns == p->ended_ns
               ? d
               : NULL;
}

/* The copy of the newest promotion stays, for whoever looks into why it failed, or tries it again;
 * that of an older one is of no more use. */
static void remove_discarded(struct fleet *f, const struct fleet_world *w)
{
    for (struct fleet_promotion *p = fleet_first_promotion(f); p; p = fleet_next_promotion(f, p)) {
        const struct fleet_environment *e = fleet_find_environment(f, p->environment);
        struct fleet_deployment *d = discarded(f, p);

        if (!d || (e && (e->promotion_settings.cleanup_strategy == CLEANUP_KEEP ||
                         (str_eq(e->last_promotion, p->id) && e->promotion.n == 0))))
            continue;
        deployment_remove(f, w, d);
    }
}

/* The newest of each environment stays for as long as the environment does. */
static void remove_history(struct fleet *f, const struct fleet_world *w, int64_t *next_ns)
{
    struct fleet_promotion *next;

    for (struct fleet_promotion *p = fleet_first_promotion(f); p; p = next) {
        next = fleet_next_promotion(f, p);
        const struct fleet_environment *e = fleet_find_environment(f, p->environment);
        if (p->ended_ns == 0 || (e && str_eq(e->last_promotion, p->id)))
            continue;
        if (w->now_ns - p->ended_ns >= w->history_ns)
            fleet_remove(f, &p->object);
        else
            sooner(next_ns, p->ended_ns + w->history_ns);
    }
}

static int64_t next_of(const struct fleet *f, const struct fleet_world *w)
{
    int64_t next_ns = INT64_MAX;
    struct census c;

    census_take((struct fleet *)(uintptr_t)f, &c);
    for (size_t i = 0; i < c.n; i++) {
        const struct fleet_deployment *d = c.crews[i].deployment;

        if (d->restart_ns > w->now_ns)
            sooner(&next_ns, d->restart_ns);
        sooner(&next_ns, d->deadline_ns);
        sooner(&next_ns, sleep_at(&c.crews[i]));
        if (c.crews[i].promotion)
            sooner(&next_ns, c.crews[i].promotion->deadline_ns);
    }
    census_deinit(&c);
    return next_ns;
}

void fleet_tick(struct fleet *f, const struct fleet_world *w, int64_t *ret_next_ns)
{
    settle(f, w);
    int64_t next_ns = next_of(f, w);
    remove_discarded(f, w);
    remove_gone(f, w, &next_ns);
    remove_leftovers(f, w, &next_ns);
    remove_history(f, w, &next_ns);
    packages_expire(f, w, &next_ns);
    *ret_next_ns = next_ns;
}

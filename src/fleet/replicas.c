/* Replicas come, stop and end; and the census of who is there. */

#include "fleet/controller_internal.h"

#include "base/mem.h"

void replica_start(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                   const struct fleet_plane *plane_or_null)
{
    struct fleet_replica *r =
        (struct fleet_replica *)object_with_id(f, w, FLEET_REPLICA, REPLICA_ID_BYTES);
    char identity[65];

    fleet_set_str(&r->id, r->object.key);
    fleet_set_str(&r->deployment, d->id);
    r->created_ns = w->now_ns;
    if (plane_or_null) {
        w->identity(w->ctx, identity);
        fleet_set_str(&r->identity, str_make(identity, 64));
        fleet_set_str(&r->plane, plane_or_null->name);
        fleet_set_str(&r->region, plane_or_null->region);
        return;
    }
    /* Others run it: it serves as soon as it is known. */
    fleet_set_str(&r->region, d->region);
    r->state = REPLICA_READY;
    r->started_ns = r->ready_ns = w->now_ns;
    usage_begin(f, w, r);
}

void replica_end(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r, str why)
{
    usage_end(f, w, r);
    r = fleet_edit(f, r);
    r->state = REPLICA_GONE;
    r->gone_ns = w->now_ns;
    if (r->why.n == 0)
        fleet_set_str(&r->why, why);
}

void replica_stop(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r,
                  const char *why)
{
    if (r->state == REPLICA_STOPPING || r->state == REPLICA_GONE)
        return;
    r = fleet_edit(f, r);
    fleet_set_str(&r->why, str_of(why));
    r->state = REPLICA_STOPPING;
    r->stopping_ns = w->now_ns;
    if (r->plane.n == 0) /* there is nothing to wait for */
        replica_end(f, w, r, str_of(why));
}

uint32_t deployment_ready_replicas(const struct fleet *f, const struct fleet_deployment *d)
{
    uint32_t n = 0;

    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        n += r->state == REPLICA_READY && str_eq(r->deployment, d->id);
    return n;
}

void census_take(struct fleet *f, struct census *ret_census)
{
    struct census c = {0};
    size_t room = 0;

    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        room++;
    c.crews = mem_array(room ? room : 1, sizeof(*c.crews));
    for (struct fleet_deployment *d = fleet_first_deployment(f); d;
         d = fleet_next_deployment(f, d)) {
        d->object.slot = c.n;
        c.crews[c.n++] = (struct crew){.deployment = d};
    }
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r)) {
        const struct fleet_deployment *d = fleet_find_deployment(f, r->deployment);

        if (!d)
            continue;
        struct crew *crew = &c.crews[d->object.slot];
        crew->n[r->state]++;
        crew->told += r->state == REPLICA_READY && replica_is_told(r, d);
    }
    for (struct fleet_environment *e = fleet_first_environment(f); e;
         e = fleet_next_environment(f, e)) {
        struct fleet_promotion *p = e->promotion.n ? fleet_find_promotion(f, e->promotion) : NULL;
        const struct fleet_deployment *d = p ? fleet_find_deployment(f, p->candidate) : NULL;

        if (d)
            c.crews[d->object.slot].promotion = p;
    }
    *ret_census = c;
}

void census_deinit(struct census *c)
{
    mem_free(c->crews);
}

uint32_t crew_running(const struct crew *crew)
{
    return crew->n[REPLICA_PENDING] + crew->n[REPLICA_STARTING] + crew->n[REPLICA_READY] +
           crew->n[REPLICA_UNHEALTHY];
}

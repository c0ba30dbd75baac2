/*
 * Billing history. A row counts the replicas of one deployment in one region while it is in one
 * environment: it is opened by the first of them that starts, and closed when the last one ends or
 * the deployment moves. A replica names the row that its time counts in, so an open row is one that
 * a replica names.
 */

#include "fleet/controller_internal.h"

#include "base/clock.h"

/* The open row of another replica of the same deployment in the same region. */
static str open_row(const struct fleet *f, const struct fleet_replica *r)
{
    for (struct fleet_replica *o = fleet_first_replica(f); o; o = fleet_next_replica(f, o))
        if (o->usage.n && str_eq(o->deployment, r->deployment) && str_eq(o->region, r->region))
            return o->usage;
    return STR_NULL;
}

static str new_row(struct fleet *f, const struct fleet_world *w, const struct fleet_deployment *d,
                   const struct fleet_replica *r)
{
    const struct fleet_model *m = fleet_find_model(f, d->model);
    struct fleet_usage *u =
        (struct fleet_usage *)object_with_id(f, w, FLEET_USAGE, REPLICA_ID_BYTES);

    fleet_set_str(&u->id, u->object.key);
    fleet_set_str(&u->model, d->model);
    fleet_set_str(&u->model_name, m ? m->name : STR_NULL);
    fleet_set_str(&u->environment, d->environment);
    fleet_set_str(&u->deployment, d->id);
    fleet_set_str(&u->region, r->region);
    fleet_set_str(&u->instance_type, d->instance_type);
    u->from_ns = w->now_ns;
    return u->id;
}

void usage_begin(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r)
{
    const struct fleet_deployment *d = fleet_find_deployment(f, r->deployment);

    if (!d || d->environment.n == 0 || r->usage.n || r->started_ns == 0 || r->state == REPLICA_GONE)
        return;
    str row = open_row(f, r);
    if (row.n == 0)
        row = new_row(f, w, d, r);
    fleet_set_str(&fleet_edit(f, r)->usage, row);
}

static uint64_t counts(const struct fleet_usage *u, const struct fleet_replica *r, int64_t now_ns)
{
    int64_t since = r->started_ns > u->from_ns ? r->started_ns : u->from_ns;

    return now_ns > since ? (uint64_t)((now_ns - since) / NS_PER_MS) : 0;
}

uint64_t fleet_usage_ms(const struct fleet *f, const struct fleet_usage *u, int64_t now_ns)
{
    uint64_t total = u->replica_ms;

    for (struct fleet_replica *r = u->to_ns ? NULL : fleet_first_replica(f); r;
         r = fleet_next_replica(f, r))
        if (str_eq(r->usage, u->id))
            total += counts(u, r, now_ns);
    return total;
}

void usage_end(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r)
{
    struct fleet_usage *u = fleet_find_usage(f, r->usage);

    if (!u)
        return;
    u = fleet_edit(f, u);
    fleet_set_str(&fleet_edit(f, r)->usage, STR_NULL);
    u->replica_ms += counts(u, r, w->now_ns);
    for (struct fleet_replica *o = fleet_first_replica(f); o; o = fleet_next_replica(f, o))
        if (str_eq(o->usage, u->id))
            return;
    u->to_ns = w->now_ns;
}

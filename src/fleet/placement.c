/*
 * Where a replica may run, and where it is to run. Both rules, the organisation's and the one that
 * the deployment is under, have to hold all of a plane's place: nothing here ever returns another
 * plane, and what runs where it no longer may is stopped by placement_enforce.
 */

#include "fleet/controller_internal.h"

#include "base/mem.h"

struct bounds bounds_of(const struct fleet *f, const struct fleet_world *w, str rule)
{
    return (struct bounds){.organization = fleet_rule(f, w->regions, w->organization_rule),
                           .environment = fleet_rule(f, w->regions, rule)};
}

bool bounds_hold(const struct bounds *b, const struct region_set *place)
{
    return (!b->organization || region_set_within(place, &b->organization->inference)) &&
           (!b->environment || region_set_within(place, &b->environment->inference));
}

const struct fleet_plane *world_plane(const struct fleet_world *w, str name)
{
    for (size_t i = 0; i < w->n_planes; i++)
        if (str_eq(w->planes[i].name, name))
            return &w->planes[i];
    return NULL;
}

/* "the organisation's rule allow=eu and the environment's rule allow=fr" */
static void put_rules(struct buf *to, const struct fleet_world *w, str rule)
{
    if (w->organization_rule.n)
        buf_printf(to, "the organisation's rule %.*s", STR_ARG(str_upto(w->organization_rule, 80)));
    if (w->organization_rule.n && rule.n)
        buf_printf(to, " and ");
    if (rule.n)
        buf_printf(to, "the environment's rule %.*s", STR_ARG(str_upto(rule, 80)));
    if (!w->organization_rule.n && !rule.n)
        buf_printf(to, "no region rule");
}

static uint32_t on_plane(const struct fleet *f, str plane)
{
    uint32_t n = 0;

    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        n += r->state != REPLICA_GONE && str_eq(r->plane, plane);
    return n;
}

static uint32_t of_deployment_on_plane(const struct fleet *f, str plane, str deployment)
{
    uint32_t n = 0;

    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        n += r->state < REPLICA_STOPPING && str_eq(r->plane, plane) &&
             str_eq(r->deployment, deployment);
    return n;
}

static bool has_room(const struct fleet *f, const struct fleet_plane *p)
{
    return p->replicas_max == 0 || on_plane(f, p->name) < p->replicas_max;
}

static bool may_run(const struct fleet *f, const struct bounds *b, const struct fleet_plane *p)
{
    return bounds_hold(b, &p->place) && p->available && has_room(f, p);
}

/* What each plane lacks. */
static void explain(const struct fleet_world *w, str rule, const struct bounds *b,
                    struct fleet_problem *problem)
{
    CLEANUP(buf_deinit) struct buf text;

    buf_init(&text, sizeof(problem->message));
    buf_printf(&text, "no plane can run it under ");
    put_rules(&text, w, rule);
    buf_printf(&text, w->n_planes ? ": " : ": there is no plane at all");
    for (size_t i = 0; i < w->n_planes; i++) {
        const struct fleet_plane *p = &w->planes[i];

        buf_printf(&text, "%s%.*s (%.*s) ", i ? "; " : "", STR_ARG(p->name), STR_ARG(p->region));
        if (!bounds_hold(b, &p->place))
            buf_printf(&text, "lies outside");
        else if (!p->available)
            buf_printf(&text, "is not available%s%.*s", p->why.n ? ": " : "", STR_ARG(p->why));
        else
            buf_printf(&text, "has no room beyond %u replicas", p->replicas_max);
    }
    problem_say(problem, "", "%.*s", STR_ARG(buf_str(&text)));
}

const struct fleet_plane *placement_choose(const struct fleet *f, const struct fleet_world *w,
                                           const struct fleet_deployment *d, str rule,
                                           struct fleet_problem *problem)
{
    const struct fleet_plane *best = NULL;
    uint32_t best_own = 0, best_all = 0;
    struct bounds b = bounds_of(f, w, rule);

    for (size_t i = 0; i < w->n_planes; i++) {
        const struct fleet_plane *p = &w->planes[i];

        if (!may_run(f, &b, p))
            continue;
        uint32_t own = of_deployment_on_plane(f, p->name, d->id), all = on_plane(f, p->name);
        if (best && (own > best_own || (own == best_own && all >= best_all)))
            continue;
        best = p;
        best_own = own;
        best_all = all;
    }
    if (!best && problem)
        explain(w, rule, &b, problem);
    return best;
}

bool placement_external_fits(const struct fleet *f, const struct fleet_world *w, str region,
                             str rule, struct fleet_problem *problem)
{
    struct bounds b = bounds_of(f, w, rule);
    struct region_set place;
    CLEANUP(buf_deinit) struct buf text = {0};

    if (!region_resolve(w->regions, region, &place)) {
        problem_say(problem, "region", "region: \"%.*s\" is not a region, zone or country code",
                    STR_ARG(str_upto(region, 80)));
        return false;
    }
    if (bounds_hold(&b, &place))
        return true;
    put_rules(&text, w, rule);
    problem_say(problem, "region", "its region %.*s does not lie within %.*s", STR_ARG(region),
                STR_ARG(buf_str(&text)));
    return false;
}

bool placement_is_possible(const struct fleet *f, const struct fleet_world *w,
                           const struct fleet_deployment *d, str rule,
                           const struct fleet_plane **ret_planes, size_t max, size_t *ret_n,
                           struct fleet_problem *problem)
{
    struct bounds b = bounds_of(f, w, rule);
    size_t n = 0, found = 0;

    if (d->source == SOURCE_EXTERNAL) {
        *ret_n = 0;
        return placement_external_fits(f, w, d->region, rule, problem);
    }
    for (size_t i = 0; i < w->n_planes; i++) {
        if (!may_run(f, &b, &w->planes[i]))
            continue;
        found++;
        if (n < max)
            ret_planes[n++] = &w->planes[i];
    }
    *ret_n = n;
    if (!found)
        explain(w, rule, &b, problem);
    return found > 0;
}

/* --- what runs already */

/* The rule of its environment's group, "" : none. */
static str rule_in_force(const struct fleet *f, const struct fleet_deployment *d)
{
    const struct fleet_model *m = fleet_find_model(f, d->model);
    const struct fleet_group *g = m ? fleet_find_group_of(f, m->team, d->environment) : NULL;

    return g ? g->rule : STR_NULL;
}

bool placement_is_within(const struct fleet *f, const struct fleet_world *w,
                         const struct fleet_replica *r)
{
    const struct fleet_deployment *d = fleet_find_deployment(f, r->deployment);
    struct region_set place;

    if (!d || !region_resolve(w->regions, r->region, &place))
        return false;
    struct bounds b = bounds_of(f, w, d->rule);
    return bounds_hold(&b, &place);
}

/* NULL: it may stay. */
static const char *trespass(const struct fleet *f, const struct fleet_world *w,
                            const struct fleet_deployment *d, const struct fleet_replica *r)
{
    const struct fleet_plane *p = world_plane(w, r->plane);
    struct bounds b = bounds_of(f, w, d->rule);

    if (r->plane.n && !p)
        return "its plane is no more";
    if (r->plane.n == 0)
        return placement_is_within(f, w, r) ? NULL : "its region no longer lies within the rule";
    if (!bounds_hold(&b, &p->place))
        return "its plane no longer lies within the rule";
    return str_eq(p->region, r->region) ? NULL : "its plane is declared in another region now";
}

static void enforce(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r)
{
    struct fleet_deployment *d = fleet_find_deployment(f, r->deployment);
    const char *why;

    if (r->state >= REPLICA_STOPPING)
        return;
    why = d ? trespass(f, w, d, r) : "its deployment is no more";
    if (!why)
        return;
    replica_stop(f, w, r, why);
    if (d && d->was_active && d->target == TARGET_RUN && d->status == STATUS_ACTIVE)
        fleet_edit(f, d)->status = STATUS_UPDATING;
}

void placement_enforce(struct fleet *f, const struct fleet_world *w)
{
    for (struct fleet_deployment *d = fleet_first_deployment(f); d;
         d = fleet_next_deployment(f, d)) {
        str rule = d->environment.n ? rule_in_force(f, d) : d->rule;

        if (!str_eq(rule, d->rule))
            fleet_set_str(&fleet_edit(f, d)->rule, rule);
    }
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        enforce(f, w, r);
}

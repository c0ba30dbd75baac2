/* People: they push, promote, cancel, delete, tighten and widen rules, activate and deactivate; and
 * their clients, who make demand. */

#include "sim.h"

#include <stdio.h>

const char *const sim_rules[SIM_RULES] = {
    "",         "allow=eu",    "allow=fr", "allow=fr,ie",
    "allow=us", "allow=eu,us", "allow=jp", "allow=eu;exclude=ie",
};

static const char *const environment_names[] = {"production", "staging", "prod-eu"};

#define PACKAGE STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

static str some_name(struct sim *s)
{
    return str_of(environment_names[sim_below(s, COUNT_OF(environment_names))]);
}

static struct fleet_environment *some_environment(struct sim *s)
{
    return (struct fleet_environment *)sim_some(s, FLEET_ENVIRONMENT);
}

static void make_model(struct sim *s, const char *name)
{
    struct fleet_environment *e;
    struct fleet_model *m;

    if (fleet_create_model(s->fleet, &s->world, s->team, str_of(name), FLEET_MODEL_PLAIN, &m,
                           NULL) == FLEET_OK)
        (void)fleet_create_environment(s->fleet, &s->world, m->id, some_name(s), &e, NULL);
}

void people_found(struct sim *s)
{
    struct fleet_team *t;

    (void)fleet_create_team(s->fleet, &s->world, STR("team"), &t, NULL);
    s->team = t->id;
    make_model(s, "one");
    make_model(s, "two");
}

/* --- requests; FLEET_OK, or refused */

typedef enum fleet_outcome (*request_fn)(struct sim *s);

static enum fleet_outcome create_environment(struct sim *s)
{
    struct fleet_model *m = (struct fleet_model *)sim_some(s, FLEET_MODEL);
    struct fleet_environment *e;

    if (!m)
        return FLEET_NOT_FOUND;
    sim_note(s, "create an environment of %.*s", STR_ARG(m->id));
    return fleet_create_environment(s->fleet, &s->world, m->id, some_name(s), &e, NULL);
}

static enum fleet_outcome delete_environment(struct sim *s)
{
    struct fleet_environment *e = some_environment(s);

    if (!e || !sim_chance(s, 4))
        return FLEET_NOT_FOUND;
    sim_note(s, "delete environment %.*s", STR_ARG(e->object.key));
    return fleet_delete_environment(s->fleet, &s->world, e->model, e->name, NULL);
}

static enum fleet_outcome delete_model(struct sim *s)
{
    struct fleet_model *m = (struct fleet_model *)sim_some(s, FLEET_MODEL);
    enum fleet_outcome outcome;
    char name[16];

    if (!m || !sim_chance(s, 10))
        return FLEET_NOT_FOUND;
    sim_note(s, "delete model %.*s", STR_ARG(m->id));
    outcome = fleet_delete_model(s->fleet, &s->world, m->id, NULL);
    snprintf(name, sizeof(name), "m%u", sim_below(s, 1000000));
    make_model(s, name);
    return outcome;
}

static size_t deployments(struct sim *s)
{
    size_t n = 0;

    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d))
        n++;
    return n;
}

static enum fleet_outcome push(struct sim *s)
{
    struct fleet_model *m = (struct fleet_model *)sim_some(s, FLEET_MODEL);
    static const char *const places[] = {"FR", "aws-us-east-1", "eu"};
    struct fleet_deployment *d;

    if (!m || deployments(s) > 9)
        return FLEET_NOT_FOUND;
    struct fleet_push p = {.model = m->id,
                           .package = PACKAGE,
                           .environment = sim_chance(s, 3) ? STR("") : some_name(s),
                           .scale_down_previous = !sim_chance(s, 6),
                           .preserve_environment_instance_type = sim_chance(s, 2)};
    if (sim_chance(s, 8)) {
        p.package = STR_NULL;
        p.url = STR("https://gpu.example/v1");
        p.region = str_of(places[sim_below(s, 3)]);
    } else if (p.environment.n == 0 && sim_chance(s, 3)) {
        p.development = true;
    }
    if (sim_chance(s, 4))
        p.name = STR("deployment-4");
    p.instance_type = (const str[]){STR("H100"), STR("1x2"), STR(""), STR("")}[sim_below(s, 4)];
    enum fleet_outcome outcome = fleet_push(s->fleet, &s->world, &p, &d, NULL);
    if (outcome == FLEET_OK)
        sim_note(s, "push %.*s, which is in \"%.*s\"", STR_ARG(d->id), STR_ARG(d->environment));
    return outcome;
}

static enum fleet_outcome promote(struct sim *s)
{
    struct fleet_environment *e = some_environment(s);
    struct fleet_deployment *d = sim_some_deployment(s);
    struct fleet_promotion *p;

    for (int i = 0; e && d && i < 4 && !str_eq(d->model, e->model); i++)
        d = sim_some_deployment(s);
    if (!e || !d || deployments(s) > 15)
        return FLEET_NOT_FOUND;
    const struct fleet_promote what = {.environment = e->object.key,
                                       .deployment = d->id,
                                       .scale_down_previous = !sim_chance(s, 6),
                                       .preserve_environment_instance_type = sim_chance(s, 2)};
    enum fleet_outcome outcome = fleet_promote(s->fleet, &s->world, &what, &p, NULL);
    if (outcome == FLEET_OK)
        sim_note(s, "promote %.*s to %.*s: candidate %.*s, %.*s", STR_ARG(d->id),
                 STR_ARG(e->object.key), STR_ARG(p->candidate), STR_ARG(p->reason));
    return outcome;
}

static enum fleet_outcome cancel(struct sim *s)
{
    struct fleet_environment *e = some_environment(s);

    if (!e || !sim_chance(s, 2))
        return FLEET_NOT_FOUND;
    sim_note(s, "cancel in %.*s", STR_ARG(e->object.key));
    return fleet_cancel_promotion(s->fleet, &s->world, e, NULL);
}

static enum fleet_outcome set_rule(struct sim *s)
{
    const char *rule = sim_rules[sim_below(s, SIM_RULES)];
    const char *name = environment_names[sim_below(s, COUNT_OF(environment_names))];

    sim_note(s, "rule of %s: %s", name, rule);
    s->excused_name = sim_text(str_of(name));
    return fleet_set_group_rule(s->fleet, &s->world, s->team, str_of(name), str_of(rule), NULL);
}

static enum fleet_outcome set_environment(struct sim *s)
{
    struct fleet_environment *e = some_environment(s);

    if (!e)
        return FLEET_NOT_FOUND;
    struct fleet_autoscaling a = e->autoscaling;
    struct fleet_promotion_settings p = e->promotion_settings;
    a.min_replica = sim_below(s, 4);
    a.max_replica = a.min_replica + (a.min_replica ? sim_below(s, 2) : 1);
    a.scale_down_delay_s = (uint32_t[]){0, 20, 60}[sim_below(s, 3)];
    p.redeploy_on_promotion = sim_chance(s, 4);
    p.cleanup_strategy = (enum fleet_cleanup)sim_below(s, 3);
    sim_note(s, "settings of %.*s: %u to %u replicas, delay %u", STR_ARG(e->object.key),
             a.min_replica, a.max_replica, a.scale_down_delay_s);
    return fleet_set_environment(s->fleet, &s->world, e, &a, &p, NULL);
}

static enum fleet_outcome set_autoscaling(struct sim *s)
{
    struct fleet_deployment *d = sim_some_deployment(s);

    if (!d)
        return FLEET_NOT_FOUND;
    struct fleet_autoscaling a = d->autoscaling;
    a.min_replica = sim_below(s, 3);
    a.max_replica = a.min_replica + (a.min_replica ? sim_below(s, 2) : 1);
    sim_note(s, "%.*s: %u to %u replicas", STR_ARG(d->id), a.min_replica, a.max_replica);
    return fleet_set_autoscaling(s->fleet, &s->world, d, &a, NULL);
}

static enum fleet_outcome activate(struct sim *s)
{
    struct fleet_deployment *d = sim_some_deployment(s);

    if (!d)
        return FLEET_NOT_FOUND;
    sim_note(s, "activate or retry %.*s", STR_ARG(d->id));
    return sim_chance(s, 2) ? fleet_activate(s->fleet, &s->world, d, NULL)
                            : fleet_retry(s->fleet, &s->world, d, NULL);
}

static enum fleet_outcome deactivate(struct sim *s)
{
    struct fleet_deployment *d = sim_some_deployment(s);

    if (!d)
        return FLEET_NOT_FOUND;
    sim_note(s, "deactivate %.*s", STR_ARG(d->id));
    sim_excuse(s, d->id);
    return fleet_deactivate(s->fleet, &s->world, d, NULL);
}

static enum fleet_outcome delete_deployment(struct sim *s)
{
    struct fleet_deployment *d = sim_some_deployment(s);

    if (!d)
        return FLEET_NOT_FOUND;
    sim_note(s, "delete deployment %.*s", STR_ARG(d->id));
    return fleet_delete_deployment(s->fleet, &s->world, d, NULL);
}

static enum fleet_outcome terminate(struct sim *s)
{
    struct fleet_replica *r = (struct fleet_replica *)sim_some(s, FLEET_REPLICA);

    if (!r)
        return FLEET_NOT_FOUND;
    sim_note(s, "terminate replica %.*s of %.*s", STR_ARG(r->id), STR_ARG(r->deployment));
    sim_excuse(s, r->deployment);
    return fleet_terminate_replica(s->fleet, &s->world, r, NULL);
}

static enum fleet_outcome wake(struct sim *s)
{
    struct fleet_deployment *d = sim_some_deployment(s);

    return d ? fleet_wake(s->fleet, &s->world, d, NULL) : FLEET_NOT_FOUND;
}

static enum fleet_outcome demand(struct sim *s)
{
    struct fleet_deployment *d = sim_some_deployment(s);

    if (!d)
        return FLEET_NOT_FOUND;
    fleet_observe_demand(s->fleet, &s->world, d->id, sim_below(s, 3), sim_below(s, 2), 1);
    return FLEET_OK;
}

bool people_act(struct sim *s)
{
    static const struct {
        request_fn act;
        uint32_t weight;
    } requests[] = {
        {demand, 14},
        {push, 12},
        {promote, 16},
        {cancel, 4},
        {set_rule, 4},
        {set_environment, 6},
        {set_autoscaling, 4},
        {activate, 6},
        {deactivate, 3},
        {delete_deployment, 5},
        {terminate, 3},
        {wake, 4},
        {create_environment, 2},
        {delete_environment, 2},
        {delete_model, 1},
    };
    uint32_t total = 0, at;

    for (size_t i = 0; i < COUNT_OF(requests); i++)
        total += requests[i].weight;
    at = sim_below(s, total);
    size_t i = 0;
    while (at >= requests[i].weight)
        at -= requests[i++].weight;
    enum fleet_outcome outcome = requests[i].act(s);
    return outcome == FLEET_OK || outcome == FLEET_UNCHANGED;
}

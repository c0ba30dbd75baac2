/* Teams and models: made, and deleted with all they have. */

#include "fleet/controller_internal.h"

enum fleet_outcome fleet_create_team(struct fleet *f, const struct fleet_world *w, str name,
                                     struct fleet_team **ret_team, struct fleet_problem *problem)
{
    enum fleet_outcome outcome = name_check(name, problem);
    bool first = fleet_first_team(f) == NULL;

    if (outcome != FLEET_OK)
        return outcome;
    for (struct fleet_team *t = fleet_first_team(f); t; t = fleet_next_team(f, t))
        if (str_eq(t->name, name)) {
            problem_say(problem, "name", "name: there is a team \"%.*s\" already", STR_ARG(name));
            return FLEET_CONFLICT;
        }
    struct fleet_team *t =
        (struct fleet_team *)object_with_id(f, w, FLEET_TEAM, FLEET_MODEL_ID_BYTES);
    fleet_set_str(&t->id, t->object.key);
    fleet_set_str(&t->name, name);
    t->is_default = first;
    t->created_ns = w->now_ns;
    *ret_team = t;
    return FLEET_OK;
}

static enum fleet_outcome check_model(const struct fleet *f, str team, str name,
                                      struct fleet_problem *problem)
{
    enum fleet_outcome outcome = name_check(name, problem);

    if (outcome != FLEET_OK)
        return outcome;
    if (!fleet_find_team(f, team)) {
        problem_say(problem, "team", "there is no team \"%.*s\"", STR_ARG(team));
        return FLEET_NOT_FOUND;
    }
    for (struct fleet_model *m = fleet_first_model(f); m; m = fleet_next_model(f, m))
        if (str_eq(m->team, team) && str_eq(m->name, name)) {
            problem_say(problem, "name", "name: the team has a model \"%.*s\" already",
                        STR_ARG(name));
            return FLEET_CONFLICT;
        }
    return FLEET_OK;
}

enum fleet_outcome fleet_create_model(struct fleet *f, const struct fleet_world *w, str team,
                                      str name, enum fleet_model_kind kind,
                                      struct fleet_model **ret_model, struct fleet_problem *problem)
{
    struct fleet_environment *production;
    enum fleet_outcome outcome = check_model(f, team, name, problem);

    if (outcome == FLEET_OK)
        outcome = fleet_check_quota(f, w, QUOTA_MODELS, team, 1, problem);
    if (outcome != FLEET_OK)
        return outcome;
    struct fleet_model *m =
        (struct fleet_model *)object_with_id(f, w, FLEET_MODEL, FLEET_MODEL_ID_BYTES);
    fleet_set_str(&m->id, m->object.key);
    fleet_set_str(&m->team, team);
    fleet_set_str(&m->name, name);
    m->chain = kind == FLEET_MODEL_CHAIN;
    m->created_ns = w->now_ns;
    *ret_model = m;
    return fleet_create_environment(f, w, m->id, STR("production"), &production, problem);
}

static void remove_environments(struct fleet *f, const struct fleet_world *w, str model)
{
    struct fleet_environment *next;

    for (struct fleet_environment *e = fleet_first_environment(f); e; e = next) {
        next = fleet_next_environment(f, e);
        if (!str_eq(e->model, model))
            continue;
        struct fleet_promotion *p = fleet_find_promotion(f, e->promotion);
        if (p)
            promotion_end(f, w, p, PROMOTION_CANCELED, "the model was deleted");
        fleet_remove(f, &e->object);
    }
}

enum fleet_outcome fleet_delete_model(struct fleet *f, const struct fleet_world *w, str model,
                                      struct fleet_problem *problem)
{
    struct fleet_model *m = fleet_find_model(f, model);
    struct fleet_deployment *next;

    if (!m) {
        problem_say(problem, "", "there is no model \"%.*s\"", STR_ARG(model));
        return FLEET_NOT_FOUND;
    }
    remove_environments(f, w, m->id);
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = next) {
        next = fleet_next_deployment(f, d);
        if (str_eq(d->model, m->id))
            deployment_remove(f, w, d);
    }
    fleet_remove(f, &m->object);
    return settled(f, w);
}

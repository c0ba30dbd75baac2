/* Environments and their settings; environment groups, whose rule holds for every environment of a
 * name within a team. */

#include "fleet/controller_internal.h"
#include "fleet/fields.h"

#include "base/mem.h"

#include <stdio.h>

/* "{first}/{second}", as the keys of environments and groups are made. */
static str key_of(str first, str second, char *storage, size_t size)
{
    int n = snprintf(storage, size, "%.*s/%.*s", STR_ARG(first), STR_ARG(second));

    return str_make(storage, n > 0 && (size_t)n < size ? (size_t)n : 0);
}

static enum fleet_outcome check_name(str name, struct fleet_problem *problem)
{
    const char *wrong = fleet_environment_name_problem(name);

    if (!wrong)
        return FLEET_OK;
    problem_say(problem, "name", "name: \"%.*s\" %s", STR_ARG(str_upto(name, 80)), wrong);
    return FLEET_INVALID;
}

enum fleet_outcome fleet_create_environment(struct fleet *f, const struct fleet_world *w, str model,
                                            str name, struct fleet_environment **ret_environment,
                                            struct fleet_problem *problem)
{
    enum fleet_outcome outcome = check_name(name, problem);
    const struct fleet_model *m = fleet_find_model(f, model);
    char storage[128];

    if (!m) {
        problem_say(problem, "", "there is no model \"%.*s\"", STR_ARG(model));
        return FLEET_NOT_FOUND;
    }
    if (outcome == FLEET_OK && !fleet_find_environment_of(f, m->id, name))
        outcome = fleet_check_quota(f, w, QUOTA_ENVIRONMENTS, m->id, 1, problem);
    if (outcome != FLEET_OK)
        return outcome;
    struct fleet_environment *e = (struct fleet_environment *)fleet_add(
        f, FLEET_ENVIRONMENT, key_of(m->id, name, storage, sizeof(storage)));
    if (!e) {
        problem_say(problem, "name", "name: the model has an environment \"%.*s\" already",
                    STR_ARG(name));
        return FLEET_CONFLICT;
    }
    fleet_set_str(&e->model, m->id);
    fleet_set_str(&e->name, name);
    e->created_ns = w->now_ns;
    *ret_environment = e;
    return FLEET_OK;
}

/* Nothing wakes it: whoever wants it back activates it. */
static void detach(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d)
{
    deployment_leave(f, w, d);
    d = fleet_edit(f, d);
    if (d->target != TARGET_INACTIVE)
        d->deactivated_ns = w->now_ns;
    d->target = TARGET_INACTIVE;
}

enum fleet_outcome fleet_delete_environment(struct fleet *f, const struct fleet_world *w, str model,
                                            str name, struct fleet_problem *problem)
{
    struct fleet_environment *e = fleet_find_environment_of(f, model, name);
    struct fleet_deployment *d;

    if (!e) {
        problem_say(problem, "", "there is no environment \"%.*s\"", STR_ARG(str_upto(name, 80)));
        return FLEET_NOT_FOUND;
    }
    if (str_eq(e->name, STR("production"))) {
        problem_say(problem, "", "production cannot be deleted");
        return FLEET_CONFLICT;
    }
    if (e->promotion.n) {
        problem_say(problem, "", "a promotion to %.*s is under way; cancel it first",
                    STR_ARG(e->name));
        return FLEET_CONFLICT;
    }
    d = fleet_find_deployment(f, e->current);
    if (d)
        detach(f, w, d);
    fleet_remove(f, &e->object);
    return settled(f, w);
}

enum fleet_outcome fleet_set_environment(struct fleet *f, const struct fleet_world *w,
                                         struct fleet_environment *e,
                                         const struct fleet_autoscaling *autoscaling,
                                         const struct fleet_promotion_settings *promotion,
                                         struct fleet_problem *problem)
{
    enum fleet_outcome outcome = settings_check_autoscaling(autoscaling, problem);

    if (outcome == FLEET_OK)
        outcome = settings_check_promotion(promotion, problem);
    if (outcome != FLEET_OK)
        return outcome;
    if (fields_equal(&autoscaling_fields, &e->autoscaling, autoscaling) &&
        fields_equal(&promotion_settings_fields, &e->promotion_settings, promotion))
        return FLEET_UNCHANGED;
    e = fleet_edit(f, e);
    e->autoscaling = *autoscaling;
    e->promotion_settings = *promotion;
    struct fleet_deployment *d = fleet_find_deployment(f, e->current);
    if (d && e->promotion.n == 0)
        fleet_edit(f, d)->autoscaling = *autoscaling;
    return settled(f, w);
}

/* --- groups */

static struct fleet_group *make_group(struct fleet *f, const struct fleet_world *w, str team,
                                      str name)
{
    char storage[512];
    struct fleet_group *g = (struct fleet_group *)fleet_add(
        f, FLEET_GROUP, key_of(team, name, storage, sizeof(storage)));

    fleet_set_str(&g->team, team);
    fleet_set_str(&g->name, name);
    g->created_ns = w->now_ns;
    return g;
}

static enum fleet_outcome check_rule(const struct fleet_world *w, str rule,
                                     struct fleet_problem *problem)
{
    struct arena arena;
    str error;

    arena_init(&arena, NULL, 0);
    bool fine = rules_check(w->regions, rule, &arena, &error);
    if (!fine)
        problem_say(problem, "region_rule", "region_rule: %.*s", STR_ARG(error));
    arena_deinit(&arena);
    return fine ? FLEET_OK : FLEET_INVALID;
}

enum fleet_outcome fleet_set_group_rule(struct fleet *f, const struct fleet_world *w, str team,
                                        str name, str rule, struct fleet_problem *problem)
{
    enum fleet_outcome outcome = check_name(name, problem);
    struct fleet_group *g = fleet_find_group_of(f, team, name);

    if (!fleet_find_team(f, team)) {
        problem_say(problem, "", "there is no team \"%.*s\"", STR_ARG(team));
        return FLEET_NOT_FOUND;
    }
    if (outcome == FLEET_OK)
        outcome = check_rule(w, rule, problem);
    if (outcome != FLEET_OK)
        return outcome;
    if (g && str_eq(g->rule, rule))
        return FLEET_UNCHANGED;
    g = g ? fleet_edit(f, g) : make_group(f, w, team, name);
    fleet_set_str(&g->rule, rule);
    return settled(f, w);
}

static bool has(const str *list, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(list[i], name))
            return true;
    return false;
}

bool fleet_may_manage(const struct fleet *f, str team, str environment, str user)
{
    const struct fleet_group *g = fleet_find_group_of(f, team, environment);
    const struct fleet_user *u = fleet_find_user(f, user);

    if (!g || !g->restricted || user.n == 0)
        return true;
    if (!u)
        return false;
    return u->role == ROLE_ORGANIZATION_ADMIN || has(g->user_ids, g->n_user_ids, u->id) ||
           (u->role == ROLE_TEAM_ADMIN && has(u->teams, u->n_teams, team));
}

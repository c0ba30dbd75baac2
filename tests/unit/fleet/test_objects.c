/* Teams, models, environments, groups: made, named, deleted; settings' ranges; billing history. */

#include "world.h"

static void test_a_model_comes_with_production(void)
{
    struct fleet_environment *e;
    struct fleet_model *m;
    struct fleet_team *t;

    set_up();
    CHECK_INT(model->id.n, FLEET_MODEL_ID_BYTES);
    CHECK(fleet_find_environment_of(fleet, model->id, STR("production")));
    CHECK_INT(fleet_create_environment(fleet, &world, model->id, STR("production"), &e, &problem),
              FLEET_CONFLICT);
    CHECK_INT(fleet_create_environment(fleet, &world, model->id, STR("Prod"), &e, &problem),
              FLEET_INVALID);
    CHECK_INT(fleet_create_environment(fleet, &world, STR("none"), STR("a"), &e, &problem),
              FLEET_NOT_FOUND);
    CHECK_INT(fleet_delete_environment(fleet, &world, model->id, STR("production"), &problem),
              FLEET_CONFLICT);
    CHECK_INT(
        fleet_create_model(fleet, &world, team, STR("llama"), FLEET_MODEL_PLAIN, &m, &problem),
        FLEET_CONFLICT);
    CHECK_INT(
        fleet_create_model(fleet, &world, STR("x"), STR("a"), FLEET_MODEL_PLAIN, &m, &problem),
        FLEET_NOT_FOUND);
    CHECK_INT(fleet_create_model(fleet, &world, team, STR(""), FLEET_MODEL_PLAIN, &m, &problem),
              FLEET_INVALID);
    CHECK(fleet_find_team(fleet, team)->is_default);
    CHECK_INT(fleet_create_team(fleet, &world, STR("team"), &t, &problem), FLEET_CONFLICT);
    CHECK_INT(fleet_create_team(fleet, &world, STR("other"), &t, &problem), FLEET_OK);
    CHECK(!t->is_default);
    CHECK_INT(
        fleet_create_model(fleet, &world, t->id, STR("llama"), FLEET_MODEL_CHAIN, &m, &problem),
        FLEET_OK);
    CHECK(m->chain);
    tear_down();
}

static void test_a_team_has_as_many_as_it_may(void)
{
    struct fleet_environment *e;
    struct fleet_model *m;

    set_up();
    world.quotas[QUOTA_MODELS] = 2;
    CHECK_INT(fleet_create_model(fleet, &world, team, STR("two"), FLEET_MODEL_PLAIN, &m, &problem),
              FLEET_OK);
    CHECK_INT(
        fleet_create_model(fleet, &world, team, STR("three"), FLEET_MODEL_PLAIN, &m, &problem),
        FLEET_QUOTA);
    CHECK_STR(str_of(problem.message),
              "the team has 2 models, and quotas.models allows 2: delete some first");
    struct fleet_team *other;
    CHECK_INT(fleet_create_team(fleet, &world, STR("other"), &other, &problem), FLEET_OK);
    CHECK_INT(
        fleet_create_model(fleet, &world, other->id, STR("one"), FLEET_MODEL_PLAIN, &m, &problem),
        FLEET_OK);
    CHECK_INT(fleet_delete_model(fleet, &world, model->id, &problem), FLEET_OK);
    CHECK_INT(
        fleet_create_model(fleet, &world, team, STR("three"), FLEET_MODEL_PLAIN, &m, &problem),
        FLEET_OK);
    world.quotas[QUOTA_ENVIRONMENTS] = 2; /* production is one */
    CHECK_INT(fleet_create_environment(fleet, &world, m->id, STR("a"), &e, &problem), FLEET_OK);
    CHECK_INT(fleet_create_environment(fleet, &world, m->id, STR("b"), &e, &problem), FLEET_QUOTA);
    CHECK_INT(fleet_create_environment(fleet, &world, m->id, STR("a"), &e, &problem),
              FLEET_CONFLICT);
    tear_down();
}

/* Those that promotions make count as well; a dry run says so too. */
static void test_a_model_has_as_many_deployments_as_it_may(void)
{
    struct fleet_promotion *p;
    struct fleet_deployment *d;
    struct fleet_plan plan;

    set_up();
    environment("staging");
    d = serving("production");
    world.quotas[QUOTA_DEPLOYMENTS] = 1;
    struct fleet_promote promote = {
        .environment = fleet_find_environment_of(fleet, model->id, STR("staging"))->object.key,
        .deployment = d->id};
    CHECK_INT(fleet_plan_promotion(fleet, &world, &promote, &plan, &problem), FLEET_QUOTA);
    CHECK_INT(fleet_promote(fleet, &world, &promote, &p, &problem), FLEET_QUOTA);
    struct fleet_push push = {.model = model->id, .package = PACKAGE, .development = true};
    CHECK_INT(fleet_push(fleet, &world, &push, &d, &problem), FLEET_QUOTA);
    world.quotas[QUOTA_DEPLOYMENTS] = 2;
    CHECK_INT(fleet_push(fleet, &world, &push, &d, &problem), FLEET_OK);
    CHECK_INT(fleet_push(fleet, &world, &push, &d, &problem), FLEET_OK); /* instead of the first */
    CHECK_INT(fleet_promote(fleet, &world, &promote, &p, &problem), FLEET_QUOTA);
    CHECK_STR(str_of(problem.message), "the model has 2 deployments, and "
                                       "quotas.deployments_per_model allows 2: delete some first");
    tear_down();
}

static void test_a_deleted_environment_holds_nothing(void)
{
    set_up();
    environment("staging");
    struct fleet_deployment *d = serving("staging");
    pass(100);
    CHECK_INT(fleet_usage_ms(fleet, fleet_first_usage(fleet), world.now_ns), 100000);
    CHECK_INT(fleet_first_usage(fleet)->to_ns, 0);
    CHECK_INT(fleet_delete_environment(fleet, &world, model->id, STR("staging"), &problem),
              FLEET_OK);
    CHECK(!fleet_find_environment_of(fleet, model->id, STR("staging")));
    CHECK_INT(d->environment.n, 0);
    CHECK_INT(d->status, STATUS_DEACTIVATING);
    work();
    CHECK_INT(d->status, STATUS_INACTIVE);
    struct fleet_usage *u = fleet_first_usage(fleet);
    CHECK_STR(u->environment, "staging");
    CHECK_STR(u->model_name, "llama");
    CHECK_STR(u->region, "aws-eu-west-1");
    CHECK_INT(u->replica_ms, 100000);
    CHECK_INT(u->to_ns, world.now_ns);
    CHECK_INT(fleet_usage_ms(fleet, u, world.now_ns + 5), 100000);
    CHECK_INT(fleet_delete_environment(fleet, &world, model->id, STR("staging"), &problem),
              FLEET_NOT_FOUND);
    tear_down();
}

static void test_a_deleted_model_leaves_its_history(void)
{
    set_up();
    environment("staging");
    serving("production");
    serving("");
    struct fleet_deployment *building = push("staging");
    str key = fleet_find_environment_of(fleet, model->id, STR("staging"))->promotion;
    struct fleet_promotion *p = fleet_find_promotion(fleet, key);
    struct fleet_action a;
    size_t cursor = 0, forgets = 0;

    (void)building;
    pass(10);
    CHECK_INT(fleet_delete_model(fleet, &world, model->id, &problem), FLEET_OK);
    CHECK(!fleet_first_model(fleet) && !fleet_first_environment(fleet) &&
          !fleet_first_deployment(fleet));
    CHECK_INT(p->status, PROMOTION_CANCELED);
    for (struct fleet_replica *r = fleet_first_replica(fleet); r; r = fleet_next_replica(fleet, r))
        CHECK_INT(r->state, REPLICA_STOPPING);
    work();
    pass(0);
    while (fleet_next_action(fleet, &cursor, &a))
        forgets += a.kind == ACTION_FORGET && fleet_find_leftover(fleet, a.id);
    CHECK_INT(forgets, 1); /* the one that never had replicas; others wait for theirs */
    pass(2);
    pass(2);
    pass(2);
    CHECK(!fleet_first_replica(fleet) && !fleet_first_leftover(fleet));
    CHECK_INT(fleet_first_usage(fleet)->replica_ms, 10000);
    pass(31 * 86400);
    CHECK(!fleet_first_promotion(fleet));
    CHECK(fleet_first_usage(fleet));
    tear_down();
}

static void test_deployments_that_may_be_deleted(void)
{
    set_up();
    struct fleet_deployment *only = serving("");
    CHECK_INT(fleet_delete_deployment(fleet, &world, only, &problem), FLEET_CONFLICT);
    struct fleet_deployment *current = serving("production");
    CHECK_INT(fleet_delete_deployment(fleet, &world, current, &problem), FLEET_CONFLICT);
    CHECK_INT(fleet_delete_deployment(fleet, &world, only, &problem), FLEET_OK);
    CHECK_INT(fleet_delete_deployment(fleet, &world, current, &problem), FLEET_CONFLICT);
    tear_down();
}

/* Time in an environment counts, time outside does not. */
static void test_usage_follows_the_environment(void)
{
    set_up();
    struct fleet_deployment *d = serving("");
    pass(50);
    CHECK(!fleet_first_usage(fleet));
    promote(d, "production");
    struct fleet_usage *first = fleet_first_usage(fleet);
    CHECK(first && first->to_ns == 0);
    work();
    pass(20);
    serving("production");
    CHECK_INT(first->replica_ms, 20000);
    CHECK_INT(first->to_ns, world.now_ns);
    struct fleet_usage *second = fleet_next_usage(fleet, first);
    CHECK(second && !str_eq(second->deployment, d->id) && second->to_ns == 0);
    tear_down();
}

static void test_groups_and_their_rules(void)
{
    set_up();
    CHECK_INT(fleet_set_group_rule(fleet, &world, team, STR("prod-eu"), STR("allow=eu"), &problem),
              FLEET_OK);
    CHECK_INT(fleet_set_group_rule(fleet, &world, team, STR("prod-eu"), STR("allow=eu"), &problem),
              FLEET_UNCHANGED);
    CHECK_INT(
        fleet_set_group_rule(fleet, &world, team, STR("prod-eu"), STR("allow=ee-uu"), &problem),
        FLEET_INVALID);
    CHECK_STR(str_of(problem.field), "region_rule");
    CHECK_INT(fleet_set_group_rule(fleet, &world, team, STR("Prod"), STR(""), &problem),
              FLEET_INVALID);
    CHECK_INT(fleet_set_group_rule(fleet, &world, STR("x"), STR("prod"), STR(""), &problem),
              FLEET_NOT_FOUND);
    CHECK_STR(fleet_group_of_environment(fleet, environment("prod-eu"))->rule, "allow=eu");
    tear_down();
}

static void add_user(const char *id, enum fleet_role role)
{
    struct fleet_user *u = (struct fleet_user *)fleet_add(fleet, FLEET_USER, str_of(id));

    fleet_set_str(&u->id, str_of(id));
    fleet_set_strs(&u->teams, &u->n_teams, &team, 1);
    u->role = role;
}

static void test_who_may_manage(void)
{
    static const struct {
        const char *user;
        bool may;
    } cases[] = {{"granted", true}, {"member", false}, {"team-admin", true},
                 {"admin", true},   {"nobody", false}, {"", true}};
    str granted = STR("granted");

    set_up();
    add_user("granted", ROLE_MEMBER);
    add_user("member", ROLE_MEMBER);
    add_user("team-admin", ROLE_TEAM_ADMIN);
    add_user("admin", ROLE_ORGANIZATION_ADMIN);
    set_rule("prod", "allow=eu");
    CHECK(fleet_may_manage(fleet, team, STR("prod"), STR("member")));
    struct fleet_group *g = fleet_edit(fleet, fleet_find_group_of(fleet, team, STR("prod")));
    g->restricted = true;
    fleet_set_strs(&g->user_ids, &g->n_user_ids, &granted, 1);
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_INT(fleet_may_manage(fleet, team, STR("prod"), str_of(cases[i].user)), cases[i].may);
    CHECK(fleet_may_manage(fleet, team, STR("other"), STR("member")));
    tear_down();
}

static void test_settings_have_ranges(void)
{
    struct fleet_environment *e;
    struct fleet_autoscaling a;
    struct fleet_promotion_settings p;

    set_up();
    e = environment("production");
    a = e->autoscaling;
    p = e->promotion_settings;
    CHECK_INT(fleet_set_environment(fleet, &world, e, &a, &p, &problem), FLEET_UNCHANGED);
    p.max_unavailable_percent = 5;
    CHECK_INT(fleet_set_environment(fleet, &world, e, &a, &p, &problem), FLEET_INVALID);
    p.max_surge_percent = 0;
    CHECK_INT(fleet_set_environment(fleet, &world, e, &a, &p, &problem), FLEET_OK);
    p.max_unavailable_percent = 0;
    CHECK_INT(fleet_set_environment(fleet, &world, e, &a, &p, &problem), FLEET_INVALID);
    p.max_unavailable_percent = 51;
    CHECK_INT(fleet_set_environment(fleet, &world, e, &a, &p, &problem), FLEET_INVALID);
    CHECK_STR(str_of(problem.message), "max_unavailable_percent: 51; 0 to 50 are expected");
    p.max_unavailable_percent = 5;
    a.autoscaling_window_s = 9;
    CHECK_INT(fleet_set_environment(fleet, &world, e, &a, &p, &problem), FLEET_INVALID);
    CHECK_STR(str_of(problem.field), "autoscaling_window");
    CHECK_INT(e->autoscaling.autoscaling_window_s, 60);
    tear_down();
}

int main(void)
{
    RUN(test_a_model_comes_with_production);
    RUN(test_a_team_has_as_many_as_it_may);
    RUN(test_a_model_has_as_many_deployments_as_it_may);
    RUN(test_a_deleted_environment_holds_nothing);
    RUN(test_a_deleted_model_leaves_its_history);
    RUN(test_deployments_that_may_be_deleted);
    RUN(test_usage_follows_the_environment);
    RUN(test_groups_and_their_rules);
    RUN(test_who_may_manage);
    RUN(test_settings_have_ranges);
    return test_end();
}

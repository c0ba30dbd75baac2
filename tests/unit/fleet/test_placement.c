/* Where replicas run: inside both rules, always, and again after rules and planes have changed. */

#include "world.h"

static const struct fleet_plane *chosen(const char *rule)
{
    struct fleet_deployment d = {.id = STR("none")};

    return placement_choose(fleet, &world, &d, str_of(rule), &problem);
}

static void test_only_planes_inside_both_rules(void)
{
    static const struct {
        const char *organization, *rule, *plane;
    } cases[] = {
        {"", "", "ie"},
        {"", "allow=eu", "ie"},
        {"", "allow=us", "us"},
        {"", "allow=fr", "fr"},
        {"", "allow=eu;exclude=ie", "fr"},
        {"allow=eu", "allow=us", NULL},
        {"allow=us", "", "us"},
        {"allow=eu", "allow=fr,us", "fr"},
        {"", "allow=scaleway-par-1", NULL}, /* the plane says no more than France */
        {"", "nonsense", NULL},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set_up();
        world.organization_rule = str_of(cases[i].organization);
        const struct fleet_plane *p = chosen(cases[i].rule);
        CHECK_INT(p != NULL, cases[i].plane != NULL);
        if (p)
            CHECK_STR(p->name, cases[i].plane);
        tear_down();
    }
}

static void test_the_words_name_rules_and_planes(void)
{
    set_up();
    planes[PLANE_US].available = false;
    planes[PLANE_US].why = STR("no answer");
    world.organization_rule = STR("allow=us");
    CHECK(!chosen("allow=ie,us"));
    CHECK_STR(str_of(problem.message),
              "no plane can run it under the organisation's rule allow=us and the environment's "
              "rule allow=ie,us: ie (aws-eu-west-1) lies outside; fr (FR) lies outside; us "
              "(aws-us-east-1) is not available: no answer");
    world.n_planes = 0;
    CHECK(!chosen(""));
    CHECK_STR(str_of(problem.message),
              "no plane can run it under the organisation's rule allow=us: there is no plane at "
              "all");
    tear_down();
}

static void set_replicas(struct fleet_deployment *d, uint32_t n)
{
    struct fleet_autoscaling a = d->autoscaling;

    a.min_replica = a.max_replica = n;
    CHECK_INT(fleet_set_autoscaling(fleet, &world, d, &a, &problem), FLEET_OK);
}

static uint32_t on(const struct fleet_deployment *d, const char *plane)
{
    uint32_t n = 0;

    for (struct fleet_replica *r = fleet_first_replica(fleet); r; r = fleet_next_replica(fleet, r))
        n += r->state < REPLICA_STOPPING && str_eq(r->deployment, d->id) &&
             str_eq(r->plane, str_of(plane));
    return n;
}

static void test_replicas_are_spread_and_rooms_are_full(void)
{
    set_up();
    planes[PLANE_IE].replicas_max = 1;
    struct fleet_deployment *d = serving("");
    set_replicas(d, 5);
    CHECK_INT(on(d, "ie"), 1);
    CHECK_INT(on(d, "fr"), 2);
    CHECK_INT(on(d, "us"), 2);
    struct fleet_deployment *other = push("");
    built(other);
    CHECK_INT(on(other, "fr"), 1);
    tear_down();
}

static void test_a_tightened_rule_moves_what_runs(void)
{
    set_up();
    set_rule("production", "allow=eu,us");
    struct fleet_deployment *d = serving("production");
    set_replicas(d, 3);
    work();
    CHECK_INT(on(d, "ie") + on(d, "fr") + on(d, "us"), 3);
    CHECK_INT(on(d, "us"), 1);
    set_rule("production", "allow=eu");
    CHECK_STR(d->rule, "allow=eu");
    CHECK_INT(on(d, "us"), 0);
    CHECK_INT(count(d, REPLICA_STOPPING), 1);
    CHECK_INT(count(d, REPLICA_PENDING), 1);
    CHECK_INT(d->status, STATUS_ACTIVE);
    work();
    set_rule("production", "allow=us");
    CHECK_INT(d->status, STATUS_UPDATING);
    CHECK_INT(on(d, "us"), 3);
    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    tear_down();
}

static void test_no_plane_keeps_nothing_running(void)
{
    set_up();
    struct fleet_deployment *d = serving("production");
    set_rule("production", "allow=jp");
    CHECK_INT(count(d, REPLICA_STOPPING), 1);
    CHECK_INT(d->status, STATUS_UNHEALTHY);
    CHECK(str_search(d->why, STR("allow=jp")) < d->why.n);
    CHECK(str_search(d->why, STR("fr (FR) lies outside")) < d->why.n);
    work();
    pass(600);
    CHECK_INT(on(d, "ie") + on(d, "fr") + on(d, "us"), 0);
    set_rule("production", "");
    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    tear_down();
}

static void test_the_organisations_rule_binds_what_stands_alone(void)
{
    set_up();
    struct fleet_deployment *d = serving("");
    CHECK_INT(on(d, "ie"), 1);
    world.organization_rule = STR("allow=us");
    pass(0);
    CHECK_INT(on(d, "us"), 1);
    CHECK_INT(count(d, REPLICA_STOPPING), 1);
    tear_down();
}

static void test_planes_that_change(void)
{
    set_up();
    struct fleet_deployment *d = serving("production");
    struct fleet_replica *r = replica(d, REPLICA_READY);
    planes[PLANE_IE].available = false; /* what runs there may go on */
    pass(0);
    CHECK_INT(r->state, REPLICA_READY);
    declare_plane(PLANE_IE, "ie", "aws-eu-central-1");
    pass(0);
    CHECK_INT(r->state, REPLICA_STOPPING);
    work();
    r = replica(d, REPLICA_READY);
    declare_plane(PLANE_FR, "another", "FR");
    declare_plane(PLANE_IE, "yet-another", "IE");
    declare_plane(PLANE_US, "the-last", "US");
    pass(0);
    CHECK_INT(r->state, REPLICA_STOPPING);
    CHECK_STR(r->why, "its plane is no more");
    CHECK_INT(d->restarts, 0);
    CHECK_INT(count(d, REPLICA_PENDING), 1);
    tear_down();
}

/* --- what others run */

static enum fleet_outcome push_external(const char *region, const char *to,
                                        struct fleet_deployment **ret)
{
    const struct fleet_push push = {.model = model->id,
                                    .url = STR("https://gpu.example/v1"),
                                    .region = str_of(region),
                                    .environment = str_of(to),
                                    .scale_down_previous = true};

    return fleet_push(fleet, &world, &push, ret, &problem);
}

static void test_an_external_deployment_serves_at_once(void)
{
    struct fleet_action a;
    struct fleet_deployment *d;
    size_t cursor = 0;

    set_up();
    world.n_planes = 0;
    CHECK_INT(push_external("FR", "production", &d), FLEET_OK);
    CHECK_INT(d->status, STATUS_ACTIVE);
    CHECK(str_eq(environment("production")->current, d->id));
    CHECK_INT(count(d, REPLICA_READY), 1);
    CHECK(!fleet_next_action(fleet, &cursor, &a));
    pass(100000);
    CHECK_INT(d->status, STATUS_ACTIVE);
    struct fleet_replica *r = replica(d, REPLICA_READY);
    fleet_observe_replica(fleet, &world, r->id, SEEN_GONE, STR("lie"));
    pass(0);
    CHECK_INT(r->state, REPLICA_READY);
    CHECK_INT(fleet_terminate_replica(fleet, &world, r, &problem), FLEET_CONFLICT);
    CHECK_INT(fleet_deactivate(fleet, &world, d, &problem), FLEET_OK);
    CHECK_INT(d->status, STATUS_INACTIVE);
    tear_down();
}

static void test_an_external_deployment_keeps_to_the_rule(void)
{
    struct fleet_deployment *d = NULL;

    set_up();
    CHECK_INT(push_external("nowhere", "", &d), FLEET_INVALID);
    set_rule("production", "allow=us");
    CHECK_INT(push_external("FR", "production", &d), FLEET_INVALID);
    CHECK(strstr(problem.message, "allow=us"));
    CHECK(!d);
    CHECK_INT(push_external("us", "production", &d), FLEET_OK);
    CHECK_INT(d->status, STATUS_ACTIVE);
    set_rule("production", "allow=eu");
    CHECK_INT(count(d, REPLICA_READY), 0);
    CHECK_INT(d->status, STATUS_UNHEALTHY);
    set_rule("production", "allow=us");
    CHECK_INT(d->status, STATUS_ACTIVE);
    tear_down();
}

int main(void)
{
    RUN(test_only_planes_inside_both_rules);
    RUN(test_the_words_name_rules_and_planes);
    RUN(test_replicas_are_spread_and_rooms_are_full);
    RUN(test_a_tightened_rule_moves_what_runs);
    RUN(test_no_plane_keeps_nothing_running);
    RUN(test_the_organisations_rule_binds_what_stands_alone);
    RUN(test_planes_that_change);
    RUN(test_an_external_deployment_serves_at_once);
    RUN(test_an_external_deployment_keeps_to_the_rule);
    return test_end();
}

/* One deployment through its life: statuses, restarts, sleep, and what people ask of it. */

#include "world.h"

static void crash(struct fleet_deployment *d)
{
    struct fleet_replica *r = replica(d, REPLICA_READY);

    see(r ? r : replica(d, REPLICA_PENDING), SEEN_GONE);
}

static void test_never_scaled_to_zero_before_it_was_active(void)
{
    set_up();
    struct fleet_deployment *d = push("");
    enum fleet_status seen[] = {STATUS_BUILDING, STATUS_DEPLOYING, STATUS_LOADING_MODEL,
                                STATUS_ACTIVE};

    CHECK_INT(d->status, seen[0]);
    pass(1700);
    CHECK_INT(d->status, seen[0]);
    built(d);
    CHECK_INT(d->status, seen[1]);
    see(replica(d, REPLICA_PENDING), SEEN_STARTED);
    pass(1700);
    CHECK_INT(d->status, seen[2]);
    CHECK(!d->has_autoscaling);
    see(replica(d, REPLICA_STARTING), SEEN_READY);
    CHECK_INT(d->status, seen[3]);
    CHECK(d->has_autoscaling && d->was_active);
    pass(899);
    CHECK_INT(d->status, STATUS_ACTIVE);
    pass(1);
    CHECK_INT(d->status, STATUS_SCALED_TO_ZERO);
    CHECK_INT(count(d, REPLICA_STOPPING), 1);
    tear_down();
}

static void test_back_off_doubles_and_ends_with_readiness(void)
{
    static const int pauses[] = {1, 2, 4, 8, 16, 32, 60, 60};

    set_up();
    struct fleet_deployment *d = serving("production");
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < COUNT_OF(pauses); i++) {
            crash(d);
            CHECK_INT(count(d, REPLICA_PENDING), 0);
            pass(pauses[i] - 1);
            CHECK_INT(count(d, REPLICA_PENDING), 0);
            CHECK_INT(d->status, STATUS_UNHEALTHY);
            CHECK_STR(d->why, "exit 1");
            pass(1);
            CHECK_INT(count(d, REPLICA_PENDING), 1);
        }
        work();
        CHECK_INT(d->status, STATUS_ACTIVE);
        CHECK_INT(d->why.n, 0);
    }
    tear_down();
}

static void test_a_first_deployment_fails_after_three_restarts(void)
{
    set_up();
    struct fleet_deployment *d = push("");
    built(d);
    for (int i = 0; i < 3; i++) {
        crash(d);
        CHECK_INT(d->status, STATUS_DEPLOYING);
        pass(60);
    }
    crash(d);
    CHECK_INT(d->status, STATUS_DEPLOY_FAILED);
    CHECK_INT(d->target, TARGET_INACTIVE);
    pass(3600);
    CHECK_INT(count(d, REPLICA_PENDING), 0);
    CHECK_INT(fleet_activate(fleet, &world, d, &problem), FLEET_CONFLICT);
    CHECK_INT(fleet_wake(fleet, &world, d, &problem), FLEET_CONFLICT);
    CHECK_INT(fleet_retry(fleet, &world, d, &problem), FLEET_OK);
    CHECK_INT(d->status, STATUS_DEPLOYING);
    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    CHECK_INT(fleet_retry(fleet, &world, d, &problem), FLEET_UNCHANGED);
    tear_down();
}

/* A mishap that takes several replicas at once counts once. */
static void test_replicas_that_end_together_count_once(void)
{
    set_up();
    struct fleet_autoscaling a = {.min_replica = 5,
                                  .max_replica = 5,
                                  .autoscaling_window_s = 60,
                                  .concurrency_target = 1,
                                  .target_utilization_percentage = 70,
                                  .max_scale_down_rate = 50};
    struct fleet_deployment *d = push("");
    CHECK_INT(fleet_set_autoscaling(fleet, &world, d, &a, &problem), FLEET_OK);
    built(d);
    CHECK_INT(count(d, REPLICA_PENDING), 5);
    while (replica(d, REPLICA_PENDING))
        crash(d);
    CHECK_INT(d->restarts, 1);
    CHECK_INT(d->status, STATUS_DEPLOYING);
    tear_down();
}

static void test_the_push_says_the_deadline(void)
{
    struct fleet_deployment *d;
    struct fleet_push push = {.package = PACKAGE, .deploy_timeout_ns = 600 * NS_PER_S};

    set_up();
    push.model = model->id;
    CHECK_INT(fleet_push(fleet, &world, &push, &d, &problem), FLEET_OK);
    pass(601);
    CHECK_INT(d->status, STATUS_BUILDING);
    built(d);
    pass(599);
    CHECK_INT(d->status, STATUS_DEPLOYING);
    pass(1);
    CHECK_INT(d->status, STATUS_DEPLOY_FAILED);
    tear_down();
}

static void test_demand_keeps_it_awake_and_wakes_it(void)
{
    set_up();
    struct fleet_deployment *d = serving("production");
    for (int i = 0; i < 20; i++) {
        pass(600);
        fleet_observe_demand(fleet, &world, d->id, 0, 0, 1);
    }
    CHECK_INT(d->status, STATUS_ACTIVE);
    for (int i = 0; i < 20; i++) {
        pass(600);
        fleet_observe_demand(fleet, &world, d->id, 1, 0, 0);
    }
    CHECK_INT(d->status, STATUS_ACTIVE);
    fleet_observe_demand(fleet, &world, d->id, 0, 0, 0);
    pass(901);
    CHECK_INT(d->status, STATUS_SCALED_TO_ZERO);
    work();
    fleet_observe_demand(fleet, &world, d->id, 0, 1, 0);
    CHECK_INT(d->status, STATUS_WAKING_UP);
    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    CHECK_INT(fleet_wake(fleet, &world, d, &problem), FLEET_UNCHANGED);
    tear_down();
}

static void test_what_woke_it_finds_it_awake(void)
{
    struct fleet_autoscaling a;

    set_up();
    struct fleet_deployment *d = serving("");
    a = d->autoscaling;
    a.scale_down_delay_s = 0;
    CHECK_INT(fleet_set_autoscaling(fleet, &world, d, &a, &problem), FLEET_OK);
    pass(11);
    work();
    CHECK_INT(d->status, STATUS_SCALED_TO_ZERO);
    CHECK_INT(fleet_wake(fleet, &world, d, &problem), FLEET_OK);
    pass(100);
    CHECK_INT(d->status, STATUS_WAKING_UP);
    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    tear_down();
}

static void test_min_replica_wakes_and_holds(void)
{
    struct fleet_autoscaling a;

    set_up();
    struct fleet_deployment *d = serving("production");
    pass(901);
    work();
    CHECK_INT(d->status, STATUS_SCALED_TO_ZERO);
    a = d->autoscaling;
    a.min_replica = a.max_replica = 3;
    CHECK_INT(fleet_set_autoscaling(fleet, &world, d, &a, &problem), FLEET_OK);
    CHECK_INT(
        fleet_find_environment_of(fleet, model->id, STR("production"))->autoscaling.min_replica, 3);
    work();
    CHECK_INT(count(d, REPLICA_READY), 3);
    pass(100000);
    CHECK_INT(count(d, REPLICA_READY), 3);
    a.min_replica = 1;
    CHECK_INT(fleet_set_autoscaling(fleet, &world, d, &a, &problem), FLEET_OK);
    CHECK_INT(count(d, REPLICA_READY), 1);
    CHECK_INT(fleet_set_autoscaling(fleet, &world, d, &a, &problem), FLEET_UNCHANGED);
    a.min_replica = 4;
    CHECK_INT(fleet_set_autoscaling(fleet, &world, d, &a, &problem), FLEET_INVALID);
    CHECK_STR(str_of(problem.field), "min_replica");
    tear_down();
}

static void test_a_terminated_replica_is_replaced(void)
{
    set_up();
    struct fleet_deployment *d = serving("production");
    struct fleet_replica *r = replica(d, REPLICA_READY);
    CHECK_INT(fleet_terminate_replica(fleet, &world, r, &problem), FLEET_OK);
    CHECK_INT(r->state, REPLICA_STOPPING);
    CHECK_INT(d->status, STATUS_UPDATING);
    CHECK_INT(count(d, REPLICA_PENDING), 1);
    CHECK_INT(fleet_terminate_replica(fleet, &world, r, &problem), FLEET_UNCHANGED);
    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    CHECK_INT(d->restarts, 0);
    tear_down();
}

static void test_deactivate_and_activate(void)
{
    set_up();
    struct fleet_deployment *d = serving("production");
    CHECK_INT(fleet_deactivate(fleet, &world, d, &problem), FLEET_OK);
    CHECK_INT(d->status, STATUS_DEACTIVATING);
    work();
    CHECK_INT(d->status, STATUS_INACTIVE);
    CHECK(d->deactivated_ns);
    CHECK_INT(fleet_wake(fleet, &world, d, &problem), FLEET_CONFLICT);
    fleet_observe_demand(fleet, &world, d->id, 0, 1, 0);
    CHECK_INT(d->status, STATUS_INACTIVE);
    CHECK_INT(fleet_activate(fleet, &world, d, &problem), FLEET_OK);
    CHECK_INT(d->status, STATUS_DEPLOYING);
    CHECK_INT(fleet_activate(fleet, &world, d, &problem), FLEET_UNCHANGED);
    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    struct fleet_deployment *next = push("production");
    CHECK_INT(fleet_deactivate(fleet, &world, next, &problem), FLEET_CONFLICT);
    tear_down();
}

static void test_readiness_comes_and_goes(void)
{
    set_up();
    struct fleet_deployment *d = serving("production");
    struct fleet_replica *r = replica(d, REPLICA_READY);
    see(r, SEEN_NOT_READY);
    CHECK_INT(r->state, REPLICA_UNHEALTHY);
    CHECK_INT(d->status, STATUS_UNHEALTHY);
    CHECK_INT(count(d, REPLICA_PENDING), 0);
    see(r, SEEN_READY);
    CHECK_INT(d->status, STATUS_ACTIVE);
    tear_down();
}

static void test_what_is_late_is_ignored(void)
{
    set_up();
    struct fleet_deployment *d = serving("production");
    struct fleet_replica *r = replica(d, REPLICA_READY);
    fleet_observe_build(fleet, &world, d->id, "too late");
    pass(0);
    CHECK_INT(d->status, STATUS_ACTIVE);
    see(r, SEEN_STARTED);
    CHECK_INT(r->state, REPLICA_READY);
    CHECK_INT(fleet_deactivate(fleet, &world, d, &problem), FLEET_OK);
    see(r, SEEN_READY);
    CHECK_INT(r->state, REPLICA_STOPPING);
    see(r, SEEN_GONE);
    see(r, SEEN_READY);
    CHECK_INT(r->state, REPLICA_GONE);
    CHECK_INT(d->restarts, 0);
    fleet_observe_replica(fleet, &world, STR("nobody"), SEEN_READY, STR_NULL);
    fleet_observe_build(fleet, &world, STR("nothing"), NULL);
    fleet_observe_demand(fleet, &world, STR("nothing"), 1, 1, 1);
    tear_down();
}

static enum fleet_action_kind action_for(str id)
{
    struct fleet_action a;
    size_t cursor = 0;

    while (fleet_next_action(fleet, &cursor, &a))
        if (str_eq(a.id, id))
            return a.kind;
    return (enum fleet_action_kind)99;
}

static void test_actions_follow_from_the_state(void)
{
    int64_t next;

    set_up();
    struct fleet_deployment *d = push("");
    CHECK_INT(action_for(d->id), ACTION_BUILD);
    built(d);
    CHECK_INT(action_for(d->id), 99);
    struct fleet_replica *r = replica(d, REPLICA_PENDING);
    CHECK_INT(action_for(r->id), ACTION_START);
    see(r, SEEN_READY);
    CHECK_INT(action_for(r->id), 99);
    CHECK_INT(fleet_deactivate(fleet, &world, d, &problem), FLEET_OK);
    CHECK_INT(action_for(r->id), ACTION_STOP);
    see(r, SEEN_GONE);
    CHECK_INT(action_for(r->id), ACTION_FORGET);
    fleet_tick(fleet, &world, &next);
    CHECK_INT(next, world.now_ns + 2 * NS_PER_S);
    CHECK(replica(d, REPLICA_GONE));
    pass(2);
    CHECK(!replica(d, REPLICA_GONE));
    fleet_tick(fleet, &world, &next);
    CHECK(next == INT64_MAX);
    tear_down();
}

static void test_tick_says_when_something_is_due(void)
{
    int64_t next;

    set_up();
    struct fleet_deployment *d = push("production");
    built(d);
    fleet_tick(fleet, &world, &next);
    CHECK_INT(next, world.now_ns + 1800 * NS_PER_S);
    see(replica(d, REPLICA_PENDING), SEEN_READY);
    fleet_tick(fleet, &world, &next);
    CHECK_INT(next, world.now_ns + 900 * NS_PER_S);
    crash(d);
    fleet_tick(fleet, &world, &next);
    CHECK_INT(next, world.now_ns + 1 * NS_PER_S);
    tear_down();
}

int main(void)
{
    RUN(test_never_scaled_to_zero_before_it_was_active);
    RUN(test_back_off_doubles_and_ends_with_readiness);
    RUN(test_a_first_deployment_fails_after_three_restarts);
    RUN(test_replicas_that_end_together_count_once);
    RUN(test_the_push_says_the_deadline);
    RUN(test_demand_keeps_it_awake_and_wakes_it);
    RUN(test_what_woke_it_finds_it_awake);
    RUN(test_min_replica_wakes_and_holds);
    RUN(test_a_terminated_replica_is_replaced);
    RUN(test_deactivate_and_activate);
    RUN(test_readiness_comes_and_goes);
    RUN(test_what_is_late_is_ignored);
    RUN(test_actions_follow_from_the_state);
    RUN(test_tick_says_when_something_is_due);
    return test_end();
}

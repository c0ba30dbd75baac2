/* Promotion, plain: reuse or redeploy, the swap, clean-up, failure, cancel. */

#include "world.h"

static void set_settings(const char *name, void (*change)(struct fleet_autoscaling *,
                                                          struct fleet_promotion_settings *))
{
    struct fleet_environment *e = environment(name);
    struct fleet_autoscaling a = e->autoscaling;
    struct fleet_promotion_settings p = e->promotion_settings;

    change(&a, &p);
    CHECK_INT(fleet_set_environment(fleet, &world, e, &a, &p, &problem), FLEET_OK);
}

static void redeploys(struct fleet_autoscaling *a, struct fleet_promotion_settings *p)
{
    (void)a;
    p->redeploy_on_promotion = true;
}

static void two_replicas(struct fleet_autoscaling *a, struct fleet_promotion_settings *p)
{
    (void)p;
    a->min_replica = 2;
    a->max_replica = 3;
}

static void one_replica(struct fleet_autoscaling *a, struct fleet_promotion_settings *p)
{
    (void)p;
    a->min_replica = 1;
    a->max_replica = 1;
}

static void rolls(struct fleet_autoscaling *a, struct fleet_promotion_settings *p)
{
    (void)a;
    p->rolling_deploy = true;
}

static void keeps(struct fleet_autoscaling *a, struct fleet_promotion_settings *p)
{
    (void)a;
    p->cleanup_strategy = CLEANUP_KEEP;
}

static void deactivates(struct fleet_autoscaling *a, struct fleet_promotion_settings *p)
{
    (void)a;
    p->cleanup_strategy = CLEANUP_DEACTIVATE;
}

static void test_push_to_an_environment(void)
{
    set_up();
    struct fleet_environment *e = environment("production");
    struct fleet_deployment *d = push("production");
    struct fleet_promotion *p = fleet_find_promotion(fleet, e->promotion);

    CHECK(p);
    CHECK_INT(p->status, PROMOTION_RELEASING);
    CHECK_INT(d->status, STATUS_BUILDING);
    CHECK_STR(d->environment, "production");
    CHECK_STR(d->told_environment, "production");
    CHECK_STR(d->name, "deployment-1");
    built(d);
    CHECK_INT(d->status, STATUS_DEPLOYING);
    see(replica(d, REPLICA_PENDING), SEEN_STARTED);
    CHECK_INT(d->status, STATUS_LOADING_MODEL);
    CHECK_INT(e->current.n, 0);
    see(replica(d, REPLICA_STARTING), SEEN_READY);
    CHECK_INT(d->status, STATUS_ACTIVE);
    CHECK_INT(p->status, PROMOTION_SUCCEEDED);
    CHECK(str_eq(e->current, d->id));
    CHECK_INT(e->promotion.n, 0);
    CHECK(str_eq(e->last_promotion, p->id));
    tear_down();
}

static void test_the_swap_and_the_clean_up(void)
{
    static const struct {
        void (*change)(struct fleet_autoscaling *, struct fleet_promotion_settings *);
        enum fleet_status status;
    } cases[] = {{two_replicas, STATUS_SCALED_TO_ZERO},
                 {keeps, STATUS_ACTIVE},
                 {deactivates, STATUS_INACTIVE}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set_up();
        set_settings("production", cases[i].change);
        struct fleet_environment *e = environment("production");
        struct fleet_deployment *old = serving("production"), *next = push("production");
        uint32_t n = e->autoscaling.min_replica ? e->autoscaling.min_replica : 1;

        CHECK_INT(count(old, REPLICA_READY), n);
        built(next);
        CHECK_INT(count(next, REPLICA_PENDING), n);
        while (replica(next, REPLICA_PENDING)) {
            CHECK(str_eq(e->current, old->id));
            CHECK_INT(count(old, REPLICA_READY), n);
            see(replica(next, REPLICA_PENDING), SEEN_READY);
        }
        CHECK(str_eq(e->current, next->id));
        CHECK_INT(old->environment.n, 0);
        CHECK_INT(old->told_environment.n, 0);
        work();
        CHECK_INT(old->status, cases[i].status);
        CHECK_INT(next->autoscaling.min_replica, e->autoscaling.min_replica);
        tear_down();
    }
}

static void test_settings_apply_to_the_winner_only(void)
{
    set_up();
    set_settings("production", two_replicas);
    struct fleet_deployment *d = push("production");

    CHECK_INT(d->autoscaling.min_replica, 0);
    fleet_observe_build(fleet, &world, d->id, "no such package");
    pass(0);
    CHECK_INT(d->status, STATUS_BUILD_FAILED);
    CHECK_INT(d->autoscaling.min_replica, 0);
    CHECK(!d->has_autoscaling);
    CHECK_INT(serving("production")->autoscaling.min_replica, 2);
    tear_down();
}

static void test_capacity_is_kept(void)
{
    set_up();
    set_settings("production", two_replicas);
    struct fleet_deployment *old = serving("production");
    set_settings("production", one_replica);
    CHECK_INT(count(old, REPLICA_READY), 1);
    set_settings("production", two_replicas);
    work();
    struct fleet_deployment *next = push("production");
    CHECK_INT(fleet_find_promotion(fleet, environment("production")->promotion)->candidate_replicas,
              2);
    built(next);
    CHECK_INT(count(next, REPLICA_PENDING), 2);
    tear_down();
}

/* --- reuse or redeploy */

static void alone(void) {}

static void in_staging(void)
{
    environment("staging");
}

static void production_redeploys(void)
{
    set_settings("production", redeploys);
}

static void production_has_a_type(void)
{
    fleet_set_str(&environment("production")->instance_type, STR("H100"));
}

static void production_has_a_rule(void)
{
    set_rule("production", "allow=eu");
}

static void test_reuse_or_redeploy(void)
{
    static const struct {
        void (*before)(void);
        const char *in;
        bool redeploys;
        const char *reason;
    } cases[] = {
        {alone, "", false, "nothing about it has to change"},
        {in_staging, "staging", true, "it belongs to another environment"},
        {production_redeploys, "", true, "the environment redeploys on promotion"},
        {production_has_a_type, "", true, "the environment has another instance type"},
        {production_has_a_rule, "", true, "it was not placed under the environment's region rule"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set_up();
        cases[i].before();
        struct fleet_deployment *d = serving(cases[i].in);
        struct fleet_promotion *p = promote(d, "production");

        CHECK_STR(p->reason, cases[i].reason);
        CHECK_INT(p->redeployed, cases[i].redeploys);
        CHECK_INT(str_eq(p->candidate, d->id), !cases[i].redeploys);
        work();
        CHECK_INT(p->status, PROMOTION_SUCCEEDED);
        struct fleet_deployment *winner =
            fleet_find_deployment(fleet, environment("production")->current);
        CHECK(str_eq(winner->id, p->candidate));
        CHECK_STR(winner->environment, "production");
        CHECK_STR(winner->told_environment, "production");
        if (cases[i].redeploys) {
            CHECK(str_eq(winner->copied_from, d->id));
            CHECK(str_eq(winner->package, d->package));
            CHECK_STR(d->environment, cases[i].in);
            CHECK_INT(d->status, STATUS_ACTIVE);
        }
        tear_down();
    }
}

/* "" is the smallest type, wherever it stands. */
static void test_instance_types_are_compared_by_what_they_mean(void)
{
    static const struct {
        const char *environment, *current, *own;
        bool preserve, redeploys;
        const char *planned;
    } cases[] = {
        {"", "", "", true, false, "1x2"},          {"", "", "1x2", true, false, "1x2"},
        {"", "", "H100", true, true, "1x2"},       {"", "", "H100", false, false, "H100"},
        {"1x2", "1x2", "", true, false, "1x2"},    {"H100", "H100", "", true, true, "H100"},
        {"H100", "H100", "", false, false, "1x2"}, {"", "H100", "", true, true, "H100"},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct fleet_plan plan;

        set_up();
        struct fleet_deployment *current = serving("production"), *d = serving("");
        struct fleet_environment *e = environment("production");
        fleet_set_str(&current->instance_type, str_of(cases[i].current));
        fleet_set_str(&e->instance_type, str_of(cases[i].environment));
        fleet_set_str(&d->instance_type, str_of(cases[i].own));
        const struct fleet_promote what = {.environment = e->object.key,
                                           .deployment = d->id,
                                           .preserve_environment_instance_type = cases[i].preserve};
        CHECK_INT(fleet_plan_promotion(fleet, &world, &what, &plan, &problem), FLEET_OK);
        CHECK_INT(plan.redeploys, cases[i].redeploys);
        CHECK_STR(plan.reason, cases[i].redeploys ? "the environment has another instance type"
                                                  : "nothing about it has to change");
        CHECK_STR(plan.instance_type, cases[i].planned);
        tear_down();
    }
}

/* What runs with another type is promoted anew, and the environment has the type once that is done.
 */
static void test_another_instance_type_waits_for_what_runs_with_it(void)
{
    set_up();
    struct fleet_environment *e = environment("production");
    struct fleet_promotion *p;

    CHECK_INT(fleet_set_instance_type(fleet, &world, e, STR("2x8"), &p, &problem), FLEET_OK);
    CHECK(!p);
    CHECK_INT(fleet_set_instance_type(fleet, &world, e, STR("2x8"), &p, &problem), FLEET_UNCHANGED);
    fleet_set_str(&e->instance_type, STR_NULL);
    const struct fleet_deployment *d = serving("production");
    for (int fails = 1; fails >= 0; fails--) {
        CHECK_INT(fleet_set_instance_type(fleet, &world, e, STR("H100"), &p, &problem), FLEET_OK);
        CHECK_STR(p->reason, "the environment has another instance type");
        CHECK_STR(fleet_find_deployment(fleet, p->candidate)->instance_type, "H100");
        CHECK(!str_eq(e->instance_type, STR("H100")));
        struct fleet_promotion *other;
        CHECK_INT(fleet_set_instance_type(fleet, &world, e, STR("1x4"), &other, &problem),
                  FLEET_CONFLICT);
        if (!fails)
            break;
        CHECK_INT(fleet_cancel_promotion(fleet, &world, e, &problem), FLEET_OK);
        CHECK(!str_eq(e->instance_type, STR("H100")));
        CHECK(str_eq(e->current, d->id));
        work();
    }
    work();
    CHECK_INT(p->status, PROMOTION_SUCCEEDED);
    CHECK_STR(e->instance_type, "H100");
    CHECK(str_eq(e->current, p->candidate));
    tear_down();
}

static void test_a_development_deployment_is_always_redeployed(void)
{
    struct fleet_deployment *d, *again;
    struct fleet_push push = {.model = STR_NULL, .package = PACKAGE, .development = true};

    set_up();
    push.model = model->id;
    CHECK_INT(fleet_push(fleet, &world, &push, &d, &problem), FLEET_OK);
    work();
    struct fleet_promotion *p = promote(d, "production");
    CHECK_STR(p->reason, "it is the development deployment");
    work();
    CHECK(!fleet_find_deployment(fleet, environment("production")->current)->development);
    str old = d->id;
    char storage[16];
    memcpy(storage, old.p, old.n);
    CHECK_INT(fleet_push(fleet, &world, &push, &again, &problem), FLEET_OK);
    CHECK(!fleet_find_deployment(fleet, str_make(storage, old.n)));
    push.environment = STR("production");
    CHECK_INT(fleet_push(fleet, &world, &push, &again, &problem), FLEET_INVALID);
    tear_down();
}

/* Equal or narrower is good enough, also for one that had been in the environment. */
static void test_a_narrower_rule_is_reused(void)
{
    set_up();
    set_rule("production", "allow=fr");
    struct fleet_deployment *d = serving("production");
    serving("production");
    CHECK_INT(d->environment.n, 0);
    CHECK_STR(d->rule, "allow=fr");
    set_rule("production", "allow=eu");
    CHECK(!promote(d, "production")->redeployed);
    CHECK_STR(d->rule, "allow=eu");
    work();
    serving("production");
    set_rule("production", "allow=ie");
    CHECK(promote(d, "production")->redeployed);
    tear_down();
}

static void test_the_plan_says_what_happens(void)
{
    struct fleet_plan plan;

    set_up();
    set_rule("production", "allow=eu");
    set_settings("production", two_replicas);
    struct fleet_deployment *old = serving("production"), *d = serving("");
    const struct fleet_promote what = {.environment = environment("production")->object.key,
                                       .deployment = d->id,
                                       .scale_down_previous = true,
                                       .preserve_environment_instance_type = true};
    CHECK_INT(fleet_plan_promotion(fleet, &world, &what, &plan, &problem), FLEET_OK);
    CHECK(plan.redeploys);
    CHECK(str_eq(plan.previous, old->id));
    CHECK_STR(plan.rule, "allow=eu");
    CHECK_INT(plan.replicas, 2);
    CHECK_INT(plan.n_planes, 2);
    CHECK_INT(plan.autoscaling.min_replica, 2);
    CHECK_INT(plan.cleanup, CLEANUP_SCALE_TO_ZERO);
    CHECK_INT(environment("production")->promotion.n, 0);
    tear_down();
}

/* --- what is refused */

static void test_refusals(void)
{
    struct fleet_promotion *p;
    struct fleet_deployment *other;

    set_up();
    struct fleet_deployment *current = serving("production"), *d = serving("");
    CHECK_INT(try_promote(current, "production", &p), FLEET_CONFLICT);
    set_settings("staging", rolls);
    CHECK_INT(try_promote(d, "staging", &p), FLEET_INVALID);
    CHECK(strstr(problem.message, "rolling and canary promotions are not there yet"));
    CHECK_INT(fleet_deactivate(fleet, &world, d, &problem), FLEET_OK);
    CHECK_INT(try_promote(d, "production", &p), FLEET_CONFLICT);
    CHECK(strstr(problem.message, "activate it first"));
    CHECK_INT(fleet_activate(fleet, &world, d, &problem), FLEET_OK);
    work();
    promote(current, "second");
    CHECK_INT(try_promote(d, "second", &p), FLEET_CONFLICT);
    CHECK_INT(try_push("second", &other), FLEET_CONFLICT);
    CHECK_INT(try_push("nowhere", &other), FLEET_NOT_FOUND);
    CHECK_INT(fleet_delete_environment(fleet, &world, model->id, STR("second"), &problem),
              FLEET_CONFLICT);
    CHECK_INT(fleet_cancel_promotion(fleet, &world, environment("production"), &problem),
              FLEET_CONFLICT);
    tear_down();
}

static void test_no_plane_within_the_rule(void)
{
    struct fleet_deployment *d = NULL;

    set_up();
    set_rule("production", "allow=jp");
    size_t n = model->n_deployments_made;
    CHECK_INT(try_push("production", &d), FLEET_CONFLICT);
    CHECK(strstr(problem.message, "allow=jp"));
    CHECK(strstr(problem.message, "us (aws-us-east-1) lies outside"));
    CHECK(!d && !fleet_first_deployment(fleet) && !fleet_first_promotion(fleet));
    CHECK_INT(model->n_deployments_made, n);
    tear_down();
}

/* --- failure and cancel */

static void crash_until_it_fails(struct fleet_deployment *d)
{
    for (int i = 0; i < 4; i++) {
        see(replica(d, REPLICA_PENDING), SEEN_STARTED);
        see(replica(d, REPLICA_STARTING), SEEN_GONE);
        pass(61);
    }
}

static void too_late(struct fleet_deployment *d)
{
    (void)d;
    pass(1801);
}

static void build_fails(struct fleet_deployment *d)
{
    fleet_observe_build(fleet, &world, d->id, "no such package");
    pass(0);
}

static void test_a_failed_candidate_leaves_all_as_it_was(void)
{
    static const struct {
        void (*fail)(struct fleet_deployment *);
        bool builds;
        enum fleet_status status;
        const char *why;
    } cases[] = {{crash_until_it_fails, true, STATUS_DEPLOY_FAILED, "exit 1"},
                 {too_late, true, STATUS_DEPLOY_FAILED, "1800 s"},
                 {build_fails, false, STATUS_BUILD_FAILED, "no such package"}};

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        set_up();
        set_settings("production", two_replicas);
        struct fleet_environment *e = environment("production");
        struct fleet_deployment *old = serving("production"), *next = push("production");
        struct fleet_promotion *p = fleet_find_promotion(fleet, e->promotion);

        if (cases[i].builds)
            built(next);
        cases[i].fail(next);
        CHECK_INT(p->status, PROMOTION_FAILED);
        CHECK(p->ended_ns);
        CHECK(str_search(p->error, str_of(cases[i].why)) < p->error.n);
        CHECK_INT(next->status, cases[i].status);
        CHECK_INT(next->environment.n, 0);
        CHECK_INT(next->told_environment.n, 0);
        CHECK_INT(e->promotion.n, 0);
        CHECK(str_eq(e->current, old->id));
        CHECK_INT(count(old, REPLICA_READY), 2);
        work();
        CHECK_INT(count(next, REPLICA_PENDING) + count(next, REPLICA_READY), 0);
        tear_down();
    }
}

/* The failure brings settings by which nothing sleeps that was about to. */
static void test_what_is_seen_at_one_time_is_decided_together(void)
{
    set_up();
    struct fleet_environment *e = environment("production");
    struct fleet_deployment *old = serving("production"), *next = push("production"),
                            *other = push("");
    struct fleet_promotion *p = fleet_find_promotion(fleet, e->promotion);

    built(other);
    set_settings("production", one_replica);
    CHECK_INT(old->autoscaling.min_replica, 0);
    world.now_ns += 901 * NS_PER_S;
    fleet_observe_replica(fleet, &world, replica(other, REPLICA_PENDING)->id, SEEN_STARTED,
                          STR_NULL);
    fleet_observe_build(fleet, &world, next->id, "no such package");
    pass(0);
    CHECK_INT(p->status, PROMOTION_FAILED);
    CHECK_INT(old->status, STATUS_ACTIVE);
    CHECK_INT(count(old, REPLICA_READY), 1);
    tear_down();
}

static void test_a_reused_source_gets_back_what_it_had(void)
{
    for (int cancel = 0; cancel < 2; cancel++) {
        set_up();
        set_settings("production", two_replicas);
        struct fleet_environment *e = environment("production");
        struct fleet_deployment *d = serving("");
        serving("production");
        pass(901);
        work();
        CHECK_INT(d->status, STATUS_SCALED_TO_ZERO);
        struct fleet_promotion *p = promote(d, "production");
        CHECK(!p->redeployed);
        CHECK_INT(d->status, STATUS_WAKING_UP);
        CHECK_INT(count(d, REPLICA_PENDING), 2);
        CHECK_STR(d->told_environment, "production");
        if (cancel)
            CHECK_INT(fleet_cancel_promotion(fleet, &world, e, &problem), FLEET_OK);
        else
            pass(1801);
        CHECK_INT(p->status, cancel ? PROMOTION_CANCELED : PROMOTION_FAILED);
        CHECK_INT(d->status, STATUS_SCALED_TO_ZERO);
        CHECK_INT(d->environment.n, 0);
        CHECK_INT(d->told_environment.n, 0);
        CHECK_INT(count(d, REPLICA_STOPPING), 2);
        CHECK_INT(d->autoscaling.min_replica, 0);
        tear_down();
    }
}

static void test_a_reused_deployment_serves_once_its_replicas_know(void)
{
    set_up();
    struct fleet_environment *e = environment("production");
    struct fleet_deployment *old = serving("production"), *d = serving("");
    set_settings("production", two_replicas);
    work();
    struct fleet_promotion *p = promote(d, "production");
    struct fleet_replica *first = replica(d, REPLICA_READY);
    struct fleet_replica *second = replica(d, REPLICA_PENDING);

    CHECK(!p->redeployed);
    CHECK_STR(d->told_environment, "production");
    see(second, SEEN_STARTED);
    fleet_observe_environment(fleet, second->id, STR(""));
    fleet_observe_replica(fleet, &world, second->id, SEEN_READY, STR_NULL);
    pass(0);
    CHECK_INT(second->state, REPLICA_STARTING); /* it began before it was told */
    see(second, SEEN_READY);
    CHECK_INT(second->state, REPLICA_READY);
    CHECK_INT(p->status, PROMOTION_RELEASING);
    CHECK(str_eq(e->current, old->id));
    fleet_observe_environment(fleet, first->id, STR("staging"));
    pass(0);
    CHECK_INT(p->status, PROMOTION_RELEASING);
    listens(first);
    CHECK_INT(p->status, PROMOTION_SUCCEEDED);
    CHECK(str_eq(e->current, d->id));
    tear_down();
}

static void test_replicas_that_never_know_fail_the_promotion(void)
{
    set_up();
    struct fleet_environment *e = environment("production");
    struct fleet_deployment *old = serving("production"), *d = serving("");
    struct fleet_promotion *p = promote(d, "production");

    pass(1799);
    CHECK_INT(p->status, PROMOTION_RELEASING);
    pass(1);
    CHECK_INT(p->status, PROMOTION_FAILED);
    CHECK(str_search(p->error, STR("1 of 1 replicas")) < p->error.n);
    CHECK(str_search(p->error, STR("have not confirmed environment production within 1800 s")) <
          p->error.n);
    CHECK(str_eq(e->current, old->id));
    CHECK_STR(d->told_environment, "");
    CHECK_INT(d->environment.n, 0);
    tear_down();
}

/* What a replica confirmed before it was told something else says nothing of what it knows now. */
static void test_a_confirmation_is_of_what_was_told_last(void)
{
    set_up();
    struct fleet_environment *e = environment("production");
    struct fleet_deployment *old = serving("production"), *d = serving("");
    set_settings("production", two_replicas);
    work();
    promote(d, "production");
    struct fleet_replica *r = replica(d, REPLICA_READY);
    listens(r);
    CHECK_STR(r->environment, "production");
    CHECK_INT(fleet_cancel_promotion(fleet, &world, e, &problem), FLEET_OK);
    set_settings("production", one_replica);
    CHECK_INT(count(old, REPLICA_READY), 1);
    struct fleet_promotion *p = promote(d, "production");
    CHECK_INT(p->status, PROMOTION_RELEASING);
    CHECK(str_eq(e->current, old->id));
    listens(r);
    CHECK_INT(p->status, PROMOTION_SUCCEEDED);
    tear_down();
}

static void test_cancel_discards_what_was_made(void)
{
    set_up();
    struct fleet_environment *e = environment("production");
    struct fleet_deployment *old = serving("production"), *unbuilt = push("production");
    CHECK_INT(fleet_cancel_promotion(fleet, &world, e, &problem), FLEET_OK);
    CHECK_INT(unbuilt->status, STATUS_BUILD_STOPPED);
    struct fleet_deployment *starting = push("production");
    built(starting);
    CHECK_INT(fleet_cancel_promotion(fleet, &world, e, &problem), FLEET_OK);
    CHECK_INT(starting->status, STATUS_DEACTIVATING);
    work();
    CHECK_INT(starting->status, STATUS_INACTIVE);
    built(unbuilt);
    CHECK_INT(unbuilt->status, STATUS_BUILD_STOPPED);
    CHECK(str_eq(e->current, old->id));
    CHECK_INT(old->status, STATUS_ACTIVE);
    tear_down();
}

static void test_copies_have_names_of_their_own(void)
{
    struct fleet_deployment *named;
    struct fleet_push push = {.package = PACKAGE, .name = STR("deployment-3")};

    set_up();
    push.model = model->id;
    struct fleet_deployment *d = serving("");
    CHECK_STR(d->name, "deployment-1");
    CHECK_INT(fleet_push(fleet, &world, &push, &named, &problem), FLEET_OK);
    CHECK_STR(named->name, "deployment-3");
    work();
    set_settings("production", redeploys);
    struct fleet_promotion *p = promote(named, "production");
    const struct fleet_deployment *copy = fleet_find_deployment(fleet, p->candidate);
    CHECK_STR(copy->name, "deployment-4"); /* the third to be made, and that name is taken */
    CHECK(str_eq(copy->copied_from, named->id));
    tear_down();
}

static struct fleet_promotion *failed_copy(struct fleet_deployment *source)
{
    struct fleet_promotion *p = promote(source, "production");

    CHECK(p->redeployed);
    CHECK_INT(fleet_cancel_promotion(fleet, &world, environment("production"), &problem), FLEET_OK);
    work();
    pass(5);
    CHECK(fleet_find_deployment(fleet, p->candidate)); /* whoever wants to may look into it */
    return p;
}

static void test_discarded_copies_do_not_pile_up(void)
{
    set_up();
    set_settings("production", redeploys);
    struct fleet_deployment *source = serving("");
    struct fleet_promotion *first = failed_copy(source), *second = failed_copy(source);

    CHECK(!fleet_find_deployment(fleet, first->candidate));
    promote(source, "production");
    pass(1);
    CHECK(!fleet_find_deployment(fleet, second->candidate));
    CHECK(fleet_find_promotion(fleet, first->id) && fleet_find_promotion(fleet, second->id));
    work();
    CHECK(environment("production")->current.n);
    CHECK(fleet_find_deployment(fleet, source->id));
    tear_down();
}

static void test_copies_that_somebody_uses_stay(void)
{
    set_up();
    set_settings("production", redeploys);
    struct fleet_deployment *source = serving("");
    struct fleet_promotion *tried = failed_copy(source);
    struct fleet_deployment *d = fleet_find_deployment(fleet, tried->candidate);
    CHECK_INT(fleet_retry(fleet, &world, d, &problem), FLEET_OK);
    work();
    pass(1);
    CHECK_INT(fleet_deactivate(fleet, &world, d, &problem), FLEET_OK);
    set_settings("production", keeps);
    struct fleet_promotion *kept = failed_copy(source);
    promote(source, "production");
    pass(1);
    CHECK(fleet_find_deployment(fleet, tried->candidate));
    CHECK(fleet_find_deployment(fleet, kept->candidate));
    tear_down();
}

static void test_settings_wait_for_the_end_of_a_promotion(void)
{
    set_up();
    struct fleet_deployment *old = serving("production"), *next = push("production");
    set_settings("production", two_replicas);
    CHECK_INT(old->autoscaling.min_replica, 0);
    fleet_observe_build(fleet, &world, next->id, "no");
    pass(0);
    CHECK_INT(old->autoscaling.min_replica, 2);
    next = push("production");
    work();
    CHECK_INT(next->autoscaling.min_replica, 2);
    tear_down();
}

/* At one moment the current deployment becomes idle and a promotion ends, which brings settings
 * that keep it awake. */
static void test_settings_come_before_sleep(void)
{
    set_up();
    struct fleet_deployment *old = serving("production"), *next = push("production");
    set_settings("production", two_replicas);
    world.now_ns += 900 * NS_PER_S;
    fleet_observe_build(fleet, &world, next->id, "no");
    pass(0);
    CHECK_INT(old->status, STATUS_ACTIVE);
    CHECK_INT(count(old, REPLICA_READY), 1);
    CHECK_INT(count(old, REPLICA_PENDING), 1);
    CHECK_INT(count(old, REPLICA_STOPPING), 0);
    tear_down();
}

int main(void)
{
    RUN(test_push_to_an_environment);
    RUN(test_the_swap_and_the_clean_up);
    RUN(test_settings_apply_to_the_winner_only);
    RUN(test_capacity_is_kept);
    RUN(test_reuse_or_redeploy);
    RUN(test_instance_types_are_compared_by_what_they_mean);
    RUN(test_another_instance_type_waits_for_what_runs_with_it);
    RUN(test_a_development_deployment_is_always_redeployed);
    RUN(test_a_narrower_rule_is_reused);
    RUN(test_the_plan_says_what_happens);
    RUN(test_refusals);
    RUN(test_no_plane_within_the_rule);
    RUN(test_a_failed_candidate_leaves_all_as_it_was);
    RUN(test_what_is_seen_at_one_time_is_decided_together);
    RUN(test_a_reused_source_gets_back_what_it_had);
    RUN(test_a_reused_deployment_serves_once_its_replicas_know);
    RUN(test_replicas_that_never_know_fail_the_promotion);
    RUN(test_a_confirmation_is_of_what_was_told_last);
    RUN(test_cancel_discards_what_was_made);
    RUN(test_copies_have_names_of_their_own);
    RUN(test_discarded_copies_do_not_pile_up);
    RUN(test_copies_that_somebody_uses_stay);
    RUN(test_settings_wait_for_the_end_of_a_promotion);
    RUN(test_settings_come_before_sleep);
    return test_end();
}

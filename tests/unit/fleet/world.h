#pragma once

/* A world with three planes, a clock that only tests move, and a plane that does as it is told at
 * once. */

#include "base/clock.h"
#include "fleet/controller.h"
#include "test.h"

enum { PLANE_IE, PLANE_FR, PLANE_US, PLANES };

static struct fleet *fleet;
static struct fleet_world world;
static struct fleet_plane planes[PLANES];
static struct fleet_problem problem;
static struct prng ids;
static struct fleet_model *model;
static str team;

static inline void make_identity(void *ctx, char ret_hex[65])
{
    (void)ctx;
    memset(ret_hex, 'a', 64);
    ret_hex[64] = 0;
}

static inline void declare_plane(int i, const char *name, const char *region)
{
    planes[i] =
        (struct fleet_plane){.name = str_of(name), .region = str_of(region), .available = true};
    CHECK(region_resolve(world.regions, str_of(region), &planes[i].place));
}

static inline void set_up(void)
{
    struct fleet_team *t;

    fleet = fleet_new();
    prng_seed(&ids, 1);
    world = (struct fleet_world){
        .regions = region_builder_finish(region_builder_new()),
        .planes = planes,
        .n_planes = PLANES,
        .now_ns = 1000000 * NS_PER_S,
        .random = &ids,
        .identity = make_identity,
        .actor = STR("key_1"),
        .deploy_timeout_ns = 1800 * NS_PER_S,
        .drain_limit_ns = 3600 * NS_PER_S,
        .history_ns = 30 * 86400 * NS_PER_S,
    };
    declare_plane(PLANE_IE, "ie", "aws-eu-west-1");
    declare_plane(PLANE_FR, "fr", "FR");
    declare_plane(PLANE_US, "us", "aws-us-east-1");
    fleet_begin(fleet);
    CHECK_INT(fleet_create_team(fleet, &world, STR("team"), &t, &problem), FLEET_OK);
    team = t->id;
    CHECK_INT(
        fleet_create_model(fleet, &world, team, STR("llama"), FLEET_MODEL_PLAIN, &model, &problem),
        FLEET_OK);
}

static inline void tear_down(void)
{
    fleet_free(fleet);
    region_catalogue_unref((struct region_catalogue *)(uintptr_t)world.regions);
}

static inline void pass(int64_t seconds)
{
    int64_t next;

    world.now_ns += seconds * NS_PER_S;
    fleet_tick(fleet, &world, &next);
}

#define PACKAGE STR("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")

static inline struct fleet_environment *environment(const char *name)
{
    struct fleet_environment *e = fleet_find_environment_of(fleet, model->id, str_of(name));

    if (!e)
        CHECK_INT(fleet_create_environment(fleet, &world, model->id, str_of(name), &e, &problem),
                  FLEET_OK);
    return e;
}

static inline enum fleet_outcome try_push(const char *to, struct fleet_deployment **ret)
{
    const struct fleet_push push = {.model = model->id,
                                    .package = PACKAGE,
                                    .environment = str_of(to),
                                    .scale_down_previous = true,
                                    .preserve_environment_instance_type = true};

    return fleet_push(fleet, &world, &push, ret, &problem);
}

static inline struct fleet_deployment *push(const char *to)
{
    struct fleet_deployment *d = NULL;

    CHECK_INT(try_push(to, &d), FLEET_OK);
    return d;
}

static inline enum fleet_outcome try_promote(struct fleet_deployment *d, const char *to,
                                             struct fleet_promotion **ret)
{
    const struct fleet_promote promote = {.environment = environment(to)->object.key,
                                          .deployment = d->id,
                                          .scale_down_previous = true,
                                          .preserve_environment_instance_type = true};

    return fleet_promote(fleet, &world, &promote, ret, &problem);
}

static inline struct fleet_promotion *promote(struct fleet_deployment *d, const char *to)
{
    struct fleet_promotion *p = NULL;

    CHECK_INT(try_promote(d, to, &p), FLEET_OK);
    return p;
}

static inline void set_rule(const char *name, const char *rule)
{
    CHECK_INT(fleet_set_group_rule(fleet, &world, team, str_of(name), str_of(rule), &problem),
              FLEET_OK);
}

static inline void built(struct fleet_deployment *d)
{
    fleet_observe_build(fleet, &world, d->id, NULL);
    pass(0);
}

/* The first replica of a deployment in a state. */
static inline struct fleet_replica *replica(const struct fleet_deployment *d,
                                            enum fleet_replica_state state)
{
    for (struct fleet_replica *r = fleet_first_replica(fleet); r; r = fleet_next_replica(fleet, r))
        if (str_eq(r->deployment, d->id) && r->state == state)
            return r;
    return NULL;
}

static inline uint32_t count(const struct fleet_deployment *d, enum fleet_replica_state state)
{
    uint32_t n = 0;

    for (struct fleet_replica *r = fleet_first_replica(fleet); r; r = fleet_next_replica(fleet, r))
        n += str_eq(r->deployment, d->id) && r->state == state;
    return n;
}

/* It reads what it is told. */
static inline void listens(struct fleet_replica *r)
{
    fleet_observe_environment(fleet, r->id,
                              fleet_find_deployment(fleet, r->deployment)->told_environment);
    pass(0);
}

static inline void see(struct fleet_replica *r, enum fleet_seen seen)
{
    CHECK(r);
    if (seen == SEEN_READY && r->state < REPLICA_STOPPING)
        listens(r);
    fleet_observe_replica(fleet, &world, r->id, seen, seen == SEEN_GONE ? STR("exit 1") : STR_NULL);
    pass(0);
}

/* One round of all that is to be done; whether there was anything. */
static inline bool work_once(void)
{
    struct fleet_action a;
    size_t cursor = 0;

    while (fleet_next_action(fleet, &cursor, &a)) {
        if (a.kind == ACTION_FORGET)
            continue;
        if (a.kind == ACTION_BUILD)
            built(fleet_find_deployment(fleet, a.id));
        else
            see(fleet_find_replica(fleet, a.id), a.kind == ACTION_START ? SEEN_READY : SEEN_GONE);
        return true;
    }
    for (struct fleet_replica *r = fleet_first_replica(fleet); r;
         r = fleet_next_replica(fleet, r)) {
        const struct fleet_deployment *d = fleet_find_deployment(fleet, r->deployment);

        if (!d || r->plane.n == 0 || r->state >= REPLICA_STOPPING ||
            str_eq(r->environment, d->told_environment))
            continue;
        listens(r);
        return true;
    }
    return false;
}

/* Planes do all they are asked for. */
static inline void work(void)
{
    for (int i = 0; work_once(); i++)
        CHECK(i < 1000);
}

/* A deployment that serves in an environment, or alone. */
static inline struct fleet_deployment *serving(const char *environment_or_empty)
{
    struct fleet_deployment *d = push(environment_or_empty);

    work();
    CHECK_INT(d->status, STATUS_ACTIVE);
    return d;
}

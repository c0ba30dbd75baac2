/*
 * The reconciler with a plane that only takes notes: what is asked of it and when, what is durable
 * by then, and that a control process that comes back finds the same work again.
 */

#include "catalog/link.h"
#include "control/deployments.h"
#include "control/reconciler.h"
#include "control/reload.h"
#include "net/listener.h"

#include "unit/test.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DIGEST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define HALL  "{name: hall, region: scaleway-par-1}"
#define ANNEX "{name: annex, region: scaleway-par-1, first_port: 22000, last_port: 22009}"

static char directory[64];

/* --- a plane that takes notes */

static struct {
    char notes[2048];
    bool runs;
    unsigned adoptions;
    bool knows; /* of the last one: whether the last replica is somebody's */
    int start_result;
    struct plane *plane;
} fake;

static void note(const char *what, str id)
{
    size_t n = strlen(fake.notes);

    (void)id;
    snprintf(fake.notes + n, sizeof(fake.notes) - n, "%s;", what);
}

static char last_replica[64], last_deployment[64], last_environment[64];
static char last_package[64];

static void keep(char *to, str id)
{
    snprintf(to, 64, "%.*s", STR_ARG(id));
}

static void fake_build(struct plane *p, str deployment, str archive, str config)
{
    (void)p;
    (void)config;
    keep(last_deployment, deployment);
    CHECK(str_ends(archive, STR("/packages/" DIGEST ".tar.gz")));
    note("build", deployment);
}

static struct policy policy;

static int fake_start(struct plane *p, const struct plane_replica *replica)
{
    (void)p;
    /* What is started is written down already. */
    const struct fleet_replica *known = fleet_find_replica(policy.fleet, replica->id);
    CHECK(known && known->port == replica->port && replica->port == 21007);
    CHECK(!fleet_in_transaction(policy.fleet));
    CHECK_STR(replica->region, "scaleway-par-1");
    keep(last_environment, replica->environment);
    CHECK_INT(replica->identity.n, 64);
    keep(last_package, replica->package);
    keep(last_replica, replica->id);
    note("start", replica->id);
    return fake.start_result;
}

static void fake_stop(struct plane *p, str replica, enum plane_stop how)
{
    (void)p;
    note(how == PLANE_NOW ? "stop now" : "drain", replica);
}

static void fake_adopt(struct plane *p, bool (*known)(void *ctx, str replica), void *ctx)
{
    (void)p;
    fake.knows = known(ctx, str_of(last_replica));
    fake.adoptions++;
}

static int fake_set_environment(struct plane *p, str replica, str environment)
{
    (void)p;
    if (!str_eq(replica, str_of(last_replica)))
        return 0;
    keep(last_environment, environment);
    note("told", environment);
    return 0;
}

static bool fake_runs(struct plane *p, str replica)
{
    (void)p;
    (void)replica;
    return fake.runs;
}

static void fake_forget(struct plane *p, str id)
{
    (void)p;
    (void)id;
}

static uint16_t fake_take_port(struct plane *p)
{
    (void)p;
    return 21007;
}

static void fake_set_user(struct plane *p, const struct plane_user *user)
{
    (void)p;
    CHECK(!plane_user_is_set(user));
}

static void fake_free(struct plane *p)
{
    mem_free(p->name);
    mem_free(p);
}

static const struct plane_ops fake_ops = {
    .build = fake_build,
    .start = fake_start,
    .stop = fake_stop,
    .set_environment = fake_set_environment,
    .adopt = fake_adopt,
    .runs = fake_runs,
    .forget_replica = fake_forget,
    .forget_deployment = fake_forget,
    .take_port = fake_take_port,
    .set_user = fake_set_user,
    .free = fake_free,
};

static int make_plane(struct loop *loop, const struct plane_process_options *options,
                      const struct plane_events *events, void *ctx, struct plane **ret_plane)
{
    struct plane *p = mem_zalloc(sizeof(*p));

    (void)loop;
    *p = (struct plane){
        .ops = &fake_ops, .events = events, .ctx = ctx, .name = str_dup(str_of(options->name))};
    *ret_plane = fake.plane = p;
    return 0;
}

/* --- a control process, as much as is needed of it */

static struct loop *loop;
static struct link_server *link_end;
static struct reconciler *reconciler;
static int link_fd;

static void on_published(void *ctx, const struct publication *publication)
{
    (void)ctx;
    if (link_end)
        link_server_publish(link_end, publication);
}

static void write_config(const char *planes)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/ambit.yaml", directory);
    FILE *file = fopen(path, "w");
    CHECK(file != NULL);
    fprintf(file,
            "general_settings: {master_key: sk-1}\n"
            "planes: [%s]\n"
            "environment_groups: [{name: prod-eu, region_rule: eu}]\n",
            planes);
    fclose(file);
}

static void begin(void)
{
    static const struct link_server_handler handler = {0};
    struct reload_report report;
    char path[128];

    loop = loop_new();
    snprintf(path, sizeof(path), "%s/ambit.yaml", directory);
    CHECK_INT(policy_open(&policy, path, directory), 0);
    policy.on_published = on_published;
    CHECK(reload_at_start(&policy, &report));
    reload_report_deinit(&report);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", directory);
    unlink(address.sun_path);
    link_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    CHECK_INT(bind(link_fd, (struct sockaddr *)&address, sizeof(address)), 0);
    CHECK_INT(listen(link_fd, 8), 0);
    link_end = link_server_new(loop, link_fd, &policy, &handler, NULL);
    reconciler =
        reconciler_new(loop, &policy, link_end,
                       &(struct reconciler_options){
                           .data_dir = directory, .binary = "/bin/true", .make_plane = make_plane});
    fake.notes[0] = '\0';
}

static void end(void)
{
    reconciler_free(reconciler);
    link_server_end_waiting(link_end);
    link_server_free(link_end);
    link_end = NULL;
    close(link_fd);
    policy_close(&policy);
    loop_free(loop);
}

static void turns(int n)
{
    for (int i = 0; i < n; i++)
        loop_turn(loop, 5);
}

static void until_noted(const char *what)
{
    for (int i = 0; i < 2000 && !strstr(fake.notes, what); i++)
        loop_turn(loop, 5);
    if (!strstr(fake.notes, what))
        printf("  notes: %s\n", fake.notes);
    CHECK(strstr(fake.notes, what) != NULL);
}

static void push(const char *name, const char *environment_or_null)
{
    struct fleet_problem problem;
    struct diagnostics diagnostics;
    struct fleet_deployment *deployment;
    struct fleet_environment *environment;
    struct fleet_model *model;
    struct fleet_world world;
    struct change change;

    diagnostics_init(&diagnostics);
    change_begin(&change, &policy, STR("key_1"));
    struct fleet *f = change_fleet(&change);
    fleet_world_of(&policy, STR("key_1"), &world);
    CHECK_INT(fleet_create_model(f, &world, DEPLOYMENTS_DEFAULT_TEAM, str_of(name),
                                 FLEET_MODEL_PLAIN, &model, &problem),
              FLEET_OK);
    if (environment_or_null)
        CHECK_INT(fleet_create_environment(f, &world, model->id, str_of(environment_or_null),
                                           &environment, &problem),
                  FLEET_OK);
    CHECK_INT(fleet_push(f, &world,
                         &(struct fleet_push){.model = model->id,
                                              .package = STR(DIGEST),
                                              .config = STR("{}"),
                                              .environment = str_of(environment_or_null),
                                              .scale_down_previous = true},
                         &deployment, &problem),
              FLEET_OK);
    CHECK_INT(change_commit(&change, NULL, &diagnostics), 0);
    diagnostics_deinit(&diagnostics);
    reconciler_poke(reconciler);
}

static void built(const char *failure)
{
    fake.plane->events->on_built(fake.plane->ctx, fake.plane, str_of(last_deployment),
                                 str_of(failure));
}

static void seen_in(enum plane_replica_state state, str environment)
{
    fake.plane->events->on_replica(fake.plane->ctx, fake.plane, str_of(last_replica), state,
                                   environment, STR("why"));
}

static void seen(enum plane_replica_state state)
{
    seen_in(state, STR_NULL);
}

static const struct fleet_deployment *deployment(void)
{
    return fleet_find_deployment(policy.fleet, str_of(last_deployment));
}

static void run_until_ready(void)
{
    push("writer", "prod-eu");
    until_noted("build;");
    built("");
    until_noted("start;");
    seen(PLANE_REPLICA_STARTED);
    turns(3);
    seen(PLANE_REPLICA_READY);
    turns(3);
}

/* --- what is shown */

static void a_push_is_built_started_and_served(void)
{
    begin();
    run_until_ready();
    CHECK_STR(str_of(fake.notes), "build;start;");
    CHECK_STR(str_of(last_environment), "prod-eu");
    CHECK_INT(deployment()->status, STATUS_ACTIVE);
    const struct catalog_model *m =
        catalog_find_model(policy.catalog, MODEL_KIND_MODEL, deployment()->model);
    const struct catalog_environment *e =
        catalog_find_environment(policy.catalog, m, STR("prod-eu"));
    CHECK(e && e->deployment != CATALOG_NONE && e->rule != CATALOG_NONE);
    CHECK_INT(policy.catalog->deployments[e->deployment].state, DEPLOYMENT_SERVING);
    end();
}

static void who_comes_back_goes_on(void)
{
    uint64_t revision;

    fake.runs = true;
    begin();
    revision = policy_revision(&policy);
    last_environment[0] = '\0';
    turns(5);
    CHECK_STR(str_of(fake.notes), "told;"); /* who was here before may not have come to it */
    CHECK_STR(str_of(last_environment), "prod-eu");
    CHECK_INT(deployment()->status, STATUS_ACTIVE);
    CHECK_INT(policy_revision(&policy), revision); /* nothing was to be written */
    seen(PLANE_REPLICA_NOT_READY);
    turns(3);
    CHECK_INT(fleet_find_replica(policy.fleet, str_of(last_replica))->state, REPLICA_UNHEALTHY);
    seen(PLANE_REPLICA_READY);
    turns(3);
    end();
}

static void on_stopped(void *ctx)
{
    *(bool *)ctx = true;
}

/* Who is told to stop before its first turn ends what its predecessor has started. */
static void who_comes_back_to_stop_ends_what_runs(void)
{
    bool stopped = false;

    fake.runs = true;
    begin();
    reconciler_stop(reconciler, on_stopped, &stopped);
    CHECK_STR(str_of(fake.notes), "stop now;");
    CHECK(!stopped);
    seen(PLANE_REPLICA_GONE);
    CHECK(stopped);
    end();
}

static void what_ended_meanwhile_is_replaced(void)
{
    char before[64];

    fake.runs = false;
    memcpy(before, last_replica, sizeof(before));
    begin();
    until_noted("start;");
    CHECK(strcmp(before, last_replica) != 0);
    seen(PLANE_REPLICA_READY);
    turns(3);
    CHECK_INT(deployment()->status, STATUS_ACTIVE);
    end();
}

static void set_rule(const char *rule)
{
    struct fleet_problem problem;
    struct diagnostics diagnostics;
    struct fleet_world world;
    struct change change;

    diagnostics_init(&diagnostics);
    change_begin(&change, &policy, STR("key_1"));
    struct fleet *f = change_fleet(&change);
    fleet_world_of(&policy, STR("key_1"), &world);
    CHECK_INT(fleet_set_group_rule(f, &world, DEPLOYMENTS_DEFAULT_TEAM, STR("prod-eu"),
                                   str_of(rule), &problem),
              FLEET_OK);
    CHECK_INT(change_commit(&change, NULL, &diagnostics), 0);
    diagnostics_deinit(&diagnostics);
    reconciler_poke(reconciler);
}

/* No edge is connected, so nothing is in anybody's way. */
static void a_rule_that_leaves_it_outside_stops_it_at_once(void)
{
    fake.runs = true;
    begin();
    turns(3);
    set_rule("allow=us");
    until_noted("stop now;");
    seen(PLANE_REPLICA_GONE);
    turns(3);
    CHECK_INT(fleet_find_replica(policy.fleet, str_of(last_replica))->state, REPLICA_GONE);
    CHECK(!strstr(fake.notes, "start;")); /* there is nowhere inside */
    end();
}

/* The edge's end of the link: says hello, and never that anything is in force. */
static int connect_silent_edge(void)
{
    const struct link_hello hello = {
        .version = LINK_VERSION, .name = STR("silent"), .pid = (uint32_t)getpid(), .workers = 1};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct buf out;

    snprintf(address.sun_path, sizeof(address.sun_path), "%s/control.sock", directory);
    CHECK_INT(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    buf_init(&out, 0);
    size_t at = link_frame_begin(&out, LINK_HELLO);
    link_put_hello(&out, &hello);
    link_frame_end(&out, at);
    CHECK_INT(write(fd, out.p, out.n), (ssize_t)out.n);
    buf_deinit(&out);
    turns(5);
    return fd;
}

/* Edges may cut what they have there first, but need not for it to end. */
static void who_stands_outside_ends_whatever_edges_say(void)
{
    char before[64];

    begin();
    run_until_ready();
    memcpy(before, last_replica, sizeof(before));
    int edge = connect_silent_edge();
    set_rule("allow=us");
    loop_turn(loop, 5);
    CHECK_INT(fleet_find_replica(policy.fleet, str_of(before))->state, REPLICA_STOPPING);
    CHECK(!strstr(fake.notes, "stop now;"));
    until_noted("stop now;");
    seen(PLANE_REPLICA_GONE);
    turns(3);
    close(edge);
    end();
}

static void a_build_that_fails_ends_the_promotion(void)
{
    begin();
    push("reader", "prod-eu");
    until_noted("build;");
    built("requirement x could not be installed");
    turns(3);
    CHECK_INT(deployment()->status, STATUS_BUILD_FAILED);
    CHECK_STR(deployment()->why, "requirement x could not be installed");
    CHECK(!strstr(fake.notes, "start;"));
    end();
}

static void promote_to_production(void)
{
    struct fleet_problem problem;
    struct diagnostics diagnostics;
    struct fleet_promotion *promotion;
    struct fleet_world world;
    struct change change;
    char environment[64];

    diagnostics_init(&diagnostics);
    change_begin(&change, &policy, STR("key_1"));
    struct fleet *f = change_fleet(&change);
    fleet_world_of(&policy, STR("key_1"), &world);
    snprintf(environment, sizeof(environment), "%.*s/production", STR_ARG(deployment()->model));
    CHECK_INT(fleet_promote(f, &world,
                            &(struct fleet_promote){.environment = str_of(environment),
                                                    .deployment = deployment()->id,
                                                    .scale_down_previous = true},
                            &promotion, &problem),
              FLEET_OK);
    CHECK(!promotion->redeployed);
    CHECK_INT(change_commit(&change, NULL, &diagnostics), 0);
    diagnostics_deinit(&diagnostics);
    reconciler_poke(reconciler);
}

static bool serves_production(void)
{
    const struct fleet_environment *e =
        fleet_find_environment_of(policy.fleet, deployment()->model, STR("production"));

    return str_eq(e->current, deployment()->id);
}

static void run_alone(const char *name, str environment)
{
    push(name, NULL);
    until_noted("build;");
    built("");
    until_noted("start;");
    CHECK_STR(str_of(last_environment), "");
    seen_in(PLANE_REPLICA_READY, environment);
    turns(3);
    CHECK_INT(deployment()->status, STATUS_ACTIVE);
    CHECK(!serves_production());
    fake.notes[0] = '\0';
    promote_to_production();
    until_noted("told;");
    CHECK_STR(str_of(last_environment), "production");
    turns(3);
    CHECK(strstr(strstr(fake.notes, "told;") + 1, "told;") == NULL); /* once is enough */
}

/* Nothing is started anew: what runs is told where it is now. A server that does not say what it
 * knows is taken to know what it was told. */
static void a_deployment_that_is_reused_learns_its_environment(void)
{
    begin();
    run_alone("plain", STR_NULL);
    CHECK(serves_production());
    end();
}

static void a_promotion_waits_for_what_the_replica_says(void)
{
    begin();
    run_alone("talker", STR(""));
    CHECK(!serves_production());
    seen_in(PLANE_REPLICA_READY, STR("staging"));
    turns(3);
    CHECK(!serves_production());
    seen_in(PLANE_REPLICA_READY, STR("production"));
    turns(3);
    CHECK(serves_production());
    end();
}

/* The copy runs what was built for the first, which therefore outlives its deployment. */
static void a_copy_is_not_built_again(void)
{
    struct fleet_problem problem;
    struct diagnostics diagnostics;
    struct fleet_promotion *promotion;
    struct fleet_environment *environment;
    struct fleet_world world;
    struct change change;
    char source[64], expected[200], key[64];

    begin();
    turns(3);
    memcpy(source, last_deployment, sizeof(source));
    diagnostics_init(&diagnostics);
    change_begin(&change, &policy, STR("key_1"));
    struct fleet *f = change_fleet(&change);
    fleet_world_of(&policy, STR("key_1"), &world);
    CHECK_INT(fleet_create_environment(f, &world, deployment()->model, STR("staging"), &environment,
                                       &problem),
              FLEET_OK);
    snprintf(key, sizeof(key), "%.*s", STR_ARG(environment->object.key));
    CHECK_INT(fleet_promote(f, &world,
                            &(struct fleet_promote){.environment = str_of(key),
                                                    .deployment = str_of(source),
                                                    .scale_down_previous = true},
                            &promotion, &problem),
              FLEET_OK);
    CHECK(promotion->redeployed);
    CHECK_INT(change_commit(&change, NULL, &diagnostics), 0);
    diagnostics_deinit(&diagnostics);
    reconciler_poke(reconciler);
    until_noted("build;");
    CHECK(strcmp(source, last_deployment) == 0);
    built("");
    until_noted("start;");
    snprintf(expected, sizeof(expected), "%s/deployments/%s", directory, source);
    CHECK_STR(str_of(last_package), expected);
    end();
}

/* Whatever the configuration says now, what a predecessor has started is looked for, and nobody
 * knows what is on a plane that is not there. */
static void what_runs_on_no_plane_is_reclaimed(void)
{
    static const struct {
        const char *planes;
        bool known;
    } cases[] = {{"", false}, {ANNEX, false}, {ANNEX ", " HALL, true}};

    fake.runs = true;
    begin();
    push("left", "prod-eu");
    until_noted("build;");
    built("");
    until_noted("start;");
    seen(PLANE_REPLICA_READY);
    turns(3);
    end();
    for (size_t i = COUNT_OF(cases); i-- > 0;) {
        write_config(cases[i].planes);
        begin();
        fake.adoptions = 0;
        fake.knows = !cases[i].known;
        turns(3);
        CHECK(fake.adoptions > 0);
        CHECK_INT(fake.knows, cases[i].known);
        end();
    }
    write_config(HALL);
}

static void remove_directory(void)
{
    static const char *const names[] = {"ambit.yaml",     "control.sock",   "control.db",
                                        "control.db-wal", "control.db-shm", "store.key"};
    char path[128];

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
        unlink(path);
    }
    rmdir(directory);
}

static void make_directory(void)
{
    snprintf(directory, sizeof(directory), "/tmp/ambit-reconciler-XXXXXX");
    CHECK(mkdtemp(directory) != NULL);
    write_config(HALL);
}

int main(void)
{
    make_directory();
    RUN(who_stands_outside_ends_whatever_edges_say);
    remove_directory();
    /* Each goes on where the one before it ended. */
    make_directory();
    RUN(a_build_that_fails_ends_the_promotion);
    RUN(a_push_is_built_started_and_served);
    RUN(who_comes_back_goes_on);
    RUN(who_comes_back_to_stop_ends_what_runs);
    RUN(what_ended_meanwhile_is_replaced);
    RUN(a_rule_that_leaves_it_outside_stops_it_at_once);
    RUN(a_deployment_that_is_reused_learns_its_environment);
    RUN(a_promotion_waits_for_what_the_replica_says);
    RUN(a_copy_is_not_built_again);
    RUN(what_runs_on_no_plane_is_reclaimed);
    remove_directory();
    return test_end();
}

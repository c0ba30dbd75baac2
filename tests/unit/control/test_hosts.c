/*
 * The fleet as edges see it: which replicas are endpoints, which rule binds which environment, and
 * what a request for a deployment without a ready replica meets.
 */

#include "control/hosts.h"
#include "control/policy.h"

#include "unit/test.h"

static struct fleet *fleet;
static struct catalog *catalog;
static struct package_paths *paths;

static uint32_t rule_index(void *rules, str canonical)
{
    (void)rules;
    CHECK_STR(canonical, "allow=eu");
    return 3;
}

static void begin_catalog(void)
{
    static const struct catalog_group groups[] = {{.name = STR_INIT("gpt")}};
    static const struct catalog_endpoint endpoints[] = {{.id = STR_INIT("ep_1")}};

    catalog = catalog_new();
    catalog->regions = region_builder_finish(region_builder_new());
    catalog->groups = (struct catalog_group *)groups;
    catalog->n_groups = 1;
    catalog->endpoints = (struct catalog_endpoint *)endpoints;
    catalog->n_endpoints = 1;
}

static void begin(void)
{
    fleet = fleet_new();
    fleet_begin(fleet);
    paths = package_paths_new();
    begin_catalog();
}

static void end(void)
{
    fleet_rollback(fleet);
    fleet_free(fleet);
    package_paths_free(paths);
    catalog_free(catalog);
}

static void add_hosts(void)
{
    const struct policy policy = {.fleet = fleet, .package_paths = paths};
    const struct config config = {.external_networks = STR("10.0.0.0/8")};

    hosts_add(&(struct hosts_source){&policy, &config}, catalog, rule_index, NULL);
}

static void add_model(const char *id)
{
    struct fleet_model *m = (struct fleet_model *)fleet_add(fleet, FLEET_MODEL, str_of(id));

    fleet_set_str(&m->id, str_of(id));
    fleet_set_str(&m->team, STR("default"));
    fleet_set_str(&m->name, STR("writer"));
}

static struct fleet_environment *add_environment(const char *key, const char *model,
                                                 const char *name)
{
    struct fleet_environment *e =
        (struct fleet_environment *)fleet_add(fleet, FLEET_ENVIRONMENT, str_of(key));

    fleet_set_str(&e->model, str_of(model));
    fleet_set_str(&e->name, str_of(name));
    return e;
}

static struct fleet_deployment *add_deployment(const char *id, const char *model,
                                               enum fleet_status status)
{
    struct fleet_deployment *d =
        (struct fleet_deployment *)fleet_add(fleet, FLEET_DEPLOYMENT, str_of(id));

    fleet_set_str(&d->id, str_of(id));
    fleet_set_str(&d->model, str_of(model));
    d->status = status;
    return d;
}

static struct fleet_replica *add_replica(const char *id, const char *deployment,
                                         enum fleet_replica_state state, uint32_t port)
{
    struct fleet_replica *r = (struct fleet_replica *)fleet_add(fleet, FLEET_REPLICA, str_of(id));

    fleet_set_str(&r->id, str_of(id));
    fleet_set_str(&r->deployment, str_of(deployment));
    fleet_set_str(&r->region, STR("scaleway-par-1"));
    fleet_set_str(&r->identity, STR("proof"));
    r->state = state;
    r->port = port;
    return r;
}

static void only_ready_replicas_are_endpoints(void)
{
    begin();
    add_model("abc12345");
    add_deployment("dep0001", "abc12345", STATUS_ACTIVE);
    add_deployment("dep0002", "abc12345", STATUS_ACTIVE);
    add_replica("r1", "dep0002", REPLICA_READY, 21001);
    for (int state = 0; state < FLEET_REPLICA_STATES; state++) {
        char id[16];

        snprintf(id, sizeof(id), "s%d", state);
        add_replica(id, "dep0001", (enum fleet_replica_state)state, 22000 + (uint32_t)state);
    }
    add_hosts();
    CHECK_INT(catalog->n_deployments, 2);
    CHECK_INT(catalog->n_groups, 3);
    CHECK_INT(catalog->n_endpoints, 3);
    CHECK_STR(catalog->endpoints[0].id, "ep_1"); /* the operator's own keep their places */
    for (size_t i = 0; i < 2; i++) {
        const struct catalog_group *group = &catalog->groups[catalog->deployments[i].group];

        CHECK(group->deployment);
        CHECK_INT(group->n_endpoints, 1);
        const struct catalog_endpoint *e = &catalog->endpoints[group->endpoints[0]];
        CHECK_INT(e->group, catalog->deployments[i].group);
        CHECK_INT(e->port, i == 0 ? 22000 + REPLICA_READY : 21001);
        CHECK_STR(e->identity, "proof");
        CHECK_STR(e->networks, "");
        CHECK_INT(e->provider, PROVIDER_REPLICA);
        CHECK_INT(e->region, region_find(catalog->regions, STR("scaleway-par-1")));
        CHECK(e->origin_revision != 0);
        CHECK_INT(catalog->deployments[i].state, DEPLOYMENT_SERVING);
    }
    end();
}

static void a_place_that_nobody_knows_is_no_place(void)
{
    begin();
    add_model("abc12345");
    add_deployment("dep0001", "abc12345", STATUS_ACTIVE);
    fleet_set_str(&add_replica("r1", "dep0001", REPLICA_READY, 1)->region, STR("atlantis"));
    add_hosts();
    struct region_set place = catalog->endpoints[1].place;
    CHECK_INT(region_set_count(&place), 1);
    CHECK(region_set_has(&place, region_unknown_bit(catalog->regions)));
    end();
}

static void environments_carry_their_groups_rule(void)
{
    begin();
    add_model("abc12345");
    fleet_set_str(&add_environment("abc12345/prod-eu", "abc12345", "prod-eu")->current,
                  STR("dep0001"));
    add_environment("abc12345/production", "abc12345", "production");
    fleet_set_str(&add_deployment("dep0001", "abc12345", STATUS_ACTIVE)->environment,
                  STR("prod-eu"));
    struct fleet_group *g =
        (struct fleet_group *)fleet_add(fleet, FLEET_GROUP, STR("default/prod-eu"));
    fleet_set_str(&g->team, STR("default"));
    fleet_set_str(&g->name, STR("prod-eu"));
    fleet_set_str(&g->rule, STR("allow=eu"));
    g->standard_refused = true;
    add_hosts();
    CHECK_INT(catalog->n_environments, 2);
    CHECK_INT(catalog->environments[0].rule, 3);
    CHECK(catalog->environments[0].standard_refused);
    CHECK_INT(catalog->environments[0].deployment, 0);
    CHECK_INT(catalog->deployments[0].environment, 0);
    CHECK_INT(catalog->environments[1].rule, CATALOG_NONE);
    CHECK_INT(catalog->environments[1].deployment, CATALOG_NONE);
    end();
}

/* Its environment's rule would bind it: without the environment nothing would. */
static void what_names_a_missing_environment_is_not_published(void)
{
    begin();
    add_model("abc12345");
    add_environment("abc12345/production", "abc12345", "production");
    fleet_set_str(&add_deployment("dep0001", "abc12345", STATUS_ACTIVE)->environment,
                  STR("prod-eu"));
    fleet_set_str(&add_deployment("dep0002", "abc12345", STATUS_ACTIVE)->environment,
                  STR("production"));
    add_replica("r1", "dep0001", REPLICA_READY, 21001);
    add_replica("r2", "dep0002", REPLICA_READY, 21002);
    add_hosts();
    CHECK_INT(catalog->n_deployments, 1);
    CHECK_STR(catalog->deployments[0].id, "dep0002");
    CHECK_INT(catalog->n_endpoints, 2);
    CHECK_STR(catalog->endpoints[1].id, "r2");
    CHECK_INT(catalog->n_groups, 2);
    end();
}

static void what_has_failed_is_not_waited_for(void)
{
    static const enum fleet_status inactive[] = {STATUS_BUILD_FAILED,  STATUS_BUILD_STOPPED,
                                                 STATUS_DEPLOY_FAILED, STATUS_FAILED,
                                                 STATUS_DEACTIVATING,  STATUS_INACTIVE};

    begin();
    add_model("abc12345");
    for (int status = 0; status < FLEET_STATUSES; status++) {
        char id[16];

        snprintf(id, sizeof(id), "dep%04d", status);
        add_deployment(id, "abc12345", (enum fleet_status)status);
    }
    add_hosts();
    for (int status = 0; status < FLEET_STATUSES; status++) {
        enum catalog_deployment_state expected = DEPLOYMENT_ASLEEP;

        for (size_t i = 0; i < COUNT_OF(inactive); i++)
            if (inactive[i] == (enum fleet_status)status)
                expected = DEPLOYMENT_INACTIVE;
        CHECK_INT(catalog->deployments[status].state, expected);
    }
    end();
}

static void a_server_of_others_is_reached_where_it_is(void)
{
    begin();
    add_model("abc12345");
    struct fleet_deployment *d = add_deployment("dep0001", "abc12345", STATUS_ACTIVE);
    d->source = SOURCE_EXTERNAL;
    d->development = true;
    fleet_set_str(&d->url, STR("https://gpu.example:8443/base"));
    fleet_set_str(&d->config, STR("{\"docker_server\":{\"predict_endpoint\":\"/generate\"}}"));
    add_replica("r1", "dep0001", REPLICA_READY, 0);
    add_hosts();
    const struct catalog_endpoint *e = &catalog->endpoints[1];
    CHECK(e->tls);
    CHECK_STR(e->host, "gpu.example");
    CHECK_INT(e->port, 8443);
    CHECK_STR(e->base_path, "/base");
    CHECK_STR(e->identity, "");
    CHECK_STR(e->networks, "10.0.0.0/8");
    CHECK_STR(catalog->deployments[0].predict_path, "/generate");
    CHECK_INT(catalog->models[0].development, 0);
    end();
}

static void paths_are_the_packages_own(void)
{
    static const struct {
        const char *config, *predict, *websocket;
    } cases[] = {
        {"", "/v1/models/model:predict", "/v1/websocket"},
        {"{}", "/v1/models/model:predict", "/v1/websocket"},
        {"{\"docker_server\":{}}", "/predict", "/predict"},
        {"{\"docker_server\":{\"predict_endpoint\":\"/generate\"}}", "/generate", "/generate"},
    };

    begin();
    add_model("abc12345");
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char id[16];

        snprintf(id, sizeof(id), "dep%04zu", i);
        fleet_set_str(&add_deployment(id, "abc12345", STATUS_ACTIVE)->config,
                      str_of(cases[i].config));
    }
    for (size_t gone = 0; gone < COUNT_OF(cases); gone++) {
        add_hosts();
        CHECK_INT(catalog->n_deployments, COUNT_OF(cases) - gone);
        for (size_t i = 0; i < catalog->n_deployments; i++) {
            CHECK_STR(catalog->deployments[i].predict_path, cases[gone + i].predict);
            CHECK_STR(catalog->deployments[i].websocket_path, cases[gone + i].websocket);
        }
        fleet_remove(fleet, fleet_first(fleet, FLEET_DEPLOYMENT));
        catalog_free(catalog);
        begin_catalog();
    }
    end();
}

int main(void)
{
    RUN(only_ready_replicas_are_endpoints);
    RUN(a_place_that_nobody_knows_is_no_place);
    RUN(environments_carry_their_groups_rule);
    RUN(what_names_a_missing_environment_is_not_published);
    RUN(paths_are_the_packages_own);
    RUN(what_has_failed_is_not_waited_for);
    RUN(a_server_of_others_is_reached_where_it_is);
    return test_end();
}

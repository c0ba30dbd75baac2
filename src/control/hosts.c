#include "control/hosts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "config/origin.h"
#include "control/credential.h"

enum {
    CONNECT_MS = 5 * 1000,
    FIRST_BYTE_MS = 1200 * 1000, /* a synchronous prediction may take 20 minutes, as documented */
    IDLE_MS = 300 * 1000,
    TOTAL_MS = 3600 * 1000,
    RETRIES = 2
};

static const str loopback = STR_INIT("127.0.0.1");

struct adding {
    const struct hosts_source *from;
    const struct fleet *fleet;
    struct catalog *catalog;
    struct map models, environments, deployments; /* key → index + 1 */
    uint32_t (*rule)(void *rules, str canonical);
    void *rules;
};

static void note(struct map *map, str key, size_t index)
{
    map_put(map, key, (void *)(index + 1));
}

static uint32_t look_up(const struct map *map, str key)
{
    uintptr_t found = key.n ? (uintptr_t)map_get(map, key) : 0;

    return found ? (uint32_t)(found - 1) : (uint32_t)CATALOG_NONE;
}

/* --- models and environments */

static void add_models(struct adding *a)
{
    struct catalog *c = a->catalog;

    c->models =
        arena_zalloc(&c->arena, (fleet_count(a->fleet, FLEET_MODEL) + 1) * sizeof(*c->models));
    for (struct fleet_model *m = fleet_first_model(a->fleet); m;
         m = fleet_next_model(a->fleet, m)) {
        note(&a->models, m->id, c->n_models);
        c->models[c->n_models++] = (struct catalog_model){
            .kind = m->chain ? MODEL_KIND_CHAIN : MODEL_KIND_MODEL,
            .id = m->id,
            .name = m->name,
            .team = m->team,
            .development = CATALOG_NONE,
        };
    }
}

static void add_environments(struct adding *a)
{
    struct catalog *c = a->catalog;

    c->environments = arena_zalloc(&c->arena, (fleet_count(a->fleet, FLEET_ENVIRONMENT) + 1) *
                                                  sizeof(*c->environments));
    for (struct fleet_environment *e = fleet_first_environment(a->fleet); e;
         e = fleet_next_environment(a->fleet, e)) {
        const struct fleet_group *group = fleet_group_of_environment(a->fleet, e);
        uint32_t model = look_up(&a->models, e->model);

        if (model == CATALOG_NONE)
            continue;
        note(&a->environments, e->object.key, c->n_environments);
        c->environments[c->n_environments++] = (struct catalog_environment){
            .name = e->name,
            .model = model,
            .deployment = CATALOG_NONE,
            .rule =
                group && group->rule.n ? a->rule(a->rules, group->rule) : (uint32_t)CATALOG_NONE,
            .standard_refused = group && group->standard_refused,
        };
    }
}

/* Now that the deployments have their places. */
static void link_environments(struct adding *a)
{
    for (struct fleet_environment *e = fleet_first_environment(a->fleet); e;
         e = fleet_next_environment(a->fleet, e)) {
        uint32_t index = look_up(&a->environments, e->object.key);

        if (index != CATALOG_NONE)
            a->catalog->environments[index].deployment = look_up(&a->deployments, e->current);
    }
}

/* --- endpoints */

static struct catalog_endpoint endpoint_of(const struct adding *a, const struct fleet_replica *r,
                                           uint32_t group)
{
    struct catalog *c = a->catalog;
    struct catalog_endpoint e = {
        .id = r->id,
        .group = group,
        .provider = PROVIDER_REPLICA,
        .state = ENDPOINT_IN_SERVICE,
        .host = loopback,
        .port = (uint16_t)r->port,
        .identity = r->identity,
        .region_name = r->region,
        .region = REGION_NONE,
        .evidence = EVIDENCE_DECLARED,
        .weight = 1,
        .order = 1,
    };

    /* A place that is no longer known is nowhere: such an endpoint serves unrestricted requests
     * only. */
    if (!region_resolve(c->regions, r->region, &e.place)) {
        e.place = region_set_none();
        region_set_add(&e.place, region_unknown_bit(c->regions));
    }
    e.region = (uint16_t)region_find(c->regions, r->region);
    e.api_base = arena_printf(&c->arena, "http://127.0.0.1:%u", r->port);
    return e;
}

/* A server that others run: its address and credential are the deployment's, and it has nothing to
 * prove but what TLS proves. One whose credential does not open is never asked without it. */
static bool make_external(const struct adding *a, const struct fleet_deployment *d,
                          struct catalog_endpoint *e)
{
    struct origin origin;

    e->credential = credential_open(a->from->policy, d, &a->catalog->arena);
    if (!e->credential.p || origin_parse(d->url, &a->catalog->arena, &origin))
        return false;
    e->tls = origin.tls;
    e->host = origin.host;
    e->port = origin.port;
    e->unix_path = origin.unix_path;
    e->base_path = origin.base_path;
    e->api_base = origin.shown;
    e->identity = STR("");
    e->networks = a->from->config->external_networks;
    return true;
}

static bool serves(const struct fleet_replica *r)
{
    return r->state == REPLICA_READY;
}

static bool add_endpoint(struct adding *a, const struct fleet_replica *r)
{
    struct catalog *c = a->catalog;
    const struct fleet_deployment *d = fleet_find_deployment(a->fleet, r->deployment);
    uint32_t index = look_up(&a->deployments, r->deployment);

    if (!serves(r) || !d || index == CATALOG_NONE)
        return false;
    struct catalog_endpoint e = endpoint_of(a, r, c->deployments[index].group);
    if (d->source == SOURCE_EXTERNAL && !make_external(a, d, &e))
        return false;
    e.origin_revision = origin_revision(&e);
    c->endpoints[c->n_endpoints] = e;
    return true;
}

/* --- deployments */

static enum catalog_deployment_state state_of(const struct fleet_deployment *d)
{
    switch (d->status) {
    case STATUS_BUILD_FAILED:
    case STATUS_BUILD_STOPPED:
    case STATUS_DEPLOY_FAILED:
    case STATUS_FAILED:
    case STATUS_DEACTIVATING:
    case STATUS_INACTIVE:
        return DEPLOYMENT_INACTIVE;
    default:
        /* Whether it serves follows from its replicas, once they are counted. */
        return DEPLOYMENT_ASLEEP;
    }
}

static uint32_t environment_of(const struct adding *a, const struct fleet_deployment *d)
{
    const struct fleet_environment *e =
        d->environment.n ? fleet_find_environment_of(a->fleet, d->model, d->environment) : NULL;

    return e ? look_up(&a->environments, e->object.key) : (uint32_t)CATALOG_NONE;
}

static void add_deployment(struct adding *a, const struct fleet_deployment *d, uint32_t model,
                           uint32_t environment)
{
    struct catalog *c = a->catalog;
    struct catalog_deployment *to = &c->deployments[c->n_deployments];
    struct catalog_group *group = &c->groups[c->n_groups];
    struct package_path path = package_paths_of(a->from->policy->package_paths, d);

    *to = (struct catalog_deployment){
        .id = d->id,
        .model = model,
        .group = (uint32_t)c->n_groups++,
        .state = state_of(d),
        .environment = environment,
        .predict_path = path.predict,
        .websocket_path = path.websocket,
    };
    *group = (struct catalog_group){
        .name = d->id,
        .timers = {CONNECT_MS, FIRST_BYTE_MS, IDLE_MS, TOTAL_MS},
        .max_retries = RETRIES,
        .deployment = true,
        .created_s = d->created_ns / NS_PER_S,
    };
    if (d->development)
        c->models[model].development = (uint32_t)c->n_deployments;
    note(&a->deployments, d->id, c->n_deployments++);
}

static void *with_room(struct catalog *c, const void *items, size_t n, size_t more, size_t size)
{
    char *grown = arena_zalloc(&c->arena, (n + more + 1) * size);

    if (n)
        memcpy(grown, items, n * size);
    return grown;
}

static void add_deployments(struct adding *a)
{
    struct catalog *c = a->catalog;
    size_t n = fleet_count(a->fleet, FLEET_DEPLOYMENT);

    c->deployments = arena_zalloc(&c->arena, (n + 1) * sizeof(*c->deployments));
    c->groups = with_room(c, c->groups, c->n_groups, n, sizeof(*c->groups));
    for (struct fleet_deployment *d = fleet_first_deployment(a->fleet); d;
         d = fleet_next_deployment(a->fleet, d)) {
        uint32_t model = look_up(&a->models, d->model);
        uint32_t environment = environment_of(a, d);

        /* In an environment that is not there it would be under no rule at all. */
        if (model != CATALOG_NONE && (d->environment.n == 0 || environment != CATALOG_NONE))
            add_deployment(a, d, model, environment);
    }
}

/* The endpoints lie in the order in which their replicas were made: each group gets a list of its
 * own, cut from one array. */
static void list_endpoints(struct catalog *c, size_t first)
{
    uint32_t *list = arena_alloc(&c->arena, (c->n_endpoints - first + 1) * sizeof(*list));

    for (size_t i = first; i < c->n_endpoints; i++)
        c->groups[c->endpoints[i].group].n_endpoints++;
    for (size_t i = 0; i < c->n_deployments; i++) {
        struct catalog_group *group = &c->groups[c->deployments[i].group];

        group->endpoints = list;
        list += group->n_endpoints;
        if (group->n_endpoints && c->deployments[i].state == DEPLOYMENT_ASLEEP)
            c->deployments[i].state = DEPLOYMENT_SERVING;
        group->n_endpoints = 0;
    }
    for (size_t i = first; i < c->n_endpoints; i++) {
        struct catalog_group *group = &c->groups[c->endpoints[i].group];

        ((uint32_t *)group->endpoints)[group->n_endpoints++] = (uint32_t)i;
    }
}

static void add_replicas(struct adding *a)
{
    struct catalog *c = a->catalog;
    size_t first = c->n_endpoints;

    c->endpoints = with_room(c, c->endpoints, c->n_endpoints, fleet_count(a->fleet, FLEET_REPLICA),
                             sizeof(*c->endpoints));
    for (struct fleet_replica *r = fleet_first_replica(a->fleet); r;
         r = fleet_next_replica(a->fleet, r))
        c->n_endpoints += add_endpoint(a, r);
    list_endpoints(c, first);
}

void hosts_add(void *ctx, struct catalog *c, uint32_t (*rule)(void *rules, str canonical),
               void *rules)
{
    const struct hosts_source *from = ctx;
    struct adding a = {
        .from = from, .fleet = from->policy->fleet, .catalog = c, .rule = rule, .rules = rules};

    map_init(&a.models);
    map_init(&a.environments);
    map_init(&a.deployments);
    add_models(&a);
    add_environments(&a);
    add_deployments(&a);
    link_environments(&a);
    add_replicas(&a);
    package_paths_trim(from->policy->package_paths, from->policy->fleet);
    map_deinit(&a.models);
    map_deinit(&a.environments);
    map_deinit(&a.deployments);
}

#include "control/deployments.h"

#include "base/clock.h"
#include "base/mem.h"

enum { IDENTITY_BYTES = 32, HISTORY_DAYS = 30, DAY_S = 86400 };

/* --- the world */

static void make_identity(void *ctx, char ret_hex[2 * IDENTITY_BYTES + 1])
{
    uint8_t bytes[IDENTITY_BYTES];

    (void)ctx;
    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), ret_hex);
    ret_hex[2 * IDENTITY_BYTES] = '\0';
}

static struct policy_plane_down *find_down(struct policy *p, str plane)
{
    for (size_t i = 0; i < p->n_planes_down; i++)
        if (str_eq(str_of(p->planes_down[i].name), plane))
            return &p->planes_down[i];
    return NULL;
}

bool deployments_plane_down(struct policy *p, str plane, str why)
{
    struct policy_plane_down *down = find_down(p, plane);

    if (down ? str_eq(str_of(down->why), why) : why.n == 0)
        return false;
    if (!down) {
        p->planes_down =
            mem_realloc(p->planes_down, (p->n_planes_down + 1) * sizeof(*p->planes_down));
        down = &p->planes_down[p->n_planes_down++];
        *down = (struct policy_plane_down){.name = str_dup(plane)};
    }
    mem_free(down->why);
    down->why = str_dup(why);
    if (why.n == 0) {
        mem_free(down->name);
        mem_free(down->why);
        *down = p->planes_down[--p->n_planes_down];
    }
    return true;
}

static void list_planes(struct policy *p, const struct config *config, struct fleet_world *w)
{
    struct fleet_plane *planes =
        mem_realloc(p->planes, (config->n_planes + 1) * sizeof(*p->planes));

    for (size_t i = 0; i < config->n_planes; i++) {
        const struct config_plane *from = &config->planes[i];

        planes[i] = (struct fleet_plane){
            .name = from->name,
            .region = from->region,
            .place = from->place,
            .why = STR(""),
            .replicas_max = from->replicas_max,
        };
        const struct policy_plane_down *down = find_down(p, from->name);
        planes[i].available = !down;
        if (down)
            planes[i].why = str_of(down->why);
    }
    p->planes = planes;
    w->planes = planes;
    w->n_planes = config->n_planes;
}

static str organization_rule(struct policy *p, const struct config *config)
{
    if (config->organization_rule.p)
        return config->organization_rule;
    /* The API's, as the catalog in force has it. */
    const struct catalog *c = p->catalog;
    return c && c->organization_rule < c->n_rules ? c->rules[c->organization_rule].text : STR("");
}

void fleet_world_init(struct policy *p, const struct config *config, str actor,
                      struct fleet_world *ret_world)
{
    *ret_world = (struct fleet_world){
        .regions = config->regions,
        .organization_rule = organization_rule(p, config),
        .now_ns = clock_wall_ns(),
        .random = &p->random,
        .identity = make_identity,
        .actor = actor,
        .deploy_timeout_ns = config->deploy_timeout_ms * NS_PER_MS,
        .drain_limit_ns = config->settings.drain_ms * NS_PER_MS,
        .history_ns = HISTORY_DAYS * DAY_S * NS_PER_S,
        .quotas = {[QUOTA_MODELS] = config->quotas.models,
                   [QUOTA_DEPLOYMENTS] = config->quotas.deployments_per_model,
                   [QUOTA_ENVIRONMENTS] = config->quotas.environments_per_model,
                   [QUOTA_SECRETS] = config->quotas.secrets,
                   [QUOTA_GROUPS] = config->quotas.environment_groups,
                   [QUOTA_PACKAGE_BYTES] = config->quotas.package_bytes},
        .package_keep_ns = config->package_keep_ms * NS_PER_MS,
    };
    list_planes(p, config, ret_world);
}

void fleet_world_of(struct policy *p, str actor, struct fleet_world *ret_world)
{
    fleet_world_init(p, p->config, actor, ret_world);
}

/* What the configuration file says about the fleet: the default team, and environment groups that
 * the file owns. */

#include "control/deployments.h"

#include <errno.h>

static void ensure_team(struct fleet *f, int64_t now_ns)
{
    if (fleet_find_team(f, DEPLOYMENTS_DEFAULT_TEAM))
        return;
    struct fleet_team *team =
        (struct fleet_team *)fleet_add(f, FLEET_TEAM, DEPLOYMENTS_DEFAULT_TEAM);
    fleet_set_str(&team->id, DEPLOYMENTS_DEFAULT_TEAM);
    fleet_set_str(&team->name, STR("Default"));
    team->is_default = true;
    team->created_ns = now_ns;
}

static const struct config_environment_group *find_in_file(const struct config *config, str name)
{
    for (size_t i = 0; i < config->n_environment_groups; i++)
        if (str_eq(config->environment_groups[i].name, name))
            return &config->environment_groups[i];
    return NULL;
}

static void set_rule(struct change *c, const struct fleet_world *w, str team, str name, str rule)
{
    struct fleet_problem problem;

    enum fleet_outcome outcome =
        fleet_set_group_rule(c->policy->fleet, w, team, name, rule.p ? rule : STR(""), &problem);
    if (outcome != FLEET_OK && outcome != FLEET_UNCHANGED)
        change_did(c, -EINVAL);
}

static void take_group(struct change *c, const struct fleet_world *w,
                       const struct config_environment_group *from)
{
    struct fleet *f = c->policy->fleet;

    set_rule(c, w, DEPLOYMENTS_DEFAULT_TEAM, from->name, from->rule);
    struct fleet_group *group = fleet_find_group_of(f, DEPLOYMENTS_DEFAULT_TEAM, from->name);
    bool refused = from->standard_endpoint == STANDARD_ENDPOINT_REFUSE;
    if (!group || (group->of_file && group->standard_refused == refused))
        return;
    group = fleet_edit(f, group);
    group->of_file = true;
    group->standard_refused = refused;
}

/* A reload may only take a rule away where that was allowed explicitly. */
static void let_go(struct change *c, const struct fleet_world *w, const struct config *config)
{
    struct fleet *f = c->policy->fleet;

    for (struct fleet_group *g = fleet_first_group(f); g; g = fleet_next_group(f, g)) {
        if (!g->of_file || find_in_file(config, g->name))
            continue;
        set_rule(c, w, g->team, g->name, STR(""));
        fleet_edit(f, g)->of_file = false;
    }
}

void deployments_take_file(struct change *c, const struct config *config)
{
    struct fleet *f = change_fleet(c);
    struct fleet_world w;

    fleet_world_init(c->policy, config, STR("file"), &w);
    ensure_team(f, w.now_ns);
    for (size_t i = 0; i < config->n_environment_groups; i++)
        take_group(c, &w, &config->environment_groups[i]);
    let_go(c, &w, config);
}

bool deployments_check_file(struct policy *p, const struct config *config,
                            struct diagnostics *diagnostics)
{
    bool fine = true;

    for (size_t i = 0; i < config->n_environment_groups; i++) {
        const struct config_environment_group *from = &config->environment_groups[i];
        const struct fleet_group *group =
            fleet_find_group_of(p->fleet, DEPLOYMENTS_DEFAULT_TEAM, from->name);

        if (!group || group->of_file || !group->rule.n)
            continue;
        diagnostics_add(diagnostics, DIAGNOSTIC_ERROR, from->line, 1, STR("environment_groups"),
                        "\"%.*s\" has a region rule that was set through the API; clear that one "
                        "first, or leave the group out",
                        STR_ARG(from->name));
        fine = false;
    }
    return fine;
}

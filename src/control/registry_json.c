#include "control/registry_json.h"

#include "control/instance_types.h"
#include "control/render.h"

enum { HOST_BYTES = 512 };

json_t *text_or_null(str text)
{
    return text.n ? render_str(text) : json_null();
}

static json_t *rule_or_null(str canonical)
{
    return canonical.n ? render_rule(canonical) : json_null();
}

/* --- names */

str cleanup_name(enum fleet_cleanup strategy)
{
    static const str names[] = {
        [CLEANUP_SCALE_TO_ZERO] = STR_INIT("SCALE_TO_ZERO"),
        [CLEANUP_KEEP] = STR_INIT("KEEP"),
        [CLEANUP_DEACTIVATE] = STR_INIT("DEACTIVATE"),
    };

    return names[strategy];
}

str role_name(enum fleet_role role)
{
    static const str names[] = {
        [ROLE_MEMBER] = STR_INIT("MEMBER"),
        [ROLE_TEAM_ADMIN] = STR_INIT("TEAM_ADMIN"),
        [ROLE_ORGANIZATION_ADMIN] = STR_INIT("ORGANIZATION_ADMIN"),
    };

    return names[role];
}

/* --- teams, users, secrets, groups */

json_t *team_json(const struct fleet_team *t)
{
    return json_pack("{s:o, s:o, s:b, s:o}", "id", render_str(t->id), "name", render_str(t->name),
                     "default", (int)t->is_default, "created_at", render_time(t->created_ns));
}

json_t *user_json(const struct fleet_user *u, str team)
{
    json_t *teams = json_array();

    for (size_t i = 0; i < u->n_teams; i++)
        if (!team.n || str_eq(team, u->teams[i]))
            json_array_append_new(teams, render_str(u->teams[i]));
    return json_pack("{s:o, s:o, s:o, s:n, s:o, s:o, s:o}", "user_id", render_str(u->id), "email",
                     text_or_null(u->email), "name", text_or_null(u->name), "workspace_name",
                     "role", render_str(role_name(u->role)), "team_ids", teams, "created_at",
                     render_time(u->created_ns));
}

static json_t *team_name(const struct fleet *f, str id)
{
    const struct fleet_team *team = fleet_find_team(f, id);

    return render_str(team ? team->name : id);
}

json_t *secret_json(const struct fleet *f, const struct fleet_secret *s)
{
    return json_pack("{s:o, s:o, s:o, s:o}", "id", render_str(s->id), "created_at",
                     render_time(s->created_ns), "name", render_str(s->name), "team_name",
                     team_name(f, s->team));
}

static bool is_admin(const struct fleet_user *u, str team)
{
    if (u->role == ROLE_ORGANIZATION_ADMIN)
        return true;
    for (size_t i = 0; i < u->n_teams && u->role == ROLE_TEAM_ADMIN; i++)
        if (str_eq(u->teams[i], team))
            return true;
    return false;
}

static bool is_named(const struct fleet_group *g, str user)
{
    for (size_t i = 0; i < g->n_user_ids; i++)
        if (str_eq(g->user_ids[i], user))
            return true;
    return false;
}

/* Admins are listed as well while it is restricted: they may manage it. */
static json_t *managers(const struct fleet *f, const struct fleet_group *g)
{
    json_t *list = json_array();

    for (struct fleet_user *u = fleet_first_user(f); g && g->restricted && u;
         u = fleet_next_user(f, u))
        if (is_named(g, u->id) || is_admin(u, g->team))
            json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "user_id", render_str(u->id),
                                                  "email", text_or_null(u->email), "name",
                                                  text_or_null(u->name)));
    return list;
}

json_t *group_json(const struct policy *p, const struct fleet_team *team, str name,
                   const struct fleet_group *group)
{
    return json_pack("{s:o, s:o, s:o, s:{s:b, s:o}, s:o, s:s, s:s}", "name", render_str(name),
                     "team_id", render_str(team->id), "team_name", render_str(team->name),
                     "manage_access", "is_restricted", group && group->restricted, "users",
                     managers(p->fleet, group), "region_rule",
                     rule_or_null(group ? group->rule : STR("")), "standard_endpoint",
                     group && group->standard_refused ? "refuse" : "serve", "owner",
                     group && group->of_file ? "file" : "api");
}

/* --- settings */

json_t *autoscaling_json(const struct fleet_autoscaling *a)
{
    return json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "min_replica", (json_int_t)a->min_replica,
        "max_replica", (json_int_t)a->max_replica, "autoscaling_window",
        (json_int_t)a->autoscaling_window_s, "scale_down_delay", (json_int_t)a->scale_down_delay_s,
        "concurrency_target", (json_int_t)a->concurrency_target, "target_utilization_percentage",
        (json_int_t)a->target_utilization_percentage, "max_scale_down_rate",
        (json_int_t)a->max_scale_down_rate, "target_in_flight_tokens",
        a->target_in_flight_tokens ? json_integer(a->target_in_flight_tokens) : json_null());
}

json_t *promotion_settings_json(const struct fleet_promotion_settings *s)
{
    json_t *rolling =
        json_pack("{s:s, s:I, s:I, s:I, s:I}", "rolling_deploy_strategy", "REPLICA",
                  "max_surge_percent", (json_int_t)s->max_surge_percent, "max_unavailable_percent",
                  (json_int_t)s->max_unavailable_percent, "stabilization_time_seconds",
                  (json_int_t)s->stabilization_time_s, "replica_overhead_percent",
                  (json_int_t)s->replica_overhead_percent);

    return json_pack("{s:b, s:b, s:o, s:o, s:b, s:I}", "redeploy_on_promotion",
                     (int)s->redeploy_on_promotion, "rolling_deploy", (int)s->rolling_deploy,
                     "promotion_cleanup_strategy", render_str(cleanup_name(s->cleanup_strategy)),
                     "rolling_deploy_config", rolling, "ramp_up_while_promoting",
                     (int)s->ramp_up_while_promoting, "ramp_up_duration_seconds",
                     (json_int_t)s->ramp_up_duration_s);
}

/* --- models */

const char *model_kind(const struct fleet_model *m)
{
    return m->chain ? "chain" : "model";
}

const char *model_id_member(const struct fleet_model *m)
{
    return m->chain ? "chain_id" : "model_id";
}

static json_t *host(const struct policy *p, const struct fleet_model *m, str environment)
{
    char text[HOST_BYTES];

    snprintf(text, sizeof(text), "%s-%.*s%s%.*s.%.*s", model_kind(m), STR_ARG(m->id),
             environment.n ? "-" : "", STR_ARG(environment), STR_ARG(p->catalog->domain));
    return json_string(text);
}

/* What clients write in front of a host, and behind it: as they reach the gateway. */
static json_t *url_of(const struct policy *p, const char *host)
{
    const struct config *c = p->config;
    bool listens_tls = c->n_certificates > 0;
    bool tls = c->public_scheme == CONFIG_SCHEME_OF_LISTENER
                   ? listens_tls
                   : c->public_scheme == CONFIG_SCHEME_HTTPS;
    unsigned usual = tls ? 443 : 80, port = c->public_port;

    if (!port && c->public_scheme != CONFIG_SCHEME_OF_LISTENER)
        port = usual;
    else if (!port)
        port = p->gateway_port ? p->gateway_port : c->listen[0].port;
    return port == usual ? json_sprintf("http%s://%s", tls ? "s" : "", host)
                         : json_sprintf("http%s://%s:%u", tls ? "s" : "", host, port);
}

/* The hosts, and beside them the URLs that clients call them by. */
static void put_hosts(const struct policy *p, json_t *object, json_t *hosts)
{
    json_t *urls = json_array(), *one;
    size_t i;

    json_array_foreach(hosts, i, one)
        json_array_append_new(urls, url_of(p, json_string_value(one)));
    json_object_set_new(object, "hosts", hosts);
    json_object_set_new(object, "urls", urls);
}

static const struct fleet_deployment *development_of(const struct fleet *f, str model,
                                                     size_t *ret_n)
{
    const struct fleet_deployment *found = NULL;

    *ret_n = 0;
    for (struct fleet_deployment *d = fleet_first_deployment(f); d;
         d = fleet_next_deployment(f, d)) {
        if (!str_eq(d->model, model))
            continue;
        ++*ret_n;
        if (d->development)
            found = d;
    }
    return found;
}

json_t *model_json(const struct policy *p, const struct fleet_model *m)
{
    const struct fleet_environment *e =
        fleet_find_environment_of(p->fleet, m->id, STR("production"));
    const struct fleet_deployment *current = e ? fleet_find_deployment(p->fleet, e->current) : NULL;
    size_t n;
    const struct fleet_deployment *development = development_of(p->fleet, m->id, &n);
    json_t *hosts = p->catalog->domain.n ? json_pack("[o]", host(p, m, STR(""))) : json_array();

    json_t *value =
        json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "id", render_str(m->id),
                  "created_at", render_time(m->created_ns), "name", render_str(m->name),
                  "deployments_count", (json_int_t)n, "production_deployment_id",
                  text_or_null(current ? current->id : STR("")), "development_deployment_id",
                  text_or_null(development ? development->id : STR("")), "instance_type_name",
                  render_str(instance_type_find(current ? current->instance_type : STR(""))->name),
                  "team_name", team_name(p->fleet, m->team), "team_id", render_str(m->team));

    put_hosts(p, value, hosts);
    return value;
}

/* What the model with that id is called in what belongs to it. */
static const char *id_member(const struct fleet *f, str model)
{
    const struct fleet_model *m = fleet_find_model(f, model);

    return m ? model_id_member(m) : "model_id";
}

/* --- chains: one chainlet each, the entry, which is named as the chain */

static json_t *chainlet_json(const struct fleet_model *m, const struct fleet_deployment *d,
                             json_int_t active)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:I, s:o}", "id", render_str(d->id), "name",
                     render_str(m->name), "autoscaling_settings",
                     d->has_autoscaling ? autoscaling_json(&d->autoscaling) : json_null(),
                     "instance_type_name", render_str(instance_type_find(d->instance_type)->name),
                     "active_replica_count", active, "status",
                     render_str(fleet_status_name(d->status)));
}

json_t *chainlet_settings_json(const struct fleet_model *m, const struct fleet_environment *e,
                               str instance_type)
{
    return json_pack("{s:o, s:o, s:o}", "chainlet_name", render_str(m->name),
                     "autoscaling_settings", autoscaling_json(&e->autoscaling), "instance_type",
                     instance_type_json(instance_type_find(instance_type)));
}

/* --- deployments */

static bool is_in(const json_t *list, str text)
{
    const json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        if (str_eq(str_of(json_string_value(item)), text))
            return true;
    }
    return false;
}

/* Where it runs, and how many of its replicas serve. */
static json_t *regions_of(const struct fleet *f, const struct fleet_deployment *d, json_int_t *n)
{
    json_t *list = json_array();

    *n = 0;
    if (d->source == SOURCE_EXTERNAL)
        json_array_append_new(list, render_str(d->region));
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r)) {
        if (!str_eq(r->deployment, d->id) || r->state == REPLICA_GONE)
            continue;
        *n += r->state == REPLICA_READY;
        if (!is_in(list, r->region))
            json_array_append_new(list, render_str(r->region));
    }
    return list;
}

static bool is_production(const struct fleet *f, const struct fleet_deployment *d)
{
    const struct fleet_environment *e = fleet_find_environment_of(f, d->model, STR("production"));

    return e && str_eq(e->current, d->id);
}

json_t *deployment_json(const struct policy *p, const struct fleet_deployment *d)
{
    const struct fleet_model *m = fleet_find_model(p->fleet, d->model);
    json_int_t active;
    json_t *regions = regions_of(p->fleet, d, &active);
    json_t *value = json_pack(
        "{s:o, s:o, s:o, s:o, s:b, s:b, s:o, s:I, s:o, s:o, s:o, s:o}", "id", render_str(d->id),
        "created_at", render_time(d->created_ns), "name", render_str(d->name),
        id_member(p->fleet, d->model), render_str(d->model), "is_production",
        (int)is_production(p->fleet, d), "is_development", (int)d->development, "status",
        render_str(fleet_status_name(d->status)), "active_replica_count", active,
        "autoscaling_settings",
        d->has_autoscaling ? autoscaling_json(&d->autoscaling) : json_null(), "instance_type_name",
        text_or_null(d->instance_type), "environment", text_or_null(d->environment), "labels",
        d->labels.n ? render_stored(d->labels) : json_null());

    json_object_set_new(value, "status_reason", text_or_null(d->why));
    json_object_set_new(value, "source",
                        json_string(d->source == SOURCE_EXTERNAL ? "external" : "model_archive"));
    json_object_set_new(value, "package", text_or_null(d->package));
    json_object_set_new(value, "copied_from", text_or_null(d->copied_from));
    json_object_set_new(value, "regions", regions);
    json_object_set_new(value, "region_rule", rule_or_null(d->rule));
    if (m && m->chain)
        json_object_set_new(value, "chainlets", json_pack("[o]", chainlet_json(m, d, active)));
    return value;
}

json_t *replica_json(const struct fleet_replica *r)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", render_str(r->id),
                     "deployment_id", render_str(r->deployment), "plane", text_or_null(r->plane),
                     "region", render_str(r->region), "status",
                     render_str(fleet_replica_state_name(r->state)), "status_reason",
                     text_or_null(r->why), "created_at", render_time(r->created_ns), "ready_at",
                     render_time(r->ready_ns));
}

/* --- plans */

static json_t *planes_json(const struct fleet_plan *plan)
{
    json_t *list = json_array();

    for (size_t i = 0; i < plan->n_planes; i++)
        json_array_append_new(list,
                              json_pack("{s:o, s:o}", "name", render_str(plan->planes[i]->name),
                                        "region", render_str(plan->planes[i]->region)));
    return list;
}

json_t *plan_json(const struct fleet_plan *plan, str environment, str deployment)
{
    json_t *value = json_pack(
        "{s:b, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "dry_run", 1, "environment",
        text_or_null(environment), "deployment_id", text_or_null(deployment), "redeploys",
        (int)plan->redeploys, "reason", render_str(plan->reason), "previous_deployment_id",
        text_or_null(plan->previous), "region_rule", rule_or_null(plan->rule), "instance_type_name",
        render_str(plan->instance_type.p ? plan->instance_type : STR("")), "autoscaling_settings",
        autoscaling_json(&plan->autoscaling), "promotion_cleanup_strategy",
        render_str(cleanup_name(plan->cleanup)));

    json_object_set_new(value, "replicas", json_integer(plan->replicas));
    json_object_set_new(value, "planes", planes_json(plan));
    return value;
}

/* --- environments */

json_t *promotion_json(const struct policy *p, const struct fleet_promotion *promotion)
{
    const struct fleet_environment *e = fleet_find_environment(p->fleet, promotion->environment);
    str name = e ? e->name
                 : str_from(promotion->environment, str_find(promotion->environment, '/', 0) + 1);
    json_t *value = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o}", "id", render_str(promotion->id), "environment",
        render_str(name), "status", render_str(fleet_promotion_status_name(promotion->status)),
        "deployment_id", render_str(promotion->source), "candidate_deployment_id",
        render_str(promotion->candidate), "previous_deployment_id",
        text_or_null(promotion->previous), "redeployed", (int)promotion->redeployed, "reason",
        render_str(promotion->reason.p ? promotion->reason : STR("")));

    json_object_set_new(value, "percent_traffic_to_new_version",
                        json_integer(promotion->percent_traffic));
    json_object_set_new(value, "error_message", text_or_null(promotion->error));
    json_object_set_new(value, "actor",
                        render_str(promotion->actor.p ? promotion->actor : STR("")));
    json_object_set_new(value, "started_at", render_time(promotion->started_ns));
    json_object_set_new(value, "ended_at", render_time(promotion->ended_ns));
    return value;
}

static json_t *in_progress(const struct fleet_promotion *promotion)
{
    return json_pack("{s:o, s:I, s:o, s:b, s:o}", "status",
                     render_str(fleet_promotion_status_name(promotion->status)),
                     "percent_traffic_to_new_version", (json_int_t)promotion->percent_traffic,
                     "error_message", text_or_null(promotion->error), "rolling_deploy", 0, "id",
                     render_str(promotion->id));
}

static json_t *deployment_or_null(const struct policy *p, str id)
{
    const struct fleet_deployment *d = fleet_find_deployment(p->fleet, id);

    return d ? deployment_json(p, d) : json_null();
}

/* The standard host always; the regional one where there is a rule. */
static json_t *hosts_of(const struct policy *p, const struct fleet_environment *e,
                        const struct fleet_group *group)
{
    const struct fleet_model *m = fleet_find_model(p->fleet, e->model);
    json_t *list = json_array();

    if (!m || !p->catalog->domain.n)
        return list;
    if (!group || !group->standard_refused)
        json_array_append_new(list, host(p, m, STR("")));
    if (group && group->rule.n)
        json_array_append_new(list, host(p, m, e->name));
    return list;
}

json_t *environment_json(const struct policy *p, const struct fleet_environment *e)
{
    const struct fleet_group *group = fleet_group_of_environment(p->fleet, e);
    const struct fleet_promotion *promotion = fleet_find_promotion(p->fleet, e->promotion);
    const struct fleet_promotion *last = fleet_find_promotion(p->fleet, e->last_promotion);
    const struct fleet_deployment *current = fleet_find_deployment(p->fleet, e->current);
    const struct fleet_model *m = fleet_find_model(p->fleet, e->model);
    str type = e->instance_type.n ? e->instance_type : current ? current->instance_type : STR("");
    json_t *value = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name", render_str(e->name), "created_at",
        render_time(e->created_ns), id_member(p->fleet, e->model), render_str(e->model),
        "current_deployment", deployment_or_null(p, e->current), "candidate_deployment",
        deployment_or_null(p, promotion ? promotion->candidate : STR("")), "in_progress_promotion",
        promotion ? in_progress(promotion) : json_null(), "autoscaling_settings",
        autoscaling_json(&e->autoscaling), "promotion_settings",
        promotion_settings_json(&e->promotion_settings), "instance_type",
        instance_type_json(instance_type_find(type)));

    json_object_set_new(value, "last_promotion", last ? promotion_json(p, last) : json_null());
    json_object_set_new(value, "region_rule", rule_or_null(group ? group->rule : STR("")));
    put_hosts(p, value, hosts_of(p, e, group));
    if (m && m->chain)
        json_object_set_new(value, "chainlet_settings",
                            json_pack("[o]", chainlet_settings_json(m, e, type)));
    return value;
}

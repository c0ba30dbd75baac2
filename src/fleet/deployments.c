/* Deployments are made by a push or by a promotion, belong to at most one environment, and are
 * removed with all they have. */

#include "fleet/controller_internal.h"

#include <stdio.h>

enum { DEPLOYMENT_NAME_MAX = 200, PACKAGE_HEX = 64 };

struct fleet_deployment *deployment_new(struct fleet *f, const struct fleet_world *w, str model,
                                        enum fleet_source source)
{
    struct fleet_deployment *d = (struct fleet_deployment *)object_with_id(
        f, w, FLEET_DEPLOYMENT, FLEET_DEPLOYMENT_ID_BYTES);

    fleet_set_str(&d->id, d->object.key);
    fleet_set_str(&d->image, d->id);
    fleet_set_str(&d->model, model);
    d->source = source;
    d->created_ns = w->now_ns;
    d->built = source == SOURCE_EXTERNAL;
    return d;
}

static bool is_taken(const struct fleet *f, str model, str name)
{
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        if (str_eq(d->model, model) && str_eq(d->name, name))
            return true;
    return false;
}

void deployment_name(struct fleet *f, struct fleet_deployment *d, str name_or_empty)
{
    struct fleet_model *m = fleet_edit(f, fleet_find_model(f, d->model));
    char made[32];

    do {
        m->n_deployments_made++;
        snprintf(made, sizeof(made), "deployment-%u", m->n_deployments_made);
    } while (name_or_empty.n == 0 && is_taken(f, d->model, str_of(made)));
    fleet_set_str(&d->name, name_or_empty.n ? name_or_empty : str_of(made));
}

struct fleet_promotion *deployment_promotion(const struct fleet *f,
                                             const struct fleet_deployment *d)
{
    struct fleet_environment *e = fleet_find_environment_of(f, d->model, d->environment);
    struct fleet_promotion *p = e ? fleet_find_promotion(f, e->promotion) : NULL;

    return p && str_eq(p->candidate, d->id) ? p : NULL;
}

struct fleet_environment *deployment_current_of(const struct fleet *f,
                                                const struct fleet_deployment *d)
{
    struct fleet_environment *e = fleet_find_environment_of(f, d->model, d->environment);

    return e && str_eq(e->current, d->id) ? e : NULL;
}

void deployment_move(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                     str environment)
{
    if (str_eq(d->environment, environment))
        return;
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        if (str_eq(r->deployment, d->id))
            usage_end(f, w, r);
    fleet_set_str(&fleet_edit(f, d)->environment, environment);
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        if (str_eq(r->deployment, d->id))
            usage_begin(f, w, r);
}

void deployment_tell(struct fleet *f, struct fleet_deployment *d, str environment)
{
    if (str_eq(d->told_environment, environment))
        return;
    fleet_set_str(&fleet_edit(f, d)->told_environment, environment);
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        if (str_eq(r->deployment, d->id) && r->plane.n && r->state < REPLICA_STOPPING)
            fleet_set_str(&fleet_edit(f, r)->environment, STR("?"));
}

void deployment_leave(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d)
{
    deployment_move(f, w, d, STR_NULL);
    deployment_tell(f, d, STR_NULL);
}

void deployment_remove(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d)
{
    for (struct fleet_replica *r = fleet_first_replica(f); r; r = fleet_next_replica(f, r))
        if (str_eq(r->deployment, d->id)) {
            usage_end(f, w, r);
            replica_stop(f, w, r, "its deployment is no more");
        }
    if (d->source == SOURCE_PACKAGE) {
        struct fleet_leftover *l =
            (struct fleet_leftover *)fleet_add(f, FLEET_LEFTOVER, d->object.key);

        fleet_set_str(&l->id, d->id);
        fleet_set_str(&l->image, d->image);
    }
    fleet_remove(f, &d->object);
}

/* --- push */

static bool is_hex(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!(s.p[i] >= '0' && s.p[i] <= '9') && !(s.p[i] >= 'a' && s.p[i] <= 'f'))
            return false;
    return true;
}

static bool is_deployment_name(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = str_lower_char(s.p[i]);

        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '_' && c != '-' && c != '.')
            return false;
    }
    return s.n <= DEPLOYMENT_NAME_MAX;
}

static enum fleet_outcome check_push(const struct fleet *f, const struct fleet_push *push,
                                     struct fleet_problem *problem)
{
    if (!fleet_find_model(f, push->model)) {
        problem_say(problem, "", "there is no model \"%.*s\"", STR_ARG(str_upto(push->model, 80)));
        return FLEET_NOT_FOUND;
    }
    if (push->package.n ? push->package.n != PACKAGE_HEX || !is_hex(push->package)
                        : push->url.n == 0) {
        problem_say(
            problem, "package",
            "package: the SHA-256 of an archive in hexadecimal, or the url of a server that "
            "runs already, is expected");
        return FLEET_INVALID;
    }
    if (!is_deployment_name(push->name)) {
        problem_say(problem, "name",
                    "name: up to %d letters, digits, \"_\", \"-\" and \".\" are expected",
                    DEPLOYMENT_NAME_MAX);
        return FLEET_INVALID;
    }
    if (push->development && push->environment.n) {
        problem_say(problem, "environment",
                    "environment: the development deployment belongs to no environment");
        return FLEET_INVALID;
    }
    return FLEET_OK;
}

/* The environment that it is pushed to, if it can be. */
static enum fleet_outcome check_environment(const struct fleet *f, const struct fleet_push *push,
                                            struct fleet_environment **ret_environment,
                                            struct fleet_problem *problem)
{
    *ret_environment = NULL;
    if (push->environment.n == 0)
        return FLEET_OK;
    *ret_environment = fleet_find_environment_of(f, push->model, push->environment);
    if (*ret_environment)
        return promotion_refusal(*ret_environment, problem);
    problem_say(problem, "environment", "environment: the model has no environment \"%.*s\"",
                STR_ARG(str_upto(push->environment, 80)));
    return FLEET_NOT_FOUND;
}

/* A model has one development deployment: a new one takes the place of the old. */
static struct fleet_deployment *find_development(const struct fleet *f, str model)
{
    for (struct fleet_deployment *d = fleet_first_deployment(f); d; d = fleet_next_deployment(f, d))
        if (d->development && str_eq(d->model, model))
            return d;
    return NULL;
}

static void replace_development(struct fleet *f, const struct fleet_world *w, str model)
{
    struct fleet_deployment *d = find_development(f, model);

    if (d)
        deployment_remove(f, w, d);
}

static void fill(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                 const struct fleet_push *push, const struct fleet_environment *e)
{
    const struct fleet_group *g = e ? fleet_group_of_environment(f, e) : NULL;

    deployment_name(f, d, push->name);
    fleet_set_str(&d->package, push->package);
    fleet_set_str(&d->config, push->config);
    fleet_set_str(&d->raw_config, push->raw_config);
    if (d->source == SOURCE_EXTERNAL) {
        fleet_set_str(&d->url, push->url);
        fleet_set_str(&d->region, push->region);
        fleet_set_str(&d->credential, push->credential);
    }
    fleet_set_str(&d->labels, push->labels);
    fleet_set_str(&d->instance_type,
                  e ? promotion_instance_type(f, e, push->instance_type,
                                              push->preserve_environment_instance_type)
                    : push->instance_type);
    if (e) {
        fleet_set_str(&d->environment, e->name);
        fleet_set_str(&d->told_environment, e->name);
    }
    fleet_set_str(&d->rule, g ? g->rule : STR_NULL);
    d->development = push->development;
    d->deploy_timeout_ns = push->deploy_timeout_ns;
    deployment_begin(f, w, d, d->built ? STATUS_DEPLOYING : STATUS_BUILDING);
}

static struct fleet_promote promote_of(const struct fleet_push *push)
{
    return (struct fleet_promote){.scale_down_previous = push->scale_down_previous,
                                  .preserve_environment_instance_type =
                                      push->preserve_environment_instance_type};
}

/* Of a push to no environment. */
static struct fleet_plan plan_alone(const struct fleet *f, const struct fleet_push *push)
{
    const struct fleet_deployment *development =
        push->development ? find_development(f, push->model) : NULL;
    struct fleet_plan plan = {
        .reason = push->development ? STR("it is the development deployment")
                                    : STR("it is in no environment"),
        .previous = development ? development->id : STR_NULL,
        .rule = STR_NULL,
        .instance_type = fleet_instance_type(push->instance_type),
        .cleanup = CLEANUP_KEEP,
        .replicas = 1,
    };

    fleet_autoscaling_defaults(&plan.autoscaling);
    return plan;
}

static enum fleet_outcome decide(const struct fleet *f, const struct fleet_world *w,
                                 const struct fleet_push *push,
                                 struct fleet_environment **ret_environment,
                                 struct fleet_plan *plan, struct fleet_problem *problem)
{
    const struct fleet_promote promote = promote_of(push);
    const struct fleet_deployment made = {
        .source = push->package.n ? SOURCE_PACKAGE : SOURCE_EXTERNAL,
        .region = push->region,
        .instance_type = push->instance_type,
    };
    enum fleet_outcome outcome = check_push(f, push, problem);

    if (outcome == FLEET_OK)
        outcome = check_environment(f, push, ret_environment, problem);
    if (outcome == FLEET_OK && !(push->development && find_development(f, push->model)))
        outcome = fleet_check_quota(f, w, QUOTA_DEPLOYMENTS, push->model, 1, problem);
    if (outcome != FLEET_OK)
        return outcome;
    *plan = plan_alone(f, push);
    if (*ret_environment) {
        *plan = promotion_plan(f, *ret_environment, &made, &promote);
        plan->reason = promotion_reason_pushed;
    }
    if (placement_is_possible(f, w, &made, plan->rule, plan->planes, COUNT_OF(plan->planes),
                              &plan->n_planes, problem))
        return FLEET_OK;
    return problem && problem->field[0] ? FLEET_INVALID : FLEET_CONFLICT;
}

enum fleet_outcome fleet_plan_push(const struct fleet *f, const struct fleet_world *w,
                                   const struct fleet_push *push, struct fleet_plan *ret_plan,
                                   struct fleet_problem *problem)
{
    struct fleet_environment *e;
    struct fleet_plan plan;
    enum fleet_outcome outcome = decide(f, w, push, &e, &plan, problem);

    if (outcome == FLEET_OK)
        *ret_plan = plan;
    return outcome;
}

enum fleet_outcome fleet_push(struct fleet *f, const struct fleet_world *w,
                              const struct fleet_push *push,
                              struct fleet_deployment **ret_deployment,
                              struct fleet_problem *problem)
{
    const struct fleet_promote promote = promote_of(push);
    struct fleet_environment *e;
    struct fleet_plan plan;
    enum fleet_outcome outcome = decide(f, w, push, &e, &plan, problem);

    if (outcome == FLEET_OK && push->package.n)
        outcome =
            package_take(f, w, fleet_find_model(f, push->model)->team, push->package, problem);
    if (outcome != FLEET_OK)
        return outcome;
    if (push->development)
        replace_development(f, w, push->model);
    struct fleet_deployment *d =
        deployment_new(f, w, push->model, push->package.n ? SOURCE_PACKAGE : SOURCE_EXTERNAL);
    fill(f, w, d, push, e);
    if (e)
        promotion_begin(f, w, e, d, d, plan.reason, &promote);
    *ret_deployment = d;
    return settled(f, w);
}

/* --- the end, and settings */

enum fleet_outcome fleet_delete_deployment(struct fleet *f, const struct fleet_world *w,
                                           struct fleet_deployment *d,
                                           struct fleet_problem *problem)
{
    size_t n = 0;

    for (struct fleet_deployment *o = fleet_first_deployment(f); o; o = fleet_next_deployment(f, o))
        n += str_eq(o->model, d->model);
    if (d->environment.n) {
        problem_say(problem, "", "deployment %.*s is in environment %.*s", STR_ARG(d->id),
                    STR_ARG(d->environment));
        return FLEET_CONFLICT;
    }
    if (n == 1) {
        problem_say(problem, "", "deployment %.*s is the model's only one; delete the model",
                    STR_ARG(d->id));
        return FLEET_CONFLICT;
    }
    deployment_remove(f, w, d);
    return settled(f, w);
}

enum fleet_outcome fleet_set_autoscaling(struct fleet *f, const struct fleet_world *w,
                                         struct fleet_deployment *d,
                                         const struct fleet_autoscaling *settings,
                                         struct fleet_problem *problem)
{
    enum fleet_outcome outcome = settings_check_autoscaling(settings, problem);
    struct fleet_environment *e = deployment_current_of(f, d);

    if (outcome != FLEET_OK)
        return outcome;
    if (d->development && (settings->min_replica != 0 || settings->max_replica != 1)) {
        problem_say(problem, "min_replica",
                    "min_replica, max_replica: a development deployment has 0 and 1");
        return FLEET_INVALID;
    }
    if (deployment_promotion(f, d)) {
        problem_say(problem, "",
                    "deployment %.*s is being promoted: it takes the settings of environment %.*s",
                    STR_ARG(d->id), STR_ARG(d->environment));
        return FLEET_CONFLICT;
    }
    if (d->has_autoscaling && memcmp(&d->autoscaling, settings, sizeof(*settings)) == 0)
        return FLEET_UNCHANGED;
    d = fleet_edit(f, d);
    d->autoscaling = *settings;
    d->has_autoscaling = true;
    if (e) /* one place for both: the environment's are its current deployment's */
        fleet_edit(f, e)->autoscaling = *settings;
    return settled(f, w);
}

/*
 * Promotion, plain. The candidate is the deployment that was asked for, or a new one from the same
 * package; it is made ready beside what serves; then, in one transaction, the environment's current
 * deployment changes, the winner gets the environment's settings, and the previous one is demoted.
 * Until then nothing of the environment has changed, so a failure has nothing to take back but what
 * the candidate had been.
 *
 * That the replicas of a deployment were told another environment's name, or none, is no reason to
 * redeploy by itself: a promotion that reuses does not load again, as documented, and whoever needs
 * that says redeploy_on_promotion. The name reaches running replicas by the file that they watch,
 * and those that start later by their start (told_environment). It is told when the promotion
 * begins, and the swap waits until every ready replica has confirmed it; one that becomes ready
 * later serves once it has.
 */

#include "fleet/controller_internal.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>

/* --- reuse or redeploy, and why */

enum reason {
    REASON_DEVELOPMENT,
    REASON_ELSEWHERE,
    REASON_RULE,
    REASON_INSTANCE_TYPE,
    REASON_SETTING,
    REASON_REUSED,
};
static const str reasons[] = {
    [REASON_DEVELOPMENT] = STR_INIT("it is the development deployment"),
    [REASON_ELSEWHERE] = STR_INIT("it belongs to another environment"),
    [REASON_RULE] = STR_INIT("it was not placed under the environment's region rule"),
    [REASON_INSTANCE_TYPE] = STR_INIT("the environment has another instance type"),
    [REASON_SETTING] = STR_INIT("the environment redeploys on promotion"),
    [REASON_REUSED] = STR_INIT("nothing about it has to change"),
};
const str promotion_reason_pushed = STR_INIT("it was pushed to the environment");

/* The rule of an environment, "" : none. */
static str rule_of(const struct fleet *f, const struct fleet_environment *e)
{
    const struct fleet_group *g = fleet_group_of_environment(f, e);

    return g ? g->rule : STR_NULL;
}

/* Whether what was placed under `placed` may have gone where `rule` does not allow. */
static bool is_wider(const struct fleet *f, const struct fleet_world *w, str placed, str rule)
{
    return region_rule_compare(fleet_rule(f, w->regions, rule),
                               fleet_rule(f, w->regions, placed)) == REGION_RULE_WIDENED;
}

static enum reason reason_of(const struct fleet *f, const struct fleet_world *w,
                             const struct fleet_environment *e, const struct fleet_deployment *d,
                             str type)
{
    if (d->development)
        return REASON_DEVELOPMENT;
    if (d->environment.n && !str_eq(d->environment, e->name))
        return REASON_ELSEWHERE;
    if (is_wider(f, w, d->rule, rule_of(f, e)))
        return REASON_RULE;
    if (!str_eq(type, fleet_instance_type(d->instance_type)))
        return REASON_INSTANCE_TYPE;
    return e->promotion_settings.redeploy_on_promotion ? REASON_SETTING : REASON_REUSED;
}

/* An environment that names none has its current deployment's; before the first it has none. */
str promotion_instance_type(const struct fleet *f, const struct fleet_environment *e, str own,
                            bool preserve)
{
    const struct fleet_deployment *current = fleet_find_deployment(f, e->current);

    if (!preserve)
        return own;
    if (e->instance_type.n)
        return e->instance_type;
    return current ? fleet_instance_type(current->instance_type) : own;
}

uint32_t promotion_replicas(const struct fleet *f, const struct fleet_environment *e,
                            enum fleet_source source)
{
    const struct fleet_deployment *previous = fleet_find_deployment(f, e->current);
    uint32_t n = previous ? deployment_ready_replicas(f, previous) : 0;

    if (source == SOURCE_EXTERNAL)
        return 1;
    if (n > e->autoscaling.max_replica)
        n = e->autoscaling.max_replica;
    if (n < e->autoscaling.min_replica)
        n = e->autoscaling.min_replica;
    return n ? n : 1;
}

/* --- what a promotion would do */

enum fleet_outcome promotion_refusal(const struct fleet_environment *e,
                                     struct fleet_problem *problem)
{
    if (e->promotion.n) {
        problem_say(problem, "", "a promotion to %.*s is under way already", STR_ARG(e->name));
        return FLEET_CONFLICT;
    }
    if (e->promotion_settings.rolling_deploy || e->promotion_settings.ramp_up_while_promoting) {
        problem_say(problem, "promotion_settings",
                    "promotion_settings: environment %.*s asks for %s, and rolling and canary "
                    "promotions are not there yet",
                    STR_ARG(e->name),
                    e->promotion_settings.rolling_deploy ? "rolling_deploy"
                                                         : "ramp_up_while_promoting");
        return FLEET_INVALID;
    }
    return FLEET_OK;
}

static enum fleet_outcome check_source(const struct fleet_deployment *d,
                                       struct fleet_problem *problem)
{
    str status = fleet_status_name(d->status);

    if (!status_has_failed(d->status) && d->target != TARGET_INACTIVE)
        return FLEET_OK;
    problem_say(problem, "deployment_id", "deployment %.*s is %.*s; %s first", STR_ARG(d->id),
                STR_ARG(status), status_has_failed(d->status) ? "retry it" : "activate it");
    return FLEET_CONFLICT;
}

struct parts {
    struct fleet_environment *environment;
    struct fleet_deployment *source;
    enum reason reason;
};

static enum fleet_outcome find_parts(const struct fleet *f, const struct fleet_promote *promote,
                                     struct parts *parts, struct fleet_problem *problem)
{
    parts->environment = fleet_find_environment(f, promote->environment);
    parts->source = fleet_find_deployment(f, promote->deployment);
    if (!parts->environment) {
        problem_say(problem, "", "there is no environment \"%.*s\"",
                    STR_ARG(str_upto(promote->environment, 80)));
        return FLEET_NOT_FOUND;
    }
    if (!parts->source || !str_eq(parts->source->model, parts->environment->model)) {
        problem_say(problem, "deployment_id", "the model has no deployment \"%.*s\"",
                    STR_ARG(str_upto(promote->deployment, 80)));
        return FLEET_NOT_FOUND;
    }
    return FLEET_OK;
}

struct fleet_plan promotion_plan(const struct fleet *f, const struct fleet_environment *e,
                                 const struct fleet_deployment *d,
                                 const struct fleet_promote *promote)
{
    str type = promote->instance_type.n
                   ? promote->instance_type
                   : promotion_instance_type(f, e, d->instance_type,
                                             promote->preserve_environment_instance_type);

    return (struct fleet_plan){
        .previous = e->current,
        .rule = rule_of(f, e),
        .instance_type = fleet_instance_type(type),
        .autoscaling = e->autoscaling,
        .cleanup =
            promote->scale_down_previous ? e->promotion_settings.cleanup_strategy : CLEANUP_KEEP,
        .replicas = promotion_replicas(f, e, d->source),
    };
}

static enum fleet_outcome decide(const struct fleet *f, const struct fleet_world *w,
                                 const struct fleet_promote *promote, struct parts *parts,
                                 struct fleet_plan *plan, struct fleet_problem *problem)
{
    enum fleet_outcome outcome = find_parts(f, promote, parts, problem);

    if (outcome == FLEET_OK)
        outcome = promotion_refusal(parts->environment, problem);
    if (outcome == FLEET_OK)
        outcome = check_source(parts->source, problem);
    if (outcome != FLEET_OK)
        return outcome;
    const struct fleet_environment *e = parts->environment;
    const struct fleet_deployment *d = parts->source;
    *plan = promotion_plan(f, e, d, promote);
    parts->reason = reason_of(f, w, e, d, plan->instance_type);
    if (parts->reason == REASON_REUSED && str_eq(e->current, d->id)) {
        problem_say(problem, "deployment_id", "deployment %.*s is current in %.*s already",
                    STR_ARG(d->id), STR_ARG(e->name));
        return FLEET_CONFLICT;
    }
    plan->redeploys = parts->reason != REASON_REUSED;
    plan->reason = reasons[parts->reason];
    bool enough = !plan->redeploys && deployment_ready_replicas(f, d) >= plan->replicas;
    if (!placement_is_possible(f, w, d, plan->rule, plan->planes, COUNT_OF(plan->planes),
                               &plan->n_planes, problem) &&
        !enough)
        return FLEET_CONFLICT;
    return plan->redeploys ? fleet_check_quota(f, w, QUOTA_DEPLOYMENTS, d->model, 1, problem)
                           : FLEET_OK;
}

enum fleet_outcome fleet_plan_promotion(const struct fleet *f, const struct fleet_world *w,
                                        const struct fleet_promote *promote,
                                        struct fleet_plan *ret_plan, struct fleet_problem *problem)
{
    struct fleet_plan plan;
    struct parts parts;
    enum fleet_outcome outcome = decide(f, w, promote, &parts, &plan, problem);

    if (outcome == FLEET_OK)
        *ret_plan = plan;
    return outcome;
}

/* --- the beginning */

static struct fleet_deployment *copy_of(struct fleet *f, const struct fleet_world *w,
                                        const struct fleet_deployment *source,
                                        const struct fleet_environment *e,
                                        const struct fleet_plan *plan)
{
    struct fleet_deployment *d = deployment_new(f, w, source->model, source->source);

    deployment_name(f, d, STR_NULL);
    fleet_set_str(&d->copied_from, source->id);
    fleet_set_str(&d->image, source->image);
    fleet_set_str(&d->package, source->package);
    fleet_set_str(&d->config, source->config);
    fleet_set_str(&d->raw_config, source->raw_config);
    fleet_set_str(&d->url, source->url);
    fleet_set_str(&d->region, source->region);
    fleet_set_str(&d->credential, source->credential);
    fleet_set_str(&d->labels, source->labels);
    fleet_set_str(&d->instance_type, plan->instance_type);
    fleet_set_str(&d->environment, e->name);
    fleet_set_str(&d->told_environment, e->name);
    fleet_set_str(&d->rule, plan->rule);
    d->deploy_timeout_ns = source->deploy_timeout_ns;
    deployment_begin(f, w, d, d->built ? STATUS_DEPLOYING : STATUS_BUILDING);
    return d;
}

/* The candidate is what it was, for as long as the promotion may fail; now it is the environment's.
 */
static void reuse(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                  const struct fleet_environment *e, struct fleet_promotion *p)
{
    fleet_set_str(&p->candidate_environment, d->environment);
    fleet_set_str(&p->candidate_rule, d->rule);
    fleet_set_str(&p->candidate_told, d->told_environment);
    p->candidate_target = d->target;
    deployment_move(f, w, d, e->name);
    d = fleet_edit(f, d);
    fleet_set_str(&d->rule, rule_of(f, e));
    deployment_tell(f, d, e->name);
    if (d->target == TARGET_SLEEP)
        deployment_begin(f, w, d, STATUS_WAKING_UP);
    d->restarts = 0;
    d->restart_ns = 0;
}

struct fleet_promotion *promotion_begin(struct fleet *f, const struct fleet_world *w,
                                        struct fleet_environment *e,
                                        struct fleet_deployment *source,
                                        struct fleet_deployment *candidate, str reason,
                                        const struct fleet_promote *promote)
{
    struct fleet_promotion *p =
        (struct fleet_promotion *)object_with_id(f, w, FLEET_PROMOTION, REPLICA_ID_BYTES);

    fleet_set_str(&p->id, p->object.key);
    fleet_set_str(&p->environment, e->object.key);
    fleet_set_str(&p->source, source->id);
    fleet_set_str(&p->candidate, candidate->id);
    fleet_set_str(&p->previous, e->current);
    fleet_set_str(&p->reason, reason);
    fleet_set_str(&p->actor, w->actor);
    p->redeployed = candidate != source;
    p->pushed = str_eq(reason, promotion_reason_pushed);
    p->scale_down_previous = promote->scale_down_previous;
    p->preserve_instance_type =
        promote->preserve_environment_instance_type && promote->instance_type.n == 0;
    p->candidate_replicas = promotion_replicas(f, e, candidate->source);
    p->status = PROMOTION_RELEASING;
    p->started_ns = w->now_ns;
    fleet_set_str(&fleet_edit(f, e)->promotion, p->id);
    return p;
}

enum fleet_outcome fleet_promote(struct fleet *f, const struct fleet_world *w,
                                 const struct fleet_promote *promote,
                                 struct fleet_promotion **ret_promotion,
                                 struct fleet_problem *problem)
{
    struct fleet_plan plan;
    struct parts parts;
    enum fleet_outcome outcome = decide(f, w, promote, &parts, &plan, problem);

    if (outcome != FLEET_OK)
        return outcome;
    struct fleet_environment *e = parts.environment;
    struct fleet_deployment *candidate =
        plan.redeploys ? copy_of(f, w, parts.source, e, &plan) : parts.source;
    *ret_promotion = promotion_begin(f, w, e, parts.source, candidate, plan.reason, promote);
    if (!plan.redeploys)
        reuse(f, w, candidate, e, *ret_promotion);
    return settled(f, w);
}

enum fleet_outcome fleet_set_instance_type(struct fleet *f, const struct fleet_world *w,
                                           struct fleet_environment *e, str type,
                                           struct fleet_promotion **ret_promotion,
                                           struct fleet_problem *problem)
{
    const struct fleet_deployment *d = fleet_find_deployment(f, e->current);
    enum fleet_outcome outcome = promotion_refusal(e, problem);

    *ret_promotion = NULL;
    if (outcome != FLEET_OK)
        return outcome;
    if (d && !str_eq(fleet_instance_type(d->instance_type), type))
        return fleet_promote(f, w,
                             &(struct fleet_promote){.environment = e->object.key,
                                                     .deployment = d->id,
                                                     .scale_down_previous = true,
                                                     .instance_type = type},
                             ret_promotion, problem);
    if (str_eq(e->instance_type, type))
        return FLEET_UNCHANGED;
    fleet_set_str(&fleet_edit(f, e)->instance_type, type);
    return FLEET_OK;
}

/* --- the end */

static void give_back(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                      const struct fleet_promotion *p)
{
    deployment_move(f, w, d, p->candidate_environment);
    d = fleet_edit(f, d);
    fleet_set_str(&d->rule, p->candidate_rule);
    if (d->target == TARGET_RUN) /* else it has failed by itself */
        d->target = p->candidate_target;
    deployment_tell(f, d, p->candidate_told);
}

static void discard(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                    const struct fleet_promotion *p, const char *error)
{
    deployment_leave(f, w, d);
    d = fleet_edit(f, d);
    if (p->status == PROMOTION_FAILED && !status_has_failed(d->status))
        deployment_fail(f, w, d, d->was_active ? STATUS_FAILED : STATUS_DEPLOY_FAILED, error);
    else if (!d->built && !status_has_failed(d->status))
        deployment_fail(f, w, d, STATUS_BUILD_STOPPED, error);
    d->target = TARGET_INACTIVE;
    d->deactivated_ns = w->now_ns;
    d->deadline_ns = 0;
}

static void demote(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                   enum fleet_cleanup cleanup)
{
    deployment_leave(f, w, d);
    d = fleet_edit(f, d);
    if (d->target == TARGET_INACTIVE || cleanup == CLEANUP_KEEP)
        return;
    d->target = cleanup == CLEANUP_DEACTIVATE ? TARGET_INACTIVE : TARGET_SLEEP;
    if (cleanup == CLEANUP_DEACTIVATE)
        d->deactivated_ns = w->now_ns;
    else
        d->autoscaling.min_replica = 0; /* the environment's, which it is no longer in */
}

static void install(struct fleet *f, const struct fleet_world *w, struct fleet_environment *e,
                    struct fleet_deployment *d, const struct fleet_promotion *p)
{
    struct fleet_deployment *previous = fleet_find_deployment(f, e->current);

    e = fleet_edit(f, e);
    d = fleet_edit(f, d);
    fleet_set_str(&e->current, d->id);
    if (e->instance_type.n == 0 || !p->preserve_instance_type)
        fleet_set_str(&e->instance_type, d->instance_type);
    d->autoscaling = e->autoscaling;
    d->has_autoscaling = true;
    d->used_ns = w->now_ns;
    d->deadline_ns = 0;
    deployment_tell(f, d, e->name);
    if (previous && previous != d)
        demote(f, w, previous,
               p->scale_down_previous ? e->promotion_settings.cleanup_strategy : CLEANUP_KEEP);
}

/* What was set while the promotion ran takes effect now. */
static void apply_settings(struct fleet *f, const struct fleet_environment *e)
{
    struct fleet_deployment *d = fleet_find_deployment(f, e->current);

    if (d)
        fleet_edit(f, d)->autoscaling = e->autoscaling;
}

void promotion_end(struct fleet *f, const struct fleet_world *w, struct fleet_promotion *p,
                   enum fleet_promotion_status status, const char *error)
{
    struct fleet_environment *e = fleet_find_environment(f, p->environment);
    struct fleet_deployment *d = fleet_find_deployment(f, p->candidate);

    p = fleet_edit(f, p);
    p->status = status;
    p->ended_ns = w->now_ns;
    p->percent_traffic = status == PROMOTION_SUCCEEDED ? 100 : 0;
    fleet_set_str(&p->error, str_of(error));
    e = fleet_edit(f, e);
    fleet_set_str(&e->promotion, STR_NULL);
    fleet_set_str(&e->last_promotion, p->id);
    if (status == PROMOTION_SUCCEEDED)
        install(f, w, e, d, p);
    else if (p->redeployed || p->pushed)
        discard(f, w, d, p, error);
    else
        give_back(f, w, d, p);
    apply_settings(f, e);
}

static bool is_too_late(struct fleet *f, const struct fleet_world *w, struct fleet_promotion *p,
                        const struct fleet_deployment *d)
{
    if (d->built && p->deadline_ns == 0)
        fleet_edit(f, p)->deadline_ns = w->now_ns + deployment_timeout(w, d);
    return p->deadline_ns && w->now_ns >= p->deadline_ns;
}

bool promotion_advance(struct fleet *f, const struct fleet_world *w, struct crew *crew)
{
    struct fleet_promotion *p = crew->promotion;
    const struct fleet_deployment *d = crew->deployment;
    uint32_t ready = crew->n[REPLICA_READY];
    str status = fleet_status_name(d->status), why = d->why;
    char error[1024];

    if (ready >= p->candidate_replicas && crew->told == ready && d->status == STATUS_ACTIVE) {
        promotion_end(f, w, p, PROMOTION_SUCCEEDED, "");
        return true;
    }
    if (status_has_failed(d->status))
        snprintf(error, sizeof(error), "deployment %.*s is %.*s: %.*s", STR_ARG(d->id),
                 STR_ARG(status), STR_ARG(str_upto(why, 700)));
    else if (d->was_active && d->restarts > RESTARTS_MAX)
        snprintf(error, sizeof(error), "replicas of deployment %.*s end too often%s%.*s",
                 STR_ARG(d->id), why.n ? ": " : "", STR_ARG(str_upto(why, 700)));
    else if (is_too_late(f, w, p, d) && ready >= p->candidate_replicas)
        snprintf(error, sizeof(error),
                 "%u of %u replicas of deployment %.*s have not confirmed environment %.*s within "
                 "%lld s",
                 ready - crew->told, ready, STR_ARG(d->id), STR_ARG(d->environment),
                 (long long)(deployment_timeout(w, d) / NS_PER_S));
    else if (is_too_late(f, w, p, d))
        snprintf(error, sizeof(error),
                 "%u of %u replicas of deployment %.*s were ready within %lld s%s%.*s", ready,
                 p->candidate_replicas, STR_ARG(d->id),
                 (long long)(deployment_timeout(w, d) / NS_PER_S), why.n ? ": " : "",
                 STR_ARG(str_upto(why, 700)));
    else
        return false;
    promotion_end(f, w, p, PROMOTION_FAILED, error);
    return true;
}

enum fleet_outcome fleet_cancel_promotion(struct fleet *f, const struct fleet_world *w,
                                          struct fleet_environment *e,
                                          struct fleet_problem *problem)
{
    struct fleet_promotion *p = fleet_find_promotion(f, e->promotion);

    if (!p) {
        problem_say(problem, "", "no promotion to %.*s is under way", STR_ARG(e->name));
        return FLEET_CONFLICT;
    }
    promotion_end(f, w, p, PROMOTION_CANCELED, "");
    return settled(f, w);
}

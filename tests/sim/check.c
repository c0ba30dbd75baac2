/*
 * What has to hold after every step, whatever happened in it. Rules are compiled here once more,
 * and what things were like before comes from the simulator's own notes, not from the fleet's.
 */

#include "sim.h"

enum { CREWS_MAX = 64 };

struct crew {
    uint32_t ready, running;
};

static struct region_set allowed_by(struct sim *s, str rule)
{
    static struct region_set sets[SIM_RULES];
    static bool made;

    for (size_t i = 0; !made && i < SIM_RULES; i++) {
        struct region_rule_compiled compiled;
        struct region_rule parsed;
        struct arena arena;
        str error;

        arena_init(&arena, NULL, 0);
        if (i > 0 && (!region_rule_parse_canonical(str_of(sim_rules[i]), &arena, &parsed) ||
                      region_rule_compile(&parsed, s->world.regions, &arena, &compiled, &error)))
            abort();
        sets[i] = i ? compiled.inference : region_set_all();
        arena_deinit(&arena);
    }
    made = true;
    for (size_t i = 0; i < SIM_RULES; i++)
        if (str_eq(str_of(sim_rules[i]), rule))
            return sets[i];
    return region_set_none();
}

/* The rule that a deployment is under: its environment's group's, or the one it last ran under. */
static str rule_of(struct sim *s, const struct fleet_deployment *d)
{
    const struct fleet_group *g = fleet_find_group_of(s->fleet, s->team, d->environment);

    if (d->environment.n == 0)
        return d->rule;
    return g ? g->rule : STR_NULL;
}

static bool may_be_at(struct sim *s, const struct fleet_deployment *d,
                      const struct region_set *place)
{
    struct region_set own = allowed_by(s, rule_of(s, d)),
                      all = allowed_by(s, s->world.organization_rule);

    return region_set_within(place, &own) && region_set_within(place, &all);
}

static bool place_of(struct sim *s, const struct fleet_replica *r, struct region_set *ret_place)
{
    if (r->plane.n == 0)
        return region_resolve(s->world.regions, r->region, ret_place);
    for (size_t i = 0; i < s->world.n_planes; i++)
        if (str_eq(s->world.planes[i].name, r->plane)) {
            *ret_place = s->world.planes[i].place;
            return true;
        }
    return false;
}

static bool has_failed(const struct fleet_deployment *d)
{
    return d->status == STATUS_BUILD_FAILED || d->status == STATUS_BUILD_STOPPED ||
           d->status == STATUS_DEPLOY_FAILED || d->status == STATUS_FAILED;
}

static void check_usage(struct sim *s, const struct fleet_replica *r,
                        const struct fleet_deployment *d)
{
    const struct fleet_usage *u = fleet_find_usage(s->fleet, r->usage);
    bool counts = d && d->environment.n && r->started_ns && r->state != REPLICA_GONE;

    if (counts != (r->usage.n != 0) || (r->usage.n && (!u || u->to_ns)))
        sim_violation(s, "replica %.*s: usage \"%.*s\" is not right", STR_ARG(r->id),
                      STR_ARG(r->usage));
    else if (u && (!str_eq(u->environment, d->environment) || !str_eq(u->deployment, d->id) ||
                   !str_eq(u->region, r->region)))
        sim_violation(s, "replica %.*s counts in the usage of something else", STR_ARG(r->id));
}

/* Whoever serves an environment knows that it does. */
static void check_knows(struct sim *s, const struct fleet_replica *r,
                        const struct fleet_deployment *d)
{
    const struct fleet_environment *e =
        fleet_find_environment_of(s->fleet, d->model, d->environment);
    const struct sim_replica *fake = planes_find(s, r->id);

    if (e && str_eq(e->current, d->id) && r->state == REPLICA_READY && fake &&
        !sim_is(&fake->knows, e->name))
        sim_violation(s, "replica %.*s serves environment %.*s and knows \"%.*s\"", STR_ARG(r->id),
                      STR_ARG(e->name), (int)fake->knows.n, fake->knows.p);
}

static void check_replica(struct sim *s, const struct fleet_replica *r, struct crew *crews)
{
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, r->deployment);
    struct region_set place;

    check_usage(s, r, d);
    if (r->state >= REPLICA_STOPPING)
        return;
    if (!d) {
        sim_violation(s, "replica %.*s runs and its deployment is no more", STR_ARG(r->id));
        return;
    }
    if (r->stopping_ns)
        sim_violation(s, "replica %.*s was stopping and serves again", STR_ARG(r->id));
    check_knows(s, r, d);
    crews[d->object.slot].running++;
    crews[d->object.slot].ready += r->state == REPLICA_READY;
    if (d->target != TARGET_RUN || has_failed(d) || !d->built)
        sim_violation(s, "replica %.*s runs and its deployment %.*s should not", STR_ARG(r->id),
                      STR_ARG(d->id));
    if (!s->world_is_news && (!place_of(s, r, &place) || !may_be_at(s, d, &place)))
        sim_violation(s, "replica %.*s of %.*s runs outside its rule", STR_ARG(r->id),
                      STR_ARG(d->id));
}

static struct fleet_promotion *candidacy(struct sim *s, const struct fleet_deployment *d)
{
    const struct fleet_environment *e =
        fleet_find_environment_of(s->fleet, d->model, d->environment);
    struct fleet_promotion *p = e ? fleet_find_promotion(s->fleet, e->promotion) : NULL;

    return p && str_eq(p->candidate, d->id) ? p : NULL;
}

static void check_deployment(struct sim *s, const struct fleet_deployment *d,
                             const struct crew *crew)
{
    const struct fleet_environment *e =
        fleet_find_environment_of(s->fleet, d->model, d->environment);
    const struct fleet_promotion *p = candidacy(s, d);
    uint32_t most = d->autoscaling.max_replica;

    if (p && p->candidate_replicas > most)
        most = p->candidate_replicas;
    if (crew->running > most)
        sim_violation(s, "deployment %.*s has %u replicas, and %u are allowed", STR_ARG(d->id),
                      crew->running, most);
    if (d->environment.n && (!e || (!p && !str_eq(e->current, d->id))))
        sim_violation(s,
                      "deployment %.*s is in environment %.*s and is neither its current one "
                      "nor a candidate",
                      STR_ARG(d->id), STR_ARG(d->environment));
    if (d->status == STATUS_SCALED_TO_ZERO && !d->was_active)
        sim_violation(s, "deployment %.*s is SCALED_TO_ZERO before it was ACTIVE", STR_ARG(d->id));
    if ((d->status == STATUS_ACTIVE) != (crew->ready > 0))
        sim_violation(s, "deployment %.*s has status %u and %u ready replicas", STR_ARG(d->id),
                      d->status, crew->ready);
    if (e && str_eq(e->current, d->id) ? !str_eq(d->told_environment, d->environment)
                                       : d->environment.n == 0 && d->told_environment.n)
        sim_violation(s, "replicas of deployment %.*s would be told environment %.*s",
                      STR_ARG(d->id), STR_ARG(d->told_environment));
    if (!s->world_is_news && d->environment.n && !str_eq(d->rule, rule_of(s, d)))
        sim_violation(s, "deployment %.*s is not under its environment's rule", STR_ARG(d->id));
}

/* A copy has a name that no older deployment of its model has. */
static void check_name(struct sim *s, const struct fleet_deployment *d)
{
    for (struct fleet_deployment *o = fleet_first_deployment(s->fleet); o != d && d->copied_from.n;
         o = fleet_next_deployment(s->fleet, o))
        if (str_eq(o->model, d->model) && str_eq(o->name, d->name))
            sim_violation(s, "deployments %.*s and %.*s have one name", STR_ARG(o->id),
                          STR_ARG(d->id));
}

static const struct sim_deployment *noted(const struct sim *s, str id)
{
    for (size_t i = 0; i < s->n_deployments; i++)
        if (sim_is(&s->deployments[i].id, id))
            return &s->deployments[i];
    return NULL;
}

/* Without demand for as long as its settings say. */
static bool fell_asleep(const struct sim *s, const struct fleet_deployment *d)
{
    int64_t delay = d->autoscaling.scale_down_delay_s > 10 ? d->autoscaling.scale_down_delay_s : 10;

    return d->target == TARGET_SLEEP && d->autoscaling.min_replica == 0 &&
           s->world.now_ns - d->used_ns >= delay * NS_PER_S;
}

/* --- promotions */

static bool same_settings(const struct fleet_autoscaling *a, const struct fleet_autoscaling *b)
{
    return memcmp(a, b, sizeof(*a)) == 0;
}

/* A replica of it was lost in this step. */
static bool is_excused(const struct sim *s, str deployment)
{
    for (size_t i = 0; i < s->n_excused; i++)
        if (sim_is(&s->excused_deployments[i], deployment))
            return true;
    return false;
}

/* The previous deployment is demoted in the same step. */
static bool is_demoted(struct sim *s, const struct fleet_promotion *p,
                       const struct fleet_environment *e)
{
    static const enum fleet_target cleaned[] = {[CLEANUP_SCALE_TO_ZERO] = TARGET_SLEEP,
                                                [CLEANUP_KEEP] = TARGET_RUN,
                                                [CLEANUP_DEACTIVATE] = TARGET_INACTIVE};
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, p->previous);

    if (!d || !p->scale_down_previous)
        return true;
    return d->environment.n == 0 && d->target >= cleaned[e->promotion_settings.cleanup_strategy];
}

static void check_success(struct sim *s, const struct fleet_promotion *p,
                          const struct fleet_environment *e, const struct crew *crews)
{
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, p->candidate);

    uint32_t least = e && e->autoscaling.min_replica ? e->autoscaling.min_replica : 1;

    if (least > p->candidate_replicas)
        least = p->candidate_replicas;
    if (is_excused(s, p->candidate))
        least = 0;
    s->n_promoted++;
    if (!e || !d || !str_eq(e->current, d->id) || crews[d->object.slot].ready < least ||
        !str_eq(d->told_environment, e->name) || !same_settings(&d->autoscaling, &e->autoscaling) ||
        !is_demoted(s, p, e))
        sim_violation(s,
                      "promotion %.*s has succeeded, and its environment is not what it should "
                      "be",
                      STR_ARG(p->id));
}

static void check_failure(struct sim *s, const struct sim_promotion *before,
                          const struct fleet_promotion *p, const struct fleet_environment *e)
{
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, p->candidate);
    const struct fleet_deployment *current = e ? fleet_find_deployment(s->fleet, e->current) : NULL;
    const struct sim_deployment *c = &before->candidate;

    s->n_failed += p->status == PROMOTION_FAILED;
    s->n_canceled += p->status == PROMOTION_CANCELED;
    if (e && !sim_is(&before->current, e->current))
        sim_violation(s, "promotion %.*s has failed, and the environment's deployment changed",
                      STR_ARG(p->id));
    if (current && !same_settings(&current->autoscaling, &e->autoscaling))
        sim_violation(s, "promotion %.*s has failed, and settings have changed", STR_ARG(p->id));
    if (!d)
        return;
    if (before->made && (d->environment.n || d->target != TARGET_INACTIVE))
        sim_violation(s, "promotion %.*s has failed, and its candidate is still there",
                      STR_ARG(p->id));
    if (!before->made && (!sim_is(&c->environment, d->environment) || !sim_is(&c->rule, d->rule) ||
                          (d->target != c->target && !has_failed(d) && !fell_asleep(s, d)) ||
                          !same_settings(&d->autoscaling, &c->autoscaling)))
        sim_violation(s, "promotion %.*s has failed, and deployment %.*s is not what it was",
                      STR_ARG(p->id), STR_ARG(d->id));
}

static void note_discarded(struct sim *s, const struct fleet_promotion *p)
{
    if (p->redeployed && s->n_discarded < SIM_WATCHED_MAX)
        s->discarded[s->n_discarded++] =
            (struct sim_discarded){.id = sim_text(p->candidate),
                                   .promotion = sim_text(p->id),
                                   .environment = sim_text(p->environment)};
}

/* The newest may stay, and where the environment keeps what was there before all may: those whose
 * promotion has left the history meanwhile stay for good. */
static void check_discarded(struct sim *s)
{
    for (size_t i = s->n_discarded; i-- > 0;) {
        const struct sim_discarded *c = &s->discarded[i];
        const struct fleet_deployment *d = fleet_find_deployment(s->fleet, sim_str(&c->id));
        const struct fleet_environment *e =
            fleet_find_environment(s->fleet, sim_str(&c->environment));

        if (!d || d->target != TARGET_INACTIVE ||
            !fleet_find_promotion(s->fleet, sim_str(&c->promotion)))
            s->discarded[i] = s->discarded[--s->n_discarded];
        else if (!e || (e->promotion_settings.cleanup_strategy != CLEANUP_KEEP &&
                        (e->promotion.n || !sim_is(&c->promotion, e->last_promotion))))
            sim_violation(s, "deployment %.*s was discarded and is still there", STR_ARG(d->id));
    }
}

static void check_ended(struct sim *s, const struct crew *crews)
{
    for (size_t i = s->n_promotions; i-- > 0;) {
        const struct sim_promotion *before = &s->promotions[i];
        const struct fleet_promotion *p = fleet_find_promotion(s->fleet, sim_str(&before->id));
        const struct fleet_environment *e =
            fleet_find_environment(s->fleet, sim_str(&before->environment));

        if (p && p->status < PROMOTION_SUCCEEDED)
            continue;
        if (!p)
            sim_violation(s, "a promotion that ran is no more");
        else if (p->status == PROMOTION_SUCCEEDED)
            check_success(s, p, e, crews);
        else {
            check_failure(s, before, p, e);
            note_discarded(s, p);
        }
        s->promotions[i] = s->promotions[--s->n_promotions];
    }
}

static bool is_noted(const struct sim *s, str id)
{
    for (size_t i = 0; i < s->n_promotions; i++)
        if (sim_is(&s->promotions[i].id, id))
            return true;
    return false;
}

/* What it was decided to do, from what things were like before the step. */
static void check_begun(struct sim *s, const struct fleet_environment *e,
                        const struct fleet_promotion *p, const struct sim_deployment *reused)
{
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, p->candidate);
    struct region_set ran = allowed_by(s, reused ? sim_str(&reused->rule) : STR_NULL),
                      rule = allowed_by(s, d ? rule_of(s, d) : STR_NULL);
    uint32_t n = 0;

    for (size_t i = 0; i < s->n_environments; i++)
        if (sim_is(&s->environments[i].key, e->object.key))
            n = s->environments[i].ready;
    if (n > e->autoscaling.max_replica)
        n = e->autoscaling.max_replica;
    if (n < e->autoscaling.min_replica)
        n = e->autoscaling.min_replica;
    if (!d || d->development ||
        (d->source == SOURCE_PACKAGE && p->candidate_replicas != (n ? n : 1)))
        sim_violation(s, "promotion %.*s begins with %u replicas; %u are due", STR_ARG(p->id),
                      p->candidate_replicas, n ? n : 1);
    if (reused && !region_set_within(&ran, &rule))
        sim_violation(s, "promotion %.*s reuses what ran outside the environment's rule",
                      STR_ARG(p->id));
    if (reused && reused->environment.n)
        sim_violation(s, "promotion %.*s reuses what is in an environment", STR_ARG(p->id));
}

static void note_begun(struct sim *s, const struct fleet_environment *e)
{
    const struct fleet_promotion *p = fleet_find_promotion(s->fleet, e->promotion);
    const struct sim_deployment *before = p ? noted(s, p->candidate) : NULL;

    if (!p || p->status >= PROMOTION_SUCCEEDED || !str_eq(p->environment, e->object.key)) {
        sim_violation(s, "environment %.*s names a promotion that does not run",
                      STR_ARG(e->object.key));
        return;
    }
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, p->candidate);
    if (!d || d->target != TARGET_RUN)
        sim_violation(s, "promotion %.*s waits for a deployment that is not to run",
                      STR_ARG(p->id));
    if (is_noted(s, p->id) || s->n_promotions == SIM_WATCHED_MAX)
        return;
    check_begun(s, e, p, before);
    struct sim_promotion *n = &s->promotions[s->n_promotions++];
    *n = (struct sim_promotion){.id = sim_text(p->id),
                                .environment = sim_text(e->object.key),
                                .current = sim_text(e->current),
                                .made = before == NULL};
    if (before)
        n->candidate = *before;
}

static void check_promotions(struct sim *s, const struct crew *crews)
{
    size_t running = 0;

    check_ended(s, crews);
    for (struct fleet_environment *e = fleet_first_environment(s->fleet); e;
         e = fleet_next_environment(s->fleet, e))
        if (e->promotion.n)
            note_begun(s, e);
    for (struct fleet_promotion *p = fleet_first_promotion(s->fleet); p;
         p = fleet_next_promotion(s->fleet, p))
        running += p->status < PROMOTION_SUCCEEDED;
    /* Each of those that run is named by an environment, and none names two. */
    if (running != s->n_promotions)
        sim_violation(s, "%zu promotions run, and environments name %zu", running, s->n_promotions);
}

/* --- traffic */

static void check_traffic(struct sim *s, const struct sim_environment *before,
                          const struct crew *crews)
{
    const struct fleet_environment *e = fleet_find_environment(s->fleet, sim_str(&before->key));
    const struct fleet_deployment *d = e ? fleet_find_deployment(s->fleet, e->current) : NULL;

    if (!e || before->ready == 0 || (d && crews[d->object.slot].ready) || s->excused)
        return;
    if (d && (is_excused(s, d->id) || fell_asleep(s, d)))
        return;
    if (s->excused_name.n && sim_is(&s->excused_name, e->name))
        return;
    sim_violation(s, "environment %.*s had a ready replica and has none", STR_ARG(e->object.key));
}

static void note_all(struct sim *s, const struct crew *crews)
{
    s->n_environments = s->n_deployments = 0;
    for (struct fleet_environment *e = fleet_first_environment(s->fleet); e;
         e = fleet_next_environment(s->fleet, e)) {
        const struct fleet_deployment *d = fleet_find_deployment(s->fleet, e->current);

        if (e->current.n && (!d || !str_eq(d->environment, e->name)))
            sim_violation(s, "environment %.*s has a current deployment that is not in it",
                          STR_ARG(e->object.key));
        if (s->n_environments < SIM_WATCHED_MAX)
            s->environments[s->n_environments++] =
                (struct sim_environment){.key = sim_text(e->object.key),
                                         .current = sim_text(e->current),
                                         .ready = d ? crews[d->object.slot].ready : 0};
    }
    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d))
        if (s->n_deployments < SIM_WATCHED_MAX)
            s->deployments[s->n_deployments++] =
                (struct sim_deployment){.id = sim_text(d->id),
                                        .environment = sim_text(d->environment),
                                        .rule = sim_text(d->rule),
                                        .target = d->target,
                                        .autoscaling = d->autoscaling};
}

static int print_put(void *ctx, enum fleet_kind kind, str key, uint64_t version, str body)
{
    str name = fleet_kind_name(kind);

    (void)version;
    (void)key;
    sim_note(ctx, "would become %.*s %.*s", STR_ARG(name), STR_ARG(body));
    return 0;
}

static int print_remove(void *ctx, enum fleet_kind kind, str key)
{
    str name = fleet_kind_name(kind);

    sim_note(ctx, "would be removed: %.*s %.*s", STR_ARG(name), STR_ARG(key));
    return 0;
}

/* Nothing is left to decide at this moment, nor before the one that the tick named. */
static void check_settled(struct sim *s)
{
    int64_t now = s->world.now_ns, next;

    if (s->world_is_news || !s->committed)
        return;
    for (int i = 0; i < 2; i++) {
        fleet_begin(s->fleet);
        fleet_tick(s->fleet, &s->world, &next);
        if (fleet_has_changed(s->fleet)) {
            struct fleet_store print = {print_put, print_remove, s};

            (void)fleet_write(s->fleet, &print, 0);
            sim_violation(s, i ? "something is due before the tick said so"
                               : "a second tick changes something");
        }
        fleet_rollback(s->fleet);
        if (s->next_ns - 1 <= now)
            break;
        s->world.now_ns =
            s->next_ns < now + 10000 * NS_PER_S ? s->next_ns - 1 : now + 10000 * NS_PER_S;
    }
    s->world.now_ns = now;
}

static void check_open_usage(struct sim *s)
{
    for (struct fleet_usage *u = fleet_first_usage(s->fleet); u;
         u = fleet_next_usage(s->fleet, u)) {
        bool named = u->to_ns != 0;

        for (struct fleet_replica *r = fleet_first_replica(s->fleet); r && !named;
             r = fleet_next_replica(s->fleet, r))
            named = str_eq(r->usage, u->id);
        if (!named)
            sim_violation(s, "usage %.*s is open and nothing counts in it", STR_ARG(u->id));
    }
}

void check_step(struct sim *s)
{
    struct crew crews[CREWS_MAX] = {0};
    size_t n = 0;

    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d))
        d->object.slot = n++ % CREWS_MAX;
    for (struct fleet_replica *r = fleet_first_replica(s->fleet); r;
         r = fleet_next_replica(s->fleet, r))
        check_replica(s, r, crews);
    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d)) {
        check_deployment(s, d, &crews[d->object.slot]);
        check_name(s, d);
    }
    check_promotions(s, crews);
    check_discarded(s);
    for (size_t i = 0; i < s->n_environments; i++)
        check_traffic(s, &s->environments[i], crews);
    note_all(s, crews);
    if (s->step % 16 == 0)
        check_settled(s);
    if (s->step % 64 == 0)
        check_open_usage(s);
}

/* --- at rest */

static bool can_be_placed(struct sim *s, const struct fleet_deployment *d)
{
    struct region_set place;

    if (d->source == SOURCE_EXTERNAL)
        return region_resolve(s->world.regions, d->region, &place) && may_be_at(s, d, &place);
    for (size_t i = 0; i < s->world.n_planes; i++)
        if (may_be_at(s, d, &s->world.planes[i].place))
            return true;
    return false;
}

static uint32_t wanted(struct sim *s, const struct fleet_deployment *d)
{
    uint32_t n = d->autoscaling.min_replica ? d->autoscaling.min_replica : 1;

    if (d->target != TARGET_RUN || has_failed(d) || !can_be_placed(s, d))
        return 0;
    return d->source == SOURCE_EXTERNAL ? 1 : n;
}

static void check_deployment_at_rest(struct sim *s, const struct fleet_deployment *d)
{
    uint32_t ready = 0, others = 0, n = wanted(s, d);

    for (struct fleet_replica *r = fleet_first_replica(s->fleet); r;
         r = fleet_next_replica(s->fleet, r)) {
        const struct sim_replica *fake = planes_find(s, r->id);

        if (!str_eq(r->deployment, d->id))
            continue;
        ready += r->state == REPLICA_READY;
        others += r->state != REPLICA_READY;
        if (r->plane.n && (!fake || fake->life != LIFE_READY))
            sim_violation(s, "replica %.*s is not what its plane runs", STR_ARG(r->id));
    }
    if (ready != n || others)
        sim_violation(s,
                      "at rest deployment %.*s has %u ready replicas and %u others; %u are "
                      "wanted",
                      STR_ARG(d->id), ready, others, n);
    if (d->target == TARGET_RUN && !has_failed(d) && n && d->status != STATUS_ACTIVE)
        sim_violation(s, "at rest deployment %.*s has status %u", STR_ARG(d->id), d->status);
}

void check_rest(struct sim *s)
{
    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d))
        check_deployment_at_rest(s, d);
    for (struct fleet_promotion *p = fleet_first_promotion(s->fleet); p;
         p = fleet_next_promotion(s->fleet, p))
        if (p->status < PROMOTION_SUCCEEDED)
            sim_violation(s, "promotion %.*s does not end", STR_ARG(p->id));
    for (size_t i = 0; i < s->n_replicas; i++)
        if (s->replicas[i].life != LIFE_DEAD &&
            !fleet_find_replica(s->fleet, sim_str(&s->replicas[i].id)))
            sim_violation(s, "a plane runs replica %.*s, which the fleet does not know",
                          (int)s->replicas[i].id.n, s->replicas[i].id.p);
    if (fleet_first_leftover(s->fleet))
        sim_violation(s, "something left over is still there");
    check_open_usage(s);
}

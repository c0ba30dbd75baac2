#include "route/choose.h"

/* Ranks of regions: positions in the configured order come first, then measured latency, then what
 * nobody measured. */
enum { RANK_BY_LATENCY = 100000, RANK_UNMEASURED = 100000000 };

static const str mode_names[] = {
    [ROUTE_PINNED] = STR_INIT("pinned"),
    [ROUTE_PREFERRED] = STR_INIT("preferred"),
    [ROUTE_CARBON_AWARE] = STR_INIT("carbon_aware"),
    [ROUTE_DEGRADED] = STR_INIT("degraded"),
    [ROUTE_REFUSED] = STR_INIT("refused"),
};

static const str verdict_names[] = {
#define X(id, name) [ROUTE_VERDICT_##id] = STR_INIT(name),
    ROUTE_VERDICT_TABLE(X)
#undef X
};

str route_mode_name(enum route_mode mode)
{
    return mode_names[mode];
}

str route_verdict_name(enum route_verdict verdict)
{
    return verdict_names[verdict];
}

size_t route_candidate_count(const struct catalog *c, const struct catalog_group *group)
{
    size_t n = group->n_endpoints;

    for (size_t i = 0; i < group->n_fallbacks; i++)
        n += c->groups[group->fallbacks[i]].n_endpoints;
    return n;
}

/* The same judgement that `explain` gives, in the words of a trace. */
static enum route_verdict verdict_of_permit(enum eligibility eligibility)
{
    switch (eligibility) {
    case ELIGIBLE:
        return ROUTE_VERDICT_ELIGIBLE;
    case ELIGIBLE_EXCLUDED_BY_RULE:
        return ROUTE_VERDICT_NOT_PERMITTED;
    case ELIGIBLE_REGION_UNKNOWN:
        return ROUTE_VERDICT_REGION_UNKNOWN;
    case ELIGIBLE_REGION_PENDING:
        return ROUTE_VERDICT_REGION_PENDING;
    case ELIGIBLE_OUT_OF_SERVICE:
        return ROUTE_VERDICT_OUT_OF_SERVICE;
    case ELIGIBLE_NOT_IN_PIN:
        return ROUTE_VERDICT_NOT_PINNED;
    case ELIGIBLE_GATEWAY_ROLE:
        return ROUTE_VERDICT_GATEWAY_REGION;
    case ELIGIBLE_PRIMARY_SECONDARY:
        return ROUTE_VERDICT_NOT_PRIMARY_OR_SECONDARY;
    }
    return ROUTE_VERDICT_NOT_PERMITTED;
}

static int64_t latency_ms(const struct route_view *view, const struct catalog_endpoint *e,
                          struct endpoint_state *state, unsigned percentile)
{
    int64_t window_ns = view->catalog->settings.latency_window_ms * NS_PER_MS;
    int32_t us = percentile == 95 ? region_latency_p95_us(state->latency, view->now_ns, window_ns)
                                  : region_latency_p50_us(state->latency, view->now_ns, window_ns);

    if (us != LATENCY_UNKNOWN)
        return (us + 999) / 1000;
    if (e->region == REGION_NONE)
        return LATENCY_UNKNOWN;
    const struct region *region = region_at(view->catalog->regions, e->region);
    return percentile == 95 ? region->latency_p95_ms : region->latency_p50_ms;
}

static enum route_verdict verdict_of_latency(const struct route_view *view,
                                             const struct catalog_endpoint *e,
                                             struct endpoint_state *state, int64_t budget_ms)
{
    if (budget_ms == 0)
        return ROUTE_VERDICT_ELIGIBLE;
    int64_t p95_ms = latency_ms(view, e, state, 95);
    if (p95_ms == LATENCY_UNKNOWN)
        return ROUTE_VERDICT_LATENCY_UNKNOWN;
    return p95_ms > budget_ms ? ROUTE_VERDICT_OVER_LATENCY_BUDGET : ROUTE_VERDICT_ELIGIBLE;
}

static uint32_t rank_of_region(const struct route_view *view, const struct permit *permit,
                               const struct catalog_endpoint *e, struct endpoint_state *state)
{
    const struct catalog_settings *settings = &view->catalog->settings;

    if (e->region != REGION_NONE) {
        if (e->region == permit->primary)
            return 0;
        if (e->region == permit->secondary)
            return 1;
        for (size_t i = 0; i < settings->n_preferred; i++)
            if (settings->preferred[i] == e->region)
                return (uint32_t)(2 + i);
    }
    int64_t p50_ms = latency_ms(view, e, state, 50);
    return p50_ms == LATENCY_UNKNOWN ? RANK_UNMEASURED : RANK_BY_LATENCY + (uint32_t)p50_ms;
}

static void judge(const struct route_view *view, const struct permit *permit,
                  const struct route_wish *wish, struct route_candidate *candidate)
{
    const struct catalog_endpoint *e = &view->catalog->endpoints[candidate->endpoint];
    struct endpoint_state *state = view->states[candidate->endpoint];
    enum route_verdict verdict = verdict_of_permit(catalog_eligible(view->catalog, permit, e));

    candidate->region_rank = RANK_UNMEASURED;
    candidate->load = (struct endpoint_load){0};
    if (verdict == ROUTE_VERDICT_ELIGIBLE && (state->unusable || atomic_load(&state->contradicted)))
        verdict = ROUTE_VERDICT_OUT_OF_SERVICE;
    if (verdict == ROUTE_VERDICT_ELIGIBLE)
        verdict = verdict_of_latency(view, e, state, wish->latency_budget_ms);
    if (verdict == ROUTE_VERDICT_ELIGIBLE) {
        candidate->load = endpoint_load_of(state, e, view->now_ns);
        candidate->region_rank = rank_of_region(view, permit, e, state);
        if (candidate->load.degraded)
            verdict = ROUTE_VERDICT_DEGRADED;
        else if (candidate->load.saturated)
            verdict = ROUTE_VERDICT_SATURATED;
    }
    candidate->verdict = verdict;
}

static size_t gather_group(const struct route_view *view, const struct permit *permit,
                           const struct catalog_group *group, uint16_t group_rank,
                           const struct route_wish *wish, struct route_candidate *candidates)
{
    for (size_t i = 0; i < group->n_endpoints; i++) {
        candidates[i] =
            (struct route_candidate){.endpoint = group->endpoints[i], .group_rank = group_rank};
        judge(view, permit, wish, &candidates[i]);
    }
    return group->n_endpoints;
}

void route_gather(const struct route_view *view, const struct permit *permit,
                  const struct catalog_group *group, const struct route_wish *wish,
                  struct route_candidate *candidates, size_t n)
{
    size_t at = gather_group(view, permit, group, 0, wish, candidates);

    for (size_t i = 0; i < group->n_fallbacks && at < n; i++)
        at += gather_group(view, permit, &view->catalog->groups[group->fallbacks[i]],
                           (uint16_t)(i + 1), wish, candidates + at);
}

/* Whether a goes before b; equal tiers share their load. */
static int compare_tier(const struct catalog *c, const struct route_candidate *a,
                        const struct route_candidate *b)
{
    uint32_t order_a = c->endpoints[a->endpoint].order, order_b = c->endpoints[b->endpoint].order;

    if (a->group_rank != b->group_rank)
        return a->group_rank < b->group_rank ? -1 : 1;
    if (order_a != order_b)
        return order_a < order_b ? -1 : 1;
    if (a->region_rank != b->region_rank)
        return a->region_rank < b->region_rank ? -1 : 1;
    return 0;
}

/* Regions of equal rank are still different regions: one of them is taken whole, the one whose
 * first endpoint comes first. */
static bool same_tier(const struct route_view *view, const struct route_candidate *a,
                      const struct route_candidate *b)
{
    const struct catalog *c = view->catalog;

    return compare_tier(c, a, b) == 0 &&
           view->states[a->endpoint]->region_label == view->states[b->endpoint]->region_label;
}

static uint64_t weight_of(const struct catalog *c, const struct route_candidate *candidate)
{
    uint32_t weight = c->endpoints[candidate->endpoint].weight;

    return weight ? weight : 1;
}

struct tier {
    const struct route_view *view;
    const struct route_candidate *candidates;
    size_t n;
    const struct route_candidate *first; /* stands for the tier */
    uint64_t total_weight;
};

static bool in_tier(const struct tier *t, size_t i)
{
    return t->candidates[i].verdict == ROUTE_VERDICT_ELIGIBLE &&
           same_tier(t->view, &t->candidates[i], t->first);
}

static size_t draw_by_weight(const struct tier *t, struct prng *prng, size_t except)
{
    uint64_t total = t->total_weight;

    if (except < t->n)
        total -= weight_of(t->view->catalog, &t->candidates[except]);
    uint64_t at = prng_below(prng, total);
    for (size_t i = 0; i < t->n; i++) {
        if (i == except || !in_tier(t, i))
            continue;
        uint64_t weight = weight_of(t->view->catalog, &t->candidates[i]);
        if (at < weight)
            return i;
        at -= weight;
    }
    return (size_t)(t->first - t->candidates);
}

/* In flight over capacity; without a stated capacity the weight stands for it. Compared by
 * cross-multiplication. */
static bool less_loaded(const struct tier *t, size_t a, size_t b)
{
    const struct catalog_endpoint *ea = &t->view->catalog->endpoints[t->candidates[a].endpoint];
    const struct catalog_endpoint *eb = &t->view->catalog->endpoints[t->candidates[b].endpoint];
    bool stated = ea->max_parallel && eb->max_parallel;
    uint64_t capacity_a =
        stated ? ea->max_parallel : weight_of(t->view->catalog, &t->candidates[a]);
    uint64_t capacity_b =
        stated ? eb->max_parallel : weight_of(t->view->catalog, &t->candidates[b]);

    return t->candidates[a].load.in_flight * capacity_b <=
           t->candidates[b].load.in_flight * capacity_a;
}

static size_t choose_balanced(const struct tier *t, struct prng *prng)
{
    size_t a = draw_by_weight(t, prng, t->n);

    if (t->total_weight == weight_of(t->view->catalog, &t->candidates[a]))
        return a;
    size_t b = draw_by_weight(t, prng, a);
    return less_loaded(t, a, b) ? a : b;
}

/* Rendezvous hashing (Thaler, Ravishankar 1998): every gateway picks the same endpoint for a
 * session, and losing one endpoint moves only its own sessions. */
static size_t choose_sticky(const struct tier *t, str session)
{
    static const struct siphash_key fixed_key = {0x616d626974737469u, 0x636b797365737369u};
    size_t best = (size_t)(t->first - t->candidates);
    uint64_t best_score = 0;

    for (size_t i = 0; i < t->n; i++) {
        if (!in_tier(t, i))
            continue;
        struct siphash_key key = fixed_key;
        key.k1 ^= siphash64(&fixed_key, str_of(t->view->states[t->candidates[i].endpoint]->id));
        uint64_t score = siphash64(&key, session);
        if (score >= best_score) {
            best_score = score;
            best = i;
        }
    }
    return best;
}

ptrdiff_t route_choose(const struct route_view *view, const struct route_candidate *candidates,
                       size_t n, str session, struct prng *prng)
{
    struct tier tier = {.view = view, .candidates = candidates, .n = n};

    for (size_t i = 0; i < n; i++)
        if (candidates[i].verdict == ROUTE_VERDICT_ELIGIBLE &&
            (!tier.first || compare_tier(view->catalog, &candidates[i], tier.first) < 0))
            tier.first = &candidates[i];
    if (!tier.first)
        return -1;
    for (size_t i = 0; i < n; i++)
        if (in_tier(&tier, i))
            tier.total_weight += weight_of(view->catalog, &candidates[i]);
    return (ptrdiff_t)(session.n ? choose_sticky(&tier, session) : choose_balanced(&tier, prng));
}

/* From what waiting can cure to what only the operator can. */
static unsigned severity(enum route_verdict verdict)
{
    static const unsigned char order[] = {
        [ROUTE_VERDICT_ELIGIBLE] = 0,        [ROUTE_VERDICT_TRIED] = 1,
        [ROUTE_VERDICT_SATURATED] = 2,       [ROUTE_VERDICT_DEGRADED] = 3,
        [ROUTE_VERDICT_REGION_PENDING] = 4,  [ROUTE_VERDICT_OVER_LATENCY_BUDGET] = 5,
        [ROUTE_VERDICT_LATENCY_UNKNOWN] = 6, [ROUTE_VERDICT_NO_LIVE_SIGNAL] = 7,
        [ROUTE_VERDICT_OUT_OF_SERVICE] = 8,  [ROUTE_VERDICT_NOT_PINNED] = 9,
        [ROUTE_VERDICT_GATEWAY_REGION] = 10, [ROUTE_VERDICT_NOT_PRIMARY_OR_SECONDARY] = 11,
        [ROUTE_VERDICT_REGION_UNKNOWN] = 12, [ROUTE_VERDICT_NOT_PERMITTED] = 13,
    };

    return order[verdict];
}

struct route_obstacle route_obstacle_of(const struct route_candidate *candidates, size_t n)
{
    struct route_obstacle obstacle = {.verdict = ROUTE_VERDICT_NOT_PERMITTED};

    for (size_t i = 0; i < n; i++) {
        enum route_verdict verdict = candidates[i].verdict;
        int64_t until = candidates[i].load.saturated_until_ns;

        if (severity(verdict) < severity(obstacle.verdict))
            obstacle.verdict = verdict;
        if (severity(verdict) <= severity(ROUTE_VERDICT_OUT_OF_SERVICE))
            obstacle.permitted = true;
        if (verdict == ROUTE_VERDICT_SATURATED && until &&
            (!obstacle.retry_at_ns || until < obstacle.retry_at_ns))
            obstacle.retry_at_ns = until;
    }
    return obstacle;
}

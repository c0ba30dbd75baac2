/*
 * Where a request goes: permit, choice, attempt, and once nothing is left the refusal that says
 * why. Everything here is worked out anew for every attempt against the newest policy, so a rule
 * that was tightened a moment ago binds the next attempt.
 */

#include "catalog/policy.h"
#include "edge/edge.h"
#include "edge/exchange.h"
#include "edge/refusal.h"
#include "region/normalise.h"

/* --- permit
 * --------------------------------------------------------------------------------------------------------
 */

const struct catalog_key *exchange_present_key(struct exchange *x, const struct catalog *c,
                                               uint32_t wanted_scope)
{
    const struct catalog_key *key =
        x->key_revision == c->revision ? &c->keys[x->key_index] : catalog_find_key(c, x->key_hash);
    int64_t now = loop_wall_ns(x->worker->loop);

    if (!key || catalog_key_has_expired(key, now)) {
        exchange_refuse_key(x, FAULT_INVALID_API_KEY);
        return NULL;
    }
    if (!(key->scopes & wanted_scope)) {
        exchange_refuse_scope(x, wanted_scope);
        return NULL;
    }
    return key;
}

static bool add_customer(struct exchange *x, const struct catalog *c,
                         struct policy_request *request, str id)
{
    if (id.n == 0)
        return true;
    if (id.n > c->settings.customer_id_bytes) {
        exchange_refuse(x, FAULT_INVALID_FIELD,
                        arena_printf(&x->arena,
                                     "a customer id has %zu bytes; at most %u are allowed", id.n,
                                     c->settings.customer_id_bytes),
                        STR("user"));
        return false;
    }
    if (policy_add_customer(request, c, id))
        return true;
    exchange_refuse(x, FAULT_TOO_MANY_CUSTOMERS,
                    STR("the request names too many different customers"), STR("user"));
    return false;
}

/* All of them count, a header that comes twice included: the rules intersect. */
static bool add_customers(struct exchange *x, const struct catalog *c,
                          struct policy_request *request)
{
    bool fine = add_customer(x, c, request, x->facts.user) &&
                add_customer(x, c, request, x->facts.metadata_user);

    for (size_t i = 0; fine && i < x->head->n_headers; i++) {
        const struct http_header *header = &x->head->headers[i];

        if (header->id == HTTP_HEADER_X_LITELLM_CUSTOMER_ID ||
            header->id == HTTP_HEADER_X_LITELLM_END_USER_ID)
            fine = add_customer(x, c, request, header->value);
    }
    return fine;
}

/* The pin or zone that the request names, from headers or body; two that differ contradict each
 * other. */
static bool wished_region(struct exchange *x, str *ret_region)
{
    str region = x->facts.region;

    for (size_t i = 0; i < x->head->n_headers; i++) {
        const struct http_header *header = &x->head->headers[i];

        if (header->id != HTTP_HEADER_X_AMBIT_REGION || header->value.n == 0)
            continue;
        if (region.n && !str_ieq(header->value, region)) {
            exchange_refuse(x, FAULT_CONFLICTING_ROUTING,
                            STR("vetted.region and x-ambit-region name different regions"),
                            STR("vetted.region"));
            return false;
        }
        region = header->value;
    }
    *ret_region = region;
    return true;
}

static bool work_out_permit(struct exchange *x, const struct catalog *c,
                            const struct catalog_environment *environment,
                            struct permit *ret_permit)
{
    struct policy_request request = {.key = exchange_present_key(x, c, SCOPE_INFERENCE),
                                     .environment = environment};
    str subject = STR_NULL;

    if (!request.key || !wished_region(x, &request.region) || !add_customers(x, c, &request))
        return false;
    if (x->call)
        x->call->asked = request;
    x->customer = request.n_customer_ids ? request.customers[0] : (struct digest128){0, 0};
    enum policy_outcome outcome =
        policy_permit(c, x->worker->edge->customers, &request, ret_permit, &subject);
    if (outcome != POLICY_PERMITTED) {
        refusal_of_policy(x, outcome, subject);
        return false;
    }
    if (x->facts.carbon_aware &&
        (ret_permit->pin != REGION_NONE || ret_permit->primary != REGION_NONE)) {
        exchange_refuse(x, FAULT_CONFLICTING_ROUTING,
                        ret_permit->pin != REGION_NONE
                            ? STR("a pinned region leaves nothing to choose: vetted.region and "
                                  "carbon_aware exclude each other")
                            : STR("a rule names primary and secondary regions: carbon_aware can't "
                                  "choose others"),
                        STR("vetted.routing"));
        return false;
    }
    return true;
}

bool exchange_gateway_may_serve(struct exchange *x, const struct catalog *c)
{
    if (policy_lets_gateway(c, c->organization_rule))
        return true;
    refusal_report(x, PERMIT_ORGANIZATION, STR_NULL, FAULT_MISDIRECTED);
    exchange_refuse(
        x, FAULT_MISDIRECTED,
        c->gateway_region == REGION_NONE
            ? STR("the organization has a region rule, and the region of this gateway is not "
                  "stated: set gateway.region")
            : STR("this gateway stands outside the organization's region rule; use a gateway "
                  "inside it"),
        STR_NULL);
    return false;
}

/* An edge that has not heard from the control plane for longer than the lease may hold rules that
 * have been tightened since. */
static bool lease_holds(struct exchange *x, const struct catalog *c, const struct permit *permit)
{
    int64_t heard = atomic_load_explicit(&x->worker->edge->heard_wall_ns, memory_order_relaxed);

    if (!permit->restricted ||
        loop_wall_ns(x->worker->loop) - heard <= c->settings.policy_lease_ms * NS_PER_MS)
        return true;
    exchange_refuse(
        x, FAULT_POLICY_STALE,
        STR("this gateway has not heard from its control plane for longer than the policy lease"),
        STR_NULL);
    return false;
}

static const struct catalog_group *find_group(struct exchange *x, const struct catalog *c)
{
    str matched;
    const struct catalog_group *group = NULL;

    if (x->surface.surface->kind == SURFACE_STORED) {
        for (size_t i = 0; i < c->n_endpoints && !group; i++)
            if (str_eq(c->endpoints[i].id, x->bound_endpoint))
                group = &c->groups[c->endpoints[i].group];
        if (!group)
            exchange_refuse(x, FAULT_SERVICE_UNAVAILABLE,
                            STR("the endpoint that holds this response is not configured any more"),
                            STR_NULL);
        return group;
    }
    group = catalog_find_group(c, x->facts.model, &matched);
    if (!group)
        exchange_refuse(
            x, FAULT_MODEL_NOT_FOUND,
            arena_printf(&x->arena, "no model \"%.*s\" is configured", STR_ARG(x->facts.model)),
            STR("model"));
    return group;
}

/* What an earlier attempt of this request rules out. */
static void mark_tried(const struct exchange *x, const struct route_view *view,
                       struct route_candidate *candidates, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct endpoint_state *state = view->states[candidates[i].endpoint];

        if (x->bound_endpoint.n &&
            !str_eq(x->bound_endpoint, view->catalog->endpoints[candidates[i].endpoint].id) &&
            candidates[i].verdict == ROUTE_VERDICT_ELIGIBLE)
            candidates[i].verdict = ROUTE_VERDICT_NOT_PINNED;
        for (size_t k = 0; k < x->n_tried; k++)
            if (x->tried[k] == state->origin.id && candidates[i].verdict == ROUTE_VERDICT_ELIGIBLE)
                candidates[i].verdict = ROUTE_VERDICT_TRIED;
    }
}

/* A wildcard endpoint serves whatever model the client names, and the name of an inference profile
 * says "anywhere in there": then all of that must be permitted, not only where the endpoint is. */
static void judge_profile(const struct exchange *x, const struct route_view *view,
                          const struct permit *permit, struct route_candidate *candidates, size_t n)
{
    const struct catalog *c = view->catalog;
    str matched = STR_NULL;
    struct region_set wide;

    if (!permit->restricted || x->call || !catalog_find_group(c, x->facts.model, &matched))
        return;
    str zone = region_zone_of_model(matched);
    if (!zone.n || !region_resolve(c->regions, zone, &wide) || permit_allows(permit, &wide))
        return;
    for (size_t i = 0; i < n; i++)
        if (c->endpoints[candidates[i].endpoint].wildcard)
            candidates[i].verdict = ROUTE_VERDICT_NOT_PERMITTED;
}

struct choice {
    uint32_t endpoint;
    struct endpoint_slot slot;
};

/* Takes the chosen endpoint's slot; one that filled up in this instant is passed over like any
 * saturated one. */
static ptrdiff_t take_best(struct exchange *x, const struct route_view *view,
                           struct route_candidate *candidates, size_t n, str session,
                           struct choice *ret_choice)
{
    for (;;) {
        ptrdiff_t chosen = route_choose(view, candidates, n, session, &x->worker->prng);

        if (chosen < 0)
            return chosen;
        uint32_t endpoint = ret_choice->endpoint = candidates[chosen].endpoint;
        if (endpoint_begin(view->states[endpoint], &view->catalog->endpoints[endpoint],
                           view->now_ns, &ret_choice->slot))
            return chosen;
        candidates[chosen].verdict = ROUTE_VERDICT_SATURATED;
    }
}

/* Nothing (more) can be tried: the parked answer if there is one, else what stood in the way. */
static void nothing_left(struct exchange *x, const struct permit *permit,
                         const struct route_candidate *candidates, size_t n)
{
    if (x->parked) {
        exchange_unpark(x);
        return;
    }
    /* The last attempt may have come to nothing because the rules have changed: they are the
     * reason then. */
    size_t made = x->trace.n_attempts;
    if (made && x->trace.attempts[made - 1].outcome != ROUTE_OUTCOME_POLICY_CHANGED) {
        refusal_after_attempts(x);
        return;
    }
    refusal_unroutable(x, permit, candidates, n);
}

static bool start_at(struct exchange *x, const struct route_view *view, const struct permit *permit,
                     const struct catalog_group *group, const struct choice *choice)
{
    struct attempt *before = x->attempt;

    x->tried[x->n_tried < TRACE_MAX_ATTEMPTS ? x->n_tried++ : TRACE_MAX_ATTEMPTS - 1] =
        choice->slot.state->origin.id;
    x->attempts_left--;
    if (before && before != x->parked)
        worker_buf_deinit(x->worker, &before->held);
    return attempt_start(x, view->catalog, permit, group,
                         &view->catalog->endpoints[choice->endpoint],
                         choice->slot) == ATTEMPT_STARTED;
}

/* Model hosts know the session by Baseten's name as well. */
static str session_of(const struct exchange *x)
{
    str session = http_head_value(x->head, HTTP_HEADER_X_AMBIT_SESSION);

    for (size_t i = 0; x->call && session.n == 0 && i < x->head->n_headers; i++)
        if (str_ieq(x->head->headers[i].name, STR("x-baseten-session-id")))
            session = x->head->headers[i].value;
    return session;
}

static struct route_wish wish_of(const struct exchange *x, const struct catalog *c,
                                 const struct permit *permit)
{
    bool carbon_aware =
        x->facts.carbon_aware || (!x->facts.routing_named && c->settings.default_carbon_aware);

    return (struct route_wish){
        .carbon_aware =
            carbon_aware && permit->pin == REGION_NONE && permit->primary == REGION_NONE,
        .latency_budget_ms = x->facts.latency_budget_ms,
        .session = session_of(x),
    };
}

static void begin_routing(struct exchange *x, const struct catalog *c,
                          const struct catalog_group *group)
{
    x->attempts_left = group->max_retries + 1;
    if (!x->call)
        x->group = arena_copy(&x->arena, group->name);
    deadline_set(x->worker->loop, &x->deadline, group->timers.total_ms);
    if (c->gateway_region != REGION_NONE)
        x->trace.gateway_region =
            arena_copy(&x->arena, region_at(c->regions, c->gateway_region)->code);
}

/* One choice: true if there is something to start, and its slot is taken. */
static bool choose(struct exchange *x, const struct route_view *view, const struct permit *permit,
                   const struct catalog_group *group, struct choice *ret_choice)
{
    size_t n = route_candidate_count(view->catalog, group);
    struct route_candidate *candidates = worker_candidates(x->worker, n);
    struct route_wish wish = wish_of(x, view->catalog, permit);

    route_gather(view, permit, group, &wish, candidates, n);
    judge_profile(x, view, permit, candidates, n);
    mark_tried(x, view, candidates, n);
    ptrdiff_t chosen =
        x->attempts_left ? take_best(x, view, candidates, n, wish.session, ret_choice) : -1;
    if (!x->chosen_once) {
        x->chosen_once = true;
        trace_first_choice(&x->trace, view, permit, &wish, candidates, n, chosen, &x->arena);
    }
    if (chosen < 0) {
        nothing_left(x, permit, candidates, n);
        return false;
    }
    return true;
}

static const struct catalog_group *find_target(struct exchange *x, const struct catalog *c,
                                               struct host_place *ret_place)
{
    if (!x->call)
        return exchange_gateway_may_serve(x, c) ? find_group(x, c) : NULL;
    if (!host_call_place(x, c, ret_place))
        return NULL;
    host_call_count(x, worker_demands(c)[ret_place->deployment - c->deployments]);
    return &c->groups[ret_place->deployment->group];
}

void exchange_try(struct exchange *x)
{
    /* Before anything of the policy is read: on_open sees every change from here on. */
    x->policy_count = atomic_load(&x->worker->edge->policy_count);
    const struct catalog *c = worker_catalog(x->worker);
    struct route_view view = {c, worker_states(c), loop_now_ns(x->worker->loop)};
    struct host_place place = {0};
    struct permit permit;
    struct choice choice;

    const struct catalog_group *group = find_target(x, c, &place);
    if (!group)
        return;
    if (!x->chosen_once)
        begin_routing(x, c, group);
    if (!work_out_permit(x, c, place.environment, &permit) || !lease_holds(x, c, &permit))
        return;
    if (x->call && hold_is_due(x, &place)) {
        hold_begin(x);
        return;
    }
    while (choose(x, &view, &permit, group, &choice))
        if (start_at(x, &view, &permit, group, &choice))
            return;
}

/* Silence and nonsense are answers of a kind: the request may be running there, and another
 * endpoint would run it again. Only an attempt that surely came to nothing is followed by another.
 */
static bool is_retried(enum route_outcome outcome)
{
    switch (outcome) {
    case ROUTE_OUTCOME_CONNECT_FAILED:
    case ROUTE_OUTCOME_CONNECT_TIMEOUT:
    case ROUTE_OUTCOME_TLS_FAILED:
    case ROUTE_OUTCOME_RESET:
    case ROUTE_OUTCOME_POLICY_CHANGED:
        return true;
    default:
        return false;
    }
}

void exchange_attempt_failed(struct exchange *x, struct attempt *a)
{
    if (x->state != EXCHANGE_TRYING)
        return;
    if (!is_retried(x->trace.attempts[a->record].outcome) || (x->call && !upload_can_repeat(x)))
        x->attempts_left = 0;
    exchange_try(x);
}

/*
 * Where a request goes: permit, choice, attempt, and once nothing is left the refusal that says
 * why. Everything here is worked out anew for every attempt against the newest policy, so a rule
 * that was tightened a moment ago binds the next attempt.
 */

#include "catalog/policy.h"
#include "edge/edge.h"
#include "edge/exchange.h"
#include "region/normalise.h"

/* --- refusals
 * ------------------------------------------------------------------------------------------------------
 */

static void refuse_region_name(struct exchange *x, str name)
{
    const struct catalog *c = worker_catalog(x->worker);
    str near = region_near_match(c->regions, name);

    exchange_refuse(
        x, FAULT_INVALID_REGION,
        near.n ? arena_printf(&x->arena,
                              "\"%.*s\" is no region, zone or country; did you mean \"%.*s\"?",
                              STR_ARG(name), STR_ARG(near))
               : arena_printf(&x->arena, "\"%.*s\" is no region, zone or country", STR_ARG(name)),
        x->facts.region.n ? STR("vetted.region") : STR("x-ambit-region"));
}

static enum metric_word word_of_source(enum permit_source source)
{
    static const enum metric_word words[] = {
        [PERMIT_ORGANIZATION] = WORD_ORGANIZATION,
        [PERMIT_ENVIRONMENT_GROUP] = WORD_ENVIRONMENT_GROUP,
        [PERMIT_CUSTOMER] = WORD_CUSTOMER,
        [PERMIT_KEY] = WORD_KEY,
        [PERMIT_REQUEST] = WORD_REQUEST,
    };

    return words[source];
}

/* The rule, other than the request's own wish, that shuts out the pinned region; NULL if all allow
 * it. */
static const struct permit_step *rule_against_pin(const struct permit *permit)
{
    for (unsigned i = 0; i < permit->n_steps; i++)
        if (permit->steps[i].source != PERMIT_REQUEST &&
            !region_set_has(&permit->steps[i].allowed, permit->pin))
            return &permit->steps[i];
    return NULL;
}

static void tell_control(struct exchange *x, const struct permit_step *step, enum fault fault)
{
    edge_report_refusal(
        x->worker, &(struct link_refusals){
                       .source = (uint8_t)step->source,
                       .code = fault_row(fault)->code,
                       .subject = step->source == PERMIT_CUSTOMER ? STR("customer") : step->name,
                       .group = x->group,
                       .count = 1,
                   });
}

static void refuse_by_rules(struct exchange *x, const struct permit *permit,
                            const struct permit_step *step)
{
    struct buf text;

    if (step) {
        x->refusing_rule = word_of_source(step->source);
        tell_control(x, step, FAULT_REGION_NOT_ALLOWED);
    }
    buf_init(&text, 0);
    buf_printf(&text, "the region rules leave no endpoint of \"%.*s\": ", STR_ARG(x->group));
    permit_explain(permit, &text);
    exchange_refuse(x, FAULT_REGION_NOT_ALLOWED, buf_str(&text),
                    permit->pin != REGION_NONE ? STR("vetted.region") : STR_NULL);
    buf_deinit(&text);
}

static void refuse_pin(struct exchange *x, const struct permit *permit,
                       const struct route_obstacle *obstacle)
{
    const struct permit_step *step = rule_against_pin(permit);
    str code = region_at(permit->catalogue, permit->pin)->code;

    if (step) {
        refuse_by_rules(x, permit, step);
        return;
    }
    bool absent = obstacle->verdict == ROUTE_VERDICT_NOT_PINNED ||
                  obstacle->verdict == ROUTE_VERDICT_NOT_PERMITTED;
    exchange_refuse(
        x, FAULT_PIN_UNAVAILABLE,
        arena_printf(
            &x->arena, "region %.*s is pinned and %s for \"%.*s\"; no other region is used",
            STR_ARG(code), absent ? "has no endpoint" : "is not available now", STR_ARG(x->group)),
        STR("vetted.region"));
}

static void set_retry_after(struct exchange *x, int64_t until_ns)
{
    int64_t now_ns = loop_now_ns(x->worker->loop);

    if (until_ns > now_ns)
        x->retry_after_s = (until_ns - now_ns + NS_PER_S - 1) / NS_PER_S;
}

static const struct permit_step *last_step(const struct permit *permit)
{
    return permit->n_steps ? &permit->steps[permit->n_steps - 1] : NULL;
}

/* No attempt could be made. */
static void refuse_unroutable(struct exchange *x, const struct permit *permit,
                              const struct route_candidate *candidates, size_t n)
{
    struct route_obstacle obstacle = route_obstacle_of(candidates, n);

    if (permit->pin != REGION_NONE) {
        set_retry_after(x, obstacle.retry_at_ns);
        refuse_pin(x, permit, &obstacle);
        return;
    }
    if (!obstacle.permitted) {
        refuse_by_rules(x, permit, last_step(permit));
        return;
    }
    if (obstacle.verdict == ROUTE_VERDICT_REGION_PENDING) {
        exchange_refuse(
            x, FAULT_REGION_PENDING,
            arena_printf(
                &x->arena,
                "the region of \"%.*s\"'s endpoint is not known yet, and the request is restricted",
                STR_ARG(x->group)),
            STR_NULL);
        return;
    }
    set_retry_after(x, obstacle.retry_at_ns);
    str why = route_verdict_name(obstacle.verdict);
    exchange_refuse(x, FAULT_SERVICE_UNAVAILABLE,
                    arena_printf(&x->arena,
                                 "no permitted endpoint of \"%.*s\" is available now (%.*s)",
                                 STR_ARG(x->group), STR_ARG(why)),
                    STR_NULL);
}

/* Attempts were made and none was answered. */
static void refuse_after_attempts(struct exchange *x)
{
    const struct trace_attempt *last = &x->trace.attempts[x->trace.n_attempts - 1];
    bool timeout = last->outcome == ROUTE_OUTCOME_FIRST_BYTE_TIMEOUT ||
                   last->outcome == ROUTE_OUTCOME_CONNECT_TIMEOUT ||
                   last->outcome == ROUTE_OUTCOME_DEADLINE;
    str outcome = route_outcome_name(last->outcome);

    exchange_refuse(
        x, timeout ? FAULT_UPSTREAM_TIMEOUT : FAULT_UPSTREAM_ERROR,
        arena_printf(&x->arena, "no upstream answered after %zu attempt%s; the last, in %.*s: %.*s",
                     x->trace.n_attempts, x->trace.n_attempts == 1 ? "" : "s",
                     STR_ARG(last->region), STR_ARG(outcome)),
        STR_NULL);
}

/* --- permit
 * --------------------------------------------------------------------------------------------------------
 */

static const struct catalog_key *present_key(struct exchange *x, const struct catalog *c)
{
    const struct catalog_key *key =
        x->key_revision == c->revision ? &c->keys[x->key_index] : catalog_find_key(c, x->key_hash);
    int64_t now = loop_wall_ns(x->worker->loop);

    return key && (key->expires_wall_ns == 0 || key->expires_wall_ns > now) ? key : NULL;
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

static void refuse_policy(struct exchange *x, enum policy_outcome outcome, str subject)
{
    switch (outcome) {
    case POLICY_UNKNOWN_CUSTOMER:
        x->refusing_rule = WORD_CUSTOMER;
        exchange_refuse(
            x, FAULT_UNKNOWN_CUSTOMER,
            subject.n ? arena_printf(
                            &x->arena,
                            "customer \"%.*s\" is not known here, and customers have region rules",
                            STR_ARG(subject))
                      : STR("the request names no customer, and customers have region rules: send "
                            "`user`"),
            STR("user"));
        return;
    case POLICY_CUSTOMER_BLOCKED:
        x->refusing_rule = WORD_CUSTOMER;
        exchange_refuse(x, FAULT_CUSTOMER_BLOCKED,
                        arena_printf(&x->arena, "customer \"%.*s\" is blocked", STR_ARG(subject)),
                        STR("user"));
        return;
    case POLICY_TOO_MANY_CUSTOMERS:
        exchange_refuse(x, FAULT_TOO_MANY_CUSTOMERS,
                        STR("the request names too many different customers"), STR("user"));
        return;
    default:
        refuse_region_name(x, subject);
        return;
    }
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

static bool work_out_permit(struct exchange *x, const struct catalog *c, struct permit *ret_permit)
{
    struct policy_request request = {.key = present_key(x, c)};
    str subject = STR_NULL;

    if (!request.key) {
        exchange_refuse_key(x, FAULT_INVALID_API_KEY);
        return false;
    }
    if (!wished_region(x, &request.region) || !add_customers(x, c, &request))
        return false;
    x->customer = request.n_customer_ids ? request.customers[0] : (struct digest128){0, 0};
    enum policy_outcome outcome =
        policy_permit(c, x->worker->edge->customers, &request, ret_permit, &subject);
    if (outcome != POLICY_PERMITTED) {
        refuse_policy(x, outcome, subject);
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

    if (!permit->restricted || !catalog_find_group(c, x->facts.model, &matched))
        return;
    str zone = region_zone_of_model(matched);
    if (!zone.n || !region_resolve(c->regions, zone, &wide) || permit_allows(permit, &wide))
        return;
    for (size_t i = 0; i < n; i++)
        if (c->endpoints[candidates[i].endpoint].wildcard)
            candidates[i].verdict = ROUTE_VERDICT_NOT_PERMITTED;
}

/* Takes the chosen endpoint's slot; one that filled up in this instant is passed over like any
 * saturated one. */
static ptrdiff_t take_best(struct exchange *x, const struct route_view *view,
                           struct route_candidate *candidates, size_t n, str session)
{
    for (;;) {
        ptrdiff_t chosen = route_choose(view, candidates, n, session, &x->worker->prng);

        if (chosen < 0)
            return chosen;
        uint32_t endpoint = candidates[chosen].endpoint;
        if (endpoint_begin(view->states[endpoint], &view->catalog->endpoints[endpoint],
                           view->now_ns))
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
    if (x->trace.n_attempts) {
        refuse_after_attempts(x);
        return;
    }
    refuse_unroutable(x, permit, candidates, n);
}

static bool start_at(struct exchange *x, const struct route_view *view, const struct permit *permit,
                     const struct catalog_group *group, uint32_t endpoint)
{
    struct endpoint_state *state = view->states[endpoint];
    struct attempt *before = x->attempt;

    x->tried[x->n_tried < TRACE_MAX_ATTEMPTS ? x->n_tried++ : TRACE_MAX_ATTEMPTS - 1] =
        state->origin.id;
    x->attempts_left--;
    if (before && before != x->parked)
        worker_buf_deinit(x->worker, &before->held);
    return attempt_start(x, view->catalog, permit, group, &view->catalog->endpoints[endpoint],
                         state) == ATTEMPT_STARTED;
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
        .session = http_head_value(x->head, HTTP_HEADER_X_AMBIT_SESSION),
    };
}

static void begin_routing(struct exchange *x, const struct catalog *c,
                          const struct catalog_group *group)
{
    x->attempts_left = group->max_retries + 1;
    x->group = arena_copy(&x->arena, group->name);
    deadline_set(x->worker->loop, &x->deadline, group->timers.total_ms);
    if (c->gateway_region != REGION_NONE)
        x->trace.gateway_region =
            arena_copy(&x->arena, region_at(c->regions, c->gateway_region)->code);
}

/* One choice: true if there is something to start, and its endpoint. */
static bool choose(struct exchange *x, const struct route_view *view, const struct permit *permit,
                   const struct catalog_group *group, uint32_t *ret_endpoint)
{
    size_t n = route_candidate_count(view->catalog, group);
    struct route_candidate *candidates = worker_candidates(x->worker, n);
    struct route_wish wish = wish_of(x, view->catalog, permit);

    route_gather(view, permit, group, &wish, candidates, n);
    judge_profile(x, view, permit, candidates, n);
    mark_tried(x, view, candidates, n);
    ptrdiff_t chosen = x->attempts_left ? take_best(x, view, candidates, n, wish.session) : -1;
    if (!x->chosen_once) {
        x->chosen_once = true;
        trace_first_choice(&x->trace, view, permit, &wish, candidates, n, chosen, &x->arena);
    }
    if (chosen < 0) {
        nothing_left(x, permit, candidates, n);
        return false;
    }
    *ret_endpoint = candidates[chosen].endpoint;
    return true;
}

void exchange_try(struct exchange *x)
{
    const struct catalog *c = worker_catalog(x->worker);
    struct route_view view = {c, worker_states(c), loop_now_ns(x->worker->loop)};
    struct permit permit;
    uint32_t endpoint;

    const struct catalog_group *group = find_group(x, c);
    if (!group)
        return;
    if (!x->chosen_once)
        begin_routing(x, c, group);
    if (!work_out_permit(x, c, &permit) || !lease_holds(x, c, &permit))
        return;
    while (choose(x, &view, &permit, group, &endpoint))
        if (start_at(x, &view, &permit, group, endpoint))
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
    if (!is_retried(x->trace.attempts[a->record].outcome))
        x->attempts_left = 0;
    exchange_try(x);
}

#include "edge/refusal.h"

#include "edge/edge.h"
#include "edge/exchange.h"

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

void refusal_report(struct exchange *x, enum permit_source source, str name, enum fault fault)
{
    x->refusing_rule = word_of_source(source);
    edge_report_refusal(x->worker,
                        &(struct link_refusals){
                            .source = (uint8_t)source,
                            .code = fault_row(fault)->code,
                            .subject = source == PERMIT_CUSTOMER ? STR("customer") : name,
                            .group = x->group,
                            .count = 1,
                        });
}

static void refuse_by_rules(struct exchange *x, const struct permit *permit,
                            const struct permit_step *step)
{
    struct buf text;

    if (step)
        refusal_report(x, step->source, step->name, FAULT_REGION_NOT_ALLOWED);
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

void refusal_unroutable(struct exchange *x, const struct permit *permit,
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

static bool nobody_was_there(const struct exchange *x)
{
    for (size_t i = 0; i < x->trace.n_attempts; i++)
        if (x->trace.attempts[i].outcome != ROUTE_OUTCOME_CONNECT_FAILED)
            return false;
    return true;
}

void refusal_after_attempts(struct exchange *x)
{
    /* Replicas that are listed and gone are as good as none: others take their place. */
    if (x->call && nobody_was_there(x)) {
        hold_refuse(x, STR("those that are listed take no connection"));
        return;
    }

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

void refusal_of_policy(struct exchange *x, enum policy_outcome outcome, str subject)
{
    switch (outcome) {
    case POLICY_UNKNOWN_CUSTOMER:
        refusal_report(x, PERMIT_CUSTOMER, STR_NULL, FAULT_UNKNOWN_CUSTOMER);
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
        refusal_report(x, PERMIT_CUSTOMER, STR_NULL, FAULT_CUSTOMER_BLOCKED);
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

/*
 * The head of an upstream's answer: is it worth another attempt, does it tell the truth about its
 * region, may it reach the client? What passes is committed: from then on the region is said to
 * have served, and nothing is retried.
 */

#include "edge/edge.h"
#include "edge/exchange.h"
#include "region/normalise.h"

/* --- what an answer says about its region
 * --------------------------------------------------------------------------- */

enum { REGION_HEADER_MAX = 128 };

/* Azure names the region that served in x-ms-region. One that contradicts the declared region takes
 * the endpoint out of service, and this answer names what was observed. */
static bool agrees(const struct region_catalogue *c, str declared, unsigned observed)
{
    struct region_set place;

    return observed != REGION_NONE && region_resolve(c, declared, &place) &&
           region_set_has(&place, observed);
}

static void check_region(struct exchange *x, struct attempt *a, const struct http_head *head)
{
    const struct catalog *c = worker_catalog(x->worker);
    str said = str_upto(http_head_value(head, HTTP_HEADER_X_MS_REGION), REGION_HEADER_MAX);

    if (!a->tells_region || said.n == 0)
        return;
    unsigned region = region_find_azure(c->regions, said);
    bool pending = str_eq(a->region, STR("unknown"));
    if (!pending && agrees(c->regions, a->region, region))
        return;
    edge_report_region(x->worker, pending ? LINK_REGION_LEARNT : LINK_REGION_CONTRADICTED,
                       a->endpoint_id, a->slot.state->origin_revision, said);
    a->region =
        arena_copy(&x->arena, region != REGION_NONE ? region_at(c->regions, region)->code : said);
    a->region_label = metrics_label(a->region);
    x->trace.attempts[a->record].region = a->region;
    if (pending)
        return;
    atomic_store(&a->slot.state->contradicted, 1);
    metrics_add(x->worker->metrics, METRIC_REGION_MISMATCHES, a->slot.state->region_label,
                a->region_label, WORD_NONE, 1);
}

/* --- commit
 * --------------------------------------------------------------------------------------------------------
 */

/* A redirect is never followed. It reaches the client only if it stays on this gateway. */
static bool is_foreign_redirect(const struct http_head *head)
{
    str location = http_head_value(head, HTTP_HEADER_LOCATION);

    if (head->status < 300 || head->status > 399 || head->status == 304)
        return false;
    return location.n == 0 || location.p[0] != '/' ||
           (location.n > 1 && (location.p[1] == '/' || location.p[1] == '\\'));
}

static void count_failover(struct exchange *x)
{
    str from, to, why;

    if (trace_failover(&x->trace, &from, &to, &why))
        metrics_add(x->worker->metrics, METRIC_FAILOVERS, metrics_label(from), metrics_label(to),
                    WORD_NONE, 1);
}

static void commit(struct exchange *x, struct attempt *a, const struct http_head *head,
                   enum stream_end end)
{
    x->attempt = a;
    if (is_foreign_redirect(head)) {
        attempt_end(a, ROUTE_OUTCOME_PROTOCOL_ERROR);
        exchange_refuse(x, FAULT_UPSTREAM_REDIRECT,
                        STR("the upstream redirects to another place; redirects are not followed"),
                        STR_NULL);
        return;
    }
    x->trace.region = a->region;
    x->region_label = a->region_label;
    x->trace.attempts[a->record].outcome = ROUTE_OUTCOME_SERVED;
    x->trace.attempts[a->record].bytes_sent = true;
    metrics_observe_ns(x->worker->metrics, METRIC_FIRST_BYTE,
                       a->slot.state ? a->slot.state->region_label : WORD_NONE,
                       a->first_byte_ns - x->body_ended_ns);
    count_failover(x);
    relay_begin(x, head, end);
}

void exchange_unpark(struct exchange *x)
{
    struct attempt *a = TAKE(x->parked);
    struct buf held = a->held;

    buf_init(&a->held, 0);
    x->answered_ns = clock_monotonic_ns();
    commit(x, a, a->answer, a->ended && held.n == 0 ? STREAM_END : STREAM_MORE);
    if (x->state != EXCHANGE_OVER && x->state != EXCHANGE_ANSWERING && held.n)
        relay_body(x, buf_str(&held));
    worker_buf_deinit(x->worker, &held);
    if (x->state != EXCHANGE_RELAYING && x->state != EXCHANGE_HOLDING)
        return;
    if (a->broken)
        relay_broken(x, ROUTE_OUTCOME_BROKEN);
    else if (a->ended)
        relay_end(x);
}

/* --- retry
 * ---------------------------------------------------------------------------------------------------------
 */

static bool is_worth_retrying(unsigned status)
{
    return status == 408 || status == 429 || (status >= 502 && status <= 504);
}

static int64_t retry_after_s(const struct http_head *head)
{
    uint64_t seconds;

    return str_parse_u64(http_head_value(head, HTTP_HEADER_RETRY_AFTER), &seconds) &&
                   seconds <= 3600
               ? (int64_t)seconds
               : 1;
}

/* Keeps the answer, unread beyond one window, while others are tried. Only the latest is kept. */
static void park(struct exchange *x, struct attempt *a, const struct http_head *head)
{
    exchange_drop_attempt(x->parked, ROUTE_OUTCOME_ANSWERED_RETRYABLE);
    a->answer = http_head_copy(&x->arena, head);
    x->trace.attempts[a->record].outcome = ROUTE_OUTCOME_ANSWERED_RETRYABLE;
    x->parked = a;
}

void exchange_answered(struct exchange *x, struct attempt *a, const struct http_head *head,
                       enum stream_end end)
{
    int64_t now_ns = loop_now_ns(x->worker->loop);

    x->own_ns += a->sent_ns > x->body_ended_ns && x->trace.n_attempts == 1
                     ? a->sent_ns - x->body_ended_ns
                     : 0;
    x->answered_ns = a->first_byte_ns;
    /* A model's own 503 speaks for all requests only where it says for how long. */
    if ((head->status == 429 || head->status == 503) &&
        (!x->call || http_head_find(head, HTTP_HEADER_RETRY_AFTER)))
        endpoint_pause(a->slot.state, now_ns + retry_after_s(head) * NS_PER_S);
    check_region(x, a, head);
    if (is_worth_retrying(head->status) && x->attempts_left && (!x->call || upload_can_repeat(x))) {
        park(x, a, head);
        exchange_try(x);
        return;
    }
    exchange_drop_attempt(TAKE(x->parked), ROUTE_OUTCOME_ANSWERED_RETRYABLE);
    commit(x, a, head, end);
}

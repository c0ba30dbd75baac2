#include "edge/attempt.h"

#include "edge/derive.h"
#include "edge/edge.h"
#include "edge/exchange.h"

#include <assert.h>

/* --- sending
 * -------------------------------------------------------------------------------------------------------
 */

static struct exchange *owner(struct attempt *a)
{
    return a->exchange;
}

static struct worker *worker_of(struct attempt *a)
{
    return a->exchange->worker;
}

static void fail(struct attempt *a, enum route_outcome outcome)
{
    struct exchange *x = owner(a);

    attempt_end(a, outcome);
    exchange_attempt_failed(x, a);
}

static void advance(struct attempt *a, size_t n)
{
    while (n) {
        size_t rest = a->segments[a->segment_at].iov_len - a->segment_offset;

        if (n < rest) {
            a->segment_offset += n;
            return;
        }
        n -= rest;
        a->segment_at++;
        a->segment_offset = 0;
    }
}

enum { SEND_SLICES = 8 };

static void send_body(struct attempt *a)
{
    while (!a->sent && a->stream) {
        struct iovec slices[SEND_SLICES];
        size_t total = 0;
        int n = 0;

        for (size_t i = a->segment_at; i < a->n_segments && n < SEND_SLICES; i++, n++) {
            size_t skip = i == a->segment_at ? a->segment_offset : 0;

            slices[n] = (struct iovec){(char *)a->segments[i].iov_base + skip,
                                       a->segments[i].iov_len - skip};
            total += slices[n].iov_len;
        }
        bool last = a->segment_at + (size_t)n == a->n_segments;
        size_t taken = stream_write(a->stream, slices, n, last ? STREAM_END : STREAM_MORE);
        advance(a, taken);
        if (taken < total)
            return;
        a->sent = last;
    }
    a->sent_ns = clock_monotonic_ns();
}

/* The body follows as the client sends it. */
static void send_call(struct attempt *a)
{
    struct exchange *x = owner(a);
    bool has_body = x->call->upload.has_body;

    stream_send_head(a->stream, a->head, has_body ? STREAM_MORE : STREAM_END);
    a->head_sent = true;
    a->sent = !has_body;
    a->sent_ns = clock_monotonic_ns();
    upload_pump(x, a);
    if (!a->body_sent)
        stream_flush(a->stream);
}

static void send_request(struct attempt *a)
{
    struct exchange *x = owner(a);
    bool has_body = x->surface.surface->body != SURFACE_BODY_NONE;

    if (x->call) {
        send_call(a);
        return;
    }
    stream_send_head(a->stream, a->head, has_body ? STREAM_MORE : STREAM_END);
    if (has_body) {
        send_body(a);
    } else {
        stream_flush(a->stream);
        a->sent = true;
        a->sent_ns = clock_monotonic_ns();
    }
}

/* --- what the stream tells
 * ------------------------------------------------------------------------------------------ */

/* Nobody acted on it: the endpoint may be tried again, whatever the budget of attempts says. */
static void take_back(struct exchange *x)
{
    if (x->n_tried == 0)
        return;
    x->n_tried--;
    x->attempts_left++;
}

/* Nobody is there: it is not tried again, and the others have the whole budget still. */
static void pass_over(struct exchange *x)
{
    if (x->n_tried < TRACE_MAX_ATTEMPTS)
        x->attempts_left++;
}

/* A connection that was of yesterday says nothing about the endpoint; one that could not be made
 * does. */
static bool is_of_connection(enum stream_reset why)
{
    return why != STREAM_CONNECT_TIMEOUT && why != STREAM_TLS_FAILED;
}

/* The policy, or a customer's rule, may have changed while the connection was made: then nothing is
 * sent, and the exchange chooses anew, this endpoint included. */
static void on_open(void *ctx, struct stream *s)
{
    struct attempt *a = ctx;

    (void)s;
    if (atomic_load(&worker_of(a)->edge->policy_count) != owner(a)->policy_count) {
        take_back(owner(a));
        fail(a, ROUTE_OUTCOME_POLICY_CHANGED);
        return;
    }
    int64_t now_ns = clock_monotonic_ns();
    region_latency_add(a->slot.state->latency, (now_ns - a->dialled_ns) / NS_PER_US, now_ns,
                       worker_catalog(worker_of(a))->settings.latency_window_ms * NS_PER_MS);
    deadline_set(worker_of(a)->loop, &a->timer, a->first_byte_ms);
    send_request(a);
}

/* What a model answers is about a request; whether its replica is well, its plane says. */
static enum endpoint_verdict verdict_of_status(const struct attempt *a)
{
    unsigned status = a->status;

    if (status == 429 || status == 503)
        return ENDPOINT_SATURATED;
    if (a->exchange->call)
        return ENDPOINT_SUCCEEDED;
    return status >= 500 || status == 408 ? ENDPOINT_FAILED : ENDPOINT_SUCCEEDED;
}

static void on_head(void *ctx, struct stream *s, const struct http_head *head, enum stream_end end)
{
    struct attempt *a = ctx;

    (void)s;
    if (head->status < 200 && head->status != 101)
        return;
    if (head->status == 101 && websocket_judge_answer(owner(a)->head, head) != WEBSOCKET_ACCEPTED) {
        fail(a, ROUTE_OUTCOME_PROTOCOL_ERROR);
        return;
    }
    a->first_byte_ns = clock_monotonic_ns();
    a->status = head->status;
    a->ended = end == STREAM_END;
    if (a->ended)
        deadline_cancel(&a->timer);
    else
        deadline_set(worker_of(a)->loop, &a->timer, a->idle_ms);
    owner(a)->trace.attempts[a->record].status = head->status;
    if (verdict_of_status(a) == ENDPOINT_SUCCEEDED)
        endpoint_answers(&a->slot);
    exchange_answered(owner(a), a, head, end);
}

static void on_body(void *ctx, struct stream *s, str slice)
{
    struct attempt *a = ctx;
    struct exchange *x = owner(a);

    (void)s;
    if (x->state == EXCHANGE_TUNNEL) {
        socket_from_replica(x, slice);
        return;
    }
    deadline_set(worker_of(a)->loop, &a->timer, a->idle_ms);
    if (x->parked == a) {
        /* Copied: it may still become the client's answer. No credit is returned, so the stream's
         * window bounds it. */
        buf_put_str(&a->held, slice);
        return;
    }
    relay_body(x, slice);
}

static void on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    struct attempt *a = ctx;
    struct exchange *x = owner(a);

    (void)s;
    (void)trailers;
    if (x->state == EXCHANGE_TUNNEL) {
        socket_replica_ended(x);
        return;
    }
    a->ended = true;
    deadline_cancel(&a->timer);
    if (x->parked != a)
        relay_end(x);
}

static void on_writable(void *ctx, struct stream *s)
{
    struct attempt *a = ctx;

    (void)s;
    if (owner(a)->state == EXCHANGE_TUNNEL)
        socket_is_writable(owner(a));
    else if (owner(a)->call)
        upload_pump(owner(a), a);
    else if (!a->sent)
        send_body(a);
}

static enum route_outcome outcome_of(enum stream_reset why)
{
    switch (why) {
    case STREAM_CONNECT_FAILED:
        return ROUTE_OUTCOME_CONNECT_FAILED;
    case STREAM_CONNECT_TIMEOUT:
        return ROUTE_OUTCOME_CONNECT_TIMEOUT;
    case STREAM_TLS_FAILED:
        return ROUTE_OUTCOME_TLS_FAILED;
    case STREAM_PROTOCOL_ERROR:
        return ROUTE_OUTCOME_PROTOCOL_ERROR;
    default:
        return ROUTE_OUTCOME_RESET;
    }
}

static void on_reset(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed)
{
    struct attempt *a = ctx;
    struct exchange *x = owner(a);

    (void)s;
    if (x->parked == a) {
        a->broken = true;
        attempt_end(a, ROUTE_OUTCOME_ANSWERED_RETRYABLE);
        return;
    }
    if (x->state == EXCHANGE_TUNNEL) {
        socket_lost_replica(x);
        return;
    }
    if (a->status) {
        relay_broken(x, ROUTE_OUTCOME_BROKEN);
        return;
    }
    if (why == STREAM_CONNECT_FAILED)
        pass_over(x);
    else if (unprocessed && is_of_connection(why))
        take_back(x);
    fail(a, outcome_of(why));
}

static const struct stream_events attempt_events = {
    .on_open = on_open,
    .on_head = on_head,
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_reset = on_reset,
};

/* Silence: before the head it is the first-byte timer, after it the idle timer. */
static void on_timer(struct deadline *deadline)
{
    struct attempt *a = container_of(deadline, struct attempt, timer);
    struct exchange *x = owner(a);

    if (x->parked == a) {
        a->broken = true;
        attempt_end(a, ROUTE_OUTCOME_ANSWERED_RETRYABLE);
        return;
    }
    if (a->status) {
        relay_broken(x, ROUTE_OUTCOME_IDLE_TIMEOUT);
        return;
    }
    fail(a, ROUTE_OUTCOME_FIRST_BYTE_TIMEOUT);
}

/* --- life
 * ----------------------------------------------------------------------------------------------------------
 */

static void copy_policy(struct attempt *a, struct exchange *x, const struct catalog *catalog,
                        const struct catalog_group *group, const struct catalog_endpoint *e)
{
    int64_t first_byte_ms = group->timers.first_byte_ms;

    a->endpoint_id = arena_copy(&x->arena, e->id);
    a->api_base = arena_copy(&x->arena, e->api_base);
    a->region = arena_copy(&x->arena, str_of(a->slot.state->region));
    a->region_label = a->slot.state->region_label;
    a->tpm = e->tpm;
    a->allowed_fails = catalog->settings.allowed_fails;
    a->cooldown_ns = catalog->settings.cooldown_ms * NS_PER_MS;
    if (x->facts.stream && e->stream_timeout_ms)
        first_byte_ms = e->stream_timeout_ms;
    else if (e->timeout_ms)
        first_byte_ms = e->timeout_ms;
    a->first_byte_ms = first_byte_ms;
    a->idle_ms = group->timers.idle_ms;
    a->tells_region = e->provider == PROVIDER_AZURE;
}

static void record(struct attempt *a, struct exchange *x)
{
    /* A request that outlives the trace's room keeps its last attempts in the last row: none goes
     * unnamed. */
    a->record =
        x->trace.n_attempts < TRACE_MAX_ATTEMPTS ? x->trace.n_attempts++ : TRACE_MAX_ATTEMPTS - 1;
    x->trace.attempts[a->record] =
        (struct trace_attempt){.region = a->region, .endpoint = a->endpoint_id};
}

enum attempt_started attempt_start(struct exchange *x, const struct catalog *catalog,
                                   const struct permit *permit, const struct catalog_group *group,
                                   const struct catalog_endpoint *e, struct endpoint_slot slot)
{
    struct attempt *a = arena_zalloc(&x->arena, sizeof(*a));

    a->exchange = x;
    a->slot = slot;
    a->timer.on_expire = on_timer;
    buf_init(&a->held, 0);
    copy_policy(a, x, catalog, group, e);
    if (x->call)
        derive_for_host(a, x, e);
    else
        derive_for_openai(a, x, catalog, e);
    record(a, x);
    x->attempt = a;
    int r = connector_open(x->worker->connector, permit, catalog, e, slot.state,
                           group->timers.connect_ms, &attempt_events, a, &a->stream);
    if (r == CONNECTOR_REFUSED || r < 0) {
        attempt_end(a, r == CONNECTOR_REFUSED ? ROUTE_OUTCOME_POLICY_CHANGED
                                              : ROUTE_OUTCOME_CONNECT_FAILED);
        return r == CONNECTOR_REFUSED ? ATTEMPT_NOT_PERMITTED : ATTEMPT_FAILED;
    }
    a->dialled_ns = r == CONNECTOR_CONNECTING ? clock_monotonic_ns() : 0;
    if (r == CONNECTOR_READY) {
        deadline_set(x->worker->loop, &a->timer, a->first_byte_ms);
        send_request(a);
    }
    return ATTEMPT_STARTED;
}

static enum endpoint_verdict verdict_of(const struct attempt *a, enum route_outcome outcome)
{
    switch (outcome) {
    case ROUTE_OUTCOME_CANCELLED:
    case ROUTE_OUTCOME_POLICY_CHANGED:
    case ROUTE_OUTCOME_PENDING:
        return ENDPOINT_NEUTRAL;
    case ROUTE_OUTCOME_SERVED:
    case ROUTE_OUTCOME_ANSWERED_RETRYABLE:
        return verdict_of_status(a);
    default:
        return ENDPOINT_FAILED;
    }
}

static enum metric_word word_of(enum route_outcome outcome)
{
    switch (outcome) {
    case ROUTE_OUTCOME_SERVED:
        return WORD_OK;
    case ROUTE_OUTCOME_ANSWERED_RETRYABLE:
        return WORD_SERVER_ERROR;
    case ROUTE_OUTCOME_CONNECT_FAILED:
        return WORD_CONNECT_FAILED;
    case ROUTE_OUTCOME_TLS_FAILED:
        return WORD_TLS_FAILED;
    case ROUTE_OUTCOME_PROTOCOL_ERROR:
        return WORD_PROTOCOL_ERROR;
    case ROUTE_OUTCOME_CONNECT_TIMEOUT:
    case ROUTE_OUTCOME_FIRST_BYTE_TIMEOUT:
    case ROUTE_OUTCOME_IDLE_TIMEOUT:
    case ROUTE_OUTCOME_DEADLINE:
        return WORD_TIMEOUT;
    case ROUTE_OUTCOME_CANCELLED:
        return WORD_CANCELLED;
    case ROUTE_OUTCOME_BROKEN:
        return WORD_BROKEN;
    default:
        return WORD_RESET;
    }
}

void attempt_end(struct attempt *a, enum route_outcome outcome)
{
    struct exchange *x = owner(a);
    struct trace_attempt *row = &x->trace.attempts[a->record];

    if (a->over)
        return;
    a->over = true;
    deadline_cancel(&a->timer);
    if (a->stream) {
        row->bytes_sent = a->stream->bytes_sent > 0;
        stream_release(TAKE(a->stream));
    }
    row->outcome = outcome;
    metrics_add(x->worker->metrics, METRIC_ATTEMPTS, a->region_label, (uint16_t)word_of(outcome),
                WORD_NONE, 1);
    if (endpoint_end(&a->slot, verdict_of(a, outcome), a->allowed_fails, a->cooldown_ns,
                     loop_now_ns(x->worker->loop)))
        metrics_add(x->worker->metrics, METRIC_EJECTIONS, a->region_label, WORD_NONE, WORD_NONE, 1);
}

void attempt_consume(struct attempt *a, size_t n)
{
    if (a->stream && n)
        stream_consume(a->stream, n);
}

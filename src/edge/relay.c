/*
 * The upstream's answer on its way to the client. Bytes pass as they came, with one exception: a
 * JSON answer gains `routing_trace` and `vetted` before its last brace, and an event stream one
 * more chunk before [DONE] if the client asked for it.
 *
 * An answer to splice is held whole while it fits (limits.splice_bytes), so that it leaves with a
 * Content-Length in one send; a larger one goes chunked with only its tail held back. What the
 * client can't take at once is copied to `out`, and no credit goes back to the upstream until `out`
 * is empty: so `out` never holds more than one window, and an idle stream holds nothing.
 */

#include "base/log.h"
#include "edge/edge.h"
#include "edge/exchange.h"
#include "http/usage.h"

#include <assert.h>

enum { RESPONSE_ID_MAX = 256 };

/* --- forwarding
 * ----------------------------------------------------------------------------------------------------
 */

static void finish_served(struct exchange *x)
{
    unsigned status = x->status;
    enum metric_word outcome = status < 400   ? WORD_OK
                               : status < 500 ? WORD_CLIENT_ERROR
                                              : WORD_SERVER_ERROR;

    attempt_end(x->attempt, ROUTE_OUTCOME_SERVED);
    exchange_finish(x, outcome);
}

static size_t total_of(const struct iovec *iov, int n)
{
    size_t total = 0;

    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    return total;
}

/* Copied because the client is slower than the upstream; bounded by the upstream stream's window.
 */
static void keep_rest(struct exchange *x, const struct iovec *iov, int n, size_t taken)
{
    for (int i = 0; i < n; i++) {
        if (taken >= iov[i].iov_len) {
            taken -= iov[i].iov_len;
            continue;
        }
        buf_put(&x->out, (const char *)iov[i].iov_base + taken, iov[i].iov_len - taken);
        taken = 0;
    }
}

static void forward(struct exchange *x, const struct iovec *iov, int n, enum stream_end end)
{
    size_t total = total_of(iov, n), taken = 0;

    x->bytes_out += total;
    if (x->out.n == 0)
        taken = stream_write(x->client, iov, n, end);
    if (x->state == EXCHANGE_OVER)
        return;
    if (taken < total) {
        keep_rest(x, iov, n, taken);
        x->out_ends = end == STREAM_END;
        return;
    }
    if (end == STREAM_END) {
        if (x->out.n == 0)
            finish_served(x);
        else
            x->out_ends = true;
    }
}

static void forward_str(struct exchange *x, str bytes, enum stream_end end)
{
    struct iovec iov = {(char *)bytes.p, bytes.n};

    forward(x, &iov, bytes.n ? 1 : 0, end);
}

bool relay_flush(struct exchange *x)
{
    while (x->out_at < x->out.n) {
        struct iovec iov = {x->out.p + x->out_at, x->out.n - x->out_at};
        size_t taken = stream_write(x->client, &iov, 1, x->out_ends ? STREAM_END : STREAM_MORE);

        if (x->state == EXCHANGE_OVER)
            return false;
        if (taken == 0)
            return false;
        x->out_at += taken;
    }
    buf_deinit(&x->out);
    x->out_at = 0;
    return true;
}

static void return_credit(struct exchange *x)
{
    size_t n = x->unconsumed;

    if (x->out.n == 0 && x->attempt) {
        x->unconsumed = 0;
        attempt_consume(x->attempt, n);
    }
}

/* --- splicing
 * ------------------------------------------------------------------------------------------------------
 */

/* `"routing_trace":{…},"vetted":{…}`, without the comma in front. */
static void render_members(struct exchange *x, struct buf *to)
{
    struct json_out j;

    buf_put_str(to, STR("\"routing_trace\":"));
    trace_render(&x->trace, 0, to);
    buf_put_str(to, STR(",\"vetted\":"));
    json_out_init(&j, to);
    json_open_object(&j);
    json_member_str(&j, "id", x->request_id);
    json_member_str(&j, "region", x->trace.region);
    json_member_str(&j, "endpoint", x->attempt->endpoint_id);
    json_key(&j, "tokens");
    json_open_object(&j);
    json_member_u64(&j, "prompt", x->prompt_tokens);
    json_member_u64(&j, "completion", x->completion_tokens);
    json_close_object(&j);
    json_close_object(&j);
}

/* Where the last brace of a whole JSON object is; false if the bytes are not one. */
static bool find_last_brace(str json, size_t *ret_at, bool *ret_has_members)
{
    size_t end = json.n;

    while (end && (json.p[end - 1] == ' ' || json.p[end - 1] == '\n' || json.p[end - 1] == '\r' ||
                   json.p[end - 1] == '\t'))
        end--;
    if (end == 0 || json.p[end - 1] != '}')
        return false;
    size_t before = --end;
    while (before && (json.p[before - 1] == ' ' || json.p[before - 1] == '\n' ||
                      json.p[before - 1] == '\r' || json.p[before - 1] == '\t'))
        before--;
    *ret_at = end;
    *ret_has_members = before > 0 && json.p[before - 1] != '{';
    return true;
}

static void send_whole_as_it_came(struct exchange *x, const struct http_head *head, str body)
{
    x->relay = RELAY_RAW;
    relay_send_head(x, head, (int64_t)body.n, STREAM_MORE);
    forward_str(x, body, STREAM_END);
}

/* A disk that fails costs follow-ups (404), not the answer. */
static void remember(struct exchange *x, str id)
{
    int r = response_map_put(x->worker->edge->responses, id, x->key_id, x->attempt->endpoint_id);

    if (r < 0)
        log_event(LOG_ERROR, "response_not_remembered", LOG_STR("request_id", x->request_id),
                  LOG_NUM("errno", -r));
}

static void remember_response(struct exchange *x, str json)
{
    char storage[RESPONSE_ID_MAX];
    str id;

    if (x->surface.surface->remembers && answer_id_read(json, storage, sizeof(storage), &id))
        remember(x, id);
}

static void send_whole(struct exchange *x)
{
    const struct http_head *head = x->attempt->answer;
    str body = buf_str(&x->attempt->held);
    struct buf *scratch = &x->worker->scratch;
    bool has_members;
    size_t brace;

    exchange_move(x, EXCHANGE_RELAYING);
    if (usage_find(body, &x->prompt_tokens, &x->completion_tokens) == USAGE_INVALID ||
        !find_last_brace(body, &brace, &has_members)) {
        send_whole_as_it_came(x, head, body);
        return;
    }
    remember_response(x, body);
    buf_clear(scratch);
    if (has_members)
        buf_put_char(scratch, ',');
    render_members(x, scratch);
    relay_send_head(x, head, (int64_t)(body.n + scratch->n), STREAM_MORE);
    struct iovec iov[] = {{(char *)body.p, brace},
                          {scratch->p, scratch->n},
                          {(char *)body.p + brace, body.n - brace}};
    forward(x, iov, COUNT_OF(iov), STREAM_END);
}

static bool is_blank(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && s.p[i] != '\n' && s.p[i] != '\r' && s.p[i] != '\t')
            return false;
    return true;
}

enum { TAIL_BLANKS_MAX = 4096 };

/* Passes everything but the last brace and the blanks after it. `held` is what has been held back
 * so far. */
static void forward_but_tail(struct exchange *x, str slice)
{
    struct buf *held = &x->attempt->held;
    const char *brace = slice.n ? memrchr(slice.p, '}', slice.n) : NULL;

    if (!brace && is_blank(slice) && held->n + slice.n <= TAIL_BLANKS_MAX) {
        buf_put_str(held, slice);
        return;
    }
    size_t passed = brace ? (size_t)(brace - slice.p) : slice.n;
    struct iovec iov[] = {{held->p, held->n}, {(char *)slice.p, passed}};
    forward(x, iov, COUNT_OF(iov), STREAM_MORE);
    buf_clear(held);
    buf_put_str(held, str_from(slice, passed));
}

static void end_tail(struct exchange *x)
{
    struct buf *scratch = &x->worker->scratch;
    str tail = buf_str(&x->attempt->held);

    buf_clear(scratch);
    if (tail.n && tail.p[0] == '}') {
        buf_put_char(scratch, ',');
        render_members(x, scratch);
    }
    struct iovec iov[] = {{scratch->p, scratch->n}, {(char *)tail.p, tail.n}};
    forward(x, iov, COUNT_OF(iov), STREAM_END);
}

/* --- event streams
 * -------------------------------------------------------------------------------------------------
 */

/* One more chunk with empty choices: clients that know the trace find it there, others skip it. */
static void render_trace_chunk(struct exchange *x, struct buf *to)
{
    buf_put_str(to, STR("data: {\"id\":\""));
    json_escape(to, x->request_id);
    buf_put_str(to, STR("\",\"object\":\"chat.completion.chunk\",\"choices\":[],"));
    render_members(x, to);
    buf_put_str(to, STR("}\n\n"));
}

/* Before the client can know the id: its next request may name it. */
static void remember_streamed(struct exchange *x)
{
    str id = sse_id(x->events);

    if (id.n == 0 || x->remembered)
        return;
    x->remembered = true;
    remember(x, id);
}

static void forward_events(struct exchange *x, str slice)
{
    struct sse_event_mark mark;

    while (x->state != EXCHANGE_OVER && slice.n) {
        size_t used = sse_feed(x->events, slice, &mark);

        remember_streamed(x);
        if (mark.kind == SSE_MARK_NONE) {
            forward_str(x, slice, STREAM_MORE);
            return;
        }
        /* Up to the line that says [DONE], the trace, then go on with it. */
        struct buf *scratch = &x->worker->scratch;
        sse_usage(x->events, &x->prompt_tokens, &x->completion_tokens);
        buf_clear(scratch);
        render_trace_chunk(x, scratch);
        struct iovec iov[] = {{(char *)slice.p, used}, {scratch->p, scratch->n}};
        forward(x, iov, COUNT_OF(iov), STREAM_MORE);
        slice = str_from(slice, used);
    }
}

/* --- the three moments
 * --------------------------------------------------------------------------------------------- */

static bool is_json(const struct http_head *head)
{
    str type = http_head_value(head, HTTP_HEADER_CONTENT_TYPE);
    str essence = str_trim(str_upto(type, str_find(type, ';', 0)));

    return str_ieq(essence, STR("application/json")) ||
           (essence.n > 5 && str_ieq(str_from(essence, essence.n - 5), STR("+json")));
}

static bool is_event_stream(const struct http_head *head)
{
    str type = http_head_value(head, HTTP_HEADER_CONTENT_TYPE);

    return str_ieq(str_trim(str_upto(type, str_find(type, ';', 0))), STR("text/event-stream"));
}

static enum exchange_relay relay_of(const struct exchange *x, const struct http_head *head)
{
    bool plain = http_head_value(head, HTTP_HEADER_CONTENT_ENCODING).n == 0;

    if (head->status < 200 || head->status > 299 || !plain ||
        x->surface.surface->splice == SURFACE_SPLICE_NO)
        return RELAY_RAW;
    if (is_event_stream(head))
        return RELAY_EVENTS;
    if (!is_json(head) || head->status == 204)
        return RELAY_RAW;
    return head->content_length > (int64_t)worker_catalog(x->worker)->settings.splice_bytes
               ? RELAY_SPLICE_TAIL
               : RELAY_SPLICE_WHOLE;
}

void relay_begin(struct exchange *x, const struct http_head *head, enum stream_end end)
{
    if (head->status == 101) {
        x->relay = RELAY_RAW;
        socket_begin(x, head);
        return;
    }
    x->relay = relay_of(x, head);
    if (x->attempt->sent)
        exchange_free_body(x);
    if (x->relay == RELAY_SPLICE_WHOLE && end == STREAM_MORE) {
        x->attempt->answer = http_head_copy(&x->arena, head);
        exchange_move(x, EXCHANGE_HOLDING);
        return;
    }
    exchange_move(x, EXCHANGE_RELAYING);
    if (end == STREAM_END)
        x->relay = RELAY_RAW;
    if (x->relay == RELAY_EVENTS)
        x->events = sse_new((x->facts.trace ? SSE_FIND_DONE : SSE_WATCH) |
                            (x->surface.surface->remembers ? SSE_FIND_ID : SSE_WATCH));
    relay_send_head(x, head, x->relay == RELAY_RAW ? head->content_length : HTTP_LENGTH_NONE, end);
    stream_flush(x->client);
    if (x->state == EXCHANGE_OVER)
        return;
    if (end == STREAM_END)
        finish_served(x);
    else if (x->call)
        upload_pump(x, x->attempt);
}

static void hold(struct exchange *x, str slice)
{
    struct attempt *a = x->attempt;

    /* Copied: it is spliced and sent as one once it is whole. */
    if (!a->held.p)
        worker_buf_init(x->worker, &a->held);
    buf_put_str(&a->held, slice);
    attempt_consume(a, slice.n);
    if (a->held.n <= worker_catalog(x->worker)->settings.splice_bytes)
        return;
    struct buf so_far = a->held;
    buf_init(&a->held, 0);
    x->relay = RELAY_SPLICE_TAIL;
    exchange_move(x, EXCHANGE_RELAYING);
    relay_send_head(x, a->answer, HTTP_LENGTH_NONE, STREAM_MORE);
    forward_but_tail(x, buf_str(&so_far));
    worker_buf_deinit(x->worker, &so_far);
}

void relay_body(struct exchange *x, str slice)
{
    if (x->state == EXCHANGE_HOLDING) {
        hold(x, slice);
        return;
    }
    x->unconsumed += slice.n;
    if (x->relay == RELAY_SPLICE_TAIL)
        forward_but_tail(x, slice);
    else if (x->relay == RELAY_EVENTS)
        forward_events(x, slice);
    else
        forward_str(x, slice, STREAM_MORE);
    if (x->state != EXCHANGE_OVER)
        return_credit(x);
}

void relay_end(struct exchange *x)
{
    if (x->state == EXCHANGE_HOLDING)
        send_whole(x);
    else if (x->relay == RELAY_SPLICE_TAIL)
        end_tail(x);
    else if (x->state == EXCHANGE_RELAYING)
        forward_str(x, STR_NULL, STREAM_END);
}

/* The upstream died in the middle. Nothing may look complete that is not: an answer that is still
 * held becomes a 502; an event stream gets one error event; then the connection is cut. */
void relay_broken(struct exchange *x, enum route_outcome outcome)
{
    struct attempt *a = x->attempt;
    bool was_held = x->state == EXCHANGE_HOLDING;

    attempt_end(a, outcome);
    if (was_held) {
        x->trace.region = STR_NULL;
        exchange_refuse(x,
                        outcome == ROUTE_OUTCOME_IDLE_TIMEOUT ? FAULT_UPSTREAM_TIMEOUT
                                                              : FAULT_UPSTREAM_ERROR,
                        STR("the upstream's answer broke off"), STR_NULL);
        return;
    }
    if (x->relay == RELAY_EVENTS && x->out.n == 0 && sse_at_boundary(x->events))
        forward_str(x,
                    STR("data: {\"error\":{\"message\":\"the upstream's answer broke "
                        "off\",\"type\":\"upstream_error\","
                        "\"param\":null,\"code\":\"upstream_error\"}}\n\n"),
                    STREAM_MORE);
    if (x->state != EXCHANGE_OVER)
        exchange_finish(x, WORD_BROKEN);
}

/* The client can take more. */
void relay_resume(struct exchange *x)
{
    if (!relay_flush(x))
        return;
    if (x->out_ends) {
        if (x->state == EXCHANGE_ANSWERING)
            exchange_finish(x, (enum metric_word)x->outcome);
        else
            finish_served(x);
        return;
    }
    return_credit(x);
}

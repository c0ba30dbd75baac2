/* Answers that are Ambit's own, and the headers that every answer carries. */

#include "edge/edge.h"
#include "edge/exchange.h"

/* Nobody looks at these by id: they go out as they stand. What an operator wrote is checked once
 * more by the codec. */
enum value_from { VALUE_OF_OURS, VALUE_CONFIGURED };

static void put(struct http_header *headers, size_t *n, str name, str value, enum value_from from)
{
    if (value.n)
        headers[(*n)++] =
            (struct http_header){.name = name, .value = value, .checked = from == VALUE_OF_OURS};
}

/* What only one of the two surfaces says. */
static void put_openai(struct exchange *x, const struct attempt *a, struct http_header *headers,
                       size_t *n)
{
    put(headers, n, STR("x-litellm-model-group"), x->group, VALUE_CONFIGURED);
    put(headers, n, STR("x-litellm-attempted-retries"),
        arena_u64(&x->arena, x->trace.n_attempts ? x->trace.n_attempts - 1 : 0), VALUE_OF_OURS);
    if (!a)
        return;
    put(headers, n, STR("x-litellm-model-region"), x->trace.region, VALUE_OF_OURS);
    put(headers, n, STR("x-litellm-model-id"), a->endpoint_id, VALUE_CONFIGURED);
    put(headers, n, STR("x-litellm-model-api-base"), a->api_base, VALUE_CONFIGURED);
    put(headers, n, STR("x-litellm-api-base"), a->api_base, VALUE_CONFIGURED);
}

static void put_host(struct exchange *x, struct http_header *headers, size_t *n)
{
    const struct host_call *call = x->call;

    put(headers, n, STR("x-baseten-request-id"), str_make(call->id, sizeof(call->id)),
        VALUE_OF_OURS);
    if (x->trace.n_attempts > 1)
        put(headers, n, STR("X-BASETEN-MODEL-PREDICTION-ATTEMPTS"),
            arena_u64(&x->arena, x->trace.n_attempts), VALUE_OF_OURS);
    if (call->hold.begun)
        put(headers, n, STR("x-ambit-held-ms"),
            arena_u64(&x->arena, (uint64_t)(call->hold.total_ns / NS_PER_MS)), VALUE_OF_OURS);
}

size_t answer_headers(struct exchange *x, struct http_header *headers)
{
    const struct attempt *a = x->trace.region.n ? x->attempt : NULL;
    int64_t now_ns = clock_monotonic_ns();
    size_t n = 0;

    /* Ambit's own time up to now: what passed since the head came in, less the body's arrival and
     * the upstream's. */
    x->own_ns += now_ns - x->answered_ns;
    x->answered_ns = now_ns;
    put(headers, &n, STR("x-request-id"), x->request_id, VALUE_OF_OURS);
    put(headers, &n, STR("x-ambit-overhead-us"),
        arena_u64(&x->arena, (uint64_t)(x->own_ns / NS_PER_US)), VALUE_OF_OURS);
    if (a)
        put(headers, &n, STR("x-ambit-region"), x->trace.region, VALUE_OF_OURS);
    if (x->call)
        put_host(x, headers, &n);
    else
        put_openai(x, a, headers, &n);
    return n;
}

static void send_own(struct exchange *x, unsigned status, str content_type, str body,
                     const struct http_header *extra, size_t n_extra)
{
    struct http_header headers[ANSWER_HEADERS_MAX + 8];
    struct http_head head = {
        .status = status, .version = 11, .content_length = (int64_t)body.n, .headers = headers};

    if (status == 426)
        head.upgrade = HTTP_UPGRADE_WEBSOCKET;

    headers[head.n_headers++] = (struct http_header){
        .name = STR("content-type"), .value = content_type, .id = HTTP_HEADER_CONTENT_TYPE};
    for (size_t i = 0; i < n_extra; i++)
        headers[head.n_headers++] = extra[i];
    head.n_headers += answer_headers(x, headers + head.n_headers);
    exchange_move(x, EXCHANGE_ANSWERING);
    x->status = status;
    x->bytes_out += body.n;
    stream_send_head(x->client, &head, body.n ? STREAM_MORE : STREAM_END);
    struct iovec iov = {(char *)body.p, body.n};
    size_t taken = body.n ? stream_write(x->client, &iov, 1, STREAM_END) : 0;
    if (x->state == EXCHANGE_OVER)
        return;
    if (taken == body.n) {
        exchange_finish(x, (enum metric_word)x->outcome);
        return;
    }
    /* A long list of models, say: the rest goes when the client takes it. */
    buf_put_str(&x->out, str_from(body, taken));
    x->out_ends = true;
}

void exchange_answer(struct exchange *x, unsigned status, str content_type, str body)
{
    x->outcome = status < 400 ? WORD_OK : status < 500 ? WORD_CLIENT_ERROR : WORD_SERVER_ERROR;
    send_own(x, status, content_type, body, NULL, 0);
}

static size_t fault_headers(struct exchange *x, enum fault fault, struct http_header *headers)
{
    size_t n = 0;

    if (fault_row(fault)->retry == FAULT_RETRY_NO)
        put(headers, &n, STR("x-should-retry"), STR("false"), VALUE_OF_OURS);
    if (fault == FAULT_OTHER_VERSION)
        put(headers, &n, STR("sec-websocket-version"), STR("13"), VALUE_OF_OURS);
    if (x->retry_after_s && (fault_row(fault)->status == 503 || fault == FAULT_UPGRADE_TIMEOUT))
        put(headers, &n, STR("retry-after"),
            arena_printf(&x->arena, "%lld", (long long)x->retry_after_s), VALUE_OF_OURS);
    if (fault_row(fault)->status == 401) {
        put(headers, &n, STR("www-authenticate"), STR("Bearer"), VALUE_OF_OURS);
        put(headers, &n, STR("www-authenticate"), STR("Api-Key"), VALUE_OF_OURS);
    }
    return n;
}

void exchange_refuse(struct exchange *x, enum fault fault, str message, str param)
{
    struct buf *body = &x->worker->scratch;
    struct http_header headers[4];
    size_t n_headers = fault_headers(x, fault, headers);
    enum metric_word rule = x->refusing_rule ? x->refusing_rule : WORD_NONE;

    if (x->call)
        hold_end(x);
    x->fault = fault;
    x->outcome = fault_row(fault)->status < 500 || fault == FAULT_PIN_UNAVAILABLE
                     ? WORD_REFUSED
                     : WORD_SERVER_ERROR;
    if (x->trace.n_attempts == 0) {
        x->trace.mode = ROUTE_REFUSED;
        x->trace.reason = ROUTE_REASON_REFUSED;
    }
    metrics_add(x->worker->metrics, METRIC_REFUSALS, metrics_label(fault_row(fault)->code),
                (uint16_t)rule, WORD_NONE, 1);
    str text = arena_copy(&x->arena, message);
    buf_clear(body);
    if (x->call)
        fault_body_of_host(fault, text, body);
    else
        fault_body(fault, text, param, body);
    str copy = arena_copy(&x->arena, buf_str(body));
    send_own(x, fault_row(fault)->status, STR("application/json"), copy, headers, n_headers);
}

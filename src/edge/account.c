#include "edge/account.h"

static enum metric_word word_of_mode(enum route_mode mode)
{
    static const enum metric_word words[] = {
        [ROUTE_PINNED] = WORD_PINNED,
        [ROUTE_PREFERRED] = WORD_PREFERRED,
        [ROUTE_CARBON_AWARE] = WORD_CARBON_AWARE,
        [ROUTE_DEGRADED] = WORD_DEGRADED,
        [ROUTE_REFUSED] = WORD_REFUSED,
    };

    return words[mode];
}

static bool is_routed(const struct exchange *x)
{
    return x->surface.surface &&
           (x->surface.surface->kind == SURFACE_INFERENCE ||
            x->surface.surface->kind == SURFACE_STORED || x->surface.surface->kind == SURFACE_HOST);
}

static void count(struct exchange *x, uint16_t region, int64_t duration_ns)
{
    struct metrics_shard *m = x->worker->metrics;

    metrics_add(m, METRIC_REQUESTS, region, (uint16_t)word_of_mode(x->trace.mode), x->outcome, 1);
    metrics_observe_ns(m, METRIC_OVERHEAD, WORD_NONE, x->own_ns);
    metrics_observe_ns(m, METRIC_DURATION, region, duration_ns);
    if (x->prompt_tokens)
        metrics_add(m, METRIC_TOKENS, region, WORD_PROMPT, WORD_NONE, x->prompt_tokens);
    if (x->completion_tokens)
        metrics_add(m, METRIC_TOKENS, region, WORD_COMPLETION, WORD_NONE, x->completion_tokens);
}

static void count_call(struct exchange *x)
{
    const struct demand *demand = x->call->demand;
    struct metrics_shard *m = x->worker->metrics;

    if (!demand)
        return;
    metrics_add(m, METRIC_MODEL_REQUESTS, demand->model_label, demand->environment_label,
                x->outcome, 1);
    metrics_add(m, METRIC_DEPLOYMENT_REQUESTS, demand->deployment_label, x->outcome, WORD_NONE, 1);
}

static void member_text(struct json_out *j, const char *name, str value)
{
    if (value.n)
        json_member_str(j, name, value);
}

static void put_who(struct json_out *j, const struct exchange *x)
{
    char digest[2 * sizeof(x->customer.lo)];

    member_text(j, "key", x->key_id);
    if (x->customer.lo | x->customer.hi) {
        hex_encode(&x->customer.lo, sizeof(x->customer.lo), digest);
        json_member_word(j, "customer", str_make(digest, sizeof(digest)));
    }
}

static void put_route(struct json_out *j, const struct exchange *x)
{
    member_text(j, "model_group", x->group);
    json_member_word(j, "decision_mode", route_mode_name(x->trace.mode));
    json_member_word(j, "decision_reason", route_reason_name(x->trace.reason));
    member_text(j, "region", x->trace.region);
    json_key(j, "attempts");
    json_open_array(j);
    for (size_t i = 0; i < x->trace.n_attempts; i++) {
        json_open_object(j);
        json_member_str(j, "region", x->trace.attempts[i].region);
        json_member_str(j, "endpoint", x->trace.attempts[i].endpoint);
        json_member_word(j, "outcome", route_outcome_name(x->trace.attempts[i].outcome));
        json_member_bool(j, "bytes_sent", x->trace.attempts[i].bytes_sent);
        json_close_object(j);
    }
    json_close_array(j);
}

/* What ended it: the first who said goodbye, or this gateway. */
static unsigned close_code_of(const struct socket *s)
{
    if (s->closing)
        return s->code;
    return s->up.scan.close_code ? s->up.scan.close_code : s->down.scan.close_code;
}

static void put_call(struct json_out *j, const struct host_call *call)
{
    const struct host_route *route = &call->route;

    json_member_word(j, "baseten_request_id", str_make(call->id, sizeof(call->id)));
    if (!call->is_named)
        return;
    json_member_word(j, host_kind_name(call->host.kind).p, call->host.id);
    if (route->selector == HOST_SELECTS_ENVIRONMENT)
        member_text(j, "environment", route->name);
    member_text(j, "deployment", call->deployment);
    if (call->socket) {
        json_member_u64(j, "messages_in", call->socket->up.scan.messages);
        json_member_u64(j, "messages_out", call->socket->down.scan.messages);
        json_member_u64(j, "close_code", close_code_of(call->socket));
    }
    if (call->hold.begun)
        json_member_i64(j, "held_us", call->hold.total_ns / NS_PER_US);
}

enum { LOGGED_TARGET_MAX = 512 };

/* Without the query, which may hold anything. */
static str logged_path(const struct exchange *x)
{
    return str_upto(str_upto(x->head->target, str_find(x->head->target, '?', 0)),
                    LOGGED_TARGET_MAX);
}

static void write_line(struct exchange *x, int64_t duration_ns)
{
    struct buf *line = access_log_begin(x->worker->log);
    struct json_out j;

    if (!line) {
        metrics_add(x->worker->metrics, METRIC_LOG_DROPPED, WORD_NONE, WORD_NONE, WORD_NONE, 1);
        return;
    }
    json_out_init(&j, line);
    json_open_object(&j);
    json_member_word(&j, "time", worker_time_text(x->worker));
    json_member_word(&j, "event", STR("request"));
    json_member_word(&j, "request_id", x->request_id);
    json_member_str(&j, "method", x->head->method_text);
    json_member_str(&j, "path", logged_path(x));
    put_who(&j, x);
    if (x->call)
        put_call(&j, x->call);
    if (is_routed(x))
        put_route(&j, x);
    json_member_u64(&j, "status", x->status);
    json_member_word(&j, "outcome", metrics_label_text(x->outcome));
    if (x->fault)
        json_member_word(&j, "code", fault_row(x->fault)->code);
    json_member_u64(&j, "bytes_in", x->bytes_in);
    json_member_u64(&j, "bytes_out", x->bytes_out);
    if (x->prompt_tokens | x->completion_tokens) {
        json_member_u64(&j, "prompt_tokens", x->prompt_tokens);
        json_member_u64(&j, "completion_tokens", x->completion_tokens);
    }
    json_member_i64(&j, "duration_us", duration_ns / NS_PER_US);
    json_member_i64(&j, "overhead_us", x->own_ns / NS_PER_US);
    json_close_object(&j);
    buf_put_char(line, '\n');
    access_log_end(x->worker->log);
}

void account(struct exchange *x)
{
    int64_t duration_ns = clock_monotonic_ns() - x->began_ns;

    if (is_routed(x))
        count(x, x->region_label, duration_ns);
    if (x->call)
        count_call(x);
    write_line(x, duration_ns);
}

#include "edge/exchange.h"

#include "edge/account.h"
#include "edge/body.h"
#include "edge/edge.h"
#include "edge/identify.h"
#include "edge/local.h"
#include "edge/refusal.h"

#include <assert.h>

enum { SPARE_MAX = 256 };

/* --- states
 * --------------------------------------------------------------------------------------------------------
 */

#define TO(state) (1u << EXCHANGE_##state)

static const unsigned allowed_moves[] = {
    [EXCHANGE_READING] = TO(TRYING) | TO(ASKING) | TO(ANSWERING) | TO(OVER),
    [EXCHANGE_WAITING] = TO(TRYING) | TO(ANSWERING) | TO(OVER),
    [EXCHANGE_TRYING] =
        TO(WAITING) | TO(TUNNEL) | TO(HOLDING) | TO(RELAYING) | TO(ANSWERING) | TO(OVER),
    [EXCHANGE_HOLDING] = TO(RELAYING) | TO(ANSWERING) | TO(OVER),
    [EXCHANGE_RELAYING] = TO(OVER),
    [EXCHANGE_TUNNEL] = TO(OVER),
    [EXCHANGE_ASKING] = TO(ANSWERING) | TO(OVER),
    [EXCHANGE_ANSWERING] = TO(OVER),
    [EXCHANGE_OVER] = 0,
};

void exchange_move(struct exchange *x, enum exchange_state to)
{
    assert(allowed_moves[x->state] >> to & 1);
    x->state = to;
}

/* --- beginning and end
 * --------------------------------------------------------------------------------------------- */

static void forget(struct loop_task *task)
{
    struct exchange *x = container_of(task, struct exchange, forget);
    struct worker *w = x->worker;

    if (w->n_spare < SPARE_MAX) {
        list_append(&w->spare, &x->link);
        w->n_spare++;
    } else {
        mem_free(x);
    }
}

static struct exchange *exchange_new(struct worker *w)
{
    struct exchange *x;

    if (list_empty(&w->spare)) {
        x = mem_alloc(sizeof(*x));
    } else {
        x = list_first(&w->spare, struct exchange, link);
        list_remove(&x->link);
        w->n_spare--;
    }
    memset(x, 0, offsetof(struct exchange, storage));
    x->worker = w;
    x->forget.run = forget;
    arena_init(&x->arena, x->storage, sizeof(x->storage));
    list_init(&x->link);
    list_append(&w->exchanges, &x->link);
    w->n_in_flight++;
    return x;
}

void exchange_free_body(struct exchange *x)
{
    if (x->body_charged)
        atomic_fetch_sub_explicit(&x->worker->edge->buffered_bytes, x->body_charged,
                                  memory_order_relaxed);
    x->body_charged = 0;
    if (x->body_room == WORKER_BLOCK_BYTES)
        worker_give_block(x->worker, x->body);
    else
        mem_free(x->body);
    x->body = NULL;
    x->body_n = x->body_room = 0;
    json_scan_free(TAKE(x->scan));
    multipart_free(TAKE(x->form));
}

void exchange_drop_attempt(struct attempt *a, enum route_outcome outcome)
{
    if (!a)
        return;
    attempt_end(a, outcome);
    worker_buf_deinit(a->exchange->worker, &a->held);
}

void exchange_finish(struct exchange *x, enum metric_word outcome)
{
    if (x->state == EXCHANGE_OVER)
        return;
    exchange_move(x, EXCHANGE_OVER);
    x->outcome = (uint16_t)outcome;
    deadline_cancel(&x->deadline);
    if (x->call) {
        hold_end(x);
        if (x->call->socket)
            socket_deinit(x->call->socket);
    }
    exchange_drop_attempt(x->attempt, outcome == WORD_CANCELLED ? ROUTE_OUTCOME_CANCELLED
                                                                : ROUTE_OUTCOME_BROKEN);
    exchange_drop_attempt(x->parked, ROUTE_OUTCOME_ANSWERED_RETRYABLE);
    if (x->asked)
        edge_relay_cancel(TAKE(x->asked));
    account(x);
    if (x->call)
        host_call_count_over(x);
    stream_release(TAKE(x->client));
    exchange_free_body(x);
    buf_deinit(&x->out);
    sse_free(TAKE(x->events));
    arena_deinit(&x->arena);
    list_remove(&x->link);
    x->worker->n_in_flight--;
    loop_defer(x->worker->loop, &x->forget);
}

/* --- the request
 * ---------------------------------------------------------------------------------------------------
 */

void exchange_refuse_key(struct exchange *x, enum fault fault)
{
    str message =
        fault == FAULT_EXPIRED_API_KEY
            ? STR("this API key has expired")
            : STR("no API key that this gateway knows: send \"Authorization: Bearer <key>\"");

    exchange_refuse(x, fault, message, STR_NULL);
}

void exchange_refuse_scope(struct exchange *x, uint32_t wanted_scope)
{
    str scope = catalog_scope_name(wanted_scope);

    exchange_refuse(x, FAULT_INSUFFICIENT_SCOPE,
                    arena_printf(&x->arena, "this API key lacks the scope %.*s", STR_ARG(scope)),
                    STR_NULL);
}

static bool is_request_id(str id)
{
    if (id.n == 0 || id.n > EXCHANGE_REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.'))
            return false;
    }
    return true;
}

/* The client's own, where it is harmless text. */
static str request_id_of(struct exchange *x)
{
    str given = http_head_value(x->head, HTTP_HEADER_X_REQUEST_ID);

    if (is_request_id(given))
        return given;
    char *text = arena_alloc(&x->arena, WORKER_REQUEST_ID_BYTES);
    worker_make_request_id(x->worker, text);
    return str_make(text, WORKER_REQUEST_ID_BYTES);
}

static bool identify_client(struct exchange *x, const struct catalog *c, uint32_t wanted_scope)
{
    const struct catalog_key *key;
    enum fault fault = identify(x->client, x->head, c, loop_wall_ns(x->worker->loop), &key);

    if (fault) {
        exchange_refuse_key(x, fault);
        return false;
    }
    x->key_id = arena_copy(&x->arena, key->id);
    memcpy(x->key_hash, key->hash, sizeof(x->key_hash));
    x->key_index = (uint32_t)(key - c->keys);
    x->key_revision = c->revision;
    if (!x->call && (key->n_models || key->n_environments)) {
        exchange_refuse(x, FAULT_KEY_LIMITED,
                        STR("this API key is limited to models or environments: it calls nothing "
                            "but their hosts"),
                        STR_NULL);
        return false;
    }
    if (key->scopes & wanted_scope)
        return true;
    exchange_refuse_scope(x, wanted_scope);
    return false;
}

static bool content_is_acceptable(struct exchange *x)
{
    str encoding = http_head_value(x->head, HTTP_HEADER_CONTENT_ENCODING);
    bool multipart = x->surface.surface->body == SURFACE_BODY_MULTIPART;
    str type = http_head_value(x->head, HTTP_HEADER_CONTENT_TYPE);

    if (encoding.n && !str_ieq(encoding, STR("identity"))) {
        exchange_refuse(x, FAULT_UNSUPPORTED_ENCODING,
                        STR("a compressed body can't be routed: send it without Content-Encoding"),
                        STR("content-encoding"));
        return false;
    }
    if (!multipart)
        return true;
    if (multipart_new(type, &x->form))
        return true;
    exchange_refuse(x, FAULT_UNSUPPORTED_MEDIA_TYPE,
                    STR("expected multipart/form-data with a boundary"), STR("content-type"));
    return false;
}

/* A follow-up goes back to the endpoint that has the state, for the key that made it. */
static bool bind_to_state(struct exchange *x, str response_id)
{
    char *storage = arena_alloc(&x->arena, RESPONSE_ENDPOINT_BYTES);

    if (response_map_find(x->worker->edge->responses, response_id, x->key_id, storage,
                          &x->bound_endpoint))
        return true;
    exchange_refuse(x, FAULT_RESPONSE_NOT_FOUND,
                    arena_printf(&x->arena, "no response \"%.*s\" was made here with this key",
                                 STR_ARG(response_id)),
                    x->surface.id.n ? STR("response_id") : STR("previous_response_id"));
    return false;
}

static void body_is_complete(struct exchange *x)
{
    enum surface_kind kind = x->surface.surface->kind;

    x->body_complete = true;
    x->body_ended_ns = clock_monotonic_ns();
    if (kind == SURFACE_MANAGEMENT) {
        local_ask_control(x);
        return;
    }
    if (x->surface.surface->body != SURFACE_BODY_NONE &&
        (!body_scan(x, JSON_SCAN_LAST) || !body_read_facts(x)))
        return;
    str earlier = kind == SURFACE_STORED ? x->surface.id : x->facts.previous_response;
    if (earlier.n && !bind_to_state(x, earlier))
        return;
    exchange_move(x, EXCHANGE_TRYING);
    exchange_try(x);
}

static void on_body(void *ctx, struct stream *s, str slice)
{
    struct exchange *x = ctx;
    const struct catalog *c = worker_catalog(x->worker);

    x->bytes_in += slice.n;
    if (x->state == EXCHANGE_TUNNEL) {
        socket_from_client(x, slice);
        return;
    }
    if (x->call) {
        upload_take(x, slice);
        return;
    }
    if (x->state != EXCHANGE_READING || x->surface.surface->body == SURFACE_BODY_NONE) {
        stream_consume(s, slice.n);
        return;
    }
    if (body_too_large(x, c, x->body_n + slice.n))
        return;
    if (!body_reserve(x, c, slice.n)) {
        body_refuse_room(x);
        return;
    }
    /* Copied: routing needs the whole body, and so does a second attempt. */
    memcpy(x->body + x->body_n, slice.p, slice.n);
    x->body_n += slice.n;
    stream_consume(s, slice.n);
    if (x->state == EXCHANGE_READING && x->surface.surface->kind == SURFACE_INFERENCE &&
        x->body_n < (uint64_t)(x->head->content_length > 0 ? x->head->content_length : INT64_MAX))
        body_scan(x, JSON_SCAN_MORE_COMES);
}

static void on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    struct exchange *x = ctx;

    (void)s;
    (void)trailers;
    if (x->state == EXCHANGE_TUNNEL)
        socket_client_ended(x);
    else if (x->call)
        upload_end(x);
    else if (x->state == EXCHANGE_READING)
        body_is_complete(x);
}

static void on_writable(void *ctx, struct stream *s)
{
    struct exchange *x = ctx;

    (void)s;
    if (x->state == EXCHANGE_TUNNEL)
        socket_is_writable(x);
    else
        relay_resume(x);
}

/* The client is gone: whatever goes on upstream for it ends now. */
static void on_reset(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed)
{
    (void)s;
    (void)why;
    (void)unprocessed;
    exchange_finish(ctx, WORD_CANCELLED);
}

static void on_head_of_client(void *ctx, struct stream *s, const struct http_head *head,
                              enum stream_end end)
{
    (void)ctx;
    (void)s;
    (void)head;
    (void)end;
}

static void on_open_of_client(void *ctx, struct stream *s)
{
    (void)ctx;
    (void)s;
}

static const struct stream_events client_events = {
    .on_open = on_open_of_client,
    .on_head = on_head_of_client,
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_reset = on_reset,
};

static void on_deadline(struct deadline *deadline)
{
    struct exchange *x = container_of(deadline, struct exchange, deadline);

    if (x->state == EXCHANGE_TRYING || x->state == EXCHANGE_WAITING) {
        exchange_drop_attempt(x->attempt, ROUTE_OUTCOME_DEADLINE);
        exchange_refuse(x, FAULT_UPSTREAM_TIMEOUT, STR("the request's deadline has passed"),
                        STR_NULL);
    } else if (x->state == EXCHANGE_HOLDING || x->state == EXCHANGE_RELAYING) {
        relay_broken(x, ROUTE_OUTCOME_DEADLINE);
    }
}

static uint32_t scope_of(enum surface_kind kind)
{
    return kind == SURFACE_MANAGEMENT ? SCOPE_CUSTOMERS : SCOPE_INFERENCE;
}

static bool find_surface(struct exchange *x)
{
    enum surface_outcome outcome = surface_find(x->head, &x->surface);

    if (outcome == SURFACE_FOUND)
        return true;
    exchange_refuse(x, outcome == SURFACE_NOT_FOUND ? FAULT_NOT_FOUND : FAULT_METHOD_NOT_ALLOWED,
                    arena_printf(&x->arena, "%.*s %.*s is nothing that this gateway serves",
                                 STR_ARG(x->head->method_text), STR_ARG(x->head->target)),
                    STR_NULL);
    return false;
}

/* Everything that can be said before a body is read. */
static bool accept_head(struct exchange *x, const struct catalog *c)
{
    enum surface_kind kind;

    if (x->call)
        return identify_client(x, c, SCOPE_INFERENCE) && host_call_accept(x, c);
    if (!find_surface(x))
        return false;
    kind = x->surface.surface->kind;
    if (kind == SURFACE_HEALTH_LIVE || kind == SURFACE_HEALTH_READY)
        return true;
    if (!identify_client(x, c, scope_of(kind)))
        return false;
    if (kind == SURFACE_MODELS || kind == SURFACE_MODEL || kind == SURFACE_MANAGEMENT)
        return true;
    return exchange_gateway_may_serve(x, c) && content_is_acceptable(x) &&
           !body_too_large(x, c,
                           x->head->content_length > 0 ? (uint64_t)x->head->content_length : 0);
}

/* The body is asked for once something is there that wants it. */
static void begin_call(struct exchange *x, enum stream_end end)
{
    x->call->upload.has_body = end == STREAM_MORE;
    x->call->upload.ended = x->body_complete = end == STREAM_END;
    if (x->call->route.operation == HOST_WAKE) {
        edge_ask_wake(x->worker, x->call->deployment);
        exchange_answer(x, 202, STR("application/json"), STR("{}"));
        return;
    }
    exchange_move(x, EXCHANGE_TRYING);
    exchange_try(x);
    if (end == STREAM_MORE && (x->state == EXCHANGE_TRYING || x->state == EXCHANGE_WAITING))
        http_server_continue(x->client);
}

void exchange_on_request(void *worker, struct stream *s, const struct http_head *head,
                         enum stream_end end)
{
    struct worker *w = worker;
    struct exchange *x = exchange_new(w);
    const struct catalog *c = worker_catalog(w);

    x->began_ns = x->body_ended_ns = x->answered_ns = clock_monotonic_ns();
    x->client = s;
    s->events = &client_events;
    s->ctx = x;
    x->deadline.on_expire = on_deadline;
    x->head = http_head_copy(&x->arena, head);
    x->request_id = request_id_of(x);
    buf_init(&x->out, 0);
    x->call = host_call_new(x, c);
    if (!accept_head(x, c))
        return;
    if (x->call) {
        begin_call(x, end);
        return;
    }
    if (local_answers(x->surface.surface->kind)) {
        local_answer(x, c);
        return;
    }
    if (x->surface.surface->body == SURFACE_BODY_JSON &&
        x->surface.surface->kind == SURFACE_INFERENCE)
        x->scan = json_scan_new(c->settings.json_members, c->settings.json_depth);
    if (end == STREAM_END)
        body_is_complete(x);
    else
        http_server_continue(s);
}

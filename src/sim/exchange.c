/*
 * One request to the simulated model server: reads it whole, plays a fault if one is due, answers
 * at once or token by token.
 */

#include "sim/exchange.h"

#include "base/json_out.h"
#include "base/mem.h"

#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 256 << 20 };

static bool is_simulated_answer(enum sim_route route)
{
    return route <= SIM_ROUTE_SPEECH;
}

/* --- the end */

static void forget(struct loop_task *task)
{
    struct sim_exchange *x = container_of(task, struct sim_exchange, forget);

    arena_deinit(&x->arena);
    mem_free(x);
}

static void journal(struct sim_exchange *x)
{
    static const str names[] = {
#define X(id, name) STR_INIT(name),
        FAULT_KIND_TABLE(X)
#undef X
    };

    if (is_simulated_answer(x->route) || x->route == SIM_ROUTE_UNKNOWN)
        sim_journal_add(x->port->worker->sim->journal, &(struct sim_entry){
                                                           .region = x->port->region,
                                                           .port = x->port->port,
                                                           .head = x->head,
                                                           .body = buf_str(&x->body),
                                                           .status = x->status,
                                                           .fault = names[x->fault.kind],
                                                       });
}

static void finish(struct sim_exchange *x)
{
    if (x->over)
        return;
    x->over = true;
    deadline_cancel(&x->timer);
    stream_release(TAKE(x->client));
    buf_deinit(&x->body);
    buf_deinit(&x->out);
    loop_defer(x->port->worker->loop, &x->forget);
}

/* --- answers */

static size_t common_headers(struct sim_exchange *x, str type, struct http_header *headers)
{
    size_t n = 0;
    str ms_region =
        x->fault.kind == SIM_FAULT_REGION ? str_of(x->fault.ms_region) : x->port->ms_region;

    headers[n++] = (struct http_header){
        .name = STR("Content-Type"), .value = type, .id = HTTP_HEADER_CONTENT_TYPE};
    headers[n++] = (struct http_header){.name = STR("Server"), .value = STR("ambit-sim")};
    if (ms_region.n)
        headers[n++] = (struct http_header){.name = STR("x-ms-region"), .value = ms_region};
    if (x->fault.kind == SIM_FAULT_STATUS && x->fault.retry_after_s)
        headers[n++] =
            (struct http_header){.name = STR("Retry-After"),
                                 .value = arena_u64(&x->arena, (uint64_t)x->fault.retry_after_s)};
    return n;
}

static void send_head(struct sim_exchange *x, str type, int64_t length)
{
    struct http_header headers[4];
    struct http_head head = {
        .status = x->status, .version = 11, .content_length = length, .headers = headers};

    head.n_headers = common_headers(x, type, headers);
    stream_send_head(x->client, &head, length == 0 ? STREAM_END : STREAM_MORE);
}

/* Puts what is left in `out` on its way; true when all of it is. */
static bool drain(struct sim_exchange *x, enum stream_end end)
{
    while (x->out_at < x->out.n) {
        struct iovec iov = {x->out.p + x->out_at, x->out.n - x->out_at};
        size_t taken = stream_write(x->client, &iov, 1, end);

        if (x->over || taken == 0)
            return false;
        x->out_at += taken;
    }
    buf_clear(&x->out);
    x->out_at = 0;
    return true;
}

static void answer_text(struct sim_exchange *x, unsigned status, str type)
{
    struct buf *text = &x->port->worker->text;
    struct iovec iov = {text->p, text->n};
    size_t taken;

    x->status = status;
    journal(x);
    send_head(x, type, (int64_t)text->n);
    taken = text->n ? stream_write(x->client, &iov, 1, STREAM_END) : 0;
    if (x->over)
        return;
    if (taken == text->n) {
        finish(x);
        return;
    }
    buf_put(&x->out, text->p + taken, text->n - taken);
    x->ended = true;
}

static struct buf *fresh_text(struct sim_exchange *x)
{
    buf_clear(&x->port->worker->text);
    return &x->port->worker->text;
}

static void answer_error(struct sim_exchange *x, unsigned status)
{
    sim_answer_error(x->port->region, status, fresh_text(x));
    answer_text(x, status, STR("application/json"));
}

static void refuse(struct sim_exchange *x, str why)
{
    struct buf *text = fresh_text(x);

    buf_put_str(text, STR("{\"error\":{\"message\":\""));
    json_escape(text, why);
    buf_put_str(text, STR("\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}"));
    answer_text(x, 400, STR("application/json"));
}

static void answer_whole(struct sim_exchange *x)
{
    const struct sim_answer *a = &x->answer;
    struct buf *text = fresh_text(x);

    switch (x->route) {
    case SIM_ROUTE_COMPLETION:
        sim_answer_completion(a, text);
        break;
    case SIM_ROUTE_EMBEDDING:
        sim_answer_embedding(a, x->n_inputs, text);
        break;
    case SIM_ROUTE_RESPONSE:
        sim_answer_response(a, STR("completed"), text);
        break;
    case SIM_ROUTE_TRANSCRIPTION:
        sim_answer_transcription(a, text);
        break;
    case SIM_ROUTE_SPEECH:
        sim_answer_speech(text);
        answer_text(x, 200, STR("audio/wav"));
        return;
    default:
        sim_answer_chat(a, text);
        break;
    }
    answer_text(x, 200, STR("application/json"));
}

/* --- streams */

static enum sim_stream stream_kind(const struct sim_exchange *x)
{
    return x->route == SIM_ROUTE_CHAT         ? SIM_STREAM_CHAT
           : x->route == SIM_ROUTE_COMPLETION ? SIM_STREAM_COMPLETION
                                              : SIM_STREAM_RESPONSE;
}

/* Goes on until the client takes no more, the pace says wait, or it is over. */
static void stream_on(struct sim_exchange *x)
{
    while (!x->over) {
        if (!drain(x, x->ended ? STREAM_END : STREAM_MORE))
            return;
        if (x->ended) {
            finish(x);
            return;
        }
        if (x->sent_tokens == x->answer.tokens) {
            sim_stream_end(&x->answer, stream_kind(x), x->usage, &x->out);
            x->ended = true;
            continue;
        }
        sim_stream_token(&x->answer, stream_kind(x), x->sent_tokens++, &x->out);
        if (x->interval_ms == 0)
            continue;
        drain(x, STREAM_MORE);
        if (!x->over) {
            stream_flush(x->client);
            deadline_set(x->port->worker->loop, &x->timer, x->interval_ms);
        }
        return;
    }
}

static void begin_stream(struct sim_exchange *x)
{
    x->status = 200;
    journal(x);
    send_head(x, STR("text/event-stream; charset=utf-8"), HTTP_LENGTH_NONE);
    sim_stream_begin(&x->answer, stream_kind(x), &x->out);
    stream_on(x);
}

/* --- faults that break the rules of HTTP: past the codec, straight to the descriptor */

static void put_on_the_wire(struct sim_exchange *x, str bytes)
{
    ssize_t n = send(http_server_descriptor(x->client), bytes.p, bytes.n, MSG_NOSIGNAL);

    (void)n;
}

static void reset_on_close(struct sim_exchange *x)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(http_server_descriptor(x->client), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* The first `after_bytes` of the answer's body, and then what the fault says. */
static void answer_broken(struct sim_exchange *x)
{
    struct buf *text = fresh_text(x);
    size_t n;

    x->status = 200;
    journal(x);
    if (x->fault.kind == SIM_FAULT_RESET && x->fault.after_bytes == 0) {
        reset_on_close(x);
        finish(x);
        return;
    }
    if (x->stream) {
        sim_stream_begin(&x->answer, stream_kind(x), text);
        for (uint64_t i = 0; i < x->answer.tokens && text->n < x->fault.after_bytes; i++)
            sim_stream_token(&x->answer, stream_kind(x), i, text);
    } else {
        sim_answer_chat(&x->answer, text);
    }
    n = text->n < x->fault.after_bytes ? text->n : (size_t)x->fault.after_bytes;
    bool chunked = x->stream || x->fault.kind == SIM_FAULT_BAD_CHUNK;
    send_head(x, x->stream ? STR("text/event-stream") : STR("application/json"),
              chunked ? HTTP_LENGTH_NONE : (int64_t)text->n + 1);
    struct iovec iov = {text->p, n};
    stream_write(x->client, &iov, 1, STREAM_MORE);
    if (x->over)
        return;
    stream_flush(x->client);
    if (x->fault.kind == SIM_FAULT_BAD_CHUNK)
        put_on_the_wire(x, STR("no size\r\n"));
    if (x->fault.kind == SIM_FAULT_RESET)
        reset_on_close(x);
    finish(x);
}

/* --- from request to answer */

static void answer(struct sim_exchange *x)
{
    switch (x->fault.kind) {
    case SIM_FAULT_STATUS:
        answer_error(x, x->fault.status);
        return;
    case SIM_FAULT_RESET:
    case SIM_FAULT_TRUNCATE:
    case SIM_FAULT_BAD_CHUNK:
        answer_broken(x);
        return;
    default:
        break;
    }
    if (x->stream)
        begin_stream(x);
    else
        answer_whole(x);
}

static void on_timer(struct deadline *deadline)
{
    struct sim_exchange *x = container_of(deadline, struct sim_exchange, timer);

    if (x->status)
        stream_on(x);
    else
        answer(x);
}

static void simulate(struct sim_exchange *x)
{
    struct sim_worker *w = x->port->worker;
    const struct sim_options *o = &w->sim->options;
    str why;

    x->answer = (struct sim_answer){
        .region = x->port->region,
        .model = o->n_models ? str_of(o->models[0]) : STR("simulated"),
        .id = w->next_id++,
        .created_s = loop_wall_ns(w->loop) / NS_PER_S,
        .prompt_tokens = x->body.n / 4,
        .tokens = o->tokens,
    };
    x->interval_ms = o->token_interval_ms;
    x->delay_ms = o->delay_ms;
    if (!sim_read_body(x, &why)) {
        refuse(x, why);
        return;
    }
    x->fault = sim_faults_take(w->sim->faults, x->port->region);
    if (x->fault.kind == SIM_FAULT_HANG) {
        journal(x);
        return;
    }
    if (x->fault.delay_ms)
        x->delay_ms = x->fault.delay_ms;
    if (x->delay_ms)
        deadline_set(w->loop, &x->timer, x->delay_ms);
    else
        answer(x);
}

static void administer(struct sim_exchange *x)
{
    struct sim *sim = x->port->worker->sim;
    struct buf *text = fresh_text(x);
    struct buf why;

    switch (x->route) {
    case SIM_ROUTE_FAULTS_ADD:
        buf_init(&why, 0);
        if (sim_faults_add(sim->faults, buf_str(&x->body), &why)) {
            sim_faults_render(sim->faults, text);
            answer_text(x, 200, STR("application/json"));
        } else {
            refuse(x, buf_str(&why));
        }
        buf_deinit(&why);
        return;
    case SIM_ROUTE_RESET:
        sim_journal_clear(sim->journal);
        sim_faults_clear(sim->faults);
        break;
    case SIM_ROUTE_FAULTS_CLEAR:
        sim_faults_clear(sim->faults);
        break;
    case SIM_ROUTE_LOG:
        sim_journal_render(sim->journal, text);
        answer_text(x, 200, STR("application/json"));
        return;
    default:
        break;
    }
    sim_faults_render(sim->faults, text);
    answer_text(x, 200, STR("application/json"));
}

static void on_complete(struct sim_exchange *x)
{
    const struct sim_options *o = &x->port->worker->sim->options;

    if (is_simulated_answer(x->route)) {
        simulate(x);
    } else if (x->route == SIM_ROUTE_MODELS) {
        sim_answer_models(x->port->region, o->models, o->n_models, fresh_text(x));
        answer_text(x, 200, STR("application/json"));
    } else if (x->route == SIM_ROUTE_HEALTH) {
        buf_put_str(fresh_text(x), STR("{\"status\":\"ok\",\"simulated\":true}"));
        answer_text(x, 200, STR("application/json"));
    } else if (x->route == SIM_ROUTE_UNKNOWN) {
        answer_error(x, 404);
    } else {
        administer(x);
    }
}

/* --- events */

static void on_body(void *ctx, struct stream *s, str slice)
{
    struct sim_exchange *x = ctx;

    if (x->body.n + slice.n > BODY_MAX) {
        answer_error(x, 413);
        return;
    }
    buf_put_str(&x->body, slice);
    stream_consume(s, slice.n);
}

static void on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    struct sim_exchange *x = ctx;

    (void)s;
    (void)trailers;
    if (!x->over && x->status == 0)
        on_complete(x);
}

static void on_writable(void *ctx, struct stream *s)
{
    struct sim_exchange *x = ctx;

    (void)s;
    if (!deadline_is_set(&x->timer) && x->status)
        stream_on(x);
}

static void on_reset(void *ctx, struct stream *s, enum stream_reset why, bool unprocessed)
{
    (void)s;
    (void)why;
    (void)unprocessed;
    finish(ctx);
}

static void never_opens(void *ctx, struct stream *s)
{
    (void)ctx;
    (void)s;
}

static void never_answers(void *ctx, struct stream *s, const struct http_head *head,
                          enum stream_end end)
{
    (void)ctx;
    (void)s;
    (void)head;
    (void)end;
}

static const struct stream_events events = {
    .on_open = never_opens,
    .on_head = never_answers,
    .on_body = on_body,
    .on_end = on_end,
    .on_writable = on_writable,
    .on_reset = on_reset,
};

void sim_on_request(void *port, struct stream *s, const struct http_head *head, enum stream_end end)
{
    struct sim_exchange *x = mem_zalloc(sizeof(*x));

    x->port = port;
    x->client = s;
    x->forget.run = forget;
    x->timer.on_expire = on_timer;
    x->usage = SIM_WITHOUT_USAGE;
    arena_init(&x->arena, NULL, 0);
    x->head = http_head_copy(&x->arena, head);
    x->route = sim_route_of(head);
    buf_init(&x->body, 0);
    buf_init(&x->out, 0);
    s->events = &events;
    s->ctx = x;
    if (end == STREAM_END)
        on_complete(x);
    else
        http_server_continue(s);
}

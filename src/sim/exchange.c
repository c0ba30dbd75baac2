/*
 * One request to the simulated model server: reads it whole, plays a fault if one is due, answers
 * at once or token by token.
 */

#include "base/json_out.h"
#include "base/json_scan.h"
#include "base/mem.h"
#include "http/multipart.h"
#include "sim/answers.h"
#include "sim/server.h"

#include <sys/socket.h>
#include <unistd.h>

enum {
    MEMBERS_MAX = 1024,
    DEPTH_MAX = 256,
    BODY_MAX = 256 << 20,
    TOKENS_MAX = 10000000,
    INTERVAL_MAX_MS = 3600000,
    WINDOW_BYTES = 64 << 10,
    SPARE_BODY_BYTES = 64 << 10,
};

enum route {
    ROUTE_CHAT,
    ROUTE_COMPLETION,
    ROUTE_EMBEDDING,
    ROUTE_RESPONSE,
    ROUTE_TRANSCRIPTION,
    ROUTE_SPEECH,
    ROUTE_MODELS,
    ROUTE_HEALTH,
    ROUTE_FAULTS_ADD,
    ROUTE_FAULTS_LIST,
    ROUTE_FAULTS_CLEAR,
    ROUTE_LOG,
    ROUTE_RESET,
    ROUTE_UNKNOWN,
};

struct exchange {
    struct sim_port *port;
    struct stream *client;
    struct arena arena;
    struct http_head *head;
    enum route route;
    struct buf body;
    struct sim_fault fault;
    struct sim_answer answer;
    size_t n_inputs;
    bool stream;
    enum sim_usage usage;
    int64_t interval_ms;
    int64_t delay_ms;
    uint64_t sent_tokens;
    bool ended; /* the stream's last events are in `out` */
    bool over;
    struct buf out; /* what the client has not taken */
    size_t out_at;
    uint64_t body_sent;
    unsigned status;
    struct deadline timer;
    struct loop_task forget;
};

/* --- where it goes */

static const struct {
    enum http_method method;
    str path;
    enum route route;
} routes[] = {
    {HTTP_METHOD_POST, STR_INIT("/chat/completions"), ROUTE_CHAT},
    {HTTP_METHOD_POST, STR_INIT("/completions"), ROUTE_COMPLETION},
    {HTTP_METHOD_POST, STR_INIT("/embeddings"), ROUTE_EMBEDDING},
    {HTTP_METHOD_POST, STR_INIT("/responses"), ROUTE_RESPONSE},
    {HTTP_METHOD_POST, STR_INIT("/audio/transcriptions"), ROUTE_TRANSCRIPTION},
    {HTTP_METHOD_POST, STR_INIT("/audio/translations"), ROUTE_TRANSCRIPTION},
    {HTTP_METHOD_POST, STR_INIT("/audio/speech"), ROUTE_SPEECH},
    {HTTP_METHOD_GET, STR_INIT("/models"), ROUTE_MODELS},
    {HTTP_METHOD_GET, STR_INIT("/health"), ROUTE_HEALTH},
    {HTTP_METHOD_POST, STR_INIT("/sim/faults"), ROUTE_FAULTS_ADD},
    {HTTP_METHOD_GET, STR_INIT("/sim/faults"), ROUTE_FAULTS_LIST},
    {HTTP_METHOD_DELETE, STR_INIT("/sim/faults"), ROUTE_FAULTS_CLEAR},
    {HTTP_METHOD_GET, STR_INIT("/sim/log"), ROUTE_LOG},
    {HTTP_METHOD_POST, STR_INIT("/sim/reset"), ROUTE_RESET},
};

/* Without "/v1", or Azure's "/openai/deployments/{name}" or "/openai". */
static str strip_prefix(str path)
{
    static const str azure = STR_INIT("/openai/deployments/");

    if (str_starts(path, STR("/v1/")))
        return str_from(path, 3);
    if (str_starts(path, azure)) {
        str rest = str_from(path, azure.n);

        return str_from(rest, str_find(rest, '/', 0));
    }
    return str_starts(path, STR("/openai/")) ? str_from(path, 7) : path;
}

static enum route route_of(const struct http_head *head)
{
    str path = strip_prefix(str_upto(head->target, str_find(head->target, '?', 0)));

    for (size_t i = 0; i < COUNT_OF(routes); i++)
        if (head->method == routes[i].method && str_eq(path, routes[i].path))
            return routes[i].route;
    return ROUTE_UNKNOWN;
}

static bool is_simulated_answer(enum route route)
{
    return route <= ROUTE_SPEECH;
}

/* --- the end */

static void forget(struct loop_task *task)
{
    struct exchange *x = container_of(task, struct exchange, forget);

    arena_deinit(&x->arena);
    mem_free(x);
}

static void journal(struct exchange *x)
{
    static const str names[] = {
#define X(id, name) STR_INIT(name),
        FAULT_KIND_TABLE(X)
#undef X
    };

    if (is_simulated_answer(x->route) || x->route == ROUTE_UNKNOWN)
        sim_journal_add(x->port->worker->sim->journal, &(struct sim_entry){
                                                           .region = x->port->region,
                                                           .port = x->port->port,
                                                           .head = x->head,
                                                           .body = buf_str(&x->body),
                                                           .status = x->status,
                                                           .fault = names[x->fault.kind],
                                                       });
}

static void finish(struct exchange *x)
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

static size_t common_headers(struct exchange *x, str type, struct http_header *headers)
{
    size_t n = 0;
    str ms_region =
        x->fault.kind == SIM_FAULT_REGION ? str_of(x->fault.ms_region) : x->port->ms_region;

    headers[n++] = (struct http_header){STR("Content-Type"), type, HTTP_HEADER_CONTENT_TYPE};
    headers[n++] = (struct http_header){STR("Server"), STR("ambit-sim"), HTTP_HEADER_OTHER};
    if (ms_region.n)
        headers[n++] = (struct http_header){STR("x-ms-region"), ms_region, HTTP_HEADER_X_MS_REGION};
    if (x->fault.kind == SIM_FAULT_STATUS && x->fault.retry_after_s)
        headers[n++] = (struct http_header){STR("Retry-After"),
                                            arena_u64(&x->arena, (uint64_t)x->fault.retry_after_s),
                                            HTTP_HEADER_RETRY_AFTER};
    return n;
}

static void send_head(struct exchange *x, str type, int64_t length)
{
    struct http_header headers[4];
    struct http_head head = {
        .status = x->status, .version = 11, .content_length = length, .headers = headers};

    head.n_headers = common_headers(x, type, headers);
    stream_send_head(x->client, &head, length == 0 ? STREAM_END : STREAM_MORE);
}

/* Puts what is left in `out` on its way; true when all of it is. */
static bool drain(struct exchange *x, enum stream_end end)
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

static void answer_text(struct exchange *x, unsigned status, str type)
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

static struct buf *fresh_text(struct exchange *x)
{
    buf_clear(&x->port->worker->text);
    return &x->port->worker->text;
}

static void answer_error(struct exchange *x, unsigned status)
{
    sim_answer_error(x->port->region, status, fresh_text(x));
    answer_text(x, status, STR("application/json"));
}

static void refuse(struct exchange *x, str why)
{
    struct buf *text = fresh_text(x);

    buf_put_str(text, STR("{\"error\":{\"message\":\""));
    json_escape(text, why);
    buf_put_str(text, STR("\",\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}"));
    answer_text(x, 400, STR("application/json"));
}

static void answer_whole(struct exchange *x)
{
    const struct sim_answer *a = &x->answer;
    struct buf *text = fresh_text(x);

    switch (x->route) {
    case ROUTE_COMPLETION:
        sim_answer_completion(a, text);
        break;
    case ROUTE_EMBEDDING:
        sim_answer_embedding(a, x->n_inputs, text);
        break;
    case ROUTE_RESPONSE:
        sim_answer_response(a, STR("completed"), text);
        break;
    case ROUTE_TRANSCRIPTION:
        sim_answer_transcription(a, text);
        break;
    case ROUTE_SPEECH:
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

static enum sim_stream stream_kind(const struct exchange *x)
{
    return x->route == ROUTE_CHAT         ? SIM_STREAM_CHAT
           : x->route == ROUTE_COMPLETION ? SIM_STREAM_COMPLETION
                                          : SIM_STREAM_RESPONSE;
}

/* Goes on until the client takes no more, the pace says wait, or it is over. */
static void stream_on(struct exchange *x)
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

static void begin_stream(struct exchange *x)
{
    x->status = 200;
    journal(x);
    send_head(x, STR("text/event-stream; charset=utf-8"), HTTP_LENGTH_NONE);
    sim_stream_begin(&x->answer, stream_kind(x), &x->out);
    stream_on(x);
}

/* --- faults that break the rules of HTTP: past the codec, straight to the descriptor */

static void put_on_the_wire(struct exchange *x, str bytes)
{
    ssize_t n = send(http_server_descriptor(x->client), bytes.p, bytes.n, MSG_NOSIGNAL);

    (void)n;
}

static void reset_on_close(struct exchange *x)
{
    const struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(http_server_descriptor(x->client), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* The first `after_bytes` of the answer's body, and then what the fault says. */
static void answer_broken(struct exchange *x)
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

/* --- the body's wishes */

static uint64_t number_of(const struct json_scan *scan, str text, const char *name, uint64_t absent,
                          uint64_t most)
{
    const struct json_member *m = json_scan_find(scan, text, str_of(name));
    uint64_t value;

    return m && json_value_u64(m, text, &value) && value <= most ? value : absent;
}

/* An object inside the body: stream_options, and `sim`, by which a request says how it wants to be
 * simulated. */
static struct json_scan *scan_inside(const struct json_scan *scan, str text, const char *name,
                                     str *ret_text)
{
    const struct json_member *m = json_scan_find(scan, text, str_of(name));

    if (!m || m->kind != JSON_OBJECT)
        return NULL;
    struct json_scan *inner = json_scan_new(MEMBERS_MAX, DEPTH_MAX);
    *ret_text = json_value_raw(m, text);
    if (json_scan_feed(inner, *ret_text, JSON_SCAN_LAST) == JSON_SCAN_DONE)
        return inner;
    json_scan_free(inner);
    return NULL;
}

static void read_options(struct exchange *x, const struct json_scan *scan, str text)
{
    const struct json_member *usage;
    str inner_text;
    struct json_scan *inner = scan_inside(scan, text, "stream_options", &inner_text);

    if (inner) {
        usage = json_scan_find(inner, inner_text, STR("include_usage"));
        x->usage = usage && usage->kind == JSON_TRUE ? SIM_WITH_USAGE : SIM_WITHOUT_USAGE;
        json_scan_free(inner);
    }
    inner = scan_inside(scan, text, "sim", &inner_text);
    if (inner) {
        x->answer.tokens = number_of(inner, inner_text, "tokens", x->answer.tokens, TOKENS_MAX);
        x->interval_ms = (int64_t)number_of(inner, inner_text, "interval_ms",
                                            (uint64_t)x->interval_ms, INTERVAL_MAX_MS);
        x->delay_ms = (int64_t)number_of(inner, inner_text, "delay_ms", (uint64_t)x->delay_ms,
                                         INTERVAL_MAX_MS);
        json_scan_free(inner);
    }
}

/* How many texts an embedding request has: counted by the commas between strings would be wrong, so
 * only an array's top level is looked at. */
static size_t count_inputs(const struct json_scan *scan, str text)
{
    const struct json_member *m = json_scan_find(scan, text, STR("input"));
    size_t n = 1, depth = 0;
    bool quoted = false;

    if (!m || m->kind != JSON_ARRAY)
        return 1;
    str array = json_value_raw(m, text);
    for (size_t i = 0; i < array.n; i++) {
        char c = array.p[i];

        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == ']') {
            depth += c == '[' ? 1 : (size_t)-1;
        } else if (c == ',' && depth == 1) {
            n++;
        }
    }
    return n;
}

static void read_json(struct exchange *x, const struct json_scan *scan, str text)
{
    const struct json_member *model = json_scan_find(scan, text, STR("model"));
    const struct json_member *stream = json_scan_find(scan, text, STR("stream"));
    uint64_t most;

    if (model && model->kind == JSON_STRING)
        x->answer.model = json_value_text(model, text, &x->arena);
    x->stream =
        stream && stream->kind == JSON_TRUE &&
        (x->route == ROUTE_CHAT || x->route == ROUTE_COMPLETION || x->route == ROUTE_RESPONSE);
    most = number_of(scan, text, "max_tokens", UINT64_MAX, TOKENS_MAX);
    most = number_of(scan, text, "max_completion_tokens", most, TOKENS_MAX);
    most = number_of(scan, text, "max_output_tokens", most, TOKENS_MAX);
    read_options(x, scan, text);
    if (most && most < x->answer.tokens)
        x->answer.tokens = most;
    x->n_inputs = x->route == ROUTE_EMBEDDING ? count_inputs(scan, text) : 1;
}

/* False: answered with what is wrong. */
static bool read_body(struct exchange *x)
{
    str text = buf_str(&x->body);

    if (x->route == ROUTE_TRANSCRIPTION)
        return true;
    struct json_scan *scan = json_scan_new(MEMBERS_MAX, DEPTH_MAX);
    bool fine = json_scan_feed(scan, text, JSON_SCAN_LAST) == JSON_SCAN_DONE;
    if (fine)
        read_json(x, scan, text);
    else
        refuse(x, json_scan_error_text(scan));
    json_scan_free(scan);
    return fine;
}

/* --- from request to answer */

static void answer(struct exchange *x)
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
    struct exchange *x = container_of(deadline, struct exchange, timer);

    if (x->status)
        stream_on(x);
    else
        answer(x);
}

static void simulate(struct exchange *x)
{
    struct sim_worker *w = x->port->worker;
    const struct sim_options *o = &w->sim->options;

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
    if (!read_body(x))
        return;
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

static void administer(struct exchange *x)
{
    struct sim *sim = x->port->worker->sim;
    struct buf *text = fresh_text(x);
    struct buf why;

    switch (x->route) {
    case ROUTE_FAULTS_ADD:
        buf_init(&why, 0);
        if (sim_faults_add(sim->faults, buf_str(&x->body), &why)) {
            sim_faults_render(sim->faults, text);
            answer_text(x, 200, STR("application/json"));
        } else {
            refuse(x, buf_str(&why));
        }
        buf_deinit(&why);
        return;
    case ROUTE_RESET:
        sim_journal_clear(sim->journal);
        sim_faults_clear(sim->faults);
        break;
    case ROUTE_FAULTS_CLEAR:
        sim_faults_clear(sim->faults);
        break;
    case ROUTE_LOG:
        sim_journal_render(sim->journal, text);
        answer_text(x, 200, STR("application/json"));
        return;
    default:
        break;
    }
    sim_faults_render(sim->faults, text);
    answer_text(x, 200, STR("application/json"));
}

static void on_complete(struct exchange *x)
{
    const struct sim_options *o = &x->port->worker->sim->options;

    if (is_simulated_answer(x->route)) {
        simulate(x);
    } else if (x->route == ROUTE_MODELS) {
        sim_answer_models(x->port->region, o->models, o->n_models, fresh_text(x));
        answer_text(x, 200, STR("application/json"));
    } else if (x->route == ROUTE_HEALTH) {
        buf_put_str(fresh_text(x), STR("{\"status\":\"ok\",\"simulated\":true}"));
        answer_text(x, 200, STR("application/json"));
    } else if (x->route == ROUTE_UNKNOWN) {
        answer_error(x, 404);
    } else {
        administer(x);
    }
}

/* --- events */

static void on_body(void *ctx, struct stream *s, str slice)
{
    struct exchange *x = ctx;

    if (x->body.n + slice.n > BODY_MAX) {
        answer_error(x, 413);
        return;
    }
    buf_put_str(&x->body, slice);
    stream_consume(s, slice.n);
}

static void on_end(void *ctx, struct stream *s, const struct http_head *trailers)
{
    struct exchange *x = ctx;

    (void)s;
    (void)trailers;
    if (!x->over && x->status == 0)
        on_complete(x);
}

static void on_writable(void *ctx, struct stream *s)
{
    struct exchange *x = ctx;

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
    struct exchange *x = mem_zalloc(sizeof(*x));

    x->port = port;
    x->client = s;
    x->forget.run = forget;
    x->timer.on_expire = on_timer;
    x->usage = SIM_WITHOUT_USAGE;
    arena_init(&x->arena, NULL, 0);
    x->head = http_head_copy(&x->arena, head);
    x->route = route_of(head);
    buf_init(&x->body, 0);
    buf_init(&x->out, 0);
    s->events = &events;
    s->ctx = x;
    if (end == STREAM_END)
        on_complete(x);
    else
        http_server_continue(s);
}

#include "edge/worker.h"

#include "base/log.h"
#include "base/mem.h"
#include "edge/edge.h"
#include "edge/edge_link.h"
#include "edge/exchange.h"
#include "edge/fault.h"
#include "edge/recheck.h"

enum { GAUGES_MS = 1000 };

const struct catalog *worker_catalog(struct worker *w)
{
    return publisher_acquire(w->reader);
}

struct endpoint_state *const *worker_states(const struct catalog *c)
{
    return ((const struct registry_attachment *)c->attachment)->states;
}

struct demand *const *worker_demands(const struct catalog *c)
{
    return ((const struct registry_attachment *)c->attachment)->demands;
}

struct route_candidate *worker_candidates(struct worker *w, size_t n)
{
    if (n > w->n_candidates_room) {
        mem_free(w->candidates);
        w->candidates = mem_array(n, sizeof(*w->candidates));
        w->n_candidates_room = n;
    }
    return w->candidates;
}

struct http_header *worker_headers(struct worker *w, size_t n)
{
    if (n > w->n_headers_room) {
        mem_free(w->headers);
        w->headers = mem_array(n, sizeof(*w->headers));
        w->n_headers_room = n;
    }
    return w->headers;
}

/* Many requests share a millisecond. */
str worker_time_text(struct worker *w)
{
    int64_t now_ms = loop_wall_ns(w->loop) / NS_PER_MS;

    if (now_ms != w->time_ms) {
        clock_format_rfc3339(now_ms * NS_PER_MS, w->time_text);
        w->time_ms = now_ms;
    }
    return str_make(w->time_text, sizeof(w->time_text));
}

void *worker_take_block(struct worker *w)
{
    return w->n_blocks ? w->blocks[--w->n_blocks] : mem_alloc(WORKER_BLOCK_BYTES);
}

void worker_give_block(struct worker *w, void *block)
{
    if (w->n_blocks < WORKER_SPARE_BLOCKS_MAX)
        w->blocks[w->n_blocks++] = block;
    else
        mem_free(block);
}

void worker_buf_init(struct worker *w, struct buf *b)
{
    *b = (struct buf){.p = worker_take_block(w), .capacity = WORKER_BLOCK_BYTES};
}

void worker_buf_deinit(struct worker *w, struct buf *b)
{
    if (b->capacity == WORKER_BLOCK_BYTES)
        worker_give_block(w, b->p);
    else
        mem_free(b->p);
    *b = (struct buf){0};
}

/* --- on the worker's thread
 * ----------------------------------------------------------------------------------------- */

static void on_bad_request(void *ctx, unsigned status, str detail, struct buf *ret_body)
{
    (void)ctx;
    fault_body_of_status(status, detail, ret_body);
}

void worker_make_request_id(struct worker *w, char *text)
{
    uint64_t bits[2] = {prng_next(&w->prng), prng_next(&w->prng)};

    memcpy(text, "req_", 4);
    hex_encode(bits, sizeof(bits), text + 4);
}

static str make_request_id(void *ctx)
{
    struct worker *w = ctx;

    buf_clear(&w->scratch);
    worker_make_request_id(w, buf_reserve(&w->scratch, WORKER_REQUEST_ID_BYTES));
    return str_make(w->scratch.p, WORKER_REQUEST_ID_BYTES);
}

static const struct http_server_handler handler = {.on_request = exchange_on_request,
                                                   .on_bad_request = on_bad_request,
                                                   .make_request_id = make_request_id};

/* --- limits of the policy */

static struct http_server_limits server_limits_of(const struct catalog_settings *s)
{
    return (struct http_server_limits){
        .head_bytes = s->head_bytes,
        .headers = s->headers,
        .head_ms = s->head_ms,
        .body_idle_ms = s->body_idle_ms,
        .keep_alive_ms = s->keep_alive_ms,
        .write_idle_ms = s->write_idle_ms,
    };
}

static struct upstream_limits upstream_limits_of(const struct catalog_settings *s)
{
    return (struct upstream_limits){
        .head_bytes = s->head_bytes,
        .headers = s->headers,
        .idle_per_origin = s->idle_upstreams,
        .idle_ms = s->upstream_idle_ms,
    };
}

static void take_limits(struct worker *w)
{
    const struct catalog_settings *s = &worker_catalog(w)->settings;
    struct http_server_limits limits = server_limits_of(s);
    struct upstream_limits up = upstream_limits_of(s);

    w->connections_max = s->connections;
    http_server_set_limits(w->server, &limits);
    connector_set_limits(w->connector, &up);
}

/* --- accepting */

static void on_accept(struct listener *l, int fd);

/* A worker serves every n-th of the process's listening sockets. */
static void start_accepting(struct worker *w)
{
    const struct edge_options *options = &w->edge->options;

    for (size_t i = w->index; i < options->n_listen_fds && w->n_listeners < WORKER_LISTENERS_MAX;
         i += w->edge->n_workers)
        if (listener_start(&w->listeners[w->n_listeners], w->loop, options->listen_fds[i],
                           on_accept, w) == 0)
            w->n_listeners++;
}

static void stop_accepting(struct worker *w)
{
    for (size_t i = 0; i < w->n_listeners; i++)
        listener_stop(&w->listeners[i]);
    w->n_listeners = 0;
}

/* At its most connections a worker leaves the next ones to others, or in the backlog. */
static void on_accept(struct listener *l, int fd)
{
    struct worker *w = l->ctx;

    http_server_accept(w->server, fd, w->tls);
    if (http_server_connections(w->server) < w->connections_max)
        return;
    log_event(LOG_WARN, "connections_at_limit", LOG_NUM("worker", w->index),
              LOG_NUM("connections", w->connections_max));
    stop_accepting(w);
    w->full = true;
}

static void accept_again(struct worker *w)
{
    if (!w->full || w->draining || http_server_connections(w->server) >= w->connections_max)
        return;
    w->full = false;
    start_accepting(w);
}

static void on_gauges(struct deadline *deadline)
{
    struct worker *w = container_of(deadline, struct worker, gauges);
    struct upstream_counts up;

    deadline_set(w->loop, &w->gauges, GAUGES_MS);
    connector_counts(w->connector, &up);
    metrics_observe_ns(w->metrics, METRIC_LONGEST_TURN, WORD_NONE, loop_take_longest_ns(w->loop));
    metrics_set(w->metrics, METRIC_IN_FLIGHT, WORD_NONE, w->n_in_flight);
    metrics_set(w->metrics, METRIC_CLIENT_CONNECTIONS, WORD_NONE,
                http_server_connections(w->server));
    metrics_set(w->metrics, METRIC_UPSTREAM_CONNECTIONS, WORD_IDLE, up.idle);
    metrics_set(w->metrics, METRIC_UPSTREAM_CONNECTIONS, WORD_BUSY, up.busy);
    metrics_set(w->metrics, METRIC_UPSTREAM_CONNECTIONS, WORD_CONNECTING, up.connecting);
    metrics_set(w->metrics, METRIC_UPSTREAM_DIALS, WORD_DIALLED, up.dialled);
    metrics_set(w->metrics, METRIC_UPSTREAM_DIALS, WORD_REUSED, up.reused);
    metrics_set(w->metrics, METRIC_UPSTREAM_DIALS, WORD_FAILED, up.connect_failures);
    metrics_set(w->metrics, METRIC_UPSTREAM_DIALS, WORD_STALE, up.stale);
}

static void check_drained(struct worker *w)
{
    if (!w->draining || w->drained || http_server_connections(w->server))
        return;
    w->drained = true;
    loop_signal_send(w->edge->loop, &w->drain_done.signal);
}

/* The epoch is read first: a change that is made meanwhile is one that it does not stand for, or
 * that the count tells of. */
void worker_pass(struct worker *w)
{
    uint64_t epoch = publisher_epoch(w->reader);
    uint64_t count = atomic_load(&w->edge->policy_count);

    if (count % 2 == 0 && count == w->judged_count)
        publisher_pass(w->reader, epoch);
}

static void on_turn(void *ctx)
{
    struct worker *w = ctx;

    worker_pass(w);
    if (w->woken) {
        w->woken = false;
        loop_signal_send(w->edge->loop, &w->passed.signal);
    }
    accept_again(w);
    check_drained(w);
}

static struct worker *worker_of(struct loop_signal *signal)
{
    return container_of(signal, struct worker_signal, signal)->worker;
}

static void on_wake(struct loop_signal *signal)
{
    struct worker *w = worker_of(signal);

    take_limits(w);
    w->woken = true;
    w->judged_count = atomic_load(&w->edge->policy_count);
    /* Customers change after the catalog of their revision: either may forbid what runs. */
    recheck_calls(w);
    if (worker_catalog(w)->revision != w->seen_revision) {
        w->seen_revision = worker_catalog(w)->revision;
        hold_release(w);
    }
}

static void on_open(struct loop_signal *signal)
{
    start_accepting(worker_of(signal));
}

static void on_drain(struct loop_signal *signal)
{
    struct worker *w = worker_of(signal);

    stop_accepting(w);
    w->draining = true;
    http_server_drain(w->server, atomic_load(&w->edge->drain_idle_ms));
}

static void on_stop(struct loop_signal *signal)
{
    loop_stop(worker_of(signal)->loop);
}

void *worker_run(void *worker)
{
    struct worker *w = worker;

    loop_run(w->loop);
    return NULL;
}

/* --- life
 * -----------------------------------------------------------------------------------------------------------
 */

static void signal_init(struct worker_signal *s, struct worker *w, loop_signal_fn on_signal)
{
    loop_signal_init(&s->signal, on_signal);
    s->worker = w;
}

static void on_passed(struct loop_signal *signal)
{
    edge_link_worker_passed(worker_of(signal)->edge->link);
}

static void on_drain_done(struct loop_signal *signal)
{
    struct edge *edge = worker_of(signal)->edge;

    if (++edge->n_drained == edge->n_workers)
        loop_stop(edge->loop);
}

static void signals_init(struct worker *w)
{
    signal_init(&w->wake, w, on_wake);
    signal_init(&w->passed, w, on_passed);
    signal_init(&w->open, w, on_open);
    signal_init(&w->drain, w, on_drain);
    signal_init(&w->drain_done, w, on_drain_done);
    signal_init(&w->stop, w, on_stop);
}

bool worker_init(struct worker *w, struct edge *edge, unsigned index, const struct catalog *c)
{
    struct upstream_limits up = upstream_limits_of(&c->settings);
    struct http_server_limits limits = server_limits_of(&c->settings);
    uint64_t seed;

    *w = (struct worker){.edge = edge, .index = index, .connections_max = c->settings.connections};
    w->loop = loop_new();
    w->resolver = w->loop ? resolver_new(w->loop) : NULL;
    if (!w->resolver) {
        log_event(LOG_ERROR, "worker_not_started", LOG_NUM("worker", index));
        return false;
    }
    random_bytes(&seed, sizeof(seed));
    prng_seed(&w->prng, seed);
    list_init(&w->exchanges);
    list_init(&w->waiting);
    list_init(&w->spare);
    buf_init(&w->scratch, 0);
    signals_init(w);
    w->reader = publisher_reader(edge->publisher, index);
    w->metrics = metrics_shard_new();
    w->log = access_log_open_lane(edge->log, w->loop);
    w->connector = connector_new(w->loop, w->resolver, &up);
    w->server = http_server_new(w->loop, &limits, &handler, w);
    w->gauges.on_expire = on_gauges;
    deadline_set(w->loop, &w->gauges, GAUGES_MS);
    loop_set_turn_hook(w->loop, on_turn, w);
    return true;
}

/* Nothing runs any more: the loop is turned by hand for the goodbyes to leave. */
static void end_sockets(struct worker *w)
{
    list_for_each_safe (node, &w->exchanges) {
        struct exchange *x = list_entry(node, struct exchange, link);

        if (x->state == EXCHANGE_TUNNEL)
            socket_end(x, WEBSOCKET_RESTART, STR("this gateway ends"));
    }
    loop_turn(w->loop, 0);
}

void worker_deinit(struct worker *w)
{
    if (!w->loop)
        return;
    end_sockets(w);
    while (!list_empty(&w->exchanges))
        exchange_finish(list_first(&w->exchanges, struct exchange, link), WORD_CANCELLED);
    http_server_free(w->server);
    connector_free(w->connector);
    access_log_close_lane(w->log);
    resolver_free(w->resolver);
    deadline_cancel(&w->gauges);
    loop_set_turn_hook(w->loop, NULL, NULL);
    loop_turn(w->loop, 0);
    list_for_each_safe (node, &w->spare)
        mem_free(list_entry(node, struct exchange, link));
    loop_free(w->loop);
    tls_server_unref(w->tls);
    metrics_shard_free(w->metrics);
    buf_deinit(&w->scratch);
    mem_free(w->candidates);
    mem_free(w->headers);
    while (w->n_blocks)
        mem_free(w->blocks[--w->n_blocks]);
}

/* --- from the main thread
 * ------------------------------------------------------------------------------------------- */

void worker_wake(struct worker *w)
{
    loop_signal_send(w->loop, &w->wake.signal);
}

void worker_open(struct worker *w)
{
    loop_signal_send(w->loop, &w->open.signal);
}

void worker_drain(struct worker *w)
{
    loop_signal_send(w->loop, &w->drain.signal);
}

void worker_stop(struct worker *w)
{
    loop_signal_send(w->loop, &w->stop.signal);
}

struct worker_order {
    struct loop_message message;
    struct worker *worker;
    uint64_t origin_id;
    struct tls_server *tls;
};

static void on_retire(struct loop_message *message)
{
    struct worker_order *order = container_of(message, struct worker_order, message);

    connector_retire(order->worker->connector, order->origin_id);
    mem_free(order);
}

static void on_set_tls(struct loop_message *message)
{
    struct worker_order *order = container_of(message, struct worker_order, message);

    tls_server_unref(order->worker->tls);
    order->worker->tls = order->tls;
    mem_free(order);
}

static struct worker_order *order_new(struct worker *w, loop_message_fn on_delivery)
{
    struct worker_order *order = mem_zalloc(sizeof(*order));

    order->message.on_delivery = on_delivery;
    order->worker = w;
    return order;
}

void worker_retire(struct worker *w, uint64_t origin_id)
{
    struct worker_order *order = order_new(w, on_retire);

    order->origin_id = origin_id;
    loop_post(w->loop, &order->message);
}

void worker_set_tls(struct worker *w, struct tls_server *tls)
{
    struct worker_order *order = order_new(w, on_set_tls);

    order->tls = tls ? tls_server_ref(tls) : NULL;
    loop_post(w->loop, &order->message);
}

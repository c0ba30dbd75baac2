#include "edge/socket.h"

#include "edge/edge.h"
#include "edge/exchange.h"
#include "edge/recheck.h"

enum {
    ENDING_MS = 5000, /* for frames under way and for what the other side still says */
    KEY_WATCH_MS = 3600 * 1000
};

static struct stream *receiver(const struct exchange *x, const struct socket_half *half)
{
    return half == &x->call->socket->up ? x->attempt->stream : x->client;
}

static struct stream *sender(const struct exchange *x, const struct socket_half *half)
{
    return half == &x->call->socket->up ? x->client : x->attempt->stream;
}

/* --- sending */

static void put(struct exchange *x, struct socket_half *half, str bytes)
{
    struct stream *to = receiver(x, half);
    struct iovec iov = {(char *)bytes.p, bytes.n};
    size_t taken = 0;

    if (bytes.n == 0 || !to)
        return;
    if (half == &x->call->socket->down)
        x->bytes_out += bytes.n;
    if (half->rest.n == 0)
        taken = stream_write(to, &iov, 1, STREAM_MORE);
    /* Copied because the receiver is slower; bounded by the sender's window. */
    buf_put_str(&half->rest, str_from(bytes, taken));
}

static bool flush(struct exchange *x, struct socket_half *half)
{
    while (half->rest_at < half->rest.n) {
        struct stream *to = receiver(x, half);
        struct iovec iov = {half->rest.p + half->rest_at, half->rest.n - half->rest_at};
        size_t taken = to ? stream_write(to, &iov, 1, STREAM_MORE) : 0;

        if (taken == 0)
            return false;
        half->rest_at += taken;
    }
    buf_deinit(&half->rest);
    half->rest_at = 0;
    return true;
}

static void return_credit(struct exchange *x, struct socket_half *half)
{
    struct stream *from = sender(x, half);
    size_t n = half->unconsumed;

    half->unconsumed = 0;
    if (n && from)
        stream_consume(from, n);
}

/* --- the end */

static void finish(struct exchange *x, enum metric_word outcome)
{
    attempt_end(x->attempt, x->call->socket->outcome);
    exchange_finish(x, outcome);
}

static void end_half(struct exchange *x, struct socket_half *half)
{
    struct stream *to = receiver(x, half);

    half->ended = true;
    if (to)
        stream_write(to, NULL, 0, STREAM_END);
}

/* Whoever has said goodbye hears no second one, and nothing can be said within a frame. */
static void say_goodbye(struct exchange *x, struct socket_half *half)
{
    const struct socket *s = x->call->socket;
    char frame[WEBSOCKET_CLOSE_BYTES];
    enum websocket_side as = half == &s->up ? WEBSOCKET_CLIENT : WEBSOCKET_SERVER;
    size_t n = 0;

    if (half->scan.close_code == 0 && websocket_at_boundary(&half->scan))
        n = websocket_write_close(as, s->code, s->reason, frame);
    half->parting = true;
    put(x, half, str_make(frame, n));
}

static void settle_half(struct exchange *x, struct socket_half *half)
{
    const struct socket *s = x->call->socket;
    bool both_said = s->up.scan.close_code && s->down.scan.close_code;

    if (half->ended || !flush(x, half))
        return;
    return_credit(x, half);
    if (s->closing && !half->parting && (half->input_ended || websocket_at_boundary(&half->scan)))
        say_goodbye(x, half);
    if ((half->parting || half->input_ended || both_said) && flush(x, half))
        end_half(x, half);
}

static void settle(struct exchange *x)
{
    struct socket *s = x->call->socket;

    settle_half(x, &s->up);
    settle_half(x, &s->down);
    if (s->up.ended && s->down.ended)
        finish(x, s->outcome == ROUTE_OUTCOME_SERVED ? WORD_OK : WORD_BROKEN);
    else if ((s->up.ended || s->down.ended) && !s->closing)
        deadline_set(x->worker->loop, &s->idle, ENDING_MS);
}

void socket_end(struct exchange *x, enum websocket_close code, str reason)
{
    struct socket *s = x->call->socket;

    if (s->closing)
        return;
    s->closing = true;
    s->code = code;
    s->reason = reason;
    websocket_stop(&s->up.scan);
    websocket_stop(&s->down.scan);
    deadline_set(x->worker->loop, &s->idle, ENDING_MS);
    settle(x);
}

/* What the client has not got yet of the replica's bytes still goes to it. */
static void drop_replica(struct exchange *x, enum route_outcome outcome, enum websocket_close code,
                         str reason)
{
    struct socket *s = x->call->socket;

    s->outcome = outcome;
    attempt_end(x->attempt, outcome);
    s->up.ended = s->down.input_ended = true;
    s->closing = false; /* this is the better reason */
    socket_end(x, code, reason);
}

void socket_lost_replica(struct exchange *x)
{
    drop_replica(x, ROUTE_OUTCOME_BROKEN, WEBSOCKET_INTERNAL_ERROR,
                 STR("the connection to the model broke"));
}

void socket_forbid(struct exchange *x)
{
    drop_replica(x, ROUTE_OUTCOME_POLICY_CHANGED, WEBSOCKET_POLICY,
                 STR("the rules do not permit this any more"));
}

/* --- bytes */

static void touch(struct exchange *x)
{
    struct socket *s = x->call->socket;

    if (!s->closing && s->idle_ms && !s->up.ended && !s->down.ended)
        deadline_set(x->worker->loop, &s->idle, s->idle_ms);
}

static void pass(struct exchange *x, struct socket_half *half, str bytes)
{
    struct websocket_passed passed;

    half->unconsumed += bytes.n;
    if (half->ended) {
        return_credit(x, half);
        return;
    }
    touch(x);
    enum websocket_fault fault = websocket_scan(&half->scan, bytes, &passed);
    put(x, half, passed.held);
    put(x, half, passed.slice);
    if (fault)
        socket_end(x, websocket_fault_close(fault), websocket_fault_text(fault));
    if (x->state != EXCHANGE_OVER)
        settle(x);
}

void socket_from_client(struct exchange *x, str bytes)
{
    pass(x, &x->call->socket->up, bytes);
}

void socket_from_replica(struct exchange *x, str bytes)
{
    pass(x, &x->call->socket->down, bytes);
}

void socket_client_ended(struct exchange *x)
{
    x->call->socket->up.input_ended = true;
    settle(x);
}

void socket_replica_ended(struct exchange *x)
{
    x->call->socket->down.input_ended = true;
    settle(x);
}

void socket_is_writable(struct exchange *x)
{
    settle(x);
}

/* --- life */

static void on_idle(struct deadline *deadline)
{
    struct socket *s = container_of(deadline, struct socket, idle);
    struct exchange *x = s->exchange;

    if (s->closing || s->up.ended || s->down.ended)
        finish(x, s->outcome == ROUTE_OUTCOME_SERVED ? WORD_OK : WORD_BROKEN);
    else
        socket_end(x, WEBSOCKET_GOING_AWAY, STR("idle for too long (timers.websocket_idle)"));
}

void socket_watch_key(struct exchange *x)
{
    const struct catalog_key *key = catalog_find_key(worker_catalog(x->worker), x->key_hash);
    struct loop *loop = x->worker->loop;

    if (!key || key->expires_wall_ns == 0 || x->call->socket->closing)
        return;
    int64_t left_ms = (key->expires_wall_ns - loop_wall_ns(loop)) / NS_PER_MS + 1;
    if (left_ms < 1)
        left_ms = 1;
    /* Wall clocks are set. */
    deadline_set(loop, &x->call->socket->key_end, left_ms < KEY_WATCH_MS ? left_ms : KEY_WATCH_MS);
}

static void on_key_end(struct deadline *deadline)
{
    recheck_call(container_of(deadline, struct socket, key_end)->exchange);
}

void socket_begin(struct exchange *x, const struct http_head *answer)
{
    const struct catalog_settings *settings = &worker_catalog(x->worker)->settings;
    struct socket *s = arena_zalloc(&x->arena, sizeof(*s));
    unsigned reserved = websocket_reserved_bits(answer);

    s->exchange = x;
    s->idle_ms = settings->socket_idle_ms;
    s->idle.on_expire = on_idle;
    s->key_end.on_expire = on_key_end;
    s->outcome = ROUTE_OUTCOME_SERVED;
    buf_init(&s->up.rest, 0);
    buf_init(&s->down.rest, 0);
    websocket_scan_init(&s->up.scan, WEBSOCKET_CLIENT, reserved, settings->message_bytes);
    websocket_scan_init(&s->down.scan, WEBSOCKET_SERVER, reserved, settings->message_bytes);
    x->call->socket = s;
    deadline_cancel(&x->deadline);
    deadline_cancel(&x->attempt->timer);
    exchange_move(x, EXCHANGE_TUNNEL);
    relay_send_head(x, answer, HTTP_LENGTH_NONE, STREAM_MORE);
    touch(x);
    socket_watch_key(x);
}

void socket_deinit(struct socket *s)
{
    deadline_cancel(&s->idle);
    deadline_cancel(&s->key_end);
    buf_deinit(&s->up.rest);
    buf_deinit(&s->down.rest);
}

#include "edge/upload.h"

#include "edge/body.h"

bool upload_can_repeat(const struct exchange *x)
{
    return x->call->upload.base == 0;
}

static void return_credit(struct exchange *x)
{
    size_t n = x->call->upload.uncredited;

    x->call->upload.uncredited = 0;
    if (n)
        stream_consume(x->client, n);
}

/* Where the body memory ends, counted from the body's first byte. */
static uint64_t held_up_to(const struct exchange *x)
{
    return x->call->upload.base + x->body_n;
}

/* Nothing more is repeated once an answer has been committed, or too much has come to keep it. */
static bool keeps_all(const struct exchange *x)
{
    return x->call->upload.base == 0 && x->state != EXCHANGE_RELAYING &&
           held_up_to(x) <= worker_catalog(x->worker)->settings.replay_bytes;
}

/* Everything that is held has been sent. */
static void let_go(struct exchange *x)
{
    uint64_t up_to = held_up_to(x);

    exchange_free_body(x);
    x->call->upload.base = up_to;
    return_credit(x);
}

static void note_progress(struct exchange *x, struct attempt *a, size_t taken)
{
    a->body_sent += taken;
    if (taken && !a->ended)
        deadline_set(x->worker->loop, &a->timer, a->status ? a->idle_ms : a->first_byte_ms);
}

static bool takes_body(const struct exchange *x, const struct attempt *a)
{
    return a && a->stream && a->head_sent && !a->sent && !a->ended && x->parked != a &&
           a->body_sent >= x->call->upload.base;
}

void upload_pump(struct exchange *x, struct attempt *a)
{
    const struct upload *u = &x->call->upload;

    if (!takes_body(x, a))
        return;
    size_t at = (size_t)(a->body_sent - u->base), rest = x->body_n - at;
    struct iovec iov = {x->body + at, rest};
    if (rest || u->ended) {
        size_t taken =
            stream_write(a->stream, &iov, rest ? 1 : 0, u->ended ? STREAM_END : STREAM_MORE);

        note_progress(x, a, taken);
        if (taken < rest)
            return;
        a->sent = u->ended;
    }
    if (x->body_n && !keeps_all(x))
        let_go(x);
}

/* Straight from the client's slice, where nothing waits in front of it and nothing is kept. Returns
 * how much of it is done with. */
static size_t pass(struct exchange *x, struct attempt *a, str slice)
{
    struct iovec iov = {(char *)slice.p, slice.n};

    if (x->body_n || keeps_all(x) || !takes_body(x, a))
        return 0;
    size_t taken = stream_write(a->stream, &iov, 1, STREAM_MORE);
    note_progress(x, a, taken);
    x->call->upload.base += taken;
    return taken;
}

static bool is_wanted(const struct exchange *x)
{
    const struct attempt *a = x->attempt;

    if (x->state == EXCHANGE_TRYING || x->state == EXCHANGE_WAITING)
        return true;
    return x->state == EXCHANGE_RELAYING && a->stream && !a->ended &&
           a->body_sent >= x->call->upload.base;
}

/* It can't go on. An answer that has begun is cut, so that nobody takes it for the whole; else
 * true: there is one to be given. */
static bool give_up(struct exchange *x)
{
    exchange_drop_attempt(x->attempt, ROUTE_OUTCOME_CANCELLED);
    if (x->state != EXCHANGE_RELAYING)
        return true;
    exchange_finish(x, WORD_BROKEN);
    return false;
}

static bool is_over_limit(struct exchange *x, const struct catalog *c)
{
    uint64_t received = x->call->upload.received;

    if (received <= c->settings.predict_bytes)
        return false;
    if (give_up(x))
        body_too_large(x, c, received);
    return true;
}

static bool make_room(struct exchange *x, const struct catalog *c, size_t n)
{
    if (body_reserve(x, c, n))
        return true;
    if (give_up(x))
        body_refuse_room(x);
    return false;
}

void upload_take(struct exchange *x, str slice)
{
    const struct catalog *c = worker_catalog(x->worker);
    struct upload *u = &x->call->upload;

    if (!is_wanted(x)) {
        stream_consume(x->client, slice.n);
        return;
    }
    u->received += slice.n;
    if (is_over_limit(x, c))
        return;
    size_t passed = pass(x, x->attempt, slice);
    slice = str_from(slice, passed);
    if (passed)
        stream_consume(x->client, passed);
    if (slice.n == 0 || !make_room(x, c, slice.n))
        return;
    /* Copied: for another attempt, or because the upstream is slower than the client. */
    memcpy(x->body + x->body_n, slice.p, slice.n);
    x->body_n += slice.n;
    u->uncredited += slice.n;
    if (x->state == EXCHANGE_WAITING && !hold_grow(x, slice.n))
        return;
    upload_pump(x, x->attempt);
    if (keeps_all(x))
        return_credit(x);
}

void upload_end(struct exchange *x)
{
    x->call->upload.ended = true;
    x->body_complete = true;
    if (is_wanted(x))
        upload_pump(x, x->attempt);
}

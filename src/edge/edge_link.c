#include "edge/edge_link.h"

#include "base/log.h"
#include "edge/edge.h"

#include <errno.h>
#include <unistd.h>

enum {
    RECONNECT_MS = 100,
    SILENCE_MS = 5000, /* control beats every second */
    READ_BYTES = 256 * 1024,
    REFUSALS_MAX = 1024,
    REFUSALS_MS = 10000,
};

struct refusal {
    struct link_refusals counted; /* its strings are owned */
};

struct edge_link {
    struct edge *edge;
    struct apply *apply;
    struct transport transport;
    struct buf in, out;
    bool connected;
    bool heard; /* on this connection */
    bool was_connected;
    struct deadline retry, silence, report;
    struct loop_task close_later;
    uint32_t next_id;
    struct refusal refusals[REFUSALS_MAX];
    size_t n_refusals;
};

/* --- sending
 * -------------------------------------------------------------------------------------------------------
 */

static void drop(struct edge_link *l)
{
    loop_defer(l->edge->loop, &l->close_later);
}

static void flush(struct edge_link *l)
{
    while (l->connected && l->out.n) {
        struct iovec iov = {l->out.p, l->out.n};
        ssize_t sent = transport_writev(&l->transport, &iov, 1);

        if (sent == -EAGAIN)
            return;
        if (sent < 0) {
            drop(l);
            return;
        }
        buf_drop(&l->out, (size_t)sent);
    }
}

static void send_hello(struct edge_link *l)
{
    const struct catalog *c = publisher_newest(l->edge->publisher);
    struct link_hello hello = {
        .version = LINK_VERSION,
        .name = str_of(l->edge->options.name),
        .pid = (uint32_t)getpid(),
        .workers = (uint16_t)l->edge->options.workers,
        .installation = c ? c->installation : STR_NULL,
        .revision = c ? l->edge->revision : 0,
        .config_hash = c ? c->config_hash : STR_NULL,
    };
    size_t at = link_frame_begin(&l->out, LINK_HELLO);

    link_put_hello(&l->out, &hello);
    link_frame_end(&l->out, at);
    flush(l);
}

static void on_in_force(void *ctx, uint64_t revision)
{
    struct edge_link *l = ctx;

    if (!edge_in_force(l->edge, revision) || !l->connected)
        return;
    size_t at = link_frame_begin(&l->out, LINK_CONFIRM);
    wire_put_u64(&l->out, revision);
    link_frame_end(&l->out, at);
    flush(l);
}

bool edge_link_send_relay(struct edge_link *l, struct link_relay *relay)
{
    if (!l->connected)
        return false;
    relay->id = ++l->next_id;
    size_t at = link_frame_begin(&l->out, LINK_RELAY);
    link_put_relay(&l->out, relay);
    link_frame_end(&l->out, at);
    flush(l);
    return true;
}

void edge_link_send_observed(struct edge_link *l, const struct link_observed *observed)
{
    if (!l->connected)
        return;
    size_t at = link_frame_begin(&l->out, LINK_OBSERVED);
    link_put_observed(&l->out, observed);
    link_frame_end(&l->out, at);
    flush(l);
}

bool edge_link_send_wake(struct edge_link *l, str deployment)
{
    if (!l->connected)
        return false;
    size_t at = link_frame_begin(&l->out, LINK_WAKE);
    link_put_wake(&l->out, deployment);
    link_frame_end(&l->out, at);
    flush(l);
    return true;
}

bool edge_link_send_demand(struct edge_link *l, const struct link_demand *demand)
{
    if (!l->connected)
        return false;
    size_t at = link_frame_begin(&l->out, LINK_DEMAND);
    link_put_demand(&l->out, demand);
    link_frame_end(&l->out, at);
    flush(l);
    return true;
}

/* --- refusals, counted here and sent now and then
 * ------------------------------------------------------------------- */

static bool same_refusal(const struct link_refusals *a, const struct link_refusals *b)
{
    return a->source == b->source && str_eq(a->code, b->code) && str_eq(a->subject, b->subject) &&
           str_eq(a->group, b->group);
}

static str own(str s)
{
    return str_make(str_dup(s), s.n);
}

void edge_link_count_refusal(struct edge_link *l, const struct link_refusals *refusal)
{
    for (size_t i = 0; i < l->n_refusals; i++)
        if (same_refusal(&l->refusals[i].counted, refusal)) {
            l->refusals[i].counted.count += refusal->count;
            return;
        }
    if (l->n_refusals == REFUSALS_MAX)
        return;
    struct link_refusals *fresh = &l->refusals[l->n_refusals++].counted;
    *fresh = *refusal;
    fresh->code = own(refusal->code);
    fresh->subject = own(refusal->subject);
    fresh->group = own(refusal->group);
}

static void forget_refusals(struct edge_link *l)
{
    while (l->n_refusals) {
        struct link_refusals *r = &l->refusals[--l->n_refusals].counted;

        mem_free((char *)r->code.p);
        mem_free((char *)r->subject.p);
        mem_free((char *)r->group.p);
    }
}

static void on_report(struct deadline *deadline)
{
    struct edge_link *l = container_of(deadline, struct edge_link, report);

    deadline_set(l->edge->loop, &l->report, REFUSALS_MS);
    if (!l->connected || l->n_refusals == 0)
        return;
    size_t at = link_frame_begin(&l->out, LINK_REFUSALS);
    wire_put_u32(&l->out, (uint32_t)l->n_refusals);
    for (size_t i = 0; i < l->n_refusals; i++)
        link_put_refusals(&l->out, &l->refusals[i].counted);
    link_frame_end(&l->out, at);
    forget_refusals(l);
    flush(l);
}

/* --- receiving
 * -----------------------------------------------------------------------------------------------------
 */

static bool take_relay_answer(struct edge_link *l, struct wire_reader *r)
{
    uint32_t id = wire_take_u32(r);
    uint16_t status = wire_take_u16(r);
    str content_type = wire_take_str(r), body = wire_take_str(r);

    if (r->failed)
        return false;
    edge_relay_answered(l->edge, id, status, content_type, body);
    return true;
}

static bool take_query(struct edge_link *l, struct wire_reader *r)
{
    uint32_t id = wire_take_u32(r);
    str what = wire_take_str(r);
    struct buf text;

    if (r->failed)
        return false;
    buf_init(&text, 0);
    edge_answer_query(l->edge, what, &text);
    size_t at = link_frame_begin(&l->out, LINK_REPLY);
    wire_put_u32(&l->out, id);
    wire_put_str(&l->out, buf_str(&text));
    link_frame_end(&l->out, at);
    buf_deinit(&text);
    flush(l);
    return true;
}

static void heard(struct edge_link *l)
{
    l->heard = true;
    atomic_store(&l->edge->heard_wall_ns, clock_wall_ns());
    deadline_set(l->edge->loop, &l->silence, SILENCE_MS);
}

static bool take_frame(struct edge_link *l, enum link_frame type, str payload)
{
    struct wire_reader r = {.rest = payload};
    uint64_t revision;

    heard(l);
    switch (type) {
    case LINK_CATALOG:
        return apply_catalog(l->apply, payload);
    case LINK_CUSTOMERS_RESET:
        return apply_customers_reset(l->apply);
    case LINK_CUSTOMERS:
        return apply_customers(l->apply, payload);
    case LINK_CUSTOMERS_GONE:
        return apply_customers_gone(l->apply, payload);
    case LINK_IN_FORCE:
        revision = wire_take_u64(&r);
        if (!r.failed)
            apply_commit(l->apply, revision);
        return !r.failed;
    case LINK_HEARTBEAT:
        if (apply_is_idle(l->apply))
            edge_is_current(l->edge);
        return true;
    case LINK_QUERY:
        return take_query(l, &r);
    case LINK_RELAY_ANSWER:
        return take_relay_answer(l, &r);
    default:
        return false;
    }
}

static void take_frames(struct edge_link *l)
{
    size_t at = 0;

    while (l->connected) {
        enum link_frame type;
        str payload;
        ssize_t n = link_frame_take(str_from(buf_str(&l->in), at), &type, &payload);

        if (n == 0)
            break;
        if (n < 0 || !take_frame(l, type, payload)) {
            log_event(LOG_ERROR, "link_malformed", LOG_NUM("frame", n < 0 ? 0 : (int64_t)type));
            drop(l);
            break;
        }
        at += (size_t)n;
    }
    buf_drop(&l->in, at);
    if (l->in.n == 0 && l->in.capacity > READ_BYTES)
        buf_deinit(&l->in);
}

static void receive(struct edge_link *l)
{
    for (;;) {
        char *to = buf_reserve(&l->in, READ_BYTES);
        ssize_t n = transport_read(&l->transport, to, READ_BYTES);

        if (n == -EAGAIN)
            break;
        if (n <= 0) {
            drop(l);
            break;
        }
        l->in.n += (size_t)n;
    }
    take_frames(l);
}

/* --- connection
 * ----------------------------------------------------------------------------------------------------
 */

static void on_transport(struct transport *t, unsigned events)
{
    struct edge_link *l = container_of(t, struct edge_link, transport);

    if (events & TRANSPORT_FAILED) {
        drop(l);
        return;
    }
    if (events & TRANSPORT_CONNECTED) {
        l->connected = true;
        send_hello(l);
    }
    if (events & TRANSPORT_READABLE)
        receive(l);
    if (events & TRANSPORT_WRITABLE)
        flush(l);
}

static void on_close_later(struct loop_task *task)
{
    struct edge_link *l = container_of(task, struct edge_link, close_later);

    if (l->connected) {
        log_event(LOG_WARN, "link_lost", LOG_NUM("revision", l->edge->revision));
        l->connected = false;
    }
    l->heard = false;
    transport_close(&l->transport, TRANSPORT_CLOSE);
    buf_deinit(&l->in);
    buf_deinit(&l->out);
    apply_abandon(l->apply);
    edge_relays_lost(l->edge);
    deadline_cancel(&l->silence);
    deadline_set(l->edge->loop, &l->retry, RECONNECT_MS);
}

static void on_silence(struct deadline *deadline)
{
    drop(container_of(deadline, struct edge_link, silence));
}

static void on_retry(struct deadline *deadline)
{
    edge_link_start(container_of(deadline, struct edge_link, retry));
}

void edge_link_start(struct edge_link *l)
{
    struct net_address address;
    int r = net_address_from_path(str_of(l->edge->options.link_path), &address);

    if (r == 0)
        r = transport_connect(&l->transport, l->edge->loop, &address, NULL, STR_NULL, on_transport);
    if (r < 0)
        deadline_set(l->edge->loop, &l->retry, RECONNECT_MS);
}

struct edge_link *edge_link_new(struct edge *edge)
{
    struct edge_link *l = mem_zalloc(sizeof(*l));

    l->edge = edge;
    l->apply = apply_new(edge, on_in_force, l);
    buf_init(&l->in, 0);
    buf_init(&l->out, 0);
    l->retry.on_expire = on_retry;
    l->silence.on_expire = on_silence;
    l->report.on_expire = on_report;
    l->close_later.run = on_close_later;
    deadline_set(edge->loop, &l->report, REFUSALS_MS);
    return l;
}

void edge_link_free(struct edge_link *l)
{
    if (!l)
        return;
    deadline_cancel(&l->retry);
    deadline_cancel(&l->silence);
    deadline_cancel(&l->report);
    transport_close(&l->transport, TRANSPORT_CLOSE);
    apply_free(l->apply);
    forget_refusals(l);
    buf_deinit(&l->in);
    buf_deinit(&l->out);
    mem_free(l);
}

bool edge_link_is_heard(const struct edge_link *l)
{
    return l->heard;
}

void edge_link_worker_passed(struct edge_link *l)
{
    apply_worker_passed(l->apply);
}

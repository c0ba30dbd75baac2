#include "control/link_server.h"

#include "base/json_out.h"
#include "base/log.h"
#include "base/mem.h"
#include "net/listener.h"
#include "net/transport.h"

#include <errno.h>

enum {
    WAIT_MS = 1000,
    BEAT_MS = 1000,
    READ_BYTES = 64 * 1024,
    EDGE_NAME_MAX = 128,
    PART_RECORDS = 16384,
    OUT_MAX_BYTES = 1 << 30, /* an edge that takes nothing is dropped rather than buffered for */
    REPLIES_MAX = 64,
};

struct edge_peer {
    struct list link;
    struct link_server *server;
    struct transport transport;
    struct buf in, out;
    size_t out_at;
    uint64_t id;
    char name[EDGE_NAME_MAX];
    uint32_t pid;
    uint16_t workers;
    uint64_t confirmed;
    bool greeted;
    struct loop_task close_later;
};

struct waiter {
    struct list link;
    struct link_server *server;
    struct deadline deadline;
    uint64_t revision;
    link_in_force_fn on_in_force;
    void *ctx;
};

struct query {
    struct list link;
    struct link_server *server;
    struct deadline deadline;
    uint32_t id;
    size_t expected, n;
    struct link_reply replies[REPLIES_MAX];
    struct arena arena;
    link_replies_fn on_replies;
    void *ctx;
};

struct link_server {
    struct loop *loop;
    struct policy *policy;
    struct link_server_handler handler;
    void *ctx;
    struct listener listener;
    struct list peers, waiters, queries;
    struct deadline beat;
    uint64_t next_peer;
    uint32_t next_query;
};

/* --- sending
 * ---------------------------------------------------------------------------------------------------------------
 */

static void drop(struct edge_peer *e)
{
    loop_defer(e->server->loop, &e->close_later);
}

static void flush(struct edge_peer *e)
{
    while (e->out_at < e->out.n) {
        struct iovec iov = {e->out.p + e->out_at, e->out.n - e->out_at};
        ssize_t sent = transport_writev(&e->transport, &iov, 1);

        if (sent == -EAGAIN)
            return;
        if (sent < 0) {
            drop(e);
            return;
        }
        e->out_at += (size_t)sent;
    }
    buf_clear(&e->out);
    e->out_at = 0;
    if (e->out.capacity > READ_BYTES)
        buf_deinit(&e->out);
}

static void send_frame_end(struct edge_peer *e, size_t at)
{
    link_frame_end(&e->out, at);
    if (e->out.overflow)
        drop(e);
    else
        flush(e);
}

static void send_catalog(struct edge_peer *e)
{
    const struct policy *p = e->server->policy;
    size_t at = link_frame_begin(&e->out, LINK_CATALOG);

    wire_put_u64(&e->out, p->catalog->revision);
    wire_put_str(&e->out, buf_str(&p->catalog_bytes));
    send_frame_end(e, at);
}

static void send_all_customers(struct edge_peer *e)
{
    const struct policy *p = e->server->policy;
    struct customers_cursor cursor = {0};
    size_t at = link_frame_begin(&e->out, LINK_CUSTOMERS_RESET);

    wire_put_u64(&e->out, policy_revision(p));
    link_frame_end(&e->out, at);
    while (!cursor.ended) {
        at = link_frame_begin(&e->out, LINK_CUSTOMERS);
        wire_put_u64(&e->out, policy_revision(p));
        customers_encode_part(p->customers, &cursor, PART_RECORDS, &e->out);
        link_frame_end(&e->out, at);
    }
}

static void send_in_force(struct edge_peer *e)
{
    size_t at = link_frame_begin(&e->out, LINK_IN_FORCE);

    wire_put_u64(&e->out, policy_revision(e->server->policy));
    wire_put_i64(&e->out, clock_wall_ns());
    send_frame_end(e, at);
}

static void send_heartbeat(struct edge_peer *e)
{
    size_t at = link_frame_begin(&e->out, LINK_HEARTBEAT);

    wire_put_i64(&e->out, clock_wall_ns());
    send_frame_end(e, at);
}

void link_server_publish(struct link_server *s, enum link_customers customers)
{
    list_for_each (node, &s->peers) {
        struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (!e->greeted)
            continue;
        send_catalog(e);
        if (customers == LINK_CUSTOMERS_ALL)
            send_all_customers(e);
        send_in_force(e);
    }
}

void link_server_publish_customer(struct link_server *s, const struct customer *customer,
                                  enum link_catalog catalog)
{
    list_for_each (node, &s->peers) {
        struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (!e->greeted)
            continue;
        if (catalog == LINK_CATALOG_TOO)
            send_catalog(e);
        size_t at = link_frame_begin(&e->out, LINK_CUSTOMERS);
        wire_put_u64(&e->out, policy_revision(s->policy));
        wire_put_u32(&e->out, 1);
        customer_encode(customer, &e->out);
        link_frame_end(&e->out, at);
        send_in_force(e);
    }
}

void link_server_publish_gone(struct link_server *s, struct digest128 id)
{
    list_for_each (node, &s->peers) {
        struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (!e->greeted)
            continue;
        size_t at = link_frame_begin(&e->out, LINK_CUSTOMERS_GONE);
        wire_put_u64(&e->out, policy_revision(s->policy));
        wire_put_u32(&e->out, 1);
        wire_put_u64(&e->out, id.lo);
        wire_put_u64(&e->out, id.hi);
        link_frame_end(&e->out, at);
        send_in_force(e);
    }
}

void link_server_answer(struct link_server *s, uint64_t edge, uint32_t id, unsigned status,
                        str content_type, str body)
{
    list_for_each (node, &s->peers) {
        struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (e->id != edge)
            continue;
        size_t at = link_frame_begin(&e->out, LINK_RELAY_ANSWER);
        wire_put_u32(&e->out, id);
        wire_put_u16(&e->out, (uint16_t)status);
        wire_put_str(&e->out, content_type);
        wire_put_str(&e->out, body);
        send_frame_end(e, at);
        return;
    }
}

/* --- waiting
 * ----------------------------------------------------------------------------------------------------------------
 */

static void name_missing(const struct link_server *s, uint64_t revision, struct buf *to)
{
    list_for_each (node, &s->peers) {
        const struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (e->greeted && e->confirmed < revision) {
            if (to->n)
                buf_put_str(to, STR(", "));
            buf_put_str(to, str_of(e->name));
        }
    }
}

static void waiter_done(struct waiter *w)
{
    struct buf missing;

    buf_init(&missing, 0);
    name_missing(w->server, w->revision, &missing);
    deadline_cancel(&w->deadline);
    list_remove(&w->link);
    w->on_in_force(w->ctx, buf_str(&missing));
    buf_deinit(&missing);
    mem_free(w);
}

static bool all_confirmed(const struct link_server *s, uint64_t revision)
{
    list_for_each (node, &s->peers) {
        const struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (e->greeted && e->confirmed < revision)
            return false;
    }
    return true;
}

static void check_waiters(struct link_server *s)
{
    list_for_each_safe (node, &s->waiters) {
        struct waiter *w = list_entry(node, struct waiter, link);

        if (all_confirmed(s, w->revision))
            waiter_done(w);
    }
}

static void on_waited(struct deadline *deadline)
{
    waiter_done(container_of(deadline, struct waiter, deadline));
}

void link_server_when_in_force(struct link_server *s, uint64_t revision,
                               link_in_force_fn on_in_force, void *ctx)
{
    struct waiter *w = mem_zalloc(sizeof(*w));

    *w = (struct waiter){.server = s, .revision = revision, .on_in_force = on_in_force, .ctx = ctx};
    w->deadline.on_expire = on_waited;
    list_init(&w->link);
    list_append(&s->waiters, &w->link);
    if (all_confirmed(s, revision))
        waiter_done(w);
    else
        deadline_set(s->loop, &w->deadline, WAIT_MS);
}

/* --- queries
 * -----------------------------------------------------------------------------------------------------------------
 */

static void query_done(struct query *q)
{
    deadline_cancel(&q->deadline);
    list_remove(&q->link);
    q->on_replies(q->ctx, q->replies, q->n);
    arena_deinit(&q->arena);
    mem_free(q);
}

static void on_query_deadline(struct deadline *deadline)
{
    query_done(container_of(deadline, struct query, deadline));
}

void link_server_query(struct link_server *s, str what, link_replies_fn on_replies, void *ctx)
{
    struct query *q = mem_zalloc(sizeof(*q));

    q->server = s;
    q->id = ++s->next_query;
    q->on_replies = on_replies;
    q->ctx = ctx;
    q->deadline.on_expire = on_query_deadline;
    arena_init(&q->arena, NULL, 0);
    list_init(&q->link);
    list_append(&s->queries, &q->link);
    list_for_each (node, &s->peers) {
        struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (!e->greeted || q->expected == REPLIES_MAX)
            continue;
        q->expected++;
        size_t at = link_frame_begin(&e->out, LINK_QUERY);
        wire_put_u32(&e->out, q->id);
        wire_put_str(&e->out, what);
        send_frame_end(e, at);
    }
    if (q->expected)
        deadline_set(s->loop, &q->deadline, WAIT_MS);
    else
        query_done(q);
}

static bool take_reply(struct edge_peer *e, struct wire_reader *r)
{
    uint32_t id = wire_take_u32(r);
    str bytes = wire_take_str(r);

    if (r->failed)
        return false;
    list_for_each_safe (node, &e->server->queries) {
        struct query *q = list_entry(node, struct query, link);

        if (q->id != id || q->n == REPLIES_MAX)
            continue;
        q->replies[q->n++] = (struct link_reply){arena_copy(&q->arena, str_of(e->name)),
                                                 arena_copy(&q->arena, bytes)};
        if (q->n == q->expected)
            query_done(q);
        break;
    }
    return true;
}

/* --- receiving
 * ---------------------------------------------------------------------------------------------------------------
 */

static bool take_hello(struct edge_peer *e, str payload)
{
    const struct policy *p = e->server->policy;
    struct link_hello hello;

    if (e->greeted || !link_take_hello(payload, &hello) || hello.version != LINK_VERSION ||
        hello.name.n == 0 || hello.name.n >= sizeof(e->name))
        return false;
    memcpy(e->name, hello.name.p, hello.name.n);
    e->pid = hello.pid;
    e->workers = hello.workers;
    e->greeted = true;
    log_event(LOG_INFO, "edge_connected", LOG_STR("edge", str_of(e->name)), LOG_NUM("pid", e->pid),
              LOG_NUM("revision", hello.revision));
    if (str_eq(hello.installation, store_installation(p->store)) &&
        hello.revision == policy_revision(p) &&
        str_eq(hello.config_hash, p->catalog->config_hash)) {
        e->confirmed = hello.revision;
        send_heartbeat(e);
        return true;
    }
    send_catalog(e);
    send_all_customers(e);
    send_in_force(e);
    return true;
}

static bool take_refusals(struct link_server *s, struct wire_reader *r)
{
    uint32_t n = wire_take_count(r, 21);

    for (uint32_t i = 0; i < n; i++) {
        struct link_refusals refusals;

        if (!link_take_refusals(r, &refusals))
            return false;
        s->handler.on_refusals(s->ctx, &refusals);
    }
    return !r->failed;
}

static bool take_frame(struct edge_peer *e, enum link_frame type, str payload)
{
    struct link_server *s = e->server;
    struct wire_reader r = {.rest = payload};
    struct link_observed observed;
    struct link_relay relay;

    if (!e->greeted)
        return type == LINK_HELLO && take_hello(e, payload);
    switch (type) {
    case LINK_CONFIRM:
        e->confirmed = wire_take_u64(&r);
        check_waiters(s);
        return !r.failed;
    case LINK_OBSERVED:
        if (!link_take_observed(payload, &observed))
            return false;
        s->handler.on_observed(s->ctx, &observed);
        return true;
    case LINK_REPLY:
        return take_reply(e, &r);
    case LINK_RELAY:
        if (!link_take_relay(payload, &relay))
            return false;
        s->handler.on_relay(s->ctx, e->id, &relay);
        return true;
    case LINK_REFUSALS:
        return take_refusals(s, &r);
    default:
        return false;
    }
}

static void take_frames(struct edge_peer *e)
{
    size_t at = 0;

    for (;;) {
        enum link_frame type;
        str payload;
        ssize_t n = link_frame_take(str_from(buf_str(&e->in), at), &type, &payload);

        if (n == 0)
            break;
        if (n < 0 || !take_frame(e, type, payload)) {
            log_event(LOG_ERROR, "link_malformed", LOG_STR("edge", str_of(e->name)));
            drop(e);
            break;
        }
        at += (size_t)n;
    }
    buf_drop(&e->in, at);
}

static void receive(struct edge_peer *e)
{
    for (;;) {
        char *to = buf_reserve(&e->in, READ_BYTES);
        ssize_t n = to ? transport_read(&e->transport, to, READ_BYTES) : -ENOMEM;

        if (n == -EAGAIN)
            break;
        if (n <= 0) {
            drop(e);
            return;
        }
        e->in.n += (size_t)n;
    }
    take_frames(e);
}

/* --- connections
 * --------------------------------------------------------------------------------------------------------------
 */

static void on_transport(struct transport *t, unsigned events)
{
    struct edge_peer *e = container_of(t, struct edge_peer, transport);

    if (events & TRANSPORT_FAILED) {
        drop(e);
        return;
    }
    if (events & TRANSPORT_READABLE)
        receive(e);
    if (events & TRANSPORT_WRITABLE)
        flush(e);
}

static void peer_free(struct edge_peer *e)
{
    transport_close(&e->transport, TRANSPORT_CLOSE);
    list_remove(&e->link);
    buf_deinit(&e->in);
    buf_deinit(&e->out);
    mem_free(e);
}

static void on_close_later(struct loop_task *task)
{
    struct edge_peer *e = container_of(task, struct edge_peer, close_later);
    struct link_server *s = e->server;

    if (e->greeted)
        log_event(LOG_WARN, "edge_gone", LOG_STR("edge", str_of(e->name)), LOG_NUM("pid", e->pid));
    peer_free(e);
    check_waiters(s);
}

static void on_accept(struct listener *l, int fd)
{
    struct link_server *s = l->ctx;
    struct edge_peer *e = mem_zalloc(sizeof(*e));

    e->server = s;
    e->id = ++s->next_peer;
    e->close_later.run = on_close_later;
    buf_init(&e->in, LINK_MAX_FRAME_BYTES);
    buf_init(&e->out, OUT_MAX_BYTES);
    list_init(&e->link);
    if (transport_accept(&e->transport, s->loop, fd, NULL, on_transport) < 0) {
        mem_free(e);
        return;
    }
    list_append(&s->peers, &e->link);
}

static void on_beat(struct deadline *deadline)
{
    struct link_server *s = container_of(deadline, struct link_server, beat);

    deadline_set(s->loop, &s->beat, BEAT_MS);
    list_for_each (node, &s->peers) {
        struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (e->greeted)
            send_heartbeat(e);
    }
}

struct link_server *link_server_new(struct loop *loop, int fd, struct policy *policy,
                                    const struct link_server_handler *handler, void *ctx)
{
    struct link_server *s = mem_zalloc(sizeof(*s));

    s->loop = loop;
    s->policy = policy;
    s->handler = *handler;
    s->ctx = ctx;
    list_init(&s->peers);
    list_init(&s->waiters);
    list_init(&s->queries);
    s->beat.on_expire = on_beat;
    deadline_set(loop, &s->beat, BEAT_MS);
    if (listener_start(&s->listener, loop, fd, on_accept, s) < 0) {
        deadline_cancel(&s->beat);
        mem_free(s);
        return NULL;
    }
    return s;
}

void link_server_free(struct link_server *s)
{
    if (!s)
        return;
    deadline_cancel(&s->beat);
    listener_stop(&s->listener);
    list_for_each_safe (node, &s->peers)
        peer_free(list_entry(node, struct edge_peer, link));
    while (!list_empty(&s->waiters))
        waiter_done(list_first(&s->waiters, struct waiter, link));
    while (!list_empty(&s->queries))
        query_done(list_first(&s->queries, struct query, link));
    mem_free(s);
}

size_t link_server_edges(const struct link_server *s)
{
    size_t n = 0;

    list_for_each (node, &s->peers)
        n += list_entry(node, struct edge_peer, link)->greeted;
    return n;
}

void link_server_list(const struct link_server *s, struct json_out *j)
{
    list_for_each (node, &s->peers) {
        const struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (!e->greeted)
            continue;
        json_open_object(j);
        json_member_str(j, "name", str_of(e->name));
        json_member_u64(j, "pid", e->pid);
        json_member_u64(j, "workers", e->workers);
        json_member_u64(j, "revision", e->confirmed);
        json_close_object(j);
    }
}

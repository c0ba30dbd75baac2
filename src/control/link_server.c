#include "control/link_internal.h"

#include "base/json_out.h"
#include "base/log.h"

#include <errno.h>

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
    link_edge_present(e->server, e->pid);
    log_event(LOG_INFO, "edge_connected", LOG_STR("edge", str_of(e->name)), LOG_NUM("pid", e->pid),
              LOG_NUM("revision", hello.revision));
    if (str_eq(hello.installation, store_installation(p->store)) &&
        hello.revision == policy_revision(p) &&
        str_eq(hello.config_hash, p->catalog->config_hash)) {
        e->confirmed = hello.revision;
        link_send_heartbeat(e);
        return true;
    }
    link_send_catalog(e);
    link_send_all_customers(e);
    link_send_in_force(e);
    return true;
}

static bool take_wake(struct link_server *s, str payload)
{
    str deployment;

    if (!link_take_wake(payload, &deployment))
        return false;
    if (s->handler.on_wake)
        s->handler.on_wake(s->ctx, deployment);
    return true;
}

static bool take_demand(struct edge_peer *e, str payload)
{
    struct link_server *s = e->server;
    struct link_demand demand;

    if (!link_take_demand(payload, &demand))
        return false;
    if (s->handler.on_demand)
        s->handler.on_demand(s->ctx, e->id, &demand);
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
        link_check_waiters(s);
        return !r.failed;
    case LINK_OBSERVED:
        if (!link_take_observed(payload, &observed))
            return false;
        s->handler.on_observed(s->ctx, &observed);
        return true;
    case LINK_REPLY:
        return link_take_reply(e, &r);
    case LINK_RELAY:
        if (!link_take_relay(payload, &relay))
            return false;
        s->handler.on_relay(s->ctx, e->id, &relay);
        return true;
    case LINK_REFUSALS:
        return take_refusals(s, &r);
    case LINK_WAKE:
        return take_wake(s, payload);
    case LINK_DEMAND:
        return take_demand(e, payload);
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
            link_drop(e);
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
            link_drop(e);
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
        link_drop(e);
        return;
    }
    if (events & TRANSPORT_READABLE)
        receive(e);
    if (events & TRANSPORT_WRITABLE)
        link_flush(e);
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

    if (e->greeted) {
        log_event(LOG_WARN, "edge_gone", LOG_STR("edge", str_of(e->name)), LOG_NUM("pid", e->pid));
        link_edge_absent(s, e);
    }
    peer_free(e);
    link_check_waiters(s);
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
            link_send_heartbeat(e);
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
    list_init(&s->absent);
    list_init(&s->waiters);
    list_init(&s->queries);
    s->beat.on_expire = on_beat;
    s->recheck.on_expire = link_on_recheck;
    s->settled_at_ns = loop_now_ns(loop) + SETTLE_MS * NS_PER_MS;
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
    link_server_end_waiting(s);
    deadline_cancel(&s->beat);
    listener_stop(&s->listener);
    list_for_each_safe (node, &s->peers)
        peer_free(list_entry(node, struct edge_peer, link));
    link_forget_absent(s);
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

/* Who waits for edges: for a revision to be in force everywhere, and for replies to a question. A
 * second is all that anybody waits. */

#include "control/link_internal.h"

#include <errno.h>
#include <signal.h>

/* --- waiting
 * ----------------------------------------------------------------------------------------------------------------
 */

struct missing {
    str names[MISSING_MAX];
    size_t n;
};

static void add_name(struct missing *m, const char *name)
{
    if (m->n < MISSING_MAX)
        m->names[m->n++] = str_of(name);
}

static void find_missing(const struct link_server *s, uint64_t revision, struct missing *m)
{
    list_for_each (node, &s->peers) {
        const struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (e->greeted && e->confirmed < revision)
            add_name(m, e->name);
    }
    list_for_each (node, &s->absent)
        add_name(m, list_entry(node, struct absent_edge, link)->name);
}

/* --- edges that are not connected
 * -------------------------------------------------------------------------------------------------
 */

void link_edge_present(struct link_server *s, uint32_t pid)
{
    list_for_each_safe (node, &s->absent) {
        struct absent_edge *absent = list_entry(node, struct absent_edge, link);

        if (absent->pid != pid)
            continue;
        list_remove(&absent->link);
        mem_free(absent);
    }
}

void link_edge_absent(struct link_server *s, const struct edge_peer *e)
{
    struct absent_edge *absent = mem_zalloc(sizeof(*absent));

    memcpy(absent->name, e->name, sizeof(absent->name));
    absent->pid = e->pid;
    list_init(&absent->link);
    list_append(&s->absent, &absent->link);
}

void link_forget_absent(struct link_server *s)
{
    list_for_each_safe (node, &s->absent) {
        list_remove(node);
        mem_free(list_entry(node, struct absent_edge, link));
    }
}

/* The link is a Unix socket: its edges are processes of this machine. One that has ended serves
 * nothing, and the one that takes its place asks before it serves. */
static void forget_ended(struct link_server *s)
{
    list_for_each_safe (node, &s->absent) {
        struct absent_edge *absent = list_entry(node, struct absent_edge, link);

        if (kill((pid_t)absent->pid, 0) == 0 || errno != ESRCH)
            continue;
        list_remove(&absent->link);
        mem_free(absent);
    }
}

static bool all_confirmed(struct link_server *s, uint64_t revision)
{
    forget_ended(s);
    if (!list_empty(&s->absent) || loop_now_ns(s->loop) < s->settled_at_ns)
        return false;
    list_for_each (node, &s->peers) {
        const struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (e->greeted && e->confirmed < revision)
            return false;
    }
    return true;
}

static void waiter_done(struct waiter *w)
{
    struct missing missing = {.n = 0};

    find_missing(w->server, w->revision, &missing);
    if (missing.n == 0 && !all_confirmed(w->server, w->revision))
        add_name(&missing, "edges that have yet to connect");
    deadline_cancel(&w->deadline);
    list_remove(&w->link);
    w->on_in_force(w->ctx, missing.names, missing.n);
    mem_free(w);
}

void link_check_waiters(struct link_server *s)
{
    list_for_each_safe (node, &s->waiters) {
        struct waiter *w = list_entry(node, struct waiter, link);

        if (all_confirmed(s, w->revision))
            waiter_done(w);
    }
}

/* Processes end, and time passes, without a word over the link. */
void link_on_recheck(struct deadline *deadline)
{
    struct link_server *s = container_of(deadline, struct link_server, recheck);

    link_check_waiters(s);
    if (!list_empty(&s->waiters))
        deadline_set(s->loop, &s->recheck, RECHECK_MS);
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
    if (all_confirmed(s, revision)) {
        waiter_done(w);
        return;
    }
    deadline_set(s->loop, &w->deadline, WAIT_MS);
    deadline_set(s->loop, &s->recheck, RECHECK_MS);
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
        link_send_frame(e, at);
    }
    if (q->expected)
        deadline_set(s->loop, &q->deadline, WAIT_MS);
    else
        query_done(q);
}

bool link_take_reply(struct edge_peer *e, struct wire_reader *r)
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

void link_server_end_waiting(struct link_server *s)
{
    if (!s)
        return;
    while (!list_empty(&s->waiters))
        waiter_done(list_first(&s->waiters, struct waiter, link));
    while (!list_empty(&s->queries))
        query_done(list_first(&s->queries, struct query, link));
    deadline_cancel(&s->recheck);
}

bool link_server_is_waited_for(const struct link_server *s)
{
    return !list_empty(&s->waiters);
}

/* What goes out over the link: frames to one edge, and changes to all of them. */

#include "control/link_internal.h"

#include <errno.h>

/* --- sending
 * ---------------------------------------------------------------------------------------------------------------
 */

void link_drop(struct edge_peer *e)
{
    loop_defer(e->server->loop, &e->close_later);
}

void link_flush(struct edge_peer *e)
{
    while (e->out_at < e->out.n) {
        struct iovec iov = {e->out.p + e->out_at, e->out.n - e->out_at};
        ssize_t sent = transport_writev(&e->transport, &iov, 1);

        if (sent == -EAGAIN)
            return;
        if (sent < 0) {
            link_drop(e);
            return;
        }
        e->out_at += (size_t)sent;
    }
    buf_clear(&e->out);
    e->out_at = 0;
    if (e->out.capacity > READ_BYTES)
        buf_deinit(&e->out);
}

void link_send_frame(struct edge_peer *e, size_t at)
{
    link_frame_end(&e->out, at);
    if (e->out.overflow)
        link_drop(e);
    else
        link_flush(e);
}

void link_send_catalog(struct edge_peer *e)
{
    const struct policy *p = e->server->policy;
    size_t at = link_frame_begin(&e->out, LINK_CATALOG);

    wire_put_u64(&e->out, p->catalog->revision);
    wire_put_str(&e->out, buf_str(&p->catalog_bytes));
    link_send_frame(e, at);
}

void link_send_all_customers(struct edge_peer *e)
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

void link_send_in_force(struct edge_peer *e)
{
    size_t at = link_frame_begin(&e->out, LINK_IN_FORCE);

    wire_put_u64(&e->out, policy_revision(e->server->policy));
    wire_put_i64(&e->out, clock_wall_ns());
    link_send_frame(e, at);
}

void link_send_heartbeat(struct edge_peer *e)
{
    size_t at = link_frame_begin(&e->out, LINK_HEARTBEAT);

    wire_put_i64(&e->out, clock_wall_ns());
    link_send_frame(e, at);
}

static void send_puts(struct edge_peer *e, const struct publication *p, uint64_t revision)
{
    for (size_t from = 0; from < p->n_puts;) {
        size_t n = p->n_puts - from < PART_RECORDS ? p->n_puts - from : PART_RECORDS;
        size_t at = link_frame_begin(&e->out, LINK_CUSTOMERS);

        wire_put_u64(&e->out, revision);
        wire_put_u32(&e->out, (uint32_t)n);
        for (size_t i = from; i < from + n; i++)
            customer_encode(&p->puts[i], &e->out);
        link_frame_end(&e->out, at);
        from += n;
    }
}

static void send_gone(struct edge_peer *e, const struct publication *p, uint64_t revision)
{
    for (size_t from = 0; from < p->n_gone;) {
        size_t n = p->n_gone - from < PART_RECORDS ? p->n_gone - from : PART_RECORDS;
        size_t at = link_frame_begin(&e->out, LINK_CUSTOMERS_GONE);

        wire_put_u64(&e->out, revision);
        wire_put_u32(&e->out, (uint32_t)n);
        for (size_t i = from; i < from + n; i++) {
            wire_put_u64(&e->out, p->gone[i].lo);
            wire_put_u64(&e->out, p->gone[i].hi);
        }
        link_frame_end(&e->out, at);
        from += n;
    }
}

/* The catalog first: the customers that follow may have rules that are new in it. */
void link_server_publish(struct link_server *s, const struct publication *publication)
{
    uint64_t revision = policy_revision(s->policy);

    list_for_each (node, &s->peers) {
        struct edge_peer *e = list_entry(node, struct edge_peer, link);

        if (!e->greeted)
            continue;
        if (publication->catalog)
            link_send_catalog(e);
        send_gone(e, publication, revision);
        send_puts(e, publication, revision);
        link_send_in_force(e);
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
        link_send_frame(e, at);
        return;
    }
}

#include "http/h1_server.h"

#include <assert.h>
#include <errno.h>

static void begin_exchange(struct server_conn *conn, const struct h1_message *m)
{
    struct h1_conn *c = &conn->c;
    const struct http_server *server = conn->server;
    bool has_body = m->framing != H1_NO_BODY;

    conn->state = SERVER_EXCHANGE;
    conn->waits_for = WAIT_NOTHING;
    conn->method = m->head.method;
    conn->version = m->head.version;
    conn->keep_alive = m->keep_alive;
    conn->client_closes = !m->keep_alive;
    conn->waits_continue = m->head.expects_continue;
    conn->upgrade = (uint8_t)m->head.upgrade;
    h1_body_init(&c->body, m);
    c->stream.ops = &h1_server_ops;
    c->leased = c->received_head = true;
    c->received_all = !has_body;
    server->handler->on_request(server->ctx, &c->stream, &m->head,
                                has_body ? STREAM_MORE : STREAM_END);
    assert(!c->leased || c->stream.events);
}

/* Each of these functions returns true if digesting goes on. */

static bool digest_head(struct server_conn *conn, str *bytes)
{
    struct h1_conn *c = &conn->c;
    struct h1_message m;

    if (c->out.n) /* a client that does not read its answers gets no further ones */
        return false;
    switch (h1_parse(&c->parser, *bytes, &c->worker->limits, c->worker->headers, HTTP_METHOD_OTHER,
                     &m)) {
    case H1_MORE:
        if (bytes->n && conn->waits_for != WAIT_HEAD)
            h1_server_wait(conn, WAIT_HEAD);
        conn->starved = true;
        return false;
    case H1_DONE:
        *bytes = str_from(*bytes, m.bytes);
        begin_exchange(conn, &m);
        return true;
    default:
        conn->method = m.head.method;
        h1_server_refuse(conn, h1_fault_status(m.fault), h1_fault_text(m.fault));
        return true;
    }
}

static bool digest_body(struct server_conn *conn, str *bytes)
{
    struct h1_conn *c = &conn->c;
    enum h1_fault fault;

    if (!c->leased) {
        h1_server_settle(conn);
        return conn->state != SERVER_EXCHANGE;
    }
    if (c->received_all)
        return false;
    if (bytes->n)
        conn->waits_continue = false;
    switch (h1_conn_pull(c, bytes, &fault)) {
    case H1_PULL_MORE:
        conn->starved = true;
        return false;
    case H1_PULL_BLOCKED:
        return false;
    case H1_PULL_BAD:
        h1_server_break_off(conn, h1_fault_status(fault), h1_fault_text(fault),
                            STREAM_PROTOCOL_ERROR);
        return true;
    default:
        return true;
    }
}

static bool digest_rest(struct server_conn *conn, str *bytes)
{
    switch (h1_conn_discard(&conn->c, bytes, &conn->discard_budget)) {
    case H1_PULL_MORE:
        conn->starved = true;
        return false;
    case H1_PULL_ENDED:
        h1_server_finish_exchange(conn);
        return true;
    default:
        h1_server_start_closing(conn);
        return true;
    }
}

static bool digest_surplus(struct server_conn *conn, str *bytes)
{
    conn->surplus |= bytes->n > 0;
    if (conn->state == SERVER_LINGER) {
        if (bytes->n >= conn->discard_budget)
            h1_server_close_quietly(conn);
        else
            conn->discard_budget -= bytes->n;
    }
    conn->starved = true;
    *bytes = STR_NULL;
    return false;
}

static void digest(struct server_conn *conn, str *bytes)
{
    static bool (*const of_state[])(struct server_conn *, str *) = {
        [SERVER_IDLE] = digest_head,      [SERVER_EXCHANGE] = digest_body,
        [SERVER_DISCARD] = digest_rest,   [SERVER_CLOSING] = digest_surplus,
        [SERVER_LINGER] = digest_surplus, [SERVER_CLOSED] = digest_surplus,
    };

    conn->starved = false;
    while (of_state[conn->state](conn, bytes))
        ;
}

/* How much to read in this state. */
static size_t appetite(const struct server_conn *conn)
{
    switch (conn->state) {
    case SERVER_IDLE:
        return conn->c.out.n ? 0 : H1_READ_BYTES;
    case SERVER_EXCHANGE:
        return conn->c.received_all ? 0 : h1_conn_window(&conn->c);
    case SERVER_CLOSED:
    case SERVER_CLOSING: /* what came before is thrown away; what comes waits for LINGER */
        return 0;
    default:
        return H1_READ_BYTES;
    }
}

static void watch_body(struct server_conn *conn)
{
    if (conn->state != SERVER_EXCHANGE || conn->c.tunnel)
        return;
    h1_server_wait(conn, conn->c.received_all || conn->c.paused || conn->waits_continue
                             ? WAIT_NOTHING
                             : WAIT_BODY);
}

/* Digests what was kept; if that is not enough, one read and what it brought. More waits for the
 * next turn, so that a connection that never runs dry leaves room for others. */
void h1_server_input(struct server_conn *conn)
{
    struct h1_conn *c = &conn->c;
    ssize_t n = -EAGAIN;
    str bytes;

    conn->resumes = false;
    c->pumping = true;
    if (c->kept_n && !conn->starved) {
        h1_conn_read(c, 0, &bytes);
        digest(conn, &bytes);
        h1_conn_keep(c, bytes);
    }
    if (c->kept_n == 0 || conn->starved) {
        n = h1_conn_read(c, appetite(conn), &bytes);
        digest(conn, &bytes);
        h1_conn_keep(c, bytes);
    }
    c->pumping = false;
    watch_body(conn);
    if (n == 0 && c->tunnel && conn->state == SERVER_EXCHANGE)
        h1_tunnel_end_input(c);
    else if (n == 0 || (n < 0 && n != -EAGAIN))
        h1_server_peer_gone(conn);
    else if (n > 0 && c->t.readable && appetite(conn))
        h1_conn_go_on_later(c);
    h1_server_go_on_closing(conn);
}

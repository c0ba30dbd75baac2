#include "http/h1_server.h"

#include <assert.h>
#include <errno.h>

static struct server_conn *conn_of(struct h1_conn *c)
{
    return container_of(c, struct server_conn, c);
}

void h1_server_wait(struct server_conn *conn, enum server_wait what)
{
    const struct http_server *server = conn->server;
    const int64_t durations_ms[] = {
        [WAIT_HANDSHAKE] = server->limits.head_ms,
        [WAIT_REQUEST] = server->draining ? server->drain_idle_ms : server->limits.keep_alive_ms,
        [WAIT_HEAD] = server->limits.head_ms,
        [WAIT_BODY] = server->limits.body_idle_ms,
        [WAIT_LINGER] = H1_LINGER_MS,
    };

    conn->waits_for = (uint8_t)what;
    if (what != WAIT_NOTHING)
        deadline_set(server->worker.loop, &conn->patience, durations_ms[what]);
}

/* --- the end --- */

void h1_server_close(struct server_conn *conn, enum transport_close how, enum stream_reset why)
{
    struct h1_conn *c = &conn->c;
    bool cut = c->leased && !c->dead && !(c->received_all && c->sent_all);

    if (conn->state == SERVER_CLOSED)
        return;
    conn->state = SERVER_CLOSED;
    c->closed = c->dead = true;
    deadline_cancel(&conn->patience);
    deadline_cancel(&conn->stalled);
    transport_close(&c->t, how);
    h1_conn_deinit(c);
    h1_conn_defer(c);
    if (cut)
        c->stream.events->on_reset(c->stream.ctx, &c->stream, why, false);
}

static void close_quietly(struct server_conn *conn)
{
    h1_server_close(conn, TRANSPORT_CLOSE, STREAM_CANCELLED);
}

/* Ends an answer that is not complete. Without a length or chunks only a reset tells the client
 * that there should be more. */
static void cut_off(struct server_conn *conn, enum stream_reset why)
{
    struct h1_conn *c = &conn->c;

    h1_conn_flush(c);
    h1_server_close(conn, c->send_framing == H1_UNTIL_CLOSE ? TRANSPORT_RESET : TRANSPORT_CLOSE,
                    why);
}

/* In CLOSING: once everything is sent, ends the sending side and lingers, unless the client is
 * known to send nothing more. */
static void go_on_closing(struct server_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (conn->state != SERVER_CLOSING || c->out.n || c->pumping)
        return;
    if (c->t.peer_closed) {
        close_quietly(conn);
        return;
    }
    if (conn->client_closes && c->received_all && !conn->surplus && !c->kept_n && !c->t.readable) {
        close_quietly(conn);
        return;
    }
    transport_shutdown(&c->t);
    conn->state = SERVER_LINGER;
    conn->discard_budget = H1_DISCARD_BYTES;
    conn->resumes = true;
    h1_conn_defer(c);
    h1_server_wait(conn, WAIT_LINGER);
}

void h1_server_start_closing(struct server_conn *conn)
{
    conn->state = SERVER_CLOSING;
    conn->waits_for = WAIT_NOTHING;
    h1_conn_flush(&conn->c);
    if (conn->c.out.n)
        h1_conn_defer(&conn->c);
    go_on_closing(conn);
}

/* The client has ended its sending side, or all of it. */
static void peer_gone(struct server_conn *conn)
{
    struct h1_conn *c = &conn->c;

    switch (conn->state) {
    case SERVER_EXCHANGE:
        if (c->leased && !(c->received_all && c->sent_all))
            close_quietly(conn);
        else
            conn->keep_alive = false;
        break;
    case SERVER_IDLE:
    case SERVER_DISCARD: /* the answer may still be on its way */
        h1_server_start_closing(conn);
        break;
    case SERVER_CLOSING:
        go_on_closing(conn);
        break;
    default:
        close_quietly(conn);
        break;
    }
}

/* --- from one exchange to the next --- */

static void resume(struct server_conn *conn)
{
    conn->resumes = true;
    if (!conn->c.pumping)
        h1_conn_defer(&conn->c);
}

static void finish_exchange(struct server_conn *conn)
{
    if (!conn->keep_alive) {
        h1_server_start_closing(conn);
        return;
    }
    h1_conn_reset(&conn->c, H1_REQUEST);
    conn->state = SERVER_IDLE;
    conn->method = HTTP_METHOD_OTHER;
    conn->starved = false;
    h1_server_wait(conn, WAIT_REQUEST);
    if (conn->c.kept_n || conn->c.t.readable || conn->c.t.peer_closed)
        resume(conn);
}

void h1_server_settle(struct server_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (conn->state != SERVER_EXCHANGE || c->leased)
        return;
    if (!c->sent_all || c->cut_short) {
        /* Without a length or chunks only a reset tells the client that there should be more. */
        h1_conn_flush(c);
        h1_server_close(conn, c->send_framing == H1_UNTIL_CLOSE ? TRANSPORT_RESET : TRANSPORT_CLOSE,
                        STREAM_CANCELLED);
    } else if (c->received_all) {
        finish_exchange(conn);
    } else if (conn->keep_alive) {
        conn->state = SERVER_DISCARD;
        conn->discard_budget = H1_DISCARD_BYTES;
        h1_server_wait(conn, WAIT_BODY);
        resume(conn);
    } else {
        h1_server_start_closing(conn);
    }
}

/* --- input --- */

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

/* The request turned out to be broken in its body. */
static void break_off(struct server_conn *conn, unsigned status, str detail, enum stream_reset why)
{
    struct h1_conn *c = &conn->c;

    if (c->sent_head && !c->sent_all) {
        cut_off(conn, why);
        return;
    }
    c->dead = true;
    h1_server_refuse(conn, status, detail);
    if (c->leased)
        c->stream.events->on_reset(c->stream.ctx, &c->stream, why, false);
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
        break_off(conn, h1_fault_status(fault), h1_fault_text(fault), STREAM_PROTOCOL_ERROR);
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
        finish_exchange(conn);
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
            close_quietly(conn);
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
    if (conn->state != SERVER_EXCHANGE)
        return;
    h1_server_wait(conn, conn->c.received_all || conn->c.paused || conn->waits_continue
                             ? WAIT_NOTHING
                             : WAIT_BODY);
}

/* Digests what was kept; if that is not enough, one read and what it brought. More waits for the
 * next turn, so that a connection that never runs dry leaves room for others. */
static void input(struct server_conn *conn)
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
    if (n == 0 || (n < 0 && n != -EAGAIN))
        peer_gone(conn);
    else if (n > 0 && c->t.readable && appetite(conn))
        h1_conn_read_again(c);
    go_on_closing(conn);
}

/* --- events --- */

static void after_sending(struct server_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (c->out.n && !c->t.writable) {
        if (!conn->watches_stall)
            deadline_set(c->worker->loop, &conn->stalled, conn->server->limits.write_idle_ms);
        conn->watches_stall = true;
    } else {
        conn->watches_stall = false;
    }
    go_on_closing(conn);
    if (conn->state == SERVER_IDLE && c->out.n == 0 && (c->kept_n || c->t.readable))
        conn->resumes = true;
    if (h1_conn_take_writable(c))
        c->stream.events->on_writable(c->stream.ctx, &c->stream);
}

void h1_server_run_task(struct loop_task *task)
{
    struct h1_conn *c = container_of(task, struct h1_conn, task);
    struct server_conn *conn = conn_of(c);

    if (c->closed) {
        if (!c->leased)
            h1_server_drop(conn);
        return;
    }
    if (c->send_failed) {
        close_quietly(conn);
        return;
    }
    h1_conn_flush(c);
    after_sending(conn);
    if (conn->resumes && !c->closed)
        input(conn);
}

void h1_server_on_transport(struct transport *t, unsigned events)
{
    struct server_conn *conn = conn_of(container_of(t, struct h1_conn, t));

    if (events & TRANSPORT_FAILED) {
        close_quietly(conn);
        return;
    }
    if (events & TRANSPORT_CONNECTED)
        h1_server_wait(conn, WAIT_REQUEST);
    if (events & TRANSPORT_WRITABLE) {
        h1_conn_flush(&conn->c);
        conn->watches_stall = false; /* it took something: from here on anew */
        after_sending(conn);
        if (conn->resumes)
            h1_conn_defer(&conn->c);
    }
    if (events & TRANSPORT_READABLE && conn->state != SERVER_CLOSED)
        input(conn);
    if (events & TRANSPORT_PEER_CLOSED && conn->state != SERVER_CLOSED)
        peer_gone(conn);
}

void h1_server_on_again(struct deadline *deadline)
{
    input(conn_of(container_of(deadline, struct h1_conn, again)));
}

void h1_server_on_patience(struct deadline *deadline)
{
    struct server_conn *conn = container_of(deadline, struct server_conn, patience);

    switch (conn->waits_for) {
    case WAIT_NOTHING:
        break;
    case WAIT_HEAD:
        h1_server_refuse(conn, 408, STR("the request did not arrive in time"));
        break;
    case WAIT_BODY:
        if (conn->state == SERVER_EXCHANGE)
            break_off(conn, 408, STR("the request body did not arrive in time"), STREAM_TIMEOUT);
        else
            h1_server_start_closing(conn);
        break;
    default:
        close_quietly(conn);
        break;
    }
}

void h1_server_on_stalled(struct deadline *deadline)
{
    struct server_conn *conn = container_of(deadline, struct server_conn, stalled);

    if (conn->watches_stall)
        h1_server_close(conn, TRANSPORT_RESET, STREAM_TIMEOUT);
}

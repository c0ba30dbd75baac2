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
    conn->waits_for = WAIT_NOTHING;
    transport_close(&c->t, how);
    h1_conn_deinit(c);
    h1_conn_defer(c);
    if (cut)
        c->stream.events->on_reset(c->stream.ctx, &c->stream, why, false);
}

void h1_server_close_quietly(struct server_conn *conn)
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
void h1_server_go_on_closing(struct server_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (conn->state != SERVER_CLOSING || c->out.n || c->pumping)
        return;
    if (c->t.peer_closed) {
        h1_server_close_quietly(conn);
        return;
    }
    if (conn->client_closes && c->received_all && !conn->surplus && !c->kept_n && !c->t.readable) {
        h1_server_close_quietly(conn);
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
    h1_server_go_on_closing(conn);
}

/* The client has ended its sending side, or all of it. */
void h1_server_peer_gone(struct server_conn *conn)
{
    struct h1_conn *c = &conn->c;

    switch (conn->state) {
    case SERVER_EXCHANGE:
        if (c->tunnel && c->t.error == TRANSPORT_OK)
            break; /* one half of it, which ends where its bytes do */
        if (c->leased && !(c->received_all && c->sent_all))
            h1_server_close_quietly(conn);
        else
            conn->keep_alive = false;
        break;
    case SERVER_IDLE:
    case SERVER_DISCARD: /* the answer may still be on its way */
        h1_server_start_closing(conn);
        break;
    case SERVER_CLOSING:
        h1_server_go_on_closing(conn);
        break;
    default:
        h1_server_close_quietly(conn);
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

void h1_server_finish_exchange(struct server_conn *conn)
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
        h1_server_finish_exchange(conn);
    } else if (conn->keep_alive) {
        conn->state = SERVER_DISCARD;
        conn->discard_budget = H1_DISCARD_BYTES;
        h1_server_wait(conn, WAIT_BODY);
        resume(conn);
    } else {
        h1_server_start_closing(conn);
    }
}

/* The request turned out to be broken in its body. */
void h1_server_break_off(struct server_conn *conn, unsigned status, str detail,
                         enum stream_reset why)
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
    h1_server_go_on_closing(conn);
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
        h1_server_close_quietly(conn);
        return;
    }
    h1_conn_flush(c);
    after_sending(conn);
    if (conn->resumes && !c->closed)
        h1_server_input(conn);
}

void h1_server_on_transport(struct transport *t, unsigned events)
{
    struct server_conn *conn = conn_of(container_of(t, struct h1_conn, t));

    if (events & TRANSPORT_FAILED) {
        h1_server_close_quietly(conn);
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
        h1_server_input(conn);
    if (events & TRANSPORT_PEER_CLOSED && conn->state != SERVER_CLOSED)
        h1_server_peer_gone(conn);
}

void h1_server_on_again(struct deadline *deadline)
{
    struct h1_conn *c = container_of(deadline, struct h1_conn, again);

    if (c->wants_writable)
        h1_conn_defer(c);
    h1_server_input(conn_of(c));
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
            h1_server_break_off(conn, 408, STR("the request body did not arrive in time"),
                                STREAM_TIMEOUT);
        else
            h1_server_start_closing(conn);
        break;
    default:
        h1_server_close_quietly(conn);
        break;
    }
}

void h1_server_on_stalled(struct deadline *deadline)
{
    struct server_conn *conn = container_of(deadline, struct server_conn, stalled);

    if (conn->watches_stall)
        h1_server_close(conn, TRANSPORT_RESET, STREAM_TIMEOUT);
}

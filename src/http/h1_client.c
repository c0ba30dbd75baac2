#include "http/h1_client.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>

static struct client_conn *conn_of(struct h1_conn *c)
{
    return container_of(c, struct client_conn, c);
}

void h1_client_move(struct client_conn *conn, enum client_state to)
{
    conn->pools->in_state[conn->state]--;
    conn->pools->in_state[to]++;
    conn->state = (uint8_t)to;
}

/* --- the end --- */

void h1_client_close(struct client_conn *conn, enum transport_close how)
{
    struct h1_conn *c = &conn->c;

    if (conn->state == CLIENT_CLOSED)
        return;
    if (conn->state == CLIENT_IDLE) {
        list_remove(&conn->idle_link);
        conn->pool->n_idle--;
    }
    h1_client_move(conn, CLIENT_CLOSED);
    c->closed = c->dead = true;
    conn->failing = false;
    deadline_cancel(&conn->deadline);
    resolver_cancel(&conn->query);
    if (transport_is_open(&c->t))
        transport_close(&c->t, how);
    mem_free(TAKE(conn->proof));
    h1_conn_deinit(c);
    h1_conn_defer(c);
}

/* Linux: EPIPE where a reset followed a FIN, ECONNRESET where it came alone. */
static bool has_ended(const struct h1_conn *c)
{
    return c->failure ? c->failure == EPIPE : c->t.peer_closed;
}

/* Whether the peer can't have acted on the request. Nothing was sent; or the peer had ended its own
 * sending side and its FIN acknowledged no byte of the request: it closed before the request came.
 * (A reset alone proves nothing: it is believed without its acknowledgement number, so a peer that
 * read the request and then died looks the same.) Neither TLS nor a Unix socket can tell how much
 * of the request has got through. */
static bool never_arrived(const struct client_conn *conn)
{
    const struct h1_conn *c = &conn->c;
    int unacknowledged = 0;

    if (c->stream.bytes_sent == 0)
        return true;
    if (conn->answered || c->t.tls || !has_ended(c) || !transport_is_open(&c->t) ||
        conn->address.any.sa_family == AF_UNIX)
        return false;
    return ioctl(c->t.io.fd, SIOCOUTQ, &unacknowledged) == 0 && unacknowledged > 0 &&
           (uint64_t)unacknowledged >= c->stream.bytes_sent;
}

static void tell(struct client_conn *conn, enum stream_reset why, bool unprocessed)
{
    struct h1_conn *c = &conn->c;

    if (c->leased)
        c->stream.events->on_reset(c->stream.ctx, &c->stream, why, unprocessed);
}

void h1_client_fail(struct client_conn *conn, enum stream_reset why)
{
    bool unprocessed = never_arrived(conn);

    if (conn->state == CLIENT_RESOLVING || conn->state == CLIENT_CONNECTING)
        conn->pools->connect_failures++;
    h1_client_close(conn, TRANSPORT_RESET);
    tell(conn, why, unprocessed);
}

void h1_client_fail_later(struct client_conn *conn, enum stream_reset why)
{
    conn->c.dead = true;
    conn->failing = true;
    conn->why = (uint8_t)why;
    h1_conn_defer(&conn->c);
}

/* The connection has ended in the middle of an exchange. */
static void lost(struct client_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (c->received_all) { /* the answer is there; whether the request has got through is moot */
        c->send_failed = true;
        conn->keep_alive = false;
        return;
    }
    if (conn->reused && !conn->answered) {
        conn->pools->stale++;
        h1_client_fail(conn, never_arrived(conn) ? STREAM_REFUSED : STREAM_PEER_CLOSED);
    } else {
        h1_client_fail(conn, STREAM_PEER_CLOSED);
    }
}

/* Whether there is anything to read, be it the end. (The worker's buffer may be in use by another
 * connection.) TLS may have had business of its own. */
static bool is_silent(struct client_conn *conn)
{
    char byte;

    return !conn->c.t.readable || transport_read(&conn->c.t, &byte, 1) == -EAGAIN;
}

bool h1_client_is_unused(const struct client_conn *conn)
{
    return conn->state == CLIENT_BUSY && !conn->c.dead && !conn->c.sent_head && !conn->answered;
}

/* After a release: back to the pool, if nothing speaks against it. */
void h1_client_settle(struct client_conn *conn)
{
    struct h1_conn *c = &conn->c;
    bool unused = h1_client_is_unused(conn);
    bool done = c->received_all && c->sent_all && !c->cut_short && conn->keep_alive;
    bool clean = (unused || done) && !c->send_failed && c->out.n == 0 && c->kept_n == 0 &&
                 !conn->surplus && !c->t.peer_closed;

    if (conn->state != CLIENT_BUSY || c->leased)
        return;
    if (c->tunnel)
        h1_client_linger(conn);
    else if (!clean || !is_silent(conn) || !h1_client_park(conn))
        h1_client_close(conn, c->received_all && c->sent_all ? TRANSPORT_CLOSE : TRANSPORT_RESET);
}

/* --- input --- */

static void begin_body(struct client_conn *conn, const struct h1_message *m)
{
    struct h1_conn *c = &conn->c;
    bool has_body = m->framing != H1_NO_BODY;

    h1_body_init(&c->body, m);
    conn->keep_alive = m->keep_alive;
    c->received_head = true;
    c->received_all = !has_body;
    c->stream.events->on_head(c->stream.ctx, &c->stream, &m->head,
                              has_body ? STREAM_MORE : STREAM_END);
}

/* Each of these functions returns true if digesting goes on. */

static bool digest_head(struct client_conn *conn, str *bytes)
{
    struct h1_conn *c = &conn->c;
    struct h1_message m;

    switch (h1_parse(&c->parser, *bytes, &c->worker->limits, c->worker->headers,
                     (enum http_method)conn->asked, &m)) {
    case H1_MORE:
        conn->starved = true;
        return false;
    case H1_BAD:
        h1_client_fail(conn, STREAM_PROTOCOL_ERROR);
        return false;
    case H1_DONE:
        break;
    }
    *bytes = str_from(*bytes, m.bytes);
    if (m.head.status == 101) {
        h1_client_switch(conn, &m.head);
        return true;
    }
    if (m.head.status >= 200) {
        begin_body(conn, &m);
        return true;
    }
    h1_parser_init(&c->parser, H1_RESPONSE);
    c->stream.events->on_head(c->stream.ctx, &c->stream, &m.head, STREAM_MORE);
    return true;
}

static bool digest_body(struct client_conn *conn, str *bytes)
{
    enum h1_fault fault;

    switch (h1_conn_pull(&conn->c, bytes, &fault)) {
    case H1_PULL_MORE:
        conn->starved = true;
        return false;
    case H1_PULL_BAD:
        h1_client_fail(conn, STREAM_PROTOCOL_ERROR);
        return false;
    case H1_PULL_ENDED:
        return true;
    default:
        return false;
    }
}

static bool digest_once(struct client_conn *conn, str *bytes)
{
    struct h1_conn *c = &conn->c;

    if (c->received_all) {
        conn->surplus |= bytes->n > 0;
        *bytes = STR_NULL;
        return false;
    }
    return c->received_head ? digest_body(conn, bytes) : digest_head(conn, bytes);
}

static void digest(struct client_conn *conn, str *bytes)
{
    struct h1_conn *c = &conn->c;

    conn->starved = false;
    conn->answered |= bytes->n > 0;
    if (bytes->n && !c->sent_head) { /* an answer before the request */
        conn->surplus = true;
        h1_client_fail(conn, conn->reused ? STREAM_REFUSED : STREAM_PROTOCOL_ERROR);
    }
    while (c->leased && !c->dead && digest_once(conn, bytes))
        ;
}

static size_t appetite(const struct client_conn *conn)
{
    const struct h1_conn *c = &conn->c;

    if (conn->state != CLIENT_BUSY || !c->leased || c->dead || c->received_all)
        return 0;
    return c->received_head ? h1_conn_window(c) : H1_READ_BYTES;
}

/* The end of the stream ends a body that has no other end, and nothing else. */
static void ended_by_peer(struct client_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (c->received_head && !c->received_all && c->body.framing == H1_UNTIL_CLOSE) {
        c->received_all = true;
        c->stream.events->on_end(c->stream.ctx, &c->stream, NULL);
    } else {
        lost(conn);
    }
}

static void input(struct client_conn *conn)
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
    if ((c->kept_n == 0 || conn->starved) && appetite(conn)) {
        n = h1_conn_read(c, appetite(conn), &bytes);
        digest(conn, &bytes);
        h1_conn_keep(c, bytes);
    }
    if (c->leased && !c->dead) {
        if (n == 0 && c->failure == 0)
            ended_by_peer(conn);
        else if (n == 0 || (n < 0 && n != -EAGAIN))
            lost(conn);
    }
    c->pumping = false;
    if (n > 0 && c->t.readable && appetite(conn))
        h1_conn_go_on_later(c);
    h1_client_settle(conn);
}

/* --- events --- */

static void after_sending(struct client_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (conn->lingers)
        h1_client_settle(conn);
    else if (h1_conn_take_writable(c))
        c->stream.events->on_writable(c->stream.ctx, &c->stream);
}

/* A peer that broke the connection may have answered before: what it said is still to be read, and
 * behind it the end. */
static void read_last_words(struct client_conn *conn)
{
    conn->c.t.readable = true;
    if (appetite(conn))
        input(conn);
    else if (conn->c.tunnel)
        h1_client_tunnel_broke(conn);
}

void h1_client_run_task(struct loop_task *task)
{
    struct h1_conn *c = container_of(task, struct h1_conn, task);
    struct client_conn *conn = conn_of(c);

    if (conn->failing) {
        conn->failing = false;
        h1_client_fail(conn, (enum stream_reset)conn->why);
    } else if (c->closed) {
        if (!c->leased)
            h1_client_drop(conn);
    } else if (conn->state == CLIENT_BUSY) {
        h1_conn_flush(c);
        if (c->send_failed)
            read_last_words(conn);
        else
            after_sending(conn);
        if (conn->resumes && !c->closed)
            input(conn);
    }
}

static void connected(struct client_conn *conn)
{
    h1_client_move(conn, CLIENT_BUSY);
    conn->c.stream.events->on_open(conn->c.stream.ctx, &conn->c.stream);
}

static void on_dial_event(struct client_conn *conn, unsigned events)
{
    if (events & TRANSPORT_FAILED) {
        if (conn->c.t.error == TRANSPORT_E_TLS)
            h1_client_fail(conn, STREAM_TLS_FAILED);
        else if (conn->proof)
            h1_client_fail(conn, STREAM_CONNECT_FAILED);
        else
            h1_dial_next(conn);
    } else if (h1_dial_is_proven(conn)) {
        connected(conn);
    }
}

static void on_idle_event(struct client_conn *conn, unsigned events)
{
    if (events & (TRANSPORT_FAILED | TRANSPORT_PEER_CLOSED))
        h1_client_close(conn, TRANSPORT_CLOSE);
    else if (events & TRANSPORT_READABLE && !is_silent(conn))
        h1_client_close(conn, TRANSPORT_CLOSE);
}

static void on_busy_event(struct client_conn *conn, unsigned events)
{
    struct h1_conn *c = &conn->c;

    if (events & TRANSPORT_WRITABLE) {
        h1_conn_flush(c);
        after_sending(conn);
    }
    if (conn->state != CLIENT_BUSY)
        return;
    if (events & TRANSPORT_FAILED) {
        h1_conn_note_failure(c);
        read_last_words(conn);
    } else if (events & (TRANSPORT_READABLE | TRANSPORT_PEER_CLOSED)) {
        input(conn);
    }
}

void h1_client_on_transport(struct transport *t, unsigned events)
{
    struct client_conn *conn = conn_of(container_of(t, struct h1_conn, t));

    if (conn->state == CLIENT_CONNECTING) {
        on_dial_event(conn, events);
        events &= ~(unsigned)TRANSPORT_CONNECTED;
    }
    if (conn->state == CLIENT_IDLE)
        on_idle_event(conn, events);
    else if (conn->state == CLIENT_BUSY && !conn->failing)
        on_busy_event(conn, events);
}

void h1_client_on_again(struct deadline *deadline)
{
    struct h1_conn *c = container_of(deadline, struct h1_conn, again);

    if (c->wants_writable)
        h1_conn_defer(c);
    input(conn_of(c));
}

void h1_client_on_deadline(struct deadline *deadline)
{
    struct client_conn *conn = container_of(deadline, struct client_conn, deadline);

    switch (conn->state) {
    case CLIENT_CONNECTING:
        h1_dial_give_up_address(conn);
        h1_client_fail(conn, STREAM_CONNECT_TIMEOUT);
        break;
    case CLIENT_RESOLVING:
        h1_client_fail(conn, STREAM_CONNECT_TIMEOUT);
        break;
    case CLIENT_IDLE:
        h1_client_close(conn, TRANSPORT_CLOSE);
        break;
    case CLIENT_BUSY:
        if (conn->lingers)
            h1_client_close(conn, TRANSPORT_RESET);
        break;
    default:
        break;
    }
}

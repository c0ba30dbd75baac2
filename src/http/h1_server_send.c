#include "http/h1_server.h"
#include "http/h1_write.h"

#include <assert.h>

static struct server_conn *conn_of(struct stream *s)
{
    return container_of(s, struct server_conn, c.stream);
}

/* Whether another request may follow on this connection. A body that is not read yet must be small
 * enough to be thrown away; one that the client holds back, waiting for a 100, may come or not, so
 * nobody can tell where the next request would begin. */
static bool may_stay_open(const struct server_conn *conn)
{
    uint64_t rest = h1_body_rest(&conn->c.body);

    if (!conn->keep_alive || conn->server->draining || conn->waits_continue)
        return false;
    return conn->c.received_all || rest <= H1_DISCARD_BYTES || conn->c.body.framing == H1_CHUNKED;
}

static void send_informational(struct server_conn *conn, const struct http_head *head)
{
    struct h1_answering answering = {.version = conn->version, .keep_alive = true};

    if (conn->version < 11 || (head->status == 100 && !conn->waits_continue))
        return;
    if (head->status == 100)
        conn->waits_continue = false;
    buf_clear(&conn->c.worker->text);
    h1_write_response(&conn->c.worker->text, head, STREAM_END, &answering);
    h1_conn_put_text(&conn->c);
    h1_conn_flush(&conn->c);
    h1_conn_defer(&conn->c);
}

/* What the client has sent behind its request was kept, or waits in the kernel. */
static void switch_protocols(struct server_conn *conn, const struct http_head *head)
{
    struct h1_answering answering = {.version = conn->version, .keep_alive = true};
    struct http_head switching = *head;

    assert(conn->upgrade);
    switching.upgrade = (enum http_upgrade)conn->upgrade;
    buf_clear(&conn->c.worker->text);
    h1_write_response(&conn->c.worker->text, &switching, STREAM_MORE, &answering);
    h1_conn_put_text(&conn->c);
    h1_tunnel_begin(&conn->c);
    conn->keep_alive = conn->starved = false;
    conn->waits_for = WAIT_NOTHING;
    conn->resumes = true;
}

static void send_head(struct stream *s, const struct http_head *head, enum stream_end end)
{
    struct server_conn *conn = conn_of(s);
    struct h1_conn *c = &conn->c;
    struct h1_answering answering = {
        .method = conn->method,
        .version = conn->version,
        .keep_alive = may_stay_open(conn),
        .date = h1_server_date(conn->server),
    };
    enum h1_framing framing;

    if (c->dead || c->send_failed)
        return;
    assert(!c->sent_head);
    if (head->status == 101) {
        switch_protocols(conn, head);
        return;
    }
    if (head->status < 200) {
        send_informational(conn, head);
        return;
    }
    buf_clear(&c->worker->text);
    framing = h1_write_response(&c->worker->text, head, end, &answering);
    conn->keep_alive = answering.keep_alive;
    h1_conn_begin_message(c, framing, head->content_length, end);
}

static size_t write_body(struct stream *s, const struct iovec *iov, int n, enum stream_end end)
{
    return h1_conn_write(&conn_of(s)->c, iov, n, end);
}

static void send_trailers(struct stream *s, const struct http_head *trailers)
{
    h1_conn_write_trailers(&conn_of(s)->c, trailers);
}

static void flush(struct stream *s)
{
    h1_conn_release_head(&conn_of(s)->c);
}

static void consume(struct stream *s, size_t n)
{
    struct server_conn *conn = conn_of(s);

    if (h1_conn_consumed(&conn->c, n) && !conn->c.dead) {
        conn->resumes = true;
        h1_conn_defer(&conn->c);
    }
}

static void release(struct stream *s)
{
    struct server_conn *conn = conn_of(s);
    struct h1_conn *c = &conn->c;

    assert(c->leased);
    c->leased = false;
    if (c->closed)
        h1_conn_defer(c);
    else if (!c->sent_all || !c->pumping)
        h1_server_settle(conn);
}

const struct stream_ops h1_server_ops = {
    .send_head = send_head,
    .write = write_body,
    .send_trailers = send_trailers,
    .flush = flush,
    .consume = consume,
    .release = release,
};

void http_server_continue(struct stream *s)
{
    struct server_conn *conn = conn_of(s);
    struct http_head head = {.status = 100};

    if (conn->c.dead || conn->c.send_failed || conn->c.sent_head || !conn->waits_continue)
        return;
    send_informational(conn, &head);
    h1_server_wait(conn, WAIT_BODY);
}

void h1_server_refuse(struct server_conn *conn, unsigned status, str detail)
{
    struct http_server *server = conn->server;
    struct h1_conn *c = &conn->c;
    struct http_header headers[2] = {{.name = STR("Content-Type"),
                                      .value = STR("application/json"),
                                      .id = HTTP_HEADER_CONTENT_TYPE}};
    struct http_head head = {.status = status, .headers = headers, .n_headers = 1};
    struct h1_answering answering = {
        .method = conn->method, .version = 11, .date = h1_server_date(server)};

    if (c->sent_head) {
        h1_server_start_closing(conn);
        return;
    }
    buf_clear(&server->body);
    server->handler->on_bad_request(server->ctx, status, detail, &server->body);
    head.content_length = (int64_t)server->body.n;
    if (server->handler->make_request_id)
        headers[head.n_headers++] =
            (struct http_header){.name = STR("x-request-id"),
                                 .value = server->handler->make_request_id(server->ctx),
                                 .id = HTTP_HEADER_X_REQUEST_ID};
    buf_clear(&c->worker->text);
    if (h1_write_response(&c->worker->text, &head, STREAM_MORE, &answering) != H1_NO_BODY)
        buf_put_str(&c->worker->text, buf_str(&server->body));
    h1_conn_put_text(c);
    c->sent_head = c->sent_all = true;
    conn->client_closes = false;
    h1_server_start_closing(conn);
}

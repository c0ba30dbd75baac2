#include "http/h1_client.h"
#include "http/h1_write.h"

#include <assert.h>

static struct client_conn *conn_of(struct stream *s)
{
    return container_of(s, struct client_conn, c.stream);
}

static void send_head(struct stream *s, const struct http_head *head, enum stream_end end)
{
    struct client_conn *conn = conn_of(s);
    struct h1_conn *c = &conn->c;
    enum h1_framing framing;

    if (c->dead || c->send_failed)
        return;
    assert(conn->state == CLIENT_BUSY && !c->sent_head);
    assert(!head->upgrade || end == STREAM_END);
    buf_clear(&c->worker->text);
    conn->asked = (uint8_t)head->method;
    conn->upgrade = (uint8_t)head->upgrade;
    if (h1_write_request(&c->worker->text, head, end, &framing) < 0) {
        h1_client_fail_later(conn, STREAM_PROTOCOL_ERROR);
        return;
    }
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
    struct client_conn *conn = conn_of(s);

    if (h1_conn_consumed(&conn->c, n) && !conn->c.dead) {
        conn->resumes = true;
        h1_conn_defer(&conn->c);
    }
}

static void release(struct stream *s)
{
    struct client_conn *conn = conn_of(s);
    struct h1_conn *c = &conn->c;
    bool ended = (c->sent_all && (c->received_all || c->tunnel)) || h1_client_is_unused(conn);

    assert(c->leased);
    c->leased = false;
    conn->failing = false;
    if (c->closed)
        h1_conn_defer(c);
    else if (conn->state != CLIENT_BUSY || c->dead || !ended)
        h1_client_close(conn, TRANSPORT_RESET);
    else if (!c->pumping)
        h1_client_settle(conn);
}

const struct stream_ops h1_client_ops = {
    .send_head = send_head,
    .write = write_body,
    .send_trailers = send_trailers,
    .flush = flush,
    .consume = consume,
    .release = release,
};

/*
 * The server object: its connections, its drain, its end. What a connection does is in h1_server.c.
 */

#include "http/server.h"

#include "http/h1_server.h"
#include "http/h1_write.h"

#include <assert.h>

struct http_server *http_server_new(struct loop *loop, const struct http_server_limits *limits,
                                    const struct http_server_handler *handler, void *ctx)
{
    struct http_server *server = mem_zalloc(sizeof(*server));

    h1_worker_init(&server->worker, loop, (struct h1_limits){limits->head_bytes, limits->headers});
    server->limits = *limits;
    server->handler = handler;
    server->ctx = ctx;
    server->date_second = -1;
    list_init(&server->connections);
    buf_init(&server->body, 0);
    return server;
}

void http_server_set_limits(struct http_server *server, const struct http_server_limits *limits)
{
    h1_worker_set_limits(&server->worker, (struct h1_limits){limits->head_bytes, limits->headers});
    server->limits = *limits;
}

static void free_if_empty(struct http_server *server)
{
    if (!server->freed || server->n_connections)
        return;
    h1_worker_deinit(&server->worker);
    buf_deinit(&server->body);
    mem_free(server);
}

void http_server_free(struct http_server *server)
{
    if (!server)
        return;
    server->freed = true;
    list_for_each_safe (node, &server->connections) {
        struct server_conn *conn = list_entry(node, struct server_conn, link);

        h1_server_close(conn, TRANSPORT_CLOSE, STREAM_CANCELLED);
    }
    free_if_empty(server);
}

void http_server_accept(struct http_server *server, int fd, struct tls_server *tls)
{
    struct server_conn *conn = mem_zalloc(sizeof(*conn));
    struct h1_conn *c = &conn->c;

    conn->server = server;
    c->worker = &server->worker;
    c->task.run = h1_server_run_task;
    c->again.on_expire = h1_server_on_again;
    conn->patience.on_expire = h1_server_on_patience;
    conn->stalled.on_expire = h1_server_on_stalled;
    h1_conn_reset(c, H1_REQUEST);
    if (transport_accept(&c->t, server->worker.loop, fd, tls, h1_server_on_transport) < 0) {
        mem_free(conn);
        return;
    }
    list_append(&server->connections, &conn->link);
    server->n_connections++;
    h1_server_wait(conn, c->t.connected ? WAIT_REQUEST : WAIT_HANDSHAKE);
}

void h1_server_drop(struct server_conn *conn)
{
    struct http_server *server = conn->server;

    assert(!deadline_is_set(&conn->patience) && !deadline_is_set(&conn->stalled));
    list_remove(&conn->link);
    server->n_connections--;
    mem_free(conn);
    free_if_empty(server);
}

void http_server_drain(struct http_server *server, int64_t idle_ms)
{
    server->draining = true;
    server->drain_idle_ms = idle_ms;
    list_for_each (node, &server->connections) {
        struct server_conn *conn = list_entry(node, struct server_conn, link);

        if (conn->waits_for == WAIT_REQUEST)
            h1_server_wait(conn, WAIT_REQUEST);
    }
}

size_t http_server_connections(const struct http_server *server)
{
    return server->n_connections;
}

str h1_server_date(struct http_server *server)
{
    int64_t wall_ns = loop_wall_ns(server->worker.loop);

    if (wall_ns / NS_PER_S != server->date_second) {
        server->date_second = wall_ns / NS_PER_S;
        h1_format_date(wall_ns, server->date);
    }
    return str_make(server->date, H1_DATE_BYTES);
}

static struct server_conn *conn_of(struct stream *s)
{
    return container_of(s, struct server_conn, c.stream);
}

void http_server_peer_text(struct stream *s, char *ret_text)
{
    transport_peer_text(&conn_of(s)->c.t, ret_text);
}

str http_server_name(struct stream *s)
{
    return transport_server_name(&conn_of(s)->c.t);
}

int http_server_descriptor(struct stream *s)
{
    return conn_of(s)->c.t.io.fd;
}

void *http_server_scratch(struct stream *s)
{
    return conn_of(s)->scratch;
}

/*
 * From an origin to a connection: look the name up, connect, shake hands, all within the deadline
 * that the caller of upstream_open gave. Only a failure to connect tries another address: once TLS
 * has failed, other addresses of the same name would fail alike.
 */

#include "http/h1_client.h"

#include <errno.h>

static void connect_to(struct client_conn *conn)
{
    const struct upstream_origin *origin = conn->origin;
    int r;

    h1_client_move(conn, CLIENT_CONNECTING);
    conn->c.t = (struct transport){0};
    conn->tries++;
    r = transport_connect(&conn->c.t, conn->c.worker->loop, &conn->address, origin->tls,
                          origin->host, h1_client_on_transport);
    if (r < 0)
        h1_dial_next(conn);
}

static void on_resolved(struct resolver_query *query, const struct net_address *address)
{
    struct client_conn *conn = container_of(query, struct client_conn, query);

    if (!address) {
        h1_client_fail_later(conn, STREAM_CONNECT_FAILED);
        return;
    }
    conn->address = *address;
    connect_to(conn);
}

void h1_dial(struct client_conn *conn)
{
    const struct upstream_origin *origin = conn->origin;
    int r;

    conn->query.on_done = on_resolved;
    if (origin->unix_path.n)
        r = net_address_from_path(origin->unix_path, &conn->address) == 0 ? 1 : -EINVAL;
    else
        r = resolver_lookup(conn->pools->resolver, origin->host, origin->port, &conn->query,
                            &conn->address);
    if (r > 0)
        connect_to(conn);
    else if (r < 0)
        h1_client_fail_later(conn, STREAM_CONNECT_FAILED);
}

void h1_dial_give_up_address(struct client_conn *conn)
{
    if (transport_is_open(&conn->c.t))
        transport_close(&conn->c.t, TRANSPORT_RESET);
    if (!conn->origin->unix_path.n)
        resolver_report_failure(conn->pools->resolver, conn->origin->host, &conn->address);
}

void h1_dial_next(struct client_conn *conn)
{
    struct net_address failed = conn->address;
    const struct upstream_origin *origin = conn->origin;

    h1_dial_give_up_address(conn);
    if (conn->tries < H1_DIAL_TRIES && !origin->unix_path.n &&
        resolver_lookup(conn->pools->resolver, origin->host, origin->port, &conn->query,
                        &conn->address) == 1 &&
        !net_address_eq(&failed, &conn->address)) {
        connect_to(conn);
        return;
    }
    resolver_cancel(&conn->query);
    h1_client_fail_later(conn, STREAM_CONNECT_FAILED);
}

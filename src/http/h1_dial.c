/*
 * From an origin to a connection: look the name up, connect, shake hands, all within the deadline
 * that the caller of upstream_open gave. Only a failure to connect tries another address: once TLS
 * has failed, other addresses of the same name would fail alike. A peer that has to prove who it is
 * (identity.h) does so before the connection is told to be open: no byte of a request is there
 * before that.
 */

#include "base/log.h"
#include "http/h1_client.h"
#include "net/networks.h"

#include <errno.h>

/* What a name stands for is known here only, and only here is it known to be what is dialled. */
static bool may_dial(const struct client_conn *conn)
{
    const char *what = networks_refuse(conn->origin->networks, &conn->address);
    char text[NET_ADDRESS_TEXT];

    if (!what)
        return true;
    net_address_format(&conn->address, text);
    log_event(LOG_WARN, "address_refused", LOG_STR("host", conn->origin->host),
              LOG_STR("address", str_of(text)), LOG_STR("why", str_of(what)));
    return false;
}

static void connect_to(struct client_conn *conn)
{
    const struct upstream_origin *origin = conn->origin;
    int r = -EACCES;

    h1_client_move(conn, CLIENT_CONNECTING);
    conn->c.t = (struct transport){0};
    conn->tries++;
    if (may_dial(conn))
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

static bool send_challenge(struct client_conn *conn)
{
    char line[IDENTITY_CHALLENGE_BYTES];
    const struct iovec iov = {line, sizeof(line)};

    conn->proof = mem_zalloc(sizeof(*conn->proof));
    /* Nothing was written to this socket before, so it takes a line. */
    return identity_challenge(conn->origin->identity, line, conn->proof->expected) == 0 &&
           transport_writev(&conn->c.t, &iov, 1) == (ssize_t)sizeof(line);
}

/* Reads the proof and not a byte more: what follows belongs to the first exchange. */
static ssize_t read_proof(struct client_conn *conn)
{
    struct client_proof *proof = conn->proof;
    ssize_t n = -EAGAIN;

    while (proof->n < sizeof(proof->got) && conn->c.t.readable) {
        n = transport_read(&conn->c.t, proof->got + proof->n, sizeof(proof->got) - proof->n);
        if (n <= 0)
            return n;
        proof->n += (size_t)n;
    }
    return n;
}

bool h1_dial_is_proven(struct client_conn *conn)
{
    struct client_proof *proof;
    ssize_t n;

    if (conn->origin->identity.n == 0)
        return true;
    if (!conn->proof && !send_challenge(conn)) {
        h1_client_fail(conn, STREAM_CONNECT_FAILED);
        return false;
    }
    proof = conn->proof;
    n = read_proof(conn);
    if (proof->n < sizeof(proof->got)) {
        if (n != -EAGAIN && n <= 0)
            h1_client_fail(conn, STREAM_CONNECT_FAILED);
        return false;
    }
    if (!identity_proves(proof->expected, str_make(proof->got, proof->n))) {
        h1_client_fail(conn, STREAM_CONNECT_FAILED);
        return false;
    }
    mem_free(TAKE(conn->proof));
    return true;
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

#include "http/h1_client.h"

void h1_client_switch(struct client_conn *conn, const struct http_head *head)
{
    struct h1_conn *c = &conn->c;

    if (conn->upgrade == HTTP_UPGRADE_NONE || conn->upgrade != head->upgrade) {
        h1_client_fail(conn, STREAM_PROTOCOL_ERROR);
        return;
    }
    conn->keep_alive = false;
    h1_tunnel_begin(c);
    c->stream.events->on_head(c->stream.ctx, &c->stream, head, STREAM_MORE);
}

void h1_client_linger(struct client_conn *conn)
{
    struct h1_conn *c = &conn->c;

    h1_conn_flush(c);
    c->received_all = c->received_all || h1_tunnel_skim(c);
    if (c->send_failed || c->t.error || (c->received_all && c->out.n == 0)) {
        h1_client_close(conn, TRANSPORT_CLOSE);
        return;
    }
    if (!conn->lingers)
        deadline_set(c->worker->loop, &conn->deadline, H1_LINGER_MS);
    conn->lingers = true;
}

void h1_client_tunnel_broke(struct client_conn *conn)
{
    struct h1_conn *c = &conn->c;

    if (!c->leased)
        h1_client_settle(conn);
    else if (c->received_all && !c->sent_all)
        h1_client_fail(conn, STREAM_PEER_CLOSED);
}

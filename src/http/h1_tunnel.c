#include "http/h1_tunnel.h"

#include <errno.h>

enum { SKIMMED_BYTES = 4096 };

void h1_tunnel_begin(struct h1_conn *c)
{
    c->body = (struct h1_body){.framing = H1_UNTIL_CLOSE};
    c->send_framing = H1_UNTIL_CLOSE;
    c->tunnel = true;
    c->received_head = c->sent_head = true;
    c->received_all = c->sent_all = false;
    h1_conn_defer(c);
}

void h1_tunnel_end_input(struct h1_conn *c)
{
    if (!c->leased || c->dead || c->received_all)
        return;
    c->received_all = true;
    c->stream.events->on_end(c->stream.ctx, &c->stream, NULL);
}

/* Not into the worker's buffer: another connection may be digesting from it. */
bool h1_tunnel_skim(struct h1_conn *c)
{
    char bytes[SKIMMED_BYTES];
    size_t budget = H1_TURN_BYTES;

    while (budget && c->t.readable) {
        ssize_t n = transport_read(&c->t, bytes, sizeof(bytes));

        if (n == -EAGAIN)
            return false;
        if (n <= 0)
            return true;
        budget -= (size_t)n < budget ? (size_t)n : budget;
    }
    if (c->t.readable)
        h1_conn_go_on_later(c);
    return false;
}

#include "http/h1_tunnel.h"

#include "base/clock.h"

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

void h1_tunnel_limit(struct h1_conn *c, int64_t idle_ms, int64_t lifetime_ms)
{
    c->limited_ns = loop_now_ns(c->worker->loop);
    c->idle_ms = idle_ms;
    c->lifetime_ms = lifetime_ms;
}

/* The last turn in which bytes were read or sent is known anyway. */
int64_t h1_tunnel_rest_ms(const struct h1_conn *c)
{
    int64_t now_ns = loop_now_ns(c->worker->loop), rest_ns = INT64_MAX;
    int64_t active_ns = c->turn_ns > c->limited_ns ? c->turn_ns : c->limited_ns;

    if (c->idle_ms)
        rest_ns = active_ns + c->idle_ms * NS_PER_MS - now_ns;
    if (c->lifetime_ms && c->limited_ns + c->lifetime_ms * NS_PER_MS - now_ns < rest_ns)
        rest_ns = c->limited_ns + c->lifetime_ms * NS_PER_MS - now_ns;
    if (rest_ns == INT64_MAX)
        return -1;
    return rest_ns > 0 ? (rest_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
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

#include "plane/relay.h"

#include "http/identity.h"
#include "net/transport.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { EDGE, PROCESS };
enum { BROKEN_LOOK_MS = 5, BROKEN_LOOKS = 400 };

enum connection_state { CHALLENGED, CONNECTING, OPEN, BROKEN };

/* Bytes that came from one side. */
struct half {
    char *kept; /* what the other side has not taken */
    size_t at, n;
    bool ended; /* the side says nothing more */
    bool shut;  /* and the other one knows */
};

struct connection {
    struct relay *relay;
    struct list link;
    struct transport t[2];
    struct half from[2];
    enum connection_state state;
    struct deadline deadline;
    struct deadline again; /* there is more, but others want to be served */
    struct loop_task task;
    uint8_t challenge_n;
    uint16_t looks;
    bool closed;
    char challenge[IDENTITY_CHALLENGE_BYTES];
};

static void free_connection(struct loop_task *task)
{
    struct connection *c = container_of(task, struct connection, task);
    struct relay *r = c->relay;

    mem_free(c->from[EDGE].kept);
    mem_free(c->from[PROCESS].kept);
    mem_free(c);
    r->n--;
    if (r->n == 0 && r->closing)
        r->on_empty(r);
}

static void end(struct connection *c, enum transport_close how)
{
    if (c->closed)
        return;
    c->closed = true;
    deadline_cancel(&c->deadline);
    deadline_cancel(&c->again);
    for (int side = 0; side < 2; side++) {
        if (transport_is_open(&c->t[side]))
            transport_close(&c->t[side], how);
    }
    list_remove(&c->link);
    loop_defer(c->relay->loop, &c->task);
}

/* --- passing bytes on */

static void keep(struct half *h, str rest)
{
    /* The other side is slow: what it did not take has to stay somewhere, until it does. */
    h->kept = mem_alloc(rest.n);
    memcpy(h->kept, rest.p, rest.n);
    h->at = 0;
    h->n = rest.n;
}

/* Bytes that are left, or a negative errno. */
static ssize_t give(struct transport *to, const char *p, size_t n)
{
    const struct iovec iov = {(char *)(uintptr_t)p, n};
    ssize_t taken = transport_writev(to, &iov, 1);

    if (taken == -EAGAIN)
        return (ssize_t)n;
    return taken < 0 ? taken : (ssize_t)n - taken;
}

enum flow { FLOW_STOPS, FLOW_GOES_ON, FLOW_FAILED };

static enum flow give_kept(struct half *h, struct transport *to)
{
    if (!h->kept)
        return FLOW_GOES_ON;
    ssize_t left =
        to->wants_writable ? (ssize_t)(h->n - h->at) : give(to, h->kept + h->at, h->n - h->at);
    if (left < 0)
        return FLOW_FAILED;
    h->at = h->n - (size_t)left;
    if (left)
        return FLOW_STOPS;
    mem_free(TAKE(h->kept));
    return FLOW_GOES_ON;
}

static enum flow pass_once(struct connection *c, int side, size_t *budget)
{
    struct half *h = &c->from[side];
    struct transport *from = &c->t[side], *to = &c->t[!side];
    enum flow flow = give_kept(h, to);

    if (flow != FLOW_GOES_ON)
        return flow;
    if (h->ended) {
        if (!h->shut)
            transport_shutdown(to);
        h->shut = true;
        return FLOW_STOPS;
    }
    if (!from->readable)
        return FLOW_STOPS;
    ssize_t n = transport_read(from, c->relay->scratch, RELAY_READ_BYTES);
    if (n == -EAGAIN)
        return FLOW_STOPS;
    /* What looks like an end behind a reset is none: the error was taken from the socket before. */
    if (n < 0 || (n == 0 && from->error))
        return FLOW_FAILED;
    if (n == 0) {
        h->ended = true;
        return FLOW_GOES_ON;
    }
    *budget -= *budget < (size_t)n ? *budget : (size_t)n;
    ssize_t left = give(to, c->relay->scratch, (size_t)n);
    if (left < 0)
        return FLOW_FAILED;
    if (left)
        keep(h, str_make(c->relay->scratch + (n - left), (size_t)left));
    return FLOW_GOES_ON;
}

static enum flow pass(struct connection *c, int side)
{
    size_t budget = RELAY_TURN_BYTES;
    enum flow flow = FLOW_GOES_ON;

    while (flow == FLOW_GOES_ON && budget)
        flow = pass_once(c, side, &budget);
    if (flow == FLOW_GOES_ON)
        deadline_set(c->relay->loop, &c->again, 0);
    return flow;
}

/* What the edge's kernel has not got yet is lost with a reset, so that waits until it has all. */
static void look_after_broken(struct connection *c)
{
    int unsent = 0;
    bool moves = transport_is_open(&c->t[EDGE]) && !c->t[EDGE].error &&
                 give_kept(&c->from[PROCESS], &c->t[EDGE]) != FLOW_FAILED;

    if (moves && ++c->looks < BROKEN_LOOKS &&
        (c->from[PROCESS].kept || (ioctl(c->t[EDGE].io.fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)))
        deadline_set(c->relay->loop, &c->deadline, BROKEN_LOOK_MS);
    else
        end(c, TRANSPORT_RESET);
}

static void broken_by_process(struct connection *c)
{
    size_t budget = SIZE_MAX;

    c->state = BROKEN;
    while (!c->from[PROCESS].kept && c->t[PROCESS].readable &&
           pass_once(c, PROCESS, &budget) == FLOW_GOES_ON)
        ;
    transport_close(&c->t[PROCESS], TRANSPORT_RESET);
    look_after_broken(c);
}

static void serve(struct connection *c)
{
    struct transport *t = c->t;
    bool fails;

    if (t[EDGE].error) {
        end(c, TRANSPORT_RESET);
        return;
    }
    fails = pass(c, EDGE) == FLOW_FAILED;
    fails |= pass(c, PROCESS) == FLOW_FAILED;
    if (t[EDGE].error)
        end(c, TRANSPORT_RESET);
    else if (fails || t[PROCESS].error)
        broken_by_process(c);
    else if (c->from[EDGE].shut && c->from[PROCESS].shut)
        end(c, TRANSPORT_CLOSE);
}

/* --- the beginning */

/* The process is there: now the edge may know who this is. */
static void prove(struct connection *c)
{
    char proof[IDENTITY_PROOF_BYTES];
    str challenge = str_make(c->challenge, c->challenge_n);

    if (identity_answer(str_of(c->relay->identity), challenge, proof) != IDENTITY_DONE ||
        give(&c->t[EDGE], proof, sizeof(proof)) != 0) {
        end(c, TRANSPORT_RESET);
        return;
    }
    c->state = OPEN;
    deadline_cancel(&c->deadline);
    serve(c);
}

static void on_process(struct transport *t, unsigned events)
{
    struct connection *c = container_of(t, struct connection, t[PROCESS]);

    if (c->state == OPEN)
        serve(c);
    else if (c->state == CONNECTING && events & TRANSPORT_FAILED)
        end(c, TRANSPORT_RESET);
    else if (c->state == CONNECTING && events & TRANSPORT_CONNECTED)
        prove(c);
}

static void connect_to_process(struct connection *c)
{
    struct net_address to;
    int r = net_address_from_ip(STR("127.0.0.1"), c->relay->to_port, &to);

    c->state = CONNECTING;
    if (r == 0)
        r = transport_connect(&c->t[PROCESS], c->relay->loop, &to, NULL, STR_NULL, on_process);
    if (r < 0)
        end(c, TRANSPORT_RESET);
}

static void hear_challenge(struct connection *c)
{
    char proof[IDENTITY_PROOF_BYTES];

    while (c->challenge_n < sizeof(c->challenge) && c->t[EDGE].readable) {
        ssize_t n = transport_read(&c->t[EDGE], c->challenge + c->challenge_n,
                                   sizeof(c->challenge) - c->challenge_n);

        if (n == -EAGAIN)
            return;
        if (n <= 0) {
            end(c, TRANSPORT_RESET);
            return;
        }
        c->challenge_n = (uint8_t)(c->challenge_n + n);
    }
    switch (identity_answer(str_of(c->relay->identity), str_make(c->challenge, c->challenge_n),
                            proof)) {
    case IDENTITY_MORE:
        break;
    case IDENTITY_BAD:
        end(c, TRANSPORT_RESET);
        break;
    case IDENTITY_DONE:
        connect_to_process(c);
        break;
    }
}

static void on_edge(struct transport *t, unsigned events)
{
    struct connection *c = container_of(t, struct connection, t[EDGE]);

    if (c->state == OPEN)
        serve(c);
    else if (c->state == BROKEN)
        look_after_broken(c);
    else if (events & TRANSPORT_FAILED)
        end(c, TRANSPORT_RESET);
    else if (c->state == CHALLENGED)
        hear_challenge(c);
}

static void on_deadline(struct deadline *d)
{
    struct connection *c = container_of(d, struct connection, deadline);

    if (c->state == BROKEN)
        look_after_broken(c);
    else
        end(c, TRANSPORT_RESET);
}

static void on_again(struct deadline *d)
{
    serve(container_of(d, struct connection, again));
}

static void on_accept(struct listener *l, int fd)
{
    struct relay *r = l->ctx;
    struct connection *c;

    if (r->service == RELAY_REFUSES) {
        close(fd);
        return;
    }
    c = mem_zalloc(sizeof(*c));
    c->relay = r;
    c->task.run = free_connection;
    c->deadline.on_expire = on_deadline;
    c->again.on_expire = on_again;
    if (transport_accept(&c->t[EDGE], r->loop, fd, NULL, on_edge) < 0) {
        mem_free(c);
        return;
    }
    list_append(&r->connections, &c->link);
    r->n++;
    r->accepted++;
    deadline_set(r->loop, &c->deadline, RELAY_CHALLENGE_MS);
}

int relay_init(struct relay *r, struct loop *loop, uint16_t port, uint16_t to_port, str identity,
               relay_fn on_empty)
{
    struct net_address at;
    int result = identity.n < sizeof(r->identity) ? 0 : -EINVAL;

    if (result == 0)
        result = net_address_from_ip(STR("127.0.0.1"), port, &at);
    if (result == 0)
        result = listen_on(&at, LISTEN_ALONE, &r->listening_fd);
    if (result < 0)
        return result;
    result = listener_start(&r->listener, loop, r->listening_fd, on_accept, r);
    if (result < 0) {
        close(r->listening_fd);
        return result;
    }
    r->loop = loop;
    r->to_port = to_port;
    r->service = RELAY_REFUSES;
    r->on_empty = on_empty;
    memcpy(r->identity, identity.p, identity.n);
    list_init(&r->connections);
    r->scratch = mem_alloc(RELAY_READ_BYTES);
    return 0;
}

void relay_set_service(struct relay *r, enum relay_service service)
{
    r->service = service;
}

static void stop_listening(struct relay *r)
{
    if (r->listening_fd < 0)
        return;
    listener_stop(&r->listener);
    close(r->listening_fd);
    r->listening_fd = -1;
}

void relay_close(struct relay *r)
{
    stop_listening(r);
    r->closing = true;
}

void relay_break(struct relay *r)
{
    list_for_each_safe (node, &r->connections)
        end(list_entry(node, struct connection, link), TRANSPORT_RESET);
}

void relay_deinit(struct relay *r)
{
    if (!r->loop)
        return;
    stop_listening(r);
    r->closing = false;
    relay_break(r);
    mem_free(TAKE(r->scratch));
    OPENSSL_cleanse(r->identity, sizeof(r->identity));
}

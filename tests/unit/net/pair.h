#pragma once

/* Two transports that are connected to each other on one loop, and record what they hear. */

#include "test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "net/listener.h"
#include "net/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct end {
    struct transport t;
    unsigned heard;    /* all events so far */
    unsigned writable; /* how often */
    bool reads;        /* whenever it can */
    bool at_eof;
    int failure; /* of a read */
    struct buf got;
};

struct pair {
    struct loop *loop;
    struct end client, server;
    struct listener listener;
    int listening_fd;
    struct net_address address;
    struct tls_server *tls_server;
    unsigned accepted;
};

static inline void end_read(struct end *e)
{
    char bytes[5000];

    while (e->t.readable && !e->at_eof) {
        ssize_t n = transport_read(&e->t, bytes, sizeof(bytes));

        if (n == -EAGAIN)
            return;
        if (n > 0) {
            buf_put(&e->got, bytes, (size_t)n);
            continue;
        }
        e->at_eof = true;
        e->failure = (int)n;
    }
}

static inline void end_on_event(struct transport *t, unsigned events)
{
    struct end *e = container_of(t, struct end, t);

    e->heard |= events;
    e->writable += events & TRANSPORT_WRITABLE ? 1 : 0;
    if (e->reads && events & (TRANSPORT_READABLE | TRANSPORT_PEER_CLOSED | TRANSPORT_FAILED))
        end_read(e);
}

static inline void pair_on_accept(struct listener *l, int fd)
{
    struct pair *p = container_of(l, struct pair, listener);

    p->accepted++;
    CHECK_INT(transport_accept(&p->server.t, p->loop, fd, p->tls_server, end_on_event), 0);
}

static inline void pair_listen(struct pair *p, const struct net_address *address)
{
    *p = (struct pair){.loop = loop_new(), .address = *address};
    p->client.reads = p->server.reads = true;
    buf_init(&p->client.got, 0);
    buf_init(&p->server.got, 0);
    CHECK_INT(listen_on(address, LISTEN_ALONE, &p->listening_fd), 0);
    CHECK_INT(listener_start(&p->listener, p->loop, p->listening_fd, pair_on_accept, NULL), 0);
    if (address->any.sa_family != AF_UNIX)
        CHECK_INT(net_address_of_socket(p->listening_fd, &p->address), 0);
}

static inline void pair_listen_tcp(struct pair *p)
{
    struct net_address any;

    CHECK_INT(net_address_from_ip(STR("127.0.0.1"), 0, &any), 0);
    pair_listen(p, &any);
}

static inline void end_deinit(struct end *e)
{
    transport_close(&e->t, TRANSPORT_CLOSE);
    buf_deinit(&e->got);
}

static inline void pair_deinit(struct pair *p)
{
    end_deinit(&p->client);
    end_deinit(&p->server);
    listener_stop(&p->listener);
    close(p->listening_fd);
    loop_free(p->loop);
}

/* Turns the loop until the condition holds; the deadline is for broken code only. */
#define TURN_UNTIL(loop, condition)                                                                \
    do {                                                                                           \
        for (int turns_ = 0; !(condition) && turns_ < 2000; turns_++)                              \
            loop_turn(loop, 5);                                                                    \
        CHECK(condition);                                                                          \
    } while (0)

/* Lets everything happen that is on its way already. */
static inline void settle(struct loop *loop)
{
    for (int i = 0; i < 10; i++)
        loop_turn(loop, 1);
}

static inline ssize_t end_write(struct end *e, str bytes)
{
    struct iovec iov = {(char *)bytes.p, bytes.n};

    return transport_writev(&e->t, &iov, 1);
}

/* A recognisable stream of bytes. */
static inline void fill_pattern(char *to, size_t n, size_t offset)
{
    for (size_t i = 0; i < n; i++)
        to[i] = (char)(((offset + i) * 2654435761u) >> 13);
}

static inline bool is_pattern(str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        if (bytes.p[i] != (char)((i * 2654435761u) >> 13))
            return false;
    return true;
}

/* Writes `total` pattern bytes in slices of changing sizes, regardless of what was offered before
 * and not taken; returns how often a write was short. */
static inline unsigned pump(struct pair *p, struct end *from, struct end *to, size_t total)
{
    static char bytes[100000];
    size_t sent = 0;
    unsigned refused = 0;

    for (size_t step = 1; to->got.n < total && !to->failure; step++) {
        size_t n = 1 + (step * 7919) % sizeof(bytes), cut;
        struct iovec iov[3];

        n = n < total - sent ? n : total - sent;
        fill_pattern(bytes, n, sent);
        cut = n / 5;
        iov[0] = (struct iovec){bytes, cut};
        iov[1] = (struct iovec){bytes + cut, 0};
        iov[2] = (struct iovec){bytes + cut, n - cut};
        if (n && !from->t.wants_writable) {
            ssize_t done = transport_writev(&from->t, iov, 3);

            CHECK(done > 0 || done == -EAGAIN);
            refused += (size_t)done != n;
            sent += done > 0 ? (size_t)done : 0;
        }
        /* Read only when the way is full, so that it fills. */
        if (from->t.wants_writable || sent == total) {
            end_read(to);
            loop_turn(p->loop, 1);
        }
    }
    return refused;
}

#include "net/dns.h"

#include <netdb.h>

struct dns {
    struct loop *loop;
    ares_channel channel;
    struct list sockets; /* struct dns_socket.link */
    struct deadline timeout;
};

struct dns_socket {
    struct list link;
    struct loop_io io;
    struct dns *dns;
};

static void set_timeout(struct dns *d)
{
    struct timeval room, *until = ares_timeout(d->channel, NULL, &room);

    if (until)
        deadline_set(d->loop, &d->timeout, until->tv_sec * 1000 + until->tv_usec / 1000 + 1);
    else
        deadline_cancel(&d->timeout);
}

static void on_timeout(struct deadline *deadline)
{
    struct dns *d = container_of(deadline, struct dns, timeout);

    ares_process_fd(d->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    set_timeout(d);
}

static void on_socket_event(struct loop_io *io, uint32_t events)
{
    struct dns *d = container_of(io, struct dns_socket, io)->dns;
    ares_socket_t fd = io->fd;
    bool broken = events & (EPOLLERR | EPOLLHUP);

    /* It may close the socket, and so free `io`. */
    ares_process_fd(d->channel, broken || (events & EPOLLIN) ? fd : ARES_SOCKET_BAD,
                    broken || (events & EPOLLOUT) ? fd : ARES_SOCKET_BAD);
    set_timeout(d);
}

static struct dns_socket *find_socket(struct dns *d, ares_socket_t fd)
{
    list_for_each (node, &d->sockets) {
        struct dns_socket *s = list_entry(node, struct dns_socket, link);

        if (s->io.fd == fd)
            return s;
    }
    return NULL;
}

static void forget_socket(struct dns_socket *s)
{
    loop_remove(s->dns->loop, &s->io);
    list_remove(&s->link);
    mem_free(s);
}

/* Called by c-ares when a socket is new, wants something else, or is about to be closed. One that
 * can't be watched runs into its timeout. */
static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct dns *d = ctx;
    struct dns_socket *s = find_socket(d, fd);
    uint32_t events = (readable ? (uint32_t)EPOLLIN : 0u) | (writable ? (uint32_t)EPOLLOUT : 0u);

    if (s && events) {
        loop_modify(d->loop, &s->io, events);
    } else if (s) {
        forget_socket(s);
    } else if (events) {
        s = mem_zalloc(sizeof(*s));
        s->io = (struct loop_io){.fd = fd, .on_event = on_socket_event};
        s->dns = d;
        list_init(&s->link);
        list_append(&d->sockets, &s->link);
        if (loop_add(d->loop, &s->io, events) < 0)
            forget_socket(s);
    }
}

struct dns *dns_new(struct loop *loop, const char *servers, int64_t timeout_ms, int tries)
{
    struct dns *d = mem_zalloc(sizeof(*d));
    struct ares_options options = {.timeout = (int)timeout_ms,
                                   .tries = tries,
                                   .sock_state_cb = on_socket_state,
                                   .sock_state_cb_data = d};

    d->loop = loop;
    d->timeout.on_expire = on_timeout;
    list_init(&d->sockets);
    /* ares_library_init does nothing on this system. */
    if (ares_init_options(&d->channel, &options,
                          ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB) !=
        ARES_SUCCESS) {
        mem_free(d);
        return NULL;
    }
    if (servers && ares_set_servers_ports_csv(d->channel, servers) != ARES_SUCCESS) {
        dns_free(d);
        return NULL;
    }
    return d;
}

void dns_free(struct dns *d)
{
    if (!d)
        return;
    ares_destroy(d->channel);
    deadline_cancel(&d->timeout);
    while (!list_empty(&d->sockets))
        forget_socket(list_first(&d->sockets, struct dns_socket, link));
    mem_free(d);
}

void dns_ask(struct dns *d, const char *name, dns_fn on_answer, void *ctx)
{
    const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    ares_getaddrinfo(d->channel, name, NULL, &hints, on_answer, ctx);
    set_timeout(d);
}

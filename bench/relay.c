/*
 * The yardstick: the least that a reverse proxy can do. One thread, one epoll loop, blocks of bytes
 * passed on as they come. It knows where a message ends (content-length, or the last chunk), since
 * it leases connections to the upstream and keeps them between requests; it looks at nothing else.
 * What a gateway costs beyond it is what the gateway does.
 *
 * A pair is a client and the upstream connection that it has leased for one request. Bytes that the
 * other side does not take are kept, and nothing more is read until they are gone.
 *
 *   bench-relay LISTEN_PORT UPSTREAM_PORT
 */

#include "sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_BYTES = 64 * 1024, GRAVES = 2 * EVENTS };

struct side {
    int fd;
    struct side *peer; /* a client's: leased; an upstream's: who leases it, NULL in the pool */
    struct side *next; /* in the pool */
    char *kept;        /* what this side has not taken yet */
    size_t kept_n;
    uint64_t left; /* of the message that this side sends */
    bool client, chunked, within, answered, paused, dead;
};

static int poller;
static uint16_t upstream_port;
static struct side *pool;
static struct side *graves[GRAVES];
static size_t n_graves;

static void watch(struct side *s, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = s};

    if (epoll_ctl(poller, operation, s->fd, &event) < 0)
        bench_fail("epoll_ctl");
}

static struct side *side_new(int fd, uint32_t events)
{
    struct side *s = calloc(1, sizeof(*s));

    if (!s)
        bench_fail("memory");
    s->fd = fd;
    watch(s, EPOLL_CTL_ADD, events);
    return s;
}

/* Freed at the end of the turn, so that no event of it meets freed memory. */
static void bury(struct side *s)
{
    if (!s || s->dead)
        return;
    s->dead = true;
    close(s->fd);
    graves[n_graves++] = s;
}

static void end(struct side *s)
{
    for (struct side **at = &pool; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    bury(s->peer);
    bury(s);
}

static bool lease(struct side *client)
{
    struct side *s = pool;

    if (s) {
        pool = s->next;
    } else {
        int fd = bench_connect(upstream_port);

        if (fd < 0)
            return false;
        s = side_new(fd, EPOLLIN);
    }
    s->peer = client;
    client->peer = s;
    return true;
}

/* Once the answer has gone to the client as a whole. */
static void release_if_done(struct side *upstream)
{
    if (!upstream->answered || upstream->peer->kept_n)
        return;
    upstream->answered = false;
    upstream->peer->peer = NULL;
    upstream->peer = NULL;
    upstream->next = pool;
    pool = upstream;
}

static void keep(struct side *to, const char *bytes, size_t n)
{
    to->kept = realloc(to->kept, to->kept_n + n);
    if (!to->kept)
        bench_fail("memory");
    memcpy(to->kept + to->kept_n, bytes, n);
    to->kept_n += n;
    if (to->peer->paused)
        return;
    to->peer->paused = true;
    watch(to->peer, EPOLL_CTL_MOD, 0);
    watch(to, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static bool pass(struct side *to, const char *bytes, size_t n)
{
    ssize_t sent = to->kept_n ? 0 : send(to->fd, bytes, n, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN)
        return false;
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < n)
        keep(to, bytes + sent, n - (size_t)sent);
    return true;
}

static bool flush(struct side *s)
{
    ssize_t sent = send(s->fd, s->kept, s->kept_n, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN;
    s->kept_n -= (size_t)sent;
    memmove(s->kept, s->kept + sent, s->kept_n);
    if (s->kept_n)
        return true;
    free(s->kept);
    s->kept = NULL;
    watch(s, EPOLL_CTL_MOD, EPOLLIN);
    s->peer->paused = false;
    watch(s->peer, EPOLL_CTL_MOD, EPOLLIN);
    if (s->client)
        release_if_done(s->peer);
    return true;
}

/* How many of these bytes belong to the message; sets `within` to whether more will follow. */
static bool follow(struct side *s, const char *bytes, size_t n)
{
    uint64_t body = n;

    if (!s->within) {
        struct bench_framing framing = bench_read_framing(bytes, n);

        /* Heads come in one piece on this interface; a peer that cuts one is out of scope. */
        if (framing.head_n == 0)
            return false;
        s->within = true;
        s->left = framing.body_n;
        s->chunked = framing.chunked;
        body = n - framing.head_n;
    }
    if (s->chunked) {
        s->within = !bench_ends_chunks(bytes, n);
        return true;
    }
    if (body > s->left)
        return false;
    s->left -= body;
    s->within = s->left > 0;
    return true;
}

/* False: the pair has ended. */
static bool drain(struct side *s)
{
    static char buffer[BUFFER_BYTES];
    ssize_t n = recv(s->fd, buffer, sizeof(buffer), 0);

    if (n < 0)
        return errno == EAGAIN;
    if (n == 0)
        return false;
    if (s->client && !s->peer && !lease(s))
        return false;
    if (!s->peer || !follow(s, buffer, (size_t)n) || !pass(s->peer, buffer, (size_t)n))
        return false;
    if (!s->client) {
        s->answered = !s->within;
        release_if_done(s);
    }
    return true;
}

static void on_event(struct side *s, uint32_t events)
{
    bool lives = !s->dead && !(events & (EPOLLERR | EPOLLHUP));

    if (s->dead)
        return;
    if (lives && events & EPOLLOUT && s->kept_n)
        lives = flush(s);
    if (lives && events & EPOLLIN)
        lives = drain(s);
    if (!lives)
        end(s);
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = bench_accept(listener)) >= 0)
        side_new(fd, EPOLLIN)->client = true;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};

    if (argc != 3) {
        fprintf(stderr, "usage: bench-relay LISTEN_PORT UPSTREAM_PORT\n");
        return 2;
    }
    bench_raise_descriptors();
    upstream_port = (uint16_t)bench_number(argv[2], UINT16_MAX);
    int listener = bench_listen((uint16_t)bench_number(argv[1], UINT16_MAX));
    poller = epoll_create1(EPOLL_CLOEXEC);
    if (poller < 0 || epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event) < 0)
        bench_fail("epoll");
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                on_event(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        }
        while (n_graves) {
            struct side *s = graves[--n_graves];

            free(s->kept);
            free(s);
        }
    }
}

/*
 * The yardstick: a relay that does nothing but pass bytes. It accepts, opens one connection to the
 * upstream for each client, and copies what comes from one to the other, with one epoll loop on one
 * thread, edge-triggered, without looking at a byte. What a gateway costs beyond it is what the
 * gateway does.
 *
 *   relay LISTEN_PORT UPSTREAM_PORT
 */

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

enum { EVENTS = 256, BUFFER_BYTES = 65536 };

struct side {
    int fd;
    struct side *peer;
    char *kept; /* what this side has not taken yet */
    size_t kept_n;
    bool dead;
};

static struct sockaddr_in upstream;
static int poller;
static struct side *graveyard[2 * EVENTS];
static size_t n_graves;

static void no_delay(int fd)
{
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

static void watch(struct side *s)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = s};

    epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &event);
}

/* Freed at the end of the turn, so that no event of it meets freed memory. */
static void bury(struct side *s)
{
    if (s->dead)
        return;
    s->dead = true;
    close(s->fd);
    graveyard[n_graves++] = s;
}

static void end_pair(struct side *s)
{
    bury(s->peer);
    bury(s);
}

static void keep(struct side *s, const char *bytes, size_t n)
{
    s->kept = realloc(s->kept, s->kept_n + n);
    if (!s->kept)
        abort();
    memcpy(s->kept + s->kept_n, bytes, n);
    s->kept_n += n;
}

static bool pass(struct side *to, const char *bytes, size_t n)
{
    ssize_t sent = to->kept_n ? 0 : send(to->fd, bytes, n, MSG_NOSIGNAL);

    if (sent < 0 && errno != EAGAIN && errno != ENOTCONN)
        return false;
    if (sent < 0)
        sent = 0;
    if ((size_t)sent < n)
        keep(to, bytes + sent, n - (size_t)sent);
    return true;
}

static bool flush(struct side *s)
{
    if (s->kept_n == 0)
        return true;
    ssize_t sent = send(s->fd, s->kept, s->kept_n, MSG_NOSIGNAL);
    if (sent < 0)
        return errno == EAGAIN || errno == ENOTCONN;
    memmove(s->kept, s->kept + sent, s->kept_n - (size_t)sent);
    s->kept_n -= (size_t)sent;
    return true;
}

/* False: the pair has ended. */
static bool drain(struct side *s)
{
    static char buffer[BUFFER_BYTES];

    for (;;) {
        ssize_t n = recv(s->fd, buffer, sizeof(buffer), 0);

        if (n < 0)
            return errno == EAGAIN;
        if (n == 0 || !pass(s->peer, buffer, (size_t)n))
            return false;
        if ((size_t)n < sizeof(buffer))
            return true;
    }
}

static void on_event(struct side *s, uint32_t events)
{
    bool lives = !s->dead && !(events & (EPOLLERR | EPOLLHUP));

    if (s->dead)
        return;
    if (lives && events & EPOLLOUT)
        lives = flush(s);
    if (lives && events & (EPOLLIN | EPOLLRDHUP))
        lives = drain(s);
    if (!lives)
        end_pair(s);
}

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
        struct side *client = calloc(1, sizeof(*client)), *server = calloc(1, sizeof(*server));

        if (!client || !server)
            abort();
        client->fd = fd;
        server->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        client->peer = server;
        server->peer = client;
        no_delay(client->fd);
        no_delay(server->fd);
        if (connect(server->fd, (struct sockaddr *)&upstream, sizeof(upstream)) < 0 &&
            errno != EINPROGRESS)
            perror("relay: connect");
        watch(server);
        watch(client);
    }
}

static int listen_on(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 4096) < 0) {
        perror("relay: listen");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS], event = {.events = EPOLLIN};
    struct rlimit limit;

    if (argc != 3) {
        fprintf(stderr, "usage: relay LISTEN_PORT UPSTREAM_PORT\n");
        return 2;
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    int listener = listen_on((uint16_t)strtoul(argv[1], NULL, 10));
    upstream = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)),
                                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    poller = epoll_create1(0);
    epoll_ctl(poller, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(poller, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            if (events[i].data.ptr)
                on_event(events[i].data.ptr, events[i].events);
            else
                accept_all(listener);
        }
        while (n_graves) {
            struct side *s = graveyard[--n_graves];

            free(s->kept);
            free(s);
        }
    }
}

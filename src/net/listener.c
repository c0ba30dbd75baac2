#include "net/listener.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* Few at a time: the rest of a burst may go to other workers. */
enum { BACKLOG = 4096, ACCEPTS_PER_EVENT = 16, RETRY_MS = 50 };

/* --- making --- */

/* Whether somebody answers at a Unix socket's path. */
static bool is_served(const struct net_address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool served = fd >= 0 && (connect(fd, &address->any, address->length) == 0 || errno == EAGAIN);

    if (fd >= 0)
        close(fd);
    return served;
}

static int prepare_unix(int fd, const struct net_address *address)
{
    const char *path = address->local.sun_path;
    struct stat st;

    if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode)) {
        if (is_served(address))
            return -EADDRINUSE;
        unlink(path);
    }
    /* Linux gives the file the mode that the socket has as it is bound, so that there is no moment
     * with a wider one, and the umask, which is the whole process's, stays as it is. */
    return fchmod(fd, 0600) < 0 ? -errno : 0;
}

static int prepare_tcp(int fd, const struct net_address *address, enum listen_share share)
{
    const int on = 1;
    int v6_only;

    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (share == LISTEN_REUSEPORT && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return -errno;
    if (address->any.sa_family != AF_INET6)
        return 0;
    v6_only = !IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr);
    return setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6_only, sizeof(v6_only)) < 0 ? -errno : 0;
}

static int listen_exactly(const struct net_address *address, enum listen_share share, int *ret_fd)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), r;

    if (fd < 0)
        return -errno;
    r = address->any.sa_family == AF_UNIX ? prepare_unix(fd, address)
                                          : prepare_tcp(fd, address, share);
    if (r == 0 && (bind(fd, &address->any, address->length) < 0 || listen(fd, BACKLOG) < 0))
        r = -errno;
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

int listen_on(const struct net_address *address, enum listen_share share, int *ret_fd)
{
    int r = listen_exactly(address, share, ret_fd);

    if ((r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL) && address->any.sa_family == AF_INET6 &&
        IN6_IS_ADDR_UNSPECIFIED(&address->v6.sin6_addr)) {
        struct net_address v4;

        net_address_from_ip(STR("0.0.0.0"), net_address_port(address), &v4);
        return listen_exactly(&v4, share, ret_fd);
    }
    return r;
}

/* --- accepting --- */

static void pause_accepting(struct listener *l, int error)
{
    if (!l->paused) /* once, until it works again */
        log_event(LOG_WARN, "accept_paused", LOG_STR("why", str_of(strerrordesc_np(error))));
    l->paused = true;
    loop_remove(l->loop, &l->io);
    deadline_set(l->loop, &l->retry, RETRY_MS);
}

/* Level-triggered: what is left over comes back in the next turn. */
static void on_ready(struct loop_io *io, uint32_t events)
{
    struct listener *l = container_of(io, struct listener, io);

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT && l->loop; i++) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            l->paused = false;
            l->on_accept(l, fd);
            continue;
        }
        if (errno == EAGAIN)
            return;
        /* Of a connection that died in the backlog; Linux passes on network errors as well. */
        if (errno == EINTR || errno == ECONNABORTED || errno == EPROTO || errno == ENETDOWN ||
            errno == ENETUNREACH || errno == EHOSTDOWN || errno == EHOSTUNREACH)
            continue;
        pause_accepting(l, errno);
        return;
    }
}

static int watch(struct listener *l)
{
    return loop_add(l->loop, &l->io, EPOLLIN | EPOLLEXCLUSIVE);
}

static void on_retry(struct deadline *deadline)
{
    struct listener *l = container_of(deadline, struct listener, retry);

    if (watch(l) < 0)
        deadline_set(l->loop, &l->retry, RETRY_MS);
}

int listener_start(struct listener *l, struct loop *loop, int fd, listener_fn on_accept, void *ctx)
{
    int r;

    *l = (struct listener){.io = {.fd = fd, .on_event = on_ready},
                           .loop = loop,
                           .retry = {.on_expire = on_retry},
                           .on_accept = on_accept,
                           .ctx = ctx};
    r = watch(l);
    if (r < 0)
        l->loop = NULL;
    return r;
}

void listener_stop(struct listener *l)
{
    if (!l->loop)
        return;
    if (deadline_is_set(&l->retry))
        deadline_cancel(&l->retry);
    else
        loop_remove(l->loop, &l->io);
    l->loop = NULL;
}

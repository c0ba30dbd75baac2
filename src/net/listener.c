#include "net/listener.h"

#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 4096, ACCEPTS_PER_EVENT = 64, RETRY_MS = 50 };

static int prepare(int fd, const struct net_address *address, enum listen_share share)
{
    int on = 1, off = 0;

    if (address->any.sa_family == AF_UNIX) {
        unlink(address->local.sun_path);
        return 0;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    if (share == LISTEN_REUSEPORT && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) < 0)
        return -errno;
    if (address->any.sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
    return 0;
}

static int bind_private(int fd, const struct net_address *address)
{
    bool local = address->any.sa_family == AF_UNIX;
    mode_t before = local ? umask(0177) : 0;
    int r = bind(fd, &address->any, address->length) < 0 ? -errno : 0;

    if (local)
        umask(before);
    return r;
}

int listen_on(const struct net_address *address, enum listen_share share, int *ret_fd)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    int r = prepare(fd, address, share);
    if (r == 0)
        r = bind_private(fd, address);
    if (r == 0 && listen(fd, BACKLOG) < 0)
        r = -errno;
    if (r < 0) {
        close(fd);
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* Level-triggered: what is left over comes back in the next turn. */
static void on_ready(struct loop_io *io, uint32_t events)
{
    struct listener *l = container_of(io, struct listener, io);

    (void)events;
    for (int i = 0; i < ACCEPTS_PER_EVENT && l->loop; i++) {
        int fd = accept4(io->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            l->on_accept(l, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            /* Out of descriptors: leave the connections in the backlog and look again in a moment.
             */
            log_event(LOG_WARN, "accept_paused", LOG_NUM("errno", errno));
            loop_remove(l->loop, io);
            deadline_set(l->loop, &l->retry, RETRY_MS);
        }
        return;
    }
}

static void on_retry(struct deadline *deadline)
{
    struct listener *l = container_of(deadline, struct listener, retry);

    if (loop_add(l->loop, &l->io, EPOLLIN) < 0)
        deadline_set(l->loop, &l->retry, RETRY_MS);
}

int listener_start(struct listener *l, struct loop *loop, int fd, listener_fn on_accept, void *ctx)
{
    *l = (struct listener){
        .io = {.fd = fd, .on_event = on_ready}, .loop = loop, .on_accept = on_accept, .ctx = ctx};
    l->retry.on_expire = on_retry;
    int r = loop_add(loop, &l->io, EPOLLIN);
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

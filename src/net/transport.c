#include "net/transport.h"

#include "base/mem.h"
#include "net/tls_session.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Registered once with EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET. `readable` and `writable` mirror
 * the descriptor's last known state, so that an owner who stopped early comes back without an
 * event.
 */

static const uint32_t all_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

static void die(struct transport *t, enum transport_error error, int system_errno)
{
    t->error = error;
    t->system_errno = system_errno;
}

static int socket_error(int fd)
{
    int error = 0;
    socklen_t n = sizeof(error);

    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0 ? errno : error;
}

static void no_delay(int fd)
{
    int on = 1;

    /* Fails on Unix sockets, which have no Nagle to turn off. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/* 1: this step of the handshake finished it. */
static int shake_hands(struct transport *t)
{
    int r = tls_session_handshake(t->tls);

    if (r == 1) {
        t->connected = true;
        return 1;
    }
    if (r < 0)
        die(t, TRANSPORT_E_TLS, r == -EPROTO ? 0 : -r);
    return 0;
}

static unsigned on_connecting(struct transport *t, uint32_t events)
{
    int error;

    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return 0;
    error = socket_error(t->io.fd);
    if (error || (events & EPOLLHUP)) {
        die(t, TRANSPORT_E_CONNECT, error ? error : ECONNREFUSED);
        return TRANSPORT_FAILED;
    }
    t->tcp_connected = true;
    if (!t->tls) {
        t->connected = true;
        return TRANSPORT_CONNECTED;
    }
    return 0;
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct transport *t = container_of(io, struct transport, io);
    unsigned told = 0;

    if (!t->tcp_connected)
        told |= on_connecting(t, events);
    if (t->tcp_connected && t->tls && !t->connected && !t->error && shake_hands(t))
        told |= TRANSPORT_CONNECTED;
    if (!t->error && (events & EPOLLERR))
        die(t,
            t->connected ? TRANSPORT_E_RESET
            : t->tls     ? TRANSPORT_E_TLS
                         : TRANSPORT_E_CONNECT,
            socket_error(io->fd));
    if (events & (EPOLLRDHUP | EPOLLHUP))
        t->peer_closed = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))
        t->readable = true;
    if (events & EPOLLOUT)
        t->writable = true;
    if (t->error)
        told |= TRANSPORT_FAILED;
    else if (t->connected)
        told |= (t->readable ? (unsigned)TRANSPORT_READABLE : 0u) |
                (t->wants_writable && t->writable ? (unsigned)TRANSPORT_WRITABLE : 0u) |
                (t->peer_closed ? (unsigned)TRANSPORT_PEER_CLOSED : 0u);
    if (told & TRANSPORT_WRITABLE)
        t->wants_writable = false;
    if (told)
        t->on_event(t, told);
}

static int adopt(struct transport *t, struct loop *loop, int fd, transport_fn on_event)
{
    t->io = (struct loop_io){.fd = fd, .on_event = on_io};
    t->loop = loop;
    t->on_event = on_event;
    no_delay(fd);
    int r = loop_add(loop, &t->io, all_events);
    if (r < 0) {
        tls_session_free(TAKE(t->tls));
        close(fd);
        t->loop = NULL;
    }
    return r;
}

int transport_accept(struct transport *t, struct loop *loop, int fd, struct tls_server *tls_config,
                     transport_fn on_event)
{
    *t = (struct transport){.writable = true, .tcp_connected = true, .connected = !tls_config};
    if (tls_config && !(t->tls = tls_session_accept(tls_config, fd))) {
        close(fd);
        return -ENOMEM;
    }
    return adopt(t, loop, fd, on_event);
}

int transport_connect(struct transport *t, struct loop *loop, const struct net_address *to,
                      struct tls_client *tls_config, str server_name, transport_fn on_event)
{
    int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    *t = (struct transport){0};
    if (tls_config && !(t->tls = tls_session_connect(tls_config, server_name, fd))) {
        close(fd);
        return -EINVAL;
    }
    /* Registered after connect(): an unconnected socket would report EPOLLHUP first. */
    if (connect(fd, &to->any, to->length) < 0 && errno != EINPROGRESS) {
        int error = errno;

        tls_session_free(TAKE(t->tls));
        close(fd);
        return -error;
    }
    return adopt(t, loop, fd, on_event);
}

static ssize_t plain_read(struct transport *t, void *to, size_t n)
{
    ssize_t got = recv(t->io.fd, to, n, 0);

    if (got < 0)
        return -errno;
    /* Short: the queue was empty at that moment, the next bytes are a new edge. A FIN behind them
     * is known of by peer_closed. */
    if ((size_t)got < n && !t->peer_closed)
        t->readable = false;
    return got;
}

ssize_t transport_read(struct transport *t, void *to, size_t n)
{
    ssize_t got = t->tls ? tls_session_read(t->tls, to, n) : plain_read(t, to, n);

    if (got == -EINTR)
        got = -EAGAIN;
    if (got == -EAGAIN)
        t->readable = false;
    else if (got < 0)
        die(t, got == -EPROTO ? TRANSPORT_E_TLS : TRANSPORT_E_RESET, (int)-got);
    return got;
}

ssize_t transport_writev(struct transport *t, const struct iovec *iov, int n)
{
    struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    size_t total = 0;
    ssize_t done;

    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (t->tls) {
        done = tls_session_writev(t->tls, iov, n);
    } else {
        done = n == 1 ? send(t->io.fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL)
                      : sendmsg(t->io.fd, &message, MSG_NOSIGNAL);
        if (done < 0)
            done = -errno;
    }
    if (done == -EAGAIN || (done >= 0 && (size_t)done < total)) {
        t->wants_writable = true;
        /* With TLS a short write is a full record, not a full socket: the next call says which. */
        if (done == -EAGAIN || !t->tls)
            t->writable = false;
    } else if (done < 0) {
        die(t, done == -EPROTO ? TRANSPORT_E_TLS : TRANSPORT_E_RESET, (int)-done);
    }
    return done;
}

void transport_shutdown(struct transport *t)
{
    if (t->tls)
        tls_session_close_notify(t->tls);
    shutdown(t->io.fd, SHUT_WR);
}

void transport_close(struct transport *t, enum transport_close how)
{
    struct linger abort_now = {.l_onoff = 1, .l_linger = 0};

    if (!t->loop)
        return;
    loop_remove(t->loop, &t->io);
    t->loop = NULL;
    if (t->tls && how == TRANSPORT_CLOSE && !t->error)
        tls_session_close_notify(t->tls);
    tls_session_free(TAKE(t->tls));
    if (how == TRANSPORT_RESET)
        setsockopt(t->io.fd, SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
    close(t->io.fd);
    t->io.fd = -1;
}

str transport_alpn(const struct transport *t)
{
    return t->tls ? tls_session_alpn(t->tls) : STR_NULL;
}

str transport_server_name(const struct transport *t)
{
    return t->tls ? tls_session_server_name(t->tls) : STR_NULL;
}

void transport_peer_text(const struct transport *t, char *ret_text)
{
    struct net_address peer;

    ret_text[0] = '\0';
    if (net_address_of_peer(t->io.fd, &peer) == 0)
        net_address_format_host(&peer, ret_text);
}

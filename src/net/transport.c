/*
 * Registered once with EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET. `readable` and `writable` mirror
 * the descriptor's last known state, so that an owner who stopped early comes back without an
 * event.
 *
 * An event may begin with any of these states, and goes through them in order:
 *
 *     connecting --(writable)--> tcp_connected --(handshake; plaintext: at once)--> connected
 *
 * The owner is told once an event, at the end, because it may close the transport.
 */

#include "net/transport.h"

#include "base/mem.h"
#include "net/farewell.h"
#include "net/tls_session.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/syscall.h>
#include <unistd.h>

static const uint32_t all_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

static void die(struct transport *t, enum transport_error error, int system_errno)
{
    if (t->error)
        return;
    t->error = error;
    t->system_errno = error == TRANSPORT_E_TLS ? 0 : system_errno;
}

/* -EPROTO is what a TLS session says about records; anything else is the socket's. */
static void die_of(struct transport *t, ssize_t negative_errno)
{
    die(t, t->tls && negative_errno == -EPROTO ? TRANSPORT_E_TLS : TRANSPORT_E_RESET,
        (int)-negative_errno);
}

/* The pending error, which this clears. */
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

static void on_connecting(struct transport *t, uint32_t events)
{
    int error;

    if (!(events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
        return;
    error = socket_error(t->io.fd);
    if (error || (events & EPOLLHUP))
        die(t, TRANSPORT_E_CONNECT, error ? error : ECONNREFUSED);
    else
        t->tcp_connected = true;
}

static void note_readiness(struct transport *t, uint32_t events)
{
    if (events & (EPOLLRDHUP | EPOLLHUP))
        t->peer_closed = true;
    if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) {
        t->readable = true;
        if (t->tls)
            tls_session_wake(t->tls, t->peer_closed ? TLS_SESSION_FIN : TLS_SESSION_BYTES);
    }
}

/* The socket takes bytes again: first what TLS has encrypted already. */
static void on_socket_writable(struct transport *t)
{
    int r = t->tls ? tls_session_flush(t->tls) : 0;

    t->writable = r == 0;
    if (r < 0 && r != -EAGAIN)
        die_of(t, r);
    if (r == 0 && t->shutting_down) {
        t->shutting_down = false;
        shutdown(t->io.fd, SHUT_WR);
    }
}

static void shake_hands(struct transport *t)
{
    int r = tls_session_handshake(t->tls);

    if (r < 0)
        die(t, TRANSPORT_E_TLS, 0);
    if (r != 1)
        return;
    t->connected = true;
    t->writable = tls_session_flush(t->tls) == 0;
}

/* What the owner is to hear of this event. `before`: whether it was connected already; if not, the
 * last flight of the handshake may have brought payload along, so it is readable. */
static unsigned news(struct transport *t, uint32_t events, bool before)
{
    unsigned told = 0;

    if (t->error)
        return TRANSPORT_FAILED;
    if (!t->connected)
        return 0;
    if (!before)
        told |= TRANSPORT_CONNECTED;
    if (t->readable && (!before || (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP))))
        told |= TRANSPORT_READABLE;
    if (t->peer_closed && (!before || (events & (EPOLLRDHUP | EPOLLHUP))))
        told |= TRANSPORT_PEER_CLOSED;
    if (t->wants_writable && t->writable) {
        t->wants_writable = false;
        told |= TRANSPORT_WRITABLE;
    }
    return told;
}

static void on_io(struct loop_io *io, uint32_t events)
{
    struct transport *t = container_of(io, struct transport, io);
    bool before = t->connected;
    unsigned told;

    if (!t->tcp_connected)
        on_connecting(t, events);
    if (t->tcp_connected && (events & EPOLLERR)) {
        int error = socket_error(io->fd);

        die(t, before || !t->tls ? TRANSPORT_E_RESET : TRANSPORT_E_TLS, error ? error : ECONNRESET);
    }
    note_readiness(t, events);
    if (t->tcp_connected && !t->error) {
        if (events & EPOLLOUT)
            on_socket_writable(t);
        if (!t->tls)
            t->connected = true;
        else if (!t->connected)
            shake_hands(t);
    }
    told = news(t, events, before);
    if (told)
        t->on_event(t, told);
}

/* The part that accepting and connecting share; closes the descriptor on failure. */
static int adopt(struct transport *t, struct loop *loop, int fd, transport_fn on_event)
{
    int r;

    t->io = (struct loop_io){.fd = fd, .on_event = on_io};
    t->loop = loop;
    t->on_event = on_event;
    r = loop_add(loop, &t->io, all_events);
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
    no_delay(fd);
    return adopt(t, loop, fd, on_event);
}

int transport_connect(struct transport *t, struct loop *loop, const struct net_address *to,
                      struct tls_client *tls_config, str server_name, transport_fn on_event)
{
    int fd, r;

    *t = (struct transport){0};
    fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    no_delay(fd);
    if (tls_config && !(t->tls = tls_session_connect(tls_config, server_name, fd))) {
        close(fd);
        return -EINVAL;
    }
    r = connect(fd, &to->any, to->length) < 0 ? -errno : 0;
    if (r < 0 && r != -EINPROGRESS) {
        tls_session_free(TAKE(t->tls));
        close(fd);
        /* A Unix socket whose backlog is full, which is no reason to try the same call again. */
        return r == -EAGAIN ? -ECONNREFUSED : r;
    }
    /* Registered after connect(): an unconnected socket would report EPOLLHUP first. */
    return adopt(t, loop, fd, on_event);
}

/* libc's recv, send and sendmsg are cancellation points, which costs two locked instructions each
 * in a process with threads. Nobody cancels ours. */
static ssize_t plain_read(struct transport *t, void *to, size_t n)
{
    ssize_t got;

    do
        got = syscall(SYS_recvfrom, t->io.fd, to, n, 0, NULL, NULL);
    while (got < 0 && errno == EINTR);
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
    ssize_t got;

    if (!t->connected)
        return -EAGAIN;
    got = t->tls ? tls_session_read(t->tls, to, n) : plain_read(t, to, n);
    if (got == 0)
        t->peer_closed = t->readable = true;
    else if (got == -EAGAIN)
        t->readable = false;
    else if (got < 0)
        die_of(t, got);
    return got;
}

static ssize_t plain_writev(struct transport *t, const struct iovec *iov, int n)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};
    ssize_t done;

    do
        done = n == 1 ? syscall(SYS_sendto, t->io.fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL,
                                NULL, 0)
                      : syscall(SYS_sendmsg, t->io.fd, &message, MSG_NOSIGNAL);
    while (done < 0 && errno == EINTR);
    return done < 0 ? -errno : done;
}

ssize_t transport_writev(struct transport *t, const struct iovec *iov, int n)
{
    ssize_t done = -EAGAIN;
    size_t total = 0;

    for (int i = 0; i < n; i++)
        total += iov[i].iov_len;
    if (t->connected)
        done = t->tls ? tls_session_writev(t->tls, iov, n) : plain_writev(t, iov, n);
    if (done == -EAGAIN || (done >= 0 && (size_t)done < total)) {
        t->wants_writable = true;
        t->writable = false;
    } else if (done < 0) {
        die_of(t, done);
    }
    return done;
}

void transport_shutdown(struct transport *t)
{
    if (t->tls) {
        tls_session_close_notify(t->tls);
        t->shutting_down = tls_session_flush(t->tls) == -EAGAIN;
    }
    if (!t->shutting_down)
        shutdown(t->io.fd, SHUT_WR);
}

/* Says goodbye as far as TLS allows; true if the descriptor has passed to somebody who goes on
 * sending. */
static bool part(struct transport *t, struct loop *loop)
{
    struct buf unsent;

    if (t->error)
        return false;
    tls_session_close_notify(t->tls);
    if (tls_session_flush(t->tls) != -EAGAIN)
        return false;
    tls_session_take_unsent(t->tls, &unsent);
    farewell_start(loop, t->io.fd, &unsent);
    return true;
}

void transport_close(struct transport *t, enum transport_close how)
{
    const struct linger abort_now = {.l_onoff = 1, .l_linger = 0};
    struct loop *loop = t->loop;
    bool passed_on;

    if (!loop)
        return;
    loop_remove(loop, &t->io);
    t->loop = NULL;
    if (how == TRANSPORT_RESET)
        setsockopt(t->io.fd, SOL_SOCKET, SO_LINGER, &abort_now, sizeof(abort_now));
    passed_on = t->tls && how == TRANSPORT_CLOSE && part(t, loop);
    tls_session_free(TAKE(t->tls));
    if (!passed_on)
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

str transport_why(const struct transport *t)
{
    str why = t->tls && t->error == TRANSPORT_E_TLS ? tls_session_why(t->tls) : STR_NULL;

    if (why.n || !t->error)
        return why;
    if (t->error == TRANSPORT_E_TLS)
        return STR("the TLS handshake failed");
    return str_of(strerrordesc_np(t->system_errno));
}

void transport_peer_text(const struct transport *t, char *ret_text)
{
    struct net_address peer;

    ret_text[0] = '\0';
    if (net_address_of_peer(t->io.fd, &peer) == 0)
        net_address_format_host(&peer, ret_text);
}

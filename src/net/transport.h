#pragma once

/*
 * A connected byte stream: TCP or a Unix socket, in plaintext or with TLS. Embedded by whoever owns
 * the connection.
 *
 * The descriptor is registered once, edge-triggered, for its whole life with EPOLLRDHUP: a peer's
 * EOF or reset is noticed in every state, also while nothing is read. Readiness is remembered:
 * after TRANSPORT_READABLE read until -EAGAIN or until a read returns less than was asked for
 * (plaintext only; with TLS read until -EAGAIN), or stop early and come back later without a new
 * event. Nothing here buffers payload.
 */

#include "net/address.h"
#include "net/loop.h"
#include "net/tls.h"

#include <sys/uio.h>

enum transport_event {
    TRANSPORT_CONNECTED = 1, /* connect and TLS handshake are done; once */
    TRANSPORT_READABLE = 2,
    TRANSPORT_WRITABLE = 4,    /* after a short or refused write only */
    TRANSPORT_PEER_CLOSED = 8, /* FIN seen; bytes may still be readable */
    TRANSPORT_FAILED = 16,     /* dead: `error` says why; what arrived before can still be read */
};

/* Why a transport died. */
enum transport_error {
    TRANSPORT_OK,
    TRANSPORT_E_CONNECT, /* refused, unreachable */
    TRANSPORT_E_TLS,     /* handshake, certificate, or record failure */
    TRANSPORT_E_RESET,   /* reset by the peer or a local socket error */
};

struct transport;
typedef void (*transport_fn)(struct transport *t, unsigned events);

struct transport {
    struct loop_io io;
    struct loop *loop;
    struct tls_session *tls; /* NULL: plaintext */
    transport_fn on_event;
    enum transport_error error;
    int system_errno; /* of TRANSPORT_E_CONNECT and _RESET, else 0 */
    bool readable;
    bool writable;
    bool connected; /* and the TLS handshake done */
    bool tcp_connected;
    bool wants_writable; /* a write was short: TRANSPORT_WRITABLE follows */
    bool peer_closed;
    bool shutting_down; /* the FIN waits for what TLS has not sent yet */
};

/* Takes over an accepted, non-blocking descriptor (closes it on failure). `tls_config` NULL:
 * plaintext. TCP_NODELAY is set. Returns 0 or a negative errno. The handshake, if any, goes on by
 * itself; TRANSPORT_CONNECTED follows (at once, before this returns, for plaintext it is simply
 * set: t->connected). */
int transport_accept(struct transport *t, struct loop *loop, int fd, struct tls_server *tls_config,
                     transport_fn on_event);

/* Begins to connect. TRANSPORT_CONNECTED or TRANSPORT_FAILED follows; the caller sets the deadline.
 * `server_name` is the SNI and the name the certificate must be valid for. Returns 0 or a negative
 * errno. */
int transport_connect(struct transport *t, struct loop *loop, const struct net_address *to,
                      struct tls_client *tls_config, str server_name, transport_fn on_event);

/* Bytes read (> 0), 0 at EOF, -EAGAIN, or a negative errno (then t->error is set). With TLS an end
 * without close_notify is no EOF but -ECONNRESET: bytes may be missing. */
ssize_t transport_read(struct transport *t, void *to, size_t n);

/* Bytes taken (may be short), -EAGAIN, or a negative errno. No SIGPIPE. With TLS, small slices are
 * gathered into one record. What was not taken may be offered again in any other form, or not at
 * all. */
ssize_t transport_writev(struct transport *t, const struct iovec *iov, int n);

/* Half-close: FIN, or close_notify and FIN. */
void transport_shutdown(struct transport *t);

/* Unregisters and closes; nothing happens if it is closed already. What was taken is still sent;
 * with TRANSPORT_RESET it is not, and the peer sees RST. No callback afterwards. */
enum transport_close { TRANSPORT_CLOSE, TRANSPORT_RESET };
void transport_close(struct transport *t, enum transport_close how);
static inline bool transport_is_open(const struct transport *t)
{
    return t->loop != NULL;
}

/* The negotiated ALPN protocol, SNI name (server side), or empty. */
str transport_alpn(const struct transport *t);
str transport_server_name(const struct transport *t);

/* Why it failed, for a log or an error message ("certificate has expired"); empty before that.
 * Lives for ever. */
str transport_why(const struct transport *t);

/* The address of the peer, as "192.0.2.1" / "2001:db8::1"; at most NET_ADDRESS_TEXT bytes with the
 * NUL. */
void transport_peer_text(const struct transport *t, char *ret_text);

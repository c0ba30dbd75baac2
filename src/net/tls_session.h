#pragma once

/* One connection's TLS state, on top of its descriptor. Included by src/net only. Results follow
 * transport_read and transport_writev; -EPROTO stands for a failed handshake, certificate or
 * record. */

#include "net/tls.h"

#include <sys/types.h>
#include <sys/uio.h>

struct tls_session *tls_session_accept(struct tls_server *server, int fd);

/* `name` is a DNS name or an IP literal: the certificate must be valid for it. */
struct tls_session *tls_session_connect(struct tls_client *client, str name, int fd);
void tls_session_free(struct tls_session *s);

/* 1: done. 0: wait for the descriptor. -EPROTO, -ECONNRESET. */
int tls_session_handshake(struct tls_session *s);

ssize_t tls_session_read(struct tls_session *s, void *to, size_t n);
ssize_t tls_session_writev(struct tls_session *s, const struct iovec *iov, int n);
void tls_session_close_notify(struct tls_session *s);

str tls_session_alpn(const struct tls_session *s);
str tls_session_server_name(const struct tls_session *s);

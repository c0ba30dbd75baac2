#pragma once

/*
 * One connection's TLS state, on top of its descriptor. Included by src/net only.
 *
 * Results follow transport_read and transport_writev; -EPROTO stands for a failed handshake,
 * certificate or record. An end of the connection without close_notify is -ECONNRESET: bytes may be
 * missing, and nobody could tell (RFC 8446, section 6.1). Nothing here waits for writing: see
 * tls_bio.h.
 */

#include "net/tls_bio.h"

#include "net/tls.h"

#include <sys/types.h>
#include <sys/uio.h>

/* NULL without memory. */
struct tls_session *tls_session_accept(struct tls_server *server, int fd);

/* `name` is a DNS name or an IP literal: the certificate must be valid for it. NULL without memory
 * and for a name that can't be one; it may be empty only where nothing is verified. */
struct tls_session *tls_session_connect(struct tls_client *client, str name, int fd);
void tls_session_free(struct tls_session *s);

/* The descriptor has news: it may be read again. */
enum tls_session_news { TLS_SESSION_BYTES, TLS_SESSION_FIN };
void tls_session_wake(struct tls_session *s, enum tls_session_news news);

/* 1: done. 0: wait for the descriptor. -EPROTO or -ECONNRESET. */
int tls_session_handshake(struct tls_session *s);

ssize_t tls_session_read(struct tls_session *s, void *to, size_t n);
ssize_t tls_session_writev(struct tls_session *s, const struct iovec *iov, int n);

/* Queues a close_notify, once; nothing before the handshake or after a failure. */
void tls_session_close_notify(struct tls_session *s);

/* See tls_bio_flush. */
int tls_session_flush(struct tls_session *s);

/* Moves out what is unsent, so that it can outlive the session. */
void tls_session_take_unsent(struct tls_session *s, struct buf *ret_unsent);

/* Why it failed, in OpenSSL's words; empty before that. Lives for ever. */
str tls_session_why(const struct tls_session *s);

str tls_session_alpn(const struct tls_session *s);
str tls_session_server_name(const struct tls_session *s);

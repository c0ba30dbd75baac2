#pragma once

/* What the TLS modules share. Included by src/net only. */

#include "net/tls.h"

#include <openssl/ssl.h>

/* A context with what both sides have in common: versions, modes, no renegotiation. */
SSL_CTX *tls_context_new(const SSL_METHOD *method);

/* Puts chain and key into a context; false with a sentence in ret_why. */
bool tls_context_identity(SSL_CTX *ctx, const struct tls_identity *identity, char *ret_why);

/* Adds every certificate of a PEM text as a trust anchor; false with a sentence in ret_why. */
bool tls_context_trust(SSL_CTX *ctx, str ca_pem, char *ret_why);

/* Writes "what: OpenSSL's reason" to ret_why (TLS_WHY_TEXT). */
void tls_explain(const char *what, char *ret_why);

/* What a session is made from. */
SSL_CTX *tls_server_context(const struct tls_server *server);
const BIO_METHOD *tls_server_bio_method(const struct tls_server *server);
SSL_CTX *tls_client_context(const struct tls_client *client);
const BIO_METHOD *tls_client_bio_method(const struct tls_client *client);
bool tls_client_verifies(const struct tls_client *client);

/* The session that a server of this name gave last, or NULL; it is handed out once, because a
 * ticket should not be used twice (RFC 8446, appendix C.4). The caller frees it. */
SSL_SESSION *tls_client_take_session(struct tls_client *client, str name);

/* Called by OpenSSL for each new session; the connection's name is its ex-data (tls_session.c). */
str tls_session_name_of(const SSL *ssl);

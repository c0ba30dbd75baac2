#pragma once

/* What the TLS modules of this folder share. */

#include "net/tls.h"

#include <openssl/ssl.h>

SSL_CTX *tls_server_ctx(struct tls_server *server);
SSL_CTX *tls_client_ctx(struct tls_client *client);

/* A context with what both sides have in common: versions, modes, no renegotiation. */
SSL_CTX *tls_context_new(const SSL_METHOD *method);

/* Puts chain and key into a context; false with a sentence in ret_why. */
bool tls_context_identity(SSL_CTX *ctx, const struct tls_identity *identity, char *ret_why);

/* Adds every certificate of a PEM text as a trust anchor; false with a sentence in ret_why. */
bool tls_context_trust(SSL_CTX *ctx, str ca_pem, char *ret_why);

/* Writes "what: OpenSSL's reason" to ret_why (TLS_WHY_TEXT). */
void tls_explain(const char *what, char *ret_why);

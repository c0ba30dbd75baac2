#pragma once

/*
 * TLS configurations: what a listener presents and asks for (tls_server), and what a connection to
 * elsewhere demands (tls_client). Both are immutable once made, counted, and safe to share between
 * threads; one per worker avoids contention on OpenSSL's counters. A reload makes a new one and
 * swaps the pointer: open connections hold a reference to theirs.
 *
 * PEM comes as text in memory, so that nobody here touches files. TLS 1.2 and 1.3 only, no
 * renegotiation, no compression, no early data. On failure a sentence for the operator is written
 * to `ret_why`; it never holds key material.
 */

#include "base/str.h"

struct tls_server;
struct tls_client;
struct tls_session; /* one connection's state; made and used by transport.c (tls_session.h) */

/* Room for the sentence that says why a configuration was refused, with the NUL. */
enum { TLS_WHY_TEXT = 256 };

/* A certificate chain, leaf first, and its private key. */
struct tls_identity {
    str certificate_pem;
    str key_pem;
};

/* Application protocols, a set. None: no ALPN. On a server, a client that offers ALPN without any
 * of these is refused; "h2" is preferred to "http/1.1". */
enum tls_alpn { TLS_ALPN_NONE = 0, TLS_ALPN_HTTP1 = 1, TLS_ALPN_HTTP2 = 2 };

struct tls_server_options {
    /* Chosen by the client's SNI among the DNS names of the certificates' subjectAltName, exact
     * before wildcard ("*.example.com" stands for one label); the first is the default. */
    const struct tls_identity *identities;
    size_t n_identities;
    str client_ca_pem; /* set: a client certificate that chains to it is required */
    unsigned alpn;     /* enum tls_alpn */
};

/* 0, or -EINVAL with the reason. The options are not kept. */
int tls_server_new(const struct tls_server_options *options, struct tls_server **ret_server,
                   char *ret_why);
struct tls_server *tls_server_ref(struct tls_server *server);
void tls_server_unref(struct tls_server *server);

enum tls_verify { TLS_VERIFY_PEER = 0, TLS_VERIFY_NOTHING };

struct tls_client_options {
    str ca_pem; /* empty: the system's roots */
    enum tls_verify verify;
    struct tls_identity identity; /* empty: no client certificate */
    unsigned alpn;                /* enum tls_alpn */
};

/* 0, or -EINVAL with the reason. The server's name, DNS or IP address, is given and checked for
 * each connection (transport_connect). Sessions are resumed, by name. */
int tls_client_new(const struct tls_client_options *options, struct tls_client **ret_client,
                   char *ret_why);
struct tls_client *tls_client_ref(struct tls_client *client);
void tls_client_unref(struct tls_client *client);

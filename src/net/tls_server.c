/*
 * One SSL_CTX per certificate. A connection starts with the first; when the client's SNI matches a
 * name of another, the connection is switched to that one before its certificate is sent. All have
 * the same demands on clients, so switching changes nothing but the certificate.
 *
 * Sessions are resumed by tickets only: no cache of the server's own grows with its clients.
 * Tickets die with the tls_server that made them, so a reload that asks more of clients is never
 * bypassed.
 */

#include "base/map.h"
#include "base/mem.h"
#include "net/tls_bio.h"
#include "net/tls_internal.h"

#include <assert.h>
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>

/* RFC 1035, section 2.3.4, without the trailing dot. */
enum { SERVER_NAME_BYTES = 253 };

struct tls_server {
    _Atomic unsigned refs;
    SSL_CTX **contexts;
    size_t n_contexts;
    struct map by_name; /* lower case, "*.example.com" for a wildcard; to SSL_CTX; keys are owned */
    unsigned alpn;
    BIO_METHOD *bio_method;
};

static str lower(str name, char *to)
{
    for (size_t i = 0; i < name.n; i++)
        to[i] = str_lower_char(name.p[i]);
    return str_make(to, name.n);
}

/* Exact names first, then a wildcard for the first label (RFC 9525, section 6.3). */
static SSL_CTX *context_for(const struct tls_server *server, str name)
{
    char text[SERVER_NAME_BYTES + 1];
    size_t dot = str_find(name, '.', 0);
    SSL_CTX *ctx;

    if (name.n > SERVER_NAME_BYTES)
        return server->contexts[0];
    name = lower(name, text + 1);
    ctx = map_get(&server->by_name, name);
    if (!ctx && dot > 0 && dot < name.n) {
        text[dot] = '*';
        ctx = map_get(&server->by_name, str_make(text + dot, name.n - dot + 1));
    }
    return ctx ? ctx : server->contexts[0];
}

static int on_server_name(SSL *ssl, int *alert, void *arg)
{
    const struct tls_server *server = arg;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

    (void)alert;
    if (name)
        SSL_set_SSL_CTX(ssl, context_for(server, str_of(name)));
    return SSL_TLSEXT_ERR_OK;
}

/* The protocol `wanted` in a client's list of length-prefixed names, or NULL. */
static const unsigned char *find_protocol(const unsigned char *list, unsigned n, str wanted)
{
    for (unsigned at = 0; at < n && list[at] < n - at; at += 1u + list[at])
        if (str_eq(str_make((const char *)list + at + 1, list[at]), wanted))
            return list + at;
    return NULL;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *in, unsigned in_n, void *arg)
{
    static const struct {
        unsigned bit;
        str name;
    } protocols[] = {{TLS_ALPN_HTTP2, STR_INIT("h2")}, {TLS_ALPN_HTTP1, STR_INIT("http/1.1")}};
    const struct tls_server *server = arg;

    (void)ssl;
    for (size_t i = 0; i < COUNT_OF(protocols); i++) {
        const unsigned char *hit =
            server->alpn & protocols[i].bit ? find_protocol(in, in_n, protocols[i].name) : NULL;
        if (hit) {
            *out = hit + 1;
            *out_n = *hit;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void add_name(struct tls_server *server, SSL_CTX *ctx, str name)
{
    char text[SERVER_NAME_BYTES];

    if (name.n == 0 || name.n > SERVER_NAME_BYTES || memchr(name.p, '\0', name.n))
        return;
    name = lower(name, text);
    if (!map_get(&server->by_name, name))
        map_put(&server->by_name, str_make(str_dup(name), name.n), ctx);
}

static void add_names(struct tls_server *server, SSL_CTX *ctx)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(SSL_CTX_get0_certificate(ctx), NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type == GEN_DNS)
            add_name(server, ctx,
                     str_make((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                              (size_t)ASN1_STRING_length(name->d.dNSName)));
    }
    GENERAL_NAMES_free(names);
}

static bool ask_for_client_certificates(SSL_CTX *ctx, str ca_pem, char *ret_why)
{
    if (ca_pem.n == 0)
        return true;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    return tls_context_trust(ctx, ca_pem, ret_why);
}

static void set_sessions(SSL_CTX *ctx)
{
    static const unsigned char scope[] = "ambit";

    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_session_id_context(ctx, scope, sizeof(scope) - 1);
    SSL_CTX_set_num_tickets(ctx, 1);
}

static bool add_identity(struct tls_server *server, const struct tls_server_options *options,
                         size_t i, char *ret_why)
{
    SSL_CTX *ctx = tls_context_new(TLS_server_method());

    if (!ctx) {
        tls_explain("no TLS context", ret_why);
        return false;
    }
    server->contexts[server->n_contexts++] = ctx;
    if (!tls_context_identity(ctx, &options->identities[i], ret_why) ||
        !ask_for_client_certificates(ctx, options->client_ca_pem, ret_why))
        return false;
    set_sessions(ctx);
    SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, server);
    if (options->alpn != TLS_ALPN_NONE)
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, server);
    add_names(server, ctx);
    return true;
}

int tls_server_new(const struct tls_server_options *options, struct tls_server **ret_server,
                   char *ret_why)
{
    if (options->n_identities == 0) {
        snprintf(ret_why, TLS_WHY_TEXT, "no certificate");
        return -EINVAL;
    }
    struct tls_server *server = mem_zalloc(sizeof(*server));

    server->refs = 1;
    server->alpn = options->alpn;
    map_init(&server->by_name);
    server->contexts = mem_array(options->n_identities, sizeof(SSL_CTX *));
    server->bio_method = tls_bio_method_new();
    assert(server->bio_method);
    for (size_t i = 0; i < options->n_identities; i++)
        if (!add_identity(server, options, i, ret_why)) {
            tls_server_unref(server);
            return -EINVAL;
        }
    *ret_server = server;
    return 0;
}

struct tls_server *tls_server_ref(struct tls_server *server)
{
    /* Relaxed: whoever refs holds a reference already. */
    atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed);
    return server;
}

void tls_server_unref(struct tls_server *server)
{
    struct map_entry entry;
    size_t cursor = 0;

    if (!server || atomic_fetch_sub(&server->refs, 1) != 1)
        return;
    for (size_t i = 0; i < server->n_contexts; i++)
        SSL_CTX_free(server->contexts[i]);
    while (map_next(&server->by_name, &cursor, &entry))
        mem_free((char *)entry.key.p);
    map_deinit(&server->by_name);
    BIO_meth_free(server->bio_method);
    mem_free(server->contexts);
    mem_free(server);
}

SSL_CTX *tls_server_context(const struct tls_server *server)
{
    return server->contexts[0];
}

const BIO_METHOD *tls_server_bio_method(const struct tls_server *server)
{
    return server->bio_method;
}

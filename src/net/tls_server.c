#include "base/mem.h"
#include "net/tls_internal.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdatomic.h>
#include <stdio.h>

/*
 * One SSL_CTX per certificate. A connection starts with the first; when the client's SNI matches a
 * name of another, the connection is switched to that one before its certificate is sent.
 */

struct tls_name {
    char *text; /* lower case; "*.example.com" for a wildcard */
    size_t identity;
};

struct tls_server {
    _Atomic unsigned refs;
    SSL_CTX **contexts;
    size_t n_contexts;
    struct tls_name *names;
    size_t n_names;
    unsigned alpn;
};

static const struct tls_name *find_name(const struct tls_server *server, str wanted)
{
    for (size_t i = 0; i < server->n_names; i++)
        if (str_ieq(str_of(server->names[i].text), wanted))
            return &server->names[i];
    return NULL;
}

/* Exact names first, then a wildcard for the first label. */
static SSL_CTX *context_for(const struct tls_server *server, str name)
{
    const struct tls_name *hit = find_name(server, name);
    size_t dot = str_find(name, '.', 0);
    char wildcard[256];

    if (!hit && dot > 0 && dot < name.n && name.n - dot + 1 < sizeof(wildcard)) {
        wildcard[0] = '*';
        memcpy(wildcard + 1, name.p + dot, name.n - dot);
        hit = find_name(server, str_make(wildcard, name.n - dot + 1));
    }
    return server->contexts[hit ? hit->identity : 0];
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

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_n,
                   const unsigned char *in, unsigned in_n, void *arg)
{
    static const struct {
        unsigned bit;
        unsigned char length;
        const char *name;
    } protocols[] = {{TLS_ALPN_HTTP2, 2, "h2"}, {TLS_ALPN_HTTP1, 8, "http/1.1"}};
    const struct tls_server *server = arg;

    (void)ssl;
    for (size_t p = 0; p < COUNT_OF(protocols); p++) {
        for (unsigned at = 0; (server->alpn & protocols[p].bit) && at + 1 + in[at] <= in_n;
             at += 1u + in[at]) {
            if (in[at] != protocols[p].length ||
                memcmp(in + at + 1, protocols[p].name, in[at]) != 0)
                continue;
            *out = in + at + 1;
            *out_n = in[at];
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void add_names(struct tls_server *server, SSL_CTX *ctx, size_t identity)
{
    GENERAL_NAMES *names =
        X509_get_ext_d2i(SSL_CTX_get0_certificate(ctx), NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);

        if (name->type != GEN_DNS)
            continue;
        str text = str_make((const char *)ASN1_STRING_get0_data(name->d.dNSName),
                            (size_t)ASN1_STRING_length(name->d.dNSName));
        server->names = mem_realloc(server->names, (server->n_names + 1) * sizeof(*server->names));
        server->names[server->n_names++] = (struct tls_name){str_dup(text), identity};
    }
    GENERAL_NAMES_free(names);
}

static bool ask_for_client_certificates(SSL_CTX *ctx, str ca_pem, char *ret_why)
{
    static const unsigned char session_scope[] = "ambit";

    if (ca_pem.n == 0)
        return true;
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_session_id_context(ctx, session_scope, sizeof(session_scope) - 1);
    return tls_context_trust(ctx, ca_pem, ret_why);
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
    SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
    SSL_CTX_set_tlsext_servername_arg(ctx, server);
    if (options->alpn != TLS_ALPN_NONE)
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, server);
    add_names(server, ctx, i);
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
    server->contexts = mem_array(options->n_identities, sizeof(SSL_CTX *));
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
    atomic_fetch_add_explicit(&server->refs, 1, memory_order_relaxed);
    return server;
}

void tls_server_unref(struct tls_server *server)
{
    if (!server || atomic_fetch_sub(&server->refs, 1) != 1)
        return;
    for (size_t i = 0; i < server->n_contexts; i++)
        SSL_CTX_free(server->contexts[i]);
    for (size_t i = 0; i < server->n_names; i++)
        mem_free(server->names[i].text);
    mem_free(server->contexts);
    mem_free(server->names);
    mem_free(server);
}

SSL_CTX *tls_server_ctx(struct tls_server *server)
{
    return server->contexts[0];
}

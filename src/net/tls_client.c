#include "base/mem.h"
#include "net/tls_internal.h"

#include <errno.h>
#include <stdatomic.h>

struct tls_client {
    _Atomic unsigned refs;
    SSL_CTX *ctx;
};

static const unsigned char alpn_http1[] = "\x08http/1.1";
static const unsigned char alpn_http2[] = "\x02h2";
static const unsigned char alpn_both[] = "\x02h2\x08http/1.1";

static void set_alpn(SSL_CTX *ctx, unsigned alpn)
{
    if (alpn == (TLS_ALPN_HTTP1 | TLS_ALPN_HTTP2))
        SSL_CTX_set_alpn_protos(ctx, alpn_both, sizeof(alpn_both) - 1);
    else if (alpn == TLS_ALPN_HTTP2)
        SSL_CTX_set_alpn_protos(ctx, alpn_http2, sizeof(alpn_http2) - 1);
    else if (alpn == TLS_ALPN_HTTP1)
        SSL_CTX_set_alpn_protos(ctx, alpn_http1, sizeof(alpn_http1) - 1);
}

static bool configure(SSL_CTX *ctx, const struct tls_client_options *options, char *ret_why)
{
    SSL_CTX_set_verify(ctx, options->verify == TLS_VERIFY_PEER ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       NULL);
    set_alpn(ctx, options->alpn);
    if (options->ca_pem.n) {
        if (!tls_context_trust(ctx, options->ca_pem, ret_why))
            return false;
    } else if (SSL_CTX_set_default_verify_paths(ctx) != 1) {
        tls_explain("the system's trust anchors can't be read", ret_why);
        return false;
    }
    return options->identity.certificate_pem.n == 0 ||
           tls_context_identity(ctx, &options->identity, ret_why);
}

int tls_client_new(const struct tls_client_options *options, struct tls_client **ret_client,
                   char *ret_why)
{
    SSL_CTX *ctx = tls_context_new(TLS_client_method());

    if (!ctx || !configure(ctx, options, ret_why)) {
        if (!ctx)
            tls_explain("no TLS context", ret_why);
        SSL_CTX_free(ctx);
        return -EINVAL;
    }
    struct tls_client *client = mem_zalloc(sizeof(*client));
    client->refs = 1;
    client->ctx = ctx;
    *ret_client = client;
    return 0;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    atomic_fetch_add_explicit(&client->refs, 1, memory_order_relaxed);
    return client;
}

void tls_client_unref(struct tls_client *client)
{
    if (!client || atomic_fetch_sub(&client->refs, 1) != 1)
        return;
    SSL_CTX_free(client->ctx);
    mem_free(client);
}

SSL_CTX *tls_client_ctx(struct tls_client *client)
{
    return client->ctx;
}

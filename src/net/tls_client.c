/*
 * One SSL_CTX, and the latest session of some names. A resumed session is not verified again, so it
 * is used only for the very name that its certificate was checked for, and never outlives the
 * tls_client whose trust anchors it was checked against. The table has one place per hash value: a
 * collision costs a full handshake and nothing else.
 */

#include "base/mem.h"
#include "base/siphash.h"
#include "net/tls_bio.h"
#include "net/tls_internal.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum { SESSIONS = 64 };

struct kept_session {
    char *name;
    SSL_SESSION *session;
};

struct tls_client {
    _Atomic unsigned refs;
    enum tls_verify verify;
    SSL_CTX *ctx;
    BIO_METHOD *bio_method;
    pthread_mutex_t lock; /* of sessions; taken once or twice a handshake */
    struct kept_session sessions[SESSIONS];
};

static struct kept_session *place_of(struct tls_client *client, str name)
{
    return &client->sessions[siphash64(siphash_process_key(), name) % SESSIONS];
}

SSL_SESSION *tls_client_take_session(struct tls_client *client, str name)
{
    struct kept_session *place = place_of(client, name);
    SSL_SESSION *session = NULL;

    pthread_mutex_lock(&client->lock);
    if (place->session && str_eq(str_of(place->name), name))
        session = TAKE(place->session);
    pthread_mutex_unlock(&client->lock);
    return session;
}

static int on_new_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    str name = tls_session_name_of(ssl);
    struct kept_session *place = place_of(client, name);
    SSL_SESSION *old;

    pthread_mutex_lock(&client->lock);
    old = place->session;
    place->session = session;
    if (!place->name || !str_eq(str_of(place->name), name)) {
        mem_free(place->name);
        place->name = str_dup(name);
    }
    pthread_mutex_unlock(&client->lock);
    SSL_SESSION_free(old);
    return 1; /* the reference is ours */
}

static void set_alpn(SSL_CTX *ctx, unsigned alpn)
{
    static const unsigned char both[] = "\x02h2\x08http/1.1";
    enum { H2_BYTES = 3, ALL_BYTES = sizeof(both) - 1 };
    const unsigned char *from = alpn & TLS_ALPN_HTTP2 ? both : both + H2_BYTES;
    const unsigned char *to = alpn & TLS_ALPN_HTTP1 ? both + ALL_BYTES : both + H2_BYTES;

    if (alpn != TLS_ALPN_NONE)
        SSL_CTX_set_alpn_protos(ctx, from, (unsigned)(to - from));
}

static bool configure(SSL_CTX *ctx, const struct tls_client_options *options, char *ret_why)
{
    bool verifies = options->verify == TLS_VERIFY_PEER;

    set_alpn(ctx, options->alpn);
    SSL_CTX_set_verify(ctx, verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_new_session);
    if (options->ca_pem.n) {
        if (!tls_context_trust(ctx, options->ca_pem, ret_why))
            return false;
    } else if (verifies && SSL_CTX_set_default_verify_paths(ctx) != 1) {
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

    if (!ctx)
        tls_explain("no TLS context", ret_why);
    if (!ctx || !configure(ctx, options, ret_why)) {
        SSL_CTX_free(ctx);
        return -EINVAL;
    }
    struct tls_client *client = mem_zalloc(sizeof(*client));

    client->refs = 1;
    client->verify = options->verify;
    client->ctx = ctx;
    client->bio_method = tls_bio_method_new();
    assert(client->bio_method);
    pthread_mutex_init(&client->lock, NULL);
    SSL_CTX_set_app_data(ctx, client);
    *ret_client = client;
    return 0;
}

struct tls_client *tls_client_ref(struct tls_client *client)
{
    /* Relaxed: whoever refs holds a reference already. */
    atomic_fetch_add_explicit(&client->refs, 1, memory_order_relaxed);
    return client;
}

void tls_client_unref(struct tls_client *client)
{
    if (!client || atomic_fetch_sub(&client->refs, 1) != 1)
        return;
    for (size_t i = 0; i < SESSIONS; i++) {
        SSL_SESSION_free(client->sessions[i].session);
        mem_free(client->sessions[i].name);
    }
    SSL_CTX_free(client->ctx);
    BIO_meth_free(client->bio_method);
    pthread_mutex_destroy(&client->lock);
    mem_free(client);
}

SSL_CTX *tls_client_context(const struct tls_client *client)
{
    return client->ctx;
}

const BIO_METHOD *tls_client_bio_method(const struct tls_client *client)
{
    return client->bio_method;
}

bool tls_client_verifies(const struct tls_client *client)
{
    return client->verify == TLS_VERIFY_PEER;
}

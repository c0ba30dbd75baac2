#include "net/tls_internal.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <signal.h>
#include <stdio.h>

void tls_explain(const char *what, char *ret_why)
{
    unsigned long code = ERR_get_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    snprintf(ret_why, TLS_WHY_TEXT, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
}

SSL_CTX *tls_context_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (!ctx)
        return NULL;
    /* OpenSSL writes with write(2): a peer that went away must be an error, not a signal. */
    signal(SIGPIPE, SIG_IGN);
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return ctx;
}

static BIO *pem_bio(str pem)
{
    return pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

static bool add_chain(SSL_CTX *ctx, BIO *bio)
{
    X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL), *next;
    bool fine = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1;

    X509_free(leaf);
    while (fine && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
        fine = SSL_CTX_add0_chain_cert(ctx, next) == 1;
    if (fine)
        ERR_clear_error(); /* "no start line" is how the end of a PEM file reads */
    return fine;
}

bool tls_context_identity(SSL_CTX *ctx, const struct tls_identity *identity, char *ret_why)
{
    BIO *chain = pem_bio(identity->certificate_pem), *key_bio = pem_bio(identity->key_pem);
    EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, "") : NULL;
    bool fine = false;

    if (!chain || !add_chain(ctx, chain))
        tls_explain("the certificate is not a PEM certificate chain", ret_why);
    else if (!key)
        tls_explain("the private key is not an unencrypted PEM key", ret_why);
    else if (SSL_CTX_use_PrivateKey(ctx, key) != 1 || SSL_CTX_check_private_key(ctx) != 1)
        tls_explain("the private key does not belong to the certificate", ret_why);
    else
        fine = true;
    EVP_PKEY_free(key);
    BIO_free(key_bio);
    BIO_free(chain);
    return fine;
}

bool tls_context_trust(SSL_CTX *ctx, str ca_pem, char *ret_why)
{
    BIO *bio = pem_bio(ca_pem);
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    X509 *ca;
    size_t n = 0;

    while (bio && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        X509_STORE_add_cert(store, ca);
        X509_free(ca);
        n++;
    }
    BIO_free(bio);
    if (n == 0)
        tls_explain("no PEM certificate among the trust anchors", ret_why);
    ERR_clear_error();
    return n > 0;
}

#include "net/tls_internal.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>

/* TLS 1.2 only with forward secrecy and authenticated encryption (RFC 9325); the suites of TLS 1.3
 * are all of that kind. */
static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20";

void tls_explain(const char *what, char *ret_why)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code ? ERR_reason_error_string(code) : NULL;

    snprintf(ret_why, TLS_WHY_TEXT, "%s%s%s", what, reason ? ": " : "", reason ? reason : "");
    ERR_clear_error();
}

SSL_CTX *tls_context_new(const SSL_METHOD *method)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (!ctx)
        return NULL;
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(ctx, tls12_ciphers);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    /* One recv for a whole record instead of one for its head and one for the rest. */
    SSL_CTX_set_read_ahead(ctx, 1);
    return ctx;
}

static BIO *pem_bio(str pem)
{
    return pem.n <= INT_MAX ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
}

/* After a PEM reader returned NULL: whether it had just come to the end. */
static bool ended_well(void)
{
    unsigned long code = ERR_peek_last_error();
    bool end = ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE;

    if (end)
        ERR_clear_error();
    return end;
}

static bool add_chain(SSL_CTX *ctx, BIO *bio)
{
    X509 *leaf = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL), *next;
    bool fine = leaf && SSL_CTX_use_certificate(ctx, leaf) == 1;

    X509_free(leaf);
    while (fine && (next = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        fine = SSL_CTX_add0_chain_cert(ctx, next) == 1;
        if (!fine)
            X509_free(next);
    }
    return fine && ended_well();
}

bool tls_context_identity(SSL_CTX *ctx, const struct tls_identity *identity, char *ret_why)
{
    BIO *chain = pem_bio(identity->certificate_pem), *key_bio = pem_bio(identity->key_pem);
    /* The empty passphrase keeps OpenSSL from asking the terminal for one. */
    EVP_PKEY *key = key_bio ? PEM_read_bio_PrivateKey(key_bio, NULL, NULL, "") : NULL;
    bool fine = false;

    if (!key)
        tls_explain("the private key is not an unencrypted PEM key", ret_why);
    else if (!chain || !add_chain(ctx, chain))
        tls_explain("the certificate is not a PEM certificate chain", ret_why);
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
    bool fine = true;
    size_t n = 0;
    X509 *ca;

    while (fine && bio && (ca = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
        fine = X509_STORE_add_cert(store, ca) == 1;
        X509_free(ca);
        n++;
    }
    fine = fine && n > 0 && ended_well();
    BIO_free(bio);
    if (!fine)
        tls_explain("the trust anchors are not PEM certificates", ret_why);
    return fine;
}

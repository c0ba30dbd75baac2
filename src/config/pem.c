#include "config/pem.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* A key that asks for a passphrase is refused: nobody is there to type one. */
static int no_passphrase(char *to, int size, int writing, void *ctx)
{
    (void)to;
    (void)size;
    (void)writing;
    (void)ctx;
    return -1;
}

static void free_bio(BIO **bio)
{
    BIO_free(*bio);
}

static void free_certificate(X509 **certificate)
{
    X509_free(*certificate);
}

static void free_key(EVP_PKEY **key)
{
    EVP_PKEY_free(*key);
}

static BIO *open_pem(str pem)
{
    return BIO_new_mem_buf(pem.p ? pem.p : "", (int)pem.n);
}

const char *pem_check_authorities(str pem)
{
    CLEANUP(free_bio) BIO *bio = open_pem(pem);
    size_t n = 0;

    for (;; n++) {
        X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);

        if (!certificate)
            break;
        X509_free(certificate);
    }
    /* The end of the file is an error to OpenSSL as well. */
    ERR_clear_error();
    return n ? NULL : "holds no certificate";
}

const char *pem_check_pair(str chain, str key)
{
    CLEANUP(free_bio) BIO *chain_bio = open_pem(chain);
    CLEANUP(free_bio) BIO *key_bio = open_pem(key);
    CLEANUP(free_certificate)
    X509 *certificate = PEM_read_bio_X509_AUX(chain_bio, NULL, no_passphrase, NULL);
    CLEANUP(free_key)
    EVP_PKEY *private_key = PEM_read_bio_PrivateKey(key_bio, NULL, no_passphrase, NULL);
    const char *problem = NULL;

    if (!certificate)
        problem = "the certificate file holds no certificate";
    else if (!private_key)
        problem = "the key file holds no private key, or one with a passphrase";
    else if (X509_check_private_key(certificate, private_key) != 1)
        problem = "the key does not belong to the certificate";
    ERR_clear_error();
    return problem;
}

bool pem_has_expired(str chain)
{
    CLEANUP(free_bio) BIO *bio = open_pem(chain);
    CLEANUP(free_certificate)
    X509 *certificate = PEM_read_bio_X509_AUX(bio, NULL, no_passphrase, NULL);

    return certificate && X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0;
}

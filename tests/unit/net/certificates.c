#include "certificates.h"

#include "base/mem.h"

#include <assert.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct authority {
    EVP_PKEY *key;
    X509 *certificate;
    char *pem;
};

static char *take_text(BIO *bio)
{
    char *p;
    size_t n = (size_t)BIO_get_mem_data(bio, &p);
    char *text = str_dup(str_make(p, n));

    BIO_free(bio);
    return text;
}

static char *certificate_text(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert(PEM_write_bio_X509(bio, certificate));
    return take_text(bio);
}

static char *key_text(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    assert(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL));
    return take_text(bio);
}

static void add_extension(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);

    assert(extension && X509_add_ext(certificate, extension, -1));
    X509_EXTENSION_free(extension);
}

static X509 *certificate_new(const char *subject, EVP_PKEY *key, long from_s, long to_s)
{
    static long serial;
    X509 *certificate = X509_new();

    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), from_s);
    X509_gmtime_adj(X509_getm_notAfter(certificate), to_s);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               (const unsigned char *)subject, -1, -1, 0);
    return certificate;
}

struct authority *authority_new(const char *name)
{
    struct authority *ca = mem_zalloc(sizeof(*ca));

    ca->key = EVP_EC_gen("P-256");
    ca->certificate = certificate_new(name, ca->key, -3600, 3600);
    X509_set_issuer_name(ca->certificate, X509_get_subject_name(ca->certificate));
    add_extension(ca->certificate, NID_basic_constraints, "critical,CA:TRUE");
    assert(X509_sign(ca->certificate, ca->key, EVP_sha256()));
    ca->pem = certificate_text(ca->certificate);
    return ca;
}

void authority_free(struct authority *ca)
{
    EVP_PKEY_free(ca->key);
    X509_free(ca->certificate);
    mem_free(ca->pem);
    mem_free(ca);
}

str authority_pem(const struct authority *ca)
{
    return str_of(ca->pem);
}

void leaf_make(const struct authority *ca, const char *names, long from_s, long to_s,
               struct leaf *ret_leaf)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = certificate_new("leaf", key, from_s, to_s);

    X509_set_issuer_name(certificate, X509_get_subject_name(ca->certificate));
    add_extension(certificate, NID_subject_alt_name, names);
    assert(X509_sign(certificate, ca->key, EVP_sha256()));
    ret_leaf->certificate_pem = certificate_text(certificate);
    ret_leaf->key_pem = key_text(key);
    ret_leaf->identity =
        (struct tls_identity){str_of(ret_leaf->certificate_pem), str_of(ret_leaf->key_pem)};
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void leaf_deinit(struct leaf *leaf)
{
    mem_free(leaf->certificate_pem);
    mem_free(leaf->key_pem);
}

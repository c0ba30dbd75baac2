#pragma once

/* Certificates made on the spot, as PEM text. */

#include "net/tls.h"

struct authority;

struct authority *authority_new(const char *name);
void authority_free(struct authority *ca);
str authority_pem(const struct authority *ca);

struct leaf {
    char *certificate_pem;
    char *key_pem;
    struct tls_identity identity; /* slices of the two */
};

/* `names` is a subjectAltName in OpenSSL's notation: "DNS:a.example,IP:127.0.0.1". Valid from
 * `from_s` to `to_s` seconds from now. */
void leaf_make(const struct authority *ca, const char *names, long from_s, long to_s,
               struct leaf *ret_leaf);
void leaf_deinit(struct leaf *leaf);

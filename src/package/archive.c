#include "package/archive.h"

#include "base/random.h"
#include "package/archive_internal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { READ_BYTES = 64 << 10, HASH_BYTES = 32 };

const struct package_limits package_limits_default = {
    .archive_bytes = 2ULL << 30,
    .content_bytes = 8ULL << 30,
    .entries = 20000,
};

int package_refuse(struct package_error *error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    return PACKAGE_REFUSED;
}

int package_fail(struct package_error *error, int negative_errno, const char *doing,
                 const char *name)
{
    (void)snprintf(error->message, sizeof(error->message), "%s %.300s: %s", doing, name,
                   strerror(-negative_errno));
    return negative_errno;
}

const char *package_show(str name, char to[PACKAGE_SHOWN_BYTES])
{
    size_t n = name.n < PACKAGE_SHOWN_BYTES ? name.n : PACKAGE_SHOWN_BYTES - 1;

    for (size_t i = 0; i < n; i++)
        to[i] = name.p[i] >= ' ' && name.p[i] < 127 ? name.p[i] : '?';
    to[n] = 0;
    return to;
}

static int digest_all(int file, EVP_MD_CTX *context, uint64_t *ret_bytes)
{
    char piece[READ_BYTES];
    uint64_t at = 0;

    for (;;) {
        ssize_t n = pread(file, piece, sizeof(piece), (off_t)at);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        if (EVP_DigestUpdate(context, piece, (size_t)n) != 1)
            return -ENOMEM;
        at += (uint64_t)n;
    }
    *ret_bytes = at;
    return 0;
}

int package_digest(int file, char ret_sha256[PACKAGE_SHA256_BYTES], uint64_t *ret_bytes)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    uint8_t hash[HASH_BYTES];
    uint64_t bytes = 0;
    unsigned n = sizeof(hash);
    int e = -ENOMEM;

    if (context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1)
        e = digest_all(file, context, &bytes);
    if (!e && EVP_DigestFinal_ex(context, hash, &n) != 1)
        e = -ENOMEM;
    EVP_MD_CTX_free(context);
    if (e)
        return e;
    hex_encode(hash, sizeof(hash), ret_sha256);
    ret_sha256[PACKAGE_SHA256_BYTES - 1] = 0;
    *ret_bytes = bytes;
    return 0;
}

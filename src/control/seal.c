#include "control/seal.h"

#include "base/mem.h"
#include "base/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

enum { NONCE_BYTES = 12, TAG_BYTES = 16, PLAIN_MAX_BYTES = 256 << 20 };

static void free_context(EVP_CIPHER_CTX **ctx)
{
    EVP_CIPHER_CTX_free(*ctx);
}

static bool encrypt(const uint8_t *key, str label, str plain, uint8_t *nonce, uint8_t *cipher,
                    uint8_t *tag)
{
    CLEANUP(free_context) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0;

    return ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
           EVP_EncryptUpdate(ctx, NULL, &n, (const uint8_t *)label.p, (int)label.n) == 1 &&
           EVP_EncryptUpdate(ctx, cipher, &n, (const uint8_t *)plain.p, (int)plain.n) == 1 &&
           EVP_EncryptFinal_ex(ctx, cipher + n, &n) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
}

/* nonce, tag, ciphertext */
int seal(const uint8_t key[SEAL_KEY_BYTES], str label, str plain, struct buf *to)
{
    if (plain.n > PLAIN_MAX_BYTES)
        return -EIO;
    size_t n = NONCE_BYTES + TAG_BYTES + plain.n;
    CLEANUP_FREE uint8_t *sealed = mem_alloc(n);
    char *hex = buf_reserve(to, 2 * n);

    random_bytes(sealed, NONCE_BYTES);
    if (!hex ||
        !encrypt(key, label, plain, sealed, sealed + NONCE_BYTES + TAG_BYTES, sealed + NONCE_BYTES))
        return -EIO;
    hex_encode(sealed, n, hex);
    to->n += 2 * n;
    return 0;
}

static bool decrypt(const uint8_t *key, str label, uint8_t *sealed, size_t n, uint8_t *plain)
{
    CLEANUP(free_context) EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int done = 0;

    return ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
           EVP_DecryptUpdate(ctx, NULL, &done, (const uint8_t *)label.p, (int)label.n) == 1 &&
           EVP_DecryptUpdate(ctx, plain, &done, sealed + NONCE_BYTES + TAG_BYTES, (int)n) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, sealed + NONCE_BYTES) == 1 &&
           EVP_DecryptFinal_ex(ctx, plain + done, &done) == 1;
}

int unseal(const uint8_t key[SEAL_KEY_BYTES], str label, str hex, struct buf *to)
{
    size_t n = hex.n / 2;

    if (n < NONCE_BYTES + TAG_BYTES || n > PLAIN_MAX_BYTES)
        return -EBADMSG;
    CLEANUP_FREE uint8_t *sealed = mem_alloc(n);
    char *plain = buf_reserve(to, n);
    size_t plain_n = n - NONCE_BYTES - TAG_BYTES;

    if (!plain || !hex_decode(hex, sealed, n) ||
        !decrypt(key, label, sealed, plain_n, (uint8_t *)plain))
        return -EBADMSG;
    to->n += plain_n;
    return 0;
}

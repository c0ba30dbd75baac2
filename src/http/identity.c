#include "http/identity.h"

#include "base/random.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define WORD "AMBIT1 "

enum { WORD_BYTES = sizeof(WORD) - 1, KEY_BYTES = IDENTITY_HEX / 2, DIGEST_BYTES = 32 };

static void put_line(char *to, const char *hex, size_t n)
{
    memcpy(to, WORD, WORD_BYTES);
    memmove(to + WORD_BYTES, hex, n);
    memcpy(to + WORD_BYTES + n, "\r\n", 2);
}

static bool prove(str identity, const char *nonce, char *ret_line)
{
    uint8_t key[KEY_BYTES], digest[DIGEST_BYTES];
    unsigned n = 0;
    bool fine;

    fine = identity.n == IDENTITY_HEX && hex_decode(identity, key, sizeof(key)) &&
           HMAC(EVP_sha256(), key, sizeof(key), (const uint8_t *)nonce, IDENTITY_NONCE_HEX, digest,
                &n) &&
           n == sizeof(digest);
    OPENSSL_cleanse(key, sizeof(key));
    if (!fine)
        return false;
    char hex[2 * DIGEST_BYTES];
    hex_encode(digest, sizeof(digest), hex);
    put_line(ret_line, hex, sizeof(hex));
    return true;
}

int identity_challenge(str identity, char ret_challenge[IDENTITY_CHALLENGE_BYTES],
                       char ret_expected[IDENTITY_PROOF_BYTES])
{
    uint8_t nonce[IDENTITY_NONCE_HEX / 2];
    char hex[IDENTITY_NONCE_HEX];

    random_bytes(nonce, sizeof(nonce));
    hex_encode(nonce, sizeof(nonce), hex);
    if (!prove(identity, hex, ret_expected))
        return -EINVAL;
    put_line(ret_challenge, hex, sizeof(hex));
    return 0;
}

bool identity_proves(const char expected[IDENTITY_PROOF_BYTES], str received)
{
    return received.n == IDENTITY_PROOF_BYTES &&
           CRYPTO_memcmp(expected, received.p, IDENTITY_PROOF_BYTES) == 0;
}

static bool is_lower_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

/* Whether `c` may stand at that place of a challenge. */
static bool fits(size_t at, char c)
{
    if (at < WORD_BYTES)
        return c == WORD[at];
    if (at < WORD_BYTES + IDENTITY_NONCE_HEX)
        return is_lower_hex(c);
    return c == (at == IDENTITY_CHALLENGE_BYTES - 2 ? '\r' : '\n');
}

enum identity_result identity_answer(str identity, str received,
                                     char ret_proof[IDENTITY_PROOF_BYTES])
{
    str line = str_upto(received, IDENTITY_CHALLENGE_BYTES);

    for (size_t i = 0; i < line.n; i++) {
        if (!fits(i, line.p[i]))
            return IDENTITY_BAD;
    }
    if (line.n < IDENTITY_CHALLENGE_BYTES)
        return IDENTITY_MORE;
    return prove(identity, line.p + WORD_BYTES, ret_proof) ? IDENTITY_DONE : IDENTITY_BAD;
}

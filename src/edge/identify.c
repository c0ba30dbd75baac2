#include "edge/identify.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>

/* What a connection remembers. */
struct remembered {
    struct digest128 credential;
    uint64_t revision;
    uint32_t key; /* index into the catalog's keys, plus one; 0: nothing */
};

static_assert(sizeof(struct remembered) <= HTTP_SERVER_SCRATCH_BYTES,
              "fits a connection's scratch");

static EVP_MD *sha256;

/* Fetched once: an implicit fetch per digest costs more than the digest. */
static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    assert(sha256);
}

static void hash_key(str text, uint8_t hash[CATALOG_KEY_HASH_BYTES])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    unsigned n = CATALOG_KEY_HASH_BYTES;

    pthread_once(&once, fetch_sha256);
    int ok = EVP_Digest(text.p, text.n, hash, &n, sha256, NULL);
    assert(ok == 1 && n == CATALOG_KEY_HASH_BYTES);
    (void)ok;
}

/* "Bearer x" and "Api-Key x" in Authorization, or Azure's api-key header. */
static str credential_of(const struct http_head *head)
{
    str value = http_head_value(head, HTTP_HEADER_AUTHORIZATION);
    size_t space = str_find(value, ' ', 0);
    str scheme = str_upto(value, space);

    if (value.n == 0)
        return http_head_value(head, HTTP_HEADER_API_KEY);
    if (!str_ieq(scheme, STR("Bearer")) && !str_ieq(scheme, STR("Api-Key")))
        return STR_NULL;
    return str_trim(str_from(value, space));
}

static const struct catalog_key *look_up(const struct catalog *catalog, str credential)
{
    uint8_t hash[CATALOG_KEY_HASH_BYTES];

    hash_key(credential, hash);
    return catalog_find_key(catalog, hash);
}

enum fault identify(struct stream *client, const struct http_head *head,
                    const struct catalog *catalog, int64_t wall_ns,
                    const struct catalog_key **ret_key)
{
    struct remembered *memory = http_server_scratch(client);
    str credential = credential_of(head);
    const struct catalog_key *key;

    if (credential.n == 0)
        return FAULT_INVALID_API_KEY;
    struct digest128 digest = siphash128(siphash_process_key(), credential);
    if (memory->key && memory->revision == catalog->revision &&
        digest128_eq(memory->credential, digest)) {
        key = &catalog->keys[memory->key - 1];
    } else {
        key = look_up(catalog, credential);
        if (!key)
            return FAULT_INVALID_API_KEY;
        *memory =
            (struct remembered){digest, catalog->revision, (uint32_t)(key - catalog->keys) + 1};
    }
    if (catalog_key_has_expired(key, wall_ns))
        return FAULT_EXPIRED_API_KEY;
    *ret_key = key;
    return FAULT_NONE;
}

#include "control/master_key.h"

#include "base/random.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { RANDOM_BYTES = 24, TEXT_CHARS = 3 + 2 * RANDOM_BYTES };

static bool is_there(struct change *c)
{
    struct arena arena;
    str hex;

    arena_init(&arena, NULL, 0);
    int r = store_setting_get(c->policy->store, POLICY_SETTING_MASTER, &arena, &hex);
    arena_deinit(&arena);
    if (r < 0)
        change_did(c, r);
    return r != STORE_NOT_FOUND;
}

void master_key_ensure(struct change *c)
{
    uint8_t random[RANDOM_BYTES], hash[STORE_HASH_BYTES];
    char text[TEXT_CHARS] = "sk-", hex[2 * STORE_HASH_BYTES];

    if (c->error || c->next->master_key.n || is_there(c))
        return;
    random_bytes(random, sizeof(random));
    hex_encode(random, sizeof(random), text + 3);
    if (EVP_Digest(text, sizeof(text), hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
    hex_encode(hash, sizeof(hash), hex);
    change_did(
        c, store_setting_put(c->policy->store, POLICY_SETTING_MASTER, str_make(hex, sizeof(hex))));
    if (c->error)
        return;
    printf("master key, shown this once: %.*s\n", TEXT_CHARS, text);
    fflush(stdout);
}

#include "control/credential.h"

#include "control/seal.h"

#include <openssl/crypto.h>

static str label(str url, struct arena *arena)
{
    return arena_printf(arena, "credential for %.*s", STR_ARG(url));
}

str credential_seal(const struct policy *p, str url, str credential, struct arena *arena)
{
    struct buf sealed;

    buf_init(&sealed, 0);
    int r = seal(p->seal_key, label(url, arena), credential, &sealed);
    str text = r == 0 ? arena_copy(arena, buf_str(&sealed)) : STR_NULL;
    buf_deinit(&sealed);
    return text;
}

str credential_open(const struct policy *p, const struct fleet_deployment *d, struct arena *arena)
{
    struct buf plain;
    str text = STR_NULL;

    if (!d->credential.n)
        return STR("");
    buf_init(&plain, 0);
    if (unseal(p->seal_key, label(d->url, arena), d->credential, &plain) == 0)
        text = arena_copy(arena, buf_str(&plain));
    if (plain.n)
        OPENSSL_cleanse(plain.p, plain.n);
    buf_deinit(&plain);
    return text;
}

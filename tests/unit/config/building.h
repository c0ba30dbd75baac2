#pragma once

/* A table of rules that lives as long as the test: the stand-in for control's store. */

#include "config/config.h"

enum { BUILDING_RULES = 64 };

struct building {
    char texts[BUILDING_RULES][256];
    uint32_t n;
    uint32_t first; /* index of the first rule, so that a test sees gaps */
};

static inline uint32_t building_intern(void *ctx, str canonical)
{
    struct building *b = ctx;

    for (uint32_t i = 0; i < b->n; i++) {
        if (str_eq(str_of(b->texts[i]), canonical))
            return b->first + i;
    }
    if (b->n == BUILDING_RULES || canonical.n >= sizeof(b->texts[0]))
        return CATALOG_NONE;
    memcpy(b->texts[b->n], canonical.p, canonical.n);
    b->texts[b->n][canonical.n] = 0;
    return b->first + b->n++;
}

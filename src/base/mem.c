#include "base/mem.h"

#include <stdio.h>
#include <string.h>

static void *must(void *p)
{
    if (!p) {
        fputs("ambit: out of memory\n", stderr);
        abort();
    }
    return p;
}

void *mem_alloc(size_t size)
{
    return must(malloc(size ? size : 1));
}

void *mem_zalloc(size_t size)
{
    return must(calloc(1, size ? size : 1));
}

void *mem_realloc(void *old, size_t size)
{
    return must(realloc(old, size ? size : 1));
}

void *mem_array(size_t n, size_t size)
{
    return must(calloc(n ? n : 1, size ? size : 1));
}

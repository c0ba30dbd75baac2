#include "base/arena.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { ARENA_ALIGN = 8, ARENA_BLOCK_BYTES = 4096 };

struct arena_block {
    struct arena_block *next;
    _Alignas(ARENA_ALIGN) char bytes[];
};

void arena_init(struct arena *a, void *storage, size_t size)
{
    *a = (struct arena){.at = storage, .end = storage ? (char *)storage + size : NULL};
}

void arena_deinit(struct arena *a)
{
    while (a->blocks) {
        struct arena_block *block = a->blocks;

        a->blocks = block->next;
        mem_free(block);
    }
    *a = (struct arena){0};
}

static void *arena_new_block(struct arena *a, size_t size)
{
    size_t room = size > ARENA_BLOCK_BYTES / 2 ? size : ARENA_BLOCK_BYTES;
    struct arena_block *block = mem_alloc(sizeof(*block) + room);

    block->next = a->blocks;
    a->blocks = block;
    a->allocated_bytes += room;
    /* A large piece gets a block of its own; the rest of the current one stays in use. */
    if (room > size) {
        a->at = block->bytes + size;
        a->end = block->bytes + room;
    }
    return block->bytes;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t rounded = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    size_t pad = (ARENA_ALIGN - (uintptr_t)a->at % ARENA_ALIGN) % ARENA_ALIGN;

    if (!a->at || (size_t)(a->end - a->at) < rounded + pad)
        return arena_new_block(a, rounded);
    char *p = a->at + pad;
    a->at = p + rounded;
    return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

str arena_copy(struct arena *a, str s)
{
    char *copy = arena_alloc(a, s.n + 1);

    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return str_make(copy, s.n);
}

str arena_join(struct arena *a, const str *pieces, size_t n)
{
    size_t total = 0;
    char *text, *at;

    for (size_t i = 0; i < n; i++)
        total += pieces[i].n;
    text = at = arena_alloc(a, total + 1);
    for (size_t i = 0; i < n; i++) {
        if (pieces[i].n)
            memcpy(at, pieces[i].p, pieces[i].n);
        at += pieces[i].n;
    }
    *at = '\0';
    return str_make(text, total);
}

str arena_u64(struct arena *a, uint64_t value)
{
    enum { DIGITS_MAX = 20 };
    char *text = arena_alloc(a, DIGITS_MAX + 1), *at = text + DIGITS_MAX;

    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    return str_make(at, (size_t)(text + DIGITS_MAX - at));
}

str arena_printf(struct arena *a, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = arena_alloc(a, (size_t)n + 1);
    vsnprintf(text, (size_t)n + 1, format, again);
    va_end(again);
    return str_make(text, (size_t)n);
}

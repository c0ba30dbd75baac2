#pragma once

/*
 * Small allocations. Running out of memory on one of them aborts: a server has no better answer,
 * and a third of all error paths disappear. Sizes that come from a network are bounded before they
 * get here.
 */

#include <stddef.h>
#include <stdlib.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_realloc(void *old, size_t size) __attribute__((returns_nonnull, alloc_size(2)));

/* Room for n elements of `size` bytes; aborts where the product overflows. */
void *mem_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));

static inline void mem_free(void *p)
{
    free(p);
}

static inline void mem_free_ref(void *p)
{
    free(*(void **)p);
}

#define CLEANUP(fn)  __attribute__((cleanup(fn)))
#define CLEANUP_FREE CLEANUP(mem_free_ref)

/* Moves a pointer out of a variable that has a cleanup attribute. */
#define TAKE(pointer)                                                                              \
    __extension__({                                                                                \
        __typeof__(pointer) taken_ = (pointer);                                                    \
        (pointer) = NULL;                                                                          \
        taken_;                                                                                    \
    })

#define container_of(pointer, type, member) ((type *)((char *)(pointer)-offsetof(type, member)))
#define COUNT_OF(array)                     (sizeof(array) / sizeof((array)[0]))

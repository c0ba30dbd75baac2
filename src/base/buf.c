#include "base/buf.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { BUF_MIN_BYTES = 256 };

void buf_init(struct buf *b, size_t limit_bytes)
{
    *b = (struct buf){.limit = limit_bytes};
}

void buf_deinit(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){.limit = b->limit};
}

char *buf_grow(struct buf *b, size_t size)
{
    size_t need = b->n + size;

    if (b->overflow || need < size || (b->limit && need > b->limit)) {
        b->overflow = true;
        return NULL;
    }
    if (need > b->capacity) {
        size_t capacity = b->capacity ? b->capacity : BUF_MIN_BYTES;

        while (capacity < need)
            capacity *= 2;
        if (b->limit && capacity > b->limit)
            capacity = b->limit;
        b->p = mem_realloc(b->p, capacity);
        b->capacity = capacity;
    }
    return b->p + b->n;
}

void buf_put_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_put(b, digits + at, sizeof(digits) - at);
}

void buf_printf(struct buf *b, const char *format, ...)
{
    va_list args, again;

    va_start(args, format);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *to = buf_reserve(b, (size_t)n + 1);
    if (to) {
        vsnprintf(to, (size_t)n + 1, format, again);
        b->n += (size_t)n;
    }
    va_end(again);
}

void buf_drop(struct buf *b, size_t n)
{
    if (n >= b->n) {
        b->n = 0;
        return;
    }
    memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

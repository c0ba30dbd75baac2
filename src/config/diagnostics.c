#include "config/diagnostics.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_MAX = 1024, PATH_MAX_BYTES = 512 };

void diagnostics_init(struct diagnostics *d)
{
    *d = (struct diagnostics){.file = STR("")};
    arena_init(&d->arena, NULL, 0);
}

void diagnostics_deinit(struct diagnostics *d)
{
    mem_free(d->list);
    arena_deinit(&d->arena);
    *d = (struct diagnostics){0};
}

void diagnostics_set_file(struct diagnostics *d, str file)
{
    d->file = arena_copy(&d->arena, file);
}

static void count(struct diagnostics *d, enum diagnostic_level level)
{
    if (level == DIAGNOSTIC_ERROR)
        d->n_errors++;
    if (level == DIAGNOSTIC_WARNING)
        d->n_warnings++;
}

static struct diagnostic *next_entry(struct diagnostics *d)
{
    if (d->n == d->capacity) {
        d->capacity = d->capacity ? 2 * d->capacity : 16;
        d->list = mem_realloc(d->list, d->capacity * sizeof(*d->list));
    }
    return &d->list[d->n++];
}

void diagnostics_add(struct diagnostics *d, enum diagnostic_level level, unsigned line,
                     unsigned column, str path, const char *format, ...)
{
    char message[MESSAGE_MAX];
    struct diagnostic *entry;
    va_list arguments;
    int n;

    count(d, level);
    if (d->n == DIAGNOSTICS_MAX)
        return;
    va_start(arguments, format);
    n = vsnprintf(message, sizeof(message), format, arguments);
    va_end(arguments);
    if (n < 0)
        n = 0;
    entry = next_entry(d);
    *entry = (struct diagnostic){
        .level = level,
        .file = d->file,
        .line = line,
        .column = column,
        .path = arena_copy(&d->arena, str_upto(path, PATH_MAX_BYTES)),
        .message =
            arena_copy(&d->arena, str_upto(str_make(message, (size_t)n), sizeof(message) - 1)),
    };
}

static int by_place(const void *a, const void *b)
{
    const struct diagnostic *x = a, *y = b;

    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return str_cmp(x->message, y->message);
}

void diagnostics_sort(struct diagnostics *d, size_t first)
{
    if (d->n > first)
        qsort(d->list + first, d->n - first, sizeof(*d->list), by_place);
}

str diagnostic_level_name(enum diagnostic_level level)
{
    static const str names[] = {STR_INIT("note"), STR_INIT("warning"), STR_INIT("error")};

    return names[level];
}

void diagnostic_print(const struct diagnostic *entry, struct buf *to)
{
    if (entry->file.n)
        buf_printf(to, "%.*s:", STR_ARG(entry->file));
    if (entry->line)
        buf_printf(to, "%u:%u:", entry->line, entry->column);
    if (to->n && to->p[to->n - 1] == ':')
        buf_put_char(to, ' ');
    buf_put_str(to, diagnostic_level_name(entry->level));
    buf_put_str(to, STR(": "));
    if (entry->path.n)
        buf_printf(to, "%.*s: ", STR_ARG(entry->path));
    buf_put_str(to, entry->message);
}

void diagnostics_print(const struct diagnostics *d, struct buf *to)
{
    for (size_t i = 0; i < d->n; i++) {
        diagnostic_print(&d->list[i], to);
        buf_put_char(to, '\n');
    }
    if (d->n == DIAGNOSTICS_MAX)
        buf_printf(to, "more than %d entries: the rest is not shown\n", DIAGNOSTICS_MAX);
}

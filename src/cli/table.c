#include "cli/table.h"

#include "base/buf.h"
#include "base/mem.h"

#include <assert.h>
#include <stdio.h>

void table_init(struct table *t, const char *const *head, size_t n_columns)
{
    assert(n_columns > 0 && n_columns <= TABLE_COLUMNS_MAX);
    *t = (struct table){.n_columns = n_columns};
    arena_init(&t->arena, NULL, 0);
    for (size_t i = 0; i < n_columns; i++)
        table_put(t, str_of(head[i]));
}

void table_deinit(struct table *t)
{
    mem_free(t->cells);
    arena_deinit(&t->arena);
}

void table_put(struct table *t, str text)
{
    if (t->n_cells == t->capacity) {
        t->capacity = t->capacity ? 2 * t->capacity : 64;
        t->cells = mem_realloc(t->cells, t->capacity * sizeof(*t->cells));
    }
    str copy = arena_copy(&t->arena, text);
    /* What others named must not steer a terminal. */
    for (size_t i = 0; i < copy.n; i++)
        if ((unsigned char)copy.p[i] < 0x20 || copy.p[i] == 0x7f)
            ((char *)copy.p)[i] = '?';
    t->cells[t->n_cells++] = copy;
}

static void put_plain(struct buf *to, const json_t *value)
{
    const json_t *item;
    size_t i;

    if (json_is_string(value)) {
        buf_put(to, json_string_value(value), json_string_length(value));
    } else if (json_is_array(value)) {
        json_array_foreach(value, i, item)
        {
            if (i)
                buf_put_char(to, ',');
            put_plain(to, item);
        }
    } else if (json_is_boolean(value)) {
        buf_put_str(to, json_is_true(value) ? STR("yes") : STR("no"));
    } else if (value && !json_is_null(value)) {
        char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

        buf_put_str(to, str_of(text));
        free(text);
    }
}

void table_put_json(struct table *t, const json_t *value)
{
    struct buf text;

    buf_init(&text, 0);
    put_plain(&text, value);
    table_put(t, text.n ? buf_str(&text) : STR("-"));
    buf_deinit(&text);
}

/* Columns on a screen: the bytes that begin a character. */
static size_t width_of(str text)
{
    size_t width = 0;

    for (size_t i = 0; i < text.n; i++)
        width += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return width;
}

void table_print(const struct table *t)
{
    size_t widths[TABLE_COLUMNS_MAX] = {0};

    if (t->n_cells <= t->n_columns) {
        printf("none\n");
        return;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        size_t width = width_of(t->cells[i]);

        if (width > widths[i % t->n_columns])
            widths[i % t->n_columns] = width;
    }
    for (size_t i = 0; i < t->n_cells; i++) {
        bool last = i % t->n_columns == t->n_columns - 1;
        int fill = last ? 0 : (int)(widths[i % t->n_columns] - width_of(t->cells[i])) + 2;

        printf("%.*s%*s%s", STR_ARG(t->cells[i]), fill, "", last ? "\n" : "");
    }
}

const json_t *table_member(const json_t *row, const char *path)
{
    char name[TABLE_NAME_MAX];
    const char *dot;

    while ((dot = strchr(path, '.'))) {
        snprintf(name, sizeof(name), "%.*s", (int)(dot - path), path);
        row = json_object_get(row, name);
        path = dot + 1;
    }
    return json_object_get(row, path);
}

const char *table_text(const json_t *row, const char *path)
{
    const char *text = json_string_value(table_member(row, path));

    return text ? text : "";
}

void table_print_rows(const char *const *head, const char *const *members, size_t n_columns,
                      const json_t *rows)
{
    const json_t *row;
    struct table t;
    size_t i;

    table_init(&t, head, n_columns);
    json_array_foreach(rows, i, row)
    {
        for (size_t k = 0; k < n_columns; k++)
            table_put_json(&t, table_member(row, members[k]));
    }
    table_print(&t);
    table_deinit(&t);
}

/* Objects inside are rows of their own, named "outer.name". */
static void put_members(struct table *t, str prefix, const json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)object, name, value)
    {
        str path = arena_printf(&t->arena, "%.*s%s%s", STR_ARG(prefix), prefix.n ? "." : "", name);

        if (json_object_size(value)) {
            put_members(t, path, value);
            continue;
        }
        table_put(t, path);
        table_put_json(t, value);
    }
}

void table_print_object(const json_t *object)
{
    static const char *const head[] = {"FIELD", "VALUE"};
    struct table t;

    table_init(&t, head, COUNT_OF(head));
    put_members(&t, STR(""), object);
    table_print(&t);
    table_deinit(&t);
}

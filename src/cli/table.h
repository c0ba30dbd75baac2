#pragma once

/* Columns of text for a terminal: collected first, then printed as wide as they need to be. */

#include "base/arena.h"

#include <jansson.h>

enum { TABLE_COLUMNS_MAX = 12, TABLE_NAME_MAX = 64 };

struct table {
    struct arena arena;
    size_t n_columns;
    str *cells;
    size_t n_cells, capacity;
};

/* `head` names the columns. */
void table_init(struct table *t, const char *const *head, size_t n_columns);
void table_deinit(struct table *t);

/* The next cell, row by row; control characters are shown as '?'. */
void table_put(struct table *t, str text);

/* A JSON value as a person reads it: "-" for null, a list with commas, an object compactly. */
void table_put_json(struct table *t, const json_t *value);

/* The member that "name" or "outer.name" leads to; NULL where there is none. */
const json_t *table_member(const json_t *row, const char *path);

/* Its text; "" where it is none. */
const char *table_text(const json_t *row, const char *path);

/* A row for each object of a JSON array, of the members that are named (as above), under `head`;
 * printed. */
void table_print_rows(const char *const *head, const char *const *members, size_t n_columns,
                      const json_t *rows);

/* A row for each member of one object; printed. */
void table_print_object(const json_t *object);

/* To standard output; nothing but "none" where there are no rows. */
void table_print(const struct table *t);

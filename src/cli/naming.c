#include "cli/naming.h"

#include "base/str.h"
#include "cli/table.h"

#include <stdio.h>

static bool has_name(const struct naming *n, const json_t *row, const char *word)
{
    for (size_t i = 0; i < NAMING_NAMES_MAX && n->names[i]; i++) {
        str name = str_of(table_text(row, n->names[i]));

        if (name.n && (n->any_case ? str_ieq(name, str_of(word)) : str_eq(name, str_of(word))))
            return true;
    }
    return false;
}

static void list_candidates(const struct naming *n, const char *command, const json_t *rows,
                            const char *word)
{
    const json_t *row;
    size_t i;

    fprintf(stderr, "ambit %s: several %ss are named \"%s\"; %s:", command, n->what, word,
            n->advice);
    json_array_foreach(rows, i, row)
    {
        const char *more = n->told_apart_by ? table_text(row, n->told_apart_by) : "";

        if (has_name(n, row, word))
            fprintf(stderr, " %s%s%s%s", table_text(row, n->id), *more ? " (" : "", more,
                    *more ? ")" : "");
    }
    fprintf(stderr, "\n");
}

bool naming_find(const struct naming *n, const char *command, const json_t *rows, const char *word,
                 json_t **ret_row)
{
    json_t *row, *found = NULL;
    size_t i, n_named = 0;

    json_array_foreach(rows, i, row)
    {
        if (!strcmp(table_text(row, n->id), word)) {
            *ret_row = row;
            return true;
        }
        if (has_name(n, row, word)) {
            found = row;
            n_named++;
        }
    }
    if (n_named > 1) {
        list_candidates(n, command, rows, word);
        return false;
    }
    *ret_row = found;
    return true;
}

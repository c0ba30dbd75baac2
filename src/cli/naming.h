#pragma once

/*
 * Which row of a list a word of the command line names: the one with that id, else the only one
 * with that name. A name that several have is an error that lists them.
 */

#include <jansson.h>
#include <stdbool.h>

enum { NAMING_NAMES_MAX = 2 };

struct naming {
    const char *what;                    /* "model" */
    const char *id;                      /* the member that is the id */
    const char *names[NAMING_NAMES_MAX]; /* those that are names */
    bool any_case;                       /* of names */
    const char *told_apart_by;           /* a member that is shown of each candidate; may be NULL */
    const char *advice;                  /* "name one with --team, or its id" */
};

/* True: *ret_row is the row (borrowed), or NULL where there is none. False after a message. */
bool naming_find(const struct naming *n, const char *command, const json_t *rows, const char *word,
                 json_t **ret_row);

#pragma once

/*
 * What a reader of configuration has to say: errors, warnings and notes, each with the place in the
 * file, the path of the field and a sentence that names the value, what was expected and a near
 * match. A list keeps at most DIAGNOSTICS_MAX entries and counts the rest, so a hostile file cannot
 * grow it. Values of secret fields are never put into a message.
 */

#include "base/arena.h"
#include "base/buf.h"

enum { DIAGNOSTICS_MAX = 500 };

enum diagnostic_level { DIAGNOSTIC_NOTE, DIAGNOSTIC_WARNING, DIAGNOSTIC_ERROR };

struct diagnostic {
    enum diagnostic_level level;
    str file;
    unsigned line, column; /* from 1; 0: of the file as a whole */
    str path;              /* "model_list[0].litellm_params.region_name", "" for none */
    str message;
};

struct diagnostics {
    struct arena arena;
    str file; /* of what is added next */
    struct diagnostic *list;
    size_t n, capacity;
    size_t n_errors, n_warnings; /* those that were not kept included */
};

void diagnostics_init(struct diagnostics *d);
void diagnostics_deinit(struct diagnostics *d);

/* Names the file that the following entries speak of; the text is copied. */
void diagnostics_set_file(struct diagnostics *d, str file);

/* Path and message are copied. */
void diagnostics_add(struct diagnostics *d, enum diagnostic_level level, unsigned line,
                     unsigned column, str path, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

/* Orders the entries from `first` on by their place in the file. */
void diagnostics_sort(struct diagnostics *d, size_t first);

/* "note", "warning", "error". */
str diagnostic_level_name(enum diagnostic_level level);

/* One line: "ambit.yaml:7:9: error: path: message", without a line end. */
void diagnostic_print(const struct diagnostic *entry, struct buf *to);

/* Every entry, a line each, and a closing line if some were not kept. */
void diagnostics_print(const struct diagnostics *d, struct buf *to);

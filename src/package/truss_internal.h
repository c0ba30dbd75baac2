#pragma once

/* What the parts of the check of a config.yaml share. They run whatever the schema had to say, so
 * each looks only at values of the type that it expects. */

#include "config/yaml_json.h"
#include "package/truss_config.h"

struct truss_reader {
    const struct truss_source *source;
    struct diagnostics *diagnostics;
    struct yaml_document document;
    struct truss_config *config;
};

/* The value at "runtime.health_checks"; NULL where there is none, or null. */
const json_t *truss_value(const struct truss_reader *r, const char *path);

/* A text at a path; `otherwise` where there is none. Borrowed from the document. */
str truss_text(const struct truss_reader *r, const char *path, str otherwise);

/* A whole number at a path; false where there is none. Numbers beyond 9e15 are cut to it. */
bool truss_number(const struct truss_reader *r, const char *path, int64_t *ret_value);

/* Says something about the value at a path, which need not be there. */
void truss_report(const struct truss_reader *r, enum diagnostic_level level, const char *path,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same about a member or element of the value at a path. */
void truss_report_in(const struct truss_reader *r, enum diagnostic_level level, const char *path,
                     const char *key, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* A text of the file in a message: in quotes, escaped, cut; arena memory. */
str truss_quoted(const struct truss_reader *r, str text);

/* --- the parts */

/* truss_lenient.c: what Truss mends before its schema sees it. */
void truss_mend(const struct truss_reader *r);

/* truss_rules.c: what Truss demands beyond its schema, and what can be served here. */
void truss_check_rules(const struct truss_reader *r);

/* truss_files.c: names of files, and whether they are there. */
void truss_check_files(const struct truss_reader *r);

/* truss_unused.c: what has no effect here. */
void truss_check_unused(const struct truss_reader *r);

/* truss_view.c: r->config from a document without errors. */
void truss_fill_view(const struct truss_reader *r);

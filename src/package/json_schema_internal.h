#pragma once

/* What reading a schema and checking a value with it share. */

#include "package/json_schema.h"
#include "package/json_schema_pattern.h"

struct json_schema {
    json_t *document;
    struct json_schema_pattern **patterns;
    size_t n_patterns;
};

/* What "#/$defs/NAME" names, or NULL. */
const json_t *json_schema_target(const struct json_schema *schema, const char *reference);

/* A pattern that json_schema_new has compiled. */
const struct json_schema_pattern *json_schema_pattern_of(const struct json_schema *schema,
                                                         const char *text);

/* --- json_schema_text.c: words for messages */

/* "a text or null", "one of \"a\", \"b\"": what a schema asks for. */
void json_schema_put_expected(const struct json_schema *schema, const json_t *expected,
                              struct buf *to);

/* "the number 1", "the text \"abc\"", "a mapping". */
void json_schema_put_value(const json_t *value, struct buf *to);
/* The same without content: "a number". */
void json_schema_put_kind(const json_t *value, struct buf *to);

/* --- json_schema_report.c: problems while checking */

/* The way to a value; lives on the stack, and is only written out for a message. */
struct spot {
    const struct spot *parent;
    const json_t *value;
    const char *key; /* NULL: an element, or the root */
    size_t index;
    unsigned depth;
};

struct check {
    const struct json_schema *schema;
    const struct json_schema_check *how;
    unsigned silent; /* above 0: problems are counted, not told */
};

/* Each returns how many problems of the kind JSON_SCHEMA_INVALID it stands for. */
size_t spot_report(struct check *c, const struct spot *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* "expected X, found Y", with a near match where X is a list of texts. */
size_t spot_report_mismatch(struct check *c, const json_t *expected, const struct spot *at);

/* A member that the schema of its object does not name. */
size_t spot_report_unknown(struct check *c, const json_t *schema, const struct spot *at,
                           enum json_schema_problem_kind kind);

#pragma once

/*
 * Values checked against a JSON Schema: the part of the language that Truss's schema of config.yaml
 * is written in. What is checked are $ref into $defs, type (one name), enum, const, properties,
 * required, additionalProperties, patternProperties, items, minimum, maximum, exclusiveMinimum,
 * exclusiveMaximum, minLength, maxLength, pattern, anyOf, oneOf and discriminator; title,
 * description, default and examples say nothing about a value. Any other keyword makes
 * json_schema_new fail, so that a newer schema can never be half understood.
 *
 * oneOf is taken as where Truss reads it: the first alternative that fits counts, and others may
 * fit too.
 *
 * A check reports everything that is wrong, not the first thing: where a value may be one of
 * several things, the one that it comes closest to is what its problems are told of. A member that
 * the schema does not know, but lets pass, is reported as such: it is most often a slip of the pen.
 *
 * The schema is trusted text of ours; values are hostile. They must not contain NUL in texts or
 * keys, which the YAML reader guarantees.
 */

#include "base/buf.h"

#include <jansson.h>

enum {
    JSON_SCHEMA_MAX_DEPTH = 64,     /* of values in values */
    JSON_SCHEMA_MAX_IN_PLACE = 16,  /* $ref, anyOf and oneOf within each other, for one value */
    JSON_SCHEMA_MAX_PATTERN = 4096, /* bytes of a text that is compared with a pattern */
};

struct json_schema;

/* NULL, and a sentence in `why`, if the text is no schema of the kind described above. */
struct json_schema *json_schema_new(str text, struct buf *why);
void json_schema_free(struct json_schema *schema);

enum json_schema_problem_kind {
    JSON_SCHEMA_INVALID, /* the value does not follow the schema */
    JSON_SCHEMA_UNKNOWN, /* a member that the schema lets pass without naming it */
};

/* Valid during the call that gets it. */
struct json_schema_problem {
    enum json_schema_problem_kind kind;
    const json_t *container; /* what the value is in; NULL: it is the root */
    const char *key;         /* of the member; NULL: an element, or the root */
    size_t index;            /* of the element */
    str path;                /* "resources.cpu", "weights[0].source", "" for the root */
    str message;             /* "expected a text, found the number 1; write it in quotes" */
};

typedef void (*json_schema_problem_fn)(void *ctx, const struct json_schema_problem *problem);

struct json_schema_check {
    const str *hidden; /* members of the root whose content never goes into a message */
    size_t n_hidden;
    json_schema_problem_fn on_problem;
    void *ctx;
};

/* Returns how many problems of the kind JSON_SCHEMA_INVALID were reported. */
size_t json_schema_check(const struct json_schema *schema, const json_t *value,
                         const struct json_schema_check *how);

/* A text of the value in a message: in quotes, escaped, and cut where it is long. */
void json_schema_put_quoted(str text, struct buf *to);

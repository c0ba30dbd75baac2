#pragma once

/*
 * YAML into JSON values, with the place of every member and element. The values are those that the
 * management API decodes as well, so one set of decoders serves file and API.
 *
 * Plain scalars are typed as strictly as can be: null, true and false (in the spellings of YAML's
 * core schema) and decimal numbers as JSON writes them. Everything else is text: `no` is Norway,
 * `010` and `1:30` and `0x10` are not numbers, `2024-10-21` is no date. Duplicate keys, keys that
 * are not text, tags that mean code, several documents, and NUL in text are errors. Aliases share
 * one value; what they would expand to is counted and bounded, so a "billion laughs" ends early.
 */

#include "base/arena.h"
#include "base/map.h"

#include <jansson.h>

enum {
    YAML_MAX_DEPTH = 48,
    YAML_MAX_ALIASED_VALUES = 100000, /* values that aliases and merge keys repeat, in all */
    YAML_MESSAGE_BYTES = 256,
};

struct yaml_place {
    unsigned line, column; /* from 1; 0: not known */
};

struct yaml_error {
    struct yaml_place place;
    char message[YAML_MESSAGE_BYTES];
};

struct yaml_document {
    json_t *root;      /* never NULL after success */
    struct map places; /* (container, key or index) → struct yaml_place */
    struct arena arena;
};

/* Returns 0, or -EINVAL and *ret_error (the document is then empty and needs no deinit). A text
 * without any value gives a null root. */
int yaml_parse(str text, struct yaml_document *ret_document, struct yaml_error *ret_error);
void yaml_document_deinit(struct yaml_document *document);

/* Where the key of an object's member, or an array's element, stands. */
struct yaml_place yaml_member_place(const struct yaml_document *document, const json_t *object,
                                    str key);
struct yaml_place yaml_item_place(const struct yaml_document *document, const json_t *array,
                                  size_t index);

#pragma once

/* The side table of a document: where each member and element stands. Values themselves carry no
 * place, since null, true and false are one object each, and an alias is the same value twice. */

#include "config/yaml_json.h"

enum { YAML_INDEX_BYTES = 24 };

void yaml_put_place(struct yaml_document *d, const json_t *container, str key,
                    struct yaml_place place);

/* An element's index as the key of its place, in the caller's buffer. */
str yaml_index_key(char *to, size_t size, size_t index);

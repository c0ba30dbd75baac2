#pragma once

/*
 * What a scalar of YAML is: null, a truth value, a decimal number, or text. Far stricter than YAML
 * 1.1, in which `no` is false, `010` is eight and `1:30` is ninety.
 */

#include "base/str.h"

#include <jansson.h>

/* A new reference; never NULL for text that is UTF-8. */
json_t *yaml_resolve_plain(str text);

/* The resolution that an explicit tag asks for; NULL where the text is not of that type, or the tag
 * is none of the core schema's. */
json_t *yaml_resolve_tagged(str tag, str text);

#pragma once

/*
 * Patterns of JSON Schema, which are JavaScript's, carried over to POSIX extended expressions as
 * far as both say the same: literals, `.`, `^`, `$`, groups, `|`, `*`, `+`, `?`, `{m,n}`, brackets
 * with ranges and escapes, \d, \w, \s. Anything else is refused, never guessed.
 */

#include "base/str.h"

struct json_schema_pattern;

/* NULL if the pattern is not of that kind. */
struct json_schema_pattern *json_schema_pattern_new(const char *text);
void json_schema_pattern_free(struct json_schema_pattern *pattern);

str json_schema_pattern_text(const struct json_schema_pattern *pattern);

/* Whether some part of the text matches (a pattern that means the whole says so with ^ and $). */
bool json_schema_pattern_matches(const struct json_schema_pattern *pattern, const char *text);

#pragma once

/* The smallest pieces of JSON text, for the scanner: where they end, and what an escaped string
 * means. Nothing here keeps state. */

#include "base/arena.h"

/* The first byte at or after `at` that is a quote, a backslash, a control or not ASCII; text.n if
 * there is none. */
size_t json_skip_plain(str text, size_t at);

/* An escape at `at`: its length (a surrogate pair is one), 0 if it is cut off, -1 if it is none. */
int json_escape_length(str text, size_t at);

bool json_is_number_char(char c);

/* The end of the number at `at`, or 0 if it is none; `text` holds all of it. */
size_t json_number_end(str text, size_t at);

/* Undoes the escapes of what stands between quotes; the text must be valid. */
str json_unescape(str between_quotes, struct arena *arena);

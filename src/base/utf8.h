#pragma once

/* UTF-8 (RFC 3629): no surrogates, nothing overlong, nothing above U+10FFFF. */

#include "base/str.h"

/* Length of the well-formed sequence at the beginning of s (not empty), -1 if it is none, 0 if s
 * ends in the middle of one. */
int utf8_length(str s);

/* Writes a code point that is no surrogate: 1 to 4 bytes. */
size_t utf8_put(uint32_t point, char *to);

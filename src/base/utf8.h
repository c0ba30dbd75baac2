#pragma once

/* UTF-8 (RFC 3629): no surrogates, nothing overlong, nothing above U+10FFFF. */

#include "base/str.h"

/* Length of the well-formed sequence at the beginning of s (not empty), -1 if it is none, 0 if s
 * ends in the middle of one. */
int utf8_length(str s);

/* Writes a code point that is no surrogate: 1 to 4 bytes. */
size_t utf8_put(uint32_t point, char *to);

/* Why a run of characters beyond ASCII ended. */
enum utf8_stop { UTF8_ASCII, UTF8_CUT, UTF8_BAD };

/* Moves *at, which lies in s, past well-formed sequences up to an ASCII byte, to one that s cuts
 * off, or to one that is none. At the end of s: UTF8_CUT. */
enum utf8_stop utf8_skip(str s, size_t *at);

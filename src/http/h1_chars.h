#pragma once

/*
 * Which bytes HTTP/1.1 allows where, as one table of classes, and the two tests that are run over
 * whole strings. Both sides use them: the parser refuses what fails, the writer leaves it out, so
 * that no header can carry a line break of its own onto the wire.
 */

#include "base/str.h"

enum h1_class {
    H1_CHAR_TOKEN = 1, /* RFC 9110 section 5.6.2: tchar */
    H1_CHAR_PATH = 2,  /* RFC 3986: pchar and "/", without "%" */
    H1_CHAR_QUERY = 4, /* H1_CHAR_PATH, "?", and []{}|^` which browsers leave as they are */
    H1_CHAR_HOST = 8,  /* unreserved: what registered names and IPv4 addresses consist of */
    H1_CHAR_HEX = 16,
};

extern const uint8_t h1_classes[256];

static inline bool h1_char_is(char c, enum h1_class class)
{
    return h1_classes[(unsigned char)c] & class;
}

/* At least one byte, token characters only. */
bool h1_is_token(str s);

/* True where no control character except a tab is in it: fit to be a header's value. */
bool h1_is_clean(str s);

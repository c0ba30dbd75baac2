#pragma once

/*
 * The chunked transfer coding (RFC 9112 section 7.1), decoded byte by byte where framing is and by
 * the slice where data is. It buffers nothing, so it may be cut anywhere.
 *
 * Strict where readers are known to differ: a size is 1 to 15 hexadecimal digits without blanks or
 * prefix, every line ends in CRLF, data is followed by CRLF at once, an extension has no control
 * characters. Extensions are skipped; their bytes are bounded over the whole message, so that a
 * sender cannot keep us busy with framing alone. The trailer section behind the last chunk is a
 * head without a start line and is read by h1_parse.
 */

#include "base/buf.h"
#include "http/h1_parse.h"

enum { H1_CHUNK_SIZE_DIGITS = 15, H1_CHUNK_EXTENSION_BYTES = 16384, H1_CHUNK_HEAD_BYTES = 18 };

struct h1_chunked {
    uint64_t rest; /* data bytes left in this chunk, or the size as far as it was read */
    uint16_t extension_bytes;
    uint8_t digits;
    uint8_t state;
};

enum h1_chunked_result {
    H1_CHUNKED_MORE, /* all of `in` was used */
    H1_CHUNKED_DATA, /* *ret_data is a slice of the body, at the end of what was used */
    H1_CHUNKED_LAST, /* the last chunk's line has ended: the trailer section follows */
    H1_CHUNKED_BAD,  /* *ret_fault says why */
};

void h1_chunked_init(struct h1_chunked *c);

/* Decodes up to the next slice of data. *ret_used bytes of `in` are done with, data included. A
 * slice has at most `most` bytes (> 0). */
enum h1_chunked_result h1_chunked_next(struct h1_chunked *c, str in, size_t most, size_t *ret_used,
                                       str *ret_data, enum h1_fault *ret_fault);

/* The line before a chunk of n bytes (> 0): writes at most H1_CHUNK_HEAD_BYTES, returns how many.
 * After the data comes CRLF. */
size_t h1_chunk_head(size_t n, char *ret_text);

/* True for names that have no place in a trailer section: framing, routing, authentication, how to
 * read the content (RFC 9110 section 6.5.1). They are dropped. */
bool h1_is_forbidden_trailer(const struct http_header *header);

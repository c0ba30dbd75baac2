#pragma once

/*
 * Reads the body behind a head, whatever ends it: nothing, a length, chunks with a trailer section,
 * or the end of the connection. A body never takes a byte that is not its own, so that what follows
 * it is the next message or an error, never a part of both.
 */

#include "http/h1_chunked.h"

struct h1_body {
    union {
        uint64_t rest; /* H1_LENGTH */
        struct h1_chunked chunked;
    };
    struct h1_parser trailers;
    uint8_t framing; /* enum h1_framing */
    bool in_trailers;
};

void h1_body_init(struct h1_body *b, const struct h1_message *m);

enum h1_body_result {
    H1_BODY_MORE, /* needs more bytes than there are */
    H1_BODY_DATA, /* *ret_data */
    H1_BODY_END,  /* ret_trailers->head, without forbidden headers */
    H1_BODY_BAD,  /* ret_trailers->fault */
};

enum { H1_TRAILER_BYTES = 8192, H1_TRAILERS_MAX = 32 };

/* The next piece of at most `most` bytes (> 0). *ret_used bytes of `in` are done with; the rest has
 * to be given again. `headers` is room for H1_TRAILERS_MAX of them. */
enum h1_body_result h1_body_next(struct h1_body *b, str in, size_t most,
                                 struct http_header *headers, size_t *ret_used, str *ret_data,
                                 struct h1_message *ret_trailers);

/* How many bytes are to come at most; UINT64_MAX where nobody knows. */
uint64_t h1_body_rest(const struct h1_body *b);

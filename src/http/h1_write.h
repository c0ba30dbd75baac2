#pragma once

/*
 * Heads as HTTP/1.1 puts them on the wire. Order and spelling of headers stay as the caller gave
 * them; the codec's own ones (framing, Connection, Upgrade, Keep-Alive, Date, and Host of a
 * request) come from what it knows, never from the header list. A header whose name is no token or
 * whose value has a control character is left out: nothing that came from elsewhere can end a line.
 */

#include "base/buf.h"
#include "http/h1_parse.h"
#include "http/stream.h"

/* Appends a request head and tells how its body is framed. 0, or -EINVAL where method, target or
 * authority can't be in a head; `to` is unchanged then. */
int h1_write_request(struct buf *to, const struct http_head *head, enum stream_end end,
                     enum h1_framing *ret_framing);

/* What an answer depends on beside its head. */
struct h1_answering {
    enum http_method method; /* of the request */
    unsigned version;        /* of the request: 10 or 11 */
    bool keep_alive;         /* in: may the connection stay open; out: does it */
    str date;                /* empty: none */
};

/* Appends a response head, informational ones included. H1_NO_BODY: nothing may follow the head,
 * whatever the caller has (HEAD, 204, 304). */
enum h1_framing h1_write_response(struct buf *to, const struct http_head *head, enum stream_end end,
                                  struct h1_answering *answering);

/* The last chunk and the trailer section (NULL: an empty one). */
void h1_write_last_chunk(struct buf *to, const struct http_head *trailers);

enum { H1_DATE_BYTES = 29 };

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 section 5.6.7): writes H1_DATE_BYTES, no NUL. */
void h1_format_date(int64_t wall_ns, char *ret_text);

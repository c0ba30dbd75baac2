#pragma once

/*
 * Watches server-sent events as they pass (WHATWG HTML, section 9.2.6): where the last usage stood,
 * and where `data: [DONE]` begins. It changes nothing and holds nothing back but what it has to
 * know: lines are read from bytes, cut anywhere, ended by CR, LF or CRLF. A data line longer than
 * SSE_LINE_MAX is passed unwatched.
 */

#include "base/buf.h"

enum { SSE_LINE_MAX = 64 * 1024, SSE_ID_MAX = 256 };

/* What else to look for; bits. */
enum sse_wish {
    SSE_WATCH = 0,
    SSE_FIND_DONE = 1, /* tells of the line that says [DONE] */
    SSE_FIND_ID = 2,   /* the id of the answer, in the first line of data */
};

enum sse_mark_kind {
    SSE_MARK_NONE, /* all bytes were looked at */
    SSE_MARK_DONE, /* the line that begins at the returned offset says [DONE] */
};

struct sse_event_mark {
    enum sse_mark_kind kind;
};

struct sse;

struct sse *sse_new(unsigned wishes);
void sse_free(struct sse *s);

/* Looks at a slice of the stream. Returns how many of its bytes were looked at: all of them with
 * SSE_MARK_NONE; with SSE_MARK_DONE those before the line that says [DONE], which is recognised
 * only where the whole line is in one slice (as every server sends it). */
size_t sse_feed(struct sse *s, str slice, struct sse_event_mark *ret_mark);

/* The tokens of the last chunk that had a usage; untouched if none had. */
void sse_usage(const struct sse *s, uint64_t *ret_prompt, uint64_t *ret_completion);

/* The id that the first line of data named (SSE_FIND_ID); "" if none has so far. */
str sse_id(const struct sse *s);

/* Whether the bytes so far end with a blank line: an event of one's own could follow. */
bool sse_at_boundary(const struct sse *s);

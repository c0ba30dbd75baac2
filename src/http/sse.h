#pragma once

/*
 * Watches server-sent events as they pass (WHATWG HTML, section 9.2.6): where the last usage stood,
 * and where `data: [DONE]` begins. It changes nothing and holds nothing back but what it has to
 * know: lines are read from bytes, cut anywhere, ended by CR, LF or CRLF. A data line longer than
 * SSE_LINE_MAX is passed unwatched.
 */

#include "base/buf.h"

enum { SSE_LINE_MAX = 64 * 1024 };

enum sse_wish { SSE_WATCH, SSE_FIND_DONE };

enum sse_mark_kind {
    SSE_MARK_NONE, /* all bytes were looked at */
    SSE_MARK_DONE, /* the line that begins at the returned offset says [DONE] */
};

struct sse_event_mark {
    enum sse_mark_kind kind;
};

struct sse;

struct sse *sse_new(enum sse_wish wish);
void sse_free(struct sse *s);

/* Looks at a slice of the stream. Returns how many of its bytes were looked at: all of them with
 * SSE_MARK_NONE; with SSE_MARK_DONE those before the line that says [DONE], which is recognised
 * only where the whole line is in one slice (as every server sends it). */
size_t sse_feed(struct sse *s, str slice, struct sse_event_mark *ret_mark);

/* The tokens of the last chunk that had a usage; untouched if none had. */
void sse_usage(const struct sse *s, uint64_t *ret_prompt, uint64_t *ret_completion);

/* Whether the bytes so far end with a blank line: an event of one's own could follow. */
bool sse_at_boundary(const struct sse *s);

#pragma once

/*
 * What a package's processes print, as log lines: cut at line feeds and at a bounded length, each
 * one JSON object
 *
 *   {"timestamp":"<ns since 1970>","level":"INFO","message":"…","request_id":"…"}
 *
 * A line that is itself a JSON object with a text `message` gives its message, level and
 * request_id; if it has other members too, all of it is the message, so that nothing is lost and
 * nothing of a package's is put into the log as JSON. Everything else is a message of level INFO.
 * The time is when the line came. The last message is remembered: it usually says why a process has
 * ended.
 */

#include "base/buf.h"

enum { OUTPUT_LINE_MAX = 32 << 10, OUTPUT_LAST_MAX = 512, OUTPUT_REQUEST_ID_MAX = 128 };

struct output {
    struct buf line; /* the part of a line that has come */
    struct buf json;
    char last[OUTPUT_LAST_MAX];
    size_t last_n;
    void (*on_line)(void *ctx, str json_line);
    void *ctx;
};

void output_init(struct output *o, void (*on_line)(void *ctx, str json_line), void *ctx);
void output_deinit(struct output *o);
void output_feed(struct output *o, str bytes, int64_t wall_ns);

/* Nothing more comes: what is left is a line as well. */
void output_end(struct output *o, int64_t wall_ns);

/* A line of our own. */
void output_say(struct output *o, const char *level, str message, int64_t wall_ns);

/* The last message that was not blank, cut to OUTPUT_LAST_MAX bytes. */
str output_last(const struct output *o);

#pragma once

/*
 * Lines of a deployment's or environment's log, read again and again without losing or repeating
 * one. Each reading begins a little before the newest line that was read, since lines of several
 * replicas do not arrive in their order, and leaves out what it has seen. Two equal lines of one
 * instant are two lines: they are counted.
 */

#include "cli/patience.h"

#include <stdio.h>

enum {
    LOG_PAGE = 1000,       /* lines that one call asks for */
    LOG_OVERLAP_MS = 5000, /* how much later than another a line may arrive */
    LOG_DEFAULT_SINCE_S = 1800,
    LOG_MAX_SINCE_S = 604800 /* the longest time that can be read */
};

/* What is asked for; each may be NULL. */
struct log_filter {
    const char *min_level, *replica, *search, *request_id;
};

struct log_reader {
    const char *command;
    const char *path; /* "/v1/models/…/logs" */
    struct log_filter filter;
    int64_t from_ms; /* wall clock: where the next reading begins */
    bool follows;    /* a server that does not answer is asked again by the next reading */
    struct patience patience;
    bool left_out; /* the server did not read all of it, which has been said */
    json_t *seen;  /* "time replica message" of that window: how often */
};

/* Strings are borrowed. */
void log_reader_init(struct log_reader *r, const char *command, const char *path, int64_t from_ms);
/* From so long ago. */
void log_reader_init_since(struct log_reader *r, const char *command, const char *path,
                           int64_t since_s);
void log_reader_deinit(struct log_reader *r);

/* All that is new, oldest first: a new reference, or NULL after a message. */
json_t *log_reader_read(struct log_reader *r);

/* Of one answer, the rows that were not seen yet; they count as seen then. *ret_last_ms: the time
 * of the last row, new or not; untouched for none. */
json_t *log_reader_take(struct log_reader *r, const json_t *rows, int64_t *ret_last_ms);

/* Of the last lines those of the build or the replica that has the newest one, oldest first: what
 * was tried several times is said once. A new reference; NULL where the server would not say,
 * without a message. */
json_t *log_last_lines(const char *command, const char *path, unsigned n);

/* Time, level, replica, message: a line each, and more below it for a message that has several. */
void log_print(FILE *to, const json_t *rows);

#pragma once

/* How far an upload is, on standard error: a bar that is drawn over on a terminal, otherwise a line
 * for every tenth, so that a log stays short. */

#include "base/buf.h"

enum progress_form { PROGRESS_BAR, PROGRESS_LINES };

struct progress {
    const char *what; /* "upload" */
    uint64_t bytes;
    enum progress_form form;
    unsigned shown; /* percent */
};

/* The form that suits standard error. */
void progress_init(struct progress *p, const char *what, uint64_t bytes);

/* What to write now that `done` bytes are: nothing where it would be as before. */
void progress_text(struct progress *p, uint64_t done, struct buf *to);

/* Writes it. */
void progress_show(struct progress *p, uint64_t done);

/* The upload is over, also before its end: ends the line of a bar. */
void progress_end(const struct progress *p);

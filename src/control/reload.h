#pragma once

/*
 * From the configuration file to the policy in force. A file is taken whole or not at all: one with
 * errors, one that claims an object which the API owns, and one that would remove or widen a rule
 * without leave change nothing. What is in force is kept in the store, sealed, so that a control
 * process that starts anew has something to hold a changed file against, and something to go on
 * with if the file is refused.
 */

#include "control/policy.h"

#include <jansson.h>

enum reload_outcome {
    RELOAD_DONE,
    RELOAD_UNCHANGED,
    RELOAD_INVALID,     /* errors; `lines` says which */
    RELOAD_WOULD_WIDEN, /* `widening` says what */
    RELOAD_FAILED,      /* the store failed */
};

enum reload_widening { RELOAD_KEEP_NARROW, RELOAD_ALLOW_WIDENING };

struct reload_report {
    enum reload_outcome outcome;
    json_t *lines;    /* array of texts: diagnostics */
    json_t *widening; /* array of {"subject", "name", "before", "after", "text"} */
};

void reload_report_deinit(struct reload_report *report);

/* "reloaded", "unchanged", "invalid", "would_widen", "failed". */
str reload_outcome_name(enum reload_outcome outcome);

/* Reads the file and puts it in force. `actor` is who asked: a key's id, or "file". */
void reload(struct policy *p, enum reload_widening widening, str actor,
            struct reload_report *ret_report);

/* The start: what was in force comes back, then the file is read. False if there is nothing to
 * serve with: the report says why. */
bool reload_at_start(struct policy *p, struct reload_report *ret_report);

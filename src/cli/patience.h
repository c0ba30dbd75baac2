#pragma once

/*
 * How long a command that asks again and again bears a server that does not answer: as long as a
 * restart or an upgrade of it may take. What is waited for goes on meanwhile.
 */

#include "cli/client.h"

enum { PATIENCE_S = 60 };

struct patience {
    const char *command;
    int64_t since_ns; /* monotonic: no answer since then; 0: there was one */
};

enum patience_result {
    PATIENCE_ANSWERED, /* *ret_answer: a new reference */
    PATIENCE_LATER,    /* ask again in a while */
    PATIENCE_OVER,     /* after a message: it refused, or did not answer for too long */
};

/* One GET. */
enum patience_result patience_get(struct patience *p, const char *path, json_t **ret_answer);

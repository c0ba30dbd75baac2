#pragma once

/*
 * Waiting until a deployment serves, or a promotion has ended, by asking once a second. Only what
 * can still become ACTIVE is waited for; anything else ends the wait with its reason and the last
 * lines of the deployment's log on standard error. A server that restarts meanwhile ends nothing.
 */

#include "cli/client.h"

struct wait {
    const char *command;
    const char *model;       /* its path, as registry_model_path says */
    const char *deployment;  /* id */
    const char *environment; /* its promotion there; NULL: the deployment alone */
    uint64_t timeout_s;      /* 0: as long as it takes */
    /* Shows the log meanwhile, after each answer; NULL: only its last lines, if it fails. */
    void (*on_turn)(void *ctx);
    void *ctx;
};

/* CLI_OK: it serves, or is scaled to zero again. CLI_FAILED after a message. */
int wait_until_done(const struct wait *w);

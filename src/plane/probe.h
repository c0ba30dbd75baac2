#pragma once

/*
 * One health check of a process on this machine: a GET without body on a connection of its own, of
 * whose answer only the head is read: its status, and the environment that it says it is in
 * (X-Ambit-Environment). It carries no content of anybody's.
 */

#include "net/transport.h"

enum {
    PROBE_PATH_MAX = 1024,
    PROBE_WHY_BYTES = 128,
    PROBE_ANSWER_MAX = 4096,
    PROBE_ENVIRONMENT_MAX = 64
};

struct probe;
/* `why` is "" where it was fine. Called once, never from within probe_start. */
typedef void (*probe_fn)(struct probe *p, str why);

struct probe {
    struct loop *loop;
    struct transport t;
    struct deadline deadline;
    probe_fn on_done;
    const char *path;
    bool running, sent;
    char answer[PROBE_ANSWER_MAX];
    size_t n;
    /* Of the last answer: whether it says an environment, and which ("" : none), cut where it is
     * longer than any name. */
    bool says_environment;
    char environment[PROBE_ENVIRONMENT_MAX];
};

/* Zero-initialised before; not while one runs. `path` "" asks only whether a connection can be
 * made; it must stay. */
void probe_start(struct probe *p, struct loop *loop, uint16_t port, const char *path,
                 int64_t timeout_ms, probe_fn on_done);
void probe_cancel(struct probe *p);

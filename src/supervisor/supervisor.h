#pragma once

/*
 * The process that outlives the others. It holds the listening sockets and the data directory's
 * lock, starts control and edge, starts again what dies, and replaces all three by a new binary
 * without closing a socket. It reads nothing from any of these sockets.
 *
 * Signals: SIGTERM or SIGINT stops the server (edges drain, then control, then exit 0; the second
 * such signal kills, exit 1). SIGHUP goes on to control, which reloads. SIGUSR2 upgrades to the
 * binary that now lies at `binary`.
 */

#include <stddef.h>
#include <stdint.h>

enum {
    SUPERVISOR_WORKERS_MAX = 256,
    SUPERVISOR_LISTENS_MAX = 16,   /* gateway addresses */
    SUPERVISOR_SOCKETS_MAX = 1024, /* workers times addresses */
    SUPERVISOR_START_TRIES = 5,    /* a part that has never been ready gives up after so many */
    SUPERVISOR_READY_TIMEOUT_MS = 60 * 1000,
    SUPERVISOR_DRAIN_SLACK_MS = 60 * 1000, /* beyond the limit that an edge keeps itself */
    SUPERVISOR_CONTROL_STOP_MS = 30 * 1000,
};

struct supervisor_options {
    const char *binary;      /* opened anew for each upgrade; a symbolic link may be switched */
    char *const *argv;       /* of this process: an upgrade starts the new supervisor with them */
    const char *data_dir;    /* absolute; made (0700) if it is missing */
    const char *config_path; /* absolute; for control */
    const char *const *gateway_listen; /* "192.0.2.1:4000", "[::1]:4000", ":4000" (everywhere) */
    size_t n_gateway_listen;
    const char *control_listen;
    unsigned workers; /* gateway sockets per address; fixed for life */

    /* How long an upgraded edge may take until it is ready, a draining edge until it has finished,
     * control until it has. What takes longer is killed. */
    int64_t ready_timeout_ms;
    int64_t drain_limit_ms;
    int64_t control_stop_ms;
};

/* Set in the environment of the image that an upgrade executes: the number of the descriptor that
 * holds its predecessor's state. */
#define SUPERVISOR_STATE_VARIABLE "AMBIT_SUPERVISOR_STATE_FD"

/* Runs the server until it is told to stop. Returns the exit status of the process. Blocks the
 * signals that it handles. */
int supervisor_run(const struct supervisor_options *options);

/* The descriptor that SUPERVISOR_STATE_VARIABLE names (and removes it), or -1 where this process is
 * not the successor of a supervisor. */
int supervisor_inherited_state(void);

/* Goes on where the predecessor stopped: same process id, children and sockets. Takes over
 * `state_fd`. Returns the exit status of the process. */
int supervisor_resume(int state_fd, char *const *argv);

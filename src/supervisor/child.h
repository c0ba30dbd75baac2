#pragma once

/*
 * One process that the supervisor started: a generation of the edge, or control. It inherits the
 * descriptors that are named on its command line, standard input, output and error, and nothing
 * else; it dies with its supervisor; it leads a process group of its own, so that a Ctrl-C at the
 * terminal reaches the supervisor alone, which then stops all in the right order.
 */

#include "base/str.h"

#include <sys/types.h>

enum child_role { CHILD_CONTROL, CHILD_EDGE, CHILD_ROLES };

/*   STARTING ──'R'──> READY
 *       └───────────────┴──SIGTERM──> STOPPING
 * and from each of them it can be gone. */
enum child_state { CHILD_STARTING, CHILD_READY, CHILD_STOPPING, CHILD_STATES };

enum { CHILD_NO_DEADLINE = INT64_MAX };

struct child {
    enum child_role role;
    enum child_state state;
    unsigned generation;
    pid_t pid;
    int pidfd;
    int ready_fd;        /* becomes readable with its 'R'; -1 afterwards */
    int64_t deadline_ns; /* of getting ready, or of stopping; then it is killed */
};

/* What to execute: the image open at exe_fd, with argv. Descriptors in `inherit` keep their
 * numbers; the ready descriptor is added as "--ready-fd N" at the end of argv by child_spawn. */
struct child_program {
    int exe_fd;
    const char *const *argv; /* not NULL-terminated */
    size_t n_argv;
    const int *inherit;
    size_t n_inherit;
};

/* Fills pid, pidfd, ready_fd, state and deadline; role and generation are the caller's. Returns 0
 * or a negative errno. */
int child_spawn(struct child *child, const struct child_program *program);

/* Opens the pidfd of a child whose pid came from a predecessor. Returns 0 or a negative errno. */
int child_adopt(struct child *child);

void child_signal(const struct child *child, int signal_number);

/* Closes descriptors, reaps it, and returns its wait status. It must be dead already. */
int child_reap(struct child *child);

/* Reads the ready descriptor. True if it said 'R': then the state is READY. */
bool child_take_ready(struct child *child);

const char *child_role_name(enum child_role role);

#pragma once

/*
 * The package's own process: in a process group of its own, dead when its shim is, in its cgroup,
 * with exactly the environment that it is given. What it starts stays below the shim
 * (process_tree.h). Without a cgroup it has the machine's limits.
 */

#include "base/str.h"
#include "plane/user.h"

#include <sys/types.h>

enum { WORKLOAD_WHY_BYTES = 512 };

struct workload {
    const char *const *argv;
    const char *const *env;
    const char *directory;
    const char *cgroup; /* folder of its own; "" : none */
    uint64_t memory_bytes;
    uint32_t cpu_milli;
    struct plane_user user; /* that it runs as */
    int output_fd;          /* its standard output and error */
};

/* 0, or a negative errno and a sentence. What was executed has the signals' default actions. */
int workload_start(const struct workload *w, pid_t *ret_pid, char ret_why[WORKLOAD_WHY_BYTES]);

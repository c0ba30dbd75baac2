#pragma once

/*
 * A cgroup v2 folder for one replica, below one that was delegated to Ambit: limits for memory and
 * processors, and one write that ends whatever is in it. Limits whose controller the machine does
 * not offer there are left out; one that it offers and refuses is an error.
 */

#include "base/str.h"

/* Offers the controllers that there are to folders below `path`. 0, or a negative errno: it is no
 * cgroup v2 folder, or not ours. */
int cgroup_prepare(const char *path);

/* 0 and the descriptor of its cgroup.procs, to which a child writes "0" before it executes
 * anything; or a negative errno. */
int cgroup_make(const char *path, uint64_t memory_bytes, uint32_t cpu_milli, int *ret_procs_fd);

/* Whether the kernel has killed something in it for want of memory. */
bool cgroup_was_out_of_memory(const char *path);

/* Kills what is in it, and deletes it once it is empty: 0, or -EBUSY for "not yet". */
int cgroup_end(const char *path);

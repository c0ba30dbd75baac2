#pragma once

/*
 * What a process has started, and its children, and theirs, seen through /proc. A shim is the
 * subreaper of all that (prctl(2)), so nothing leaves the tree by outliving its parent.
 */

#include "base/str.h"

#include <sys/types.h>

/* Kills (SIGKILL) all that descends from this process; returns how many it found. What they start
 * meanwhile is found by the next call: repeat until there are no children left. */
size_t process_tree_kill(void);

/* Kills every process that was started with this in its environment, "NAME=value": for what has
 * outlived a shim that was killed itself. Returns how many it found. */
size_t process_tree_kill_marked(str variable);

enum process_port {
    PORT_UNUSED,  /* nobody listens */
    PORT_OURS,    /* only what descends from this process does */
    PORT_FOREIGN, /* somebody else does */
};

/* Who listens on a TCP port of this machine. */
enum process_port process_tree_port(uint16_t port);

#pragma once

/*
 * What a supervisor is: everything that its successor needs in order to go on in the same process
 * after an upgrade. The rest of a supervisor is worked out from it. It travels in a memfd, in a
 * form with a version; a reader takes it whole or not at all.
 */

#include "supervisor/child.h"
#include "supervisor/listeners.h"

enum { HANDOVER_CHILDREN_MAX = 16, HANDOVER_TEXT_MAX = 4096 };

struct handover {
    char *binary;
    char *data_dir;
    char *config_path;
    unsigned workers;
    int64_t ready_timeout_ms;
    int64_t drain_limit_ms;
    int64_t control_stop_ms;

    int exe_fd;  /* the image of this supervisor, from which children are started */
    int lock_fd; /* supervisor.pid */
    struct listeners listeners;

    unsigned next_generation;
    struct child children[HANDOVER_CHILDREN_MAX];
    size_t n_children;
};

/* Closes descriptors and frees; children live on. */
void handover_deinit(struct handover *h);

/* A memfd with the state; -errno on failure. */
int handover_write(const struct handover *h);

/* Reads it back: descriptors are close-on-exec again, children have pidfds. Returns 0, -EBADMSG for
 * anything malformed or of another version, or another negative errno; then no descriptor was
 * touched. */
int handover_read(int fd, struct handover *ret_handover);

/* Whether descriptors outlive an execve. */
enum handover_inherit { HANDOVER_CLOSED_ON_EXEC, HANDOVER_KEPT_ON_EXEC };
void handover_set_inherit(const struct handover *h, enum handover_inherit how);

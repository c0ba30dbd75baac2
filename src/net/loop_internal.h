#pragma once

/* The two parts of a loop that are modules of their own: deadlines and the mailbox. Included by
 * src/net only. */

#include "net/loop.h"

#include <stdatomic.h>

/* Deadlines of one length, sorted by when they were due as they took their place. One that was
 * pushed back since takes a new place when it gets to the front. */
struct deadline_queue {
    struct list waiting;
    int64_t duration_ms;
};

struct deadlines {
    struct deadline_queue **queues;
    size_t n;
};

void deadlines_init(struct deadlines *d);
void deadlines_deinit(struct deadlines *d);
void deadlines_set(struct deadlines *d, struct deadline *deadline, int64_t at_ns,
                   int64_t duration_ms);
void deadlines_expire(struct deadlines *d, int64_t now_ns);

/* When the loop has to look again at the latest; false: nothing is armed. */
bool deadlines_next(const struct deadlines *d, int64_t *ret_at_ns);

/* Many senders, one receiver: a lock-free stack, reversed on delivery. The event descriptor is
 * written only when the receiver may be asleep. */
struct mailbox {
    int event_fd;
    _Atomic(struct loop_message *) top;
    _Atomic bool asleep;
};

int mailbox_init(struct mailbox *m);
void mailbox_deinit(struct mailbox *m);
void mailbox_post(struct mailbox *m, struct loop_message *message);
void mailbox_deliver(struct mailbox *m);

/* Around the receiver's wait: *timeout_ms becomes 0 if there is mail already. */
void mailbox_sleep(struct mailbox *m, int *timeout_ms);
void mailbox_awake(struct mailbox *m);

#pragma once

/*
 * Messages from any thread to one loop: a lock-free stack that senders push to and the receiver
 * takes whole, and an eventfd that is written only when the receiver may be asleep, so that a busy
 * loop is never interrupted by a system call of its own or of the sender.
 *
 * The handshake: the receiver says that it will sleep and then looks at the stack; a sender pushes
 * and then looks whether the receiver sleeps. With sequentially consistent accesses one of them
 * sees the other.
 */

#include "net/loop.h"

#include <stdatomic.h>

struct mailbox {
    _Alignas(64) _Atomic(struct loop_message *) newest; /* written by senders: a line of its own */
    atomic_bool asleep;
    _Alignas(64) int event_fd;
};

/* 0 or a negative errno. */
int mailbox_init(struct mailbox *m);
void mailbox_deinit(struct mailbox *m);

void mailbox_post(struct mailbox *m, struct loop_message *message);

/* True if messages are waiting; else the receiver counts as asleep until mailbox_awake. */
bool mailbox_fall_asleep(struct mailbox *m);
void mailbox_awake(struct mailbox *m);

/* Delivers what has arrived, each sender's in order. */
void mailbox_deliver(struct mailbox *m);

#include "net/mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *m)
{
    atomic_init(&m->newest, NULL);
    atomic_init(&m->asleep, false);
    m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return m->event_fd < 0 ? -errno : 0;
}

void mailbox_deinit(struct mailbox *m)
{
    close(m->event_fd);
}

void mailbox_post(struct mailbox *m, struct loop_message *message)
{
    struct loop_message *newest = atomic_load_explicit(&m->newest, memory_order_relaxed);

    do
        message->next = newest;
    while (!atomic_compare_exchange_weak(&m->newest, &newest, message));

    /* The load spares the write to the receiver's line where it is awake, the usual case. */
    if (atomic_load(&m->asleep) && atomic_exchange(&m->asleep, false)) {
        const uint64_t one = 1;
        /* It can fail only with EAGAIN, when 2^64 - 2 wake-ups are counted. */
        ssize_t written = write(m->event_fd, &one, sizeof(one));

        (void)written;
    }
}

bool mailbox_fall_asleep(struct mailbox *m)
{
    atomic_store(&m->asleep, true);
    return atomic_load(&m->newest) != NULL;
}

void mailbox_awake(struct mailbox *m)
{
    /* Relaxed: a sender that still sees `true` only makes one write too many. */
    atomic_store_explicit(&m->asleep, false, memory_order_relaxed);
}

void mailbox_deliver(struct mailbox *m)
{
    /* Relaxed: what is missed here is seen by mailbox_fall_asleep. */
    if (!atomic_load_explicit(&m->newest, memory_order_relaxed))
        return;

    struct loop_message *newest = atomic_exchange(&m->newest, NULL), *oldest = NULL;

    while (newest) {
        struct loop_message *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct loop_message *next = oldest->next; /* the callback may free the message */

        oldest->on_delivery(oldest);
        oldest = next;
    }
}

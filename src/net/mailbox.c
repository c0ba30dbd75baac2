#include "net/loop_internal.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

int mailbox_init(struct mailbox *m)
{
    atomic_init(&m->top, NULL);
    atomic_init(&m->asleep, false);
    m->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return m->event_fd < 0 ? -errno : 0;
}

void mailbox_deinit(struct mailbox *m)
{
    close(m->event_fd);
}

/* seq_cst on `asleep` and `top` in mailbox_post and mailbox_sleep: either the sender sees the
 * receiver asleep and writes the descriptor, or the receiver sees the message and does not sleep.
 */
void mailbox_post(struct mailbox *m, struct loop_message *message)
{
    struct loop_message *top = atomic_load(&m->top);

    do {
        message->next = top;
    } while (!atomic_compare_exchange_weak(&m->top, &top, message));
    if (atomic_load(&m->asleep)) {
        uint64_t one = 1;
        ssize_t written = write(m->event_fd, &one, sizeof(one));

        (void)written;
    }
}

void mailbox_deliver(struct mailbox *m)
{
    struct loop_message *newest_first, *in_order = NULL;

    if (!atomic_load_explicit(&m->top, memory_order_relaxed))
        return;
    newest_first = atomic_exchange(&m->top, NULL);
    while (newest_first) {
        struct loop_message *next = newest_first->next;

        newest_first->next = in_order;
        in_order = newest_first;
        newest_first = next;
    }
    while (in_order) {
        struct loop_message *message = in_order;

        in_order = message->next;
        message->on_delivery(message);
    }
}

void mailbox_sleep(struct mailbox *m, int *timeout_ms)
{
    atomic_store(&m->asleep, true);
    if (atomic_load(&m->top))
        *timeout_ms = 0;
}

void mailbox_awake(struct mailbox *m)
{
    atomic_store_explicit(&m->asleep, false, memory_order_relaxed);
}

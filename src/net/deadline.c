#include "net/loop_internal.h"

#include "base/mem.h"

void deadlines_init(struct deadlines *d)
{
    *d = (struct deadlines){0};
}

void deadlines_deinit(struct deadlines *d)
{
    for (size_t i = 0; i < d->n; i++) {
        while (!list_empty(&d->queues[i]->waiting))
            deadline_cancel(list_first(&d->queues[i]->waiting, struct deadline, link));
        mem_free(d->queues[i]);
    }
    mem_free(d->queues);
    *d = (struct deadlines){0};
}

/* Lengths come from configuration, so there are few: a scan beats a hash. */
static struct deadline_queue *queue_of(struct deadlines *d, int64_t duration_ms)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->queues[i]->duration_ms == duration_ms)
            return d->queues[i];
    for (size_t i = 0; i < d->n; i++)
        if (list_empty(&d->queues[i]->waiting)) {
            d->queues[i]->duration_ms = duration_ms;
            return d->queues[i];
        }
    struct deadline_queue *queue = mem_alloc(sizeof(*queue));
    queue->duration_ms = duration_ms;
    list_init(&queue->waiting);
    d->queues = mem_realloc(d->queues, (d->n + 1) * sizeof(struct deadline_queue *));
    d->queues[d->n++] = queue;
    return queue;
}

/* The queue is sorted by queued_ns. New places are at or near the end: only what was armed in the
 * meantime lies behind. */
static void take_place(struct deadline_queue *queue, struct deadline *deadline)
{
    struct list *before = queue->waiting.prev;

    deadline->queued_ns = deadline->at_ns;
    while (before != &queue->waiting &&
           list_entry(before, struct deadline, link)->queued_ns > deadline->queued_ns)
        before = before->prev;
    list_prepend(before, &deadline->link);
}

void deadlines_set(struct deadlines *d, struct deadline *deadline, int64_t at_ns,
                   int64_t duration_ms)
{
    struct deadline_queue *queue = deadline->queue;

    deadline->at_ns = at_ns;
    if (queue && queue->duration_ms == duration_ms)
        return;
    deadline_cancel(deadline);
    queue = queue_of(d, duration_ms);
    deadline->queue = queue;
    list_init(&deadline->link);
    take_place(queue, deadline);
}

void deadline_cancel(struct deadline *deadline)
{
    if (!deadline->queue)
        return;
    list_remove(&deadline->link);
    deadline->queue = NULL;
}

/* Only what is due when it begins: a deadline that its own callback arms anew waits for the next
 * turn. */
static size_t count_due(const struct deadline_queue *queue, int64_t now_ns)
{
    size_t n = 0;

    list_for_each (node, &queue->waiting) {
        if (list_entry(node, struct deadline, link)->queued_ns > now_ns)
            break;
        n++;
    }
    return n;
}

static void expire_queue(struct deadline_queue *queue, int64_t now_ns)
{
    size_t due = list_empty(&queue->waiting) ? 0 : count_due(queue, now_ns);

    while (due-- && !list_empty(&queue->waiting)) {
        struct deadline *front = list_first(&queue->waiting, struct deadline, link);

        if (front->queued_ns > now_ns)
            return;
        if (front->at_ns > now_ns) {
            list_remove(&front->link);
            take_place(queue, front);
            continue;
        }
        deadline_cancel(front);
        front->on_expire(front);
    }
}

void deadlines_expire(struct deadlines *d, int64_t now_ns)
{
    for (size_t i = 0; i < d->n; i++)
        expire_queue(d->queues[i], now_ns);
}

bool deadlines_next(const struct deadlines *d, int64_t *ret_at_ns)
{
    bool any = false;

    for (size_t i = 0; i < d->n; i++) {
        if (list_empty(&d->queues[i]->waiting))
            continue;
        int64_t at_ns = list_first(&d->queues[i]->waiting, struct deadline, link)->queued_ns;
        if (!any || at_ns < *ret_at_ns)
            *ret_at_ns = at_ns;
        any = true;
    }
    return any;
}

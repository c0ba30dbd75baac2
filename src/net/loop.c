/*
 * One turn after the other. The hot path of a turn without traffic of its own is one epoll_wait and
 * one reading of the clock; nothing is allocated for an event, and sleeping is bounded by the
 * nearest deadline instead of by a timer descriptor.
 *
 * An event that was fetched but not delivered is dropped by loop_remove, which looks through the
 * rest of this turn's batch: closing is rare, delivering is not, so that the cost lies with the
 * first.
 */

#include "net/loop.h"

#include "net/deadline.h"
#include "net/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <unistd.h>

enum { LOOP_EVENTS = 128 };

/* How long the distance between the two clocks is believed; a step of the wall clock is seen after
 * it. */
#define LOOP_WALL_REFRESH_NS (100 * NS_PER_MS)

struct loop {
    int epoll_fd;
    bool stopped;
    bool in_turn;
    int64_t now_ns;
    int64_t longest_ns;     /* turn since this was last asked, waiting excluded */
    int64_t wall_offset_ns; /* wall clock minus monotonic clock, read at wall_read_ns */
    int64_t wall_read_ns;
    loop_turn_fn hook;
    void *hook_ctx;
    struct loop_task *first_task;
    struct loop_task **last_task; /* the link that the next task goes to */
    struct list leftovers;
    struct loop_io wake;
    int next_event; /* of `events`: what is before it has been delivered */
    int n_events;
    struct epoll_event events[LOOP_EVENTS];
    struct deadlines deadlines;
    struct mailbox mailbox;
};

static void take_time(struct loop *loop)
{
    loop->now_ns = clock_monotonic_ns();
    if (loop->now_ns - loop->wall_read_ns >= LOOP_WALL_REFRESH_NS) {
        loop->wall_read_ns = loop->now_ns;
        loop->wall_offset_ns = clock_wall_ns() - loop->now_ns;
    }
}

/* Edge-triggered, so the counter need not be read: each write to an eventfd is an event. */
static void on_wake(struct loop_io *io, uint32_t events)
{
    (void)io;
    (void)events;
}

struct loop *loop_new(void)
{
    struct loop *loop = NULL;

    if (posix_memalign((void **)&loop, _Alignof(struct loop), sizeof(*loop)) != 0)
        abort();
    *loop = (struct loop){.wall_read_ns = INT64_MIN / 2, .wake.on_event = on_wake};
    loop->last_task = &loop->first_task;
    list_init(&loop->leftovers);
    take_time(loop);
    deadlines_init(&loop->deadlines, loop->now_ns);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0) {
        mem_free(loop);
        return NULL;
    }
    if (mailbox_init(&loop->mailbox) != 0) {
        close(loop->epoll_fd);
        mem_free(loop);
        return NULL;
    }
    loop->wake.fd = loop->mailbox.event_fd;
    if (loop_add(loop, &loop->wake, EPOLLIN | EPOLLET) != 0) {
        loop_free(loop);
        return NULL;
    }
    return loop;
}

static void run_tasks(struct loop *loop)
{
    while (loop->first_task) {
        struct loop_task *task = loop->first_task;

        loop->first_task = task->next; /* the task may free itself */
        if (!loop->first_task)
            loop->last_task = &loop->first_task;
        task->pending = false;
        task->run(task);
    }
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    assert(!loop->in_turn);
    run_tasks(loop);
    while (!list_empty(&loop->leftovers)) {
        struct loop_leftover *leftover = list_first(&loop->leftovers, struct loop_leftover, link);

        list_remove(&leftover->link);
        leftover->drop(leftover);
    }
    deadlines_deinit(&loop->deadlines);
    mailbox_deinit(&loop->mailbox);
    close(loop->epoll_fd);
    mem_free(loop);
}

static int control(struct loop *loop, int op, struct loop_io *io, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = io};

    return epoll_ctl(loop->epoll_fd, op, io->fd, &event) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, struct loop_io *io, uint32_t events)
{
    assert(io->on_event);
    return control(loop, EPOLL_CTL_ADD, io, events);
}

int loop_modify(struct loop *loop, struct loop_io *io, uint32_t events)
{
    return control(loop, EPOLL_CTL_MOD, io, events);
}

void loop_remove(struct loop *loop, struct loop_io *io)
{
    control(loop, EPOLL_CTL_DEL, io, 0);
    for (int i = loop->next_event; i < loop->n_events; i++)
        if (loop->events[i].data.ptr == io)
            loop->events[i].data.ptr = NULL;
}

static int wait_ms(struct loop *loop, int max_wait_ms)
{
    if (loop->first_task)
        return 0;

    int until_deadline = deadlines_wait_ms(&loop->deadlines, loop->now_ns);

    if (max_wait_ms < 0 || (until_deadline >= 0 && until_deadline < max_wait_ms))
        return until_deadline;
    return max_wait_ms;
}

static void wait_for_events(struct loop *loop, int max_wait_ms)
{
    int ms = wait_ms(loop, max_wait_ms);

    if (ms != 0 && mailbox_fall_asleep(&loop->mailbox))
        ms = 0;

    int n = epoll_wait(loop->epoll_fd, loop->events, LOOP_EVENTS, ms);

    mailbox_awake(&loop->mailbox);
    assert(n >= 0 || errno == EINTR);
    loop->n_events = n < 0 ? 0 : n;
    loop->next_event = 0;
}

static void deliver_events(struct loop *loop)
{
    while (loop->next_event < loop->n_events) {
        const struct epoll_event *event = &loop->events[loop->next_event++];
        struct loop_io *io = event->data.ptr;

        if (io)
            io->on_event(io, event->events);
    }
}

void loop_turn(struct loop *loop, int max_wait_ms)
{
    assert(!loop->in_turn);
    loop->in_turn = true;
    wait_for_events(loop, max_wait_ms);
    take_time(loop);
    deliver_events(loop);
    mailbox_deliver(&loop->mailbox);
    deadlines_expire(&loop->deadlines, loop->now_ns);
    run_tasks(loop);
    if (loop->hook)
        loop->hook(loop->hook_ctx);
    int64_t took_ns = clock_monotonic_ns() - loop->now_ns;
    if (took_ns > loop->longest_ns)
        loop->longest_ns = took_ns;
    loop->in_turn = false;
}

int64_t loop_take_longest_ns(struct loop *loop)
{
    int64_t longest = loop->longest_ns;

    loop->longest_ns = 0;
    return longest;
}

void loop_run(struct loop *loop)
{
    while (!loop->stopped)
        loop_turn(loop, -1);
    loop->stopped = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopped = true;
}

int64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

int64_t loop_wall_ns(const struct loop *loop)
{
    return loop->now_ns + loop->wall_offset_ns;
}

void loop_set_turn_hook(struct loop *loop, loop_turn_fn hook, void *ctx)
{
    loop->hook = hook;
    loop->hook_ctx = ctx;
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    assert(task->run);
    if (task->pending)
        return;
    task->pending = true;
    task->next = NULL;
    *loop->last_task = task;
    loop->last_task = &task->next;
}

void loop_keep(struct loop *loop, struct loop_leftover *leftover)
{
    list_append(&loop->leftovers, &leftover->link);
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    mailbox_post(&loop->mailbox, message);
}

static void on_signalled(struct loop_message *message)
{
    struct loop_signal *signal = container_of(message, struct loop_signal, message);

    /* Before it is acted on: what is sent from here on is sent anew. */
    atomic_store(&signal->under_way, false);
    signal->on_signal(signal);
}

void loop_signal_init(struct loop_signal *signal, loop_signal_fn on_signal)
{
    signal->message = (struct loop_message){.on_delivery = on_signalled};
    signal->on_signal = on_signal;
    atomic_init(&signal->under_way, false);
}

void loop_signal_send(struct loop *loop, struct loop_signal *signal)
{
    if (!atomic_exchange(&signal->under_way, true))
        loop_post(loop, &signal->message);
}

void deadline_set(struct loop *loop, struct deadline *deadline, int64_t duration_ms)
{
    if (!loop->in_turn)
        take_time(loop); /* while a loop is being set up no turn does */
    deadlines_set(&loop->deadlines, deadline, loop->now_ns, duration_ms);
}

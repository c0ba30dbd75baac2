#include "net/loop_internal.h"

#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * Events of one epoll_wait are delivered from an array. loop_remove blanks what is still
 * undelivered there for the removed descriptor, so that an owner may go away in any callback of the
 * same turn.
 */

enum { EVENTS_MAX = 256 };

struct loop {
    int epoll_fd;
    int64_t now_ns;
    int64_t wall_ns;
    bool stopping;
    struct epoll_event events[EVENTS_MAX];
    int n_events;
    int at_event;
    struct deadlines deadlines;
    struct loop_task *tasks;
    struct loop_task **tasks_end;
    loop_turn_fn turn_hook;
    void *turn_ctx;
    struct mailbox mailbox;
    struct loop_io mailbox_io;
};

static void read_clock(struct loop *loop)
{
    loop->now_ns = clock_monotonic_ns();
    loop->wall_ns = clock_wall_ns();
}

static void on_mail(struct loop_io *io, uint32_t events)
{
    struct loop *loop = container_of(io, struct loop, mailbox_io);

    (void)events;
    mailbox_deliver(&loop->mailbox);
}

struct loop *loop_new(void)
{
    struct loop *loop = mem_zalloc(sizeof(*loop));

    loop->tasks_end = &loop->tasks;
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    deadlines_init(&loop->deadlines);
    read_clock(loop);
    if (loop->epoll_fd < 0 || mailbox_init(&loop->mailbox) < 0)
        goto fail;
    loop->mailbox_io = (struct loop_io){.fd = loop->mailbox.event_fd, .on_event = on_mail};
    if (loop_add(loop, &loop->mailbox_io, EPOLLIN | EPOLLET) == 0)
        return loop;
    mailbox_deinit(&loop->mailbox);
fail:
    if (loop->epoll_fd >= 0)
        close(loop->epoll_fd);
    mem_free(loop);
    return NULL;
}

static void run_tasks(struct loop *loop)
{
    while (loop->tasks) {
        struct loop_task *task = loop->tasks;

        loop->tasks = task->next;
        if (!loop->tasks)
            loop->tasks_end = &loop->tasks;
        task->pending = false;
        task->run(task);
    }
}

void loop_free(struct loop *loop)
{
    if (!loop)
        return;
    run_tasks(loop);
    mailbox_deinit(&loop->mailbox);
    deadlines_deinit(&loop->deadlines);
    close(loop->epoll_fd);
    mem_free(loop);
}

static int control(struct loop *loop, int operation, struct loop_io *io, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = io};

    return epoll_ctl(loop->epoll_fd, operation, io->fd, &event) < 0 ? -errno : 0;
}

int loop_add(struct loop *loop, struct loop_io *io, uint32_t events)
{
    return control(loop, EPOLL_CTL_ADD, io, events);
}

int loop_modify(struct loop *loop, struct loop_io *io, uint32_t events)
{
    return control(loop, EPOLL_CTL_MOD, io, events);
}

void loop_remove(struct loop *loop, struct loop_io *io)
{
    control(loop, EPOLL_CTL_DEL, io, 0);
    for (int i = loop->at_event; i < loop->n_events; i++)
        if (loop->events[i].data.ptr == io)
            loop->events[i].data.ptr = NULL;
}

/* Milliseconds, rounded up: a deadline never wakes the loop too early to expire. */
static int wait_ms(struct loop *loop, int max_wait_ms)
{
    int64_t at_ns;

    if (loop->tasks)
        return 0;
    if (!deadlines_next(&loop->deadlines, &at_ns))
        return max_wait_ms;
    int64_t left_ns = at_ns - clock_monotonic_ns();
    int64_t left_ms = left_ns <= 0 ? 0 : (left_ns + NS_PER_MS - 1) / NS_PER_MS;
    if (left_ms > INT_MAX)
        left_ms = INT_MAX;
    return max_wait_ms >= 0 && max_wait_ms < left_ms ? max_wait_ms : (int)left_ms;
}

void loop_turn(struct loop *loop, int max_wait_ms)
{
    int timeout_ms = wait_ms(loop, max_wait_ms);

    if (timeout_ms != 0)
        mailbox_sleep(&loop->mailbox, &timeout_ms);
    int n = epoll_wait(loop->epoll_fd, loop->events, EVENTS_MAX, timeout_ms);
    mailbox_awake(&loop->mailbox);
    read_clock(loop);
    loop->n_events = n > 0 ? n : 0;
    for (loop->at_event = 0; loop->at_event < loop->n_events;) {
        struct epoll_event *event = &loop->events[loop->at_event++];
        struct loop_io *io = event->data.ptr;

        if (io)
            io->on_event(io, event->events);
    }
    loop->n_events = 0;
    mailbox_deliver(&loop->mailbox);
    deadlines_expire(&loop->deadlines, loop->now_ns);
    run_tasks(loop);
    if (loop->turn_hook)
        loop->turn_hook(loop->turn_ctx);
}

void loop_run(struct loop *loop)
{
    while (!loop->stopping)
        loop_turn(loop, -1);
    loop->stopping = false;
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

int64_t loop_now_ns(const struct loop *loop)
{
    return loop->now_ns;
}

int64_t loop_wall_ns(const struct loop *loop)
{
    return loop->wall_ns;
}

void loop_set_turn_hook(struct loop *loop, loop_turn_fn hook, void *ctx)
{
    loop->turn_hook = hook;
    loop->turn_ctx = ctx;
}

void deadline_set(struct loop *loop, struct deadline *deadline, int64_t duration_ms)
{
    deadlines_set(&loop->deadlines, deadline, loop->now_ns + duration_ms * NS_PER_MS, duration_ms);
}

void loop_defer(struct loop *loop, struct loop_task *task)
{
    if (task->pending)
        return;
    task->pending = true;
    task->next = NULL;
    *loop->tasks_end = task;
    loop->tasks_end = &task->next;
}

void loop_post(struct loop *loop, struct loop_message *message)
{
    mailbox_post(&loop->mailbox, message);
}

#pragma once

/*
 * The event loop: one a thread, on epoll. An object belongs to one loop for life; the only function
 * here that other threads may call are loop_post and loop_signal_send.
 *
 * A turn is: wait, take the time once, deliver I/O events, deliver messages, expire deadlines, run
 * what was deferred, call the turn hook. Descriptors are registered once, usually edge-triggered
 * with EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, so that no epoll_ctl is paid per request. Memory
 * is freed by loop_defer at the end of the turn, so that no callback of this turn meets a freed
 * object.
 */

#include "base/clock.h"
#include "base/list.h"

#include <stdatomic.h>
#include <sys/epoll.h>

struct loop;
struct loop_io;

typedef void (*loop_io_fn)(struct loop_io *io, uint32_t events);

/* Embedded by whoever owns the descriptor; zero-initialised before the first loop_add. */
struct loop_io {
    int fd;
    loop_io_fn on_event;
};

/* NULL if the process is out of descriptors. */
struct loop *loop_new(void);

/* Runs what is deferred still, cancels all deadlines, and drops messages that no turn delivered.
 * Descriptors stay their owners'. */
void loop_free(struct loop *loop);

/* Registers io->fd; returns 0 or a negative errno. The descriptor stays the caller's. */
int loop_add(struct loop *loop, struct loop_io *io, uint32_t events);
int loop_modify(struct loop *loop, struct loop_io *io, uint32_t events);

/* Unregisters; no event reaches io afterwards, not even one of this turn that is still undelivered.
 */
void loop_remove(struct loop *loop, struct loop_io *io);

/* Runs turns until loop_stop. */
void loop_run(struct loop *loop);

/* One turn; waits at most max_wait_ms for it (-1: as long as it takes). For tests and for
 * embedding. */
void loop_turn(struct loop *loop, int max_wait_ms);
void loop_stop(struct loop *loop);

/* The instant this turn began. */
int64_t loop_now_ns(const struct loop *loop);
int64_t loop_wall_ns(const struct loop *loop);

/* The longest turn since the last call, in nanoseconds, without the time that it waited. */
int64_t loop_take_longest_ns(struct loop *loop);

/* Called at the end of every turn, when nothing is on the stack: the quiescent point. */
typedef void (*loop_turn_fn)(void *ctx);
void loop_set_turn_hook(struct loop *loop, loop_turn_fn hook, void *ctx);

/* --- deadlines --- */

struct deadline;
typedef void (*deadline_fn)(struct deadline *deadline);

/* Setting, pushing back and cancelling are O(1), whatever the length; see deadline.h.
 * Zero-initialised before first use. Expires at the first turn in or after the millisecond in which
 * it ends, never early. */
struct deadline {
    struct list link;
    int64_t at_ns;
    int64_t queued_ns; /* at_ns when it took its place in the queue; pushing back leaves it */
    void *queue;       /* of its length; NULL when not armed */
    deadline_fn on_expire;
};

/* Arms, or pushes back, to `duration_ms` from now (this turn's instant). `on_expire` must be set. 0
 * means: in this turn's deadline step at the earliest. */
void deadline_set(struct loop *loop, struct deadline *deadline, int64_t duration_ms);
void deadline_cancel(struct deadline *deadline);
static inline bool deadline_is_set(const struct deadline *deadline)
{
    return deadline->queue != NULL;
}

/* --- deferred work and messages --- */

struct loop_task;
typedef void (*loop_task_fn)(struct loop_task *task);

/* Work for the end of this turn, in order; typically a free. A task that is pending already is left
 * where it is. What a task defers is run as well before the turn is over. */
struct loop_task {
    struct loop_task *next;
    loop_task_fn run;
    bool pending;
};

void loop_defer(struct loop *loop, struct loop_task *task);

/* From any thread: `message` is delivered in the target's next turn, messages of one sender in
 * order. The message is the receiver's from then on. */
struct loop_message;
typedef void (*loop_message_fn)(struct loop_message *message);

struct loop_message {
    struct loop_message *next;
    loop_message_fn on_delivery;
};

void loop_post(struct loop *loop, struct loop_message *message);

/* A message that says only that something is so, sent again and again by whoever owns it: while one
 * is under way another is the same one. `on_signal` sees all that was written before any of them.
 * A plain message must not be posted again before it has been delivered. */
struct loop_signal;
typedef void (*loop_signal_fn)(struct loop_signal *signal);

struct loop_signal {
    struct loop_message message;
    loop_signal_fn on_signal;
    atomic_bool under_way;
};

void loop_signal_init(struct loop_signal *signal, loop_signal_fn on_signal);
void loop_signal_send(struct loop *loop, struct loop_signal *signal);

/* Something that goes on without an owner and ends with the loop at the latest: loop_free calls
 * `drop`, unless list_remove has taken it off before. */
struct loop_leftover {
    struct list link;
    void (*drop)(struct loop_leftover *leftover);
};

void loop_keep(struct loop *loop, struct loop_leftover *leftover);

/* The loop with pipes and socket pairs as peers, and threads that post to it. */

#include "test.h"

#include "base/mem.h"
#include "net/loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    struct loop_io io;
    struct loop *loop;
    int events_seen;
    uint32_t last_events;
    struct end *removes; /* on an event */
};

static void on_end(struct loop_io *io, uint32_t events)
{
    struct end *e = container_of(io, struct end, io);

    e->events_seen++;
    e->last_events = events;
    if (e->removes)
        loop_remove(e->loop, &e->removes->io);
}

static void make_pair(struct loop *loop, struct end *a, int *ret_peer)
{
    int fds[2];

    CHECK_INT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    *a = (struct end){.io = {.fd = fds[0], .on_event = on_end}, .loop = loop};
    CHECK_INT(loop_add(loop, &a->io, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET), 0);
    *ret_peer = fds[1];
}

static void test_edges(void)
{
    struct loop *loop = loop_new();
    struct end a;
    int peer;

    make_pair(loop, &a, &peer);
    loop_turn(loop, 0);
    CHECK_INT(a.events_seen, 1);
    CHECK_INT(a.last_events, EPOLLOUT);
    loop_turn(loop, 0);
    CHECK_INT(a.events_seen, 1);
    CHECK_INT(write(peer, "x", 1), 1);
    loop_turn(loop, -1);
    CHECK_INT(a.events_seen, 2);
    CHECK(a.last_events & EPOLLIN);
    close(peer);
    loop_turn(loop, -1);
    CHECK(a.last_events & EPOLLRDHUP);
    loop_remove(loop, &a.io);
    close(a.io.fd);
    loop_free(loop);
}

static void test_removed_io_hears_nothing_more(void)
{
    struct loop *loop = loop_new();
    struct end a, b;
    int peer_a, peer_b;

    make_pair(loop, &a, &peer_a);
    make_pair(loop, &b, &peer_b);
    a.removes = &b;
    b.removes = &a;
    /* Both have an event in one turn; whoever comes first removes the other. */
    loop_turn(loop, 0);
    CHECK_INT(a.events_seen + b.events_seen, 1);
    loop_turn(loop, 0);
    CHECK_INT(a.events_seen + b.events_seen, 1);
    for (int *fd = (int[]){a.io.fd, b.io.fd, peer_a, peer_b, -1}; *fd >= 0; fd++)
        close(*fd);
    loop_free(loop);
}

static void test_modify_and_errors(void)
{
    struct loop *loop = loop_new();
    struct end a, none = {.io = {.fd = -1, .on_event = on_end}};
    int peer;

    make_pair(loop, &a, &peer);
    CHECK_INT(loop_modify(loop, &a.io, EPOLLIN), 0);
    loop_turn(loop, 0);
    CHECK_INT(a.events_seen, 0);
    CHECK_INT(loop_add(loop, &none.io, EPOLLIN), -EBADF);
    CHECK_INT(loop_add(loop, &a.io, EPOLLIN), -EEXIST);
    close(a.io.fd);
    close(peer);
    loop_free(loop);
}

struct job {
    struct loop_task task;
    struct loop *loop;
    char name;
    struct job *defers;
};

static char trace[64];
static size_t n_trace;

static void note(char what)
{
    if (n_trace < sizeof(trace) - 1)
        trace[n_trace++] = what;
    trace[n_trace] = 0;
}

static void run_job(struct loop_task *task)
{
    struct job *job = container_of(task, struct job, task);

    note(job->name);
    if (job->defers)
        loop_defer(job->loop, &job->defers->task);
}

static void end_of_turn(void *ctx)
{
    (void)ctx;
    note('|');
}

static void test_deferred_in_order_at_the_end(void)
{
    struct loop *loop = loop_new();
    struct job a = {{.run = run_job}, loop, 'a', NULL}, b = {{.run = run_job}, loop, 'b', &a};

    n_trace = 0;
    loop_set_turn_hook(loop, end_of_turn, NULL);
    loop_defer(loop, &a.task);
    loop_defer(loop, &b.task);
    loop_defer(loop, &a.task);
    loop_turn(loop, -1);
    CHECK_STR(str_of(trace), "aba|");
    loop_defer(loop, &a.task);
    loop_free(loop);
    CHECK_STR(str_of(trace), "aba|a");
}

static void on_timer(struct deadline *d)
{
    (void)d;
    note('t');
}

static struct loop *stop_me;

static void stop_loop(struct deadline *d)
{
    (void)d;
    note('s');
    loop_stop(stop_me);
}

static void test_deadlines_and_stop(void)
{
    struct loop *loop = loop_new();
    struct deadline t = {.on_expire = on_timer}, stop = {.on_expire = stop_loop};

    n_trace = 0;
    stop_me = loop;
    int64_t began = loop_now_ns(loop);
    deadline_set(loop, &t, 5);
    deadline_set(loop, &stop, 20);
    loop_run(loop);
    CHECK_STR(str_of(trace), "ts");
    CHECK(loop_now_ns(loop) - began >= 20 * NS_PER_MS);
    CHECK(loop_wall_ns(loop) > 1700000000 * NS_PER_S);
    loop_free(loop);
}

/* A turn waits no longer than it is told, deadline or not. */
static void test_turn_without_events_returns(void)
{
    struct loop *loop = loop_new();
    struct deadline far = {.on_expire = on_timer};

    n_trace = 0;
    deadline_set(loop, &far, 3600 * 1000);
    loop_turn(loop, 0);
    loop_turn(loop, 1);
    CHECK_INT(n_trace, 0);
    deadline_cancel(&far);
    loop_free(loop);
}

enum { SENDERS = 3, PER_SENDER = 20000 };

struct letter {
    struct loop_message message;
    unsigned sender, number;
};

static struct loop *receiver;
static unsigned received[SENDERS];
static unsigned n_received;
static bool out_of_order;

static void on_letter(struct loop_message *message)
{
    struct letter *l = container_of(message, struct letter, message);

    if (l->number != received[l->sender]++)
        out_of_order = true;
    mem_free(l);
    if (++n_received == SENDERS * PER_SENDER)
        loop_stop(receiver);
}

static void *sender_main(void *ctx)
{
    unsigned sender = (unsigned)(uintptr_t)ctx;

    for (unsigned i = 0; i < PER_SENDER; i++) {
        struct letter *l = mem_zalloc(sizeof(*l));

        *l = (struct letter){{.on_delivery = on_letter}, sender, i};
        loop_post(receiver, &l->message);
    }
    return NULL;
}

/* Were one wake-up lost, the loop, which has nothing else to wait for, would hang. */
static void test_messages_from_threads(void)
{
    pthread_t threads[SENDERS];

    receiver = loop_new();
    for (uintptr_t i = 0; i < SENDERS; i++)
        CHECK_INT(pthread_create(&threads[i], NULL, sender_main, (void *)i), 0);
    loop_run(receiver);
    for (size_t i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(n_received, SENDERS * PER_SENDER);
    CHECK(!out_of_order);
    loop_free(receiver);
}

/* One message goes to and fro between two sleeping loops. */
struct ball {
    struct loop_message message;
    struct loop *loops[2];
    unsigned at, left;
};

static void on_ball(struct loop_message *message)
{
    struct ball *b = container_of(message, struct ball, message);
    struct loop *here = b->loops[b->at];

    if (b->left == 0) {
        loop_stop(here);
        return;
    }
    if (--b->left == 0)
        loop_stop(here);
    b->at = !b->at;
    loop_post(b->loops[b->at], &b->message);
}

static void *loop_main(void *ctx)
{
    loop_run(ctx);
    return NULL;
}

static void test_sleeping_loops_are_woken(void)
{
    struct ball b = {{.on_delivery = on_ball}, {loop_new(), loop_new()}, 0, 2001};
    pthread_t thread;

    CHECK_INT(pthread_create(&thread, NULL, loop_main, b.loops[1]), 0);
    loop_post(b.loops[0], &b.message);
    loop_run(b.loops[0]);
    pthread_join(thread, NULL);
    CHECK_INT(b.left, 0);
    loop_free(b.loops[0]);
    loop_free(b.loops[1]);
}

/* A signal that is sent again while it is under way, with other messages between: nothing may be
 * lost, and whatever was sent after its delivery is delivered anew. */
static struct loop_signal again;
static unsigned n_signalled, n_plain;

static void on_again(struct loop_signal *signal)
{
    CHECK(signal == &again);
    if (++n_signalled == 1)
        loop_signal_send(receiver, &again);
}

static void on_plain(struct loop_message *message)
{
    n_plain++;
    mem_free(container_of(message, struct letter, message));
}

static void test_signals_sent_again(void)
{
    receiver = loop_new();
    loop_signal_init(&again, on_again);
    for (unsigned i = 0; i < 3; i++) {
        struct letter *l = mem_zalloc(sizeof(*l));

        l->message.on_delivery = on_plain;
        loop_signal_send(receiver, &again);
        loop_post(receiver, &l->message);
    }
    loop_turn(receiver, 0);
    CHECK_INT(n_signalled, 1);
    CHECK_INT(n_plain, 3);
    loop_turn(receiver, 0);
    CHECK_INT(n_signalled, 2);
    loop_turn(receiver, 0);
    CHECK_INT(n_signalled, 2);
    loop_free(receiver);
}

int main(void)
{
    RUN(test_edges);
    RUN(test_removed_io_hears_nothing_more);
    RUN(test_modify_and_errors);
    RUN(test_deferred_in_order_at_the_end);
    RUN(test_deadlines_and_stop);
    RUN(test_turn_without_events_returns);
    RUN(test_messages_from_threads);
    RUN(test_sleeping_loops_are_woken);
    RUN(test_signals_sent_again);
    return test_end();
}

#include "edge/access_log.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { LANES_MAX = 256, HAND_OVER_BYTES = 64 * 1024, LANE_BYTES = 256 * 1024, FLUSH_MS = 100 };

struct access_log_lane {
    struct access_log *log;
    struct loop *loop;
    struct buf buffers[2];
    unsigned filling;             /* which buffer the worker appends to */
    _Atomic(struct buf *) handed; /* full: the writer's until it stores NULL again */
    struct deadline flush;
    uint64_t dropped;
};

struct access_log {
    int fd;
    int wake;
    pthread_t thread;
    _Atomic bool stopping;
    _Atomic(struct access_log_lane *) lanes[LANES_MAX];
    _Atomic unsigned n_lanes;
};

static void write_all(int fd, str bytes)
{
    while (bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, -1);
            continue;
        }
        if (n <= 0)
            return;
        bytes = str_from(bytes, (size_t)n);
    }
}

static void drain_lane(struct access_log *log, struct access_log_lane *lane)
{
    /* acquire and release: pair with hand_over, which fills the buffer before it stores the
     * pointer. */
    struct buf *full = atomic_load_explicit(&lane->handed, memory_order_acquire);

    if (!full)
        return;
    write_all(log->fd, buf_str(full));
    buf_clear(full);
    atomic_store_explicit(&lane->handed, NULL, memory_order_release);
}

static void *write_lanes(void *ctx)
{
    struct access_log *log = ctx;
    uint64_t wakes;

    for (;;) {
        bool stopping = atomic_load(&log->stopping);
        unsigned n = atomic_load_explicit(&log->n_lanes, memory_order_acquire);

        for (unsigned i = 0; i < n; i++)
            drain_lane(log, atomic_load_explicit(&log->lanes[i], memory_order_acquire));
        if (stopping)
            return NULL;
        if (read(log->wake, &wakes, sizeof(wakes)) < 0 && errno != EINTR)
            return NULL;
    }
}

static void wake_writer(struct access_log *log)
{
    uint64_t one = 1;
    ssize_t written = write(log->wake, &one, sizeof(one));

    (void)written;
}

struct access_log *access_log_new(int fd)
{
    struct access_log *log = mem_zalloc(sizeof(*log));

    log->fd = fd;
    log->wake = eventfd(0, EFD_CLOEXEC);
    if (log->wake < 0 || pthread_create(&log->thread, NULL, write_lanes, log)) {
        if (log->wake >= 0)
            close(log->wake);
        mem_free(log);
        return NULL;
    }
    return log;
}

void access_log_free(struct access_log *log)
{
    if (!log)
        return;
    atomic_store(&log->stopping, true);
    wake_writer(log);
    pthread_join(log->thread, NULL);
    for (unsigned i = 0; i < log->n_lanes; i++) {
        struct access_log_lane *lane = log->lanes[i];

        drain_lane(log, lane);
        write_all(log->fd, buf_str(&lane->buffers[lane->filling]));
        buf_deinit(&lane->buffers[0]);
        buf_deinit(&lane->buffers[1]);
        mem_free(lane);
    }
    close(log->wake);
    mem_free(log);
}

/* False while the writer still has the other buffer. */
static bool hand_over(struct access_log_lane *lane)
{
    if (atomic_load_explicit(&lane->handed, memory_order_acquire))
        return false;
    atomic_store_explicit(&lane->handed, &lane->buffers[lane->filling], memory_order_release);
    lane->filling ^= 1;
    wake_writer(lane->log);
    return true;
}

static void on_flush(struct deadline *deadline)
{
    struct access_log_lane *lane = container_of(deadline, struct access_log_lane, flush);

    if (lane->buffers[lane->filling].n && !hand_over(lane))
        deadline_set(lane->loop, &lane->flush, FLUSH_MS);
}

struct access_log_lane *access_log_open_lane(struct access_log *log, struct loop *loop)
{
    struct access_log_lane *lane = mem_zalloc(sizeof(*lane));
    unsigned index = atomic_load(&log->n_lanes);

    lane->log = log;
    lane->loop = loop;
    lane->flush.on_expire = on_flush;
    buf_init(&lane->buffers[0], LANE_BYTES);
    buf_init(&lane->buffers[1], LANE_BYTES);
    atomic_store_explicit(&log->lanes[index], lane, memory_order_release);
    atomic_store_explicit(&log->n_lanes, index + 1, memory_order_release);
    return lane;
}

void access_log_close_lane(struct access_log_lane *lane)
{
    deadline_cancel(&lane->flush);
    hand_over(lane);
}

struct buf *access_log_begin(struct access_log_lane *lane)
{
    struct buf *filling = &lane->buffers[lane->filling];

    if (filling->n >= HAND_OVER_BYTES && hand_over(lane))
        filling = &lane->buffers[lane->filling];
    if (filling->n >= LANE_BYTES - HAND_OVER_BYTES) {
        lane->dropped++;
        return NULL;
    }
    return filling;
}

void access_log_end(struct access_log_lane *lane)
{
    struct buf *filling = &lane->buffers[lane->filling];

    if (filling->overflow) {
        filling->overflow = false;
        lane->dropped++;
    }
    if (filling->n && !deadline_is_set(&lane->flush))
        deadline_set(lane->loop, &lane->flush, FLUSH_MS);
}

uint64_t access_log_dropped(const struct access_log_lane *lane)
{
    return lane->dropped;
}

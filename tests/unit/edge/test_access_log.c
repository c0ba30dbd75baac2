#include "edge/access_log.h"

#include "base/mem.h"
#include "unit/test.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <unistd.h>

/*
 * The log writes into a pipe: what its reader sees is what was logged. Until a test starts the
 * reader nobody reads, which is a slow log.
 */

static struct loop *loop;
static struct access_log *log_;
static struct access_log_lane *lane;
static int pipe_fds[2];
static pthread_t reader;
static bool is_reading;
static struct buf seen; /* the reader's until end_log */

static void begin(void)
{
    CHECK(pipe2(pipe_fds, O_CLOEXEC) == 0);
    loop = loop_new();
    log_ = access_log_new(pipe_fds[1]);
    CHECK(log_);
    lane = access_log_open_lane(log_, loop);
    is_reading = false;
    buf_init(&seen, 0);
}

static void *read_all(void *ctx)
{
    ssize_t n;

    (void)ctx;
    while ((n = read(pipe_fds[0], buf_reserve(&seen, 65536), 65536)) > 0)
        seen.n += (size_t)n;
    return NULL;
}

static void start_reader(void)
{
    CHECK(pthread_create(&reader, NULL, read_all, NULL) == 0);
    is_reading = true;
}

/* Closes the log: everything that it took is in `seen` afterwards. */
static void end_log(void)
{
    if (!is_reading)
        start_reader();
    access_log_close_lane(lane);
    access_log_free(log_);
    close(pipe_fds[1]);
    pthread_join(reader, NULL);
    close(pipe_fds[0]);
    loop_free(loop);
}

static bool log_line(struct access_log_lane *to, const char *text)
{
    struct buf *line = access_log_begin(to);

    if (!line)
        return false;
    buf_put_str(line, str_of(text));
    access_log_end(to);
    return true;
}

/* Only turns of the worker's loop: nobody fills or closes anything. */
static void test_lines_leave_within_a_moment(void)
{
    struct pollfd readable;
    char text[64];

    begin();
    readable = (struct pollfd){.fd = pipe_fds[0], .events = POLLIN};
    CHECK(log_line(lane, "one\n") && log_line(lane, "two\n"));
    while (poll(&readable, 1, 0) == 0)
        loop_turn(loop, 5);
    ssize_t n = read(pipe_fds[0], text, sizeof(text));
    CHECK(n > 0);
    CHECK_STR(str_make(text, (size_t)n), "one\ntwo\n");
    end_log();
    CHECK_INT(seen.n, 0);
    buf_deinit(&seen);
}

static void test_closing_writes_what_is_left(void)
{
    begin();
    CHECK(log_line(lane, "one\n"));
    CHECK(log_line(lane, "two\n"));
    end_log();
    CHECK_STR(buf_str(&seen), "one\ntwo\n");
    buf_deinit(&seen);
}

/* Lines of one worker stay in order and whole, however many there are. */
static void test_many_lines_in_order(void)
{
    enum { LINES = 40000 };
    char text[32];
    size_t logged = 0, at = 0;

    begin();
    start_reader();
    for (int i = 0; i < LINES; i++) {
        snprintf(text, sizeof(text), "line %d\n", i);
        while (!log_line(lane, text))
            sched_yield();
        logged += strlen(text);
    }
    end_log();
    CHECK_INT(seen.n, logged);
    for (int i = 0; i < LINES; i++) {
        int n = snprintf(text, sizeof(text), "line %d\n", i);

        CHECK(memcmp(seen.p + at, text, (size_t)n) == 0);
        at += (size_t)n;
    }
    buf_deinit(&seen);
}

enum { LONG_LINE = 1024 };

static const char *long_line(void)
{
    static char text[LONG_LINE + 1];

    memset(text, 'x', LONG_LINE - 1);
    text[LONG_LINE - 1] = '\n';
    return text;
}

/* Nobody reads: the worker goes on, drops whole lines, and counts them. */
static void test_a_slow_log_costs_lines_not_time(void)
{
    enum { TRIES = 2000 };
    uint64_t taken = 0, dropped = 0;

    begin();
    for (int i = 0; i < TRIES; i++) {
        if (log_line(lane, long_line()))
            taken++;
        else
            dropped++;
    }
    CHECK(taken >= 64 && dropped >= TRIES / 2);
    CHECK_INT(access_log_dropped(lane), dropped);
    end_log();
    CHECK_INT(seen.n, taken * LONG_LINE);
    for (size_t i = 0; i < seen.n; i++)
        CHECK((seen.p[i] == '\n') == (i % LONG_LINE == LONG_LINE - 1));
    buf_deinit(&seen);
}

/* Once the reader is back, so are the lines. */
static void test_a_log_recovers(void)
{
    size_t taken = 0;

    begin();
    while (log_line(lane, long_line()))
        taken++;
    CHECK(access_log_dropped(lane) > 0);
    start_reader();
    while (!log_line(lane, "back\n"))
        sched_yield();
    end_log();
    CHECK_INT(seen.n, taken * LONG_LINE + strlen("back\n"));
    CHECK(str_ends(buf_str(&seen), STR("x\nback\n")));
    buf_deinit(&seen);
}

/* A line that fits nowhere is dropped, and does not take others with it. */
static void test_a_huge_line_is_dropped(void)
{
    static char huge[512 * 1024];

    begin();
    memset(huge, 'x', sizeof(huge) - 1);
    CHECK(log_line(lane, "before\n"));
    CHECK(log_line(lane, huge));
    CHECK_INT(access_log_dropped(lane), 1);
    CHECK(log_line(lane, "after\n"));
    end_log();
    CHECK_STR(buf_str(&seen), "before\nafter\n");
    buf_deinit(&seen);
}

static void test_lanes_share_the_log(void)
{
    begin();
    struct access_log_lane *second = access_log_open_lane(log_, loop);

    CHECK(log_line(lane, "a\n"));
    CHECK(log_line(second, "b\n"));
    access_log_close_lane(second);
    end_log();
    CHECK_INT(seen.n, 4);
    CHECK(str_search(buf_str(&seen), STR("a\n")) < 4);
    CHECK(str_search(buf_str(&seen), STR("b\n")) < 4);
    buf_deinit(&seen);
}

int main(void)
{
    RUN(test_lines_leave_within_a_moment);
    RUN(test_closing_writes_what_is_left);
    RUN(test_many_lines_in_order);
    RUN(test_a_slow_log_costs_lines_not_time);
    RUN(test_a_log_recovers);
    RUN(test_a_huge_line_is_dropped);
    RUN(test_lanes_share_the_log);
    return test_end();
}

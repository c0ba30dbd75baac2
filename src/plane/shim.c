#include "plane/shim_internal.h"

#include "base/mem.h"
#include "plane/cgroup.h"
#include "plane/files.h"
#include "plane/process_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

void shim_write_status(struct shim *s, const char *state, str why)
{
    char text[SHIM_WHY_BYTES + 32];
    int n = snprintf(text, sizeof(text), "%s%s%.*s\n", state, why.n ? " " : "", STR_ARG(why));

    files_write(s->folder, FILES_STATUS, str_make(text, (size_t)n));
}

static void on_line(void *ctx, str json_line)
{
    struct shim *s = ctx;

    log_file_append(&s->log, json_line);
}

/* --- output */

void shim_say(struct shim *s, const char *level, const char *format, ...)
{
    char text[SHIM_WHY_BYTES + 64];
    struct output own;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    /* Not s->output: the last that the process itself has said is to be remembered. */
    output_init(&own, on_line, s);
    output_say(&own, level, str_of(text), loop_wall_ns(s->loop));
    output_deinit(&own);
}

/* False when nothing is there now. */
static bool read_output(struct shim *s)
{
    char bytes[32 << 10];
    ssize_t n = read(s->output_io.fd, bytes, sizeof(bytes));

    if (n > 0)
        output_feed(&s->output, str_make(bytes, (size_t)n), loop_wall_ns(s->loop));
    else if (n == 0)
        loop_remove(s->loop, &s->output_io);
    return n > 0;
}

void shim_on_output(struct loop_io *io, uint32_t events)
{
    (void)events;
    read_output(container_of(io, struct shim, output_io));
}

/* --- the end */

static void describe_end(struct shim *s, char ret_text[SHIM_WHY_BYTES])
{
    str last = output_last(&s->output);
    int n;

    if (s->asked) {
        snprintf(ret_text, SHIM_WHY_BYTES, "stopped");
        return;
    }
    if (s->why[0]) {
        snprintf(ret_text, SHIM_WHY_BYTES, "%s", s->why);
        return;
    }
    if (s->spec.cgroup[0] && cgroup_was_out_of_memory(s->spec.cgroup))
        n = snprintf(ret_text, SHIM_WHY_BYTES, "its process needed more than %llu bytes of memory",
                     (unsigned long long)s->spec.memory_bytes);
    else if (WIFSIGNALED(s->status))
        n = snprintf(ret_text, SHIM_WHY_BYTES, "its process was killed by signal %d (%s)",
                     WTERMSIG(s->status), sigdescr_np(WTERMSIG(s->status)));
    else
        n = snprintf(ret_text, SHIM_WHY_BYTES, "its process ended with exit status %d",
                     WEXITSTATUS(s->status));
    if (last.n && n > 0 && n < SHIM_WHY_BYTES)
        snprintf(ret_text + n, SHIM_WHY_BYTES - (size_t)n, ": %.*s", STR_ARG(last));
}

static void leave(struct shim *s)
{
    char why[SHIM_WHY_BYTES];

    while (read_output(s))
        ;
    output_end(&s->output, loop_wall_ns(s->loop));
    describe_end(s, why);
    shim_say(s, s->asked ? "INFO" : "ERROR", "the replica has ended: %s", why);
    files_write(s->folder, FILES_EXIT, str_of(why));
    loop_stop(s->loop);
}

static bool has_children(void)
{
    pid_t pid;

    do
        pid = waitpid(-1, NULL, WNOHANG);
    while (pid > 0);
    return pid == 0;
}

/* Kills what is left, until nothing is, and leaves connections a moment for their last bytes. */
static void sweep(struct shim *s)
{
    bool left = has_children();

    if (left)
        process_tree_kill();
    if (s->spec.cgroup[0] && cgroup_end(s->spec.cgroup) < 0)
        left = true;
    s->sweeps++;
    if (s->sweeps * SHIM_SWEEP_MS >= SHIM_LAST_WORDS_MS)
        relay_break(&s->relay);
    if ((left || s->relay.n > 0) && s->sweeps < SHIM_SWEEPS)
        deadline_set(s->loop, &s->deadline, SHIM_SWEEP_MS);
    else
        leave(s);
}

static void begin_sweeping(struct shim *s)
{
    s->state = SHIM_SWEEPING;
    shim_end_probing(s);
    relay_close(&s->relay);
    sweep(s);
}

static void terminate(struct shim *s, int64_t grace_ms)
{
    s->state = SHIM_TERMINATING;
    shim_end_probing(s);
    relay_close(&s->relay);
    kill(-s->pid, SIGTERM);
    deadline_set(s->loop, &s->deadline, grace_ms);
}

void shim_give_up(struct shim *s, const char *why)
{
    snprintf(s->why, sizeof(s->why), "%s", why);
    shim_say(s, "ERROR", "the replica is given up: %s", why);
    terminate(s, s->spec.grace_ms);
}

static void drain(struct shim *s)
{
    if (s->state != SHIM_RUNNING)
        return;
    s->asked = true;
    s->state = SHIM_DRAINING;
    shim_end_probing(s);
    relay_close(&s->relay);
    if (s->relay.n == 0)
        terminate(s, s->spec.grace_ms);
    else
        deadline_set(s->loop, &s->deadline, s->spec.drain_ms);
}

static void stop_now(struct shim *s)
{
    if (s->state == SHIM_SWEEPING)
        return;
    s->asked = true;
    relay_break(&s->relay);
    terminate(s, s->spec.grace_ms < SHIM_STOP_NOW_GRACE_MS ? s->spec.grace_ms
                                                           : SHIM_STOP_NOW_GRACE_MS);
}

void shim_on_relay_empty(struct relay *r)
{
    struct shim *s = container_of(r, struct shim, relay);

    if (s->state == SHIM_DRAINING)
        terminate(s, s->spec.grace_ms);
}

static void on_deadline(struct deadline *d)
{
    struct shim *s = container_of(d, struct shim, deadline);

    switch (s->state) {
    case SHIM_RUNNING:
        break;
    case SHIM_DRAINING:
        shim_say(s, "WARNING", "%zu connections are broken off: the drain limit has passed",
                 s->relay.n);
        relay_break(&s->relay);
        terminate(s, s->spec.grace_ms);
        break;
    case SHIM_TERMINATING:
        shim_say(s, "WARNING", "the process does not end and is killed");
        process_tree_kill();
        break;
    case SHIM_SWEEPING:
        sweep(s);
        break;
    }
}

static void reap(struct shim *s)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != s->pid)
            continue;
        s->status = status;
        s->ended = true;
    }
    if (s->ended && s->state != SHIM_SWEEPING)
        begin_sweeping(s);
}

static void on_signal(struct loop_io *io, uint32_t events)
{
    struct shim *s = container_of(io, struct shim, signals);
    struct signalfd_siginfo signal;

    (void)events;
    while (read(io->fd, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
        if (signal.ssi_signo == SIGCHLD)
            reap(s);
        else if (signal.ssi_signo == SIGINT)
            stop_now(s);
        else
            drain(s);
    }
}

static int listen_to_signals(struct shim *s)
{
    sigset_t heard;

    sigemptyset(&heard);
    sigaddset(&heard, SIGCHLD);
    sigaddset(&heard, SIGTERM);
    sigaddset(&heard, SIGINT);
    sigprocmask(SIG_SETMASK, &heard, NULL);
    s->signals = (struct loop_io){.fd = signalfd(-1, &heard, SFD_NONBLOCK | SFD_CLOEXEC),
                                  .on_event = on_signal};
    return s->signals.fd < 0 ? -errno : loop_add(s->loop, &s->signals, EPOLLIN);
}

static int run(struct shim *s)
{
    int r = listen_to_signals(s);

    if (r == 0)
        r = shim_start(s);
    if (r < 0) {
        if (s->log.path)
            shim_say(s, "ERROR", "the replica could not be started: %s", s->why);
        files_write(s->folder, FILES_EXIT, str_of(s->why[0] ? s->why : strerrordesc_np(-r)));
        return EXIT_FAILURE;
    }
    shim_write_status(s, "started", STR(""));
    shim_begin_probing(s);
    loop_run(s->loop);
    return EXIT_SUCCESS;
}

int shim_main(const char *folder, int lock_fd)
{
    struct shim s = {.loop = loop_new(),
                     .output_io = {.fd = -1},
                     .told = {.fd = -1},
                     .deadline = {.on_expire = on_deadline},
                     .relay = {.listening_fd = -1}};

    signal(SIGHUP, SIG_IGN);
    if (lock_fd >= 0)
        fcntl(lock_fd, F_SETFD, FD_CLOEXEC);
    s.folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s.folder < 0 || !s.loop)
        return EXIT_FAILURE;
    output_init(&s.output, on_line, &s);
    int status = run(&s);
    relay_deinit(&s.relay);
    loop_free(s.loop);
    output_deinit(&s.output);
    log_file_deinit(&s.log);
    spec_deinit(&s.spec);
    return status;
}

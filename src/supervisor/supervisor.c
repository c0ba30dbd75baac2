/*
 * The supervisor's loop: signals, ends of children and their readiness, nothing else. The set of
 * descriptors is small and built anew for each turn, so that there is no second account of what
 * runs.
 */

#include "supervisor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "supervisor/data_dir.h"
#include "supervisor/server.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { FDS_MAX = 1 + 2 * HANDOVER_CHILDREN_MAX };

static int open_signals(void)
{
    sigset_t handled;

    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGINT);
    sigaddset(&handled, SIGHUP);
    sigaddset(&handled, SIGUSR2);
    /* Blocked signals stay pending across the execve of an upgrade: none is lost. */
    sigprocmask(SIG_BLOCK, &handled, NULL);
    int fd = signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno : fd;
}

static void take_signals(struct server *s, int signal_fd)
{
    struct signalfd_siginfo info;

    while (read(signal_fd, &info, sizeof(info)) == sizeof(info)) {
        switch (info.ssi_signo) {
        case SIGHUP:
            server_reload(s);
            break;
        case SIGUSR2:
            server_upgrade(s);
            break;
        default:
            server_stop(s);
        }
    }
}

static struct child *find_child(struct server *s, pid_t pid)
{
    for (size_t i = 0; i < s->is.n_children; i++) {
        if (s->is.children[i].pid == pid)
            return &s->is.children[i];
    }
    return NULL;
}

/* What poll looks at: one entry for the signals, then each child's pidfd and ready descriptor. */
struct watch {
    struct pollfd fds[FDS_MAX];
    pid_t pids[FDS_MAX];
    nfds_t n;
};

static void watch_add(struct watch *w, int fd, pid_t pid)
{
    w->fds[w->n] = (struct pollfd){.fd = fd, .events = POLLIN};
    w->pids[w->n++] = pid;
}

static void watch_fill(struct watch *w, const struct server *s, int signal_fd)
{
    w->n = 0;
    watch_add(w, signal_fd, 0);
    for (size_t i = 0; i < s->is.n_children; i++) {
        const struct child *c = &s->is.children[i];

        /* poll ignores negative descriptors. Readiness comes before the end, as it happened. */
        watch_add(w, c->ready_fd, c->pid);
        watch_add(w, c->pidfd, c->pid);
    }
}

static int wait_ms(const struct server *s)
{
    int64_t next = server_next_ns(s);
    int64_t now = clock_monotonic_ns();

    if (next == SERVER_NEVER)
        return -1;
    if (next <= now)
        return 0;
    int64_t ms = (next - now + NS_PER_MS - 1) / NS_PER_MS;
    return ms < INT32_MAX ? (int)ms : INT32_MAX;
}

static void take_child_event(struct server *s, const struct watch *w, nfds_t i)
{
    struct child *c = find_child(s, w->pids[i]);

    /* An event before this one may have moved or removed it. */
    if (!c)
        return;
    if (w->fds[i].fd == c->pidfd)
        server_on_gone(s, c);
    else if (w->fds[i].fd == c->ready_fd && child_take_ready(c))
        server_on_ready(s, c);
}

static void run(struct server *s, int signal_fd)
{
    struct watch w;

    while (s->phase != SERVER_OVER) {
        watch_fill(&w, s, signal_fd);
        int n = poll(w.fds, w.n, wait_ms(s));
        for (nfds_t i = 1; n > 0 && i < w.n; i++) {
            if (w.fds[i].revents)
                take_child_event(s, &w, i);
        }
        if (n > 0 && w.fds[0].revents)
            take_signals(s, signal_fd);
        server_on_time(s, clock_monotonic_ns());
    }
}

static int serve(struct server *s)
{
    int signal_fd = open_signals();

    if (signal_fd < 0) {
        log_event(LOG_ERROR, "cannot_watch_signals", LOG_NUM("errno", -signal_fd));
        server_deinit(s);
        return EXIT_FAILURE;
    }
    server_begin(s);
    run(s, signal_fd);
    close(signal_fd);

    char path[HANDOVER_TEXT_MAX + sizeof("/control.sock")];
    snprintf(path, sizeof(path), "%s/control.sock", s->is.data_dir);
    unlink(path);
    log_event(LOG_INFO, "stopped", LOG_NUM("status", s->exit_status));
    int status = s->exit_status;
    server_deinit(s);
    return status;
}

static int open_server(const struct supervisor_options *o, struct handover *h)
{
    int r = data_dir_lock(o->data_dir);

    if (r < 0)
        return r;
    h->lock_fd = r;
    h->exe_fd = open(o->binary, O_PATH | O_CLOEXEC);
    if (h->exe_fd < 0) {
        log_event(LOG_ERROR, "binary_unusable", LOG_STR("path", str_of(o->binary)),
                  LOG_NUM("errno", errno));
        return -errno;
    }
    return listeners_open(o, &h->listeners);
}

int supervisor_run(const struct supervisor_options *o)
{
    struct server s = {
        .argv = o->argv,
        .new_exe_fd = -1,
        .is = {.binary = str_dup(str_of(o->binary)),
               .data_dir = str_dup(str_of(o->data_dir)),
               .config_path = str_dup(str_of(o->config_path)),
               .workers = o->workers,
               .ready_timeout_ms = o->ready_timeout_ms,
               .drain_limit_ms = o->drain_limit_ms,
               .control_stop_ms = o->control_stop_ms,
               .exe_fd = -1,
               .lock_fd = -1,
               .listeners = {.control = -1, .link = -1},
               .next_generation = 1},
    };

    log_init("supervisor", LOG_INFO);
    if (open_server(o, &s.is) < 0) {
        server_deinit(&s);
        return EXIT_FAILURE;
    }
    return serve(&s);
}

int supervisor_inherited_state(void)
{
    const char *text = getenv(SUPERVISOR_STATE_VARIABLE);
    uint64_t fd;

    if (!text)
        return -1;
    bool valid = str_parse_u64(str_of(text), &fd) && fd <= INT32_MAX;
    unsetenv(SUPERVISOR_STATE_VARIABLE);
    return valid ? (int)fd : -1;
}

int supervisor_resume(int state_fd, char *const *argv)
{
    struct server s = {.argv = argv, .new_exe_fd = -1, .announced = true};

    log_init("supervisor", LOG_INFO);
    int r = handover_read(state_fd, &s.is);
    close(state_fd);
    if (r < 0) {
        log_event(LOG_ERROR, "state_unusable", LOG_STR("why", str_of(strerror(-r))));
        return EXIT_FAILURE;
    }
    /* Its parts have run before: from here on they are started again for as long as it takes. */
    for (size_t i = 0; i < CHILD_ROLES; i++)
        s.parts[i].was_ready = true;
    log_event(LOG_INFO, "upgraded", LOG_STR("version", STR(AMBIT_VERSION)),
              LOG_NUM("processes", s.is.n_children));
    return serve(&s);
}

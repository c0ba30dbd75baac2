#include "supervisor/child.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_EXECUTED = 127 };

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* What a part handles once it has a loop waits for it until then: a stop or a reload that comes
 * while it starts must not be the end of it by default. */
static void set_signals(void)
{
    sigset_t later;

    signal(SIGPIPE, SIG_DFL);
    sigemptyset(&later);
    sigaddset(&later, SIGTERM);
    sigaddset(&later, SIGINT);
    sigaddset(&later, SIGHUP);
    sigprocmask(SIG_SETMASK, &later, NULL);
}

/* In the child, between fork and exec: system calls only, the parent may have been anywhere. */
_Noreturn static void become(const struct child_program *program, char *const *argv, int ready_fd,
                             pid_t supervisor)
{
    setpgid(0, 0);
    /* A supervisor that died before the prctl sends no signal any more. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != supervisor)
        _exit(EXIT_NOT_EXECUTED);
    /* Whatever the supervisor itself was started with stays here too. */
    close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    for (size_t i = 0; i < program->n_inherit; i++)
        fcntl(program->inherit[i], F_SETFD, 0);
    fcntl(ready_fd, F_SETFD, 0);
    set_signals();
    fexecve(program->exe_fd, argv, environ);
    _exit(EXIT_NOT_EXECUTED);
}

static pid_t fork_and_execute(const struct child_program *program, int ready_fd)
{
    char **argv = mem_array(program->n_argv + 3, sizeof(*argv));
    char number[16];
    pid_t supervisor = getpid();

    for (size_t i = 0; i < program->n_argv; i++)
        argv[i] = (char *)program->argv[i];
    snprintf(number, sizeof(number), "%d", ready_fd);
    argv[program->n_argv] = (char *)"--ready-fd";
    argv[program->n_argv + 1] = number;
    argv[program->n_argv + 2] = NULL;
    pid_t pid = fork();
    if (pid == 0)
        become(program, argv, ready_fd, supervisor);
    int error = errno;
    mem_free(argv);
    return pid < 0 ? -error : pid;
}

int child_spawn(struct child *child, const struct child_program *program)
{
    int ready[2];

    if (pipe2(ready, O_CLOEXEC | O_NONBLOCK) < 0)
        return -errno;
    pid_t pid = fork_and_execute(program, ready[1]);
    close(ready[1]);
    if (pid < 0) {
        close(ready[0]);
        return pid;
    }
    child->pid = pid;
    child->pidfd = -1;
    int r = child_adopt(child);
    if (r < 0) {
        /* Without a pidfd nobody would notice its end. */
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(ready[0]);
        return r;
    }
    child->ready_fd = ready[0];
    child->state = CHILD_STARTING;
    child->deadline_ns = CHILD_NO_DEADLINE;
    return 0;
}

int child_adopt(struct child *child)
{
    /* The pid can't have been reused: nobody but us reaps it. pidfd_open sets close-on-exec. */
    child->pidfd = pidfd_open(child->pid, 0);
    return child->pidfd < 0 ? -errno : 0;
}

void child_signal(const struct child *child, int signal_number)
{
    pidfd_send_signal(child->pidfd, signal_number, NULL, 0);
}

int child_reap(struct child *child)
{
    int status = 0;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    close_if_open(&child->pidfd);
    close_if_open(&child->ready_fd);
    return status;
}

bool child_take_ready(struct child *child)
{
    char byte = 0;
    ssize_t n = read(child->ready_fd, &byte, 1);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    /* Closed without a word: it goes on, its end will tell. */
    close_if_open(&child->ready_fd);
    if (n != 1 || byte != 'R' || child->state != CHILD_STARTING)
        return false;
    child->state = CHILD_READY;
    child->deadline_ns = CHILD_NO_DEADLINE;
    return true;
}

const char *child_role_name(enum child_role role)
{
    static const char *const names[CHILD_ROLES] = {"control", "edge"};

    return names[role];
}

#include "plane/workload.h"

#include "base/mem.h"
#include "plane/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { EXIT_NOT_EXECUTED = 127, FILES_USUAL = 65536 };

/* What a child that could not become the program says about it, through a pipe that executing
 * closes. */
struct failure {
    int error;
    char step;
};

static const char *step_name(char step)
{
    switch (step) {
    case 'c':
        return "its cgroup cannot be joined";
    case 'u':
        return "it cannot run as the plane's user";
    case 'd':
        return "its folder cannot be entered";
    default:
        return "it cannot be executed";
    }
}

_Noreturn static void give_up(int report_fd, char step)
{
    const struct failure f = {errno, step};

    if (write(report_fd, &f, sizeof(f)) < 0)
        _exit(EXIT_NOT_EXECUTED);
    _exit(EXIT_NOT_EXECUTED);
}

static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++)
        signal(number, SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void set_limits(void)
{
    /* As in cli/process.c: 1, since dumps to a program ignore 0. */
    const struct rlimit no_dump = {1, 1};
    struct rlimit files;

    setrlimit(RLIMIT_CORE, &no_dump);
    /* Some programs close every descriptor that they could have. */
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur > FILES_USUAL) {
        files.rlim_cur = FILES_USUAL;
        setrlimit(RLIMIT_NOFILE, &files);
    }
}

/* In the child: system calls only. */
_Noreturn static void become(const struct workload *w, int procs_fd, int report_fd, pid_t shim)
{
    setpgid(0, 0);
    if (procs_fd >= 0 && write(procs_fd, "0", 1) < 0)
        give_up(report_fd, 'c');
    int nothing = open("/dev/null", O_RDWR);
    if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(w->output_fd, STDOUT_FILENO) < 0 ||
        dup2(w->output_fd, STDERR_FILENO) < 0)
        give_up(report_fd, 'x');
    close_range(STDERR_FILENO + 1, UINT_MAX, CLOSE_RANGE_CLOEXEC);
    int r = plane_user_is_set(&w->user) ? plane_user_become(&w->user) : 0;
    if (r < 0) {
        errno = -r;
        give_up(report_fd, 'u');
    }
    /* Not before: another user's process is tied to nobody. A shim that died before this sends no
     * signal any more. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != shim)
        _exit(EXIT_NOT_EXECUTED);
    if (chdir(w->directory) < 0)
        give_up(report_fd, 'd');
    umask(0077);
    reset_signals();
    set_limits();
    execve(w->argv[0], (char *const *)w->argv, (char *const *)w->env);
    give_up(report_fd, 'x');
}

/* What the child says, or nothing: then it has become the program. */
static int hear(const struct workload *w, pid_t pid, int report_fd,
                char ret_why[WORKLOAD_WHY_BYTES])
{
    struct failure f;
    ssize_t n;

    do
        n = read(report_fd, &f, sizeof(f));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(f))
        return 0;
    waitpid(pid, NULL, 0);
    snprintf(ret_why, WORKLOAD_WHY_BYTES, "%s: %s: %s", w->argv[0], step_name(f.step),
             strerrordesc_np(f.error));
    return f.error ? -f.error : -EIO;
}

static void close_if_open(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

int workload_start(const struct workload *w, pid_t *ret_pid, char ret_why[WORKLOAD_WHY_BYTES])
{
    int procs_fd CLEANUP(close_if_open) = -1;
    int report[2];
    pid_t shim = getpid();
    int r = 0;

    if (w->cgroup[0])
        r = cgroup_make(w->cgroup, w->memory_bytes, w->cpu_milli, &procs_fd);
    if (r < 0) {
        snprintf(ret_why, WORKLOAD_WHY_BYTES, "the cgroup %s cannot be set up: %s", w->cgroup,
                 strerrordesc_np(-r));
        return r;
    }
    if (pipe2(report, O_CLOEXEC) < 0)
        return -errno;
    pid_t pid = fork();
    if (pid == 0)
        become(w, procs_fd, report[1], shim);
    r = pid < 0 ? -errno : 0;
    close(report[1]);
    if (r < 0)
        snprintf(ret_why, WORKLOAD_WHY_BYTES, "no process can be made: %s", strerrordesc_np(-r));
    else
        r = hear(w, pid, report[0], ret_why);
    close(report[0]);
    if (r == 0)
        *ret_pid = pid;
    return r;
}

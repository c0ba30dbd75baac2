/*
 * Plays control, an edge, or the next version of the supervisor, and says on standard output what
 * happens to it, one line at a time: "edge 2 4711 ready". How it behaves is in the file
 * FAKE_DIR/edge or FAKE_DIR/control, one word:
 *
 *   ready   (the default) says 'R' and lives; ends at SIGTERM
 *   die     exits with 1 before it is ready
 *   hang    gets ready only at SIGUSR1
 *   linger  gets ready; drains after SIGTERM or SIGUSR2 until it gets SIGUSR1, in whichever order
 *           these reach it
 *
 * An edge that is ready accepts connections and answers each with its generation.
 */

#include "base/mem.h"
#include "base/str.h"
#include "supervisor/supervisor.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FDS_MAX = 64 };

static struct {
    const char *role;
    int generation;
    int ready_fd;
    int fds[FDS_MAX]; /* what the command line says that it inherits */
    size_t n_fds;
    int listen[FDS_MAX];
    size_t n_listen;
    char mode[16];
    bool ready, draining, may_end;
} me = {.ready_fd = -1};

static void say(const char *event)
{
    char line[128];
    int n =
        snprintf(line, sizeof(line), "%s %d %d %s\n", me.role, me.generation, (int)getpid(), event);
    ssize_t written = write(STDOUT_FILENO, line, (size_t)n);
    (void)written;
}

static void read_mode(void)
{
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", getenv("FAKE_DIR"), me.role);
    FILE *f = fopen(path, "r");
    if (!f || fscanf(f, "%15s", me.mode) != 1)
        memcpy(me.mode, "ready", sizeof("ready"));
    if (f)
        fclose(f);
}

static bool mode_is(const char *mode)
{
    return strcmp(me.mode, mode) == 0;
}

static void read_arguments(int argc, char **argv)
{
    me.role = argv[1];
    for (int i = 2; i + 1 < argc; i += 2) {
        str option = str_of(argv[i]);
        int number = (int)strtol(argv[i + 1], NULL, 10);

        if (str_eq(option, STR("--listen-fd")) && me.n_listen < FDS_MAX)
            me.listen[me.n_listen++] = number;
        if (str_eq(option, STR("--generation")))
            me.generation = number;
        if (str_eq(option, STR("--ready-fd")))
            me.ready_fd = number;
        if (str_ends(option, STR("-fd")) && me.n_fds < FDS_MAX)
            me.fds[me.n_fds++] = number;
    }
}

static bool is_expected(int fd)
{
    if (fd <= STDERR_FILENO)
        return true;
    for (size_t i = 0; i < me.n_fds; i++) {
        if (me.fds[i] == fd)
            return true;
    }
    return false;
}

/* Says which descriptors it has that nobody meant it to have. */
static void check_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        int fd = (int)strtol(entry->d_name, NULL, 10);

        if (entry->d_name[0] != '.' && fd != dirfd(dir) && !is_expected(fd))
            say("leaked");
    }
    if (dir)
        closedir(dir);
    for (size_t i = 0; i < me.n_listen; i++) {
        int listening = 0;
        socklen_t size = sizeof(listening);

        if (getsockopt(me.listen[i], SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0 ||
            !listening)
            say("deaf");
    }
}

static void become_ready(void)
{
    ssize_t written = write(me.ready_fd, "R", 1);
    (void)written;
    me.ready = true;
    say("ready");
}

static void take_signal(int fd)
{
    struct signalfd_siginfo info;

    if (read(fd, &info, sizeof(info)) != sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP)
        say("hup");
    if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGUSR2) {
        say(info.ssi_signo == SIGTERM ? "term" : "retire");
        me.draining = true;
        if (!mode_is("linger"))
            exit(0);
    }
    if (info.ssi_signo == SIGUSR1 && !me.ready)
        become_ready();
    else if (info.ssi_signo == SIGUSR1)
        me.may_end = true;
    if (me.draining && me.may_end) {
        say("drained");
        exit(0);
    }
}

static void answer(int listen_fd)
{
    int fd = accept(listen_fd, NULL, NULL);

    if (fd < 0)
        return;
    dprintf(fd, "%d", me.generation);
    close(fd);
}

static int open_signals(void)
{
    sigset_t handled;

    sigemptyset(&handled);
    sigaddset(&handled, SIGTERM);
    sigaddset(&handled, SIGHUP);
    sigaddset(&handled, SIGUSR1);
    sigaddset(&handled, SIGUSR2);
    sigprocmask(SIG_BLOCK, &handled, NULL);
    return signalfd(-1, &handled, SFD_CLOEXEC);
}

static int play(void)
{
    check_descriptors();
    int signal_fd = open_signals();
    read_mode();
    say("started");
    if (mode_is("die"))
        return 1;
    if (!mode_is("hang"))
        become_ready();
    for (;;) {
        struct pollfd fds[FDS_MAX + 1] = {{.fd = signal_fd, .events = POLLIN}};
        nfds_t n = 1;

        for (size_t i = 0; me.ready && !me.draining && i < me.n_listen; i++)
            fds[n++] = (struct pollfd){.fd = me.listen[i], .events = POLLIN};
        poll(fds, n, -1);
        for (nfds_t i = 1; i < n; i++) {
            if (fds[i].revents)
                answer(fds[i].fd);
        }
        if (fds[0].revents)
            take_signal(signal_fd);
    }
}

int main(int argc, char **argv)
{
    int state_fd = supervisor_inherited_state();

    if (state_fd >= 0)
        return supervisor_resume(state_fd, argv);
    if (argc < 2)
        return EXIT_FAILURE;
    read_arguments(argc, argv);
    return play();
}

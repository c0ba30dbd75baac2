#include "harness.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 60 * 1000 }; /* the bound of a failing test, not of a passing one */

void harness_init(struct harness *h, const char *fake_child)
{
    *h = (struct harness){.out = -1};
    snprintf(h->dir, sizeof(h->dir), "/tmp/ambit-supervisor-XXXXXX");
    if (!mkdtemp(h->dir))
        abort();
    snprintf(h->data, sizeof(h->data), "%s/data", h->dir);
    harness_binary(h, fake_child);
    setenv("FAKE_DIR", h->dir, 1);
}

static void remove_file(const struct harness *h, const char *name)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", h->dir, name);
    if (unlink(path) < 0 && errno != ENOENT)
        rmdir(path);
}

void harness_deinit(struct harness *h)
{
    static const char *const names[] = {
        "edge", "control", "ambit", "data/supervisor.pid", "data/control.sock", "data"};

    if (h->pid > 0) {
        kill(h->pid, SIGKILL);
        waitpid(h->pid, NULL, 0);
    }
    if (h->out >= 0)
        close(h->out);
    for (size_t i = 0; i < COUNT_OF(names); i++)
        remove_file(h, names[i]);
    rmdir(h->data);
    rmdir(h->dir);
}

static void write_file(const struct harness *h, const char *name, const char *text)
{
    char path[128], next[140];

    snprintf(path, sizeof(path), "%s/%s", h->dir, name);
    snprintf(next, sizeof(next), "%s.next", path);
    FILE *f = fopen(next, "w");
    if (!f || fputs(text, f) < 0 || fclose(f) != 0 || rename(next, path) < 0)
        abort();
}

void harness_mode(const struct harness *h, const char *role, const char *mode)
{
    write_file(h, role, mode);
}

void harness_binary(const struct harness *h, const char *target)
{
    char path[128], next[140];

    snprintf(path, sizeof(path), "%s/ambit", h->dir);
    snprintf(next, sizeof(next), "%s.next", path);
    if (symlink(target, next) < 0 || rename(next, path) < 0)
        abort();
}

struct supervisor_options harness_options(const struct harness *h)
{
    static char binary[128];
    static const char *const listen[] = {"127.0.0.1:0"};
    static char *argv[] = {(char *)"ambit", (char *)"serve", NULL};

    snprintf(binary, sizeof(binary), "%s/ambit", h->dir);
    return (struct supervisor_options){.binary = binary,
                                       .argv = argv,
                                       .data_dir = h->data,
                                       .config_path = "/config.yaml",
                                       .gateway_listen = listen,
                                       .n_gateway_listen = 1,
                                       .control_listen = "127.0.0.1:0",
                                       .workers = 2,
                                       .ready_timeout_ms = PATIENCE_MS,
                                       .drain_limit_ms = PATIENCE_MS,
                                       .control_stop_ms = PATIENCE_MS};
}

void harness_start(struct harness *h, const struct supervisor_options *options)
{
    int out[2];

    if (pipe2(out, O_CLOEXEC) < 0)
        abort();
    fflush(stdout);
    h->pid = fork();
    if (h->pid == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(out[1], STDERR_FILENO);
        _exit(supervisor_run(options));
    }
    close(out[1]);
    h->out = out[0];
}

/* One more line in h->line; false at the end. */
static bool next_line(struct harness *h)
{
    for (;;) {
        char *end = memchr(h->pending, '\n', h->n_pending);

        if (end) {
            size_t n = (size_t)(end - h->pending);
            size_t kept = n < sizeof(h->line) ? n : sizeof(h->line) - 1;

            memcpy(h->line, h->pending, kept);
            h->line[kept] = '\0';
            h->n_pending -= n + 1;
            memmove(h->pending, end + 1, h->n_pending);
            return true;
        }
        struct pollfd p = {.fd = h->out, .events = POLLIN};
        if (h->n_pending == sizeof(h->pending) || poll(&p, 1, PATIENCE_MS) <= 0)
            return false;
        ssize_t n = read(h->out, h->pending + h->n_pending, sizeof(h->pending) - h->n_pending);
        if (n <= 0)
            return false;
        h->n_pending += (size_t)n;
    }
}

bool harness_expect(struct harness *h, const char *text, const char *and_text)
{
    char seen[4096];
    size_t n = 0;

    while (next_line(h)) {
        if (strstr(h->line, text) && strstr(h->line, and_text))
            return true;
        int more = snprintf(seen + n, sizeof(seen) - n, "  | %s\n", h->line);
        n = more > 0 && (size_t)more < sizeof(seen) - n ? n + (size_t)more : n;
    }
    printf("  instead of \"%s\" and \"%s\" came:\n%.*s", text, and_text, (int)n, seen);
    return false;
}

bool harness_expect_both(struct harness *h, const char *of_one, const char *one,
                         const char *of_other, const char *other)
{
    bool seen_one = false, seen_other = false;

    while ((!seen_one || !seen_other) && next_line(h)) {
        seen_one = seen_one || (strstr(h->line, of_one) && strstr(h->line, one));
        seen_other = seen_other || (strstr(h->line, of_other) && strstr(h->line, other));
    }
    if (!seen_one || !seen_other)
        printf("  \"%s\" %s, \"%s\" %s\n", one, seen_one ? "came" : "did not come", other,
               seen_other ? "came" : "did not come");
    return seen_one && seen_other;
}

pid_t harness_line_pid(const struct harness *h)
{
    int pid = 0;

    return sscanf(h->line, "%*s %*d %d", &pid) == 1 ? pid : 0;
}

bool harness_read_ports(struct harness *h)
{
    return harness_expect(h, "gateway ", "") &&
           sscanf(h->line, "gateway 127.0.0.1:%15s", h->port) == 1 &&
           harness_expect(h, "management ", "") &&
           sscanf(h->line, "management 127.0.0.1:%15s", h->control_port) == 1;
}

int harness_connect(const struct harness *h)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)strtoul(h->port, NULL, 10)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0)
        return fd;
    close(fd);
    return -1;
}

int harness_answer(int fd)
{
    char text[16] = "";
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n = fd >= 0 && poll(&p, 1, PATIENCE_MS) > 0 ? read(fd, text, sizeof(text) - 1) : -1;

    if (fd >= 0)
        close(fd);
    return n > 0 ? (int)strtol(text, NULL, 10) : -1;
}

int harness_wait(struct harness *h)
{
    int status = 0;

    while (waitpid(h->pid, &status, 0) < 0 && errno == EINTR)
        ;
    h->pid = 0;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

bool harness_ends_without(struct harness *h, const char *text)
{
    while (next_line(h)) {
        if (strstr(h->line, text))
            return false;
    }
    char byte;
    return read(h->out, &byte, 1) == 0;
}

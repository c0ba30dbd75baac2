#include "plane/shim_internal.h"

#include "base/mem.h"
#include "net/address.h"
#include "plane/files.h"
#include "plane/secrets.h"
#include "plane/workload.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { OWN_VARIABLES = 1 /* PORT */ };

/* What came through the standard input. */
struct received {
    char *bytes;
    size_t n_bytes;
    str *items;
    size_t n;
};

static void received_deinit(struct received *got)
{
    if (got->bytes)
        OPENSSL_cleanse(got->bytes, got->n_bytes);
    mem_free(got->bytes);
    mem_free(got->items);
}

static int receive(struct shim *s, struct received *got)
{
    int r = secrets_read(STDIN_FILENO, &got->bytes, &got->n_bytes, &got->items, &got->n);
    int nothing;

    if (r < 0) {
        snprintf(s->why, sizeof(s->why), "the identity cannot be read from standard input: %s",
                 strerrordesc_np(-r));
        return r;
    }
    /* Nobody who looks at this process's descriptors finds it there any more. */
    nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
        close(nothing);
    }
    return 0;
}

/* A free port, or whether this one is. */
static int try_port(uint16_t wanted, uint16_t *ret_port)
{
    struct net_address at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int r = fd < 0 ? -errno : net_address_from_ip(STR("127.0.0.1"), wanted, &at);

    if (r == 0 && bind(fd, &at.any, at.length) < 0)
        r = -errno;
    if (r == 0)
        r = net_address_of_socket(fd, &at);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        *ret_port = net_address_port(&at);
    return r;
}

static int choose_port(struct shim *s)
{
    int r = try_port(s->spec.server_port, &s->private_port);

    if (r < 0 && s->spec.server_port)
        snprintf(s->why, sizeof(s->why),
                 "docker_server.server_port %u is taken on this machine (%s): only one replica of "
                 "the package can run here, unless its start_command listens on $PORT",
                 s->spec.server_port, strerrordesc_np(-r));
    else if (r < 0)
        snprintf(s->why, sizeof(s->why), "there is no free port: %s", strerrordesc_np(-r));
    return r;
}

static int listen_on_port(struct shim *s, str identity)
{
    int r = relay_init(&s->relay, s->loop, s->spec.port, s->private_port, identity,
                       shim_on_relay_empty);

    if (r < 0)
        snprintf(s->why, sizeof(s->why), "port %u cannot be listened on: %s", s->spec.port,
                 strerrordesc_np(-r));
    return r;
}

static int open_output(struct shim *s, int *ret_write_end)
{
    int ends[2];
    int r = pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0;

    if (r < 0) {
        snprintf(s->why, sizeof(s->why), "no pipe can be made: %s", strerrordesc_np(-r));
        return r;
    }
    /* Only this end: a program is not prepared for standard output that says EAGAIN. */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    s->output_io = (struct loop_io){.fd = ends[0], .on_event = shim_on_output};
    *ret_write_end = ends[1];
    r = loop_add(s->loop, &s->output_io, EPOLLIN);
    if (r < 0)
        close(ends[1]);
    return r;
}

/* The spec's, the secrets, and what only a shim knows, which nobody else may say. */
static const char **make_env(const struct shim *s, const struct received *got, const char *port)
{
    size_t n = 0, at = 0;

    while (s->spec.env[n])
        n++;
    const char **env = mem_zalloc((n + got->n + OWN_VARIABLES + 1) * sizeof(*env));
    env[at++] = port;
    for (size_t i = 0; i < n; i++) {
        if (!str_starts(str_of(s->spec.env[i]), STR("PORT=")))
            env[at++] = s->spec.env[i];
    }
    for (size_t i = 1; i < got->n; i++)
        env[at++] = got->items[i].p; /* NUL-terminated, as they came */
    return env;
}

static int start_process(struct shim *s, const struct received *got)
{
    char port[16];
    int output = -1;
    int r = open_output(s, &output);

    if (r < 0)
        return r;
    snprintf(port, sizeof(port), "PORT=%u", s->private_port);
    const char **env CLEANUP_FREE = make_env(s, got, port);
    const struct workload w = {.argv = s->spec.argv,
                               .env = env,
                               .directory = s->spec.directory,
                               .cgroup = s->spec.cgroup,
                               .memory_bytes = s->spec.memory_bytes,
                               .cpu_milli = s->spec.cpu_milli,
                               .user = {s->spec.user, s->spec.uid, s->spec.gid},
                               .output_fd = output};
    r = workload_start(&w, &s->pid, s->why);
    close(output);
    return r;
}

static int write_pid(struct shim *s)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    int r = files_write(s->folder, FILES_PID, str_make(text, (size_t)n));

    if (r < 0)
        snprintf(s->why, sizeof(s->why), "the replica's folder cannot be written: %s",
                 strerrordesc_np(-r));
    return r;
}

int shim_start(struct shim *s)
{
    struct received got CLEANUP(received_deinit) = {0};
    char why[SPEC_WHY_BYTES];
    int r = write_pid(s);

    if (r == 0 && (r = spec_read(&s->spec, s->folder, why)) < 0)
        snprintf(s->why, sizeof(s->why), "%s", why);
    if (r == 0)
        r = receive(s, &got);
    if (r < 0)
        return r;
    log_file_init(&s->log, s->spec.logs, LOG_FILE_BYTES);
    /* Whoever loses its parent becomes a child of this process, which can reap and kill it. */
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    r = choose_port(s);
    if (r == 0)
        r = listen_on_port(s, got.items[0]);
    if (r == 0)
        r = start_process(s, &got);
    return r;
}

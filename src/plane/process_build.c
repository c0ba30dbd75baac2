/*
 * Builds: at most PROCESS_BUILDS_MAX at once, the others wait in order. Each is a process of its
 * own (builder.h) whose output is the build log; the last line of one that failed says why. It dies
 * with this process, and whoever comes next builds again.
 */

#include "package/truss_config.h"
#include "plane/files.h"
#include "plane/process_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

struct process_build {
    struct process_plane *plane;
    struct list link; /* of those that wait */
    char *deployment, *archive;
    bool wants_python, running;
    bool cancelled; /* the deployment is forgotten: what it makes until it ends goes as well */
    char why[256];  /* it could not be started */
    struct loop_io pidfd, output_io;
    struct output output;
    struct log_file log;
    struct deadline later; /* to tell what could not be started */
    struct loop_task task;
};

static void start_next(struct process_plane *p);

static void on_line(void *ctx, str json_line)
{
    struct process_build *b = ctx;

    log_file_append(&b->log, json_line);
}

static void free_now(struct loop_task *task)
{
    struct process_build *b = container_of(task, struct process_build, task);

    output_deinit(&b->output);
    log_file_deinit(&b->log);
    mem_free(b->deployment);
    mem_free(b->archive);
    mem_free(b);
}

static void close_io(struct process_plane *p, struct loop_io *io)
{
    if (io->fd < 0)
        return;
    loop_remove(p->loop, io);
    close(io->fd);
    io->fd = -1;
}

static void drop(struct process_build *b)
{
    struct process_plane *p = b->plane;

    map_remove(&p->builds, str_of(b->deployment));
    list_remove(&b->link);
    deadline_cancel(&b->later);
    close_io(p, &b->pidfd);
    close_io(p, &b->output_io);
    if (b->running)
        p->builds_running--;
    b->task.run = free_now;
    loop_defer(p->loop, &b->task);
}

static void finish(struct process_build *b, str failure)
{
    struct process_plane *p = b->plane;
    char deployment[256], words[OUTPUT_LAST_MAX + 1];

    snprintf(deployment, sizeof(deployment), "%s", b->deployment);
    snprintf(words, sizeof(words), "%.*s", STR_ARG(failure));
    bool cancelled = b->cancelled;
    drop(b);
    if (cancelled)
        p->plane.ops->forget_deployment(&p->plane, str_of(deployment));
    else
        p->plane.events->on_built(p->plane.ctx, &p->plane, str_of(deployment), str_of(words));
    start_next(p);
}

/* --- while it runs */

static bool read_output(struct process_build *b)
{
    char bytes[32 << 10];
    ssize_t n = read(b->output_io.fd, bytes, sizeof(bytes));

    if (n > 0)
        output_feed(&b->output, str_make(bytes, (size_t)n), loop_wall_ns(b->plane->loop));
    else if (n == 0)
        close_io(b->plane, &b->output_io);
    return n > 0;
}

static void on_output(struct loop_io *io, uint32_t events)
{
    (void)events;
    read_output(container_of(io, struct process_build, output_io));
}

static void on_pidfd(struct loop_io *io, uint32_t events)
{
    struct process_build *b = container_of(io, struct process_build, pidfd);
    siginfo_t about = {0};

    (void)events;
    waitid(P_PIDFD, (id_t)io->fd, &about, WEXITED | WNOHANG);
    while (b->output_io.fd >= 0 && read_output(b))
        ;
    output_end(&b->output, loop_wall_ns(b->plane->loop));
    str last = output_last(&b->output);
    if (about.si_code == CLD_EXITED && about.si_status == 0)
        finish(b, STR(""));
    else
        finish(b, last.n ? last : STR("the build was killed"));
}

/* --- the beginning */

static void on_later(struct deadline *d)
{
    struct process_build *b = container_of(d, struct process_build, later);

    finish(b, str_of(b->why));
}

static void fail_later(struct process_build *b, const char *what, int negative_errno)
{
    snprintf(b->why, sizeof(b->why), "the build cannot be started: %s: %s", what,
             strerrordesc_np(-negative_errno));
    deadline_set(b->plane->loop, &b->later, 0);
}

static int spawn(struct process_build *b, const char *folder, int output_fd, pid_t *ret_pid)
{
    struct process_plane *p = b->plane;
    const struct plane_user *u = &p->user;
    posix_spawn_file_actions_t files;
    char uid[16], gid[16];
    char *argv[] = {(char *)"ambit",
                    (char *)"build",
                    (char *)"--folder",
                    (char *)(uintptr_t)folder,
                    (char *)"--archive",
                    b->archive,
                    (char *)"--runner",
                    b->wants_python ? p->runner_dir : (char *)"",
                    plane_user_is_set(u) ? (char *)"--user" : NULL,
                    (char *)(uintptr_t)u->name,
                    (char *)"--uid",
                    uid,
                    (char *)"--gid",
                    gid,
                    NULL};
    char **env CLEANUP_FREE = process_env_of_plane(PROCESS_ENV_BUILD);

    snprintf(uid, sizeof(uid), "%u", u->uid);
    snprintf(gid, sizeof(gid), "%u", u->gid);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output_fd, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    int r = -posix_spawn(ret_pid, p->binary, &files, NULL, argv, env);
    posix_spawn_file_actions_destroy(&files);
    return r;
}

static int watch(struct process_build *b, pid_t pid, int output_fd)
{
    int fd = pidfd_open(pid, 0);

    b->output_io = (struct loop_io){.fd = output_fd, .on_event = on_output};
    b->pidfd = (struct loop_io){.fd = fd, .on_event = on_pidfd};
    if (fd < 0)
        return -errno;
    int r = loop_add(b->plane->loop, &b->output_io, EPOLLIN);
    return r < 0 ? r : loop_add(b->plane->loop, &b->pidfd, EPOLLIN);
}

static void start(struct process_build *b)
{
    struct process_plane *p = b->plane;
    char folder[PROCESS_PATH_MAX], logs[PROCESS_PATH_MAX], log[PROCESS_PATH_MAX + 16];
    int ends[2];
    pid_t pid;

    list_remove(&b->link);
    b->running = true;
    p->builds_running++;
    int r = process_path(p, "deployments", b->deployment, folder);
    if (r == 0)
        r = process_path(p, "logs", b->deployment, logs);
    if (r == 0)
        r = files_make_folder(folder);
    if (r == 0)
        r = files_make_folder(logs);
    if (r < 0) {
        fail_later(b, "its folders", r);
        return;
    }
    snprintf(log, sizeof(log), "%s/build.log", logs);
    log_file_init(&b->log, log, LOG_FILE_BYTES);
    if (pipe2(ends, O_CLOEXEC) < 0) {
        fail_later(b, "a pipe", -errno);
        return;
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    r = spawn(b, folder, ends[1], &pid);
    close(ends[1]);
    if (r == 0) {
        r = watch(b, pid, ends[0]);
    } else {
        close(ends[0]);
    }
    if (r < 0)
        fail_later(b, p->binary, r);
}

static void start_next(struct process_plane *p)
{
    while (p->builds_running < PROCESS_BUILDS_MAX && !list_empty(&p->builds_waiting))
        start(list_first(&p->builds_waiting, struct process_build, link));
}

/* A server of the package's own needs no environment, unless it names requirements. */
static bool wants_python(str config_json)
{
    const struct truss_source source = {.file = STR("config.yaml"), .text = config_json};
    struct diagnostics diagnostics;

    diagnostics_init(&diagnostics);
    struct truss_config *c = truss_config_check(&source, &diagnostics);
    bool wants = !c || c->kind != TRUSS_KIND_DOCKER_SERVER || c->n_requirements > 0 ||
                 c->requirements_file.n > 0;
    truss_config_free(c);
    diagnostics_deinit(&diagnostics);
    return wants;
}

void process_build(struct plane *plane, str deployment, str archive, str config)
{
    struct process_plane *p = process_plane_of(plane);
    struct process_build *b;

    if (map_get(&p->builds, deployment))
        return;
    b = mem_zalloc(sizeof(*b));
    b->plane = p;
    b->deployment = str_dup(deployment);
    b->archive = str_dup(archive);
    b->wants_python = wants_python(config);
    b->pidfd.fd = b->output_io.fd = -1;
    b->later.on_expire = on_later;
    b->log.fd = -1;
    output_init(&b->output, on_line, b);
    map_put(&p->builds, str_of(b->deployment), b);
    list_init(&b->link);
    if (!files_is_name(deployment)) {
        fail_later(b, b->deployment, -EINVAL);
        return;
    }
    if (b->wants_python && !p->runner_dir[0]) {
        fail_later(b, "the runner is not there (deployments.runner)", -ENOENT);
        return;
    }
    list_append(&p->builds_waiting, &b->link);
    start_next(p);
}

void process_build_cancel(struct process_plane *p, str deployment)
{
    struct process_build *b = map_get(&p->builds, deployment);

    if (!b)
        return;
    b->cancelled = true;
    /* It kills what it has started, and then ends itself. */
    if (b->pidfd.fd >= 0)
        pidfd_send_signal(b->pidfd.fd, SIGTERM, NULL, 0);
    else
        drop(b);
    start_next(p);
}

void process_builds_deinit(struct process_plane *p)
{
    struct map_entry entry;

    for (size_t cursor = 0; map_next(&p->builds, &cursor, &entry); cursor = 0) {
        struct process_build *b = entry.value;

        if (b->pidfd.fd >= 0)
            pidfd_send_signal(b->pidfd.fd, SIGTERM, NULL, 0);
        drop(b);
    }
    map_deinit(&p->builds);
}

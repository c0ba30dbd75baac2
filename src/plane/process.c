/*
 * The process plane: replicas as processes of this machine, each with a shim of its own (shim.h)
 * that outlives this process. What runs is found again on disk.
 */

#include "base/log.h"
#include "plane/cgroup.h"
#include "plane/files.h"
#include "plane/process_internal.h"
#include "plane/secrets.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHIM_LOCK_FD = 3 };

int process_path(const struct process_plane *p, const char *kind, const char *name,
                 char ret_path[PROCESS_PATH_MAX])
{
    int n = snprintf(ret_path, PROCESS_PATH_MAX, "%s/%s%s%s", p->data_dir, kind, name ? "/" : "",
                     name ? name : "");

    return n < 0 || n >= PROCESS_PATH_MAX ? -ENAMETOOLONG : 0;
}

static struct process_replica *find(struct plane *p, str id)
{
    return map_get(&process_plane_of(p)->replicas, id);
}

/* --- starting */

/* The plane's user has a home there, and passes through to it. */
static int prepare_for_user(const struct plane_user *u, int folder)
{
    int r = files_share_folder(folder, PROCESS_HOME, 0700);

    if (r == 0 && fchownat(folder, PROCESS_HOME, u->uid, u->gid, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    return r == 0 ? files_open_gate(folder, u->gid) : r;
}

static int open_folder(const struct process_plane *p, const char *id)
{
    if (mkdirat(p->replicas_fd, id, 0700) < 0 && errno != EEXIST)
        return -errno;
    int fd = openat(p->replicas_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return -errno;
    int r = plane_user_is_set(&p->user) ? prepare_for_user(&p->user, fd) : 0;
    if (r == 0)
        return fd;
    close(fd);
    return r;
}

/* The shim's: secrets as standard input, the lock as SHIM_LOCK_FD, a session of its own, and stop
 * signals kept until it is ready for them. */
static int spawn_shim(const struct process_plane *p, const char *folder, int secrets_fd,
                      int lock_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t later, all;
    char log[PROCESS_PATH_MAX + 16], number[16];
    char *argv[] = {(char *)"ambit",
                    (char *)"replica",
                    (char *)"--folder",
                    (char *)(uintptr_t)folder,
                    (char *)"--lock-fd",
                    number,
                    NULL};
    char **env CLEANUP_FREE = process_env_of_plane(PROCESS_ENV_REPLICA);

    snprintf(log, sizeof(log), "%s/" FILES_LOG, folder);
    snprintf(number, sizeof(number), "%d", SHIM_LOCK_FD);
    sigemptyset(&later);
    sigaddset(&later, SIGTERM);
    sigaddset(&later, SIGINT);
    sigfillset(&all);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setsigmask(&attributes, &later);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, secrets_fd, STDIN_FILENO);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log,
                                     O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);
    posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files, lock_fd, SHIM_LOCK_FD);
    posix_spawn_file_actions_addclosefrom_np(&files, SHIM_LOCK_FD + 1);
    int r = -posix_spawn(ret_pid, p->binary, &files, &attributes, argv, env);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return r;
}

static int start_shim(struct process_plane *p, const struct plane_replica *replica, int folder,
                      int lock_fd)
{
    char path[PROCESS_PATH_MAX], logs[PROCESS_PATH_MAX];
    char *id CLEANUP_FREE = str_dup(replica->id);
    char *deployment CLEANUP_FREE = str_dup(replica->deployment);
    pid_t pid;
    int r;

    for (size_t i = 0; i < 3; i++)
        unlinkat(folder, ((const char *[]){FILES_PID, FILES_STATUS, FILES_EXIT})[i], 0);
    r = process_path(p, "replicas", id, path);
    if (r == 0)
        r = process_path(p, "logs", deployment, logs);
    if (r == 0)
        r = files_make_folder(logs);
    if (r == 0)
        r = process_spec_write(p, replica, folder);
    int secrets =
        r == 0 ? secrets_write(replica->identity, replica->secrets, replica->n_secrets) : r;
    if (secrets < 0)
        return secrets;
    r = spawn_shim(p, path, secrets, lock_fd, &pid);
    close(secrets);
    return r;
}

static void record(struct process_plane *p, str id, int folder)
{
    struct spec spec = {0};
    char why[SPEC_WHY_BYTES];

    /* What cannot be read has no port and no cgroup that are known of. */
    if (spec_read(&spec, folder, why) < 0 && !spec.deployment) {
        spec.deployment = "";
        log_event(LOG_WARN, "replica_spec_unusable", LOG_STR("replica", id),
                  LOG_STR("why", str_of(why)));
    }
    process_replica_new(p, id, folder, &spec);
    spec_deinit(&spec);
}

static int start(struct plane *plane, const struct plane_replica *replica)
{
    struct process_plane *p = process_plane_of(plane);
    struct process_replica *r = find(plane, replica->id);
    char *id CLEANUP_FREE = str_dup(replica->id);
    int lock_fd = -1;

    if (!files_is_name(replica->id) || !files_is_name(replica->deployment))
        return -EINVAL;
    if (r && r->state != REPLICA_ENDED)
        return 0;
    if (r)
        process_replica_free(r);
    int folder = open_folder(p, id);
    if (folder < 0)
        return folder;
    if (!process_is_locked(folder, &lock_fd)) {
        int failure = lock_fd < 0 ? -EIO : start_shim(p, replica, folder, lock_fd);

        /* From here on the shim holds it. */
        if (lock_fd >= 0)
            close(lock_fd);
        if (failure < 0) {
            close(folder);
            return failure;
        }
    }
    record(p, replica->id, folder);
    process_replica_watch(find(plane, replica->id));
    return 0;
}

static void stop(struct plane *plane, str id, enum plane_stop how)
{
    struct process_replica *r = find(plane, id);

    if (r)
        process_replica_signal(r, how == PLANE_NOW ? SIGINT : SIGTERM);
}

static bool runs(struct plane *plane, str id)
{
    const struct process_replica *r = find(plane, id);

    return r && r->state != REPLICA_ENDED;
}

static int set_environment(struct plane *plane, str id, str environment)
{
    struct process_replica *r = find(plane, id);
    int result =
        r && r->state != REPLICA_ENDED ? process_environment_write(r->folder, environment) : -ESRCH;

    if (result == 0)
        process_replica_was_told(r);
    return result;
}

/* --- what was there before */

static void adopt_one(struct process_plane *p, const char *id, bool is_known)
{
    int folder = openat(p->replicas_fd, id, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct process_replica *r;

    if (folder < 0)
        return;
    record(p, str_of(id), folder);
    r = map_get(&p->replicas, str_of(id));
    r->unwanted = !is_known;
    if (!process_is_locked(folder, NULL)) {
        process_replica_ended(r);
        return;
    }
    process_replica_watch(r);
    if (r->unwanted)
        process_replica_signal(r, SIGINT);
}

static void adopt(struct plane *plane, bool (*known)(void *ctx, str replica), void *ctx)
{
    struct process_plane *p = process_plane_of(plane);
    int fd = openat(p->replicas_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *entry;

    while (folder && (entry = readdir(folder)) != NULL) {
        str id = str_of(entry->d_name);

        if (files_is_name(id) && !find(plane, id))
            adopt_one(p, entry->d_name, known(ctx, id));
    }
    if (folder)
        closedir(folder);
    process_trash_empty(p);
}

static void forget_replica(struct plane *plane, str id)
{
    struct process_plane *p = process_plane_of(plane);
    struct process_replica *r = find(plane, id);
    char *name CLEANUP_FREE = str_dup(id), *deployment CLEANUP_FREE = NULL;

    if (!files_is_name(id))
        return;
    if (r && r->state != REPLICA_ENDED) {
        r->unwanted = true;
        process_replica_signal(r, SIGINT);
        return;
    }
    if (r) {
        deployment = str_dup(str_of(r->deployment));
        process_replica_free(r);
    }
    process_trash_put(p, "replicas", name);
    if (deployment && deployment[0])
        process_trash_old_logs(p, deployment);
}

static void forget_deployment(struct plane *plane, str id)
{
    struct process_plane *p = process_plane_of(plane);
    char *name CLEANUP_FREE = str_dup(id);

    if (!files_is_name(id))
        return;
    process_build_cancel(p, id);
    process_trash_put(p, "deployments", name);
    process_trash_put(p, "logs", name);
}

/* --- changes in folders */

static void take_change(struct process_plane *p, const struct inotify_event *event)
{
    struct map_entry entry;

    for (size_t cursor = 0; map_next(&p->replicas, &cursor, &entry);) {
        struct process_replica *r = entry.value;

        if (r->watch == event->wd || event->mask & IN_Q_OVERFLOW) {
            process_replica_on_change(r);
            if (!(event->mask & IN_Q_OVERFLOW))
                return;
        }
    }
}

static void on_changes(struct loop_io *io, uint32_t events)
{
    struct process_plane *p = container_of(io, struct process_plane, changes);
    char bytes[16 << 10] __attribute__((aligned(__alignof__(struct inotify_event))));
    ssize_t n = read(io->fd, bytes, sizeof(bytes));

    (void)events;
    for (ssize_t at = 0; at < n;) {
        const struct inotify_event *event = (const struct inotify_event *)(void *)(bytes + at);

        take_change(p, event);
        at += (ssize_t)(sizeof(*event) + event->len);
    }
}

/* --- the user of packages */

/* Others may pass through, and see no list of what is there. */
static int let_pass(const char *path)
{
    struct stat about;
    int r = files_make_folder(path);

    if (r == 0 && stat(path, &about) < 0)
        r = -errno;
    if (r == 0 && !(about.st_mode & S_IXOTH) &&
        chmod(path, (about.st_mode & 07777) | S_IXGRP | S_IXOTH) < 0)
        r = -errno;
    return r;
}

/* Down to the folders of deployments and replicas, each of which has a gate of its own. */
static int let_user_in(const char *data_dir, char ret_path[PROCESS_PATH_MAX])
{
    static const char *const passages[] = {"", "/deployments", "/replicas"};
    int r = 0;

    for (size_t i = 0; r == 0 && i < COUNT_OF(passages); i++) {
        int n = snprintf(ret_path, PROCESS_PATH_MAX, "%s%s", data_dir, passages[i]);

        r = n < 0 || n >= PROCESS_PATH_MAX ? -ENAMETOOLONG : let_pass(ret_path);
    }
    return r;
}

int plane_process_check_user(const struct plane_process_options *options,
                             char ret_why[USER_WHY_BYTES])
{
    char path[PROCESS_PATH_MAX];

    if (!plane_user_is_set(&options->user))
        return 0;
    int r = let_user_in(options->data_dir, path);
    if (r == 0)
        return plane_user_try(&options->user, path, ret_why);
    snprintf(ret_why, USER_WHY_BYTES, "its user %s cannot be let into %.300s: %s",
             options->user.name, path, strerrordesc_np(-r));
    return r;
}

static void set_user(struct plane *plane, const struct plane_user *user)
{
    struct process_plane *p = process_plane_of(plane);
    char *name = str_dup(str_of(plane_user_is_set(user) ? user->name : ""));
    char path[PROCESS_PATH_MAX];

    /* Where it fails, so does what is started, with a reason. */
    if (plane_user_is_set(user))
        (void)let_user_in(p->data_dir, path);
    mem_free((char *)(uintptr_t)p->user.name);
    p->user = (struct plane_user){name, user->uid, user->gid};
}

/* --- its own life */

static void free_plane(struct plane *plane)
{
    struct process_plane *p = process_plane_of(plane);
    struct map_entry entry;

    for (size_t cursor = 0; map_next(&p->replicas, &cursor, &entry); cursor = 0)
        process_replica_free(entry.value);
    map_deinit(&p->replicas);
    process_builds_deinit(p);
    process_trash_deinit(p);
    process_ports_deinit(&p->ports);
    if (p->changes.fd >= 0) {
        loop_remove(p->loop, &p->changes);
        close(p->changes.fd);
    }
    if (p->replicas_fd >= 0)
        close(p->replicas_fd);
    mem_free(p->plane.name);
    mem_free(p->plane.address);
    mem_free(p->data_dir);
    mem_free(p->binary);
    mem_free(p->runner_dir);
    mem_free(p->cgroup);
    mem_free((char *)(uintptr_t)p->user.name);
    mem_free(p);
}

static const struct plane_ops ops = {
    .build = process_build,
    .start = start,
    .stop = stop,
    .set_environment = set_environment,
    .adopt = adopt,
    .runs = runs,
    .forget_replica = forget_replica,
    .forget_deployment = forget_deployment,
    .take_port = process_take_port,
    .set_user = set_user,
    .free = free_plane,
};

/* What runs has paths in its environment: they hold whatever the folder of this process is. */
static char *absolute(const char *path)
{
    char *real = realpath(path, NULL);

    return real ? real : str_dup(str_of(path));
}

static int set_up(struct process_plane *p)
{
    char path[PROCESS_PATH_MAX];
    int r = process_path(p, "replicas", NULL, path);

    if (r == 0)
        r = files_make_folder(path);
    if (r == 0 && (p->replicas_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        r = -errno;
    if (r == 0 && p->cgroup[0])
        r = cgroup_prepare(p->cgroup);
    if (r < 0)
        return r;
    p->changes =
        (struct loop_io){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .on_event = on_changes};
    return p->changes.fd < 0 ? -errno : loop_add(p->loop, &p->changes, EPOLLIN);
}

int plane_process_new(struct loop *loop, const struct plane_process_options *options,
                      const struct plane_events *events, void *ctx, struct plane **ret_plane)
{
    struct process_plane *p = mem_zalloc(sizeof(*p));
    int r = files_make_folder(options->data_dir);

    p->plane = (struct plane){.ops = &ops,
                              .events = events,
                              .ctx = ctx,
                              .name = str_dup(str_of(options->name)),
                              .address = str_dup(STR("127.0.0.1"))};
    p->loop = loop;
    p->data_dir = absolute(options->data_dir);
    /* Not resolved if it is absolute: /proc/self/exe is this program also after its file was
     * replaced. */
    p->binary =
        options->binary[0] == '/' ? str_dup(str_of(options->binary)) : absolute(options->binary);
    p->runner_dir = absolute(options->runner_dir ? options->runner_dir : "");
    p->cgroup = str_dup(str_of(options->cgroup ? options->cgroup : ""));
    set_user(&p->plane, &options->user);
    p->replicas_fd = p->changes.fd = p->trash_pidfd.fd = -1;
    map_init(&p->replicas);
    map_init(&p->builds);
    list_init(&p->builds_waiting);
    process_ports_init(&p->ports, options->port_first, options->port_last);
    if (r == 0)
        r = set_up(p);
    if (r < 0) {
        free_plane(&p->plane);
        return r;
    }
    *ret_plane = &p->plane;
    return 0;
}

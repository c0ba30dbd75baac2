/*
 * What is to be deleted: renamed into trash/ at once, and deleted by a process of its own, since a
 * virtual environment has tens of thousands of files. What a crash leaves there goes with the next.
 */

#include "base/log.h"
#include "plane/files.h"
#include "plane/process_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void on_deleted(struct loop_io *io, uint32_t events)
{
    struct process_plane *p = container_of(io, struct process_plane, trash_pidfd);

    (void)events;
    process_trash_deinit(p);
    if (p->trash_again)
        process_trash_empty(p);
}

/* Its zombie goes too. */
void process_trash_deinit(struct process_plane *p)
{
    siginfo_t about;

    if (p->trash_pidfd.fd < 0)
        return;
    loop_remove(p->loop, &p->trash_pidfd);
    waitid(P_PIDFD, (id_t)p->trash_pidfd.fd, &about, WEXITED | WNOHANG);
    close(p->trash_pidfd.fd);
    p->trash_pidfd.fd = -1;
}

void process_trash_empty(struct process_plane *p)
{
    char path[PROCESS_PATH_MAX];
    char *const argv[] = {(char *)"rm", (char *)"-rf", (char *)"--", path, NULL};
    char *const env[] = {NULL};
    pid_t pid;

    p->trash_again = p->trash_pidfd.fd >= 0;
    if (p->trash_again || process_path(p, "trash", NULL, path) < 0 || access(path, F_OK) < 0)
        return;
    posix_spawn_file_actions_t files;

    /* What it cannot delete because something was added meanwhile, the next one does. */
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int r = -posix_spawn(&pid, "/bin/rm", &files, NULL, argv, env);
    posix_spawn_file_actions_destroy(&files);
    int fd = r == 0 ? pidfd_open(pid, 0) : r;
    p->trash_pidfd = (struct loop_io){.fd = fd < 0 ? -1 : fd, .on_event = on_deleted};
    if (fd >= 0)
        r = loop_add(p->loop, &p->trash_pidfd, EPOLLIN);
    if (r < 0 || fd < 0)
        log_event(LOG_WARN, "plane_trash_stays", LOG_STR("path", str_of(path)));
}

void process_trash_put(struct process_plane *p, const char *kind, const char *name)
{
    char from[PROCESS_PATH_MAX], trash[PROCESS_PATH_MAX], to[2 * PROCESS_PATH_MAX];

    if (process_path(p, kind, name, from) < 0 || process_path(p, "trash", NULL, trash) < 0)
        return;
    if (access(from, F_OK) < 0)
        return;
    /* Another plane may use the same folder. */
    snprintf(to, sizeof(to), "%s/%s-%s-%d-%u", trash, p->plane.name, kind, (int)getpid(),
             ++p->trash_number);
    /* The process that deletes may take the folder away at any moment. */
    for (int tries = 0; tries < 3; tries++) {
        files_make_folder(trash);
        if (rename(from, to) == 0)
            break;
        if (errno != ENOENT || access(from, F_OK) < 0)
            return;
    }
    process_trash_empty(p);
}

/* --- logs of replicas that are no more */

struct old_log {
    char name[256];
    int64_t changed_ns;
};

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const struct old_log *)a)->changed_ns,
            y = ((const struct old_log *)b)->changed_ns;

    return x < y ? 1 : x > y ? -1 : 0;
}

/* "<replica>.log" or "<replica>.log.2" of one that the plane doesn't have. */
static bool is_old_log(const struct process_plane *p, str name)
{
    size_t end = str_search(name, STR(".log"));

    return end < name.n && !str_starts(name, STR("build.")) &&
           !map_get(&p->replicas, str_upto(name, end));
}

static size_t list_old_logs(const struct process_plane *p, DIR *folder, struct old_log **ret_logs)
{
    struct old_log *logs = NULL;
    struct dirent *entry;
    struct stat about;
    size_t n = 0;

    while ((entry = readdir(folder)) != NULL) {
        if (!is_old_log(p, str_of(entry->d_name)) ||
            fstatat(dirfd(folder), entry->d_name, &about, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        logs = mem_realloc(logs, (n + 1) * sizeof(*logs));
        snprintf(logs[n].name, sizeof(logs[n].name), "%s", entry->d_name);
        logs[n].changed_ns = about.st_mtim.tv_sec * NS_PER_S + about.st_mtim.tv_nsec;
        n++;
    }
    *ret_logs = logs;
    return n;
}

void process_trash_old_logs(struct process_plane *p, const char *deployment)
{
    char path[PROCESS_PATH_MAX];
    struct old_log *logs;
    DIR *folder = process_path(p, "logs", deployment, path) == 0 ? opendir(path) : NULL;

    if (!folder)
        return;
    size_t n = list_old_logs(p, folder, &logs);
    if (n > PROCESS_LOGS_MAX)
        qsort(logs, n, sizeof(*logs), newest_first);
    for (size_t i = PROCESS_LOGS_MAX; i < n; i++)
        unlinkat(dirfd(folder), logs[i].name, 0);
    mem_free(logs);
    closedir(folder);
}

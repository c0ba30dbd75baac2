/*
 * One replica as the plane sees it: a pidfd says that its shim has ended, files in its folder how
 * it is. Whether the shim is a child of this process or was started by a predecessor makes no
 * difference.
 */

#include "plane/cgroup.h"
#include "plane/files.h"
#include "plane/process_internal.h"
#include "plane/process_tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_AGAIN_MS = 20 };

bool process_is_locked(int folder, int *ret_fd)
{
    int fd = openat(folder, FILES_LOCK, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    bool locked = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0;

    if (locked || !ret_fd) {
        if (fd >= 0)
            close(fd);
    } else {
        *ret_fd = fd;
    }
    return locked;
}

/* --- news */

static bool is_known(const struct process_replica *r, enum plane_replica_state state,
                     str environment)
{
    return r->has_told && r->told == state &&
           (state != PLANE_REPLICA_READY ||
            (!r->environment == !environment.p && str_eq(str_of(r->environment), environment)));
}

static void tell_all(struct process_replica *r, enum plane_replica_state state, str environment,
                     str why)
{
    struct plane *p = &r->plane->plane;

    if (r->unwanted || is_known(r, state, environment))
        return;
    r->has_told = true;
    r->told = state;
    mem_free(r->environment);
    r->environment = environment.p ? str_dup(environment) : NULL;
    p->events->on_replica(p->ctx, p, str_of(r->id), state, environment, why);
}

static void tell(struct process_replica *r, enum plane_replica_state state, str why)
{
    tell_all(r, state, STR_NULL, why);
}

/* "in MARK NAME": what the server said when it was asked while the file with that mark was there.
 */
static str environment_of(const struct process_replica *r, str said)
{
    char mark[FILES_MARK_BYTES];

    if (!str_eq(str_cut(&said, ' '), STR("in")))
        return STR_NULL;
    files_mark(r->folder, FILES_TOLD, mark);
    return str_eq(str_cut(&said, ' '), str_of(mark)) ? said : STR("?");
}

void process_replica_was_told(struct process_replica *r)
{
    if (!r->environment)
        return;
    mem_free(r->environment);
    r->environment = str_dup(STR("?"));
}

/* What its shim says, in a word and a reason. */
static void tell_status(struct process_replica *r)
{
    struct buf text CLEANUP(buf_deinit);

    buf_init(&text, 0);
    if (files_read(r->folder, FILES_STATUS, FILES_WORD_MAX, &text) < 0)
        return;
    str why = buf_str(&text);
    if (str_ends(why, STR("\n")))
        why.n--;
    str word = str_cut(&why, ' ');
    if (str_eq(word, STR("ready")))
        tell_all(r, PLANE_REPLICA_READY, environment_of(r, why), STR(""));
    else if (str_eq(word, STR("not_ready")))
        tell(r, PLANE_REPLICA_NOT_READY, why);
    else
        tell(r, PLANE_REPLICA_STARTED, STR(""));
}

static void on_last_line(void *ctx, str json_line)
{
    log_file_append(ctx, json_line);
}

/* A shim writes why it has ended, unless it is killed: then it is written here, once, in its words
 * and to the same places. */
static void write_end(const struct process_replica *r, str why)
{
    char folder[PROCESS_PATH_MAX], path[2 * PROCESS_PATH_MAX], text[128];
    struct output output;
    struct log_file log;

    if (files_write(r->folder, FILES_EXIT, why) < 0 || !r->deployment[0] ||
        process_path(r->plane, "logs", r->deployment, folder) < 0)
        return;
    snprintf(path, sizeof(path), "%s/%s.log", folder, r->id);
    snprintf(text, sizeof(text), "the replica has ended: %.*s", STR_ARG(why));
    log_file_init(&log, path, LOG_FILE_BYTES);
    output_init(&output, on_last_line, &log);
    output_say(&output, "ERROR", str_of(text), loop_wall_ns(r->plane->loop));
    output_deinit(&output);
    log_file_deinit(&log);
}

static void tell_end(struct process_replica *r)
{
    struct buf why CLEANUP(buf_deinit);

    r->state = REPLICA_ENDED;
    process_ports_give_back(&r->plane->ports, r->port, loop_now_ns(r->plane->loop));
    buf_init(&why, 0);
    if (files_read(r->folder, FILES_EXIT, FILES_WORD_MAX, &why) < 0 || why.n == 0) {
        buf_put_str(&why, STR("its companion process was killed"));
        write_end(r, buf_str(&why));
    }
    if (r->unwanted)
        r->plane->plane.ops->forget_replica(&r->plane->plane, str_of(r->id));
    else
        tell(r, PLANE_REPLICA_GONE, buf_str(&why));
}

/* --- the end */

static void unwatch(struct process_replica *r)
{
    if (r->pidfd.fd >= 0) {
        siginfo_t about;

        loop_remove(r->plane->loop, &r->pidfd);
        /* A child leaves a zombie; of another's this does nothing. */
        waitid(P_PIDFD, (id_t)r->pidfd.fd, &about, WEXITED | WNOHANG);
        close(r->pidfd.fd);
        r->pidfd.fd = -1;
    }
    if (r->watch >= 0)
        inotify_rm_watch(r->plane->changes.fd, r->watch);
    r->watch = -1;
}

static void sweep(struct process_replica *r)
{
    size_t left = process_tree_kill_marked(str_of(r->marker));

    if (r->cgroup[0] && cgroup_end(r->cgroup) == -EBUSY)
        left++;
    if (left)
        deadline_set(r->plane->loop, &r->later, LOOK_AGAIN_MS);
    else
        tell_end(r);
}

void process_replica_ended(struct process_replica *r)
{
    unwatch(r);
    r->state = REPLICA_SWEEPING;
    deadline_set(r->plane->loop, &r->later, 0);
}

static void on_pidfd(struct loop_io *io, uint32_t events)
{
    struct process_replica *r = container_of(io, struct process_replica, pidfd);

    (void)events;
    tell_status(r);
    process_replica_ended(r);
}

/* --- its life */

static bool read_pid(const struct process_replica *r, pid_t *ret_pid)
{
    struct buf text CLEANUP(buf_deinit);
    uint64_t pid;

    buf_init(&text, 0);
    if (files_read(r->folder, FILES_PID, 32, &text) < 0 || text.n == 0 ||
        !str_parse_u64(str_upto(buf_str(&text), text.n - 1), &pid) || pid < 2 || pid > INT32_MAX)
        return false;
    *ret_pid = (pid_t)pid;
    return true;
}

/* The process that the file names may have ended, and its number belong to another; but whoever
 * holds the lock has written the file, so if it is held after the pidfd was opened, the pidfd is
 * that process's. */
static int open_pidfd(const struct process_replica *r)
{
    pid_t pid;
    int fd;

    if (!read_pid(r, &pid))
        return process_is_locked(r->folder, NULL) ? -EAGAIN : -ESRCH;
    fd = pidfd_open(pid, 0);
    if (fd < 0)
        return process_is_locked(r->folder, NULL) ? -EAGAIN : -ESRCH;
    if (process_is_locked(r->folder, NULL))
        return fd;
    close(fd);
    return -ESRCH;
}

static void look_for_pid(struct process_replica *r)
{
    int fd = open_pidfd(r);

    if (fd == -EAGAIN) {
        deadline_set(r->plane->loop, &r->later, LOOK_AGAIN_MS);
        return;
    }
    if (fd < 0) {
        process_replica_ended(r);
        return;
    }
    r->pidfd = (struct loop_io){.fd = fd, .on_event = on_pidfd};
    loop_add(r->plane->loop, &r->pidfd, EPOLLIN);
    if (r->stop_signal)
        pidfd_send_signal(fd, r->stop_signal, NULL, 0);
    tell_status(r);
}

static void on_later(struct deadline *d)
{
    struct process_replica *r = container_of(d, struct process_replica, later);

    if (r->state == REPLICA_SWEEPING)
        sweep(r);
    else if (r->state == REPLICA_RUNS && r->pidfd.fd < 0)
        look_for_pid(r);
}

void process_replica_watch(struct process_replica *r)
{
    char path[PROCESS_PATH_MAX];

    if (process_path(r->plane, "replicas", r->id, path) == 0)
        r->watch = inotify_add_watch(r->plane->changes.fd, path, IN_MOVED_TO | IN_ONLYDIR);
    deadline_set(r->plane->loop, &r->later, 0);
}

void process_replica_on_change(struct process_replica *r)
{
    if (r->state == REPLICA_RUNS)
        tell_status(r);
}

void process_replica_signal(struct process_replica *r, int signal_number)
{
    if (r->state != REPLICA_RUNS)
        return;
    r->stop_signal = signal_number;
    if (r->pidfd.fd >= 0)
        pidfd_send_signal(r->pidfd.fd, signal_number, NULL, 0);
}

struct process_replica *process_replica_new(struct process_plane *p, str id, int folder,
                                            const struct spec *spec)
{
    struct process_replica *r = mem_zalloc(sizeof(*r));
    char marker[256];

    snprintf(marker, sizeof(marker), "AMBIT_REPLICA_ID=%.*s", STR_ARG(id));
    r->plane = p;
    r->id = str_dup(id);
    r->deployment = str_dup(str_of(spec->deployment));
    r->cgroup = str_dup(str_of(spec->cgroup ? spec->cgroup : ""));
    r->marker = str_dup(str_of(marker));
    r->port = spec->port;
    r->folder = folder;
    r->watch = r->pidfd.fd = -1;
    r->later.on_expire = on_later;
    map_put(&p->replicas, str_of(r->id), r);
    return r;
}

static void free_now(struct loop_task *task)
{
    struct process_replica *r = container_of(task, struct process_replica, task);

    mem_free(r->id);
    mem_free(r->deployment);
    mem_free(r->cgroup);
    mem_free(r->marker);
    mem_free(r->environment);
    mem_free(r);
}

/* What runs goes on. */
void process_replica_free(struct process_replica *r)
{
    map_remove(&r->plane->replicas, str_of(r->id));
    deadline_cancel(&r->later);
    unwatch(r);
    close(r->folder);
    r->task.run = free_now;
    loop_defer(r->plane->loop, &r->task);
}

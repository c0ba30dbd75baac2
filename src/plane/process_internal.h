#pragma once

/*
 * The process plane, inside: process.c is the interface and what there is of replicas on disk,
 * process_replica.c one replica as the plane sees it, process_spec.c what it is started with,
 * process_build.c the builds, process_ports.c the ports, process_trash.c what is to be deleted.
 *
 *     data_dir/deployments/<id>/package, venv    what build made of an archive
 *              replicas/<id>/                    files.h; environment in config/
 *              logs/<deployment>/build.log, <replica>.log
 *              trash/                            renamed here, deleted by a process of its own
 *
 * What runs is told by locks and pidfds, how it is by files that inotify reports; a plane that
 * starts anew looks at the same two. Nothing is kept in memory that cannot be found out again.
 */

#include "base/map.h"
#include "plane/log_file.h"
#include "plane/output.h"
#include "plane/plane.h"
#include "plane/spec.h"

enum {
    PROCESS_PATH_MAX = 4096,
    PROCESS_BUILDS_MAX = 2,             /* at once */
    PROCESS_PORT_QUARANTINE_MS = 60000, /* edges may still have the address of who is gone */
    PROCESS_FIRST_PROBE_MS = 1000,
    PROCESS_PROBE_MS = 10000,
    PROCESS_GRACE_MS = 30000,
    PROCESS_LOGS_MAX = 64, /* of ended replicas, for one deployment */
};

/* Ports from first to last; free_at_ns is when it may be taken again. */
struct process_ports {
    uint16_t first, last, next;
    int64_t *free_at_ns;
};

struct process_plane {
    struct plane plane; /* first */
    struct loop *loop;
    char *data_dir, *binary, *runner_dir, *cgroup; /* cgroup "" : none */
    struct plane_user user;
    int replicas_fd;        /* data_dir/replicas */
    struct loop_io changes; /* inotify */
    struct map replicas;    /* id → process_replica */
    struct map builds;      /* deployment → process_build, also waiting */
    struct list builds_waiting;
    unsigned builds_running;
    struct process_ports ports;
    struct loop_io trash_pidfd; /* of the process that deletes; fd -1: none */
    unsigned trash_number;
    bool trash_again; /* something was added since it was started */
};

enum process_replica_state {
    REPLICA_RUNS,     /* its shim does */
    REPLICA_SWEEPING, /* its shim is gone, what it left is being killed */
    REPLICA_ENDED,
};

struct process_replica {
    struct process_plane *plane;
    char *id, *deployment, *cgroup, *marker;
    uint16_t port;
    enum process_replica_state state;
    enum plane_replica_state told;
    bool has_told;
    char *environment; /* as told last; NULL: it does not say */
    bool unwanted;     /* the fleet has forgotten it: its end is nobody's news */
    int folder;
    int watch;             /* inotify's */
    int stop_signal;       /* 0: none was asked for */
    struct loop_io pidfd;  /* fd -1: not known yet */
    struct deadline later; /* to tell, to look for the pid, to sweep */
    struct loop_task task; /* frees it */
};

static inline struct process_plane *process_plane_of(struct plane *p)
{
    return (struct process_plane *)p;
}

/* In a replica's folder, where packages run as another user. */
#define PROCESS_HOME "home"

/* "<data_dir>/<kind>/<name>", or without the last where it is NULL. -ENAMETOOLONG. */
int process_path(const struct process_plane *p, const char *kind, const char *name,
                 char ret_path[PROCESS_PATH_MAX]);

/* --- process_replica.c */

/* Takes `folder`. A record of a replica that runs, or is found not to. */
struct process_replica *process_replica_new(struct process_plane *p, str id, int folder,
                                            const struct spec *spec);
void process_replica_free(struct process_replica *r);

/* It runs: watches it, and tells what it says about itself, later. */
void process_replica_watch(struct process_replica *r);
/* It does not: what it may have left is swept, then its end is told. */
void process_replica_ended(struct process_replica *r);
void process_replica_signal(struct process_replica *r, int signal_number);
/* Another environment: what it has said so far is of the one before. */
void process_replica_was_told(struct process_replica *r);
void process_replica_on_change(struct process_replica *r);

/* Whether somebody holds the lock in the folder. `*ret_fd`, if not NULL, gets it, locked, if not.
 */
bool process_is_locked(int folder, int *ret_fd);

/* --- process_spec.c */

/* 0, or a negative errno after a line in the log. */
int process_spec_write(struct process_plane *p, const struct plane_replica *replica, int folder);

/* Writes the file that a replica finds its environment in; `folder` is the replica's. */
int process_environment_write(int folder, str environment);

/* What a process may know of the one that starts it. */
enum process_env { PROCESS_ENV_REPLICA, PROCESS_ENV_BUILD };
/* NULL-terminated; entries are the environment's own. The caller frees the array. */
char **process_env_of_plane(enum process_env kind);

/* --- process_build.c */

void process_build(struct plane *p, str deployment, str archive, str config);
void process_build_cancel(struct process_plane *p, str deployment);
void process_builds_deinit(struct process_plane *p);

/* --- process_ports.c */

void process_ports_init(struct process_ports *ports, uint16_t first, uint16_t last);
void process_ports_deinit(struct process_ports *ports);
uint16_t process_take_port(struct plane *p);
/* Its replica is gone. */
void process_ports_give_back(struct process_ports *ports, uint16_t port, int64_t now_ns);

/* --- process_trash.c */

/* data_dir/kind/name is not there any more when it returns, and its space is free some time later.
 */
void process_trash_put(struct process_plane *p, const char *kind, const char *name);
/* Deletes what lies there, also from before. */
void process_trash_empty(struct process_plane *p);
void process_trash_deinit(struct process_plane *p);
/* Leaves the newest logs of replicas that have ended. */
void process_trash_old_logs(struct process_plane *p, const char *deployment);

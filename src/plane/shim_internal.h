#pragma once

/* Of shim.c (its life), shim_start.c (how it begins) and shim_health.c (what its checks mean). */

#include "base/buf.h"
#include "plane/files.h"
#include "plane/health.h"
#include "plane/log_file.h"
#include "plane/output.h"
#include "plane/probe.h"
#include "plane/relay.h"
#include "plane/shim.h"
#include "plane/spec.h"

enum {
    SHIM_WHY_BYTES = 1024,
    SHIM_PROBE_TIMEOUT_MS = 5000,
    SHIM_SWEEP_MS = 20,
    SHIM_SWEEPS = 500,         /* then it ends although something of the replica cannot be killed */
    SHIM_LAST_WORDS_MS = 2000, /* for connections, once the process has ended */
    SHIM_STOP_NOW_GRACE_MS = 5000,
    SHIM_TOLD_MS = 60 * 1000, /* how long it is asked often whether it knows its environment */
};

enum shim_state { SHIM_RUNNING, SHIM_DRAINING, SHIM_TERMINATING, SHIM_SWEEPING };

struct shim {
    struct loop *loop;
    int folder;
    struct spec spec;
    enum shim_state state;
    struct relay relay;
    struct loop_io signals, output_io;
    struct output output;
    struct log_file log;
    struct deadline deadline; /* of the state */
    struct deadline probe_at;
    struct probe probe;
    bool probes_liveness; /* the one that runs */
    struct health health;
    bool says_environment;                   /* its server does, */
    char environment[PROBE_ENVIRONMENT_MAX]; /* and this one */
    char mark[FILES_MARK_BYTES]; /* of the file that told it, when it was asked; and now: */
    char asked_mark[FILES_MARK_BYTES];
    struct loop_io told; /* inotify of the folder that it is told its environment in */
    int64_t told_ns;     /* when that was, until it says so; 0: nothing is awaited */
    uint16_t private_port;
    pid_t pid; /* of the process; its group has the same number */
    int status;
    bool ended; /* the process */
    bool asked; /* to stop */
    unsigned sweeps;
    char why[SHIM_WHY_BYTES]; /* why it has to end, "" : it ended by itself */
};

/* shim_start.c: 0, or a negative errno with s->why set. */
int shim_start(struct shim *s);

/* shim_health.c */
void shim_begin_probing(struct shim *s);
void shim_end_probing(struct shim *s);

/* shim.c */
void shim_write_status(struct shim *s, const char *state, str why);
void shim_say(struct shim *s, const char *level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The process has to end, for this reason. */
void shim_give_up(struct shim *s, const char *why);
void shim_on_output(struct loop_io *io, uint32_t events);
void shim_on_relay_empty(struct relay *r);

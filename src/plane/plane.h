#pragma once

/*
 * A workload plane: what runs replicas in one region. Control drives every kind through this
 * interface; `process` (children of this machine) is one, Kubernetes can be another. A plane keeps
 * no state that matters: what should run is in the fleet, what does run is observed, and the two
 * meet again after any crash.
 *
 * All calls return at once; what comes of them is told through plane_events, never from within a
 * call. One plane belongs to one loop.
 */

#include "base/str.h"
#include "net/loop.h"
#include "plane/user.h"

struct plane;

/* All that a replica is started with. Borrowed for the call. */
struct plane_replica {
    str id, deployment, model, environment; /* environment "" : none */
    str region;                             /* of the plane, for AMBIT_REGION */
    uint16_t port;                          /* where edges connect, on the plane's address */
    str identity;                           /* hex: what it proves on each connection */
    str package;        /* folder that build made; "" : the one of its deployment */
    str config;         /* JSON of config.yaml */
    const str *secrets; /* "TRUSS_SECRET_name=value" */
    size_t n_secrets;
    int64_t drain_limit_ms;
};

enum plane_replica_state {
    PLANE_REPLICA_STARTED, /* its process runs */
    PLANE_REPLICA_READY,
    PLANE_REPLICA_NOT_READY,
    PLANE_REPLICA_GONE, /* and everything that it had started */
};

struct plane_events {
    /* `environment` of READY: the one that the replica says it is in ("" : none), asked since it
     * was told last; "?" where it has not said it since; STR_NULL where its server does not say.
     * Told again when it changes. */
    void (*on_replica)(void *ctx, struct plane *p, str replica, enum plane_replica_state state,
                       str environment, str why);
    /* `failure` "" : it is built. */
    void (*on_built)(void *ctx, struct plane *p, str deployment, str failure);
};

enum plane_stop { PLANE_DRAIN, PLANE_NOW };

struct plane_ops {
    /* A package's folder becomes something that can be started. `archive` is the path of the
     * uploaded tar.gz. Building the same again while it is under way does nothing. */
    void (*build)(struct plane *p, str deployment, str archive, str config);
    /* 0, or a negative errno where it cannot even be tried. */
    int (*start)(struct plane *p, const struct plane_replica *replica);
    /* DRAIN: stops taking connections, waits until those it has are over or the drain limit has
     * passed. NOW: closes them; also for one that is draining already. */
    void (*stop)(struct plane *p, str replica, enum plane_stop how);
    /* The environment that a running replica is told of from now on ("" : none), after a promotion
     * that reuses it. 0 or a negative errno. */
    int (*set_environment)(struct plane *p, str replica, str environment);
    /* Replicas that a predecessor of this process started and that still run: they are observed
     * from now on, with on_replica for each. `known` says which ones the fleet still has; all
     * others are stopped. When it returns, `runs` tells about all of them. */
    void (*adopt)(struct plane *p, bool (*known)(void *ctx, str replica), void *ctx);
    /* Whether a replica's process runs, as far as this process knows. */
    bool (*runs)(struct plane *p, str replica);
    /* Removes what a deployment or replica left: folders, logs. */
    void (*forget_replica)(struct plane *p, str replica);
    void (*forget_deployment)(struct plane *p, str deployment);
    /* A port that no replica of this plane has, and none had lately; 0: there is none. */
    uint16_t (*take_port)(struct plane *p);
    /* Who packages that are built or started from now on run as; what runs goes on. */
    void (*set_user)(struct plane *p, const struct plane_user *user);
    void (*free)(struct plane *p);
};

/* The first member of every implementation. */
struct plane {
    const struct plane_ops *ops;
    const struct plane_events *events;
    void *ctx;
    char *name;
    char *address; /* that edges connect to: "127.0.0.1" */
};

/* --- the process plane: replicas are children of this machine */

struct plane_process_options {
    const char *name;
    const char *data_dir;   /* deployments/, replicas/, logs/, trash/ below it; 0700. Planes may
                               share one: what one has built, all can start */
    const char *binary;     /* of ambit: a replica is `ambit replica …`, which starts and watches
                               the package's own process */
    const char *runner_dir; /* of the Python package ambit_runner; "" : none is there */
    uint16_t port_first, port_last;
    const char *cgroup;     /* folder of a delegated cgroup v2 subtree; NULL: none */
    struct plane_user user; /* of packages and builds; nothing else runs as it */
};

/* Whether packages can run as the user of these options: 0, or a negative errno and a sentence. The
 * user gets into the data directory from then on, but not to what lies there. */
int plane_process_check_user(const struct plane_process_options *options,
                             char ret_why[USER_WHY_BYTES]);
int plane_process_new(struct loop *loop, const struct plane_process_options *options,
                      const struct plane_events *events, void *ctx, struct plane **ret_plane);

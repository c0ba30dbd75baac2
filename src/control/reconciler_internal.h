#pragma once

/* Shared by the files of the reconciler: what is under way, and the calls between them. */

#include "base/log.h"
#include "base/mem.h"
#include "control/deployments.h"
#include "control/reconciler.h"

enum { RECONCILER_RETRY_MS = 1000 };

/* What is under way for one replica, or for the build of one deployment. */
enum work_kind { WORK_REPLICA, WORK_BUILD };
enum work_phase { WORK_RUNS, WORK_STOP_WAITS, WORK_STOPS };

struct work {
    struct list link;
    enum work_kind kind;
    enum work_phase phase;
    struct plane *plane;
    char *id;
    int64_t outside_ns; /* since when it is to stop for standing outside its rule; 0: it is not */
    bool seen_pending;  /* `seen` is not in the fleet yet */
    enum fleet_seen seen;
    char *why;
    char *told; /* the environment that the replica was told last; NULL: not known */
    char *said; /* the one that it says it is in, once it is ready; NULL: it does not say */
};

/* What an edge said about one deployment since the last turn. */
struct demand {
    struct list link;
    char *deployment;
    bool wake;
    uint32_t in_flight, held;
    uint64_t begun;
};

struct reconciler {
    struct loop *loop;
    struct policy *policy;
    struct link_server *link;
    char *data_dir, *binary;
    __typeof__(((struct reconciler_options *)0)->make_plane) make_plane;
    struct plane **planes;
    size_t n_planes;
    struct plane *leftovers; /* stops what no plane of the configuration has; NULL: none had to */
    struct list works, demands;
    struct deadline timer;
    bool adopted, stopping;
    reconciler_stopped_fn on_stopped;
    void *on_stopped_ctx;
};

/* --- reconciler_work.c: what is under way */

struct work *work_find(const struct reconciler *r, enum work_kind kind, str id);
struct work *work_add(struct reconciler *r, enum work_kind kind, str id, struct plane *plane);
void work_free(struct work *w);
/* What the replica knows that it was told: what it says, or, where its server does not say, what
 * was written for it. NULL: not known. */
const char *work_environment(const struct work *w);
/* Keeps it for the next turn, in place of what was seen before. */
void work_note(struct work *w, enum fleet_seen seen, str why);

struct demand *demand_add(struct reconciler *r, str deployment);
void demand_free(struct demand *d);

/* --- reconciler_act.c: has planes do what the fleet asks for */

void reconciler_act(struct reconciler *r);

/* --- reconciler_turn.c */

struct plane *reconciler_plane(const struct reconciler *r, str name);

/* Feeds the fleet with what was seen, lets time pass, and gives replicas that are to start their
 * ports, all in one change. False: the store failed, and nothing has changed. */
bool reconciler_turn(struct reconciler *r, int64_t *ret_next_ns);

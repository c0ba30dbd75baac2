#pragma once

/*
 * What makes the fleet true: it asks the controllers what is to be done, has planes do it, and
 * feeds back what they and the edges observe. Every turn of it is one change of policy, so what a
 * plane is told is durable before it is told. Nothing it keeps in memory matters: after any crash
 * it adopts what runs and finds the same work again.
 */

#include "control/link_server.h"
#include "control/policy.h"
#include "plane/plane.h"

struct reconciler;

struct reconciler_options {
    const char *data_dir;
    const char *binary; /* of ambit: replicas are processes of it */
    /* Makes the driver of a plane: plane_process_new. */
    int (*make_plane)(struct loop *loop, const struct plane_process_options *options,
                      const struct plane_events *events, void *ctx, struct plane **ret_plane);
};

struct reconciler *reconciler_new(struct loop *loop, struct policy *policy,
                                  struct link_server *link,
                                  const struct reconciler_options *options);
/* Replicas run on: whoever comes next adopts them. */
void reconciler_free(struct reconciler *r);

/* Something has changed: it looks at the end of this turn. */
void reconciler_poke(struct reconciler *r);

/* From edges. */
void reconciler_wake(struct reconciler *r, str deployment);
void reconciler_demand(struct reconciler *r, str deployment, uint32_t in_flight, uint32_t held,
                       uint64_t begun);

/* The server ends: tells every replica to stop, and calls back once none runs any more. */
typedef void (*reconciler_stopped_fn)(void *ctx);
void reconciler_stop(struct reconciler *r, reconciler_stopped_fn on_stopped, void *ctx);

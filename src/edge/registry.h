#pragma once

/*
 * Endpoint states of an edge: which exist, which a catalog names, which may be freed. Owned by the
 * main thread. Before a catalog is published it gets its states attached (found by endpoint id and
 * origin revision, made where new); what no published catalog names any more is retired, and freed
 * once all workers have passed and nothing is in flight.
 */

#include "catalog/publish.h"
#include "route/endpoint_state.h"

struct registry;

/* `on_retire` is told the origin id of every state that leaves, once all workers have passed: their
 * pools drop its connections. */
typedef void (*registry_retire_fn)(void *ctx, uint64_t origin_id);
struct registry *registry_new(struct publisher *publisher, registry_retire_fn on_retire, void *ctx);
void registry_free(struct registry *r);

/* What hangs on a published catalog: states by endpoint, demands by deployment. */
struct demand;
struct registry_attachment {
    struct endpoint_state **states;
    struct demand **demands;
};

/* Attaches states, and demands as they are given, to a catalog that is about to be published. */
void registry_attach(struct registry *r, struct catalog *catalog, struct demand **demands);

/* After publishing it: what it does not name leaves once `epoch` has passed. Called again now and
 * then to free. */
void registry_retire(struct registry *r, const struct catalog *catalog, uint64_t epoch);
void registry_sweep(struct registry *r);

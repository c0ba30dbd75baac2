#pragma once

/*
 * What is asked of each deployment at this edge: counters that its workers share and the main
 * thread reads, tells control about every second, and frees. One demand stands for one deployment
 * and outlives catalogs; whoever counts in it (in flight or held) keeps it in memory. When the
 * first request is held for a deployment, control is asked at once to wake it, and then every
 * second while some are.
 */

#include "base/list.h"
#include "catalog/publish.h"

#include <stdatomic.h>

struct edge;

struct demand {
    char *deployment;                       /* id */
    uint16_t model_label, deployment_label; /* of metrics */
    _Atomic uint16_t environment_label;     /* of the one that it is in now */
    struct list link;
    uint64_t seen_revision; /* the newest catalog that names it */
    uint64_t retired_epoch;
    uint64_t told_begun;
    int64_t asked_ns; /* when control was last asked to wake it; 0 never */
    bool told_idle;
    bool wanted; /* somebody asked within a second of the last time: control hears it then */
    _Alignas(64) _Atomic uint32_t in_flight, held;
    _Atomic uint64_t held_bytes; /* bodies of those held */
    _Atomic uint64_t begun;
};

struct demands;

struct demands *demands_new(struct edge *edge);
void demands_free(struct demands *d);

/* Main thread: each deployment of a catalog that is about to be published gets its demand, by
 * index. After publishing, what the catalog does not name leaves once `epoch` has passed and nobody
 * counts in it. */
struct demand **demands_attach(struct demands *d, struct catalog *c);
void demands_retire(struct demands *d, const struct catalog *c, uint64_t epoch);

/* Main thread: control is asked, at most once a second. */
void demands_wake(struct demands *d, str deployment);

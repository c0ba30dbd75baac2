#pragma once

/*
 * Requests that wait for a replica: their deployment is asleep, or serves with no endpoint at all.
 * They are tried again when a new policy comes into force, and refused (503 with Retry-After) after
 * timers.hold. limits.held_requests and limits.held_bytes bound them for the whole edge, and of
 * these each deployment's requests take no more than limits.held_requests_per_deployment and
 * limits.held_bytes_per_deployment: one that does not wake leaves room for the others.
 */

#include "base/list.h"
#include "net/loop.h"

struct exchange;
struct host_place;
struct worker;

struct hold {
    struct list link;         /* of the worker, while it waits */
    struct deadline deadline; /* of this wait: what timers.hold leaves of it */
    uint64_t charged;         /* of its body, against both limits of bytes */
    int64_t since_ns;         /* of this wait */
    int64_t total_ns;         /* of those that are over */
    bool begun;
};

/* Whether the place has nobody who could answer, and waiting can help. */
bool hold_is_due(const struct exchange *x, const struct host_place *place);

/* Begins to wait, or answers 503. */
void hold_begin(struct exchange *x);

/* More of its body has come; false: answered 503. */
bool hold_grow(struct exchange *x, size_t n);

/* 503: no replica is ready; `why` goes on from there. */
void hold_refuse(struct exchange *x, str why);

/* It waits no more, if it did. */
void hold_end(struct exchange *x);

/* A new policy is in force: everybody is tried again. */
void hold_release(struct worker *w);

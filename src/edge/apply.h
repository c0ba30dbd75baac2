#pragma once

/*
 * Bringing a policy revision into force: catalog first, then customers, each time waiting until
 * every worker has passed a quiescent point, so that no worker ever meets a customer whose rule it
 * does not have. One change at a time, in order; later ones queue.
 */

#include "edge/registry.h"

struct edge;
struct apply;

typedef void (*apply_done_fn)(void *ctx, uint64_t revision);

struct apply *apply_new(struct edge *edge, apply_done_fn on_in_force, void *ctx);
void apply_free(struct apply *a);

/* Parts of the change that apply_commit closes. Payloads are those of link frames and are copied;
 * false: malformed. */
bool apply_catalog(struct apply *a, str payload);
bool apply_customers_reset(struct apply *a);
bool apply_customers(struct apply *a, str payload);
bool apply_customers_gone(struct apply *a, str payload);

/* The change is complete. on_in_force follows, maybe before this returns where nothing is to be
 * waited for. */
void apply_commit(struct apply *a, uint64_t revision);

/* Forgets a change that was not committed: the link broke in the middle. */
void apply_abandon(struct apply *a);

/* A worker has passed a quiescent point since it was woken. */
void apply_worker_passed(struct apply *a);

/* Whether nothing has come that is not in force. */
bool apply_is_idle(const struct apply *a);

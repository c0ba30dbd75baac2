#pragma once

/*
 * The edge's end of the link to the control plane: connects, says hello, applies what comes,
 * confirms, answers queries, carries management requests and reports. When control is away it tries
 * again, and the edge serves from what it has.
 */

#include "catalog/link.h"
#include "edge/apply.h"

struct edge_link;

struct edge_link *edge_link_new(struct edge *edge);
void edge_link_free(struct edge_link *l);

/* Begins to connect, and to connect again whenever the link breaks. */
void edge_link_start(struct edge_link *l);

/* Whether control has said anything on the connection at hand. */
bool edge_link_is_heard(const struct edge_link *l);

void edge_link_worker_passed(struct edge_link *l);

/* Main thread. `id` of the relay is filled in here; the answer comes through edge_relay_answered.
 * False: not connected. */
bool edge_link_send_relay(struct edge_link *l, struct link_relay *relay);
void edge_link_send_observed(struct edge_link *l, const struct link_observed *observed);
bool edge_link_send_wake(struct edge_link *l, str deployment); /* these two as well */
bool edge_link_send_demand(struct edge_link *l, const struct link_demand *demand);
void edge_link_count_refusal(struct edge_link *l, const struct link_refusals *refusal);

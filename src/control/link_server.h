#pragma once

/*
 * Control's end of the link. Edges connect, say hello, and get what they lack; every later change
 * goes to all of them. Who changed something asks to be told when it is in force everywhere, and is
 * told after a second at the latest, with the names of those that have not confirmed.
 */

#include "catalog/link.h"
#include "control/policy.h"
#include "net/loop.h"

struct link_server;

/* Management requests from gateways, observations, and what deployments are asked for (NULL: nobody
 * wants to know). */
struct link_server_handler {
    void (*on_relay)(void *ctx, uint64_t edge, const struct link_relay *relay);
    void (*on_observed)(void *ctx, const struct link_observed *observed);
    void (*on_refusals)(void *ctx, const struct link_refusals *refusals);
    void (*on_wake)(void *ctx, str deployment);
    void (*on_demand)(void *ctx, uint64_t edge, const struct link_demand *demand);
};

/* Accepts from `fd`, which stays the caller's. */
struct link_server *link_server_new(struct loop *loop, int fd, struct policy *policy,
                                    const struct link_server_handler *handler, void *ctx);
void link_server_free(struct link_server *s);

/* Whether somebody waits for a revision to be in force. */
bool link_server_is_waited_for(const struct link_server *s);

/* Answers whoever waits with what is so now: before those who asked go away. */
void link_server_end_waiting(struct link_server *s);

/* What a change did, to every edge, closing the present revision. */
void link_server_publish(struct link_server *s, const struct publication *publication);

/* Calls back once every connected edge has confirmed `revision`, or a second has passed: then
 * `missing` names the others. */
typedef void (*link_in_force_fn)(void *ctx, const str *missing, size_t n_missing);
void link_server_when_in_force(struct link_server *s, uint64_t revision,
                               link_in_force_fn on_in_force, void *ctx);

/* The answer to a relayed request; dropped if that edge has gone. */
void link_server_answer(struct link_server *s, uint64_t edge, uint32_t id, unsigned status,
                        str content_type, str body);

/* Asks every connected edge; on_replies gets (name, bytes) pairs of those that answered within a
 * second. */
struct link_reply {
    str edge, bytes;
};
typedef void (*link_replies_fn)(void *ctx, const struct link_reply *replies, size_t n);
void link_server_query(struct link_server *s, str what, link_replies_fn on_replies, void *ctx);

size_t link_server_edges(const struct link_server *s);

/* {"name","pid","workers","revision"} objects into an open array. */
struct json_out;
void link_server_list(const struct link_server *s, struct json_out *j);

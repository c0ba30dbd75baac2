#pragma once

/*
 * A request to a model host: what its host and path ask for, and how that is found in the policy.
 * Names are kept, never indexes: each attempt but the first looks them up anew, so that it goes
 * where an environment points now.
 *
 * The checks come in a fixed order: key (401), existence (404), what the key may call (403), the
 * gateway's region (421), the path (400).
 */

#include "catalog/policy.h"
#include "edge/demand.h"
#include "edge/hold.h"
#include "edge/host_route.h"
#include "edge/socket.h"
#include "edge/upload.h"

struct exchange;

enum { HOST_CALL_ID_BYTES = 32 };

/* Where a call goes under the policy at hand. */
struct host_place {
    const struct catalog_model *model;
    const struct catalog_environment *environment; /* whose rule binds; NULL: none */
    const struct catalog_deployment *deployment;
};

struct host_call {
    struct exchange *exchange;
    struct host host;
    struct host_route route;
    bool is_named;  /* false: the host is malformed */
    str deployment; /* id, as last looked up */
    str target;     /* what its replica is asked for, without the replica's base path */
    char id[HOST_CALL_ID_BYTES]; /* x-baseten-request-id */
    struct upload upload;
    struct hold hold;
    struct socket *socket;       /* NULL: it is none, or none yet */
    struct demand *demand;       /* that it counts in; NULL: none yet */
    struct policy_request asked; /* of the newest permit; its key and environment are of then */
    /* What was found when the head was accepted, for the first attempt, which begins before the
     * loop goes on. */
    struct host_place accepted;
    const struct catalog *accepted_by; /* NULL: no longer, or not yet */
};

/* The call that a request to this authority is; NULL: the request is for the OpenAI surface. */
struct host_call *host_call_new(struct exchange *x, const struct catalog *c);

/* Every check that follows the key's. False: refused. */
bool host_call_accept(struct exchange *x, const struct catalog *c);

/* What has to hold again for every attempt: existence, what the key may call, the gateway's region.
 * False: refused. Fills in the call's deployment and target. */
bool host_call_place(struct exchange *x, const struct catalog *c, struct host_place *ret_place);

/* The same look-up without a refusal, for requests that run. False: it is not there any more. */
bool host_call_find(const struct exchange *x, const struct catalog *c,
                    struct host_place *ret_place);

/* Whether this gateway stands where the organisation's rule, and on a regional host the
 * environment's, let one stand. */
/* Why this key may not call what was found: its team, models or environments; STR_NULL: it may. */
str host_call_why_not_for_key(const struct host_call *call, const struct catalog_key *key,
                              const struct host_place *place);

bool host_call_gateway_is_inside(const struct exchange *x, const struct catalog *c,
                                 const struct host_place *place);

/* What is asked of its deployment: it is under way there, waits (behind so many), goes on, is over.
 */
void host_call_count(struct exchange *x, struct demand *demand);
uint32_t host_call_count_held(struct exchange *x);
void host_call_count_going_on(struct exchange *x);
void host_call_count_over(struct exchange *x);

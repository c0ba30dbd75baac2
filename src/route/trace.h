#pragma once

/*
 * What was decided and what happened, as data; and its JSON, the `routing_trace` of an answer. The
 * record is filled while the exchange runs and holds copies only (region codes, endpoint ids), so
 * it outlives any policy revision. It says what served, never what was wished: `region` is set when
 * an answer is committed, and every attempt that could have seen bytes is listed.
 */

#include "route/choose.h"

/* Why the first choice fell as it did. */
#define ROUTE_REASON_TABLE(X)                                                                      \
    X(NONE, "none")                                                                                \
    X(PINNED_REGION, "pinned_region")                                                              \
    X(PRIMARY_REGION, "primary_region")                                                            \
    X(SECONDARY_REGION, "secondary_region")                                                        \
    X(CONFIGURED_ORDER, "configured_order")                                                        \
    X(LOWEST_LATENCY, "lowest_latency")                                                            \
    X(ONLY_CANDIDATE, "only_candidate")                                                            \
    X(SESSION, "session_affinity")                                                                 \
    X(HOLDS_STATE, "endpoint_holds_state")                                                         \
    X(NO_LIVE_SIGNAL, "degraded_no_operational_live_signal")                                       \
    X(REFUSED, "refused")

enum route_reason {
#define X(id, name) ROUTE_REASON_##id,
    ROUTE_REASON_TABLE(X)
#undef X
};

str route_reason_name(enum route_reason reason);

#define ROUTE_OUTCOME_TABLE(X)                                                                     \
    X(PENDING, "pending")                                                                          \
    X(SERVED, "served")                                                                            \
    X(ANSWERED_RETRYABLE, "retryable_status")                                                      \
    X(CONNECT_FAILED, "connect_failed")                                                            \
    X(CONNECT_TIMEOUT, "connect_timeout")                                                          \
    X(TLS_FAILED, "tls_failed")                                                                    \
    X(RESET, "reset_before_answer")                                                                \
    X(PROTOCOL_ERROR, "protocol_error")                                                            \
    X(FIRST_BYTE_TIMEOUT, "first_byte_timeout")                                                    \
    X(DEADLINE, "request_deadline")                                                                \
    X(BROKEN, "broken_mid_answer")                                                                 \
    X(IDLE_TIMEOUT, "idle_timeout")                                                                \
    X(CANCELLED, "client_cancelled")                                                               \
    X(POLICY_CHANGED, "policy_changed")

enum route_outcome {
#define X(id, name) ROUTE_OUTCOME_##id,
    ROUTE_OUTCOME_TABLE(X)
#undef X
};

str route_outcome_name(enum route_outcome outcome);

enum { TRACE_MAX_ATTEMPTS = 16, TRACE_MAX_REGIONS = 48 };

struct trace_attempt {
    str region;
    str endpoint;
    enum route_outcome outcome;
    unsigned status; /* of an answer, else 0 */
    bool bytes_sent; /* the endpoint may have seen something of the request */
};

struct trace_region {
    str region;
    uint16_t label;             /* of the region, as its endpoints' states have it */
    enum route_verdict verdict; /* the best that an endpoint there got */
};

struct trace {
    enum route_mode wish; /* what the request asked for */
    enum route_mode mode; /* of the first choice */
    enum route_reason reason;
    str region;         /* that served; "" so far none */
    str gateway_region; /* "" not configured */
    str passed_over; /* a better-ranked region that was saturated or degraded at the first choice;
                        "" none */
    enum route_verdict passed_over_why;
    struct trace_attempt attempts[TRACE_MAX_ATTEMPTS];
    size_t n_attempts;
    struct trace_region *regions; /* candidates, one row a region, as at the first choice */
    size_t n_regions;
    size_t n_regions_left_out;
};

/* Records the first choice: mode, reason, candidates. Strings are those of endpoint states, copied
 * into the arena. `chosen` may be -1. */
void trace_first_choice(struct trace *t, const struct route_view *view, const struct permit *permit,
                        const struct route_wish *wish, const struct route_candidate *candidates,
                        size_t n, ptrdiff_t chosen, struct arena *arena);

/* The failover that the trace shows: from the first region that was tried or passed over to the one
 * that served. False: none. */
bool trace_failover(const struct trace *t, str *ret_from, str *ret_to, str *ret_why);

/* The JSON object. `max_bytes` 0: everything; else candidates are left out (and said so) to stay
 * within it. */
void trace_render(const struct trace *t, size_t max_bytes, struct buf *to);

#pragma once

/*
 * Choosing inside the permit: a pure function of permit, candidates, loads and time. It opens
 * nothing and reads no clock, so it is tested with tables. The edge gathers the candidates of a
 * model group (and of its fallbacks), asks for one, and after a failed attempt marks that one as
 * tried and asks again.
 *
 * The order of preference: the group itself before its fallbacks, lower `order` first, then by
 * region (primary before secondary; the configured order; the rest by measured latency), and within
 * a region the less loaded of two drawn by weight, or the one that the request's session sticks to.
 */

#include "base/random.h"
#include "catalog/eligible.h"
#include "route/endpoint_state.h"

enum route_mode {
    ROUTE_PINNED,
    ROUTE_PREFERRED,
    ROUTE_CARBON_AWARE,
    ROUTE_DEGRADED,
    ROUTE_REFUSED
};

/* "pinned" and so on: the decision_mode of a trace. */
str route_mode_name(enum route_mode mode);

/* Why a candidate is what it is: the table of decision reasons and of candidates' why_not. */
#define ROUTE_VERDICT_TABLE(X)                                                                     \
    X(ELIGIBLE, "eligible")                                                                        \
    X(NOT_PERMITTED, "region_not_allowed")                                                         \
    X(REGION_UNKNOWN, "region_unknown")                                                            \
    X(REGION_PENDING, "region_pending")                                                            \
    X(OUT_OF_SERVICE, "out_of_service")                                                            \
    X(NOT_PINNED, "not_pinned")                                                                    \
    X(NOT_PRIMARY_OR_SECONDARY, "not_primary_or_secondary")                                        \
    X(GATEWAY_REGION, "gateway_hosting_only")                                                      \
    X(LATENCY_UNKNOWN, "latency_unknown")                                                          \
    X(OVER_LATENCY_BUDGET, "over_latency_budget")                                                  \
    X(NO_LIVE_SIGNAL, "no_live_grid_signal")                                                       \
    X(SATURATED, "saturated")                                                                      \
    X(DEGRADED, "degraded")                                                                        \
    X(TRIED, "tried")

enum route_verdict {
#define X(id, name) ROUTE_VERDICT_##id,
    ROUTE_VERDICT_TABLE(X)
#undef X
};

str route_verdict_name(enum route_verdict verdict);

struct route_candidate {
    uint32_t endpoint;   /* index into the catalog */
    uint16_t group_rank; /* 0: the group asked for; 1..: its fallbacks in order */
    enum route_verdict verdict;
    uint32_t region_rank; /* lower first */
    struct endpoint_load load;
};

struct route_wish {
    bool carbon_aware;
    int64_t latency_budget_ms; /* 0: none */
    str session;               /* "": not sticky */
};

struct route_view {
    const struct catalog *catalog;
    struct endpoint_state *const *states; /* by endpoint index */
    int64_t now_ns;
};

/* How many candidates a group has, its fallbacks included. */
size_t route_candidate_count(const struct catalog *c, const struct catalog_group *group);

/* Fills `candidates` (room for route_candidate_count) with every endpoint of the group and its
 * fallbacks and the verdict on each. */
void route_gather(const struct route_view *view, const struct permit *permit,
                  const struct catalog_group *group, const struct route_wish *wish,
                  struct route_candidate *candidates, size_t n);

/* The best eligible candidate, or -1. */
ptrdiff_t route_choose(const struct route_view *view, const struct route_candidate *candidates,
                       size_t n, str session, struct prng *prng);

/* What stands in the way where nothing was chosen: the verdict to report, the best that any
 * candidate got (saturated before degraded before pending before not permitted ...), and when
 * waiting can help (0: unknown). */
struct route_obstacle {
    enum route_verdict verdict;
    int64_t retry_at_ns;
    bool permitted; /* some endpoint configured for the model is inside the permit */
};
struct route_obstacle route_obstacle_of(const struct route_candidate *candidates, size_t n);

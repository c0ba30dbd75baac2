#pragma once

/*
 * When a replica gets requests, and when it is given up: Truss's three thresholds, as a function of
 * what checks said and when.
 *
 *   starting ──(ready)──► ready ──(not ready for stop_traffic)──► not ready
 *      │                    ▲└───────────────(ready)───────────────┘
 *      └─(startup is over)──┴──(not alive for restart)──► given up
 *
 * Before it was ready once only the startup threshold counts. Decides, and does nothing; time is an
 * argument.
 */

#include "base/str.h"

struct health_thresholds {
    int64_t startup_ms, stop_traffic_ms, restart_ms;
};

struct health {
    struct health_thresholds thresholds;
    int64_t started_ns;
    int64_t unready_since_ns, dead_since_ns; /* 0: it isn't */
    bool was_ready, ready;
};

enum health_result { HEALTH_FAILED, HEALTH_FINE };

enum health_verdict {
    HEALTH_AS_BEFORE,
    HEALTH_READY,
    HEALTH_NOT_READY,
    HEALTH_GIVE_UP_STARTUP,
    HEALTH_GIVE_UP_RESTART,
};

void health_init(struct health *h, const struct health_thresholds *thresholds, int64_t now_ns);
enum health_verdict health_readiness(struct health *h, enum health_result result, int64_t now_ns);
enum health_verdict health_liveness(struct health *h, enum health_result result, int64_t now_ns);

#pragma once

/*
 * Network round trips of one region, as this edge sees them: a sliding window of histograms,
 * written by every worker, read by whoever chooses. The percentile over the window is worked out at
 * most once a second and remembered.
 */

#include "base/str.h"

#include <stdatomic.h>

enum { LATENCY_SLOTS = 6, LATENCY_BUCKETS = 96, LATENCY_UNKNOWN = -1 };

struct region_latency {
    _Atomic int64_t slot_began_ns[LATENCY_SLOTS];
    _Atomic uint32_t counts[LATENCY_SLOTS][LATENCY_BUCKETS];
    _Atomic int64_t cached_at_ns;
    _Atomic int32_t cached_p50_us, cached_p95_us; /* LATENCY_UNKNOWN: nothing in the window */
};

void region_latency_init(struct region_latency *l);

/* One round trip. `window_ns` is the length of the window that the percentiles speak of. */
void region_latency_add(struct region_latency *l, int64_t rtt_us, int64_t now_ns,
                        int64_t window_ns);

/* Microseconds, rounded up by less than a quarter, or LATENCY_UNKNOWN where the window is empty. */
int32_t region_latency_p50_us(struct region_latency *l, int64_t now_ns, int64_t window_ns);
int32_t region_latency_p95_us(struct region_latency *l, int64_t now_ns, int64_t window_ns);

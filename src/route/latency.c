#include "route/latency.h"

#include "base/clock.h"

/* Four buckets per factor of two: a bound is at most a quarter above the one before. Bucket b holds
 * round trips up to bucket_bound_us(b). */
static int32_t bucket_bound_us(unsigned bucket)
{
    unsigned octave = bucket / 4;

    return (int32_t)((16u << octave) / 4 * (4 + bucket % 4));
}

static unsigned bucket_of(int64_t rtt_us)
{
    unsigned bucket = 0;

    while (bucket + 1 < LATENCY_BUCKETS && bucket / 4 < 26 && rtt_us > bucket_bound_us(bucket))
        bucket++;
    return bucket;
}

void region_latency_init(struct region_latency *l)
{
    memset(l, 0, sizeof(*l));
    l->cached_p50_us = LATENCY_UNKNOWN;
    l->cached_p95_us = LATENCY_UNKNOWN;
    l->cached_at_ns = INT64_MIN / 2;
}

/* Writers race only on emptying a slot whose time has passed; a count lost there is one sample of a
 * statistic. */
void region_latency_add(struct region_latency *l, int64_t rtt_us, int64_t now_ns, int64_t window_ns)
{
    int64_t slot_ns = window_ns / (LATENCY_SLOTS - 1);
    int64_t began = now_ns - now_ns % slot_ns;
    unsigned slot = (unsigned)(now_ns / slot_ns % LATENCY_SLOTS);
    int64_t before = atomic_load_explicit(&l->slot_began_ns[slot], memory_order_relaxed);

    if (before != began && atomic_compare_exchange_strong(&l->slot_began_ns[slot], &before, began))
        for (unsigned b = 0; b < LATENCY_BUCKETS; b++)
            atomic_store_explicit(&l->counts[slot][b], 0, memory_order_relaxed);
    atomic_fetch_add_explicit(&l->counts[slot][bucket_of(rtt_us)], 1, memory_order_relaxed);
}

static int32_t percentile_us(const uint64_t *counts, uint64_t total, unsigned percent)
{
    uint64_t wanted = (total * percent + 99) / 100, seen = 0;

    for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
        seen += counts[b];
        if (seen >= wanted)
            return bucket_bound_us(b);
    }
    return LATENCY_UNKNOWN;
}

static void work_out(struct region_latency *l, int64_t now_ns, int64_t window_ns)
{
    uint64_t counts[LATENCY_BUCKETS] = {0}, total = 0;

    for (unsigned slot = 0; slot < LATENCY_SLOTS; slot++) {
        int64_t began = atomic_load_explicit(&l->slot_began_ns[slot], memory_order_relaxed);

        if (began == 0 || now_ns - began > window_ns)
            continue;
        for (unsigned b = 0; b < LATENCY_BUCKETS; b++) {
            uint32_t n = atomic_load_explicit(&l->counts[slot][b], memory_order_relaxed);

            counts[b] += n;
            total += n;
        }
    }
    atomic_store_explicit(&l->cached_p50_us,
                          total ? percentile_us(counts, total, 50) : LATENCY_UNKNOWN,
                          memory_order_relaxed);
    atomic_store_explicit(&l->cached_p95_us,
                          total ? percentile_us(counts, total, 95) : LATENCY_UNKNOWN,
                          memory_order_relaxed);
    atomic_store_explicit(&l->cached_at_ns, now_ns, memory_order_relaxed);
}

static void refresh(struct region_latency *l, int64_t now_ns, int64_t window_ns)
{
    if (now_ns - atomic_load_explicit(&l->cached_at_ns, memory_order_relaxed) >= NS_PER_S)
        work_out(l, now_ns, window_ns);
}

int32_t region_latency_p50_us(struct region_latency *l, int64_t now_ns, int64_t window_ns)
{
    refresh(l, now_ns, window_ns);
    return atomic_load_explicit(&l->cached_p50_us, memory_order_relaxed);
}

int32_t region_latency_p95_us(struct region_latency *l, int64_t now_ns, int64_t window_ns)
{
    refresh(l, now_ns, window_ns);
    return atomic_load_explicit(&l->cached_p95_us, memory_order_relaxed);
}

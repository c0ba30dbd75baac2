#include "route/latency.h"

#include "base/clock.h"
#include "unit/test.h"

/*
 * Instants are the test's own: a window of ten seconds, read at least a second apart, because
 * percentiles are remembered for a second.
 */

static const int64_t window_ns = 10 * NS_PER_S, start_ns = 1000 * NS_PER_S;
static struct region_latency l;

static void add(int64_t rtt_us, int64_t at_ns, unsigned times)
{
    while (times--)
        region_latency_add(&l, rtt_us, at_ns, window_ns);
}

static int32_t p50(int64_t at_ns)
{
    return region_latency_p50_us(&l, at_ns, window_ns);
}

static int32_t p95(int64_t at_ns)
{
    return region_latency_p95_us(&l, at_ns, window_ns);
}

/* A bucket's upper bound, less than a quarter above what was measured. */
static bool stands_for(int32_t percentile_us, int64_t rtt_us)
{
    return percentile_us >= rtt_us && percentile_us * 4LL < rtt_us * 5 + 4;
}

static void test_nothing_measured_is_unknown(void)
{
    region_latency_init(&l);
    CHECK_INT(p50(start_ns), LATENCY_UNKNOWN);
    CHECK_INT(p95(start_ns), LATENCY_UNKNOWN);
}

static void test_one_round_trip_is_every_percentile(void)
{
    for (int64_t rtt_us = 20; rtt_us < 200000000; rtt_us = rtt_us * 7 / 5) {
        region_latency_init(&l);
        add(rtt_us, start_ns, 1);
        CHECK(stands_for(p50(start_ns), rtt_us));
        CHECK_INT(p95(start_ns), p50(start_ns));
    }
}

static void test_extremes_have_a_bucket(void)
{
    region_latency_init(&l);
    add(0, start_ns, 1);
    add(-5, start_ns, 1);
    CHECK(p50(start_ns) > 0);
    region_latency_init(&l);
    add(INT64_MAX, start_ns, 1);
    CHECK(p50(start_ns) > 200000000);
}

static void test_percentiles_split_the_round_trips(void)
{
    region_latency_init(&l);
    add(1000, start_ns, 94);
    add(80000, start_ns, 6);
    CHECK(stands_for(p50(start_ns), 1000));
    CHECK(stands_for(p95(start_ns), 80000));
    region_latency_init(&l);
    add(1000, start_ns, 95);
    add(80000, start_ns, 5);
    CHECK(stands_for(p95(start_ns), 1000));
    region_latency_init(&l);
    add(1000, start_ns, 49);
    add(80000, start_ns, 51);
    CHECK(stands_for(p50(start_ns), 80000));
}

static void test_percentiles_are_remembered_for_a_second(void)
{
    region_latency_init(&l);
    add(1000, start_ns, 1);
    int32_t before = p50(start_ns);
    add(80000, start_ns, 100);
    CHECK_INT(p50(start_ns + NS_PER_S - 1), before);
    CHECK(stands_for(p50(start_ns + NS_PER_S), 80000));
}

static void test_round_trips_leave_with_the_window(void)
{
    region_latency_init(&l);
    add(80000, start_ns, 10);
    add(1000, start_ns + 6 * NS_PER_S, 3);
    CHECK(stands_for(p50(start_ns + 8 * NS_PER_S), 80000));
    CHECK(stands_for(p95(start_ns + 13 * NS_PER_S), 1000));
    CHECK_INT(p50(start_ns + 30 * NS_PER_S), LATENCY_UNKNOWN);
}

/* A slot whose time has come again starts from nothing, also after a long silence. */
static void test_a_slot_is_emptied_before_it_is_used_again(void)
{
    int64_t slot_ns = window_ns / (LATENCY_SLOTS - 1);

    region_latency_init(&l);
    for (int64_t round = 0; round < 3 * LATENCY_SLOTS; round++)
        add(80000, start_ns + round * slot_ns, 10);
    int64_t later_ns = start_ns + 100 * LATENCY_SLOTS * slot_ns;
    add(1000, later_ns, 1);
    CHECK(stands_for(p95(later_ns), 1000));
}

int main(void)
{
    RUN(test_nothing_measured_is_unknown);
    RUN(test_one_round_trip_is_every_percentile);
    RUN(test_extremes_have_a_bucket);
    RUN(test_percentiles_split_the_round_trips);
    RUN(test_percentiles_are_remembered_for_a_second);
    RUN(test_round_trips_leave_with_the_window);
    RUN(test_a_slot_is_emptied_before_it_is_used_again);
    return test_end();
}

#include "edge/metrics.h"

#include "base/mem.h"
#include "unit/test.h"

#include <pthread.h>

/*
 * What is counted, and how it reads in the text exposition: lines are looked for whole, from the
 * beginning of a line to its end.
 */

static struct metrics_shard *shards[2];
static struct buf text;

static void begin(void)
{
    shards[0] = metrics_shard_new();
    shards[1] = metrics_shard_new();
    buf_init(&text, 0);
}

static void end(void)
{
    metrics_shard_free(shards[0]);
    metrics_shard_free(shards[1]);
    buf_deinit(&text);
}

static void render(void)
{
    buf_clear(&text);
    buf_put_char(&text, '\n');
    metrics_render(shards, 2, &text);
}

static unsigned count_of(const char *needle)
{
    str rest = buf_str(&text);
    unsigned n = 0;

    for (size_t at; (at = str_search(rest, str_of(needle))) < rest.n; n++)
        rest = str_from(rest, at + 1);
    return n;
}

static bool has_line(const char *line)
{
    char whole[512];

    snprintf(whole, sizeof(whole), "\n%s\n", line);
    return count_of(whole) == 1;
}

#define CHECK_LINE(line)                                                                           \
    do {                                                                                           \
        if (!has_line(line))                                                                       \
            printf("  not there once: %s\n", (line));                                              \
        CHECK(has_line(line));                                                                     \
    } while (0)

static void test_nothing_counted_is_nothing_said(void)
{
    begin();
    metrics_render(shards, 2, &text);
    CHECK_INT(text.n, 0);
    metrics_render(shards, 0, &text);
    CHECK_INT(text.n, 0);
    end();
}

static void test_counters_add_up_over_shards(void)
{
    uint16_t region = metrics_label(STR("here-1"));

    begin();
    metrics_add(shards[0], METRIC_REQUESTS, region, WORD_PREFERRED, WORD_OK, 2);
    metrics_add(shards[0], METRIC_REQUESTS, region, WORD_PREFERRED, WORD_OK, 3);
    metrics_add(shards[1], METRIC_REQUESTS, region, WORD_PREFERRED, WORD_OK, 10);
    metrics_add(shards[1], METRIC_REQUESTS, region, WORD_PINNED, WORD_OK, 1);
    render();
    CHECK_LINE("# TYPE ambit_requests_total counter");
    CHECK_LINE("ambit_requests_total{region=\"here-1\",mode=\"preferred\",outcome=\"ok\"} 15");
    CHECK_LINE("ambit_requests_total{region=\"here-1\",mode=\"pinned\",outcome=\"ok\"} 1");
    CHECK_INT(count_of("# HELP ambit_requests_total "), 1);
    CHECK_INT(count_of("# "), 2);
    end();
}

static void test_series_without_labels_have_no_braces(void)
{
    begin();
    metrics_add(shards[0], METRIC_LOG_DROPPED, WORD_NONE, WORD_NONE, WORD_NONE, 4);
    render();
    CHECK_LINE("ambit_log_lines_dropped_total 4");
    end();
}

static void test_an_empty_label_is_said_to_be_empty(void)
{
    begin();
    metrics_add(shards[0], METRIC_REFUSALS, metrics_label(STR("not_found")), WORD_NONE, WORD_NONE,
                1);
    render();
    CHECK_LINE("ambit_refusals_total{code=\"not_found\",rule=\"\"} 1");
    end();
}

static void test_gauges_are_set_and_add_up(void)
{
    begin();
    metrics_set(shards[0], METRIC_IN_FLIGHT, WORD_NONE, 7);
    metrics_set(shards[0], METRIC_IN_FLIGHT, WORD_NONE, 3);
    metrics_set(shards[1], METRIC_IN_FLIGHT, WORD_NONE, 2);
    metrics_set(shards[0], METRIC_UPSTREAM_CONNECTIONS, WORD_IDLE, 5);
    metrics_set(shards[0], METRIC_UPSTREAM_CONNECTIONS, WORD_BUSY, 0);
    render();
    CHECK_LINE("# TYPE ambit_requests_in_flight gauge");
    CHECK_LINE("ambit_requests_in_flight 5");
    CHECK_LINE("ambit_upstream_connections{state=\"idle\"} 5");
    CHECK_LINE("ambit_upstream_connections{state=\"busy\"} 0");
    end();
}

static void test_histograms_are_cumulative(void)
{
    uint16_t region = metrics_label(STR("here-1"));

    begin();
    metrics_observe_ns(shards[0], METRIC_FIRST_BYTE, region, 1000000);      /* 1 ms: le is ≤ */
    metrics_observe_ns(shards[0], METRIC_FIRST_BYTE, region, 1000001);      /* the next bucket */
    metrics_observe_ns(shards[1], METRIC_FIRST_BYTE, region, 2000000000);   /* 2 s */
    metrics_observe_ns(shards[1], METRIC_FIRST_BYTE, region, 601000000000); /* beyond the last */
    render();
    CHECK_LINE("# TYPE ambit_time_to_first_byte_seconds histogram");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"5e-06\"} 0");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"0.0005\"} 0");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"0.001\"} 1");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"0.0025\"} 2");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"1\"} 2");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"2.5\"} 3");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"600\"} 3");
    CHECK_LINE("ambit_time_to_first_byte_seconds_bucket{region=\"here-1\",le=\"+Inf\"} 4");
    CHECK_LINE("ambit_time_to_first_byte_seconds_sum{region=\"here-1\"} 603.002000001");
    CHECK_LINE("ambit_time_to_first_byte_seconds_count{region=\"here-1\"} 4");
    end();
}

static void test_histograms_of_two_regions_stay_apart(void)
{
    begin();
    metrics_observe_ns(shards[0], METRIC_DURATION, metrics_label(STR("here-1")), 5000);
    metrics_observe_ns(shards[0], METRIC_DURATION, metrics_label(STR("here-2")), 5000);
    metrics_observe_ns(shards[0], METRIC_DURATION, metrics_label(STR("here-2")), 70000000000);
    render();
    CHECK_LINE("ambit_request_duration_seconds_count{region=\"here-1\"} 1");
    CHECK_LINE("ambit_request_duration_seconds_sum{region=\"here-1\"} 0.000005000");
    CHECK_LINE("ambit_request_duration_seconds_count{region=\"here-2\"} 2");
    CHECK_LINE("ambit_request_duration_seconds_bucket{region=\"here-1\",le=\"5e-06\"} 1");
    CHECK_LINE("ambit_request_duration_seconds_bucket{region=\"here-2\",le=\"60\"} 1");
    end();
}

/* A clock that went backwards is no time at all, and never takes anything from the sum. */
static void test_negative_durations_count_as_none(void)
{
    begin();
    metrics_observe_ns(shards[0], METRIC_OVERHEAD, WORD_NONE, -5000000000);
    render();
    CHECK_LINE("ambit_overhead_seconds_bucket{le=\"5e-06\"} 1");
    CHECK_LINE("ambit_overhead_seconds_sum 0.000000000");
    CHECK_LINE("ambit_overhead_seconds_count 1");
    end();
}

static void test_label_values_are_escaped(void)
{
    begin();
    metrics_add(shards[0], METRIC_EJECTIONS, metrics_label(STR("a\"b\\c\nd")), WORD_NONE, WORD_NONE,
                1);
    render();
    CHECK_LINE("ambit_endpoint_ejections_total{region=\"a\\\"b\\\\c d\"} 1");
    end();
}

/* Families come in the table's order, and no family twice. */
static void test_families_are_whole(void)
{
    begin();
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
        metrics_set(shards[metric % 2], (enum metric)metric, WORD_OTHER, 1);
    for (unsigned metric = 0; metric < METRIC_COUNT; metric++)
        metrics_set(shards[0], (enum metric)metric, WORD_UNKNOWN, 1);
    render();
    CHECK_INT(count_of("\n# TYPE "), METRIC_COUNT);
    CHECK_INT(count_of("\n# HELP "), METRIC_COUNT);
    end();
}

static void test_labels_are_interned_once(void)
{
    uint16_t first = metrics_label(STR("there-1"));

    CHECK(first >= WORD_COUNT);
    CHECK_INT(metrics_label(STR("there-1")), first);
    CHECK(metrics_label(STR("there-2")) != first);
    CHECK_STR(metrics_label_text(first), "there-1");
    CHECK_INT(metrics_label(STR("degraded")), WORD_DEGRADED);
    CHECK_INT(metrics_label(STR("")), WORD_NONE);
    CHECK_STR(metrics_label_text(WORD_TLS_FAILED), "tls_failed");
    CHECK_STR(metrics_label_text(0xffff), "other");
}

/* The text of a label is copied: the catalog that it came from goes. */
static void test_labels_outlive_their_text(void)
{
    char name[] = "there-3";
    uint16_t label = metrics_label(str_of(name));

    memset(name, 'x', sizeof(name) - 1);
    CHECK_STR(metrics_label_text(label), "there-3");
    CHECK_INT(metrics_label(STR("there-3")), label);
}

static void *intern_many(void *ctx)
{
    uint16_t *ids = ctx;
    char name[32];

    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof(name), "shared-%d", i);
        ids[i] = metrics_label(str_of(name));
    }
    return NULL;
}

static void test_threads_get_the_same_ids(void)
{
    static uint16_t ids[4][500];
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, intern_many, ids[i]) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 1; i < 4; i++)
        CHECK(memcmp(ids[0], ids[i], sizeof(ids[0])) == 0);
    CHECK_STR(metrics_label_text(ids[0][499]), "shared-499");
}

/* A shard that is full counts on for what it knows, and leaves the rest uncounted. */
static void test_too_many_series(void)
{
    unsigned series = 0;

    begin();
    metrics_add(shards[0], METRIC_LOG_DROPPED, WORD_NONE, WORD_NONE, WORD_NONE, 1);
    for (uint16_t a = 0; a < 100; a++)
        for (uint16_t b = 0; b < 100; b++)
            metrics_add(shards[0], METRIC_FAILOVERS, a, b, WORD_NONE, 1);
    metrics_add(shards[0], METRIC_LOG_DROPPED, WORD_NONE, WORD_NONE, WORD_NONE, 1);
    render();
    CHECK_LINE("ambit_log_lines_dropped_total 2");
    series = count_of("\nambit_failovers_total{");
    CHECK(series > METRIC_SERIES_MAX / 2 && series < METRIC_SERIES_MAX);
    end();
}

/* Last: it uses up the labels of this process. */
static void test_too_many_labels_are_other(void)
{
    uint16_t known = metrics_label(STR("there-1")), last = 0;
    char name[32];

    for (int i = 0; i < METRIC_LABELS_MAX; i++) {
        snprintf(name, sizeof(name), "many-%d", i);
        last = metrics_label(str_of(name));
    }
    CHECK_INT(last, WORD_OTHER);
    CHECK_INT(metrics_label(STR("one-more")), WORD_OTHER);
    CHECK_INT(metrics_label(STR("there-1")), known);
    CHECK_INT(metrics_label(STR("ok")), WORD_OK);
}

int main(void)
{
    RUN(test_nothing_counted_is_nothing_said);
    RUN(test_counters_add_up_over_shards);
    RUN(test_series_without_labels_have_no_braces);
    RUN(test_an_empty_label_is_said_to_be_empty);
    RUN(test_gauges_are_set_and_add_up);
    RUN(test_histograms_are_cumulative);
    RUN(test_histograms_of_two_regions_stay_apart);
    RUN(test_negative_durations_count_as_none);
    RUN(test_label_values_are_escaped);
    RUN(test_families_are_whole);
    RUN(test_labels_are_interned_once);
    RUN(test_labels_outlive_their_text);
    RUN(test_threads_get_the_same_ids);
    RUN(test_too_many_series);
    RUN(test_too_many_labels_are_other);
    return test_end();
}

#include "edge/metrics.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum metric_kind { METRIC_KIND_COUNTER, METRIC_KIND_GAUGE, METRIC_KIND_HISTOGRAM };

struct metric_row {
    str name;
    enum metric_kind kind;
    str labels;
    str help;
};

static const struct metric_row rows[METRIC_COUNT] = {
#define X(id, name_, kind_, labels_, help_)                                                        \
    [METRIC_##id] = {STR_INIT(name_), METRIC_KIND_##kind_, STR_INIT(labels_), STR_INIT(help_)},
    METRIC_TABLE(X)
#undef X
};

/* Upper bounds in nanoseconds; the first ones resolve a gateway's own cost, the last ones a model's
 * thinking. */
static const int64_t bounds_ns[] = {
    5000,       10000,       20000,       30000,       50000,        75000,        100000,
    150000,     250000,      500000,      1000000,     2500000,      5000000,      10000000,
    25000000,   50000000,    100000000,   250000000,   500000000,    1000000000,   2500000000,
    5000000000, 10000000000, 30000000000, 60000000000, 300000000000, 600000000000,
};

enum { N_BOUNDS = COUNT_OF(bounds_ns), SUM_BUCKET = 0xffff };

/* --- labels
 * --------------------------------------------------------------------------------------------------------
 */

static const str fixed_words[WORD_COUNT] = {
#define X(id, text) [WORD_##id] = STR_INIT(text),
    METRIC_WORD_TABLE(X)
#undef X
};

static struct {
    pthread_mutex_t lock;
    struct map ids; /* text → id + 1 */
    str texts[METRIC_LABELS_MAX];
    _Atomic uint32_t n;
} labels = {.lock = PTHREAD_MUTEX_INITIALIZER};

static uint16_t label_add(str text)
{
    uint32_t id = atomic_load_explicit(&labels.n, memory_order_relaxed);

    if (id == METRIC_LABELS_MAX)
        return WORD_OTHER;
    labels.texts[id] = id < WORD_COUNT ? text : str_of(str_dup(text));
    map_put(&labels.ids, labels.texts[id], (void *)(uintptr_t)(id + 1));
    /* release: pairs with the acquire in metrics_label_text, which reads texts[] without the lock.
     */
    atomic_store_explicit(&labels.n, id + 1, memory_order_release);
    return (uint16_t)id;
}

uint16_t metrics_label(str text)
{
    pthread_mutex_lock(&labels.lock);
    while (atomic_load_explicit(&labels.n, memory_order_relaxed) < WORD_COUNT)
        label_add(fixed_words[labels.n]);
    uintptr_t found = (uintptr_t)map_get(&labels.ids, text);
    uint16_t id = found ? (uint16_t)(found - 1) : label_add(text);
    pthread_mutex_unlock(&labels.lock);
    return id;
}

str metrics_label_text(uint16_t label)
{
    if (label < WORD_COUNT)
        return fixed_words[label];
    return label < atomic_load_explicit(&labels.n, memory_order_acquire) ? labels.texts[label]
                                                                         : STR("other");
}

/* --- shards
 * --------------------------------------------------------------------------------------------------------
 */

struct series {
    _Atomic uint64_t key; /* 0: free */
    _Atomic uint64_t value;
};

struct metrics_shard {
    struct series series[METRIC_SERIES_MAX];
    size_t n;
};

/* Metric ids are shifted by one, so that no key is 0. */
static uint64_t series_key(enum metric metric, uint16_t l0, uint16_t l1, uint16_t l2)
{
    return (uint64_t)(metric + 1) << 48 | (uint64_t)l0 << 32 | (uint64_t)l1 << 16 | l2;
}

struct metrics_shard *metrics_shard_new(void)
{
    metrics_label(STR_NULL);
    return mem_zalloc(sizeof(struct metrics_shard));
}

void metrics_shard_free(struct metrics_shard *shard)
{
    mem_free(shard);
}

static struct series *series_at(struct metrics_shard *shard, uint64_t key)
{
    size_t i = (size_t)((key * 0x9e3779b97f4a7c15u) >> 51) % METRIC_SERIES_MAX;

    for (;;) {
        struct series *s = &shard->series[i];
        uint64_t here = atomic_load_explicit(&s->key, memory_order_relaxed);

        if (here == key)
            return s;
        if (here == 0) {
            /* A quarter stays free so that probing stays short; what comes later is not counted. */
            if (shard->n >= METRIC_SERIES_MAX * 3 / 4)
                return NULL;
            shard->n++;
            atomic_store_explicit(&s->key, key, memory_order_relaxed);
            return s;
        }
        i = (i + 1) % METRIC_SERIES_MAX;
    }
}

/* One writer: a load and a store, no locked instruction. Readers may be one count behind. */
static void series_add(struct metrics_shard *shard, uint64_t key, uint64_t n)
{
    struct series *s = series_at(shard, key);

    if (s)
        atomic_store_explicit(&s->value, atomic_load_explicit(&s->value, memory_order_relaxed) + n,
                              memory_order_relaxed);
}

void metrics_add(struct metrics_shard *shard, enum metric metric, uint16_t l0, uint16_t l1,
                 uint16_t l2, uint64_t n)
{
    series_add(shard, series_key(metric, l0, l1, l2), n);
}

void metrics_set(struct metrics_shard *shard, enum metric metric, uint16_t l0, uint64_t value)
{
    struct series *s = series_at(shard, series_key(metric, l0, WORD_NONE, WORD_NONE));

    if (s)
        atomic_store_explicit(&s->value, value, memory_order_relaxed);
}

void metrics_observe_ns(struct metrics_shard *shard, enum metric metric, uint16_t l0,
                        int64_t duration_ns)
{
    uint16_t bucket = 0;

    assert(rows[metric].kind == METRIC_KIND_HISTOGRAM);
    if (duration_ns < 0)
        duration_ns = 0;
    while (bucket < N_BOUNDS && duration_ns > bounds_ns[bucket])
        bucket++;
    series_add(shard, series_key(metric, l0, WORD_NONE, bucket), 1);
    series_add(shard, series_key(metric, l0, WORD_NONE, SUM_BUCKET), (uint64_t)duration_ns);
}

/* --- exposition
 * ----------------------------------------------------------------------------------------------------
 */

struct sample {
    uint64_t key;
    uint64_t value;
};

static int compare_samples(const void *a, const void *b)
{
    uint64_t x = ((const struct sample *)a)->key, y = ((const struct sample *)b)->key;

    return x < y ? -1 : x > y;
}

static size_t collect(struct metrics_shard *const *shards, size_t n, struct sample *samples)
{
    size_t at = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < METRIC_SERIES_MAX; k++) {
            uint64_t key = atomic_load_explicit(&shards[i]->series[k].key, memory_order_relaxed);

            if (key)
                samples[at++] = (struct sample){
                    key, atomic_load_explicit(&shards[i]->series[k].value, memory_order_relaxed)};
        }
    qsort(samples, at, sizeof(*samples), compare_samples);
    size_t merged = 0;
    for (size_t i = 0; i < at; i++) {
        if (merged && samples[merged - 1].key == samples[i].key)
            samples[merged - 1].value += samples[i].value;
        else
            samples[merged++] = samples[i];
    }
    return merged;
}

static void put_label_value(struct buf *to, str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\')
            buf_put_char(to, '\\');
        buf_put_char(to, text.p[i] == '\n' ? ' ' : text.p[i]);
    }
}

/* {region="x",le="0.1"}: the row's label names with the key's values, then `le` for a bucket. */
static void put_labels(struct buf *to, const struct metric_row *row, uint64_t key, str le)
{
    str names = row->labels;
    unsigned shift = 32;
    bool any = false;

    if (names.n == 0 && le.n == 0)
        return;
    buf_put_char(to, '{');
    while (names.n) {
        str name = str_cut(&names, ',');

        if (any)
            buf_put_char(to, ',');
        any = true;
        buf_put_str(to, name);
        buf_put(to, "=\"", 2);
        put_label_value(to, metrics_label_text((uint16_t)(key >> shift)));
        buf_put_char(to, '"');
        shift -= 16;
    }
    if (le.n)
        buf_printf(to, "%sle=\"%.*s\"", any ? "," : "", STR_ARG(le));
    buf_put_char(to, '}');
}

static void put_line(struct buf *to, const struct metric_row *row, str suffix, uint64_t key, str le)
{
    buf_put_str(to, row->name);
    buf_put_str(to, suffix);
    put_labels(to, row, key, le);
    buf_put_char(to, ' ');
}

static void put_seconds(struct buf *to, uint64_t ns)
{
    buf_printf(to, "%llu.%09llu", (unsigned long long)(ns / NS_PER_S),
               (unsigned long long)(ns % NS_PER_S));
}

/* All samples of one histogram series (same first label) are neighbours, the sum last. Returns how
 * many there were. */
static size_t put_histogram(struct buf *to, const struct metric_row *row,
                            const struct sample *samples, size_t n)
{
    uint64_t series = samples[0].key >> 16, counts[N_BOUNDS + 1] = {0}, sum = 0, seen = 0;
    size_t used = 0;

    for (; used < n && samples[used].key >> 16 == series; used++) {
        uint16_t bucket = (uint16_t)samples[used].key;

        if (bucket == SUM_BUCKET)
            sum = samples[used].value;
        else
            counts[bucket] = samples[used].value;
    }
    for (size_t b = 0; b <= N_BOUNDS; b++) {
        char le[32];
        int length = b == N_BOUNDS ? snprintf(le, sizeof(le), "+Inf")
                                   : snprintf(le, sizeof(le), "%g", (double)bounds_ns[b] / 1e9);

        seen += counts[b];
        put_line(to, row, STR("_bucket"), samples[0].key, str_make(le, (size_t)length));
        buf_printf(to, "%llu\n", (unsigned long long)seen);
    }
    put_line(to, row, STR("_sum"), samples[0].key, STR_NULL);
    put_seconds(to, sum);
    buf_put_char(to, '\n');
    put_line(to, row, STR("_count"), samples[0].key, STR_NULL);
    buf_printf(to, "%llu\n", (unsigned long long)seen);
    return used;
}

static const char *const kinds[] = {"counter", "gauge", "histogram"};

void metrics_describe(struct buf *to)
{
    for (size_t i = 0; i < METRIC_COUNT; i++)
        buf_printf(to, "| `%.*s` | %s | %.*s | %.*s |\n", STR_ARG(rows[i].name),
                   kinds[rows[i].kind], STR_ARG(rows[i].labels), STR_ARG(rows[i].help));
}

static void put_family(struct buf *to, enum metric metric, const struct sample *samples, size_t n)
{
    const struct metric_row *row = &rows[metric];

    buf_printf(to, "# HELP %.*s %.*s\n# TYPE %.*s %s\n", STR_ARG(row->name), STR_ARG(row->help),
               STR_ARG(row->name), kinds[row->kind]);
    for (size_t i = 0; i < n;) {
        if (row->kind == METRIC_KIND_HISTOGRAM) {
            i += put_histogram(to, row, samples + i, n - i);
            continue;
        }
        put_line(to, row, STR_NULL, samples[i].key, STR_NULL);
        buf_printf(to, "%llu\n", (unsigned long long)samples[i].value);
        i++;
    }
}

void metrics_render(struct metrics_shard *const *shards, size_t n, struct buf *to)
{
    CLEANUP_FREE struct sample *samples = mem_array(n * METRIC_SERIES_MAX, sizeof(*samples));
    size_t n_samples = collect(shards, n, samples), at = 0;

    for (unsigned metric = 0; metric < METRIC_COUNT; metric++) {
        size_t end = at;

        while (end < n_samples && samples[end].key >> 48 == metric + 1)
            end++;
        if (end > at)
            put_family(to, metric, samples + at, end - at);
        at = end;
    }
}

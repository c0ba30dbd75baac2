#include "sim/faults.h"

#include "base/json_out.h"
#include "base/mem.h"

#include <jansson.h>
#include <pthread.h>
#include <stdio.h>

enum { DELAY_MAX_MS = 3600000, RETRY_AFTER_MAX_S = 3600 };

struct sim_faults {
    pthread_mutex_t lock;
    struct sim_fault rules[SIM_FAULTS_MAX];
    size_t n;
    _Atomic size_t n_seen; /* n, for those who only want to know that it is 0 */
};

static const str kind_names[] = {
#define X(id, name) [SIM_FAULT_##id] = STR_INIT(name),
    FAULT_KIND_TABLE(X)
#undef X
};

struct sim_faults *sim_faults_new(void)
{
    struct sim_faults *f = mem_zalloc(sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    return f;
}

void sim_faults_free(struct sim_faults *f)
{
    pthread_mutex_destroy(&f->lock);
    mem_free(f);
}

/* --- reading a rule */

struct reading {
    json_t *body;
    struct buf *why;
};

static bool refuse(struct reading *r, const char *member, const char *expected)
{
    json_t *value = json_object_get(r->body, member);
    char *text = value ? json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;

    buf_printf(r->why, "%s is %s; expected %s", member, text ? text : "missing", expected);
    free(text);
    return false;
}

static bool read_kind(struct reading *r, enum sim_fault_kind *ret_kind)
{
    const char *text = json_string_value(json_object_get(r->body, "kind"));

    for (size_t i = 1; text && i < COUNT_OF(kind_names); i++) {
        if (str_eq(str_of(text), kind_names[i])) {
            *ret_kind = (enum sim_fault_kind)i;
            return true;
        }
    }
    return refuse(r, "kind", "one of status, delay, hang, reset, truncate, bad_chunk and region");
}

static bool read_number(struct reading *r, const char *member, int64_t least, int64_t most,
                        int64_t absent, int64_t *ret_value)
{
    json_t *value = json_object_get(r->body, member);
    char expected[96];

    *ret_value = absent;
    if (!value)
        return true;
    *ret_value = json_integer_value(value);
    if (json_is_integer(value) && *ret_value >= least && *ret_value <= most)
        return true;
    snprintf(expected, sizeof(expected), "a whole number from %lld to %lld", (long long)least,
             (long long)most);
    return refuse(r, member, expected);
}

static bool read_text(struct reading *r, const char *member, char ret_text[SIM_FAULT_TEXT])
{
    json_t *value = json_object_get(r->body, member);

    ret_text[0] = '\0';
    if (!value)
        return true;
    if (!json_is_string(value) || json_string_length(value) >= SIM_FAULT_TEXT)
        return refuse(r, member, "a string of at most 63 bytes");
    memcpy(ret_text, json_string_value(value), json_string_length(value) + 1);
    return true;
}

static bool only_known(struct reading *r)
{
    static const char *const known[] = {"kind",        "region",      "status", "delay_ms",
                                        "after_bytes", "retry_after", "count",  "ms_region"};
    const char *name;
    json_t *value;

    json_object_foreach(r->body, name, value)
    {
        bool found = false;

        for (size_t i = 0; i < COUNT_OF(known); i++)
            found = found || strcmp(name, known[i]) == 0;
        if (!found)
            return refuse(r, name,
                          "no such member; there are kind, region, status, delay_ms, after_bytes, "
                          "retry_after, count and ms_region");
    }
    return true;
}

static bool read_rule(struct reading *r, struct sim_fault *fault)
{
    int64_t status, after, count;

    if (!only_known(r) || !read_kind(r, &fault->kind) || !read_text(r, "region", fault->region) ||
        !read_text(r, "ms_region", fault->ms_region) ||
        !read_number(r, "status", 400, 599, 503, &status) ||
        !read_number(r, "delay_ms", 0, DELAY_MAX_MS, 0, &fault->delay_ms) ||
        !read_number(r, "after_bytes", 0, INT64_MAX, 0, &after) ||
        !read_number(r, "retry_after", 0, RETRY_AFTER_MAX_S, 0, &fault->retry_after_s) ||
        !read_number(r, "count", 1, INT64_MAX, INT64_MAX, &count))
        return false;
    if (fault->kind == SIM_FAULT_REGION && !fault->ms_region[0])
        return refuse(r, "ms_region", "the region that answers should name");
    fault->status = (unsigned)status;
    fault->after_bytes = (uint64_t)after;
    fault->left = count == INT64_MAX ? UINT64_MAX : (uint64_t)count;
    return true;
}

bool sim_faults_add(struct sim_faults *f, str json, struct buf *ret_why)
{
    struct sim_fault fault = {.kind = SIM_FAULT_NONE};
    json_error_t error;
    json_t *body = json_loadb(json.n ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &error);
    struct reading r = {body, ret_why};
    bool fine = json_is_object(body);

    if (!fine)
        buf_printf(ret_why, "the body: %s; expected a JSON object",
                   body ? "is JSON of another kind" : error.text);
    fine = fine && read_rule(&r, &fault);
    json_decref(body);
    if (!fine)
        return false;
    pthread_mutex_lock(&f->lock);
    fine = f->n < SIM_FAULTS_MAX;
    if (fine) {
        f->rules[f->n++] = fault;
        atomic_store(&f->n_seen, f->n);
    }
    pthread_mutex_unlock(&f->lock);
    if (!fine)
        buf_printf(ret_why, "there are %d faults already, which is the most", SIM_FAULTS_MAX);
    return fine;
}

void sim_faults_clear(struct sim_faults *f)
{
    pthread_mutex_lock(&f->lock);
    f->n = 0;
    atomic_store(&f->n_seen, 0);
    pthread_mutex_unlock(&f->lock);
}

/* --- using them */

static void remove_at(struct sim_faults *f, size_t i)
{
    memmove(&f->rules[i], &f->rules[i + 1], (f->n - i - 1) * sizeof(f->rules[0]));
    f->n--;
    atomic_store(&f->n_seen, f->n);
}

struct sim_fault sim_faults_take(struct sim_faults *f, str region)
{
    struct sim_fault taken = {.kind = SIM_FAULT_NONE};

    if (atomic_load_explicit(&f->n_seen, memory_order_relaxed) == 0)
        return taken;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n; i++) {
        struct sim_fault *rule = &f->rules[i];

        if (rule->region[0] && !str_eq(str_of(rule->region), region))
            continue;
        taken = *rule;
        if (rule->left != UINT64_MAX && --rule->left == 0)
            remove_at(f, i);
        break;
    }
    pthread_mutex_unlock(&f->lock);
    return taken;
}

static void render_rule(struct json_out *j, const struct sim_fault *rule)
{
    json_open_object(j);
    json_member_str(j, "kind", kind_names[rule->kind]);
    if (rule->region[0])
        json_member_str(j, "region", str_of(rule->region));
    if (rule->kind == SIM_FAULT_STATUS)
        json_member_u64(j, "status", rule->status);
    if (rule->delay_ms)
        json_member_i64(j, "delay_ms", rule->delay_ms);
    if (rule->after_bytes)
        json_member_u64(j, "after_bytes", rule->after_bytes);
    if (rule->retry_after_s)
        json_member_i64(j, "retry_after", rule->retry_after_s);
    if (rule->ms_region[0])
        json_member_str(j, "ms_region", str_of(rule->ms_region));
    if (rule->left != UINT64_MAX)
        json_member_u64(j, "count", rule->left);
    json_close_object(j);
}

void sim_faults_render(struct sim_faults *f, struct buf *to)
{
    struct json_out j;

    json_out_init(&j, to);
    json_open_object(&j);
    json_key(&j, "faults");
    json_open_array(&j);
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < f->n; i++)
        render_rule(&j, &f->rules[i]);
    pthread_mutex_unlock(&f->lock);
    json_close_array(&j);
    json_close_object(&j);
}

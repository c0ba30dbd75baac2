#include "edge/request.h"

#include "base/mem.h"

/* Names by which a client, or a gateway further on, would choose another target than the operator
 * did. */
static const str forbidden[] = {
    STR_INIT("api_base"),
    STR_INIT("base_url"),
    STR_INIT("api_key"),
    STR_INIT("user_config"),
    STR_INIT("model_list"),
    STR_INIT("allowed_model_region"),
    STR_INIT("region_name"),
    STR_INIT("fallbacks"),
    STR_INIT("context_window_fallbacks"),
    STR_INIT("default_fallbacks"),
    STR_INIT("content_policy_fallbacks"),
};

enum { INNER_MEMBERS_MAX = 256, INNER_DEPTH_MAX = 64, LATENCY_BUDGET_MAX_MS = 3600000 };

struct reading {
    const struct json_scan *scan;
    str text;
    struct arena *arena;
    struct request_facts *facts;
    struct request_refusal *refusal;
};

static bool refuse(struct reading *r, enum fault fault, str message, str param)
{
    *r->refusal = (struct request_refusal){fault, message, param};
    return false;
}

static bool refuse_type(struct reading *r, const char *param, const char *expected)
{
    return refuse(r, FAULT_INVALID_FIELD,
                  arena_printf(r->arena, "%s: expected %s", param, expected), str_of(param));
}

static bool check_name(str name, struct arena *arena, struct request_refusal *ret_refusal)
{
    for (size_t k = 0; k < COUNT_OF(forbidden); k++) {
        if (!str_eq(name, forbidden[k]))
            continue;
        *ret_refusal = (struct request_refusal){
            FAULT_FORBIDDEN_FIELD,
            arena_printf(arena,
                         "\"%.*s\" is not taken from clients: the operator says where requests go",
                         STR_ARG(name)),
            forbidden[k]};
        return false;
    }
    return true;
}

static bool check_forbidden(struct reading *r)
{
    for (size_t i = 0; i < json_scan_count(r->scan); i++)
        if (!check_name(json_name_text(json_scan_member(r->scan, i), r->text, r->arena), r->arena,
                        r->refusal))
            return false;
    return true;
}

/* A string member, absent or null: STR_NULL. False if it is something else. */
static bool read_string(struct reading *r, const struct json_scan *scan, str text, const char *name,
                        const char *param, str *ret_value)
{
    const struct json_member *m = json_scan_find(scan, text, str_of(name));

    *ret_value = STR_NULL;
    if (!m || m->kind == JSON_KIND_NULL)
        return true;
    if (m->kind != JSON_KIND_STRING)
        return refuse_type(r, param, "a string");
    *ret_value = json_value_text(m, text, r->arena);
    return true;
}

static bool read_model(struct reading *r)
{
    const struct json_member *m = json_scan_find(r->scan, r->text, STR("model"));

    if (!m)
        return refuse(r, FAULT_MISSING_FIELD, STR("model: expected the name of a model"),
                      STR("model"));
    if (m->kind != JSON_KIND_STRING)
        return refuse_type(r, "model", "a string");
    r->facts->model = json_value_text(m, r->text, r->arena);
    r->facts->model_at = m->value_at;
    r->facts->model_n = m->value_n;
    r->facts->model_quoted = true;
    return true;
}

static bool read_stream(struct reading *r)
{
    const struct json_member *m = json_scan_find(r->scan, r->text, STR("stream"));

    if (m && m->kind != JSON_KIND_TRUE && m->kind != JSON_KIND_FALSE && m->kind != JSON_KIND_NULL)
        return refuse_type(r, "stream", "true or false");
    r->facts->stream = m && m->kind == JSON_KIND_TRUE;
    return true;
}

/* Scans the object that is a member's value; NULL with a refusal if it has a name twice. */
static struct json_scan *scan_inner(struct reading *r, const struct json_member *m,
                                    const char *param)
{
    struct json_scan *inner = json_scan_new(INNER_MEMBERS_MAX, INNER_DEPTH_MAX);
    enum json_scan_result result =
        json_scan_feed(inner, json_value_raw(m, r->text), JSON_SCAN_LAST);

    if (result == JSON_SCAN_DONE)
        return inner;
    refuse(r, result == JSON_SCAN_DUPLICATE ? FAULT_DUPLICATE_FIELD : FAULT_INVALID_FIELD,
           arena_printf(r->arena, "%s: %.*s", param, STR_ARG(json_scan_error_text(inner))),
           str_of(param));
    json_scan_free(inner);
    return NULL;
}

static bool read_metadata(struct reading *r)
{
    const struct json_member *m = json_scan_find(r->scan, r->text, STR("metadata"));

    if (!m || m->kind != JSON_KIND_OBJECT)
        return true; /* other shapes are the upstream's to judge: they can't name a customer */
    struct json_scan *inner = scan_inner(r, m, "metadata");
    if (!inner)
        return false;
    bool fine = read_string(r, inner, json_value_raw(m, r->text), "user_id", "metadata.user_id",
                            &r->facts->metadata_user);
    json_scan_free(inner);
    return fine;
}

/* --- vetted
 * --------------------------------------------------------------------------------------------------------------
 */

static bool read_routing(struct reading *r, str routing)
{
    r->facts->routing_named = routing.n > 0;
    r->facts->carbon_aware = str_eq(routing, STR("carbon_aware"));
    if (routing.n == 0 || r->facts->carbon_aware || str_eq(routing, STR("preferred")))
        return true;
    return refuse(
        r, FAULT_INVALID_ROUTING,
        arena_printf(r->arena,
                     "vetted.routing is \"%.*s\": expected \"carbon_aware\" or \"preferred\"",
                     STR_ARG(routing)),
        STR("vetted.routing"));
}

static bool read_budget(struct reading *r, const struct json_scan *inner, str text)
{
    const struct json_member *m = json_scan_find(inner, text, STR("latency_budget_ms"));
    uint64_t budget_ms;

    if (!m || m->kind == JSON_KIND_NULL)
        return true;
    if (!json_value_u64(m, text, &budget_ms) || budget_ms == 0 || budget_ms > LATENCY_BUDGET_MAX_MS)
        return refuse(r, FAULT_INVALID_LATENCY_BUDGET,
                      STR("vetted.latency_budget_ms: expected a whole number of milliseconds from "
                          "1 to 3600000"),
                      STR("vetted.latency_budget_ms"));
    r->facts->latency_budget_ms = (int64_t)budget_ms;
    return true;
}

static bool read_trace(struct reading *r, const struct json_scan *inner, str text)
{
    const struct json_member *m = json_scan_find(inner, text, STR("trace"));

    if (m && m->kind != JSON_KIND_TRUE && m->kind != JSON_KIND_FALSE && m->kind != JSON_KIND_NULL)
        return refuse_type(r, "vetted.trace", "true or false");
    r->facts->trace = m && m->kind == JSON_KIND_TRUE;
    return true;
}

static bool only_known(struct reading *r, const struct json_scan *inner, str text)
{
    static const str known[] = {STR_INIT("region"), STR_INIT("routing"),
                                STR_INIT("latency_budget_ms"), STR_INIT("trace")};

    for (size_t i = 0; i < json_scan_count(inner); i++) {
        str name = json_name_text(json_scan_member(inner, i), text, r->arena);
        bool found = false;

        for (size_t k = 0; k < COUNT_OF(known); k++)
            found = found || str_eq(name, known[k]);
        if (!found)
            return refuse(r, FAULT_INVALID_FIELD,
                          arena_printf(r->arena,
                                       "vetted.%.*s is not known: expected region, routing, "
                                       "latency_budget_ms or trace",
                                       STR_ARG(name)),
                          arena_printf(r->arena, "vetted.%.*s", STR_ARG(name)));
    }
    return true;
}

static bool read_vetted_members(struct reading *r, const struct json_scan *inner, str text)
{
    str routing;

    return only_known(r, inner, text) &&
           read_string(r, inner, text, "region", "vetted.region", &r->facts->region) &&
           read_string(r, inner, text, "routing", "vetted.routing", &routing) &&
           read_routing(r, routing) && read_budget(r, inner, text) && read_trace(r, inner, text);
}

/* The bytes to leave out: the member and the comma that joins it to a neighbour. */
static void cut_out(struct reading *r, const struct json_member *m)
{
    size_t n = json_scan_count(r->scan), index = (size_t)(m - json_scan_member(r->scan, 0));
    size_t end = (size_t)m->value_at + m->value_n;

    if (index > 0) {
        const struct json_member *before = json_scan_member(r->scan, index - 1);
        size_t from = (size_t)before->value_at + before->value_n;

        r->facts->vetted_at = from;
        r->facts->vetted_n = end - from;
        return;
    }
    r->facts->vetted_at = (size_t)m->name_at - 1;
    r->facts->vetted_n =
        (n > 1 ? (size_t)json_scan_member(r->scan, 1)->name_at - 1 : end) - r->facts->vetted_at;
}

static bool read_vetted(struct reading *r)
{
    const struct json_member *m = json_scan_find(r->scan, r->text, STR("vetted"));

    if (!m)
        return true;
    cut_out(r, m);
    if (m->kind == JSON_KIND_NULL)
        return true;
    if (m->kind != JSON_KIND_OBJECT)
        return refuse_type(r, "vetted", "an object");
    struct json_scan *inner = scan_inner(r, m, "vetted");
    if (!inner)
        return false;
    bool fine = read_vetted_members(r, inner, json_value_raw(m, r->text));
    json_scan_free(inner);
    return fine;
}

bool request_read_json(const struct json_scan *scan, str body, struct arena *arena,
                       struct request_facts *facts, struct request_refusal *ret_refusal)
{
    struct reading r = {scan, body, arena, facts, ret_refusal};

    return check_forbidden(&r) && read_model(&r) && read_stream(&r) &&
           read_string(&r, scan, body, "user", "user", &facts->user) &&
           read_string(&r, scan, body, "previous_response_id", "previous_response_id",
                       &facts->previous_response) &&
           read_metadata(&r) && read_vetted(&r);
}

bool request_read_form(const struct multipart *form, str body, struct arena *arena,
                       struct request_facts *facts, struct request_refusal *ret_refusal)
{
    struct multipart_field model = multipart_model(form), user = multipart_user(form);

    for (size_t i = 0; i < multipart_count(form); i++) {
        struct multipart_field name = multipart_name(form, i);

        if (!check_name(str_make(body.p + name.at, name.n), arena, ret_refusal))
            return false;
    }
    if (!model.found || model.n == 0) {
        *ret_refusal = (struct request_refusal){
            FAULT_MISSING_FIELD, STR("model: expected a form field with a model's name"),
            STR("model")};
        return false;
    }
    facts->model = str_make(body.p + model.at, model.n);
    facts->model_at = model.at;
    facts->model_n = model.n;
    if (user.found)
        facts->user = str_make(body.p + user.at, user.n);
    return true;
}

/* --- derivation
 * ------------------------------------------------------------------------------------------------------------
 */

struct segments {
    struct iovec *list;
    size_t n, bytes;
};

static void add(struct segments *s, const char *p, size_t n)
{
    if (n == 0)
        return;
    s->list[s->n++] = (struct iovec){(char *)p, n};
    s->bytes += n;
}

static str quoted(str model, struct arena *arena)
{
    struct buf text;

    buf_init(&text, 0);
    buf_put_char(&text, '"');
    json_escape(&text, model);
    buf_put_char(&text, '"');
    str copy = arena_copy(arena, buf_str(&text));
    buf_deinit(&text);
    return copy;
}

size_t request_derive_body(const struct request_facts *facts, str body, str model,
                           struct arena *arena, struct iovec **ret_segments, size_t *ret_n)
{
    struct segments s = {.list = arena_alloc(arena, 5 * sizeof(*s.list))};
    struct edit {
        size_t at, n;
        str with;
    } edits[2];
    size_t n_edits = 0, at = 0;

    if (facts->model_n && model.n && !str_eq(model, facts->model))
        edits[n_edits++] = (struct edit){facts->model_at, facts->model_n,
                                         facts->model_quoted ? quoted(model, arena) : model};
    if (facts->vetted_n)
        edits[n_edits++] = (struct edit){facts->vetted_at, facts->vetted_n, STR_NULL};
    if (n_edits == 2 && edits[1].at < edits[0].at) {
        struct edit first = edits[1];

        edits[1] = edits[0];
        edits[0] = first;
    }
    for (size_t i = 0; i < n_edits; i++) {
        add(&s, body.p + at, edits[i].at - at);
        add(&s, edits[i].with.p, edits[i].with.n);
        at = edits[i].at + edits[i].n;
    }
    add(&s, body.p + at, body.n - at);
    *ret_segments = s.list;
    *ret_n = s.n;
    return s.bytes;
}

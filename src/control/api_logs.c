/* Logs of a deployment, or of whatever was in an environment. */

#include "base/clock.h"
#include "base/mem.h"
#include "control/api_internal.h"
#include "control/log_query.h"
#include "control/registry.h"

enum {
    LINES_PRESET = 500,
    WINDOW_MS = 30 * 60 * 1000,              /* if no start is given */
    WINDOW_MAX_MS = 7 * 24 * 60 * 60 * 1000, /* between start and end */
    NAME_BYTES = 256,
    DEPLOYMENTS_MAX = 256,
};

/* --- the query */

static bool take_window(struct api_call *call, struct log_query *q)
{
    uint64_t most = INT64_MAX / NS_PER_MS, now_ms = (uint64_t)(clock_wall_ns() / NS_PER_MS);
    uint64_t end_ms, start_ms;

    if (!api_query_number(call, "end_epoch_millis", 0, most, now_ms + 1, &end_ms) ||
        !api_query_number(call, "start_epoch_millis", 0, most,
                          end_ms > WINDOW_MS ? end_ms - WINDOW_MS : 0, &start_ms))
        return false;
    if (start_ms > end_ms || end_ms - start_ms > WINDOW_MAX_MS) {
        api_error(call, 400, "invalid_field", "start_epoch_millis",
                  "start_epoch_millis: expected a time before end_epoch_millis, by at most 7 days");
        return false;
    }
    q->start_ns = (int64_t)start_ms * NS_PER_MS;
    q->end_ns = (int64_t)end_ms * NS_PER_MS;
    return true;
}

static bool take_words(struct api_call *call, struct log_query *q)
{
    str direction = api_query(call, "direction"), level = api_query(call, "min_level");
    uint64_t limit;

    if (!api_query_number(call, "limit", 1, LOG_QUERY_LINES_MAX, LINES_PRESET, &limit))
        return false;
    q->limit = (size_t)limit;
    q->direction = str_eq(direction, STR("desc")) ? LOG_NEWEST_FIRST : LOG_OLDEST_FIRST;
    q->min_level = level.p ? log_level_of(level) : LOG_LEVEL_DEBUG;
    if (direction.p && !str_eq(direction, STR("asc")) && q->direction == LOG_OLDEST_FIRST)
        api_error(call, 400, "invalid_field", "direction", "direction: expected asc or desc");
    else if (q->min_level == LOG_LEVELS)
        api_error(call, 400, "invalid_field", "min_level",
                  "min_level: expected DEBUG, INFO, WARNING or ERROR");
    else
        return true;
    return false;
}

static bool take_name(struct api_call *call, const char *name, str *field)
{
    str value = api_query(call, name);

    *field = value.p ? value : STR("");
    if (value.n <= NAME_BYTES)
        return true;
    api_error(call, 400, "invalid_field", name, "%s: expected at most %d bytes", name, NAME_BYTES);
    return false;
}

static bool take_texts(struct api_call *call, const char *name, str *texts, size_t *ret_n)
{
    size_t n = api_query_all(call, name, texts, LOG_QUERY_TEXTS_MAX);
    bool fine = n <= LOG_QUERY_TEXTS_MAX;

    for (size_t i = 0; fine && i < n; i++)
        fine = texts[i].n > 0 && texts[i].n <= LOG_QUERY_TEXT_BYTES;
    *ret_n = n;
    if (!fine)
        api_error(call, 400, "invalid_field", name,
                  "%s: expected at most %d texts, each of 1 to %d bytes", name, LOG_QUERY_TEXTS_MAX,
                  LOG_QUERY_TEXT_BYTES);
    return fine;
}

static bool take_query(struct api_call *call, struct log_query *q)
{
    return take_window(call, q) && take_words(call, q) && take_name(call, "replica", &q->replica) &&
           take_name(call, "request_id", &q->request_id) &&
           take_texts(call, "includes", q->includes, &q->n_includes) &&
           take_texts(call, "excludes", q->excludes, &q->n_excludes);
}

static void answer(struct api_call *call, struct log_query *q, const str *deployments, size_t n)
{
    str pattern = api_query(call, "search_pattern");
    const char *wrong = NULL;
    regex_t compiled;

    if (pattern.p)
        wrong = log_pattern_compile(pattern, &compiled);
    if (wrong) {
        api_error(call, 400, "invalid_field", "search_pattern", "search_pattern: %s", wrong);
        return;
    }
    q->pattern = pattern.p ? &compiled : NULL;
    call->json = log_query_run(q, call->api->data_dir, deployments, n);
    if (pattern.p)
        regfree(&compiled);
}

/* --- whose */

enum api_progress api_deployment_logs(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);
    const struct fleet_deployment *d = m ? registry_deployment(call, m) : NULL;
    str chainlet = api_path(call, "chainlet_id");
    struct log_query q = {0};

    if (d && chainlet.p && !str_eq(chainlet, d->id)) {
        api_error(call, 404, "not_found", "chainlet_id",
                  "deployment \"%.*s\" has no chainlet \"%.*s\"", STR_ARG(d->id),
                  STR_ARG(str_upto(chainlet, 200)));
        d = NULL;
    }
    if (d && take_query(call, &q))
        answer(call, &q, &d->id, 1);
    return API_ANSWERED;
}

static void add(str *list, size_t *n, str id)
{
    for (size_t i = 0; i < *n; i++)
        if (str_eq(list[i], id))
            return;
    if (id.n && *n < DEPLOYMENTS_MAX)
        list[(*n)++] = id;
}

/* Every deployment that was in it at some time of the window. */
static size_t list_deployments(const struct fleet *f, const struct fleet_environment *e,
                               const struct log_query *q, str *list)
{
    const struct fleet_promotion *promotion = fleet_find_promotion(f, e->promotion);
    size_t n = 0;

    add(list, &n, e->current);
    if (promotion)
        add(list, &n, promotion->candidate);
    for (struct fleet_usage *u = fleet_first_usage(f); u; u = fleet_next_usage(f, u))
        if (str_eq(u->model, e->model) && str_eq(u->environment, e->name) &&
            u->from_ns < q->end_ns && (!u->to_ns || u->to_ns >= q->start_ns))
            add(list, &n, u->deployment);
    return n;
}

enum api_progress api_environment_logs(struct api_call *call)
{
    const struct fleet_model *m = registry_model(call);
    const struct fleet_environment *e = m ? registry_environment(call, m) : NULL;
    str deployments[DEPLOYMENTS_MAX];
    struct log_query q = {0};

    if (e && take_query(call, &q))
        answer(call, &q, deployments,
               list_deployments(call->api->policy->fleet, e, &q, deployments));
    return API_ANSWERED;
}

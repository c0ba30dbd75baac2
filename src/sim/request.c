/* Reads a request: its path, and in its body how the answer should be. */

#include "sim/exchange.h"

#include "base/json_scan.h"
#include "base/mem.h"

enum { MEMBERS_MAX = 1024, DEPTH_MAX = 256, TOKENS_MAX = 10000000, INTERVAL_MAX_MS = 3600000 };

/* --- where it goes */

static const struct {
    enum http_method method;
    str path;
    enum sim_route route;
} routes[] = {
    {HTTP_METHOD_POST, STR_INIT("/chat/completions"), SIM_ROUTE_CHAT},
    {HTTP_METHOD_POST, STR_INIT("/completions"), SIM_ROUTE_COMPLETION},
    {HTTP_METHOD_POST, STR_INIT("/embeddings"), SIM_ROUTE_EMBEDDING},
    {HTTP_METHOD_POST, STR_INIT("/responses"), SIM_ROUTE_RESPONSE},
    {HTTP_METHOD_POST, STR_INIT("/audio/transcriptions"), SIM_ROUTE_TRANSCRIPTION},
    {HTTP_METHOD_POST, STR_INIT("/audio/translations"), SIM_ROUTE_TRANSCRIPTION},
    {HTTP_METHOD_POST, STR_INIT("/audio/speech"), SIM_ROUTE_SPEECH},
    {HTTP_METHOD_GET, STR_INIT("/models"), SIM_ROUTE_MODELS},
    {HTTP_METHOD_GET, STR_INIT("/health"), SIM_ROUTE_HEALTH},
    {HTTP_METHOD_POST, STR_INIT("/sim/faults"), SIM_ROUTE_FAULTS_ADD},
    {HTTP_METHOD_GET, STR_INIT("/sim/faults"), SIM_ROUTE_FAULTS_LIST},
    {HTTP_METHOD_DELETE, STR_INIT("/sim/faults"), SIM_ROUTE_FAULTS_CLEAR},
    {HTTP_METHOD_GET, STR_INIT("/sim/log"), SIM_ROUTE_LOG},
    {HTTP_METHOD_POST, STR_INIT("/sim/reset"), SIM_ROUTE_RESET},
};

/* Without "/v1", or Azure's "/openai/deployments/{name}" or "/openai". */
static str strip_prefix(str path)
{
    static const str azure = STR_INIT("/openai/deployments/");

    if (str_starts(path, STR("/v1/")))
        return str_from(path, 3);
    if (str_starts(path, azure)) {
        str rest = str_from(path, azure.n);

        return str_from(rest, str_find(rest, '/', 0));
    }
    return str_starts(path, STR("/openai/")) ? str_from(path, 7) : path;
}

enum sim_route sim_route_of(const struct http_head *head)
{
    str path = strip_prefix(str_upto(head->target, str_find(head->target, '?', 0)));

    for (size_t i = 0; i < COUNT_OF(routes); i++)
        if (head->method == routes[i].method && str_eq(path, routes[i].path))
            return routes[i].route;
    return SIM_ROUTE_UNKNOWN;
}

/* --- the body's wishes */

static uint64_t number_of(const struct json_scan *scan, str text, const char *name, uint64_t absent,
                          uint64_t most)
{
    const struct json_member *m = json_scan_find(scan, text, str_of(name));
    uint64_t value;

    return m && json_value_u64(m, text, &value) && value <= most ? value : absent;
}

/* An object inside the body: stream_options, and `sim`, by which a request says how it wants to be
 * simulated. */
static struct json_scan *scan_inside(const struct json_scan *scan, str text, const char *name,
                                     str *ret_text)
{
    const struct json_member *m = json_scan_find(scan, text, str_of(name));

    if (!m || m->kind != JSON_KIND_OBJECT)
        return NULL;
    struct json_scan *inner = json_scan_new(MEMBERS_MAX, DEPTH_MAX);
    *ret_text = json_value_raw(m, text);
    if (json_scan_feed(inner, *ret_text, JSON_SCAN_LAST) == JSON_SCAN_DONE)
        return inner;
    json_scan_free(inner);
    return NULL;
}

static void read_options(struct sim_exchange *x, const struct json_scan *scan, str text)
{
    const struct json_member *usage;
    str inner_text;
    struct json_scan *inner = scan_inside(scan, text, "stream_options", &inner_text);

    if (inner) {
        usage = json_scan_find(inner, inner_text, STR("include_usage"));
        x->usage = usage && usage->kind == JSON_KIND_TRUE ? SIM_WITH_USAGE : SIM_WITHOUT_USAGE;
        json_scan_free(inner);
    }
    inner = scan_inside(scan, text, "sim", &inner_text);
    if (inner) {
        x->answer.tokens = number_of(inner, inner_text, "tokens", x->answer.tokens, TOKENS_MAX);
        x->interval_ms = (int64_t)number_of(inner, inner_text, "interval_ms",
                                            (uint64_t)x->interval_ms, INTERVAL_MAX_MS);
        x->delay_ms = (int64_t)number_of(inner, inner_text, "delay_ms", (uint64_t)x->delay_ms,
                                         INTERVAL_MAX_MS);
        json_scan_free(inner);
    }
}

/* How many texts an embedding request has: counted by the commas between strings would be wrong, so
 * only an array's top level is looked at. */
static size_t count_inputs(const struct json_scan *scan, str text)
{
    const struct json_member *m = json_scan_find(scan, text, STR("input"));
    size_t n = 1, depth = 0;
    bool quoted = false;

    if (!m || m->kind != JSON_KIND_ARRAY)
        return 1;
    str array = json_value_raw(m, text);
    for (size_t i = 0; i < array.n; i++) {
        char c = array.p[i];

        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == ']') {
            depth += c == '[' ? 1 : (size_t)-1;
        } else if (c == ',' && depth == 1) {
            n++;
        }
    }
    return n;
}

static void read_json(struct sim_exchange *x, const struct json_scan *scan, str text)
{
    const struct json_member *model = json_scan_find(scan, text, STR("model"));
    const struct json_member *stream = json_scan_find(scan, text, STR("stream"));
    uint64_t most;

    if (model && model->kind == JSON_KIND_STRING)
        x->answer.model = json_value_text(model, text, &x->arena);
    x->stream = stream && stream->kind == JSON_KIND_TRUE &&
                (x->route == SIM_ROUTE_CHAT || x->route == SIM_ROUTE_COMPLETION ||
                 x->route == SIM_ROUTE_RESPONSE);
    most = number_of(scan, text, "max_tokens", UINT64_MAX, TOKENS_MAX);
    most = number_of(scan, text, "max_completion_tokens", most, TOKENS_MAX);
    most = number_of(scan, text, "max_output_tokens", most, TOKENS_MAX);
    read_options(x, scan, text);
    if (most && most < x->answer.tokens)
        x->answer.tokens = most;
    x->n_inputs = x->route == SIM_ROUTE_EMBEDDING ? count_inputs(scan, text) : 1;
}

bool sim_read_body(struct sim_exchange *x, str *ret_why)
{
    str text = buf_str(&x->body);

    if (x->route == SIM_ROUTE_TRANSCRIPTION)
        return true;
    struct json_scan *scan = json_scan_new(MEMBERS_MAX, DEPTH_MAX);
    bool fine = json_scan_feed(scan, text, JSON_SCAN_LAST) == JSON_SCAN_DONE;
    if (fine)
        read_json(x, scan, text);
    else
        *ret_why = json_scan_error_text(scan);
    json_scan_free(scan);
    return fine;
}

#include "control/api.h"

#include "base/json_out.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

struct pending {
    struct api *api;
    struct api_reply reply;
    api_respond_fn respond;
    void *ctx;
};

void api_error(struct api_reply *reply, unsigned status, const char *code, const char *param,
               const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    json_decref(reply->json);
    reply->status = status;
    reply->changed = false;
    reply->json = json_pack("{s:{s:s%,s:s,s:s?,s:s}}", "error", "message", message, strlen(message),
                            "type", status >= 500 ? "server_error" : "invalid_request_error",
                            "param", param, "code", code);
    if (!reply->json) /* the message quoted bytes that are not UTF-8 */
        reply->json = json_pack("{s:{s:s,s:s,s:s?,s:s}}", "error", "message",
                                "the request holds bytes that are not UTF-8", "type",
                                "invalid_request_error", "param", param, "code", code);
}

json_t *api_body(const struct api_request *request, struct api_reply *reply)
{
    json_error_t error;
    json_t *body = json_loadb(request->body.p ? request->body.p : "", request->body.n,
                              JSON_REJECT_DUPLICATES, &error);

    if (json_is_object(body))
        return body;
    if (body)
        api_error(reply, 400, "invalid_json", NULL, "the body: expected a JSON object");
    else
        api_error(reply, 400, "invalid_json", NULL, "the body: %s at byte %d", error.text,
                  error.position);
    json_decref(body);
    return NULL;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = str_lower_char(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static str percent_decode(str text, struct arena *arena)
{
    char *to = arena_alloc(arena, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        bool escaped = text.p[i] == '%' && i + 2 < text.n && hex_value(text.p[i + 1]) >= 0 &&
                       hex_value(text.p[i + 2]) >= 0;

        char c = text.p[i] == '+' ? (char)' ' : text.p[i];

        if (escaped)
            c = (char)(hex_value(text.p[i + 1]) << 4 | hex_value(text.p[i + 2]));
        to[n++] = c;
        i += escaped ? 2 : 0;
    }
    return str_make(to, n);
}

str api_query(const struct api_request *request, const char *name, struct arena *arena)
{
    for (str rest = request->query; rest.n;) {
        str pair = str_cut(&rest, '&');
        size_t equals = str_find(pair, '=', 0);

        if (str_eq(str_upto(pair, equals), str_of(name)))
            return percent_decode(str_from(pair, equals + 1), arena);
    }
    return STR_NULL;
}

/* --- small handlers
 * ----------------------------------------------------------------------------------------------------------
 */

static bool may(const struct api_request *request, uint32_t scope, struct api_reply *reply)
{
    str name = catalog_scope_name(scope);

    if (request->scopes & scope)
        return true;
    api_error(reply, 403, "insufficient_scope", NULL, "this API key lacks the scope %.*s",
              STR_ARG(name));
    return false;
}

static void handle_reload(struct api *api, const struct api_request *request,
                          struct api_reply *reply)
{
    struct buf why;
    json_t *body = NULL;
    enum policy_widening widening = POLICY_KEEP_NARROW;

    if (!may(request, SCOPE_OPERATE, reply))
        return;
    if (request->body.n && !(body = api_body(request, reply)))
        return;
    if (json_is_true(json_object_get(body, "allow_widening"))) {
        if (!may(request, SCOPE_POLICY_WIDEN, reply)) {
            json_decref(body);
            return;
        }
        widening = POLICY_ALLOW_WIDENING;
    }
    json_decref(body);
    buf_init(&why, 0);
    enum policy_reload result = policy_reload(api->policy, widening, request->actor, &why);
    buf_put_char(&why, '\0');
    if (result == POLICY_INVALID) {
        api_error(reply, 422, "invalid_configuration", NULL, "%s", why.p);
    } else if (result == POLICY_WOULD_WIDEN) {
        api_error(reply, 409, "would_widen", NULL,
                  "the file would widen rules; send allow_widening to let it: %s", why.p);
    } else {
        reply->changed = result == POLICY_RELOADED;
        if (reply->changed)
            link_server_publish(api->link, LINK_CUSTOMERS_ALL);
        reply->json = json_pack("{s:b,s:I}", "reloaded", reply->changed, "revision",
                                (json_int_t)policy_revision(api->policy));
    }
    buf_deinit(&why);
}

static void handle_edges(struct api *api, const struct api_request *request,
                         struct api_reply *reply)
{
    struct json_out j;

    if (!may(request, SCOPE_POLICY_READ, reply))
        return;
    json_out_init(&j, &reply->text);
    json_open_object(&j);
    json_member_u64(&j, "revision", policy_revision(api->policy));
    json_key(&j, "edges");
    json_open_array(&j);
    link_server_list(api->link, &j);
    json_close_array(&j);
    json_close_object(&j);
}

static void handle_health(struct api_reply *reply)
{
    reply->json = json_pack("{s:s}", "status", "ok");
}

/* --- metrics: every edge's samples, with a label that says whose they are
 * -------------------------------------------------------- */

static void put_labelled(struct buf *to, str line, str edge)
{
    size_t brace = str_find(line, '{', 0), space = str_find(line, ' ', 0);

    if (brace < space) {
        buf_put_str(to, str_upto(line, brace + 1));
        buf_printf(to, "edge=\"%.*s\",", STR_ARG(edge));
        buf_put_str(to, str_from(line, brace + 1));
    } else {
        buf_put_str(to, str_upto(line, space));
        buf_printf(to, "{edge=\"%.*s\"}", STR_ARG(edge));
        buf_put_str(to, str_from(line, space));
    }
    buf_put_char(to, '\n');
}

/* The lines of a family in an edge's text: from its HELP line to the next one. */
static str family_of(str text, str help)
{
    size_t at = str_search(text, help);

    if (at == text.n)
        return STR_NULL;
    str rest = str_from(text, at + help.n);
    return str_upto(rest, str_search(rest, STR("# HELP ")));
}

static void put_family(struct buf *to, str help, const struct link_reply *replies, size_t n)
{
    bool typed = false;

    buf_put_str(to, help);
    for (size_t i = 0; i < n; i++)
        for (str lines = family_of(replies[i].bytes, help); lines.n;) {
            str line = str_cut(&lines, '\n');

            if (str_starts(line, STR("# TYPE "))) {
                if (!typed)
                    buf_printf(to, "%.*s\n", STR_ARG(line));
                typed = true;
            } else if (line.n) {
                put_labelled(to, line, replies[i].edge);
            }
        }
}

static void merge(struct buf *to, const struct link_reply *replies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (str rest = replies[i].bytes; rest.n;) {
            str line = str_cut(&rest, '\n');
            str help = str_make(line.p, line.n + 1);
            bool seen = false;

            if (!str_starts(line, STR("# HELP ")))
                continue;
            for (size_t k = 0; k < i && !seen; k++)
                seen = str_search(replies[k].bytes, help) < replies[k].bytes.n;
            if (!seen)
                put_family(to, help, replies, n);
        }
}

static void respond(struct pending *p)
{
    struct api_reply *reply = &p->reply;
    char *text = reply->json ? json_dumps(reply->json, JSON_COMPACT) : NULL;
    str body = text ? str_of(text) : buf_str(&reply->text);

    p->respond(p->ctx, reply->status, str_of(reply->content_type), body);
    free(text);
    json_decref(reply->json);
    buf_deinit(&reply->text);
    mem_free(p);
}

static void on_metrics(void *ctx, const struct link_reply *replies, size_t n)
{
    struct pending *p = ctx;

    p->reply.content_type = "text/plain; version=0.0.4";
    merge(&p->reply.text, replies, n);
    buf_printf(&p->reply.text,
               "# HELP ambit_control_edges Edges that are connected.\n# TYPE ambit_control_edges "
               "gauge\nambit_control_edges %zu\n"
               "# HELP ambit_control_revision The newest policy revision.\n# TYPE "
               "ambit_control_revision gauge\n"
               "ambit_control_revision %llu\n",
               link_server_edges(p->api->link),
               (unsigned long long)policy_revision(p->api->policy));
    respond(p);
}

/* --- routing
 * ------------------------------------------------------------------------------------------------------------------
 */

static void on_in_force(void *ctx, str missing)
{
    struct pending *p = ctx;

    if (missing.n && json_is_object(p->reply.json)) {
        json_object_set_new(p->reply.json, "in_force", json_false());
        json_object_set_new(p->reply.json, "not_in_force", json_stringn(missing.p, missing.n));
    }
    respond(p);
}

static bool is(const struct api_request *request, const char *method, const char *path)
{
    return str_eq(request->method, str_of(method)) && str_eq(request->path, str_of(path));
}

static bool customers(struct api *api, const struct api_request *request, struct api_reply *reply)
{
    static const str prefixes[] = {STR_INIT("/customer/"), STR_INIT("/end_user/")};

    for (size_t i = 0; i < COUNT_OF(prefixes); i++)
        if (str_starts(request->path, prefixes[i]))
            return !may(request, SCOPE_CUSTOMERS, reply) ||
                   api_customers(api, str_from(request->path, prefixes[i].n), request, reply);
    return false;
}

void api_handle(struct api *api, const struct api_request *request, api_respond_fn on_answer,
                void *ctx)
{
    struct pending *p = mem_zalloc(sizeof(*p));
    struct api_reply *reply = &p->reply;

    *p = (struct pending){.api = api, .respond = on_answer, .ctx = ctx};
    reply->status = 200;
    reply->content_type = "application/json";
    buf_init(&reply->text, 0);
    if (is(request, "GET", "/metrics") && may(request, SCOPE_METRICS, reply)) {
        link_server_query(api->link, STR("metrics"), on_metrics, p);
        return;
    }
    if (is(request, "GET", "/health/live") || is(request, "GET", "/health/ready"))
        handle_health(reply);
    else if (is(request, "POST", "/v1/reload"))
        handle_reload(api, request, reply);
    else if (is(request, "GET", "/v1/edges"))
        handle_edges(api, request, reply);
    else if (reply->status == 200 && !customers(api, request, reply))
        api_error(reply, 404, "not_found", NULL,
                  "%.*s %.*s is nothing that the control plane serves", STR_ARG(request->method),
                  STR_ARG(request->path));
    if (reply->changed)
        link_server_when_in_force(api->link, policy_revision(api->policy), on_in_force, p);
    else
        respond(p);
}

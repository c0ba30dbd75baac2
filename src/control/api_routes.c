/*
 * The table of the management API, and the way of a call through it: path, method, scope, handler,
 * answer. Whoever asks for a path that is not there learns so whatever their key may do; the paths
 * themselves are no secret.
 */

#include "base/mem.h"
#include "control/api_internal.h"

struct route {
    str method;
    str path;        /* "{id}" stands for one segment */
    uint32_t scopes; /* one of them is needed; 0: no key at all */
    api_handle_fn handle;
};

#define READERS (SCOPE_POLICY_READ | SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN)

static const struct route routes[] = {
    {STR_INIT("POST"), STR_INIT("/customer/new"), SCOPE_CUSTOMERS, api_customer_new},
    {STR_INIT("POST"), STR_INIT("/customer/update"), SCOPE_CUSTOMERS, api_customer_update},
    {STR_INIT("GET"), STR_INIT("/customer/info"), SCOPE_CUSTOMERS, api_customer_info},
    {STR_INIT("GET"), STR_INIT("/customer/list"), SCOPE_CUSTOMERS, api_customer_list},
    {STR_INIT("POST"), STR_INIT("/customer/delete"), SCOPE_CUSTOMERS, api_customer_delete},
    {STR_INIT("POST"), STR_INIT("/customer/block"), SCOPE_CUSTOMERS, api_customer_block},
    {STR_INIT("POST"), STR_INIT("/customer/unblock"), SCOPE_CUSTOMERS, api_customer_unblock},
    {STR_INIT("POST"), STR_INIT("/v1/keys"), SCOPE_KEYS, api_key_new},
    {STR_INIT("GET"), STR_INIT("/v1/keys"), SCOPE_KEYS | READERS, api_key_list},
    {STR_INIT("DELETE"), STR_INIT("/v1/keys/{id}"), SCOPE_KEYS, api_key_delete},
    {STR_INIT("GET"), STR_INIT("/v1/organization"), READERS, api_organization_get},
    {STR_INIT("PUT"), STR_INIT("/v1/organization"), SCOPE_POLICY_WRITE | SCOPE_POLICY_WIDEN,
     api_organization_put},
    {STR_INIT("DELETE"), STR_INIT("/v1/organization"), SCOPE_POLICY_WIDEN, api_organization_delete},
    {STR_INIT("GET"), STR_INIT("/v1/regions"), READERS, api_regions},
    {STR_INIT("GET"), STR_INIT("/v1/zones"), READERS, api_zones},
    {STR_INIT("GET"), STR_INIT("/v1/rules"), READERS, api_rules},
    {STR_INIT("POST"), STR_INIT("/v1/permits/explain"), READERS, api_explain},
    {STR_INIT("GET"), STR_INIT("/v1/endpoints"), READERS | SCOPE_OPERATE, api_endpoint_list},
    {STR_INIT("POST"), STR_INIT("/v1/endpoints/{id}/withdraw"), SCOPE_OPERATE,
     api_endpoint_withdraw},
    {STR_INIT("POST"), STR_INIT("/v1/endpoints/{id}/return_to_service"), SCOPE_OPERATE,
     api_endpoint_return},
    {STR_INIT("GET"), STR_INIT("/v1/audit"), READERS, api_audit},
    {STR_INIT("GET"), STR_INIT("/v1/reports/residency"), READERS, api_report_residency},
    {STR_INIT("GET"), STR_INIT("/v1/edges"), READERS | SCOPE_OPERATE, api_edges},
    {STR_INIT("GET"), STR_INIT("/v1/configuration"), READERS | SCOPE_OPERATE, api_configuration},
    {STR_INIT("POST"), STR_INIT("/v1/reload"), SCOPE_OPERATE, api_reload},
    {STR_INIT("GET"), STR_INIT("/metrics"), SCOPE_METRICS, api_metrics},
    {STR_INIT("GET"), STR_INIT("/health/live"), 0, api_health_live},
    {STR_INIT("GET"), STR_INIT("/health/ready"), 0, api_health_ready},
};

/* --- answering */

static void respond(struct api_call *call)
{
    char *text = call->json ? json_dumps(call->json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    struct api_answer answer = {
        .status = call->status,
        .content_type = call->content_type,
        .allow = call->allow,
        .body = call->json ? str_of(text) : buf_str(&call->text),
    };

    call->respond(call->ctx, &answer);
    free(text);
    json_decref(call->json);
    buf_deinit(&call->text);
    arena_deinit(&call->arena);
    mem_free(call);
}

static void on_in_force(void *ctx, const str *missing, size_t n_missing)
{
    struct api_call *call = ctx;
    json_t *names;

    if (n_missing && json_is_object(call->json)) {
        names = json_array();
        for (size_t i = 0; i < n_missing; i++)
            json_array_append_new(names, json_stringn(missing[i].p, missing[i].n));
        json_object_set_new(call->json, "in_force", json_false());
        json_object_set_new(call->json, "not_in_force", names);
    }
    respond(call);
}

void api_finish(struct api_call *call)
{
    struct api *api = call->api;

    if (call->changed)
        link_server_when_in_force(api->link, policy_revision(api->policy), on_in_force, call);
    else
        respond(call);
}

/* --- finding the route */

static bool match_path(str pattern, str path, str *ret_id)
{
    size_t brace = str_search(pattern, STR("{id}"));
    str id = STR_NULL;

    if (brace < pattern.n) {
        if (!str_starts(path, str_upto(pattern, brace)))
            return false;
        str rest = str_from(path, brace);
        id = str_upto(rest, str_find(rest, '/', 0));
        path = str_from(rest, id.n);
        pattern = str_from(pattern, brace + 4);
        if (id.n == 0)
            return false;
    }
    *ret_id = id;
    return str_eq(pattern, path);
}

/* Both of LiteLLM's prefixes. */
static str plain_path(struct api_call *call)
{
    str path = call->request.path;

    return str_starts(path, STR("/end_user/"))
               ? arena_printf(&call->arena, "/customer/%.*s", STR_ARG(str_from(path, 10)))
               : path;
}

static const struct route *find_route(struct api_call *call)
{
    const struct route *found = NULL;
    str path = plain_path(call), id;
    struct buf methods;

    buf_init(&methods, 0);
    for (size_t i = 0; i < COUNT_OF(routes) && !found; i++) {
        if (!match_path(routes[i].path, path, &id))
            continue;
        if (str_eq(routes[i].method, call->request.method)) {
            found = &routes[i];
            call->id = id.p ? api_decode(&call->arena, id, API_PLUS_AS_IT_IS) : STR_NULL;
        } else {
            buf_printf(&methods, "%s%.*s", methods.n ? ", " : "", STR_ARG(routes[i].method));
        }
    }
    if (!found && methods.n) {
        call->allow = arena_copy(&call->arena, buf_str(&methods));
        api_error(call, 405, "method_not_allowed", NULL, "%.*s: expected %.*s",
                  STR_ARG(str_upto(path, 200)), STR_ARG(call->allow));
    } else if (!found) {
        api_error(call, 404, "not_found", NULL,
                  "%.*s is nothing that the control plane serves; the paths are in "
                  "docs/management.md",
                  STR_ARG(str_upto(path, 200)));
    } else if (str_search(found->path, STR("{id}")) < found->path.n && !call->id.p) {
        found = NULL;
        api_error(call, 400, "invalid_path", NULL, "the path has a malformed %%-escape");
    }
    buf_deinit(&methods);
    return found;
}

void api_handle(struct api *api, const struct api_request *request, api_respond_fn on_answer,
                void *ctx)
{
    struct api_call *call = mem_zalloc(sizeof(*call));

    *call = (struct api_call){
        .api = api,
        .request = *request,
        .status = 200,
        .content_type = STR("application/json"),
        .respond = on_answer,
        .ctx = ctx,
    };
    arena_init(&call->arena, NULL, 0);
    buf_init(&call->text, 0);
    /* The catalog that has the key's id goes away with a change. */
    call->request.actor = arena_copy(&call->arena, request->actor);
    const struct route *route = find_route(call);
    bool allowed = route && (!route->scopes || api_may(call, route->scopes, "this"));
    if (!allowed || route->handle(call) == API_ANSWERED)
        api_finish(call);
}

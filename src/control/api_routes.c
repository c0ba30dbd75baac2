/*
 * The way of a call through the management API: path, method, scope, handler, answer; the table is
 * in api_table.c. Whoever asks for a path that is not there learns so whatever their key may do;
 * the paths themselves are no secret.
 */

#include "base/mem.h"
#include "control/api_internal.h"
#include "control/registry.h"

#include <assert.h>

/* --- answering */

static void respond(struct api_call *call)
{
    char *text = call->json ? json_dumps(call->json, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    struct api_answer answer = {
        .status = call->status,
        .content_type = call->content_type,
        .allow = call->allow,
        .etag = call->etag,
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

struct raw_path {
    struct api_path_parameter parameters[API_PATH_PARAMETERS_MAX];
    size_t n;
};

/* Segment by segment; a parameter stands for one that is not empty. */
static bool match_path(str pattern, str path, struct raw_path *ret_found)
{
    ret_found->n = 0;
    for (;;) {
        size_t pattern_end = str_find(pattern, '/', 0), end = str_find(path, '/', 0);
        str expected = str_upto(pattern, pattern_end), found = str_upto(path, end);

        if (str_starts(expected, STR("{")) && found.n) {
            assert(ret_found->n < API_PATH_PARAMETERS_MAX);
            ret_found->parameters[ret_found->n++] =
                (struct api_path_parameter){str_make(expected.p + 1, expected.n - 2), found};
        } else if (!str_eq(expected, found)) {
            return false;
        }
        if (pattern_end == pattern.n || end == path.n)
            return pattern_end == pattern.n && end == path.n;
        pattern = str_from(pattern, pattern_end + 1);
        path = str_from(path, end + 1);
    }
}

/* Both of LiteLLM's prefixes. */
static str plain_path(struct api_call *call)
{
    str path = call->request.path;

    return str_starts(path, STR("/end_user/"))
               ? arena_printf(&call->arena, "/customer/%.*s", STR_ARG(str_from(path, 10)))
               : path;
}

static bool take_parameters(struct api_call *call, const struct raw_path *raw)
{
    for (size_t i = 0; i < raw->n; i++) {
        str value = api_decode(&call->arena, raw->parameters[i].value, API_PLUS_AS_IT_IS);

        if (!value.p) {
            api_error(call, 400, "invalid_path", NULL, "the path has a malformed %%-escape");
            return false;
        }
        call->path[call->n_path++] = (struct api_path_parameter){raw->parameters[i].name, value};
    }
    return true;
}

static void refuse_path(struct api_call *call, str path, str methods)
{
    if (methods.n) {
        call->allow = arena_copy(&call->arena, methods);
        api_error(call, 405, "method_not_allowed", NULL, "%.*s: expected %.*s",
                  STR_ARG(str_upto(path, 200)), STR_ARG(call->allow));
    } else {
        api_error(call, 404, "not_found", NULL,
                  "%.*s is nothing that the control plane serves; the paths are in "
                  "docs/management.md",
                  STR_ARG(str_upto(path, 200)));
    }
}

static const struct api_route *find_route(struct api_call *call)
{
    const struct api_route *found = NULL;
    str path = plain_path(call), first = STR_NULL;
    struct raw_path raw;
    struct buf methods;

    buf_init(&methods, 0);
    for (size_t i = 0; i < api_n_routes && !found; i++) {
        str pattern = str_of(api_routes[i].path);

        /* Of several patterns the first is meant: /v1/users/me is no {user_id}. */
        if (!match_path(pattern, path, &raw) || (first.p && !str_eq(first, pattern)))
            continue;
        first = pattern;
        if (str_eq(str_of(api_routes[i].method), call->request.method))
            found = &api_routes[i];
        else
            buf_printf(&methods, "%s%s", methods.n ? ", " : "", api_routes[i].method);
    }
    if (!found)
        refuse_path(call, path, buf_str(&methods));
    else if (!take_parameters(call, &raw))
        found = NULL;
    buf_deinit(&methods);
    return found;
}

static bool is_unlimited(struct api_call *call)
{
    struct registry_caller caller = registry_caller(call);

    if (!caller.team.n && (!caller.key || (!caller.key->n_models && !caller.key->n_environments)))
        return true;
    api_error(call, 403, "key_limited", NULL,
              "this key is limited to a team, models or environments, and this concerns more");
    return false;
}

static bool is_for_whole_team(struct api_call *call)
{
    const struct catalog_key *key = registry_caller(call).key;

    if (!key || (!key->n_models && !key->n_environments))
        return true;
    api_error(call, 403, "key_limited", NULL,
              "this key is limited to models or environments, and this concerns more");
    return false;
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
    const struct api_route *route = find_route(call);
    bool allowed = route && (!route->scopes || api_may(call, route->scopes, "this")) &&
                   (!(route->scopes & API_UNLIMITED_KEYS) || is_unlimited(call)) &&
                   (!(route->scopes & API_WHOLE_TEAM_KEYS) || is_for_whole_team(call));
    if (!allowed || route->handle(call) == API_ANSWERED)
        api_finish(call);
}

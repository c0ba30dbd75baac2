/*
 * The OpenAPI document of the management API. Its paths come from the table of routes, so that none
 * can be missing; its schemas and query parameters from openapi-schemas.json, which is part of the
 * program. What a schema says is not what decides (the handlers do); that the two agree is tested
 * by requests made from the document.
 */

#include "base/json_out.h"
#include "control/api_internal.h"
#include "control/render.h"

#include <ctype.h>

extern const char openapi_schemas[];
extern const unsigned long openapi_schemas_bytes;

static json_t *reference(const char *kind, str name)
{
    struct arena arena;

    arena_init(&arena, NULL, 0);
    str path = arena_printf(&arena, "#/components/%s/%.*s", kind, STR_ARG(name));
    json_t *value = json_pack("{s:o}", "$ref", render_str(path));
    arena_deinit(&arena);
    return value;
}

/* An answer or a request body of JSON with that schema. */
static json_t *content(const char *description, str schema)
{
    return json_pack("{s:s, s:{s:{s:o}}}", "description", description, "content",
                     "application/json", "schema", reference("schemas", schema));
}

static json_t *parameters_of(const struct api_route *route)
{
    str path = str_of(route->path), query = str_of(route->query);
    json_t *list = json_array();

    while (path.n) {
        str segment = str_cut(&path, '/');

        if (str_starts(segment, STR("{")))
            json_array_append_new(
                list, json_pack("{s:o, s:s, s:b, s:{s:s, s:i}}", "name",
                                render_str(str_make(segment.p + 1, segment.n - 2)), "in", "path",
                                "required", 1, "schema", "type", "string", "minLength", 1));
    }
    while (query.n)
        json_array_append_new(list, reference("parameters", str_cut(&query, ' ')));
    return list;
}

/* "get_v1_models_model_id" */
static json_t *operation_id(const struct api_route *route)
{
    struct buf id;

    buf_init(&id, 0);
    for (const char *c = route->method; *c; c++)
        buf_put_char(&id, (char)tolower((unsigned char)*c));
    for (const char *c = route->path; *c; c++)
        if (*c == '/')
            buf_put_char(&id, '_');
        else if (*c == '_' || isalnum((unsigned char)*c))
            buf_put_char(&id, *c);
    json_t *value = render_str(buf_str(&id));
    buf_deinit(&id);
    return value;
}

/* "package" is no JSON; '?' behind a name: a body may be left out. */
static json_t *request_body(str name)
{
    bool optional = str_ends(name, STR("?"));
    json_t *body = str_eq(name, STR("package"))
                       ? json_pack("{s:{s:{s:{s:s, s:s}}}}", "content", "application/octet-stream",
                                   "schema", "type", "string", "format", "binary")
                       : content("What is asked for", str_upto(name, name.n - optional));

    json_object_set_new(body, "required", json_boolean(!optional));
    return body;
}

static json_t *operation(const struct api_route *route)
{
    json_t *text = json_pack("{s:s, s:{s:{s:{s:s}}}}", "description", "Done", "content",
                             "text/plain", "schema", "type", "string");
    json_t *done = *route->response ? content("Done", str_of(route->response)) : json_incref(text);
    json_t *value =
        json_pack("{s:s, s:o, s:o, s:{s:o, s:o}}", "summary", route->summary, "operationId",
                  operation_id(route), "parameters", parameters_of(route), "responses", "200", done,
                  "default", content("It was not done", STR("Error")));

    json_decref(text);
    if (*route->request)
        json_object_set_new(value, "requestBody", request_body(str_of(route->request)));
    if (route->scopes)
        json_object_set_new(value, "x-ambit-scopes", render_scopes(route->scopes));
    if (!route->scopes)
        json_object_set_new(value, "security", json_array());
    else if (route->scopes ==
             SCOPE_METRICS) /* the operator may take none from the loopback interface */
        json_object_set_new(value, "security", json_pack("[{}, {s:[]}]", "key"));
    return value;
}

static json_t *paths(void)
{
    json_t *all = json_object();

    for (size_t i = 0; i < api_n_routes; i++) {
        const struct api_route *route = &api_routes[i];
        json_t *methods = json_object_get(all, route->path);
        char method[8] = "";

        for (size_t k = 0; route->method[k]; k++)
            method[k] = (char)tolower((unsigned char)route->method[k]);
        if (!methods) {
            methods = json_object();
            json_object_set_new(all, route->path, methods);
        }
        json_object_set_new(methods, method, operation(route));
    }
    return all;
}

enum api_progress api_openapi(struct api_call *call)
{
    call->json = json_loadb(openapi_schemas, openapi_schemas_bytes, 0, NULL);
    json_object_set_new(call->json, "paths", paths());
    return API_ANSWERED;
}

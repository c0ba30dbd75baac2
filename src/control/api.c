#include "control/api.h"

#include "base/random.h"
#include "config/rule_json.h"
#include "control/render.h"

#include <stdarg.h>
#include <stdio.h>

enum { MESSAGE_BYTES = 1024 };

/* --- errors */

void api_error(struct api_call *call, unsigned status, const char *code, const char *param,
               const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    json_decref(call->json);
    call->status = status;
    call->changed = false;
    call->etag = STR_NULL;
    call->json =
        json_pack("{s:{s:o,s:s,s:o,s:s},s:o}", "error", "message", render_str(str_of(message)),
                  "type", status >= 500 ? "server_error" : "invalid_request_error", "param",
                  render_str(str_of(param)), "code", code, "message", render_str(str_of(message)));
}

str api_path(const struct api_call *call, const char *name)
{
    for (size_t i = 0; i < call->n_path; i++)
        if (str_eq(call->path[i].name, str_of(name)))
            return call->path[i].value;
    return STR_NULL;
}

bool api_matches(struct api_call *call, str etag)
{
    str wanted = call->request.if_match, rest = wanted;

    if (wanted.n == 0)
        return true;
    while (etag.n && rest.n) {
        str one = str_trim(str_cut(&rest, ','));

        if (str_eq(one, STR("*")) || str_eq(one, etag))
            return true;
    }
    api_error(call, 409, "version_conflict", NULL,
              "somebody has changed it since: If-Match names %.*s, and it is %.*s; read it again",
              STR_ARG(str_upto(wanted, 100)), STR_ARG(etag.n ? etag : STR("not there")));
    return false;
}

void api_store_failed(struct api_call *call)
{
    api_error(call, 500, "store_failed", NULL, "the store failed; nothing was changed");
}

bool api_may(struct api_call *call, uint32_t scopes, const char *what)
{
    struct buf names;

    if (call->request.scopes & scopes)
        return true;
    buf_init(&names, 0);
    for (uint32_t bit = 1; bit && bit <= SCOPE_ALL; bit <<= 1)
        if (scopes & bit) {
            str name = catalog_scope_name(bit);

            buf_printf(&names, "%s%.*s", names.n ? " or " : "", STR_ARG(name));
        }
    api_error(call, 403, "insufficient_scope", NULL,
              "%s needs the scope %.*s, which this key lacks", what, STR_ARG(buf_str(&names)));
    buf_deinit(&names);
    return false;
}

static void refuse_catalog(struct api_call *call, const struct diagnostics *d)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->list[i].level == DIAGNOSTIC_ERROR) {
            api_error(call, 400, "invalid_policy", NULL, "%.*s; nothing was changed",
                      STR_ARG(d->list[i].message));
            return;
        }
    api_store_failed(call);
}

bool api_commit(struct api_call *call, struct change *change)
{
    struct diagnostics diagnostics;

    diagnostics_init(&diagnostics);
    int r = change_commit(change, NULL, &diagnostics);
    if (r < 0)
        refuse_catalog(call, &diagnostics);
    else
        call->changed = true;
    diagnostics_deinit(&diagnostics);
    return r == 0;
}

/* --- bodies */

json_t *api_body(struct api_call *call)
{
    str text = call->request.body;
    json_error_t error;
    json_t *body = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);

    if (json_is_object(body))
        return body;
    if (body)
        api_error(call, 400, "invalid_json", NULL, "the body: expected a JSON object");
    else if (text.n == 0)
        api_error(call, 400, "invalid_json", NULL,
                  "the body: expected a JSON object, but there is none");
    else
        api_error(call, 400, "invalid_json", NULL, "the body: %s, at line %d, column %d, byte %d",
                  error.text, error.line, error.column, error.position);
    json_decref(body);
    return NULL;
}

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static void refuse_member(struct api_call *call, const char *where, const char *wrong,
                          const char *const *names, size_t n)
{
    str *list = arena_alloc(&call->arena, (n + 1) * sizeof(*list));
    str param = *where ? arena_printf(&call->arena, "%s.%s", where, wrong) : str_of(wrong);
    struct buf expected;

    buf_init(&expected, 0);
    for (size_t i = 0; i < n; i++) {
        list[i] = str_of(names[i]);
        buf_printf(&expected, "%s%s", i ? ", " : "", names[i]);
    }
    str near = str_near_match(str_of(wrong), list, n);
    if (near.n)
        api_error(call, 400, "invalid_field", param.p, "%.200s is not known; did you mean %.*s?",
                  param.p, STR_ARG(near));
    else
        api_error(call, 400, "invalid_field", param.p, "%.200s is not known; expected %.*s",
                  param.p, STR_ARG(n ? buf_str(&expected) : STR("no members")));
    buf_deinit(&expected);
}

bool api_members(struct api_call *call, const json_t *object, const char *where,
                 const char *const *names, size_t n)
{
    json_t *members = (json_t *)object, *value; /* jansson's loop wants it so; it changes nothing */
    const char *name;

    json_object_foreach(members, name, value)
    {
        if (is_one_of(name, names, n))
            continue;
        refuse_member(call, where, name, names, n);
        return false;
    }
    return true;
}

json_t *api_body_of(struct api_call *call, const char *const *names, size_t n)
{
    json_t *body = api_body(call);

    if (!body || api_members(call, body, "", names, n))
        return body;
    json_decref(body);
    return NULL;
}

json_t *api_optional_body_of(struct api_call *call, const char *const *names, size_t n)
{
    return call->request.body.n ? api_body_of(call, names, n) : json_object();
}

bool api_flag(struct api_call *call, const json_t *body, const char *name, int preset,
              int *ret_flag)
{
    const json_t *value = json_object_get(body, name);

    if (value && !json_is_null(value) && !json_is_boolean(value)) {
        api_error(call, 400, "invalid_field", name, "%s: expected true or false", name);
        return false;
    }
    *ret_flag = json_is_boolean(value) ? json_is_true(value) : preset;
    return true;
}

bool api_text(struct api_call *call, const json_t *body, const char *name, size_t most,
              str *ret_text)
{
    const json_t *value = json_object_get(body, name);
    size_t n = json_string_length(value);

    if (!value || json_is_null(value)) {
        *ret_text = STR_NULL;
        return true;
    }
    if (!json_is_string(value) || n == 0 || n > most) {
        api_error(call, 400, "invalid_field", name, "%s: expected a text of 1 to %zu bytes", name,
                  most);
        return false;
    }
    *ret_text = arena_copy(&call->arena, str_make(json_string_value(value), n));
    return true;
}

bool api_rule(struct api_call *call, const json_t *body, const char *name, str *ret_canonical)
{
    const json_t *value = json_object_get(body, name);
    struct rule_json_error error;
    struct region_rule rule;

    *ret_canonical = STR_NULL;
    if (!value || json_is_null(value))
        return true;
    if (rule_from_json(value, call->api->policy->config->regions, &call->arena, &rule, &error) ==
        0) {
        *ret_canonical = region_rule_canonical(&rule, &call->arena);
        return true;
    }
    str param = error.member ? arena_printf(&call->arena, "%s.%s", name, error.member)
                             : arena_copy(&call->arena, str_of(name));
    if (error.index >= 0)
        param = arena_printf(&call->arena, "%.*s[%td]", STR_ARG(param), error.index);
    api_error(call, 400, "invalid_region", param.p, "%.*s: %.*s", STR_ARG(param),
              STR_ARG(error.message));
    return false;
}

str api_dump(struct api_call *call, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    str copy = arena_copy(&call->arena, str_of(text));

    free(text);
    return copy;
}

/* --- queries */

str api_decode(struct arena *arena, str text, enum api_plus plus)
{
    char *to = arena_alloc(arena, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];

        if (c == '%') {
            if (!hex_decode(str_upto(str_from(text, i + 1), 2), &c, 1))
                return STR_NULL;
            i += 2;
        } else if (c == '+' && plus == API_PLUS_IS_SPACE) {
            c = ' ';
        }
        to[n++] = c;
    }
    return str_make(to, n);
}

str api_query(struct api_call *call, const char *name)
{
    for (str rest = call->request.query; rest.n;) {
        str pair = str_cut(&rest, '&');
        size_t equals = str_find(pair, '=', 0);

        if (str_eq(str_upto(pair, equals), str_of(name)))
            return api_decode(&call->arena, str_from(pair, equals + 1), API_PLUS_IS_SPACE);
    }
    return STR_NULL;
}

size_t api_query_all(struct api_call *call, const char *name, str *ret_values, size_t most)
{
    size_t n = 0;

    for (str rest = call->request.query; rest.n;) {
        str pair = str_cut(&rest, '&');
        size_t equals = str_find(pair, '=', 0);

        if (!str_eq(str_upto(pair, equals), str_of(name)))
            continue;
        if (n < most)
            ret_values[n] = api_decode(&call->arena, str_from(pair, equals + 1), API_PLUS_IS_SPACE);
        n++;
    }
    return n;
}

bool api_query_number(struct api_call *call, const char *name, uint64_t min, uint64_t max,
                      uint64_t preset, uint64_t *ret_number)
{
    str text = api_query(call, name);
    uint64_t number;

    if (!text.p) {
        *ret_number = preset;
        return true;
    }
    if (!str_parse_u64(text, &number) || number < min || number > max) {
        api_error(call, 400, "invalid_field", name, "%s: expected a number from %llu to %llu", name,
                  (unsigned long long)min, (unsigned long long)max);
        return false;
    }
    *ret_number = number;
    return true;
}

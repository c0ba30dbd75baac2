#include "package/json_schema_internal.h"

#include <stdarg.h>

enum { KEY_SHOWN_BYTES = 100, NEAR_NAMES_MAX = 128 };

static bool is_plain_key(str key)
{
    for (size_t i = 0; i < key.n; i++) {
        char l = str_lower_char(key.p[i]);

        if (!(l >= 'a' && l <= 'z') && !(l >= '0' && l <= '9') && l != '_' && l != '-')
            return false;
    }
    return key.n > 0 && key.n <= KEY_SHOWN_BYTES;
}

static void put_path(const struct spot *at, struct buf *to)
{
    if (!at->parent)
        return;
    put_path(at->parent, to);
    if (!at->key) {
        buf_printf(to, "[%zu]", at->index);
    } else if (is_plain_key(str_of(at->key))) {
        buf_printf(to, "%s%s", to->n ? "." : "", at->key);
    } else {
        buf_put_char(to, '[');
        json_schema_put_quoted(str_of(at->key), to);
        buf_put_char(to, ']');
    }
}

static bool is_hidden(const struct check *c, const struct spot *at)
{
    while (at->parent && at->parent->parent)
        at = at->parent;
    for (size_t i = 0; at->key && i < c->how->n_hidden; i++) {
        if (str_eq(c->how->hidden[i], str_of(at->key)))
            return true;
    }
    return false;
}

static void tell(struct check *c, enum json_schema_problem_kind kind, const struct spot *at,
                 const struct buf *message)
{
    struct buf path;

    buf_init(&path, 0);
    put_path(at, &path);
    c->how->on_problem(c->how->ctx, &(struct json_schema_problem){
                                        .kind = kind,
                                        .container = at->parent ? at->parent->value : NULL,
                                        .key = at->key,
                                        .index = at->index,
                                        .path = path.n ? buf_str(&path) : STR(""),
                                        .message = buf_str(message),
                                    });
    buf_deinit(&path);
}

size_t spot_report(struct check *c, const struct spot *at, const char *format, ...)
{
    struct buf message;
    char text[512];
    va_list arguments;

    if (c->silent)
        return 1;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    buf_init(&message, 0);
    buf_put_str(&message, str_of(text));
    tell(c, JSON_SCHEMA_INVALID, at, &message);
    buf_deinit(&message);
    return 1;
}

static void put_found(const struct check *c, const struct spot *at, struct buf *to)
{
    if (is_hidden(c, at))
        json_schema_put_kind(at->value, to);
    else
        json_schema_put_value(at->value, to);
}

/* "expected X, found Y", with a near match where X is a list of texts. */
size_t spot_report_mismatch(struct check *c, const json_t *expected, const struct spot *at)
{
    const json_t *names = json_object_get(expected, "enum");
    str near[NEAR_NAMES_MAX], closest = STR_NULL;
    struct buf message;
    bool text_asked;
    size_t index, n = 0;
    json_t *name;

    if (c->silent)
        return 1;
    buf_init(&message, 0);
    buf_put_str(&message, STR("expected "));
    json_schema_put_expected(c->schema, expected, &message);
    text_asked = str_search(buf_str(&message), STR("a text")) < message.n;
    buf_put_str(&message, STR(", found "));
    put_found(c, at, &message);
    if (text_asked && (json_is_number(at->value) || json_is_boolean(at->value)))
        buf_put_str(&message, STR("; write it in quotes"));
    json_array_foreach(names, index, name)
    {
        if (json_is_string(name) && n < NEAR_NAMES_MAX)
            near[n++] = str_of(json_string_value(name));
    }
    if (json_is_string(at->value))
        closest = str_near_match(str_of(json_string_value(at->value)), near, n);
    if (closest.p)
        buf_printf(&message, "; did you mean \"%.*s\"?", STR_ARG(closest));
    tell(c, JSON_SCHEMA_INVALID, at, &message);
    buf_deinit(&message);
    return 1;
}

static str near_member(const json_t *properties, const struct spot *at)
{
    str names[NEAR_NAMES_MAX];
    size_t n = 0;
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)properties, key, value)
    {
        /* What is there already is not what was meant. */
        if (n < NEAR_NAMES_MAX && !json_object_get(at->parent->value, key))
            names[n++] = str_of(key);
    }
    return str_near_match(str_of(at->key), names, n);
}

size_t spot_report_unknown(struct check *c, const json_t *schema, const struct spot *at,
                           enum json_schema_problem_kind kind)
{
    str near = STR_NULL;
    struct buf message;

    if (!c->silent) {
        near = near_member(json_object_get(schema, "properties"), at);
        buf_init(&message, 0);
        buf_put_str(&message, STR("unknown member"));
        if (near.p)
            buf_printf(&message, "; did you mean \"%.*s\"?", STR_ARG(near));
        tell(c, kind, at, &message);
        buf_deinit(&message);
    }
    return kind == JSON_SCHEMA_INVALID;
}

#include "package/json_schema_internal.h"

#include "base/mem.h"
#include "base/utf8.h"

enum { VALUE_SHOWN_BYTES = 60, VALUES_SHOWN = 12, PIECES_MAX = 16 };

static const struct {
    const char *type, *words;
} type_words[] = {
    {"array", "a list"},  {"boolean", "true or false"}, {"integer", "a whole number"},
    {"null", "null"},     {"number", "a number"},       {"object", "a mapping"},
    {"string", "a text"},
};

void json_schema_put_quoted(str text, struct buf *to)
{
    str shown = text;
    json_t *value;
    char *json;

    if (text.n > VALUE_SHOWN_BYTES) {
        shown.n = 0;
        while (shown.n < VALUE_SHOWN_BYTES - 4) {
            int n = utf8_length(str_from(text, shown.n));

            if (n <= 0)
                break;
            shown.n += (size_t)n;
        }
    }
    value = json_stringn(shown.p, shown.n);
    json = value ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    buf_put_str(to, json ? str_of(json) : STR("\"\""));
    if (shown.n < text.n)
        buf_put_str(to, STR(" (cut)"));
    free(json);
    json_decref(value);
}

void json_schema_put_kind(const json_t *value, struct buf *to)
{
    static const char *const words[] = {
        [JSON_OBJECT] = "a mapping",    [JSON_ARRAY] = "a list",  [JSON_STRING] = "a text",
        [JSON_INTEGER] = "a number",    [JSON_REAL] = "a number", [JSON_TRUE] = "true or false",
        [JSON_FALSE] = "true or false", [JSON_NULL] = "null",
    };

    buf_put_str(to, str_of(words[json_typeof(value)]));
}

void json_schema_put_value(const json_t *value, struct buf *to)
{
    char *json;

    if (json_is_string(value)) {
        buf_put_str(to, STR("the text "));
        json_schema_put_quoted(str_make(json_string_value(value), json_string_length(value)), to);
        return;
    }
    if (json_is_object(value) || json_is_array(value)) {
        json_schema_put_kind(value, to);
        return;
    }
    json = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(12));
    buf_printf(to, "%s%s", json_is_number(value) ? "the number " : "", json ? json : "");
    free(json);
}

/* --- what is expected */

/* Alternatives are gathered, so that each is named once. */
struct pieces {
    struct buf text[PIECES_MAX];
    size_t n;
};

static void add_piece(struct pieces *p, const struct buf *text)
{
    for (size_t i = 0; i < p->n; i++) {
        if (str_eq(buf_str(&p->text[i]), buf_str(text)))
            return;
    }
    if (p->n == PIECES_MAX)
        return;
    buf_init(&p->text[p->n], 0);
    buf_put_str(&p->text[p->n], buf_str(text));
    p->n++;
}

static void put_literal(const json_t *value, struct buf *to)
{
    char *json = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);

    buf_put_str(to, str_of(json));
    free(json);
}

static void put_enum(const json_t *values, struct buf *to)
{
    size_t index;
    json_t *item;

    buf_put_str(to, STR("one of "));
    json_array_foreach(values, index, item)
    {
        if (index == VALUES_SHOWN) {
            buf_printf(to, " and %zu more", json_array_size(values) - VALUES_SHOWN);
            break;
        }
        if (index)
            buf_put_str(to, STR(", "));
        put_literal(item, to);
    }
}

static void put_bound(const json_t *schema, const char *keyword, const char *words, struct buf *to)
{
    const json_t *bound = json_object_get(schema, keyword);

    if (!bound)
        return;
    buf_printf(to, " %s ", words);
    put_literal(bound, to);
}

static void put_type(const json_t *schema, const char *type, struct buf *to)
{
    for (size_t i = 0; i < COUNT_OF(type_words); i++) {
        if (!strcmp(type_words[i].type, type))
            buf_put_str(to, str_of(type_words[i].words));
    }
    put_bound(schema, "minimum", "of at least", to);
    put_bound(schema, "exclusiveMinimum", "above", to);
    put_bound(schema, "maximum", "up to", to);
    put_bound(schema, "exclusiveMaximum", "below", to);
}

static void gather(const struct json_schema *schema, const json_t *expected, struct pieces *p)
{
    const json_t *any = json_object_get(expected, "anyOf");
    const json_t *reference = json_object_get(expected, "$ref");
    const json_t *type = json_object_get(expected, "type");
    struct buf text;
    size_t index;
    json_t *item;

    if (!any)
        any = json_object_get(expected, "oneOf");
    json_array_foreach(any, index, item) gather(schema, item, p);
    if (reference)
        gather(schema, json_schema_target(schema, json_string_value(reference)), p);
    if (any || reference)
        return;
    buf_init(&text, 0);
    if (json_object_get(expected, "const"))
        put_literal(json_object_get(expected, "const"), &text);
    else if (json_object_get(expected, "enum"))
        put_enum(json_object_get(expected, "enum"), &text);
    else if (type)
        put_type(expected, json_string_value(type), &text);
    if (text.n)
        add_piece(p, &text);
    buf_deinit(&text);
}

void json_schema_put_expected(const struct json_schema *schema, const json_t *expected,
                              struct buf *to)
{
    struct pieces p = {.n = 0};

    gather(schema, expected, &p);
    for (size_t i = 0; i < p.n; i++) {
        if (i)
            buf_put_str(to, i + 1 == p.n ? STR(" or ") : STR(", "));
        buf_put_str(to, buf_str(&p.text[i]));
        buf_deinit(&p.text[i]);
    }
    if (!p.n)
        buf_put_str(to, STR("anything"));
}

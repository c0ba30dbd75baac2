#include "package/truss_internal.h"

#include "base/mem.h"

#include <stdio.h>

/*
 * Truss mends some values before its schema sees them, and packages rely on it: a file that Truss
 * takes is taken here. The document is changed where it lies, so places stay what they are; a
 * mapping that an alias repeats is changed with it.
 */

enum { MOST_DIGITS = 17, NUMBER_BYTES = 64, LEAST_PLAIN_EXPONENT = -4, MOST_PLAIN_EXPONENT = 15 };

/* As Python writes it, and Truss with it: with the fewest digits that mean the same, and with an
 * exponent only where it would be long. */
static json_t *text_of_real(double value)
{
    char text[NUMBER_BYTES];
    int exponent, decimals, n = 0, digits = 0;

    do
        n = snprintf(text, sizeof(text), "%.*e", digits, value);
    while (strtod(text, NULL) != value && ++digits < MOST_DIGITS);
    exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
    decimals = digits > exponent ? digits - exponent : 1;
    if (exponent >= LEAST_PLAIN_EXPONENT && exponent <= MOST_PLAIN_EXPONENT)
        n = snprintf(text, sizeof(text), "%.*f", decimals, value);
    return json_stringn(text, (size_t)n);
}

/* The text that a scalar of another type becomes, or NULL. */
static json_t *text_of(const json_t *value)
{
    if (json_is_boolean(value))
        return json_string(json_is_true(value) ? "true" : "false");
    if (json_is_integer(value))
        return json_sprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
    return json_is_real(value) ? text_of_real(json_real_value(value)) : NULL;
}

static void mend_variables(const struct truss_reader *r)
{
    json_t *variables = json_object_get(r->document.root, "environment_variables");
    const char *key;
    json_t *value;
    void *next;

    json_object_foreach_safe(variables, next, key, value)
    {
        json_t *text = text_of(value);

        if (text) {
            json_object_set_new_nocheck(variables, key, text);
        } else if (json_is_null(value)) {
            truss_report_in(r, DIAGNOSTIC_WARNING, "environment_variables", key,
                            "%.*s is not set, since its value is null",
                            STR_ARG(truss_quoted(r, str_of(key))));
            json_object_del(variables, key);
        }
    }
}

static void mend_transport(const struct truss_reader *r)
{
    json_t *runtime = json_object_get(r->document.root, "runtime");
    json_t *transport = json_object_get(runtime, "transport");
    bool websocket = json_is_true(json_object_get(runtime, "is_websocket_endpoint"));

    if (websocket && !str_eq(truss_text(r, "runtime.transport.kind", STR("")), STR("websocket")))
        json_object_set_new_nocheck(runtime, "transport", json_pack("{s:s}", "kind", "websocket"));
    else if (json_is_object(transport) && json_object_size(transport) == 0)
        json_object_set_new_nocheck(transport, "kind", json_string("http"));
}

/* Names of methods in any case. */
static void mend_method(json_t *auth)
{
    const char *method = json_string_value(json_object_get(auth, "auth_method"));
    CLEANUP_FREE char *upper = method ? str_dup(str_of(method)) : NULL;

    if (!upper)
        return;
    for (char *c = upper; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
    json_object_set_new_nocheck(auth, "auth_method", json_string(upper));
}

static void mend_methods(const struct truss_reader *r)
{
    const json_t *image = json_object_get(r->document.root, "base_image");
    const json_t *weights = json_object_get(r->document.root, "weights");
    size_t index;
    json_t *item;

    mend_method(json_object_get(image, "docker_auth"));
    json_array_foreach(weights, index, item) mend_method(json_object_get(item, "auth"));
}

void truss_mend(const struct truss_reader *r)
{
    mend_variables(r);
    mend_transport(r);
    mend_methods(r);
    /* From before `accelerator` said it; Truss drops it as well. */
    (void)json_object_del(json_object_get(r->document.root, "resources"), "use_gpu");
}

#include "config/yaml_scalar.h"

#include "base/mem.h"

static bool is_one_of(str text, const str *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (str_eq(text, names[i]))
            return true;
    }
    return false;
}

static size_t digits(str text, size_t from)
{
    size_t n = from;

    while (n < text.n && text.p[n] >= '0' && text.p[n] <= '9')
        n++;
    return n - from;
}

/* JSON's numbers without an exponent: -?(0|[1-9][0-9]*)(\.[0-9]+)? */
static bool is_decimal(str text)
{
    size_t at = text.n && text.p[0] == '-' ? 1 : 0;
    size_t whole = digits(text, at);

    if (whole == 0 || whole > 18 || (whole > 1 && text.p[at] == '0'))
        return false;
    at += whole;
    if (at == text.n)
        return true;
    if (text.p[at] != '.')
        return false;
    whole = digits(text, at + 1);
    return whole > 0 && whole <= 18 && at + 1 + whole == text.n;
}

json_t *yaml_resolve_plain(str text)
{
    static const str nulls[] = {STR_INIT(""), STR_INIT("~"), STR_INIT("null"), STR_INIT("Null"),
                                STR_INIT("NULL")};
    static const str trues[] = {STR_INIT("true"), STR_INIT("True"), STR_INIT("TRUE")};
    static const str falses[] = {STR_INIT("false"), STR_INIT("False"), STR_INIT("FALSE")};

    if (is_one_of(text, nulls, COUNT_OF(nulls)))
        return json_null();
    if (is_one_of(text, trues, COUNT_OF(trues)))
        return json_true();
    if (is_one_of(text, falses, COUNT_OF(falses)))
        return json_false();
    if (is_decimal(text))
        return json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL);
    return json_stringn(text.p, text.n);
}

json_t *yaml_resolve_tagged(str tag, str text)
{
    static const str core = STR_INIT("tag:yaml.org,2002:");
    json_t *value;
    str type;
    bool fits;

    if (str_eq(tag, STR("!")))
        return json_stringn(text.p, text.n);
    if (!str_starts(tag, core))
        return NULL;
    type = str_from(tag, core.n);
    if (str_eq(type, STR("str")))
        return json_stringn(text.p, text.n);
    value = yaml_resolve_plain(text);
    fits = (str_eq(type, STR("int")) && json_is_integer(value)) ||
           (str_eq(type, STR("float")) && json_is_number(value)) ||
           (str_eq(type, STR("bool")) && json_is_boolean(value)) ||
           (str_eq(type, STR("null")) && json_is_null(value));
    if (fits)
        return value;
    json_decref(value);
    return NULL;
}

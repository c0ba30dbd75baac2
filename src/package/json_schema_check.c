#include "package/json_schema_internal.h"

#include "base/mem.h"

/* Each check returns how many problems it found. */
static size_t check_value(struct check *c, const json_t *schema, const struct spot *at);

static struct spot member_of(const struct spot *parent, const char *key, const json_t *value)
{
    return (struct spot){.parent = parent, .value = value, .key = key, .depth = parent->depth + 1};
}

/* --- types and literals */

static bool is_integral(const json_t *value)
{
    double real;

    if (!json_is_real(value))
        return json_is_integer(value);
    real = json_real_value(value);
    return real >= -9e15 && real <= 9e15 && real == (double)(int64_t)real;
}

static bool has_type(const json_t *value, const char *type)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return !strcmp(type, "object");
    case JSON_ARRAY:
        return !strcmp(type, "array");
    case JSON_STRING:
        return !strcmp(type, "string");
    case JSON_INTEGER:
    case JSON_REAL:
        return !strcmp(type, "number") || (!strcmp(type, "integer") && is_integral(value));
    case JSON_TRUE:
    case JSON_FALSE:
        return !strcmp(type, "boolean");
    case JSON_NULL:
        return !strcmp(type, "null");
    }
    return false;
}

static bool equal(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    return json_equal(a, b);
}

static bool is_one_of(const json_t *value, const json_t *values)
{
    size_t index;
    json_t *item;

    json_array_foreach(values, index, item)
    {
        if (equal(value, item))
            return true;
    }
    return false;
}

/* Whether a member that alternatives are told apart by says that this is not the one. */
static bool constants_differ(const struct json_schema *schema, const json_t *asked,
                             const json_t *value)
{
    const json_t *reference = json_object_get(asked, "$ref");
    const char *key;
    json_t *member;

    if (reference)
        return constants_differ(schema, json_schema_target(schema, json_string_value(reference)),
                                value);
    json_object_foreach(json_object_get(asked, "properties"), key, member)
    {
        const json_t *constant = json_object_get(member, "const");
        const json_t *own = json_object_get(value, key);

        if (constant && own && !equal(constant, own))
            return true;
    }
    return false;
}

/* Whether the value is of the kind that the schema speaks of, at least on the outside. */
static bool kind_fits(const struct json_schema *schema, const json_t *asked, const json_t *value)
{
    const char *const lists[] = {"anyOf", "oneOf"};
    const json_t *reference = json_object_get(asked, "$ref");
    const json_t *type = json_object_get(asked, "type");

    if (reference &&
        !kind_fits(schema, json_schema_target(schema, json_string_value(reference)), value))
        return false;
    if (type && !has_type(value, json_string_value(type)))
        return false;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        const json_t *list = json_object_get(asked, lists[i]);
        bool fits = !list;
        size_t index;
        json_t *item;

        json_array_foreach(list, index, item) fits = fits || kind_fits(schema, item, value);
        if (!fits)
            return false;
    }
    return true;
}

/* --- numbers and texts */

static int compare(const json_t *a, const json_t *b)
{
    if (json_is_integer(a) && json_is_integer(b)) {
        json_int_t x = json_integer_value(a), y = json_integer_value(b);

        return x < y ? -1 : x > y;
    }
    return json_number_value(a) < json_number_value(b)
               ? -1
               : json_number_value(a) > json_number_value(b);
}

static size_t check_number(struct check *c, const json_t *schema, const struct spot *at)
{
    static const struct {
        const char *keyword;
        int sign;
        int at_limit; /* whether the limit itself is wrong */
    } bounds[] = {{"minimum", -1, 0},
                  {"maximum", 1, 0},
                  {"exclusiveMinimum", -1, 1},
                  {"exclusiveMaximum", 1, 1}};

    for (size_t i = 0; i < COUNT_OF(bounds); i++) {
        const json_t *bound = json_object_get(schema, bounds[i].keyword);
        int order = bound ? compare(at->value, bound) : 0;

        if (bound && (order == bounds[i].sign || (order == 0 && bounds[i].at_limit)))
            return spot_report_mismatch(c, schema, at);
    }
    return 0;
}

static size_t count_characters(str text)
{
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++)
        n += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return n;
}

static size_t check_text(struct check *c, const json_t *schema, const struct spot *at)
{
    const char *text = json_string_value(at->value);
    const json_t *least = json_object_get(schema, "minLength");
    const json_t *most = json_object_get(schema, "maxLength");
    const json_t *pattern = json_object_get(schema, "pattern");
    json_int_t n = (json_int_t)count_characters(str_of(text));
    size_t problems = 0;

    if (least && n < json_integer_value(least))
        problems +=
            spot_report(c, at, "expected a text of at least %lld character%s, found %lld",
                        json_integer_value(least), json_integer_value(least) == 1 ? "" : "s", n);
    if (most && n > json_integer_value(most))
        problems += spot_report(c, at, "expected a text of at most %lld characters, found %lld",
                                json_integer_value(most), n);
    if (pattern && (strlen(text) > JSON_SCHEMA_MAX_PATTERN ||
                    !json_schema_pattern_matches(
                        json_schema_pattern_of(c->schema, json_string_value(pattern)), text)))
        problems +=
            spot_report(c, at, "expected a text that matches %s", json_string_value(pattern));
    return problems;
}

/* --- lists and mappings */

static size_t check_items(struct check *c, const json_t *schema, const struct spot *at)
{
    const json_t *items = json_object_get(schema, "items");
    size_t index, problems = 0;
    json_t *item;

    if (!items)
        return 0;
    json_array_foreach(at->value, index, item)
    {
        struct spot spot = member_of(at, NULL, item);

        spot.index = index;
        problems += check_value(c, items, &spot);
    }
    return problems;
}

static size_t check_required(struct check *c, const json_t *schema, const struct spot *at)
{
    const json_t *required = json_object_get(schema, "required");
    const json_t *properties = json_object_get(schema, "properties");
    size_t index, problems = 0;
    json_t *name;

    json_array_foreach(required, index, name)
    {
        const char *key = json_string_value(name);
        const json_t *asked = json_object_get(properties, key);
        struct buf expected;

        if (json_object_get(at->value, key))
            continue;
        buf_init(&expected, 0);
        if (asked)
            json_schema_put_expected(c->schema, asked, &expected);
        problems += spot_report(c, at, "\"%s\" is missing; expected %.*s", key,
                                STR_ARG(expected.n ? buf_str(&expected) : STR("anything")));
        buf_deinit(&expected);
    }
    return problems;
}

/* A member that `properties` does not name. */
static size_t check_additional(struct check *c, const json_t *schema, const struct spot *at)
{
    const json_t *additional = json_object_get(schema, "additionalProperties");

    if (json_is_object(additional))
        return check_value(c, additional, at);
    if (json_is_false(additional))
        return spot_report_unknown(c, schema, at, JSON_SCHEMA_INVALID);
    if (json_object_get(schema, "properties") || json_object_get(schema, "patternProperties"))
        return spot_report_unknown(c, schema, at, JSON_SCHEMA_UNKNOWN);
    return 0;
}

static size_t check_member(struct check *c, const json_t *schema, const struct spot *at)
{
    const json_t *patterns = json_object_get(schema, "patternProperties");
    const json_t *own = json_object_get(json_object_get(schema, "properties"), at->key);
    size_t problems = own ? check_value(c, own, at) : 0;
    bool known = own != NULL;
    const char *pattern;
    json_t *asked;

    json_object_foreach((json_t *)patterns, pattern, asked)
    {
        if (strlen(at->key) > JSON_SCHEMA_MAX_PATTERN ||
            !json_schema_pattern_matches(json_schema_pattern_of(c->schema, pattern), at->key))
            continue;
        known = true;
        problems += check_value(c, asked, at);
    }
    return known ? problems : check_additional(c, schema, at);
}

static size_t check_members(struct check *c, const json_t *schema, const struct spot *at)
{
    size_t problems = check_required(c, schema, at);
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)at->value, key, value)
    {
        struct spot spot = member_of(at, key, value);

        problems += check_member(c, schema, &spot);
    }
    return problems;
}

/* --- alternatives */

static size_t count_silently(struct check *c, const json_t *schema, const struct spot *at)
{
    size_t n;

    c->silent++;
    n = check_value(c, schema, at);
    c->silent--;
    return n;
}

/* The alternative of the value's kind with the fewest problems; NULL if none is of its kind. */
static const json_t *closest_of(struct check *c, const json_t *list, const struct spot *at)
{
    const json_t *closest = NULL;
    size_t index, least = SIZE_MAX;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        size_t n;

        if (!kind_fits(c->schema, item, at->value))
            continue;
        n = count_silently(c, item, at);
        if (constants_differ(c->schema, item, at->value))
            n += SIZE_MAX / 2; /* only where there is no other */
        if (n < least) {
            least = n;
            closest = item;
        }
    }
    return closest;
}

static size_t report_closest(struct check *c, const json_t *schema, const json_t *list,
                             const struct spot *at)
{
    const json_t *closest = c->silent ? NULL : closest_of(c, list, at);

    return closest ? check_value(c, closest, at) : spot_report_mismatch(c, schema, at);
}

/* anyOf and oneOf alike: the first that fits counts. */
static size_t check_alternatives(struct check *c, const json_t *schema, const json_t *list,
                                 const struct spot *at)
{
    size_t index;
    json_t *item;

    json_array_foreach(list, index, item)
    {
        if (count_silently(c, item, at))
            continue;
        return c->silent ? 0 : check_value(c, item, at); /* for what is unknown in it */
    }
    return report_closest(c, schema, list, at);
}

/* oneOf with a discriminator: a member says which alternative is meant. */
static size_t check_discriminated(struct check *c, const json_t *discriminator,
                                  const struct spot *at)
{
    const char *name = json_string_value(json_object_get(discriminator, "propertyName"));
    const json_t *mapping = json_object_get(discriminator, "mapping");
    const json_t *value = json_object_get(at->value, name);
    const json_t *reference = json_object_get(mapping, json_string_value(value));
    json_t *names, *asked;
    const char *key;
    json_t *member;
    size_t problems;

    if (reference)
        return check_value(c, json_schema_target(c->schema, json_string_value(reference)), at);
    names = json_array();
    json_object_foreach((json_t *)mapping, key, member)
        json_array_append_new(names, json_string(key));
    asked = json_pack("{s:o}", "enum", names);
    if (value) {
        struct spot spot = member_of(at, name, value);

        problems = spot_report_mismatch(c, asked, &spot);
    } else {
        struct buf expected;

        buf_init(&expected, 0);
        json_schema_put_expected(c->schema, asked, &expected);
        problems = spot_report(c, at, "\"%s\" is missing; expected %.*s", name,
                               STR_ARG(buf_str(&expected)));
        buf_deinit(&expected);
    }
    json_decref(asked);
    return problems;
}

static size_t check_combined(struct check *c, const json_t *schema, const struct spot *at)
{
    const json_t *reference = json_object_get(schema, "$ref");
    const json_t *any = json_object_get(schema, "anyOf");
    const json_t *one = json_object_get(schema, "oneOf");
    const json_t *discriminator = json_object_get(schema, "discriminator");
    size_t problems = 0;

    if (reference)
        problems += check_value(c, json_schema_target(c->schema, json_string_value(reference)), at);
    if (any)
        problems += check_alternatives(c, schema, any, at);
    if (one && discriminator && json_is_object(at->value))
        problems += check_discriminated(c, discriminator, at);
    else if (one)
        problems += check_alternatives(c, schema, one, at);
    return problems;
}

/* --- values */

static size_t check_value(struct check *c, const json_t *schema, const struct spot *at)
{
    const json_t *type = json_object_get(schema, "type");
    const json_t *constant = json_object_get(schema, "const");
    const json_t *values = json_object_get(schema, "enum");
    size_t problems;

    if (at->depth > JSON_SCHEMA_MAX_DEPTH)
        return spot_report(c, at, "nested more than %d levels deep", JSON_SCHEMA_MAX_DEPTH);
    if ((type && !has_type(at->value, json_string_value(type))) ||
        (constant && !equal(at->value, constant)) || (values && !is_one_of(at->value, values)))
        return spot_report_mismatch(c, schema, at);
    problems = check_combined(c, schema, at);
    if (json_is_number(at->value))
        problems += check_number(c, schema, at);
    if (json_is_string(at->value))
        problems += check_text(c, schema, at);
    if (json_is_array(at->value))
        problems += check_items(c, schema, at);
    if (json_is_object(at->value))
        problems += check_members(c, schema, at);
    return problems;
}

size_t json_schema_check(const struct json_schema *schema, const json_t *value,
                         const struct json_schema_check *how)
{
    struct check check = {.schema = schema, .how = how};
    struct spot root = {.value = value};

    return check_value(&check, schema->document, &root);
}

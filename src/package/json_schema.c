#include "package/json_schema_internal.h"

#include "base/mem.h"

/* What a keyword's value has to be. */
enum shape {
    SHAPE_ANY, /* says nothing about a value */
    SHAPE_SCHEMA,
    SHAPE_SCHEMA_OR_BOOLEAN,
    SHAPE_SCHEMAS,     /* name → schema */
    SHAPE_PATTERNS,    /* pattern → schema */
    SHAPE_SCHEMA_LIST, /* not empty */
    SHAPE_TYPE,
    SHAPE_REFERENCE,
    SHAPE_PATTERN,
    SHAPE_NUMBER,
    SHAPE_COUNT,
    SHAPE_TEXTS,
    SHAPE_VALUES, /* a list that is not empty */
    SHAPE_DISCRIMINATOR,
};

static const struct {
    const char *name;
    enum shape shape;
} keywords[] = {
    {"$defs", SHAPE_SCHEMAS},
    {"$ref", SHAPE_REFERENCE},
    {"additionalProperties", SHAPE_SCHEMA_OR_BOOLEAN},
    {"anyOf", SHAPE_SCHEMA_LIST},
    {"const", SHAPE_ANY},
    {"default", SHAPE_ANY},
    {"description", SHAPE_ANY},
    {"discriminator", SHAPE_DISCRIMINATOR},
    {"enum", SHAPE_VALUES},
    {"examples", SHAPE_ANY},
    {"exclusiveMaximum", SHAPE_NUMBER},
    {"exclusiveMinimum", SHAPE_NUMBER},
    {"items", SHAPE_SCHEMA},
    {"maxLength", SHAPE_COUNT},
    {"maximum", SHAPE_NUMBER},
    {"minLength", SHAPE_COUNT},
    {"minimum", SHAPE_NUMBER},
    {"oneOf", SHAPE_SCHEMA_LIST},
    {"pattern", SHAPE_PATTERN},
    {"patternProperties", SHAPE_PATTERNS},
    {"properties", SHAPE_SCHEMAS},
    {"required", SHAPE_TEXTS},
    {"title", SHAPE_ANY},
    {"type", SHAPE_TYPE},
};

static const char *const types[] = {"array",  "boolean", "integer", "null",
                                    "number", "object",  "string"};

struct loader {
    struct json_schema *schema;
    struct buf *why;
};

static bool load(struct loader *l, const json_t *schema);

/* --- what others ask */

const json_t *json_schema_target(const struct json_schema *schema, const char *reference)
{
    static const str prefix = STR_INIT("#/$defs/");

    if (!str_starts(str_of(reference), prefix))
        return NULL;
    return json_object_get(json_object_get(schema->document, "$defs"), reference + prefix.n);
}

const struct json_schema_pattern *json_schema_pattern_of(const struct json_schema *schema,
                                                         const char *text)
{
    for (size_t i = 0; i < schema->n_patterns; i++) {
        if (str_eq(json_schema_pattern_text(schema->patterns[i]), str_of(text)))
            return schema->patterns[i];
    }
    return NULL;
}

/* --- keywords */

static bool refuse(struct loader *l, const char *keyword, const char *what)
{
    buf_printf(l->why, "\"%s\" %s", keyword, what);
    return false;
}

static bool load_pattern(struct loader *l, const char *text)
{
    struct json_schema *schema = l->schema;
    struct json_schema_pattern *pattern;

    if (json_schema_pattern_of(schema, text))
        return true;
    pattern = json_schema_pattern_new(text);
    if (!pattern)
        return refuse(l, text, "is a pattern that cannot be carried over");
    schema->patterns = mem_realloc(schema->patterns,
                                   (schema->n_patterns + 1) * sizeof(struct json_schema_pattern *));
    schema->patterns[schema->n_patterns++] = pattern;
    return true;
}

static bool load_members(struct loader *l, const char *keyword, const json_t *value,
                         enum shape shape)
{
    const char *key;
    json_t *member;

    if (!json_is_object(value))
        return refuse(l, keyword, "must be an object");
    json_object_foreach((json_t *)value, key, member)
    {
        if (shape == SHAPE_PATTERNS && !load_pattern(l, key))
            return false;
        if (!load(l, member))
            return false;
    }
    return true;
}

static bool load_list(struct loader *l, const char *keyword, const json_t *value, enum shape shape)
{
    size_t index;
    json_t *item;

    if (!json_is_array(value) || (shape != SHAPE_TEXTS && json_array_size(value) == 0))
        return refuse(l, keyword, "must be a list that is not empty");
    json_array_foreach(value, index, item)
    {
        if (shape == SHAPE_TEXTS && !json_is_string(item))
            return refuse(l, keyword, "must be a list of texts");
        if (shape == SHAPE_SCHEMA_LIST && !load(l, item))
            return false;
    }
    return true;
}

static bool is_type(const json_t *value)
{
    for (size_t i = 0; json_is_string(value) && i < COUNT_OF(types); i++) {
        if (!strcmp(types[i], json_string_value(value)))
            return true;
    }
    return false;
}

static bool load_reference(struct loader *l, const char *keyword, const json_t *value)
{
    const json_t *target =
        json_is_string(value) ? json_schema_target(l->schema, json_string_value(value)) : NULL;

    return target ? true : refuse(l, keyword, "must be #/$defs/ and a name that is there");
}

static bool load_discriminator(struct loader *l, const char *keyword, const json_t *value)
{
    const json_t *mapping = json_object_get(value, "mapping");
    const char *key;
    json_t *member;

    if (!json_is_string(json_object_get(value, "propertyName")) || !json_object_size(mapping))
        return refuse(l, keyword, "must have a propertyName and a mapping");
    json_object_foreach((json_t *)mapping, key, member)
    {
        if (!load_reference(l, keyword, member))
            return false;
    }
    return true;
}

static bool load_keyword(struct loader *l, const char *keyword, const json_t *value,
                         enum shape shape)
{
    switch (shape) {
    case SHAPE_ANY:
        return true;
    case SHAPE_SCHEMA:
        return load(l, value);
    case SHAPE_SCHEMA_OR_BOOLEAN:
        return json_is_boolean(value) || load(l, value);
    case SHAPE_SCHEMAS:
    case SHAPE_PATTERNS:
        return load_members(l, keyword, value, shape);
    case SHAPE_SCHEMA_LIST:
    case SHAPE_TEXTS:
    case SHAPE_VALUES:
        return load_list(l, keyword, value, shape);
    case SHAPE_TYPE:
        return is_type(value) || refuse(l, keyword, "must be the name of one type");
    case SHAPE_REFERENCE:
        return load_reference(l, keyword, value);
    case SHAPE_PATTERN:
        return json_is_string(value) ? load_pattern(l, json_string_value(value))
                                     : refuse(l, keyword, "must be a text");
    case SHAPE_NUMBER:
        return json_is_number(value) || refuse(l, keyword, "must be a number");
    case SHAPE_COUNT:
        return (json_is_integer(value) && json_integer_value(value) >= 0) ||
               refuse(l, keyword, "must be a whole number");
    case SHAPE_DISCRIMINATOR:
        return load_discriminator(l, keyword, value);
    }
    return false;
}

/* --- schemas */

/* Whether what applies to one and the same value ends: a $ref that leads back to itself would not.
 */
static bool ends(const struct json_schema *schema, const json_t *at, unsigned depth)
{
    const json_t *lists[] = {json_object_get(at, "anyOf"), json_object_get(at, "oneOf")};
    const json_t *reference = json_object_get(at, "$ref");
    const json_t *target =
        reference ? json_schema_target(schema, json_string_value(reference)) : NULL;
    size_t index;
    json_t *item;

    if (depth > JSON_SCHEMA_MAX_IN_PLACE || (target && !ends(schema, target, depth + 1)))
        return false;
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        json_array_foreach(lists[i], index, item)
        {
            if (!ends(schema, item, depth + 1))
                return false;
        }
    }
    return true;
}

static bool load(struct loader *l, const json_t *schema)
{
    const char *key;
    json_t *value;

    if (!json_is_object(schema))
        return refuse(l, "schema", "must be an object");
    json_object_foreach((json_t *)schema, key, value)
    {
        size_t i = 0;

        while (i < COUNT_OF(keywords) && strcmp(keywords[i].name, key))
            i++;
        if (i == COUNT_OF(keywords))
            return refuse(l, key, "is a keyword that is not known");
        if (!load_keyword(l, key, value, keywords[i].shape))
            return false;
    }
    return true;
}

/* Every schema is sound now, so that only this is left: no way through them is endless. */
static bool all_end(struct loader *l)
{
    const json_t *defs = json_object_get(l->schema->document, "$defs");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)defs, key, value)
    {
        if (!ends(l->schema, value, 0))
            return refuse(l, key, "refers to itself without an end");
    }
    return true;
}

struct json_schema *json_schema_new(str text, struct buf *why)
{
    struct json_schema *schema = mem_zalloc(sizeof(*schema));
    struct loader loader = {.schema = schema, .why = why};
    json_error_t error;

    schema->document = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    if (!schema->document)
        buf_printf(why, "not JSON: line %d: %s", error.line, error.text);
    if (schema->document && load(&loader, schema->document) && all_end(&loader))
        return schema;
    json_schema_free(schema);
    return NULL;
}

void json_schema_free(struct json_schema *schema)
{
    if (!schema)
        return;
    for (size_t i = 0; i < schema->n_patterns; i++)
        json_schema_pattern_free(schema->patterns[i]);
    mem_free(schema->patterns);
    json_decref(schema->document);
    mem_free(schema);
}

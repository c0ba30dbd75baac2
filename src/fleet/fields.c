/* What follows from the tables of fields; see fields.h. */

#include "fleet/fields.h"

#include "base/mem.h"

#include <jansson.h>

enum { MAX_STRS = 100000 };

static void *at(const struct field *field, const void *object)
{
    return (char *)(uintptr_t)object + field->offset;
}

static size_t *count_of(const struct field *field, const void *object)
{
    return (size_t *)(void *)((char *)at(field, object) + sizeof(str *));
}

size_t field_size(const struct field *field)
{
    switch (field->type) {
    case FIELD_STR:
        return sizeof(str);
    case FIELD_STRS:
        return sizeof(str *) + sizeof(size_t);
    case FIELD_BOOL:
        return sizeof(bool);
    case FIELD_U32:
        return sizeof(uint32_t);
    case FIELD_U64:
    case FIELD_I64:
        return sizeof(uint64_t);
    case FIELD_ENUM:
        return sizeof(enum fleet_status);
    case FIELD_NESTED:
        break;
    }
    return field->nested->size;
}

size_t field_alignment(const struct field *field)
{
    if (field->type == FIELD_NESTED)
        return _Alignof(uint32_t); /* nested settings have nothing wider */
    return field->type == FIELD_STR || field->type == FIELD_STRS ? _Alignof(str)
                                                                 : field_size(field);
}

void fields_free(const struct fields *fields, void *object)
{
    for (size_t i = 0; i < fields->n; i++) {
        const struct field *field = &fields->list[i];

        if (field->type == FIELD_STR)
            fleet_set_str(at(field, object), STR_NULL);
        else if (field->type == FIELD_STRS)
            fleet_set_strs(at(field, object), count_of(field, object), NULL, 0);
    }
}

void fields_copy(const struct fields *fields, void *to, const void *from)
{
    memcpy((char *)to + fields->begin, (const char *)from + fields->begin,
           fields->end - fields->begin);
    for (size_t i = 0; i < fields->n; i++) {
        const struct field *field = &fields->list[i];

        if (field->type == FIELD_STR) {
            str *copy = at(field, to), value = *copy;

            *copy = STR_NULL;
            fleet_set_str(copy, value);
        } else if (field->type == FIELD_STRS) {
            str **copy = at(field, to), *values = *copy;
            size_t *n = count_of(field, to), n_values = *n;

            *copy = NULL;
            *n = 0;
            fleet_set_strs(copy, n, values, n_values);
        }
    }
}

static bool strs_equal(const struct field *field, const void *a, const void *b)
{
    const str *left = *(str **)at(field, a), *right = *(str **)at(field, b);
    size_t n = *count_of(field, a);

    if (n != *count_of(field, b))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!str_eq(left[i], right[i]))
            return false;
    return true;
}

bool fields_equal(const struct fields *fields, const void *a, const void *b)
{
    for (size_t i = 0; i < fields->n; i++) {
        const struct field *field = &fields->list[i];
        bool equal;

        switch (field->type) {
        case FIELD_STR:
            equal = str_eq(*(str *)at(field, a), *(str *)at(field, b));
            break;
        case FIELD_STRS:
            equal = strs_equal(field, a, b);
            break;
        case FIELD_NESTED:
            equal = fields_equal(field->nested, at(field, a), at(field, b));
            break;
        default:
            equal = memcmp(at(field, a), at(field, b), field_size(field)) == 0;
        }
        if (!equal)
            return false;
    }
    return true;
}

static void encode_strs(const struct field *field, const void *object, struct json_out *j)
{
    const str *values = *(str **)at(field, object);

    json_open_array(j);
    for (size_t i = 0; i < *count_of(field, object); i++)
        json_put_str(j, values[i]);
    json_close_array(j);
}

void fields_encode(const struct fields *fields, const void *object, struct json_out *j)
{
    json_open_object(j);
    for (size_t i = 0; i < fields->n; i++) {
        const struct field *field = &fields->list[i];
        const void *value = at(field, object);

        json_key(j, field->name.p);
        switch (field->type) {
        case FIELD_STR:
            json_put_str(j, *(const str *)value);
            break;
        case FIELD_STRS:
            encode_strs(field, object, j);
            break;
        case FIELD_BOOL:
            json_put_bool(j, *(const bool *)value);
            break;
        case FIELD_U32:
            json_put_u64(j, *(const uint32_t *)value);
            break;
        case FIELD_U64:
            json_put_u64(j, *(const uint64_t *)value);
            break;
        case FIELD_I64:
            json_put_i64(j, *(const int64_t *)value);
            break;
        case FIELD_ENUM:
            json_put_word(j, field->words[*(const unsigned *)value]);
            break;
        case FIELD_NESTED:
            fields_encode(field->nested, value, j);
            break;
        }
    }
    json_close_object(j);
}

static str text_of(const json_t *value)
{
    return str_make(json_string_value(value), json_string_length(value));
}

static bool decode_strs(const struct field *field, void *object, const json_t *value)
{
    size_t n = json_array_size(value);

    if (!json_is_array(value) || n > MAX_STRS)
        return false;
    CLEANUP_FREE str *list = mem_array(n ? n : 1, sizeof(*list));
    for (size_t i = 0; i < n; i++) {
        const json_t *member = json_array_get(value, i);

        if (!json_is_string(member))
            return false;
        list[i] = text_of(member);
    }
    fleet_set_strs(at(field, object), count_of(field, object), list, n);
    return true;
}

static bool decode_enum(const struct field *field, unsigned *ret_value, const json_t *value)
{
    for (unsigned i = 0; json_is_string(value) && i < field->n_words; i++)
        if (str_eq(field->words[i], text_of(value))) {
            *ret_value = i;
            return true;
        }
    return false;
}

static bool decode_integer(const struct field *field, void *to, const json_t *value)
{
    json_int_t number = json_integer_value(value);

    if (!json_is_integer(value) || (field->type != FIELD_I64 && number < 0) ||
        (field->type == FIELD_U32 && number > UINT32_MAX))
        return false;
    if (field->type == FIELD_U32)
        *(uint32_t *)to = (uint32_t)number;
    else
        *(int64_t *)to = number;
    return true;
}

static bool decode_object(const struct fields *fields, void *object, const json_t *body);

static bool decode_field(const struct field *field, void *object, const json_t *value)
{
    void *to = at(field, object);

    switch (field->type) {
    case FIELD_STR:
        if (json_is_string(value))
            fleet_set_str(to, text_of(value));
        return json_is_string(value);
    case FIELD_STRS:
        return decode_strs(field, object, value);
    case FIELD_BOOL:
        *(bool *)to = json_is_true(value);
        return json_is_boolean(value);
    case FIELD_ENUM:
        return decode_enum(field, to, value);
    case FIELD_NESTED:
        return decode_object(field->nested, to, value);
    default:
        return decode_integer(field, to, value);
    }
}

static bool decode_object(const struct fields *fields, void *object, const json_t *body)
{
    size_t known = 0;

    if (!json_is_object(body))
        return false;
    for (size_t i = 0; i < fields->n; i++) {
        const json_t *value = json_object_get(body, fields->list[i].name.p);

        if (value && !decode_field(&fields->list[i], object, value))
            return false;
        known += value != NULL;
    }
    return known == json_object_size(body);
}

bool fields_decode(const struct fields *fields, void *object, str body)
{
    json_t *parsed = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    bool fine = decode_object(fields, object, parsed);

    json_decref(parsed);
    return fine;
}

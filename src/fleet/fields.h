#pragma once

/*
 * The fields of the fleet's objects, one table for each kind (tables.c): name, type, place in the
 * struct. Freeing, copying, comparing and both directions of the JSON form follow from it, so a
 * member that is in the table cannot be forgotten by one of them; that every member is in the table
 * is what tests/unit/fleet/test_fields.c checks.
 */

#include "base/json_out.h"
#include "fleet/fleet.h"

enum field_type {
    FIELD_STR,
    FIELD_STRS, /* str *, with its count right behind it */
    FIELD_BOOL,
    FIELD_U32,
    FIELD_U64, /* below 2^63, as JSON's integers are read back signed */
    FIELD_I64,
    FIELD_ENUM,   /* written as a word */
    FIELD_NESTED, /* a struct with a table of its own */
};

struct fields;

struct field {
    str name;
    enum field_type type;
    size_t offset;
    const str *words; /* of FIELD_ENUM, by value */
    size_t n_words;
    const struct fields *nested;
};

struct fields {
    const struct field *list; /* in the order of the struct */
    size_t n;
    size_t begin, end; /* the bytes of the struct that the table covers */
    size_t size;       /* of the struct */
};

const struct fields *fields_of(enum fleet_kind kind);
extern const struct fields autoscaling_fields, promotion_settings_fields; /* nested */

/* All that the fields own. */
void fields_free(const struct fields *fields, void *object);
/* `to` owns nothing yet. */
void fields_copy(const struct fields *fields, void *to, const void *from);
bool fields_equal(const struct fields *fields, const void *a, const void *b);

void fields_encode(const struct fields *fields, const void *object, struct json_out *j);

/* Sets the members that `body` has; what it lacks stays as it is, since an older version of the
 * program may have written it. False for anything that no version writes: another type, an unknown
 * member or word, a number out of range, text that is no JSON object. */
bool fields_decode(const struct fields *fields, void *object, str body);

/* Bytes of a field of this type in its struct, and its alignment. */
size_t field_size(const struct field *field);
size_t field_alignment(const struct field *field);

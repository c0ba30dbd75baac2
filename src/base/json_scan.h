#pragma once

/*
 * Reads one JSON object as it arrives, validates all of it (RFC 8259), and remembers where its
 * top-level members are. Nothing is copied or built: members are offsets into the text, which the
 * caller keeps in one growing buffer that may move between calls. A text that is fed in pieces
 * gives the same result as one that is fed whole.
 *
 * Member names are compared as what they mean, escapes undone; two members of one name are an error
 * of their own, because two readers of the text could pick different ones.
 */

#include "base/arena.h"

enum json_kind {
    JSON_KIND_STRING,
    JSON_KIND_NUMBER,
    JSON_KIND_OBJECT,
    JSON_KIND_ARRAY,
    JSON_KIND_TRUE,
    JSON_KIND_FALSE,
    JSON_KIND_NULL
};

struct json_member {
    uint32_t name_at, name_n;   /* between the quotes, escapes as they came */
    uint32_t value_at, value_n; /* of a string with its quotes */
    enum json_kind kind;
    bool name_escaped, value_escaped;
};

enum json_scan_input { JSON_SCAN_MORE_COMES, JSON_SCAN_LAST };

enum json_scan_result {
    JSON_SCAN_MORE, /* fine so far */
    JSON_SCAN_DONE, /* a whole object, and only blanks after it */
    JSON_SCAN_INVALID,
    JSON_SCAN_DUPLICATE,
    JSON_SCAN_TOO_MANY, /* members */
    JSON_SCAN_TOO_DEEP,
};

enum { JSON_SCAN_DEPTH_MAX = 1024 };

struct json_scan;

/* `max_depth` at most JSON_SCAN_DEPTH_MAX. Texts up to 4 GiB. */
struct json_scan *json_scan_new(size_t max_members, size_t max_depth);
void json_scan_free(struct json_scan *s);

/* `so_far` is the text from its beginning; what earlier calls have seen must not have changed.
 * After an error every call gives it again. */
enum json_scan_result json_scan_feed(struct json_scan *s, str so_far, enum json_scan_input input);

/* Starts over inside an object, behind the value of one of its members: what is fed from now on is
 * the object's rest. So JSON_SCAN_DONE says that the value was a member at the top of a text that
 * ends where it should, for all that can be known without reading what comes before it. */
void json_scan_begin_inside(struct json_scan *s);

/* After an error: what is wrong, and at which byte. */
str json_scan_error_text(const struct json_scan *s);
size_t json_scan_error_at(const struct json_scan *s);
bool json_scan_is_duplicate(const struct json_scan *s);

/* In the order of the text. */
size_t json_scan_count(const struct json_scan *s);
const struct json_member *json_scan_member(const struct json_scan *s, size_t index);

/* The member whose name means `name`, or NULL. */
const struct json_member *json_scan_find(const struct json_scan *s, str text, str name);

/* What a string member means: a slice of the text, or of the arena if it has escapes. */
str json_value_text(const struct json_member *m, str text, struct arena *arena);

/* The value as it stands in the text. */
str json_value_raw(const struct json_member *m, str text);

/* A member's name as it means. */
str json_name_text(const struct json_member *m, str text, struct arena *arena);

/* A non-negative whole number that fits; false otherwise. */
bool json_value_u64(const struct json_member *m, str text, uint64_t *ret_value);

#pragma once

/* The scan as its three files see it: json_scan.c walks over tokens, json_text.c through strings,
 * numbers and words, json_names.c keeps the members. */

#include "base/json_scan.h"
#include "base/mem.h"

enum json_state {
    STATE_START,
    STATE_VALUE,
    STATE_VALUE_OR_CLOSE, /* just after [ */
    STATE_NAME,
    STATE_NAME_OR_CLOSE, /* just after { */
    STATE_COLON,
    STATE_COMMA_OR_CLOSE,
    STATE_END,
};

enum { JSON_SCAN_INLINE = 20 };

struct json_scan {
    size_t at;
    enum json_state state;
    enum json_scan_result result;
    str error;
    size_t error_at;

    size_t depth, max_depth;

    bool in_string, string_escaped;
    size_t string_at; /* of the opening quote */

    struct json_member *members;
    size_t n_members, room, max_members;
    uint64_t *names; /* keyed hashes, open addressing; 0: free. NULL: keys below */
    size_t n_names;

    /* not initialised: what is in use is counted above */
    uint64_t is_object[JSON_SCAN_DEPTH_MAX / 64];
    uint64_t keys[JSON_SCAN_INLINE];
    struct json_member inline_members[JSON_SCAN_INLINE];
};

enum json_step { STEP_FAILED, STEP_DONE, STEP_CUT };

static inline bool json_fail_as(struct json_scan *s, enum json_scan_result result, size_t at,
                                str why)
{
    s->result = result;
    s->error = why;
    s->error_at = at;
    return false;
}

static inline bool json_fail(struct json_scan *s, size_t at, str why)
{
    return json_fail_as(s, JSON_SCAN_INVALID, at, why);
}

static inline enum json_step json_fail_step(struct json_scan *s, size_t at, str why)
{
    json_fail(s, at, why);
    return STEP_FAILED;
}

/* From s->at: on in the string whose beginning has been read; a string from its quote; a number; a
 * literal. */
enum json_step json_walk_string(struct json_scan *s, str text);
enum json_step json_begin_string(struct json_scan *s, str text);
enum json_step json_take_number(struct json_scan *s, str text, enum json_scan_input input);
enum json_step json_take_literal(struct json_scan *s, str text, str literal);

/* The string that has just ended is the name of a member at the top. */
bool json_begin_member(struct json_scan *s, str text);

#include "base/json_scan_internal.h"
#include "base/json_token.h"

/*
 * A walk over tokens with a stack of one bit per open container.
 */

struct json_scan *json_scan_new(size_t max_members, size_t max_depth)
{
    struct json_scan *s = mem_alloc(sizeof(*s));

    memset(s, 0, offsetof(struct json_scan, is_object));
    s->max_members = max_members;
    s->max_depth = max_depth < JSON_SCAN_DEPTH_MAX ? max_depth : JSON_SCAN_DEPTH_MAX;
    s->members = s->inline_members;
    s->room = JSON_SCAN_INLINE;
    return s;
}

void json_scan_free(struct json_scan *s)
{
    if (!s)
        return;
    if (s->members != s->inline_members)
        mem_free(s->members);
    mem_free(s->names);
    mem_free(s);
}

static inline void begin_value(struct json_scan *s, enum json_kind kind)
{
    if (s->depth == 1) {
        s->members[s->n_members - 1].value_at = (uint32_t)s->at;
        s->members[s->n_members - 1].kind = kind;
    }
}

static inline enum json_step end_value(struct json_scan *s)
{
    if (s->depth == 1) {
        struct json_member *m = &s->members[s->n_members - 1];

        m->value_n = (uint32_t)(s->at - m->value_at);
        m->value_escaped = m->kind == JSON_KIND_STRING && s->string_escaped;
    }
    s->state = STATE_COMMA_OR_CLOSE;
    return STEP_DONE;
}

/* A string has ended: the name of a member, or a value. */
static inline enum json_step end_string(struct json_scan *s, str text)
{
    if (s->state != STATE_NAME)
        return end_value(s);
    s->state = STATE_COLON;
    return s->depth > 1 || json_begin_member(s, text) ? STEP_DONE : STEP_FAILED;
}

/* --- containers */

static inline bool in_object(const struct json_scan *s)
{
    size_t top = s->depth - 1;

    return s->is_object[top / 64] >> top % 64 & 1;
}

static inline enum json_step open_container(struct json_scan *s, enum json_kind kind)
{
    uint64_t bit = (uint64_t)1 << s->depth % 64;

    if (s->depth == s->max_depth) {
        json_fail_as(s, JSON_SCAN_TOO_DEEP, s->at, STR("deeper than limits.json_depth allows"));
        return STEP_FAILED;
    }
    if (s->depth)
        begin_value(s, kind);
    if (kind == JSON_KIND_OBJECT)
        s->is_object[s->depth / 64] |= bit;
    else
        s->is_object[s->depth / 64] &= ~bit;
    s->depth++;
    s->at++;
    s->state = kind == JSON_KIND_OBJECT ? STATE_NAME_OR_CLOSE : STATE_VALUE_OR_CLOSE;
    return STEP_DONE;
}

static inline enum json_step close_container(struct json_scan *s, char bracket)
{
    if (bracket != (in_object(s) ? '}' : ']'))
        return json_fail_step(s, s->at, STR("a closing bracket that opened as another"));
    s->depth--;
    s->at++;
    if (s->depth)
        return end_value(s);
    s->state = STATE_END;
    return STEP_DONE;
}

/* --- the walk */

static enum json_step take_scalar(struct json_scan *s, str text, enum json_scan_input input, char c)
{
    enum json_step step;

    switch (c) {
    case 't':
        begin_value(s, JSON_KIND_TRUE);
        step = json_take_literal(s, text, STR("true"));
        break;
    case 'f':
        begin_value(s, JSON_KIND_FALSE);
        step = json_take_literal(s, text, STR("false"));
        break;
    case 'n':
        begin_value(s, JSON_KIND_NULL);
        step = json_take_literal(s, text, STR("null"));
        break;
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return json_fail_step(s, s->at, STR("a value was expected"));
        begin_value(s, JSON_KIND_NUMBER);
        step = json_take_number(s, text, input);
        break;
    }
    return step == STEP_DONE ? end_value(s) : step;
}

static inline enum json_step take_value(struct json_scan *s, str text, enum json_scan_input input,
                                        char c)
{
    enum json_step step;

    if (c == '"') {
        begin_value(s, JSON_KIND_STRING);
        step = json_begin_string(s, text);
        return step == STEP_DONE ? end_value(s) : step;
    }
    if (c == '{' || c == '[')
        return open_container(s, c == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY);
    return take_scalar(s, text, input, c);
}

static inline enum json_step take_name(struct json_scan *s, str text, char c)
{
    enum json_step step;

    if (c != '"')
        return json_fail_step(s, s->at, STR("a member's name was expected"));
    step = json_begin_string(s, text);
    return step == STEP_DONE ? end_string(s, text) : step;
}

static inline enum json_step take_comma_or_close(struct json_scan *s, char c)
{
    if (c == ',') {
        s->at++;
        s->state = in_object(s) ? STATE_NAME : STATE_VALUE;
        return STEP_DONE;
    }
    if (c == '}' || c == ']')
        return close_container(s, c);
    return json_fail_step(s, s->at, STR("a comma or a closing bracket was expected"));
}

/* One token, at a byte that is not blank. */
static inline enum json_step walk(struct json_scan *s, str text, enum json_scan_input input)
{
    char c = text.p[s->at];

    switch (s->state) {
    case STATE_START:
        return c == '{' ? open_container(s, JSON_KIND_OBJECT)
                        : json_fail_step(s, s->at, STR("an object was expected"));
    case STATE_VALUE_OR_CLOSE:
        if (c == ']')
            return close_container(s, c);
        s->state = STATE_VALUE;
        return take_value(s, text, input, c);
    case STATE_VALUE:
        return take_value(s, text, input, c);
    case STATE_NAME_OR_CLOSE:
        if (c == '}')
            return close_container(s, c);
        s->state = STATE_NAME;
        return take_name(s, text, c);
    case STATE_NAME:
        return take_name(s, text, c);
    case STATE_COLON:
        if (c != ':')
            return json_fail_step(s, s->at, STR("a colon was expected"));
        s->at++;
        s->state = STATE_VALUE;
        return STEP_DONE;
    case STATE_COMMA_OR_CLOSE:
        return take_comma_or_close(s, c);
    case STATE_END:
        break;
    }
    return json_fail_step(s, s->at, STR("something after the end of the object"));
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static enum json_step resume_string(struct json_scan *s, str text)
{
    enum json_step step = json_walk_string(s, text);

    return step == STEP_DONE ? end_string(s, text) : step;
}

enum json_scan_result json_scan_feed(struct json_scan *s, str so_far, enum json_scan_input input)
{
    enum json_step step = STEP_DONE;

    if (s->result >= JSON_SCAN_INVALID)
        return s->result;
    if (so_far.n > UINT32_MAX) {
        json_fail(s, 0, STR("a text of more than 4 GiB"));
        return s->result;
    }
    if (s->in_string)
        step = resume_string(s, so_far);
    while (step == STEP_DONE) {
        while (s->at < so_far.n && is_blank(so_far.p[s->at]))
            s->at++;
        if (s->at >= so_far.n)
            break;
        step = walk(s, so_far, input);
    }
    if (step == STEP_FAILED)
        return s->result;
    if (input == JSON_SCAN_LAST && s->state != STATE_END)
        json_fail(s, so_far.n, STR("the text ends in the middle"));
    else
        s->result = s->state == STATE_END ? JSON_SCAN_DONE : JSON_SCAN_MORE;
    return s->result;
}

void json_scan_begin_inside(struct json_scan *s)
{
    s->at = s->n_members = 0;
    s->result = JSON_SCAN_MORE;
    s->in_string = false;
    s->depth = 1;
    s->is_object[0] = 1;
    s->state = STATE_COMMA_OR_CLOSE;
}

/* --- results
 * --------------------------------------------------------------------------------------------------------------------
 */

str json_scan_error_text(const struct json_scan *s)
{
    return s->error;
}

size_t json_scan_error_at(const struct json_scan *s)
{
    return s->error_at;
}

bool json_scan_is_duplicate(const struct json_scan *s)
{
    return s->result == JSON_SCAN_DUPLICATE;
}

size_t json_scan_count(const struct json_scan *s)
{
    return s->n_members;
}

const struct json_member *json_scan_member(const struct json_scan *s, size_t index)
{
    return &s->members[index];
}

static bool has_name(const struct json_member *m, str text, str name)
{
    struct arena arena;
    char storage[256];

    if (!m->name_escaped)
        return m->name_n == name.n && memcmp(text.p + m->name_at, name.p, name.n) == 0;
    arena_init(&arena, storage, sizeof(storage));
    bool same = str_eq(json_name_text(m, text, &arena), name);
    arena_deinit(&arena);
    return same;
}

const struct json_member *json_scan_find(const struct json_scan *s, str text, str name)
{
    for (size_t i = 0; i < s->n_members; i++)
        if (has_name(&s->members[i], text, name))
            return &s->members[i];
    return NULL;
}

str json_value_raw(const struct json_member *m, str text)
{
    return str_make(text.p + m->value_at, m->value_n);
}

str json_value_text(const struct json_member *m, str text, struct arena *arena)
{
    str between = str_make(text.p + m->value_at + 1, m->value_n - 2);

    return m->value_escaped ? json_unescape(between, arena) : between;
}

str json_name_text(const struct json_member *m, str text, struct arena *arena)
{
    str between = str_make(text.p + m->name_at, m->name_n);

    return m->name_escaped ? json_unescape(between, arena) : between;
}

bool json_value_u64(const struct json_member *m, str text, uint64_t *ret_value)
{
    return m->kind == JSON_KIND_NUMBER && str_parse_u64(json_value_raw(m, text), ret_value);
}

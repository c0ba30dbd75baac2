#include "base/json_scan.h"

#include "base/json_token.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/utf8.h"

/*
 * A walk over tokens with a stack of one bit per open container. What can be long, a string, is
 * resumed where it was left; a number or a literal that is cut is read again from its first byte.
 */

enum state {
    STATE_START,
    STATE_VALUE,
    STATE_VALUE_OR_CLOSE, /* just after [ */
    STATE_NAME,
    STATE_NAME_OR_CLOSE, /* just after { */
    STATE_COLON,
    STATE_COMMA_OR_CLOSE,
    STATE_END,
};

enum { NUMBER_BYTES_MAX = 4096, NAME_SLOTS_PER_MEMBER = 2 };

struct json_scan {
    size_t at;
    enum state state;
    enum json_scan_result result;
    str error;
    size_t error_at;

    size_t depth, max_depth;
    uint64_t is_object[JSON_SCAN_DEPTH_MAX / 64];

    bool in_string, string_escaped;
    size_t string_at; /* of the opening quote */

    struct json_member *members;
    size_t n_members, room, max_members;
    uint64_t *names; /* keyed hashes, open addressing; 0: free */
    size_t n_names;
};

struct json_scan *json_scan_new(size_t max_members, size_t max_depth)
{
    struct json_scan *s = mem_zalloc(sizeof(*s));

    s->max_members = max_members;
    s->max_depth = max_depth < JSON_SCAN_DEPTH_MAX ? max_depth : JSON_SCAN_DEPTH_MAX;
    return s;
}

void json_scan_free(struct json_scan *s)
{
    if (!s)
        return;
    mem_free(s->members);
    mem_free(s->names);
    mem_free(s);
}

static bool fail_as(struct json_scan *s, enum json_scan_result result, size_t at, str why)
{
    s->result = result;
    s->error = why;
    s->error_at = at;
    return false;
}

static bool fail(struct json_scan *s, size_t at, str why)
{
    return fail_as(s, JSON_SCAN_INVALID, at, why);
}

/* --- strings */

enum step { STEP_FAILED, STEP_DONE, STEP_CUT };

/* Goes on in a string, from s->at, which lies behind its opening quote. */
static enum step walk_string(struct json_scan *s, str text)
{
    for (;;) {
        s->at = json_skip_plain(text, s->at);
        if (s->at == text.n)
            return STEP_CUT;
        unsigned char c = (unsigned char)text.p[s->at];
        if (c == '"') {
            s->at++;
            s->in_string = false;
            return STEP_DONE;
        }
        if (c < 0x20) {
            fail(s, s->at, STR("a control character in a string"));
            return STEP_FAILED;
        }
        int n = c == '\\' ? json_escape_length(text, s->at) : utf8_length(str_from(text, s->at));
        if (n < 0) {
            fail(s, s->at,
                 c == '\\' ? STR("an escape that is none") : STR("a byte that is not UTF-8"));
            return STEP_FAILED;
        }
        if (n == 0)
            return STEP_CUT;
        s->string_escaped |= c == '\\';
        s->at += (size_t)n;
    }
}

static enum step begin_string(struct json_scan *s, str text)
{
    if (!s->in_string) {
        s->in_string = true;
        s->string_escaped = false;
        s->string_at = s->at++;
    }
    return walk_string(s, text);
}

/* --- numbers and literals
 * ------------------------------------------------------------------------------------------------
 */

static enum step take_number(struct json_scan *s, str text, enum json_scan_input input)
{
    size_t end = s->at;

    while (end < text.n && json_is_number_char(text.p[end]))
        end++;
    if (end - s->at > NUMBER_BYTES_MAX) {
        fail(s, s->at, STR("a number of more than 4096 bytes"));
        return STEP_FAILED;
    }
    if (end == text.n && input == JSON_SCAN_MORE_COMES)
        return STEP_CUT;
    if (json_number_end(str_upto(text, end), s->at) != end) {
        fail(s, s->at, STR("a number that is none"));
        return STEP_FAILED;
    }
    s->at = end;
    return STEP_DONE;
}

static enum step take_literal(struct json_scan *s, str text, str literal)
{
    str here = str_upto(str_from(text, s->at), literal.n);

    if (!str_starts(literal, here)) {
        fail(s, s->at, STR("a word that is neither true, false nor null"));
        return STEP_FAILED;
    }
    if (here.n < literal.n)
        return STEP_CUT;
    s->at += literal.n;
    return STEP_DONE;
}

/* --- members
 * --------------------------------------------------------------------------------------------------------------
 */

static uint64_t name_hash(const struct json_member *m, str text)
{
    struct arena arena;
    char storage[512];
    uint64_t hash;

    arena_init(&arena, storage, sizeof(storage));
    hash = siphash64(siphash_process_key(), json_name_text(m, text, &arena));
    arena_deinit(&arena);
    return hash ? hash : 1;
}

static void grow_names(struct json_scan *s)
{
    size_t n = s->n_names ? s->n_names * 2 : 32;
    uint64_t *names = mem_array(n, sizeof(*names));

    for (size_t i = 0; i < s->n_names; i++)
        for (size_t k = s->names[i] & (n - 1); s->names[i]; k = (k + 1) & (n - 1))
            if (!names[k]) {
                names[k] = s->names[i];
                break;
            }
    mem_free(s->names);
    s->names = names;
    s->n_names = n;
}

/* Two names with one 64-bit keyed hash are taken for equal: one in 2^44 for a thousand members, and
 * nobody can aim at it. */
static bool remember_name(struct json_scan *s, uint64_t hash)
{
    if (s->n_members * NAME_SLOTS_PER_MEMBER >= s->n_names)
        grow_names(s);
    size_t i = hash & (s->n_names - 1);
    for (; s->names[i]; i = (i + 1) & (s->n_names - 1))
        if (s->names[i] == hash)
            return false;
    s->names[i] = hash;
    return true;
}

static bool begin_member(struct json_scan *s, str text)
{
    if (s->n_members == s->max_members)
        return fail_as(s, JSON_SCAN_TOO_MANY, s->string_at,
                       STR("more members than limits.json_members allows"));
    if (s->n_members == s->room) {
        s->room = s->room ? s->room * 2 : 16;
        s->members = mem_realloc(s->members, s->room * sizeof(*s->members));
    }
    struct json_member *m = &s->members[s->n_members];
    *m = (struct json_member){.name_at = (uint32_t)s->string_at + 1,
                              .name_n = (uint32_t)(s->at - s->string_at - 2),
                              .name_escaped = s->string_escaped};
    if (!remember_name(s, name_hash(m, text)))
        return fail_as(s, JSON_SCAN_DUPLICATE, s->string_at, STR("a member that was there before"));
    s->n_members++;
    return true;
}

static void begin_value(struct json_scan *s, size_t at, enum json_kind kind)
{
    if (s->depth == 1) {
        s->members[s->n_members - 1].value_at = (uint32_t)at;
        s->members[s->n_members - 1].kind = kind;
    }
}

static void end_value(struct json_scan *s)
{
    if (s->depth == 1) {
        struct json_member *m = &s->members[s->n_members - 1];

        m->value_n = (uint32_t)(s->at - m->value_at);
        m->value_escaped = m->kind == JSON_STRING && s->string_escaped;
    }
    s->state = STATE_COMMA_OR_CLOSE;
}

/* --- containers
 * ------------------------------------------------------------------------------------------------------------
 */

static bool in_object(const struct json_scan *s)
{
    size_t top = s->depth - 1;

    return s->is_object[top / 64] >> top % 64 & 1;
}

static bool open_container(struct json_scan *s, enum json_kind kind)
{
    uint64_t bit = (uint64_t)1 << s->depth % 64;

    if (s->depth == s->max_depth)
        return fail_as(s, JSON_SCAN_TOO_DEEP, s->at, STR("deeper than limits.json_depth allows"));
    if (s->depth)
        begin_value(s, s->at, kind);
    if (kind == JSON_OBJECT)
        s->is_object[s->depth / 64] |= bit;
    else
        s->is_object[s->depth / 64] &= ~bit;
    s->depth++;
    s->at++;
    s->state = kind == JSON_OBJECT ? STATE_NAME_OR_CLOSE : STATE_VALUE_OR_CLOSE;
    return true;
}

static bool close_container(struct json_scan *s, char bracket)
{
    if (bracket != (in_object(s) ? '}' : ']'))
        return fail(s, s->at, STR("a closing bracket that opened as another"));
    s->depth--;
    s->at++;
    if (s->depth)
        end_value(s);
    else
        s->state = STATE_END;
    return true;
}

/* --- the walk
 * ----------------------------------------------------------------------------------------------------------------
 */

static enum step take_scalar(struct json_scan *s, str text, enum json_scan_input input, char c)
{
    static const str words[] = {[JSON_TRUE] = STR_INIT("true"),
                                [JSON_FALSE] = STR_INIT("false"),
                                [JSON_NULL] = STR_INIT("null")};
    enum json_kind kind = c == 't' ? JSON_TRUE : c == 'f' ? JSON_FALSE : JSON_NULL;

    if (c == '-' || (c >= '0' && c <= '9')) {
        begin_value(s, s->at, JSON_NUMBER);
        return take_number(s, text, input);
    }
    if (c == 't' || c == 'f' || c == 'n') {
        begin_value(s, s->at, kind);
        return take_literal(s, text, words[kind]);
    }
    fail(s, s->at, STR("a value was expected"));
    return STEP_FAILED;
}

static enum step take_value(struct json_scan *s, str text, enum json_scan_input input)
{
    char c = text.p[s->at];
    enum step step;

    if (c == '{' || c == '[')
        return open_container(s, c == '{' ? JSON_OBJECT : JSON_ARRAY) ? STEP_DONE : STEP_FAILED;
    if (s->in_string || c == '"') {
        if (!s->in_string)
            begin_value(s, s->at, JSON_STRING);
        step = begin_string(s, text);
    } else {
        step = take_scalar(s, text, input, c);
    }
    if (step == STEP_DONE)
        end_value(s);
    return step;
}

static enum step take_name(struct json_scan *s, str text)
{
    if (!s->in_string && text.p[s->at] != '"') {
        fail(s, s->at, STR("a member's name was expected"));
        return STEP_FAILED;
    }
    enum step step = begin_string(s, text);
    if (step != STEP_DONE)
        return step;
    s->state = STATE_COLON;
    return s->depth > 1 || begin_member(s, text) ? STEP_DONE : STEP_FAILED;
}

static enum step take_comma_or_close(struct json_scan *s, char c)
{
    if (c == ',') {
        s->at++;
        s->state = in_object(s) ? STATE_NAME : STATE_VALUE;
        return STEP_DONE;
    }
    if (c == '}' || c == ']')
        return close_container(s, c) ? STEP_DONE : STEP_FAILED;
    fail(s, s->at, STR("a comma or a closing bracket was expected"));
    return STEP_FAILED;
}

static enum step walk(struct json_scan *s, str text, enum json_scan_input input)
{
    char c = text.p[s->at];

    switch (s->state) {
    case STATE_START:
        if (c == '{')
            return open_container(s, JSON_OBJECT) ? STEP_DONE : STEP_FAILED;
        fail(s, s->at, STR("an object was expected"));
        return STEP_FAILED;
    case STATE_VALUE_OR_CLOSE:
        if (c == ']')
            return close_container(s, c) ? STEP_DONE : STEP_FAILED;
        s->state = STATE_VALUE;
        return take_value(s, text, input);
    case STATE_VALUE:
        return take_value(s, text, input);
    case STATE_NAME_OR_CLOSE:
        if (c == '}')
            return close_container(s, c) ? STEP_DONE : STEP_FAILED;
        s->state = STATE_NAME;
        return take_name(s, text);
    case STATE_NAME:
        return take_name(s, text);
    case STATE_COLON:
        if (c != ':') {
            fail(s, s->at, STR("a colon was expected"));
            return STEP_FAILED;
        }
        s->at++;
        s->state = STATE_VALUE;
        return STEP_DONE;
    case STATE_COMMA_OR_CLOSE:
        return take_comma_or_close(s, c);
    case STATE_END:
        break;
    }
    fail(s, s->at, STR("something after the end of the object"));
    return STEP_FAILED;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

enum json_scan_result json_scan_feed(struct json_scan *s, str so_far, enum json_scan_input input)
{
    enum step step = STEP_DONE;

    if (s->result >= JSON_SCAN_INVALID)
        return s->result;
    if (so_far.n > UINT32_MAX) {
        fail(s, 0, STR("a text of more than 4 GiB"));
        return s->result;
    }
    while (step == STEP_DONE) {
        while (!s->in_string && s->at < so_far.n && is_blank(so_far.p[s->at]))
            s->at++;
        if (s->at >= so_far.n)
            break;
        step = walk(s, so_far, input);
    }
    if (step == STEP_FAILED)
        return s->result;
    if (input == JSON_SCAN_LAST && s->state != STATE_END)
        fail(s, so_far.n, STR("the text ends in the middle"));
    else
        s->result = s->state == STATE_END ? JSON_SCAN_DONE : JSON_SCAN_MORE;
    return s->result;
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

const struct json_member *json_scan_find(const struct json_scan *s, str text, str name)
{
    struct arena arena;
    char storage[256];
    const struct json_member *found = NULL;

    arena_init(&arena, storage, sizeof(storage));
    for (size_t i = 0; i < s->n_members && !found; i++) {
        const struct json_member *m = &s->members[i];

        if (m->name_escaped ? str_eq(json_name_text(m, text, &arena), name)
                            : str_eq(str_make(text.p + m->name_at, m->name_n), name))
            found = m;
    }
    arena_deinit(&arena);
    return found;
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
    return m->kind == JSON_NUMBER && str_parse_u64(json_value_raw(m, text), ret_value);
}

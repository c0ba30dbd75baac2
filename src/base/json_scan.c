#include "base/json_scan.h"

#include "base/json_token.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/siphash.h"
#include "base/utf8.h"

/*
 * A walk over tokens with a stack of one bit per open container. What can be long, a string, is
 * resumed where it was left; a number or a literal that is cut is read again from its first byte.
 *
 * Most objects have few members, so those find room in the scan itself and names are told apart by
 * a key each, compared one by one. From JSON_SCAN_INLINE on a table of keyed hashes takes over: a
 * sender who chooses names can't make it slow.
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

enum { NUMBER_BYTES_MAX = 4096, NAME_SLOTS_PER_MEMBER = 2, JSON_SCAN_INLINE = 20 };

struct json_scan {
    size_t at;
    enum state state;
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

static enum step fail_step(struct json_scan *s, size_t at, str why)
{
    fail(s, at, why);
    return STEP_FAILED;
}

static inline bool is_simple_escape(char c)
{
    switch (c) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return true;
    default:
        return false;
    }
}

/* Moves *at past the escapes that follow each other there. */
static enum step walk_escapes(struct json_scan *s, str text, size_t *at)
{
    s->string_escaped = true;
    while (*at < text.n && text.p[*at] == '\\') {
        if (*at + 1 < text.n && is_simple_escape(text.p[*at + 1])) {
            *at += 2;
            continue;
        }
        int n = json_escape_length(text, *at);
        if (n < 0)
            return fail_step(s, *at, STR("an escape that is none"));
        if (n == 0)
            return STEP_CUT;
        *at += (size_t)n;
    }
    return STEP_DONE;
}

static enum step walk_utf8(struct json_scan *s, str text, size_t *at)
{
    switch (utf8_skip(text, at)) {
    case UTF8_ASCII:
        return STEP_DONE;
    case UTF8_CUT:
        return STEP_CUT;
    default:
        return fail_step(s, *at, STR("a byte that is not UTF-8"));
    }
}

/* At a byte that is special. */
static enum step walk_special(struct json_scan *s, str text, size_t *at)
{
    if (text.p[*at] == '\\')
        return walk_escapes(s, text, at);
    if ((unsigned char)text.p[*at] >= 0x80)
        return walk_utf8(s, text, at);
    return fail_step(s, *at, STR("a control character in a string"));
}

/* Where specials are dense: blocks of 64 bytes, whose specials are looked for once. Ends at a
 * quote, or where less than a block is left, or after a step that is not done. */
static enum step walk_blocks(struct json_scan *s, str text, size_t *at)
{
    while (text.n - *at >= JSON_BLOCK_BYTES) {
        const char *block = text.p + *at;
        uint64_t specials = json_special_mask64(block);
        size_t i = 0;

        while (specials) {
            i = (size_t)__builtin_ctzll(specials);
            if (block[i] == '"') {
                *at += i;
                return STEP_DONE;
            }
            if (block[i] == '\\' && i + 1 < JSON_BLOCK_BYTES && is_simple_escape(block[i + 1])) {
                s->string_escaped = true;
                i += 2;
            } else {
                size_t here = *at + i;
                enum step step = walk_special(s, text, &here);

                i = here - *at;
                if (step != STEP_DONE) {
                    *at = here;
                    return step;
                }
            }
            specials = i < JSON_BLOCK_BYTES ? specials & ~(uint64_t)0 << i : 0;
        }
        *at += i > JSON_BLOCK_BYTES ? i : JSON_BLOCK_BYTES;
    }
    return STEP_DONE;
}

/* Goes on in a string, from s->at, which lies behind its opening quote. */
static enum step walk_string(struct json_scan *s, str text)
{
    size_t at = s->at;
    enum step step = STEP_DONE;

    while (step == STEP_DONE) {
        at = json_skip_plain(text, at);
        if (at == text.n) {
            step = STEP_CUT;
        } else if (text.p[at] == '"') {
            s->at = at + 1;
            s->in_string = false;
            return STEP_DONE;
        } else {
            step = walk_special(s, text, &at);
            if (step == STEP_DONE)
                step = walk_blocks(s, text, &at);
        }
    }
    s->at = at;
    return step;
}

static enum step begin_string(struct json_scan *s, str text)
{
    s->in_string = true;
    s->string_escaped = false;
    s->string_at = s->at++;
    return walk_string(s, text);
}

/* --- numbers and literals */

static enum step take_number(struct json_scan *s, str text, enum json_scan_input input)
{
    size_t end = s->at;

    while (end < text.n && json_is_number_char(text.p[end]))
        end++;
    if (end - s->at > NUMBER_BYTES_MAX)
        return fail_step(s, s->at, STR("a number of more than 4096 bytes"));
    if (end == text.n && input == JSON_SCAN_MORE_COMES)
        return STEP_CUT;
    if (json_number_end(str_upto(text, end), s->at) != end)
        return fail_step(s, s->at, STR("a number that is none"));
    s->at = end;
    return STEP_DONE;
}

static enum step take_literal(struct json_scan *s, str text, str literal)
{
    str here = str_upto(str_from(text, s->at), literal.n);

    if (memcmp(here.p, literal.p, here.n) != 0)
        return fail_step(s, s->at, STR("a word that is neither true, false nor null"));
    if (here.n < literal.n)
        return STEP_CUT;
    s->at += literal.n;
    return STEP_DONE;
}

/* --- members */

static uint64_t name_hash(str name)
{
    uint64_t hash = siphash64(siphash_process_key(), name);

    return hash ? hash : 1;
}

static bool table_add(struct json_scan *s, uint64_t hash)
{
    size_t i = hash & (s->n_names - 1);

    for (; s->names[i]; i = (i + 1) & (s->n_names - 1))
        if (s->names[i] == hash)
            return false;
    s->names[i] = hash;
    return true;
}

/* Makes the table, or one of double size. */
static void grow_table(struct json_scan *s, str text)
{
    uint64_t *old = s->names;
    size_t n_old = s->n_names;
    struct arena arena;

    s->n_names = n_old ? n_old * 2 : 128;
    s->names = mem_array(s->n_names, sizeof(*s->names));
    for (size_t i = 0; i < n_old; i++)
        if (old[i])
            table_add(s, old[i]);
    mem_free(old);
    arena_init(&arena, NULL, 0);
    for (size_t i = 0; n_old == 0 && i < s->n_members; i++)
        table_add(s, name_hash(json_name_text(&s->members[i], text, &arena)));
    arena_deinit(&arena);
}

/* Two names with one 64-bit keyed hash are taken for equal: one in 2^44 for a thousand members, and
 * nobody can aim at it. */
static bool is_new_in_table(struct json_scan *s, str text, str name)
{
    if (s->n_members * NAME_SLOTS_PER_MEMBER >= s->n_names)
        grow_table(s, text);
    return table_add(s, name_hash(name));
}

/* Equal names have equal keys; most different names have different ones. */
static uint64_t name_key(str name)
{
    uint64_t first = 0, last = 0;

    if (name.n < sizeof(first)) {
        memcpy(&first, name.p, name.n);
    } else {
        memcpy(&first, name.p, sizeof(first));
        memcpy(&last, name.p + name.n - sizeof(last), sizeof(last));
    }
    return first ^ (last << 9 | last >> 55) ^ (uint64_t)name.n << 56;
}

static bool is_same_name(struct json_scan *s, size_t index, str text, str name)
{
    struct arena arena;
    char storage[256];

    arena_init(&arena, storage, sizeof(storage));
    bool same = str_eq(json_name_text(&s->members[index], text, &arena), name);
    arena_deinit(&arena);
    return same;
}

static bool is_new_name(struct json_scan *s, str text, str name)
{
    uint64_t key = name_key(name);

    if (s->n_members >= JSON_SCAN_INLINE)
        return is_new_in_table(s, text, name);
    for (size_t i = 0; i < s->n_members; i++)
        if (s->keys[i] == key && is_same_name(s, i, text, name))
            return false;
    s->keys[s->n_members] = key;
    return true;
}

static void make_room(struct json_scan *s)
{
    s->room *= 2;
    if (s->members != s->inline_members) {
        s->members = mem_realloc(s->members, s->room * sizeof(*s->members));
        return;
    }
    s->members = mem_array(s->room, sizeof(*s->members));
    memcpy(s->members, s->inline_members, sizeof(s->inline_members));
}

static bool begin_member(struct json_scan *s, str text)
{
    struct json_member m = {.name_at = (uint32_t)s->string_at + 1,
                            .name_n = (uint32_t)(s->at - s->string_at - 2),
                            .name_escaped = s->string_escaped};
    struct arena arena;
    char storage[256];

    if (s->n_members == s->max_members)
        return fail_as(s, JSON_SCAN_TOO_MANY, s->string_at,
                       STR("more members than limits.json_members allows"));
    if (s->n_members == s->room)
        make_room(s);
    arena_init(&arena, storage, sizeof(storage));
    bool new = is_new_name(s, text, json_name_text(&m, text, &arena));
    arena_deinit(&arena);
    if (!new)
        return fail_as(s, JSON_SCAN_DUPLICATE, s->string_at, STR("a member that was there before"));
    s->members[s->n_members++] = m;
    return true;
}

static inline void begin_value(struct json_scan *s, enum json_kind kind)
{
    if (s->depth == 1) {
        s->members[s->n_members - 1].value_at = (uint32_t)s->at;
        s->members[s->n_members - 1].kind = kind;
    }
}

static inline enum step end_value(struct json_scan *s)
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
static inline enum step end_string(struct json_scan *s, str text)
{
    if (s->state != STATE_NAME)
        return end_value(s);
    s->state = STATE_COLON;
    return s->depth > 1 || begin_member(s, text) ? STEP_DONE : STEP_FAILED;
}

/* --- containers */

static inline bool in_object(const struct json_scan *s)
{
    size_t top = s->depth - 1;

    return s->is_object[top / 64] >> top % 64 & 1;
}

static inline enum step open_container(struct json_scan *s, enum json_kind kind)
{
    uint64_t bit = (uint64_t)1 << s->depth % 64;

    if (s->depth == s->max_depth) {
        fail_as(s, JSON_SCAN_TOO_DEEP, s->at, STR("deeper than limits.json_depth allows"));
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

static inline enum step close_container(struct json_scan *s, char bracket)
{
    if (bracket != (in_object(s) ? '}' : ']'))
        return fail_step(s, s->at, STR("a closing bracket that opened as another"));
    s->depth--;
    s->at++;
    if (s->depth)
        return end_value(s);
    s->state = STATE_END;
    return STEP_DONE;
}

/* --- the walk */

static enum step take_scalar(struct json_scan *s, str text, enum json_scan_input input, char c)
{
    enum step step;

    switch (c) {
    case 't':
        begin_value(s, JSON_KIND_TRUE);
        step = take_literal(s, text, STR("true"));
        break;
    case 'f':
        begin_value(s, JSON_KIND_FALSE);
        step = take_literal(s, text, STR("false"));
        break;
    case 'n':
        begin_value(s, JSON_KIND_NULL);
        step = take_literal(s, text, STR("null"));
        break;
    default:
        if (c != '-' && (c < '0' || c > '9'))
            return fail_step(s, s->at, STR("a value was expected"));
        begin_value(s, JSON_KIND_NUMBER);
        step = take_number(s, text, input);
        break;
    }
    return step == STEP_DONE ? end_value(s) : step;
}

static inline enum step take_value(struct json_scan *s, str text, enum json_scan_input input,
                                   char c)
{
    enum step step;

    if (c == '"') {
        begin_value(s, JSON_KIND_STRING);
        step = begin_string(s, text);
        return step == STEP_DONE ? end_value(s) : step;
    }
    if (c == '{' || c == '[')
        return open_container(s, c == '{' ? JSON_KIND_OBJECT : JSON_KIND_ARRAY);
    return take_scalar(s, text, input, c);
}

static inline enum step take_name(struct json_scan *s, str text, char c)
{
    enum step step;

    if (c != '"')
        return fail_step(s, s->at, STR("a member's name was expected"));
    step = begin_string(s, text);
    return step == STEP_DONE ? end_string(s, text) : step;
}

static inline enum step take_comma_or_close(struct json_scan *s, char c)
{
    if (c == ',') {
        s->at++;
        s->state = in_object(s) ? STATE_NAME : STATE_VALUE;
        return STEP_DONE;
    }
    if (c == '}' || c == ']')
        return close_container(s, c);
    return fail_step(s, s->at, STR("a comma or a closing bracket was expected"));
}

/* One token, at a byte that is not blank. */
static inline enum step walk(struct json_scan *s, str text, enum json_scan_input input)
{
    char c = text.p[s->at];

    switch (s->state) {
    case STATE_START:
        return c == '{' ? open_container(s, JSON_KIND_OBJECT)
                        : fail_step(s, s->at, STR("an object was expected"));
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
            return fail_step(s, s->at, STR("a colon was expected"));
        s->at++;
        s->state = STATE_VALUE;
        return STEP_DONE;
    case STATE_COMMA_OR_CLOSE:
        return take_comma_or_close(s, c);
    case STATE_END:
        break;
    }
    return fail_step(s, s->at, STR("something after the end of the object"));
}

static inline bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static enum step resume_string(struct json_scan *s, str text)
{
    enum step step = walk_string(s, text);

    return step == STEP_DONE ? end_string(s, text) : step;
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

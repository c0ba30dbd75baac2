/*
 * The members at the top of a text that is being scanned, and whether a name was there before.
 *
 * Most objects have few members, so those find room in the scan itself and names are told apart by
 * a key each, compared one by one. From JSON_SCAN_INLINE on a table of keyed hashes takes over: a
 * sender who chooses names can't make it slow.
 */

#include "base/json_scan_internal.h"
#include "base/siphash.h"

enum { NAME_SLOTS_PER_MEMBER = 2 };

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

bool json_begin_member(struct json_scan *s, str text)
{
    struct json_member m = {.name_at = (uint32_t)s->string_at + 1,
                            .name_n = (uint32_t)(s->at - s->string_at - 2),
                            .name_escaped = s->string_escaped};
    struct arena arena;
    char storage[256];

    if (s->n_members == s->max_members)
        return json_fail_as(s, JSON_SCAN_TOO_MANY, s->string_at,
                            STR("more members than limits.json_members allows"));
    if (s->n_members == s->room)
        make_room(s);
    arena_init(&arena, storage, sizeof(storage));
    bool new = is_new_name(s, text, json_name_text(&m, text, &arena));
    arena_deinit(&arena);
    if (!new)
        return json_fail_as(s, JSON_SCAN_DUPLICATE, s->string_at,
                            STR("a member that was there before"));
    s->members[s->n_members++] = m;
    return true;
}

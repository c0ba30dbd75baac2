/*
 * The canonical text of a rule: "allow=eu,is;exclude=aws-eu-south-1;transit=ch", members in this
 * order and absent where empty, names lower-cased, sorted, once each; "known" for a rule without
 * members. Bytes that no valid name has are written %hh, so that no name can pose as syntax: two
 * rules have one text only if they have the same names.
 */

#include "region/rule.h"

#include "base/mem.h"
#include "base/random.h"

#include <stdlib.h>

static const char EMPTY_RULE[] = "known";

enum { TEXT_MAX = 256 * 1024 };

static int by_bytes(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
}

static void put_name(struct buf *to, str name)
{
    for (size_t i = 0; i < name.n; i++) {
        char c = str_lower_char(name.p[i]);

        if (is_plain(c))
            buf_put_char(to, c);
        else
            buf_printf(to, "%%%02x", (unsigned char)c);
    }
}

static void put_member(struct buf *to, const char *member)
{
    buf_printf(to, "%s%s=", to->n ? ";" : "", member);
}

static str lower_copy(struct arena *arena, str s)
{
    char *copy = arena_alloc(arena, s.n + 1);

    for (size_t i = 0; i < s.n; i++)
        copy[i] = str_lower_char(s.p[i]);
    return str_make(copy, s.n);
}

static void put_names(struct buf *to, const char *member, const str *names, size_t n,
                      struct arena *arena)
{
    if (n == 0)
        return;
    str *sorted = arena_alloc(arena, n * sizeof(*sorted));
    for (size_t i = 0; i < n; i++)
        sorted[i] = lower_copy(arena, names[i]);
    qsort(sorted, n, sizeof(*sorted), by_bytes);

    put_member(to, member);
    for (size_t i = 0; i < n; i++) {
        if (i && str_eq(sorted[i], sorted[i - 1]))
            continue;
        if (i)
            buf_put_char(to, ',');
        put_name(to, sorted[i]);
    }
}

static void put_single(struct buf *to, const char *member, str name)
{
    if (name.n == 0)
        return;
    put_member(to, member);
    put_name(to, name);
}

str region_rule_canonical(const struct region_rule *rule, struct arena *arena)
{
    CLEANUP(buf_deinit) struct buf text;

    buf_init(&text, 0);
    put_names(&text, "allow", rule->allow, rule->n_allow, arena);
    put_names(&text, "exclude", rule->exclude, rule->n_exclude, arena);
    put_names(&text, "transit", rule->transit, rule->n_transit, arena);
    put_single(&text, "primary", rule->primary);
    put_single(&text, "secondary", rule->secondary);
    return arena_copy(arena, text.n ? buf_str(&text) : str_of(EMPTY_RULE));
}

static bool take_name(str text, struct arena *arena, str *ret_name)
{
    char *name = arena_alloc(arena, text.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < text.n; i++, n++) {
        if (text.p[i] != '%') {
            name[n] = text.p[i];
            continue;
        }
        if (!hex_decode(str_upto(str_from(text, i + 1), 2), &name[n], 1))
            return false;
        i += 2;
    }
    *ret_name = str_make(name, n);
    return true;
}

static bool take_names(str text, struct arena *arena, const str **ret_names, size_t *ret_n)
{
    size_t n = 1;

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == ',';
    str *names = arena_alloc(arena, n * sizeof(*names));
    for (size_t i = 0; i < n; i++)
        if (!take_name(str_cut(&text, ','), arena, &names[i]))
            return false;
    *ret_names = names;
    *ret_n = n;
    return true;
}

static bool take_member(str member, str value, struct arena *arena, struct region_rule *rule)
{
    if (str_eq(member, STR("allow")))
        return take_names(value, arena, &rule->allow, &rule->n_allow);
    if (str_eq(member, STR("exclude")))
        return take_names(value, arena, &rule->exclude, &rule->n_exclude);
    if (str_eq(member, STR("transit")))
        return take_names(value, arena, &rule->transit, &rule->n_transit);
    if (str_eq(member, STR("primary")))
        return take_name(value, arena, &rule->primary);
    if (str_eq(member, STR("secondary")))
        return take_name(value, arena, &rule->secondary);
    return false;
}

/* Whatever was parsed must give the same text again: one comparison refuses every other order,
 * spelling, repetition and member. */
bool region_rule_parse_canonical(str text, struct arena *arena, struct region_rule *ret_rule)
{
    struct region_rule rule = {0};

    if (text.n == 0 || text.n > TEXT_MAX)
        return false;
    if (!str_eq(text, str_of(EMPTY_RULE)))
        for (str rest = text; rest.n;) {
            str value = str_cut(&rest, ';');
            str member = str_cut(&value, '=');

            if (!take_member(member, value, arena, &rule))
                return false;
        }
    if (!str_eq(region_rule_canonical(&rule, arena), text))
        return false;
    *ret_rule = rule;
    return true;
}

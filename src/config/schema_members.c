/*
 * Members of an object that the settings table does not know, or that LiteLLM has and Ambit does
 * not use. What they mean is judged by their name alone: a name that speaks of regions, or nearly
 * so, is an error, since passing it over would lift a rule that somebody thinks is in force.
 */

#include "config/schema.h"

#include "base/mem.h"

enum { MAX_NAMES = 96 };

static const struct setting *find_member(const char *object, str key)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings_table[i];

        if (setting_is_in(s, object) && str_eq(setting_name(s), key))
            return s;
    }
    return NULL;
}

static str near_member(const char *object, str key)
{
    str names[MAX_NAMES];
    size_t n = 0;

    for (size_t i = 0; i < settings_count && n < MAX_NAMES; i++) {
        if (settings_table[i].use == SETTING_USED && setting_is_in(&settings_table[i], object))
            names[n++] = setting_name(&settings_table[i]);
    }
    return str_near_match(key, names, n);
}

static bool contains(str text, str part)
{
    return str_search(text, part) < text.n;
}

/* Whether one is the other but for one letter that is missing, added, wrong, or in the wrong order.
 */
static bool is_one_edit(str a, str b)
{
    while (a.n && b.n && a.p[0] == b.p[0]) {
        a = str_from(a, 1);
        b = str_from(b, 1);
    }
    while (a.n && b.n && a.p[a.n - 1] == b.p[b.n - 1]) {
        a = str_upto(a, a.n - 1);
        b = str_upto(b, b.n - 1);
    }
    if (a.n == 2 && b.n == 2)
        return a.p[0] == b.p[1] && a.p[1] == b.p[0];
    return a.n <= 1 && b.n <= 1;
}

/* A word of a name, `regoin` as well as `region`. */
static bool is_regional_word(str word)
{
    static const str words[] = {
        STR_INIT("region"),    STR_INIT("regions"),      STR_INIT("country"),
        STR_INIT("countries"), STR_INIT("location"),     STR_INIT("locality"),
        STR_INIT("residency"), STR_INIT("jurisdiction"), STR_INIT("datacenter"),
    };

    /* Short words have too many neighbours ("none", "done") for anything but themselves. */
    if (str_eq(word, STR("zone")) || str_eq(word, STR("zones")))
        return true;
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (is_one_edit(word, words[i]))
            return true;
    }
    return false;
}

bool schema_is_regional(str name)
{
    char lower[64];
    str rest;

    name = str_upto(name, sizeof(lower));
    for (size_t i = 0; i < name.n; i++)
        lower[i] = name.p[i] == '-' ? '_' : str_lower_char(name.p[i]);
    rest = str_make(lower, name.n);
    if (contains(rest, STR("region")) || contains(rest, STR("countr")))
        return true;
    while (rest.n) {
        if (is_regional_word(str_cut(&rest, '_')))
            return true;
    }
    return false;
}

/* Nothing is lost by ignoring what is empty. */
static bool is_empty(const json_t *value)
{
    return json_is_null(value) || (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0);
}

static bool speaks_of_places(const struct setting *s)
{
    return s->use == SETTING_USED &&
           (s->type == SETTING_PLACE || s->type == SETTING_PLACES || s->type == SETTING_RULE);
}

/* The setting about places that a wrong name was meant to be; STR_NULL if it was none. */
static str regional_member(const char *object, str key)
{
    bool regional = schema_is_regional(key);
    str near = regional ? near_member(object, key) : STR_NULL;

    for (size_t i = 0; !near.p && i < settings_count; i++) {
        const struct setting *s = &settings_table[i];

        if (setting_is_in(s, object) && speaks_of_places(s) &&
            (regional || is_one_edit(key, setting_name(s))))
            near = setting_name(s);
    }
    return near;
}

static void report_unknown(const struct config_reader *r, const struct config_node *node,
                           const char *object, str key)
{
    str meant = regional_member(object, key);

    if (meant.p || schema_is_regional(key))
        node_error(r, node, "this key about regions is not known, and none is passed over%.*s",
                   STR_ARG(config_suggest(r, meant)));
    else
        node_warning(r, node, "this key is not understood, it has no effect%.*s",
                     STR_ARG(config_suggest(r, near_member(object, key))));
}

void schema_report_members(const struct config_reader *r, const struct config_node *node,
                           const char *object)
{
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)node->value, key, value)
    {
        struct config_node member = {
            .parent = node,
            .key = key,
            .value = value,
            .place = yaml_member_place(&r->document, node->value, str_of(key)),
        };
        const struct setting *s = find_member(object, str_of(key));

        if (!s)
            report_unknown(r, &member, object, str_of(key));
        else if (s->use == SETTING_UNUSED && !is_empty(value))
            node_warning(r, &member, "not used by Ambit: %s", s->about);
    }
}

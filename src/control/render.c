#include "control/render.h"

#include "base/clock.h"
#include "base/json_out.h"
#include "region/rule.h"

enum { DESCRIBE_NAMES = 24 };

/* jansson refuses what is not UTF-8, so that is mended first. */
static json_t *mended(str text)
{
    struct buf escaped;

    buf_init(&escaped, 0);
    buf_put_char(&escaped, '"');
    json_escape(&escaped, text);
    buf_put_char(&escaped, '"');
    json_t *value = json_loadb(escaped.p, escaped.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    buf_deinit(&escaped);
    return value ? value : json_string("");
}

json_t *render_str(str text)
{
    if (!text.p)
        return json_null();
    json_t *value = json_stringn(text.p, text.n);

    return value ? value : mended(text);
}

json_t *render_stored(str text)
{
    json_t *value = text.p ? json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL) : NULL;

    return value ? value : json_null();
}

static void put_names(json_t *object, const char *member, const str *names, size_t n)
{
    if (n == 0)
        return;
    json_t *list = json_array();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(list, render_str(names[i]));
    json_object_set_new(object, member, list);
}

json_t *render_rule(str canonical)
{
    struct region_rule rule;
    struct arena arena;

    if (!canonical.p)
        return json_null();
    json_t *object = json_object();
    arena_init(&arena, NULL, 0);
    if (region_rule_parse_canonical(canonical, &arena, &rule)) {
        put_names(object, "allow", rule.allow, rule.n_allow);
        put_names(object, "exclude", rule.exclude, rule.n_exclude);
        put_names(object, "transit", rule.transit, rule.n_transit);
        if (rule.primary.n)
            json_object_set_new(object, "primary", render_str(rule.primary));
        if (rule.secondary.n)
            json_object_set_new(object, "secondary", render_str(rule.secondary));
    }
    arena_deinit(&arena);
    return object;
}

json_t *render_rule_at(const struct catalog *c, uint32_t index)
{
    return index < c->n_rules ? render_rule(c->rules[index].text) : json_null();
}

json_t *render_set(const struct region_catalogue *regions, const struct region_set *set)
{
    struct buf text;

    buf_init(&text, 0);
    if (region_set_is_empty(set))
        buf_put_str(&text, STR("nothing"));
    else
        region_set_describe(regions, set, DESCRIBE_NAMES, &text);
    json_t *value = render_str(buf_str(&text));
    buf_deinit(&text);
    return value;
}

json_t *render_words(str words)
{
    json_t *list = words.n ? json_array() : json_null();

    while (words.n)
        json_array_append_new(list, render_str(str_cut(&words, ' ')));
    return list;
}

json_t *render_scopes(uint32_t scopes)
{
    json_t *list = json_array();

    for (uint32_t bit = 1; bit && bit <= SCOPE_ALL; bit <<= 1)
        if (scopes & bit)
            json_array_append_new(list, render_str(catalog_scope_name(bit)));
    return list;
}

json_t *render_time(int64_t wall_ns)
{
    char text[CLOCK_RFC3339_LEN];

    if (wall_ns == 0)
        return json_null();
    clock_format_rfc3339(wall_ns, text);
    return json_stringn(text, sizeof(text));
}

json_t *render_region(const struct region_catalogue *regions, unsigned index)
{
    return index < region_count(regions) ? render_str(region_at(regions, index)->code)
                                         : json_null();
}

str render_state_name(enum catalog_endpoint_state state)
{
    static const str names[] = {
        [ENDPOINT_IN_SERVICE] = STR_INIT("in_service"),
        [ENDPOINT_REGION_PENDING] = STR_INIT("region_pending"),
        [ENDPOINT_OUT_OF_SERVICE] = STR_INIT("out_of_service"),
    };

    return names[state];
}

str render_evidence_name(enum catalog_evidence evidence)
{
    static const str names[] = {
        [EVIDENCE_NONE] = STR_INIT("none"),
        [EVIDENCE_DECLARED] = STR_INIT("declared"),
        [EVIDENCE_OBSERVED] = STR_INIT("observed"),
        [EVIDENCE_PROVIDER] = STR_INIT("provider"),
    };

    return names[evidence];
}

str render_provider_name(enum catalog_provider provider)
{
    static const str names[] = {
        [PROVIDER_OPENAI] = STR_INIT("openai"),
        [PROVIDER_COMPATIBLE] = STR_INIT("openai_compatible"),
        [PROVIDER_AZURE] = STR_INIT("azure"),
        [PROVIDER_REPLICA] = STR_INIT("replica"),
    };

    return names[provider];
}

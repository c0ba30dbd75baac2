#include "config/schema.h"

#include "base/mem.h"
#include "config/value.h"

#include <stdio.h>

/* --- rows */

static size_t name_offset(const char *path)
{
    const char *dot = strrchr(path, '.');

    return dot ? (size_t)(dot + 1 - path) : 0;
}

str setting_name(const struct setting *s)
{
    return str_of(s->path + name_offset(s->path));
}

bool setting_is_in(const struct setting *s, const char *object)
{
    size_t at = name_offset(s->path), n = strlen(object);

    return n == 0 ? at == 0 : at == n + 1 && !memcmp(s->path, object, n);
}

const struct setting *setting_find(const char *path)
{
    for (size_t i = 0; i < settings_count; i++) {
        if (!strcmp(settings_table[i].path, path))
            return &settings_table[i];
    }
    return NULL;
}

/* --- storing */

static bool in_bounds(const struct setting *s, int64_t value)
{
    return (s->min == 0 && s->max == 0) || (value >= s->min && value <= s->max);
}

static void put_integer(const struct setting *s, void *field, uint64_t value)
{
    if (s->width == 1)
        *(bool *)field = value != 0;
    else if (s->width == 4)
        *(uint32_t *)field = (uint32_t)value;
    else
        *(uint64_t *)field = value;
}

/* Whether the text is a number of the row's type; *ret_value in the unit of its field. */
static bool parse_number(const struct setting *s, str text, int64_t *ret_value)
{
    uint64_t value;

    switch (s->type) {
    case SETTING_DURATION:
        return value_parse_duration(text, ret_value);
    case SETTING_MILLI:
        return value_parse_scaled(text, 3, ret_value);
    case SETTING_DEGREES:
        return value_parse_scaled(text, 4, ret_value);
    case SETTING_BYTES:
        if (!value_parse_bytes(text, &value) || value > INT64_MAX)
            return false;
        break;
    default:
        if (!str_parse_u64(text, &value) || value > INT64_MAX)
            return false;
    }
    *ret_value = (int64_t)value;
    return true;
}

static bool find_choice(const struct setting *s, str text, uint64_t *ret_index)
{
    str rest = str_of(s->choices);

    for (uint64_t i = 0; rest.n; i++) {
        if (str_eq(str_cut(&rest, '|'), text)) {
            *ret_index = i;
            return true;
        }
    }
    return false;
}

/* The spellings of YAML 1.1 too: here a truth value is asked for, so `yes` cannot be anything else.
 */
static bool parse_flag(str text, uint64_t *ret_value)
{
    static const str yes[] = {STR_INIT("true"), STR_INIT("yes"), STR_INIT("on")};
    static const str no[] = {STR_INIT("false"), STR_INIT("no"), STR_INIT("off")};

    for (size_t i = 0; i < COUNT_OF(yes); i++) {
        if (str_ieq(text, yes[i]) || str_ieq(text, no[i])) {
            *ret_value = str_ieq(text, yes[i]);
            return true;
        }
    }
    return false;
}

static const char *expectation(const struct setting *s)
{
    switch (s->type) {
    case SETTING_FLAG:
        return "true or false";
    case SETTING_BYTES:
        return "a size such as 64MiB";
    case SETTING_DURATION:
        return "a duration such as 30, 30s, 5m, 1h or 250ms";
    case SETTING_MILLI:
        return "a number with at most three decimals";
    case SETTING_DEGREES:
        return "degrees with at most four decimals";
    case SETTING_CHOICE:
        return s->choices;
    default:
        return "a whole number";
    }
}

/* --- defaults */

static void put_preset_texts(const struct config_reader *r, const struct setting *s,
                             struct config_texts *field)
{
    str *list = arena_alloc(r->arena, (strlen(s->preset) + 1) * sizeof(str));
    str rest = str_of(s->preset);
    size_t n = 0;

    while (rest.n)
        list[n++] = str_trim(str_cut(&rest, ','));
    *field = (struct config_texts){list, n};
}

static void put_preset(const struct config_reader *r, const struct setting *s, void *field)
{
    str text = str_of(s->preset);
    uint64_t index = 0;
    int64_t number = 0;

    switch (s->type) {
    case SETTING_TEXT:
    case SETTING_SECRET:
    case SETTING_PLACE:
        *(str *)field = text;
        return;
    case SETTING_TEXTS:
    case SETTING_PLACES:
        put_preset_texts(r, s, field);
        return;
    case SETTING_FLAG:
        (void)parse_flag(text, &index);
        put_integer(s, field, index);
        return;
    case SETTING_CHOICE:
        (void)find_choice(s, text, &index);
        put_integer(s, field, index);
        return;
    default:
        (void)parse_number(s, text, &number);
        put_integer(s, field, (uint64_t)number);
    }
}

/* --- one value */

/* A scalar as text, numbers with decimals and truth values included. */
static bool scalar_text(const struct config_reader *r, const struct config_node *node,
                        str *ret_text)
{
    char digits[64];
    size_t n;

    if (json_is_boolean(node->value)) {
        *ret_text = json_is_true(node->value) ? STR("true") : STR("false");
        return true;
    }
    if (!json_is_real(node->value))
        return node_text(r, node, ret_text);
    n = (size_t)snprintf(digits, sizeof(digits), "%.6f", json_real_value(node->value));
    if (n >= sizeof(digits))
        n = sizeof(digits) - 1;
    while (n > 2 && digits[n - 1] == '0' && digits[n - 2] != '.')
        n--;
    *ret_text = arena_copy(r->arena, str_make(digits, n));
    return true;
}

/* A bound in the words of the setting's type. */
static const char *bound_unit(const struct setting *s)
{
    if (s->type == SETTING_DURATION)
        return " ms";
    return s->type == SETTING_BYTES ? " bytes" : "";
}

static void read_number(const struct config_reader *r, const struct config_node *node,
                        const struct setting *s, void *field)
{
    int64_t value;
    str text;

    if (!scalar_text(r, node, &text))
        return;
    if (!parse_number(s, text, &value)) {
        node_error(r, node, "\"%.*s\" is not %s", STR_ARG(str_upto(text, 80)), expectation(s));
        return;
    }
    if (!in_bounds(s, value)) {
        int64_t scale = s->type == SETTING_MILLI ? 1000 : s->type == SETTING_DEGREES ? 10000 : 1;

        if (s->type == SETTING_MILLI && s->min == 1)
            node_error(r, node, "%.*s is out of bounds: more than 0, at most %lld", STR_ARG(text),
                       (long long)(s->max / scale));
        else
            node_error(r, node, "%.*s is out of bounds: %lld to %lld%s",
                       STR_ARG(str_upto(text, 80)), (long long)(s->min / scale),
                       (long long)(s->max / scale), bound_unit(s));
        return;
    }
    put_integer(s, field, (uint64_t)value);
}

static void read_word(const struct config_reader *r, const struct config_node *node,
                      const struct setting *s, void *field)
{
    uint64_t value;
    bool known;
    str text;

    if (!scalar_text(r, node, &text))
        return;
    known = s->type == SETTING_FLAG ? parse_flag(text, &value) : find_choice(s, text, &value);
    if (known)
        put_integer(s, field, value);
    else
        node_error(r, node, "\"%.*s\" is not %s%s", STR_ARG(str_upto(text, 80)),
                   s->type == SETTING_CHOICE ? "one of " : "", expectation(s));
}

static bool read_text(const struct config_reader *r, const struct config_node *node, str *field)
{
    str text;

    if (!node_text(r, node, &text))
        return false;
    if (text.n > CONFIG_NAME_MAX) {
        node_error(r, node, "is longer than %d bytes", CONFIG_NAME_MAX);
        return false;
    }
    *field = arena_copy(r->arena, text);
    return true;
}

static void read_texts(const struct config_reader *r, const struct config_node *node,
                       struct config_texts *field)
{
    bool is_list = json_is_array(node->value);
    size_t n = is_list ? node_size(node) : 1;
    str *list = arena_alloc(r->arena, (n + 1) * sizeof(str));

    for (size_t i = 0; i < n; i++) {
        struct config_node item = is_list ? node_item(r, node, i) : *node;

        if (!read_text(r, &item, &list[i]))
            return;
    }
    *field = (struct config_texts){list, n};
}

static void read_value(const struct config_reader *r, const struct config_node *node,
                       const struct setting *s, void *field)
{
    switch (s->type) {
    case SETTING_TEXT:
    case SETTING_SECRET:
    case SETTING_PLACE:
        (void)read_text(r, node, field);
        return;
    case SETTING_TEXTS:
    case SETTING_PLACES:
        read_texts(r, node, field);
        return;
    case SETTING_FLAG:
    case SETTING_CHOICE:
        read_word(r, node, s, field);
        return;
    default:
        read_number(r, node, s, field);
    }
}

/* --- objects */

bool schema_read(const struct config_reader *r, const struct config_node *node, const char *object,
                 void *into)
{
    bool is_mapping = node && json_is_object(node->value);

    if (node && !is_mapping)
        node_error(r, node, "expected a mapping, found %s", node_kind(node->value));
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings_table[i];
        void *field = (char *)into + s->offset;
        struct config_node member;

        if (s->width == 0 || !setting_is_in(s, object))
            continue;
        if (s->preset)
            put_preset(r, s, field);
        if (is_mapping && node_member(r, node, s->path + name_offset(s->path), &member))
            read_value(r, &member, s, field);
    }
    if (is_mapping)
        schema_report_members(r, node, object);
    return is_mapping;
}

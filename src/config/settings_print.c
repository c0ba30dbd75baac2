#include "config/settings_print.h"

#include "base/mem.h"

static const char *type_name(const struct setting *s)
{
    static const char *const names[] = {
        [SETTING_TEXT] = "text",
        [SETTING_SECRET] = "secret text",
        [SETTING_FLAG] = "true or false",
        [SETTING_COUNT] = "whole number",
        [SETTING_BYTES] = "size",
        [SETTING_DURATION] = "duration",
        [SETTING_MILLI] = "number",
        [SETTING_DEGREES] = "degrees",
        [SETTING_CHOICE] = "choice",
        [SETTING_TEXTS] = "text or list",
        [SETTING_PLACE] = "place",
        [SETTING_PLACES] = "list of regions",
        [SETTING_RULE] = "region rule",
        [SETTING_OBJECT] = "mapping",
        [SETTING_LIST] = "list",
        [SETTING_MAP] = "mapping by name",
        [SETTING_ANY] = "any",
    };

    return names[s->type];
}

/* A number in the unit that one would write it in. */
static void print_number(const struct setting *s, int64_t value, struct buf *to)
{
    static const struct {
        int64_t factor;
        const char *unit;
    } durations[] = {{86400000, "d"}, {3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}},
      sizes[] = {{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}, {1, " bytes"}};
    bool duration = s->type == SETTING_DURATION;

    if (s->type == SETTING_MILLI || s->type == SETTING_DEGREES) {
        buf_printf(to, "%g", (double)value / (s->type == SETTING_MILLI ? 1000 : 10000));
        return;
    }
    for (size_t i = 0; value && (duration || s->type == SETTING_BYTES); i++) {
        int64_t factor = duration ? durations[i].factor : sizes[i].factor;

        if (value % factor == 0) {
            buf_printf(to, "%lld%s", (long long)(value / factor),
                       duration ? durations[i].unit : sizes[i].unit);
            return;
        }
    }
    buf_printf(to, "%lld", (long long)value);
}

static void print_takes(const struct setting *s, struct buf *to)
{
    if (s->choices) {
        str rest = str_of(s->choices);

        while (rest.n) {
            str choice = str_cut(&rest, '|');

            buf_printf(to, "%.*s%s", STR_ARG(choice), rest.n ? ", " : "");
        }
        return;
    }
    buf_put_str(to, str_of(type_name(s)));
    if (s->min == 0 && s->max == 0)
        return;
    buf_put_str(to, STR(", "));
    print_number(s, s->min, to);
    buf_put_str(to, STR(" to "));
    print_number(s, s->max, to);
}

static bool has_preset(const struct setting *s)
{
    return s->preset && *s->preset;
}

/* --- text */

static void print_text(struct buf *to)
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings_table[i];

        buf_printf(to, "%s\n    ", s->path);
        if (s->use == SETTING_UNUSED) {
            buf_printf(to, "accepted, not used: %s\n", s->about);
            continue;
        }
        print_takes(s, to);
        if (has_preset(s))
            buf_printf(to, "; default %s", s->preset);
        buf_printf(to, "\n    %s\n", s->about);
    }
}

/* --- markdown */

static bool is_section(const struct setting *s)
{
    return s->type == SETTING_OBJECT || s->type == SETTING_LIST || s->type == SETTING_MAP;
}

/* The path of the objects that a section's members belong to. */
static str object_of(const struct setting *section, struct arena *arena)
{
    static const char *const marks[] = {
        [SETTING_OBJECT] = "", [SETTING_LIST] = "[]", [SETTING_MAP] = "{}"};

    return arena_printf(arena, "%s%s", section->path, marks[section->type]);
}

static void print_row(const struct setting *s, struct buf *to)
{
    str name = setting_name(s);

    buf_printf(to, "| `%.*s` | ", STR_ARG(name));
    print_takes(s, to);
    buf_printf(to, " | %s%s%s | %s |\n", has_preset(s) ? "`" : "", has_preset(s) ? s->preset : "",
               has_preset(s) ? "`" : "", s->about);
}

static void print_rows(const char *object, struct buf *to)
{
    bool any = false;

    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings_table[i];

        if (s->use == SETTING_UNUSED || is_section(s) || !setting_is_in(s, object))
            continue;
        if (!any)
            buf_put_str(to, STR("\n| setting | takes | default | |\n|---|---|---|---|\n"));
        any = true;
        print_row(s, to);
    }
}

static void print_unused(struct buf *to)
{
    buf_put_str(to, STR("\n### Accepted and not used\n\nEach of these gives a warning with the "
                        "reason.\n\n| setting | why |\n|---|---|\n"));
    for (size_t i = 0; i < settings_count; i++) {
        if (settings_table[i].use == SETTING_UNUSED)
            buf_printf(to, "| `%s` | %s |\n", settings_table[i].path, settings_table[i].about);
    }
}

static void print_markdown(struct buf *to)
{
    struct arena arena;

    arena_init(&arena, NULL, 0);
    buf_put_str(to, STR("### At the top\n"));
    print_rows("", to);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *s = &settings_table[i];

        if (s->use == SETTING_UNUSED || !is_section(s))
            continue;
        str object = object_of(s, &arena);

        buf_printf(to, "\n### `%.*s`\n\n%s\n", STR_ARG(object), s->about);
        print_rows(object.p, to);
    }
    print_unused(to);
    arena_deinit(&arena);
}

void settings_print(enum settings_form form, struct buf *to)
{
    if (form == SETTINGS_MARKDOWN)
        print_markdown(to);
    else
        print_text(to);
}

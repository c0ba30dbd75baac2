/* Compiled region rules by their text; see rules.h. */

#include "fleet/rules.h"

#include "base/mem.h"
#include "fleet/fleet_internal.h"

enum { RULES_MAX = 4096 };

struct rule_entry {
    str text;
    struct region_rule_compiled compiled;
};

struct rules {
    struct region_catalogue *catalogue; /* counted */
    struct map by_text;
};

struct rules *rules_new(void)
{
    struct rules *r = mem_zalloc(sizeof(*r));

    map_init(&r->by_text);
    return r;
}

static void forget_all(struct rules *r)
{
    struct map_entry entry;

    for (size_t cursor = 0; map_next(&r->by_text, &cursor, &entry);) {
        fleet_set_str(&((struct rule_entry *)entry.value)->text, STR_NULL);
        mem_free(entry.value);
    }
    map_deinit(&r->by_text);
    map_init(&r->by_text);
}

void rules_free(struct rules *r)
{
    forget_all(r);
    map_deinit(&r->by_text);
    if (r->catalogue)
        region_catalogue_unref(r->catalogue);
    mem_free(r);
}

void rules_trim(struct rules *r)
{
    if (r->by_text.n >= RULES_MAX)
        forget_all(r);
}

static bool compile(const struct region_catalogue *catalogue, str text, struct arena *arena,
                    struct region_rule_compiled *ret_compiled, str *ret_error)
{
    struct region_rule rule;

    if (region_rule_parse_canonical(text, arena, &rule))
        return region_rule_compile(&rule, catalogue, arena, ret_compiled, ret_error) == 0;
    *ret_error = STR("is not the canonical text of a region rule");
    return false;
}

const struct region_rule_compiled *rules_get(struct rules *r,
                                             const struct region_catalogue *catalogue, str text)
{
    struct rule_entry *entry;
    struct arena arena;
    str error;

    if (text.n == 0)
        return NULL;
    if (r->catalogue != catalogue) {
        struct region_catalogue *counted =
            region_catalogue_ref((struct region_catalogue *)(uintptr_t)catalogue);

        forget_all(r);
        if (r->catalogue)
            region_catalogue_unref(r->catalogue);
        r->catalogue = counted;
    }
    entry = map_get(&r->by_text, text);
    if (entry)
        return &entry->compiled;
    entry = mem_zalloc(sizeof(*entry));
    fleet_set_str(&entry->text, text);
    arena_init(&arena, NULL, 0);
    if (!compile(catalogue, text, &arena, &entry->compiled, &error))
        entry->compiled =
            (struct region_rule_compiled){.primary = REGION_NONE, .secondary = REGION_NONE};
    arena_deinit(&arena);
    map_put(&r->by_text, entry->text, entry);
    return &entry->compiled;
}

bool rules_check(const struct region_catalogue *catalogue, str text, struct arena *arena,
                 str *ret_error)
{
    struct region_rule_compiled compiled;

    return text.n == 0 || compile(catalogue, text, arena, &compiled, ret_error);
}

const struct region_rule_compiled *fleet_rule(const struct fleet *f,
                                              const struct region_catalogue *catalogue, str text)
{
    return rules_get(f->rules, catalogue, text);
}

/*
 * Compiling a rule to sets, and comparing two. A name that means nothing is an error here and never
 * an empty or an unlimited set: a rule with a typing mistake must not become another rule.
 */

#include "region/rule.h"

#include "base/mem.h"

#include <errno.h>

enum { RULE_MAX_NAMES = 1024, SHOWN_BYTES = 80 };

struct compiler {
    const struct region_catalogue *catalogue;
    struct arena *arena;
    str error; /* of the first mistake */
};

static bool fail(struct compiler *k, const char *member, str value, const char *why)
{
    k->error = arena_printf(k->arena, "%s: \"%.*s\" %s", member,
                            STR_ARG(str_upto(value, SHOWN_BYTES)), why);
    return false;
}

static bool fail_unknown(struct compiler *k, const char *member, str value, const char *expected)
{
    str near = region_near_match(k->catalogue, value);

    if (!near.p)
        return fail(k, member, value, expected);
    k->error = arena_printf(k->arena, "%s: \"%.*s\" %s; did you mean \"%.*s\"?", member,
                            STR_ARG(str_upto(value, SHOWN_BYTES)), expected, STR_ARG(near));
    return false;
}

static bool resolve_names(struct compiler *k, const char *member, const str *names, size_t n,
                          struct region_set *ret_union)
{
    struct region_set all = region_set_none(), one;

    if (n > RULE_MAX_NAMES) {
        k->error = arena_printf(k->arena, "%s: %zu names; at most %d are expected", member, n,
                                RULE_MAX_NAMES);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!region_resolve(k->catalogue, names[i], &one))
            return fail_unknown(k, member, names[i], "is not a region, zone or country code");
        all = region_set_or(&all, &one);
    }
    *ret_union = all;
    return true;
}

static bool resolve_region(struct compiler *k, const char *member, str name, uint16_t *ret_index)
{
    struct region_set set;
    unsigned index = region_find(k->catalogue, name);

    if (index == REGION_NONE && region_resolve(k->catalogue, name, &set))
        return fail(k, member, name, "names a zone or country; the code of one region is expected");
    if (index == REGION_NONE)
        return fail_unknown(k, member, name, "is not the code of a region");
    *ret_index = (uint16_t)index;
    return true;
}

static bool compile_pair(struct compiler *k, const struct region_rule *rule,
                         struct region_rule_compiled *out)
{
    if (rule->n_allow)
        return fail(k, "allow", rule->allow[0], "stands beside primary, which replaces allow");
    if (rule->n_exclude)
        return fail(k, "exclude", rule->exclude[0],
                    "stands beside primary, which replaces exclude");
    if (!resolve_region(k, "primary", rule->primary, &out->primary))
        return false;
    region_set_add(&out->inference, out->primary);
    if (rule->secondary.n == 0)
        return true;
    if (!resolve_region(k, "secondary", rule->secondary, &out->secondary))
        return false;
    if (out->secondary == out->primary)
        return fail(k, "secondary", rule->secondary, "is the primary region; another is expected");
    region_set_add(&out->inference, out->secondary);
    return true;
}

static bool compile_sets(struct compiler *k, const struct region_rule *rule,
                         struct region_rule_compiled *out)
{
    struct region_set excluded;

    out->inference = region_set_known(k->catalogue);
    if (rule->secondary.n)
        return fail(k, "secondary", rule->secondary, "stands alone; primary is expected as well");
    if (rule->n_allow && !resolve_names(k, "allow", rule->allow, rule->n_allow, &out->inference))
        return false;
    if (!resolve_names(k, "exclude", rule->exclude, rule->n_exclude, &excluded))
        return false;
    out->inference = region_set_minus(&out->inference, &excluded);
    if (region_set_is_empty(&out->inference))
        return fail(k, "exclude", rule->exclude[0],
                    "and what else is excluded leave no region of those allowed; at least one is "
                    "expected");
    return true;
}

int region_rule_compile(const struct region_rule *rule, const struct region_catalogue *c,
                        struct arena *arena, struct region_rule_compiled *ret_compiled,
                        str *ret_error)
{
    struct compiler k = {.catalogue = c, .arena = arena};
    struct region_rule_compiled out = {.primary = REGION_NONE, .secondary = REGION_NONE};
    struct region_set transit;

    bool compiled = rule->primary.n ? compile_pair(&k, rule, &out) : compile_sets(&k, rule, &out);
    if (!compiled || !resolve_names(&k, "transit", rule->transit, rule->n_transit, &transit)) {
        *ret_error = k.error;
        return -EINVAL;
    }
    out.transit = region_set_or(&out.inference, &transit);
    *ret_compiled = out;
    return 0;
}

/* Whether `after` has a member that `before` lacks. */
static bool gains(const struct region_set *before, const struct region_set *after)
{
    struct region_set gained = region_set_minus(after, before);

    return !region_set_is_empty(&gained);
}

enum region_rule_change region_rule_compare(const struct region_rule_compiled *before,
                                            const struct region_rule_compiled *after)
{
    if (!before && !after)
        return REGION_RULE_SAME;
    if (!before)
        return REGION_RULE_NARROWED;
    if (!after || gains(&before->inference, &after->inference) ||
        gains(&before->transit, &after->transit))
        return REGION_RULE_WIDENED;
    bool same = region_set_equal(&before->inference, &after->inference) &&
                region_set_equal(&before->transit, &after->transit) &&
                before->primary == after->primary && before->secondary == after->secondary;
    return same ? REGION_RULE_SAME : REGION_RULE_NARROWED;
}

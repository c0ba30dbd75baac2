#include "config/rule_json.h"

#include "base/mem.h"

#include <errno.h>

enum { RULE_MAX_NAMES = 256 };

static const char *const rule_members[] = {"allow", "exclude", "transit", "primary", "secondary"};

struct decoder {
    const struct region_catalogue *regions;
    struct arena *arena;
    struct rule_json_error *error;
};

static int fail(const struct decoder *d, const char *member, ptrdiff_t index, str message)
{
    *d->error = (struct rule_json_error){member, index, message};
    return -EINVAL;
}

static int fail_name(const struct decoder *d, const char *member, ptrdiff_t index, str name)
{
    str near = region_near_match(d->regions, name);
    str shown = str_upto(name, 80);

    if (near.p)
        return fail(d, member, index,
                    arena_printf(d->arena,
                                 "\"%.*s\" is no region, zone or country; did you mean \"%.*s\"?",
                                 STR_ARG(shown), STR_ARG(near)));
    return fail(d, member, index,
                arena_printf(d->arena, "\"%.*s\" is no region, zone or country", STR_ARG(shown)));
}

static int take_name(const struct decoder *d, const char *member, ptrdiff_t index,
                     const json_t *value, str *ret_name)
{
    struct region_set set;
    str name;

    if (!json_is_string(value))
        return fail(d, member, index, STR("expected the name of a region, zone or country"));
    name = str_make(json_string_value(value), json_string_length(value));
    if (!region_resolve(d->regions, name, &set))
        return fail_name(d, member, index, name);
    *ret_name = arena_copy(d->arena, name);
    return 0;
}

/* A name, or a list of at least one. */
static int take_names(const struct decoder *d, const char *member, const json_t *value,
                      const str **ret_names, size_t *ret_n)
{
    size_t n = json_is_array(value) ? json_array_size(value) : 1;
    str *names;
    int e;

    if (n == 0)
        return fail(d, member, -1,
                    STR("an empty list allows and excludes nothing; leave the member out, or name "
                        "at least one place"));
    if (n > RULE_MAX_NAMES)
        return fail(d, member, -1, STR("more than 256 names"));
    names = arena_alloc(d->arena, n * sizeof(*names));
    if (!json_is_array(value)) {
        e = take_name(d, member, -1, value, names);
        if (e)
            return e;
    }
    for (size_t i = 0; json_is_array(value) && i < n; i++) {
        e = take_name(d, member, (ptrdiff_t)i, json_array_get(value, i), &names[i]);
        if (e)
            return e;
    }
    *ret_names = names;
    *ret_n = n;
    return 0;
}

/* The DORA case names single regions, not places that hold several. */
static int take_region(const struct decoder *d, const char *member, const json_t *value,
                       str *ret_code)
{
    str code;
    int e = take_name(d, member, -1, value, &code);

    if (e)
        return e;
    if (region_find(d->regions, code) == REGION_NONE)
        return fail(d, member, -1,
                    arena_printf(d->arena,
                                 "\"%.*s\" holds several regions; expected the code of one",
                                 STR_ARG(code)));
    *ret_code = code;
    return 0;
}

static int take_member(const struct decoder *d, const char *member, const json_t *value,
                       struct region_rule *rule)
{
    if (json_is_null(value))
        return fail(d, member, -1, STR("null allows and excludes nothing; leave the member out"));
    if (!strcmp(member, "allow"))
        return take_names(d, member, value, &rule->allow, &rule->n_allow);
    if (!strcmp(member, "exclude"))
        return take_names(d, member, value, &rule->exclude, &rule->n_exclude);
    if (!strcmp(member, "transit"))
        return take_names(d, member, value, &rule->transit, &rule->n_transit);
    return take_region(d, member, value,
                       !strcmp(member, "primary") ? &rule->primary : &rule->secondary);
}

static int fail_member(const struct decoder *d, const char *key)
{
    str names[COUNT_OF(rule_members)];
    str near, shown = str_upto(str_of(key), 80);

    for (size_t i = 0; i < COUNT_OF(rule_members); i++)
        names[i] = str_of(rule_members[i]);
    near = str_near_match(str_of(key), names, COUNT_OF(names));
    if (near.p)
        return fail(d, NULL, -1,
                    arena_printf(d->arena,
                                 "\"%.*s\" is no member of a region rule; did you mean \"%.*s\"?",
                                 STR_ARG(shown), STR_ARG(near)));
    return fail(d, NULL, -1,
                arena_printf(d->arena,
                             "\"%.*s\" is no member of a region rule; expected allow, exclude, "
                             "transit, primary, secondary",
                             STR_ARG(shown)));
}

static const char *find_member(const char *key)
{
    for (size_t i = 0; i < COUNT_OF(rule_members); i++) {
        if (!strcmp(key, rule_members[i]))
            return rule_members[i];
    }
    return NULL;
}

static int take_object(const struct decoder *d, const json_t *value, struct region_rule *rule)
{
    const char *key;
    json_t *item;

    json_object_foreach((json_t *)value, key, item)
    {
        const char *member = find_member(key);
        int e = member ? take_member(d, member, item, rule) : fail_member(d, key);

        if (e)
            return e;
    }
    return 0;
}

/* What holds for the rule as a whole; the compiler has the last word. */
static int check_rule(const struct decoder *d, const struct region_rule *rule)
{
    struct region_rule_compiled compiled;
    str message;

    if (rule->secondary.n && !rule->primary.n)
        return fail(d, "secondary", -1, STR("there is no secondary without a primary"));
    if (rule->primary.n && (rule->n_allow || rule->n_exclude))
        return fail(d, "primary", -1,
                    STR("primary and secondary replace allow and exclude; a rule has one or the "
                        "other"));
    if (!rule->primary.n && !rule->n_allow && !rule->n_exclude)
        return fail(d, NULL, -1, STR("the rule is empty; expected allow, exclude, or primary"));
    if (region_rule_compile(rule, d->regions, d->arena, &compiled, &message))
        return fail(d, NULL, -1, message);
    return 0;
}

static const struct region_rule no_rule = {.primary = STR_INIT(""), .secondary = STR_INIT("")};

int rule_from_json(const json_t *value, const struct region_catalogue *regions, struct arena *arena,
                   struct region_rule *ret_rule, struct rule_json_error *ret_error)
{
    struct decoder d = {regions, arena, ret_error};
    struct region_rule rule = no_rule;
    int e;

    if (json_is_object(value))
        e = take_object(&d, value, &rule);
    else if (json_is_string(value) || json_is_array(value))
        e = take_names(&d, NULL, value, &rule.allow, &rule.n_allow);
    else
        e = fail(&d, NULL, -1,
                 STR("expected a region, zone or country, a list of them, or a mapping with allow, "
                     "exclude, transit, primary, secondary"));
    if (!e)
        e = check_rule(&d, &rule);
    if (!e)
        *ret_rule = rule;
    return e;
}

/* The members of a customer have names of their own. */
static int fail_customer(const struct decoder *d, const struct region_rule *rule)
{
    if (rule->n_allow || (d->error->member && !strcmp(d->error->member, "allow")))
        d->error->member = "allowed_model_region";
    else if (!d->error->member)
        d->error->member = "primary";
    return -EINVAL;
}

int rule_from_customer_json(const json_t *allowed_model_region, const json_t *primary,
                            const json_t *secondary, const struct region_catalogue *regions,
                            struct arena *arena, struct region_rule *ret_rule,
                            struct rule_json_error *ret_error)
{
    struct decoder d = {regions, arena, ret_error};
    struct region_rule rule = no_rule;
    int e = 0;

    if (!allowed_model_region && !primary && !secondary)
        return 0;
    if (allowed_model_region && (primary || secondary))
        return fail(&d, primary ? "primary" : "secondary", -1,
                    STR("primary and secondary replace allowed_model_region; a customer has one or "
                        "the other"));
    if (allowed_model_region)
        e = take_names(&d, "allow", allowed_model_region, &rule.allow, &rule.n_allow);
    if (!e && primary)
        e = take_region(&d, "primary", primary, &rule.primary);
    if (!e && secondary)
        e = take_region(&d, "secondary", secondary, &rule.secondary);
    if (!e)
        e = check_rule(&d, &rule);
    if (e)
        return fail_customer(&d, &rule);
    *ret_rule = rule;
    return 1;
}

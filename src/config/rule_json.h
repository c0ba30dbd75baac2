#pragma once

/*
 * A region rule as people write it, in a configuration file or in the body of an API call, turned
 * into a region_rule: a name, a list of names, or an object with `allow`, `exclude`, `transit`,
 * `primary`, `secondary`. One decoder serves both, so that a rule means the same wherever it was
 * written. Whatever is not understood is an error: a rule never gets wider by a typing mistake.
 */

#include "region/rule.h"

#include <jansson.h>

struct rule_json_error {
    const char *member; /* "allow"; NULL: the rule as a whole */
    ptrdiff_t index;    /* of the element in a list, -1: the member itself */
    str message;        /* arena memory; begins with the value: "\"eurpe\" is no region …" */
};

/* Returns 0 and a rule that compiles against `regions`, or -EINVAL and *ret_error. Strings are
 * copied to the arena. */
int rule_from_json(const json_t *value, const struct region_catalogue *regions, struct arena *arena,
                   struct region_rule *ret_rule, struct rule_json_error *ret_error);

/* The forms of a customer: `allowed_model_region` (name or list; NULL: none), `primary` and
 * `secondary` (strings; NULL: none), which exclude the former. *ret_rule is only set, and 1
 * returned, where there is a rule; 0: no rule. error->member is one of the three names. */
int rule_from_customer_json(const json_t *allowed_model_region, const json_t *primary,
                            const json_t *secondary, const struct region_catalogue *regions,
                            struct arena *arena, struct region_rule *ret_rule,
                            struct rule_json_error *ret_error);

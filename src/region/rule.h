#pragma once

/*
 * A region rule: what a policy object holds. As written it is names, allowed and excluded; compiled
 * against one catalogue it is a set. A rule that is present never lets "unknown" pass. `primary`
 * and `secondary` (the DORA case) are two regions in that order and nothing else; they replace
 * `allow` and `exclude`.
 */

#include "base/arena.h"
#include "region/region.h"

struct region_rule {
    const str *allow; /* n_allow == 0: everything but what is excluded */
    size_t n_allow;
    const str *exclude;
    size_t n_exclude;
    const str *transit; /* places that a gateway may stand in beside the rule's own set; widens
                           nothing else */
    size_t n_transit;
    str primary; /* "" if none */
    str secondary;
};

struct region_rule_compiled {
    struct region_set inference;
    struct region_set transit;   /* inference or transit names */
    uint16_t primary, secondary; /* region indexes, REGION_NONE where none */
};

/* Returns 0, or -EINVAL with a message in *ret_error (arena memory) that names the member, the
 * value, what was expected and a near match. A rule that leaves nothing is an error. */
int region_rule_compile(const struct region_rule *rule, const struct region_catalogue *c,
                        struct arena *arena, struct region_rule_compiled *ret_compiled,
                        str *ret_error);

/* One canonical text of a rule (names lower-cased and sorted), the key under which rules are
 * interned. */
str region_rule_canonical(const struct region_rule *rule, struct arena *arena);

/* Inverse of region_rule_canonical; false on anything else. */
bool region_rule_parse_canonical(str text, struct arena *arena, struct region_rule *ret_rule);

/* What changes from `before` to `after` (either NULL: no rule) as seen by requests. A rule that is
 * neither equal nor within is widened. */
enum region_rule_change { REGION_RULE_SAME, REGION_RULE_NARROWED, REGION_RULE_WIDENED };
enum region_rule_change region_rule_compare(const struct region_rule_compiled *before,
                                            const struct region_rule_compiled *after);

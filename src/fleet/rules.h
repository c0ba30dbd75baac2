#pragma once

/*
 * Region rules by their canonical text, compiled once for each catalogue: the controllers ask at
 * every step, and the same few rules. A cache, no part of the fleet's state.
 */

#include "fleet/fleet.h"
#include "region/rule.h"

struct rules;

struct rules *rules_new(void);
void rules_free(struct rules *r);

/* The rule, or NULL for "" (no rule at all). A text that means nothing in this catalogue gives a
 * rule that nothing passes. Valid until another catalogue is used, or rules_trim. */
const struct region_rule_compiled *rules_get(struct rules *r,
                                             const struct region_catalogue *catalogue, str text);

/* Lets go of all where there have come to be many. */
void rules_trim(struct rules *r);

/* Why a text is no rule, in *ret_error (arena memory); true if it is one, or "". */
bool rules_check(const struct region_catalogue *catalogue, str text, struct arena *arena,
                 str *ret_error);

/* The rules of a fleet. */
const struct region_rule_compiled *fleet_rule(const struct fleet *f,
                                              const struct region_catalogue *catalogue, str text);

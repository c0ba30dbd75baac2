#pragma once

/* Every region rule in force, for the management API and the officer's report. New references. */

#include "control/policy.h"

#include <jansson.h>

/* [{"subject","name","rule","owner"}]: the organisation's, the default for customers, those of
 * environment groups and of keys, where a team is named of that team only. */
json_t *rules_list(const struct policy *p, str team);

/* {"total","with_rule","by_rule":[{"rule","customers"}]}. */
json_t *rules_of_customers(const struct policy *p);

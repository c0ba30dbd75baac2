#pragma once

/* What edges report: where upstreams say they are, and what was refused. An endpoint whose answer
 * contradicts its region goes out of service until an operator returns it. */

#include "catalog/link.h"
#include "control/change.h"

void observation_take(struct policy *p, const struct link_observed *observed);
void refusals_take(struct policy *p, const struct link_refusals *refusals);

#pragma once

/* Why a request goes nowhere: from what stood in its way to the fault and the sentence that the
 * client reads. Each of these answers the exchange. */

#include "catalog/policy.h"
#include "edge/fault.h"
#include "route/choose.h"

struct exchange;

/* Counts a refusal for the officer's report, and for the metric: whose rule decided, and its name
 * (a customer's is not told). */
void refusal_report(struct exchange *x, enum permit_source source, str name, enum fault fault);

/* No permit; `subject` is the customer or the region's name that is at fault. */
void refusal_of_policy(struct exchange *x, enum policy_outcome outcome, str subject);

/* A permit, but nothing to try inside it (now, or ever). */
void refusal_unroutable(struct exchange *x, const struct permit *permit,
                        const struct route_candidate *candidates, size_t n);

/* Attempts were made and none was answered. */
void refusal_after_attempts(struct exchange *x);

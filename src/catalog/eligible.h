#pragma once

/*
 * Which endpoints a permit lets serve, and why not the others: the judgement that routing and
 * `explain` share. It knows policy only; whether an endpoint is healthy or busy at the moment is
 * route/'s business. A reason that no waiting can cure comes before one that it can.
 */

#include "catalog/catalog.h"

enum eligibility {
    ELIGIBLE,
    ELIGIBLE_EXCLUDED_BY_RULE,  /* some part of its place is outside the permit */
    ELIGIBLE_REGION_UNKNOWN,    /* nobody knows where it is, and the request is restricted */
    ELIGIBLE_REGION_PENDING,    /* the same, but its region is being learnt */
    ELIGIBLE_NOT_IN_PIN,        /* inside the rules, but the request pins another region */
    ELIGIBLE_PRIMARY_SECONDARY, /* inside the set, but neither of the two regions that a rule names
                                 */
    ELIGIBLE_GATEWAY_ROLE,      /* a region for gateways that nobody named for inference */
    ELIGIBLE_OUT_OF_SERVICE,    /* unsupported, contradicted, or taken out by the operator */
};

enum eligibility catalog_eligible(const struct catalog *c, const struct permit *permit,
                                  const struct catalog_endpoint *e);

/* "eligible", "region_not_allowed" and so on. */
str catalog_eligibility_name(enum eligibility eligibility);

#pragma once

/*
 * A permit: the set of regions that one attempt may use, with the reason for each narrowing. It is
 * a value, worked out for every attempt from the newest policy; each rule only narrows it. The
 * connector asks for one before it opens anything.
 */

#include "region/rule.h"

enum permit_source {
    PERMIT_ORGANIZATION,
    PERMIT_ENVIRONMENT_GROUP,
    PERMIT_CUSTOMER,
    PERMIT_KEY,
    PERMIT_REQUEST, /* the pin or the zone that the request itself names */
};

enum { PERMIT_MAX_STEPS = 12 };

struct permit_step {
    enum permit_source source;
    str name;                  /* of the customer, key, group; borrowed */
    str rule;                  /* its canonical text; borrowed */
    struct region_set allowed; /* what this rule alone allows */
};

struct permit {
    struct region_set set;
    bool restricted;   /* at least one rule applied */
    uint64_t revision; /* of the policy that it was worked out from */
    const struct region_catalogue *catalogue;
    uint16_t pin;                /* region index, REGION_NONE if the request pins none */
    uint16_t primary, secondary; /* REGION_NONE if no rule names them */
    unsigned n_steps;
    struct permit_step steps[PERMIT_MAX_STEPS];
};

/* The permit of a request that no rule speaks of. */
void permit_init(struct permit *p, const struct region_catalogue *c, uint64_t revision);

/* Narrows by one compiled rule. Two rules that both name a primary: the primary/secondary order of
 * the first stays and the sets intersect. */
void permit_narrow(struct permit *p, enum permit_source source, str name, str rule_text,
                   const struct region_rule_compiled *rule);

/* Narrows by what the request asks for: a region code pins, a zone or country narrows. False if the
 * name is unknown. */
bool permit_narrow_by_request(struct permit *p, str name);

/* Whether an endpoint that stands for `place` may serve: every member of the place is in the
 * permit. The one test of the residency promise. */
static inline bool permit_allows(const struct permit *p, const struct region_set *place)
{
    return region_set_within(place, &p->set);
}

/* The first step whose rule alone excludes `place`, or NULL if none does on its own. */
const struct permit_step *permit_blocker(const struct permit *p, const struct region_set *place);

/* "organization", "environment_group", "customer", "key", "request". */
str permit_source_name(enum permit_source source);

/* Each rule and what it left, in words, for the 403's message. */
void permit_explain(const struct permit *p, struct buf *to);

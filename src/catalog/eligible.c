#include "catalog/eligible.h"

/* The permit without the request's own pin: what the rules leave. */
static struct region_set set_of_rules(const struct permit *permit)
{
    struct region_set left = region_set_world(permit->catalogue);

    for (unsigned i = 0; i < permit->n_steps; i++)
        if (permit->steps[i].source != PERMIT_REQUEST)
            left = region_set_and(&left, &permit->steps[i].allowed);
    return left;
}

static enum eligibility why_outside(const struct catalog *c, const struct permit *permit,
                                    const struct catalog_endpoint *e)
{
    if (region_set_has(&e->place, region_unknown_bit(c->regions)))
        return e->state == ENDPOINT_REGION_PENDING ? ELIGIBLE_REGION_PENDING
                                                   : ELIGIBLE_REGION_UNKNOWN;
    if (permit->pin != REGION_NONE) {
        struct region_set rules = set_of_rules(permit);

        if (region_set_within(&e->place, &rules))
            return ELIGIBLE_NOT_IN_PIN;
    }
    return ELIGIBLE_EXCLUDED_BY_RULE;
}

static bool is_named(const struct catalog *c, const struct permit *permit, uint16_t region)
{
    const struct catalog_settings *settings = &c->settings;

    if (permit->pin == region || permit->primary == region || permit->secondary == region)
        return true;
    for (size_t i = 0; i < settings->n_preferred; i++)
        if (settings->preferred[i] == region)
            return true;
    for (size_t i = 0; i < settings->n_named; i++)
        if (settings->named[i] == region)
            return true;
    return false;
}

enum eligibility catalog_eligible(const struct catalog *c, const struct permit *permit,
                                  const struct catalog_endpoint *e)
{
    if (!permit_allows(permit, &e->place))
        return why_outside(c, permit, e);
    if (permit->primary != REGION_NONE && e->region != permit->primary &&
        e->region != permit->secondary)
        return ELIGIBLE_PRIMARY_SECONDARY;
    if (e->region != REGION_NONE && region_at(c->regions, e->region)->role == REGION_ROLE_GATEWAY &&
        !is_named(c, permit, e->region))
        return ELIGIBLE_GATEWAY_ROLE;
    return e->state == ENDPOINT_OUT_OF_SERVICE ? ELIGIBLE_OUT_OF_SERVICE : ELIGIBLE;
}

str catalog_eligibility_name(enum eligibility eligibility)
{
    static const str names[] = {
        [ELIGIBLE] = STR_INIT("eligible"),
        [ELIGIBLE_EXCLUDED_BY_RULE] = STR_INIT("region_not_allowed"),
        [ELIGIBLE_REGION_UNKNOWN] = STR_INIT("region_unknown"),
        [ELIGIBLE_REGION_PENDING] = STR_INIT("region_pending"),
        [ELIGIBLE_NOT_IN_PIN] = STR_INIT("not_pinned"),
        [ELIGIBLE_PRIMARY_SECONDARY] = STR_INIT("not_primary_or_secondary"),
        [ELIGIBLE_GATEWAY_ROLE] = STR_INIT("gateway_hosting_only"),
        [ELIGIBLE_OUT_OF_SERVICE] = STR_INIT("out_of_service"),
    };

    return names[eligibility];
}

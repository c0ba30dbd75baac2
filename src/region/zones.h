#pragma once

/*
 * The built-in zones: named sets of countries. Two kinds, and they are read in opposite directions.
 *
 * Jurisdictions (eu, eea, uk ...) are exact: a rule that allows one must allow nothing else.
 * Labels that providers put on several countries at once (europe, apac, bedrock-eu ...) are as wide
 * as the label can be meant, because an endpoint that carries one may compute in any member and is
 * eligible only if all of them are permitted. They are poor names for a rule, and the table says
 * so.
 */

#include "region/country.h"

enum zone_kind {
    ZONE_JURISDICTION, /* law or treaty: exact */
    ZONE_GROUP,        /* a customary group of countries: exact */
    ZONE_LABEL,        /* a provider's label: the widest reading */
};

struct zone {
    str name;
    enum zone_kind kind;
    unsigned areas;      /* one bit for each enum country_area that belongs whole */
    const char *members; /* further country codes, one space between them */
    str about;
};

size_t zone_count(void);

/* The zone at 0 <= index < zone_count(). */
const struct zone *zone_at(size_t index);

/* NULL if there is no built-in zone of that name, lower case. */
const struct zone *zone_find(str name);

bool zone_has_country(const struct zone *zone, unsigned country);

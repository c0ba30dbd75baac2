#pragma once

/*
 * What a region catalogue is made of, for the files that build it (builder.c), ask it
 * (catalogue.c), put sets into words (describe.c) and send it (catalogue_wire.c). Everybody else
 * uses region.h.
 *
 * Bits: region i has bit i; "elsewhere in country k" has bit REGION_MAX + k; "unknown" is the next
 * one. The place of a bit depends on nothing but the built-in tables and the order in which the
 * operator's rows came, so two processes that hold the same rows agree about every set.
 */

#include "base/arena.h"
#include "base/map.h"
#include "region/region.h"
#include "region/zones.h"

enum {
    COUNTRY_BIT_FIRST = REGION_MAX,
    UNKNOWN_BIT = REGION_MAX + COUNTRY_COUNT,
    ZONE_MAX = 256,          /* zones of the operator's */
    ZONE_MAX_MEMBERS = 1024, /* names in one of them */
    REGION_TEXT_MAX = 200,   /* bytes of a provider, a location, a source */
};

_Static_assert((int)UNKNOWN_BIT < (int)REGION_SET_BITS,
               "every region, country and the unknown have a bit");

/* A zone as the operator wrote it. */
struct zone_definition {
    str name;
    const str *members;
    size_t n_members;
};

struct zone_entry {
    str name;
    struct region_set set;
};

struct region_catalogue {
    unsigned references; /* atomic */
    struct arena arena;  /* of all that the rows, names and zones point at */
    struct region *regions;
    size_t n_regions;
    struct map codes; /* to struct region */
    struct zone_definition *definitions;
    size_t n_definitions;
    struct zone_entry *zones; /* by name */
    size_t n_zones;
    struct map zone_names; /* to struct zone_entry */
    struct region_set countries[COUNTRY_COUNT];
    struct region_set known; /* all but the unknown bit */
};

/* Lower case of `name` in `storage` of REGION_CODE_MAX bytes; false where it is longer. */
bool region_fold_name(str name, char *storage, str *ret_folded);

#pragma once

/*
 * The built-in rows of the region catalogue, one table for each provider or group of providers.
 * A row states what the provider documents: its own name for the region, the place, the country.
 * Grid figures of rows that state none are filled in from the country's annual mean
 * (region/country.h). A new row goes to the end of its table; docs/regions.md says how.
 *
 * Coordinates are those of the named city (of the state or county where the provider names no
 * city), rounded to a hundredth of a degree: good enough for distances, no address of a building.
 */

#include "region/region.h"

struct builtin_table {
    const struct region *rows;
    size_t n;
};

extern const struct builtin_table builtin_aws, builtin_azure, builtin_gcp, builtin_europe;

#define BUILTIN_E4(degrees) ((int32_t)((degrees)*10000 + ((degrees) < 0 ? -0.5 : 0.5)))

/* A row of `vendor` whose own name for the region is `name`. */
#define BUILTIN_REGION(vendor, name, place, iso, zone, lat, lon, where_from)                       \
    {                                                                                              \
        .code = STR_INIT(vendor "-" name), .provider = STR_INIT(vendor),                           \
        .location = STR_INIT(place), .grid_zone = STR_INIT(zone), .source = STR_INIT(where_from),  \
        .country = iso, .has_coordinates = true, .latitude_e4 = BUILTIN_E4(lat),                   \
        .longitude_e4 = BUILTIN_E4(lon), .grid_g_per_kwh = -1, .latency_p50_ms = -1,               \
        .latency_p95_ms = -1, .role = REGION_ROLE_INFERENCE                                        \
    }

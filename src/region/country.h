#pragma once

/*
 * The countries: ISO 3166-1 alpha-2 with English short names, and the part of the world that each
 * lies in, from which zones.c makes the wide multi-country sets. XK (Kosovo) is user-assigned, not
 * ISO's, but in use everywhere, and a place that cannot be named cannot be excluded.
 */

#include "base/str.h"

enum { COUNTRY_COUNT = 250, COUNTRY_NONE = 0xffff };

/* UN M49, with Western Asia apart from the rest of Asia, and the Caribbean with Central America. */
enum country_area {
    AREA_EUROPE,
    AREA_WEST_ASIA,
    AREA_ASIA,
    AREA_AFRICA,
    AREA_NORTH_AMERICA,
    AREA_MIDDLE_AMERICA,
    AREA_SOUTH_AMERICA,
    AREA_OCEANIA,
    AREA_ANTARCTICA,
};

struct country {
    char code[3];
    enum country_area area;
    int32_t grid_g_per_kwh; /* annual mean, lifecycle, Our World in Data; -1 unknown */
    str name;
};

/* By alphabet of the code. */
extern const struct country country_table[COUNTRY_COUNT];

/* Index of a code in either case, or COUNTRY_NONE. */
unsigned country_find(str code);

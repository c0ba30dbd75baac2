#include "region/builtin.h"

#include "base/mem.h"

/*
 * The Vetted regions, with the figures of that document and no others, and what else their four
 * providers have. What the Vetted codes stand for (Scaleway's fr-par-1 and
 * fr-par-2, Hetzner's fsn1 and hel1, OVHcloud's GRA and RBX) is not listed a second time.
 */

#define VETTED "Vetted: Region selection"
#define JRC    "JRC NEEFE 2024, as given by Vetted: Region selection"

#define VETTED_REGION(name, vendor, place, iso, zone, lat, lon, grid, p50, p95, what_for)          \
    {                                                                                              \
        .code = STR_INIT(name), .provider = STR_INIT(vendor), .location = STR_INIT(place),         \
        .grid_zone = STR_INIT(zone), .source = STR_INIT(VETTED), .grid_source = STR_INIT(JRC),     \
        .country = iso, .has_coordinates = true, .latitude_e4 = BUILTIN_E4(lat),                   \
        .longitude_e4 = BUILTIN_E4(lon), .grid_g_per_kwh = grid, .latency_p50_ms = p50,            \
        .latency_p95_ms = p95, .role = REGION_ROLE_##what_for                                      \
    }

#define OVH(name, place, iso, zone, lat, lon)                                                      \
    BUILTIN_REGION("ovh", name, place, iso, zone, lat, lon,                                        \
                   "OVHcloud: Public Cloud regions and availability")
#define SCALEWAY(name, place, iso, zone, lat, lon)                                                 \
    BUILTIN_REGION("scaleway", name, place, iso, zone, lat, lon,                                   \
                   "Scaleway: Regions and Availability Zones")
#define HETZNER(name, place, iso, zone, lat, lon)                                                  \
    BUILTIN_REGION("hetzner", name, place, iso, zone, lat, lon,                                    \
                   "Hetzner: Locations (docs.hetzner.com/cloud/general/locations)")
#define ATNORTH(name, place, iso, zone, lat, lon)                                                  \
    BUILTIN_REGION("atnorth", name, place, iso, zone, lat, lon, "atNorth: Data centers")

static const struct region rows[] = {
    VETTED_REGION("scaleway-par-1", "scaleway", "Paris, France", "FR", "FR", 48.86, 2.35, 58, 22,
                  45, INFERENCE),
    VETTED_REGION("scaleway-par-2", "scaleway", "Paris, France", "FR", "FR", 48.86, 2.35, 58, -1,
                  -1, INFERENCE),
    VETTED_REGION("atnorth-sto-1", "atnorth", "Stockholm, Sweden", "SE", "SE-SE3", 59.33, 18.07, 12,
                  32, 70, INFERENCE),
    {
        /* no city is given */
        .code = STR_INIT("atnorth-isl-1"),
        .provider = STR_INIT("atnorth"),
        .location = STR_INIT("Iceland"),
        .grid_zone = STR_INIT("IS"),
        .source = STR_INIT(VETTED),
        .grid_source = STR_INIT(JRC),
        .country = "IS",
        .grid_g_per_kwh = 18,
        .latency_p50_ms = 55,
        .latency_p95_ms = 110,
        .role = REGION_ROLE_INFERENCE,
    },
    VETTED_REGION("ovh-gra-1", "ovh", "Gravelines, France", "FR", "FR", 50.99, 2.13, 58, 24, 50,
                  INFERENCE),
    VETTED_REGION("ovh-rbx-1", "ovh", "Roubaix, France", "FR", "FR", 50.69, 3.17, 58, -1, -1,
                  INFERENCE),
    VETTED_REGION("hetzner-fsn-1", "hetzner", "Falkenstein, Germany", "DE", "DE", 50.48, 12.37, 380,
                  -1, -1, GATEWAY),
    VETTED_REGION("hetzner-hel-1", "hetzner", "Helsinki, Finland", "FI", "FI", 60.17, 24.94, 95, -1,
                  -1, GATEWAY),
    OVH("sbg-1", "Strasbourg, France", "FR", "FR", 48.57, 7.75),
    OVH("par-1", "Paris, France", "FR", "FR", 48.86, 2.35),
    OVH("de-1", "Limburg, Germany", "DE", "DE", 50.39, 8.06),
    OVH("waw-1", "Warsaw, Poland", "PL", "PL", 52.23, 21.01),
    OVH("mil-1", "Milan, Italy", "IT", "", 45.46, 9.19),
    OVH("uk-1", "London, United Kingdom", "GB", "GB", 51.51, -0.13),
    OVH("bhs-1", "Beauharnois, Canada", "CA", "", 45.31, -73.87),
    OVH("tor-1", "Toronto, Canada", "CA", "", 43.65, -79.38),
    OVH("us-east-va-1", "Vint Hill, Virginia, United States", "US", "", 38.74, -77.67),
    OVH("us-west-or-1", "Hillsboro, Oregon, United States", "US", "", 45.52, -122.99),
    OVH("sgp-1", "Singapore", "SG", "", 1.35, 103.82),
    OVH("syd-1", "Sydney, Australia", "AU", "", -33.87, 151.21),
    OVH("mum-1", "Mumbai, India", "IN", "", 19.08, 72.88),
    SCALEWAY("fr-par-3", "Paris, France", "FR", "FR", 48.86, 2.35),
    SCALEWAY("nl-ams-1", "Amsterdam, Netherlands", "NL", "NL", 52.37, 4.90),
    SCALEWAY("nl-ams-2", "Amsterdam, Netherlands", "NL", "NL", 52.37, 4.90),
    SCALEWAY("nl-ams-3", "Amsterdam, Netherlands", "NL", "NL", 52.37, 4.90),
    SCALEWAY("pl-waw-1", "Warsaw, Poland", "PL", "PL", 52.23, 21.01),
    SCALEWAY("pl-waw-2", "Warsaw, Poland", "PL", "PL", 52.23, 21.01),
    SCALEWAY("pl-waw-3", "Warsaw, Poland", "PL", "PL", 52.23, 21.01),
    HETZNER("nbg-1", "Nuremberg, Germany", "DE", "DE", 49.45, 11.08),
    HETZNER("ash", "Ashburn, Virginia, United States", "US", "", 39.04, -77.49),
    HETZNER("hil", "Hillsboro, Oregon, United States", "US", "", 45.52, -122.99),
    HETZNER("sin", "Singapore", "SG", "", 1.35, 103.82),
    ATNORTH("ice01", "Hafnarfjordur, Iceland", "IS", "IS", 64.07, -21.95),
    ATNORTH("ice02", "Reykjanesbaer, Iceland", "IS", "IS", 64.00, -22.56),
    ATNORTH("ice03", "Akureyri, Iceland", "IS", "IS", 65.68, -18.09),
    ATNORTH("fin02", "Espoo, Finland", "FI", "FI", 60.21, 24.66),
    ATNORTH("fin04", "Kouvola, Finland", "FI", "FI", 60.87, 26.70),
    ATNORTH("den01", "Ballerup, Denmark", "DK", "", 55.73, 12.36),
};

const struct builtin_table builtin_europe = {rows, COUNT_OF(rows)};

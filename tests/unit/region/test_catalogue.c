/* The built-in tables against the facts that they are meant to hold, sets of names, operators' rows
 * and zones, the wire form, descriptions. */

#include "fixture.h"
#include "region/country.h"

#include <errno.h>

static void test_vetted_regions(void)
{
    static const struct {
        const char *code, *provider, *location, *country;
        int grid, p50, p95;
        enum region_role role;
    } vetted[] = {
        {"scaleway-par-1", "scaleway", "Paris, France", "FR", 58, 22, 45, REGION_ROLE_INFERENCE},
        {"scaleway-par-2", "scaleway", "Paris, France", "FR", 58, -1, -1, REGION_ROLE_INFERENCE},
        {"atnorth-sto-1", "atnorth", "Stockholm, Sweden", "SE", 12, 32, 70, REGION_ROLE_INFERENCE},
        {"atnorth-isl-1", "atnorth", "Iceland", "IS", 18, 55, 110, REGION_ROLE_INFERENCE},
        {"ovh-gra-1", "ovh", "Gravelines, France", "FR", 58, 24, 50, REGION_ROLE_INFERENCE},
        {"ovh-rbx-1", "ovh", "Roubaix, France", "FR", 58, -1, -1, REGION_ROLE_INFERENCE},
        {"hetzner-fsn-1", "hetzner", "Falkenstein, Germany", "DE", 380, -1, -1,
         REGION_ROLE_GATEWAY},
        {"hetzner-hel-1", "hetzner", "Helsinki, Finland", "FI", 95, -1, -1, REGION_ROLE_GATEWAY},
    };
    struct region_catalogue *c = builtin_catalogue();
    unsigned gateways = 0;

    for (size_t i = 0; i < COUNT_OF(vetted); i++) {
        unsigned index = region_find(c, str_of(vetted[i].code));
        CHECK(index != REGION_NONE);
        const struct region *r = region_at(c, index);
        CHECK_STR(r->code, vetted[i].code);
        CHECK_STR(r->provider, vetted[i].provider);
        CHECK_STR(r->location, vetted[i].location);
        CHECK_STR(str_of(r->country), vetted[i].country);
        CHECK_INT(r->grid_g_per_kwh, vetted[i].grid);
        CHECK_INT(r->latency_p50_ms, vetted[i].p50);
        CHECK_INT(r->latency_p95_ms, vetted[i].p95);
        CHECK_INT(r->role, vetted[i].role);
        CHECK(!r->operator_defined);
    }
    for (unsigned i = 0; i < region_count(c); i++)
        gateways += region_at(c, i)->role == REGION_ROLE_GATEWAY;
    CHECK_INT(gateways, 2);
    region_catalogue_unref(c);
}

static void test_every_row_is_sound(void)
{
    struct region_catalogue *c = builtin_catalogue();

    CHECK(region_count(c) > 150 && region_count(c) <= 256);
    for (unsigned i = 0; i < region_count(c); i++) {
        struct region_catalogue_builder *b = region_builder_new();
        const struct region *r = region_at(c, i);
        const char *error = "";

        if (region_builder_put(b, r, &error) != 0)
            printf("  %.*s: %s\n", STR_ARG(r->code), error);
        CHECK_STR(str_of(error), "");
        CHECK_INT(region_find(c, r->code), i); /* which fails for a code that is there twice */
        CHECK(str_starts(r->code, r->provider) && r->code.p[r->provider.n] == '-');
        CHECK(r->source.n > 0 && r->location.n > 0);
        CHECK((r->grid_g_per_kwh >= 0) == (r->grid_source.n > 0));
        CHECK(!r->grid_zone.n || str_starts(r->grid_zone, str_of(r->country)));
        region_builder_free(b);
    }
    region_catalogue_unref(c);
}

/* The end of a location is its country's name: a row with the wrong country cannot pass. */
static void test_locations_agree_with_countries(void)
{
    struct region_catalogue *c = builtin_catalogue();

    for (unsigned i = 0; i < region_count(c); i++) {
        const struct region *r = region_at(c, i);
        str country = region_country_name(str_of(r->country));

        if (!str_ends(r->location, country))
            printf("  %.*s: %.*s is not in %.*s\n", STR_ARG(r->code), STR_ARG(r->location),
                   STR_ARG(country));
        CHECK(str_ends(r->location, country));
    }
    region_catalogue_unref(c);
}

static void test_known_regions(void)
{
    static const struct {
        const char *code, *country;
    } known[] = {
        {"aws-us-east-1", "US"},
        {"aws-eu-west-1", "IE"},
        {"aws-eu-west-2", "GB"},
        {"aws-eu-west-3", "FR"},
        {"aws-eu-central-1", "DE"},
        {"aws-eu-central-2", "CH"},
        {"aws-eu-north-1", "SE"},
        {"aws-eu-south-1", "IT"},
        {"aws-eu-south-2", "ES"},
        {"aws-eusc-de-east-1", "DE"},
        {"aws-ap-southeast-2", "AU"},
        {"azure-northeurope", "IE"},
        {"azure-westeurope", "NL"},
        {"azure-uksouth", "GB"},
        {"azure-ukwest", "GB"},
        {"azure-francecentral", "FR"},
        {"azure-francesouth", "FR"},
        {"azure-norwayeast", "NO"},
        {"azure-norwaywest", "NO"},
        {"azure-swedencentral", "SE"},
        {"azure-polandcentral", "PL"},
        {"azure-germanynorth", "DE"},
        {"azure-italynorth", "IT"},
        {"azure-spaincentral", "ES"},
        {"azure-australiaeast", "AU"},
        {"azure-austriaeast", "AT"},
        {"azure-eastus2", "US"},
        {"azure-belgiumcentral", "BE"},
        {"gcp-europe-west1", "BE"},
        {"gcp-europe-west2", "GB"},
        {"gcp-europe-west3", "DE"},
        {"gcp-europe-west4", "NL"},
        {"gcp-europe-west6", "CH"},
        {"gcp-europe-west8", "IT"},
        {"gcp-europe-west9", "FR"},
        {"gcp-europe-west10", "DE"},
        {"gcp-europe-west12", "IT"},
        {"gcp-europe-central2", "PL"},
        {"gcp-europe-north1", "FI"},
        {"gcp-europe-north2", "SE"},
        {"ovh-de-1", "DE"},
        {"ovh-waw-1", "PL"},
        {"ovh-uk-1", "GB"},
        {"ovh-bhs-1", "CA"},
        {"ovh-sbg-1", "FR"},
        {"scaleway-nl-ams-1", "NL"},
        {"scaleway-pl-waw-3", "PL"},
        {"hetzner-nbg-1", "DE"},
        {"hetzner-ash", "US"},
        {"hetzner-sin", "SG"},
        {"atnorth-den01", "DK"},
        {"azure-switzerlandnorth", "CH"},
        {"gcp-europe-southwest1", "ES"},
        {"azure-germanywestcentral", "DE"},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(known); i++) {
        unsigned index = region_find(c, str_of(known[i].code));
        if (index == REGION_NONE)
            printf("  %s is missing\n", known[i].code);
        CHECK(index != REGION_NONE);
        CHECK_STR(str_of(region_at(c, index)->country), known[i].country);
    }
    region_catalogue_unref(c);
}

static void test_countries(void)
{
    CHECK_INT(COUNTRY_COUNT, 249 + 1); /* and XK */
    for (unsigned k = 0; k < COUNTRY_COUNT; k++) {
        str code = str_of(country_table[k].code);

        CHECK(code.n == 2 && country_table[k].name.n > 0);
        CHECK(k == 0 || str_cmp(str_of(country_table[k - 1].code), code) < 0);
        CHECK_INT(country_find(code), k);
    }
    CHECK_STR(region_country_name(STR("GB")), "United Kingdom");
    CHECK_STR(region_country_name(STR("XK")), "Kosovo");
    CHECK(!region_country_name(STR("gb")).p);
    CHECK(!region_country_name(STR("UK")).p);
    CHECK(!region_country_name(STR("EU")).p);
    CHECK(!region_country_name(STR("")).p);
    CHECK_INT(country_find(STR("fR")), country_find(STR("FR")));
    CHECK_INT(country_find(STR("zz")), COUNTRY_NONE);
    CHECK_INT(country_find(STR("\xc3\xa9")), COUNTRY_NONE);
}

static void test_zone_membership(void)
{
    static const struct {
        const char *zone, *in, *out;
    } cases[] = {
        {"eu", "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE",
         "GB CH IS NO LI AX GL FO GI IM JE GG RE GP MQ GF YT MF TR UA RS AL MD XK US"},
        {"eea", "IS LI NO FR DE", "GB CH FO GL"},
        {"efta", "CH IS LI NO", "GB DE FR AT"},
        {"uk", "GB", "IE IM JE GG GI FR"},
        {"us", "US", "PR GU VI AS MP UM CA"},
        {"au", "AU", "AT NZ NF CX CC"},
        {"dach", "DE AT CH", "LI LU"},
        {"benelux", "BE NL LU", "FR DE"},
        {"nordics", "DK FI IS NO SE", "EE FO GL"},
        {"adequacy", "AD AR FO GG IL IM JP JE NZ KR CH GB UY BR", "US CA AU FR"},
        {"datazone-eu", "FR SE IE CY", "NO IS CH GB"},
        {"datazone-us", "US", "CA MX PR"},
        {"eea-uk-ch", "GB CH IS FR", "TR UA"},
        {"eu-efta", "CH IS FR", "GB"},
        {"bedrock-eu", "GB CH DE ES", "IS NO TR"},
        {"bedrock-apac", "JP AU IN SG AE BH TW", "US DE ZA"},
        {"europe", "GB CH IS NO RU BY UA RS TR XK CY GE AX GI FO DE RE MQ", "US EG IL MA IN"},
        {"emea", "DE GB AE SA IL ZA EG MA IR", "US IN CN AU"},
        {"apac", "JP AU IN SG TW AE", "US DE ZA RU"},
        {"americas", "US CA MX BR JM GL", "DE JP"},
        {"world", "US DE JP AQ XK BV HM", ""},
        {"global", "US DE JP AQ XK", ""},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region_set zone = resolved(c, cases[i].zone), country;

        for (str rest = str_of(cases[i].in), code; (code = str_cut(&rest, ' ')).n;) {
            CHECK(region_resolve(c, code, &country));
            if (!region_set_within(&country, &zone))
                printf("  %.*s is not in %s\n", STR_ARG(code), cases[i].zone);
            CHECK(region_set_within(&country, &zone));
        }
        for (str rest = str_of(cases[i].out), code; (code = str_cut(&rest, ' ')).n;) {
            CHECK(region_resolve(c, code, &country));
            struct region_set both = region_set_and(&country, &zone);
            if (!region_set_is_empty(&both))
                printf("  %.*s is in %s\n", STR_ARG(code), cases[i].zone);
            CHECK(region_set_is_empty(&both));
        }
    }
    region_catalogue_unref(c);
}

/* Zones of law have exactly as many countries as the law says. */
static void test_zone_sizes(void)
{
    static const struct {
        const char *zone;
        unsigned n;
    } sizes[] = {{"eu", 27},      {"eea", 30},         {"efta", 4},        {"uk", 1},
                 {"us", 1},       {"au", 1},           {"adequacy", 14},   {"nordics", 5},
                 {"eu-efta", 31}, {"datazone-eu", 27}, {"datazone-us", 1}, {"world", 250},
                 {"global", 250}, {"bedrock-eu", 29},  {"eea-uk-ch", 32}};
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        struct region_set zone = resolved(c, sizes[i].zone);
        unsigned n = 0;

        for (unsigned k = 0; k < COUNTRY_COUNT; k++) {
            struct region_set country = resolved(c, country_table[k].code);
            struct region_set both = region_set_and(&zone, &country);
            bool whole = region_set_within(&country, &zone);

            CHECK(whole || region_set_is_empty(&both)); /* a country is in a zone or out of it */
            n += whole;
        }
        CHECK_INT(n, sizes[i].n);
    }
    region_catalogue_unref(c);
}

static void test_names_in_any_case(void)
{
    static const char *const same[][3] = {
        {"eu", "EU", "Eu"}, {"GB", "gb", "gB"}, {"datazone-eu", "DataZone-EU", "DATAZONE-EU"}};
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(same); i++)
        for (size_t j = 1; j < 3; j++) {
            struct region_set a = resolved(c, same[i][0]), b = resolved(c, same[i][j]);
            CHECK(region_set_equal(&a, &b) && !region_set_is_empty(&a));
        }
    CHECK_INT(region_find(c, STR("Scaleway-PAR-1")), region_find(c, STR("scaleway-par-1")));
    struct region_set uk = resolved(c, "UK"), gb = resolved(c, "gb");
    CHECK(region_set_equal(&uk, &gb));
    struct region_set us = resolved(c, "us");
    CHECK(region_set_has(&us, region_find(c, STR("azure-eastus"))));
    CHECK(!region_set_has(&us, region_find(c, STR("azure-australiaeast"))));
    CHECK(!region_set_has(&us, region_find(c, STR("azure-austriaeast"))));
    region_catalogue_unref(c);
}

static void test_unknown_names_do_not_resolve(void)
{
    static const char *const wrong[] = {
        "",  "el",  "EL", "e",   "eu ",  " eu",  "eu,fr", "uk1",  "unknown",  "any",
        "*", "FRA", "ZZ", "EUR", "none", "eu\n", "us-",   "null", "eu-west-1"};
    struct region_catalogue *c = builtin_catalogue();
    struct region_set set = region_set_none();

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK(!region_resolve(c, str_of(wrong[i]), &set));
    CHECK(!region_resolve(c, STR("eu\0"), &set));
    CHECK(!region_resolve(c, STR_NULL, &set));
    char longest[300];
    memset(longest, 'a', sizeof(longest));
    CHECK(!region_resolve(c, str_make(longest, sizeof(longest)), &set));
    CHECK_INT(region_find(c, str_make(longest, sizeof(longest))), REGION_NONE);
    CHECK_INT(region_find(c, STR("fr")), REGION_NONE); /* a country is no region */
    CHECK(region_set_is_empty(&set));
    region_catalogue_unref(c);
}

static void test_country_holds_its_regions_and_elsewhere(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_set france = resolved(c, "FR"), par = resolved(c, "scaleway-par-1");
    unsigned n = 0;

    for (unsigned i = 0; i < region_count(c); i++) {
        bool french = str_eq(str_of(region_at(c, i)->country), STR("FR"));
        CHECK_INT(region_set_has(&france, i), french);
        n += french;
    }
    CHECK_INT(region_set_count(&france), n + 1);
    CHECK_INT(region_set_count(&par), 1);
    CHECK(region_set_within(&par, &france) && !region_set_within(&france, &par));
    struct region_set liechtenstein = resolved(c, "LI");
    CHECK_INT(region_set_count(&liechtenstein), 1);
    region_catalogue_unref(c);
}

static void test_world_is_every_bit_in_use(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_set world = region_set_world(c), known = region_set_known(c);
    struct region_set named = resolved(c, "world");

    CHECK_INT(region_set_count(&world), region_count(c) + COUNTRY_COUNT + 1);
    CHECK(region_set_has(&world, region_unknown_bit(c)));
    CHECK(!region_set_has(&known, region_unknown_bit(c)));
    CHECK(region_set_equal(&known, &named));
    CHECK(region_unknown_bit(c) < REGION_SET_BITS);
    region_catalogue_unref(c);
}

static void test_zones_come_in_order(void)
{
    struct region_catalogue *c = builtin_catalogue();
    size_t cursor = 0, n = 0;
    struct region_set set, again;
    str name, last = STR("");

    while (region_zone_next(c, &cursor, &name, &set)) {
        CHECK(str_cmp(last, name) < 0);
        CHECK(region_resolve(c, name, &again) && region_set_equal(&set, &again));
        CHECK(!region_set_has(&set, region_unknown_bit(c)));
        last = name;
        n++;
    }
    CHECK(n > 20);
    region_catalogue_unref(c);
}

static void test_operator_adds_and_overrides(void)
{
    struct region_catalogue_builder *b = region_builder_new();
    struct region cellar = plain_row("home-cellar-1", "FR");
    const char *error = NULL;

    CHECK_INT(region_builder_put(b, &cellar, &error), 0);
    struct region moved = *region_builder_find(b, STR("Ovh-Gra-1"));
    moved.grid_g_per_kwh = 60;
    memcpy(moved.country, "BE", 2);
    CHECK_INT(region_builder_put(b, &moved, &error), 0);
    CHECK(!region_builder_find(b, STR("nowhere")));
    struct region_catalogue *c = region_builder_finish(b);
    struct region_catalogue *plain = builtin_catalogue();

    CHECK_INT(region_count(c), region_count(plain) + 1);
    unsigned home = region_find(c, STR("home-cellar-1")), gra = region_find(c, STR("ovh-gra-1"));
    CHECK_INT(home, region_count(plain));
    CHECK_INT(gra, region_find(plain, STR("ovh-gra-1"))); /* an override keeps its bit */
    CHECK(region_at(c, home)->operator_defined && region_at(c, gra)->operator_defined);
    CHECK_INT(region_at(c, gra)->grid_g_per_kwh, 60);
    CHECK_STR(region_at(c, gra)->location, "Gravelines, France");
    struct region_set france = resolved(c, "fr"), belgium = resolved(c, "be");
    CHECK(region_set_has(&france, home));
    CHECK(region_set_has(&belgium, gra) && !region_set_has(&france, gra));
    region_catalogue_unref(plain);
    region_catalogue_unref(c);
}

/* Who overrides a figure is its source; who overrides something else is not. */
static void test_source_of_an_overridden_figure(void)
{
    struct region_catalogue_builder *b = region_builder_new();
    struct region row = *region_builder_find(b, STR("atnorth-sto-1"));
    struct region own = plain_row("home-1", "FR");
    const char *error;

    row.latency_p50_ms = 20;
    row.source = STR("my notes");
    CHECK_INT(region_builder_put(b, &row, &error), 0);
    CHECK(str_starts(region_builder_find(b, row.code)->grid_source, STR("JRC NEEFE 2024")));
    row = *region_builder_find(b, STR("atnorth-sto-1"));
    row.grid_g_per_kwh = 13;
    CHECK_INT(region_builder_put(b, &row, &error), 0);
    CHECK_STR(region_builder_find(b, row.code)->grid_source, "my notes");
    row = *region_builder_find(b, STR("atnorth-sto-1"));
    row.grid_g_per_kwh = -1;
    CHECK_INT(region_builder_put(b, &row, &error), 0);
    CHECK_STR(region_builder_find(b, row.code)->grid_source, "");
    own.grid_g_per_kwh = 5;
    own.source = STR("");
    CHECK_INT(region_builder_put(b, &own, &error), 0);
    CHECK_STR(region_builder_find(b, own.code)->grid_source, "configuration");
    region_builder_free(b);
}

static void test_rows_stay_found_when_many_come(void)
{
    struct region_catalogue_builder *b = region_builder_new();
    const char *error = NULL;
    unsigned added = 0;
    char code[32];

    for (;; added++) {
        snprintf(code, sizeof(code), "farm-%u", added);
        struct region row = plain_row(code, "SE");
        if (region_builder_put(b, &row, &error) != 0)
            break;
    }
    CHECK(str_search(str_of(error), STR("760")) < strlen(error));
    struct region again = plain_row("farm-0", "NO");
    CHECK_INT(region_builder_put(b, &again, &error), 0); /* an override needs no room */
    struct region_catalogue *c = region_builder_finish(b);
    CHECK_INT(region_count(c), REGION_MAX);
    for (unsigned i = 0; i < REGION_MAX; i++)
        CHECK_INT(region_find(c, region_at(c, i)->code), i);
    struct region_set world = region_set_world(c);
    CHECK_INT(region_set_count(&world), REGION_MAX + COUNTRY_COUNT + 1);
    region_catalogue_unref(c);
}

static void test_bad_rows_are_refused(void)
{
    static const struct {
        const char *code, *country, *says;
    } cases[] = {
        {"eu", "FR", "built-in zone"},
        {"fr", "FR", "country code"},
        {"uk", "GB", "built-in zone"},
        {"unknown", "FR", "unknown"},
        {"", "FR", "code"},
        {"Upper-1", "FR", "a-z"},
        {"-a", "FR", "a-z"},
        {"a-", "FR", "a-z"},
        {"a b", "FR", "a-z"},
        {"a,b", "FR", "a-z"},
        {"home-1", "UK", "GB, not UK"},
        {"home-1", "EL", "GR, not EL"},
        {"home-1", "fr", "upper case"},
        {"home-1", "ZZ", "ISO 3166-1"},
        {"home-1", "EU", "ISO 3166-1"},
        {"mine", "FR", "your zones"},
        {"a\xc3\xa9", "FR", "a-z"},
    };
    struct region_catalogue_builder *b = region_builder_new();
    str france = STR("FR");
    const char *error = NULL;

    CHECK_INT(region_builder_put_zone(b, STR("mine"), &france, 1, &error), 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region row = plain_row(cases[i].code, cases[i].country);

        CHECK_INT(region_builder_put(b, &row, &error), -EINVAL);
        if (str_search(str_of(error), str_of(cases[i].says)) == strlen(error))
            printf("  %s: %s\n", cases[i].code, error);
        CHECK(str_search(str_of(error), str_of(cases[i].says)) < strlen(error));
    }
    region_builder_free(b);
}

static void test_bad_numbers_are_refused(void)
{
    struct region_catalogue_builder *b = region_builder_new();
    struct region good = plain_row("home-1", "FR"), row;
    const char *error = NULL;

#define REFUSED(member, value)                                                                     \
    do {                                                                                           \
        row = good;                                                                                \
        row.has_coordinates = true;                                                                \
        row.member = (value);                                                                      \
        CHECK_INT(region_builder_put(b, &row, &error), -EINVAL);                                   \
    } while (0)
    REFUSED(latitude_e4, 900001);
    REFUSED(latitude_e4, INT32_MIN);
    REFUSED(longitude_e4, -1800001);
    REFUSED(grid_g_per_kwh, -2);
    REFUSED(grid_g_per_kwh, 100001);
    REFUSED(latency_p50_ms, -2);
    REFUSED(latency_p95_ms, INT32_MAX);
    REFUSED(role, (enum region_role)7);
    REFUSED(location, STR("Paris\nFrance"));
    REFUSED(provider, STR("a\0b"));
#undef REFUSED
    row = good;
    row.latency_p50_ms = 50;
    row.latency_p95_ms = 49;
    CHECK_INT(region_builder_put(b, &row, &error), -EINVAL);
    CHECK_INT(region_builder_put(b, &good, &error), 0);
    region_builder_free(b);
}

static void test_operator_zones(void)
{
    struct region_catalogue_builder *b = region_builder_new();
    const str first[] = {STR_INIT("FR"), STR_INIT("aws-eu-central-1")};
    const str second[] = {STR_INIT("First"), STR_INIT("is")};
    const str later[] = {STR_INIT("third")};
    struct region cellar = plain_row("home-cellar-1", "FR");
    const char *error = NULL;

    CHECK_INT(region_builder_put_zone(b, STR("first"), first, 2, &error), 0);
    CHECK_INT(region_builder_put_zone(b, STR("second"), second, 2, &error), 0);
    CHECK_INT(region_builder_put_zone(b, STR("fourth"), later, 1, &error), -EINVAL);
    CHECK_INT(region_builder_put_zone(b, STR("first"), first, 1, &error), -EINVAL);
    CHECK_INT(region_builder_put_zone(b, STR("eu"), first, 1, &error), -EINVAL);
    CHECK_INT(region_builder_put_zone(b, STR("de"), first, 1, &error), -EINVAL);
    CHECK_INT(region_builder_put_zone(b, STR("ovh-gra-1"), first, 1, &error), -EINVAL);
    CHECK_INT(region_builder_put_zone(b, STR("None Such"), first, 1, &error), -EINVAL);
    CHECK_INT(region_builder_put_zone(b, STR("empty"), first, 0, &error), -EINVAL);
    CHECK_INT(region_builder_put_zone(b, STR("many"), first, 1025, &error), -EINVAL);
    CHECK_INT(region_builder_put(b, &cellar, &error),
              0); /* after the zone that holds its country */
    struct region_catalogue *c = region_builder_finish(b);

    struct region_set set = resolved(c, "second"), france = resolved(c, "fr");
    struct region_set iceland = resolved(c, "is"), germany = resolved(c, "de");
    CHECK(region_set_within(&france, &set) && region_set_within(&iceland, &set));
    CHECK(!region_set_within(&germany, &set));
    CHECK(region_set_has(&set, region_find(c, STR("aws-eu-central-1"))));
    CHECK(region_set_has(&set, region_find(c, STR("home-cellar-1"))));
    region_catalogue_unref(c);
}

static void check_same(const struct region_catalogue *a, const struct region_catalogue *b)
{
    size_t i = 0, j = 0;
    struct region_set x, y;
    str m, n;

    CHECK_INT(region_count(a), region_count(b));
    for (unsigned k = 0; k < region_count(a); k++) {
        const struct region *p = region_at(a, k), *q = region_at(b, k);

        CHECK(str_eq(p->code, q->code) && str_eq(p->provider, q->provider));
        CHECK(str_eq(p->location, q->location) && str_eq(p->grid_zone, q->grid_zone));
        CHECK(str_eq(p->source, q->source) && str_eq(p->grid_source, q->grid_source));
        CHECK(memcmp(p->country, q->country, 3) == 0);
        CHECK_INT(p->has_coordinates, q->has_coordinates);
        CHECK_INT(p->latitude_e4, q->latitude_e4);
        CHECK_INT(p->longitude_e4, q->longitude_e4);
        CHECK_INT(p->grid_g_per_kwh, q->grid_g_per_kwh);
        CHECK_INT(p->latency_p50_ms, q->latency_p50_ms);
        CHECK_INT(p->latency_p95_ms, q->latency_p95_ms);
        CHECK_INT(p->role, q->role);
        CHECK_INT(p->operator_defined, q->operator_defined);
    }
    while (region_zone_next(a, &i, &m, &x)) {
        CHECK(region_zone_next(b, &j, &n, &y));
        CHECK(str_eq(m, n) && region_set_equal(&x, &y));
    }
    CHECK(!region_zone_next(b, &j, &n, &y));
}

static struct region_catalogue *random_catalogue(struct prng *r)
{
    static const char *const countries[] = {"FR", "IS", "US", "XK", "JP"};
    struct region_catalogue_builder *b = region_builder_new();
    struct region_catalogue *plain = builtin_catalogue();
    const char *error;
    char code[32];

    for (uint64_t i = prng_below(r, 6); i; i--) {
        snprintf(code, sizeof(code), "own-%u", (unsigned)prng_below(r, 4));
        struct region row = plain_row(code, countries[prng_below(r, COUNT_OF(countries))]);
        if (prng_below(r, 3) == 0)
            row.code = region_at(plain, (unsigned)prng_below(r, region_count(plain)))->code;
        row.has_coordinates = prng_below(r, 2);
        row.latitude_e4 = (int32_t)prng_below(r, 900000) - 450000;
        row.grid_g_per_kwh = (int32_t)prng_below(r, 900);
        row.latency_p50_ms = (int32_t)prng_below(r, 50);
        row.latency_p95_ms = row.latency_p50_ms + (int32_t)prng_below(r, 50);
        row.role = (enum region_role)prng_below(r, 2);
        CHECK_INT(region_builder_put(b, &row, &error), 0);
    }
    for (unsigned i = 0, n = (unsigned)prng_below(r, 4); i < n; i++) {
        str members[3];

        snprintf(code, sizeof(code), "ours-%u", i);
        for (size_t m = 0; m < COUNT_OF(members); m++)
            members[m] = i && prng_below(r, 3) == 0 ? STR("ours-0") : random_name(plain, r);
        CHECK_INT(region_builder_put_zone(b, str_of(code), members, COUNT_OF(members), &error), 0);
    }
    region_catalogue_unref(plain);
    return region_builder_finish(b);
}

static void test_wire_round_trip(void)
{
    struct prng r;

    prng_seed(&r, 1);
    for (int round = 0; round < 200; round++) {
        struct region_catalogue *c = random_catalogue(&r);
        struct buf bytes;

        buf_init(&bytes, 0);
        region_catalogue_encode(c, &bytes);
        buf_put_str(&bytes, STR("next"));
        struct wire_reader reader = {.rest = buf_str(&bytes)};
        struct region_catalogue *d = region_catalogue_decode(&reader);
        CHECK(d && !reader.failed);
        CHECK_STR(reader.rest, "next");
        check_same(c, d);
        region_catalogue_unref(d);
        region_catalogue_unref(c);
        buf_deinit(&bytes);
    }
}

/* Cut anywhere: refused. Changed anywhere: refused, or a catalogue that is sound. */
static void test_wire_malformed(void)
{
    struct prng r;
    struct buf bytes;

    prng_seed(&r, 2);
    struct region_catalogue *c = NULL;
    do {
        region_catalogue_unref(c);
        c = random_catalogue(&r);
        buf_init(&bytes, 0);
        region_catalogue_encode(c, &bytes);
        if (bytes.n < 200)
            buf_deinit(&bytes);
    } while (!bytes.p);

    for (size_t n = 0; n < bytes.n; n++) {
        struct wire_reader reader = {.rest = str_make(bytes.p, n)};

        CHECK(!region_catalogue_decode(&reader) && reader.failed);
    }
    for (int round = 0; round < 1000; round++) {
        char *copy = str_dup(buf_str(&bytes));
        copy[prng_below(&r, bytes.n)] = (char)prng_next(&r);
        copy[16 + prng_below(&r, bytes.n - 16)] = (char)prng_next(&r);
        struct wire_reader reader = {.rest = str_make(copy, bytes.n)};
        struct region_catalogue *d = region_catalogue_decode(&reader);

        CHECK((d == NULL) == reader.failed);
        for (unsigned i = 0; d && i < region_count(d); i++)
            CHECK(region_country_name(str_of(region_at(d, i)->country)).p);
        region_catalogue_unref(d);
        mem_free(copy);
    }
    region_catalogue_unref(c);
    buf_deinit(&bytes);
}

/* Whatever decodes is a catalogue like any other: it encodes, and decodes to the same again. */
static void test_wire_of_changed_bytes_is_stable(void)
{
    struct prng r;
    struct buf bytes;
    unsigned decoded = 0;

    prng_seed(&r, 9);
    buf_init(&bytes, 0);
    for (int round = 0; round < 500; round++) {
        struct region_catalogue *c = random_catalogue(&r), *d, *e;

        buf_clear(&bytes);
        region_catalogue_encode(c, &bytes);
        bytes.p[16 + prng_below(&r, bytes.n - 16)] ^= (char)(1 << prng_below(&r, 8));
        struct wire_reader reader = {.rest = buf_str(&bytes)};
        d = region_catalogue_decode(&reader);
        if (d) {
            buf_clear(&bytes);
            region_catalogue_encode(d, &bytes);
            reader = (struct wire_reader){.rest = buf_str(&bytes)};
            e = region_catalogue_decode(&reader);
            CHECK(e && reader.rest.n == 0);
            check_same(d, e);
            region_catalogue_unref(e);
            decoded++;
        }
        region_catalogue_unref(d);
        region_catalogue_unref(c);
    }
    CHECK(decoded > 0);
    buf_deinit(&bytes);
}

static void test_wire_flags(void)
{
    struct region_catalogue_builder *b = region_builder_new();
    struct region row = plain_row("home-1", "XK");
    const char *error;
    struct buf bytes;

    CHECK_INT(region_builder_put(b, &row, &error), 0);
    struct region_catalogue *c = region_builder_finish(b);
    buf_init(&bytes, 0);
    region_catalogue_encode(c, &bytes);
    size_t at = str_search(buf_str(&bytes), STR("XK"));
    CHECK(at < bytes.n);
    bytes.p[at + 3] = 2; /* has_coordinates, after the role */
    struct wire_reader reader = {.rest = buf_str(&bytes)};
    CHECK(!region_catalogue_decode(&reader));
    bytes.p[at + 3] = 1;
    reader = (struct wire_reader){.rest = buf_str(&bytes)};
    struct region_catalogue *d = region_catalogue_decode(&reader);
    CHECK(d && region_at(d, region_find(d, STR("home-1")))->has_coordinates);
    region_catalogue_unref(d);
    region_catalogue_unref(c);
    buf_deinit(&bytes);
}

static void test_wire_of_another_build(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct buf bytes;

    buf_init(&bytes, 0);
    region_catalogue_encode(c, &bytes);
    for (size_t i = 0; i < 16; i++) {
        bytes.p[i] ^= 1;
        struct wire_reader reader = {.rest = buf_str(&bytes)};
        CHECK(!region_catalogue_decode(&reader));
        bytes.p[i] ^= 1;
    }
    struct wire_reader reader = {.rest = buf_str(&bytes)};
    struct region_catalogue *d = region_catalogue_decode(&reader);
    CHECK(d != NULL);
    check_same(c, d);
    region_catalogue_unref(d);
    region_catalogue_unref(c);
    buf_deinit(&bytes);
}

static void test_references(void)
{
    struct region_catalogue *c = builtin_catalogue();

    CHECK(region_catalogue_ref(c) == c);
    region_catalogue_unref(c);
    CHECK(region_count(c) > 0);
    region_catalogue_unref(c);
    region_catalogue_unref(NULL);
    region_builder_free(region_builder_new());
    region_builder_free(NULL);
}

static void check_described(const struct region_catalogue *c, const struct region_set *set,
                            size_t max, const char *expected)
{
    struct buf text;

    buf_init(&text, 0);
    region_set_describe(c, set, max, &text);
    CHECK_STR(buf_str(&text), expected);
    buf_deinit(&text);
}

static void test_describe(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_set none = region_set_none(), world = region_set_world(c), unknown = none;
    struct region_set eu = resolved(c, "eu"), fr = resolved(c, "fr"), is = resolved(c, "is");
    struct region_set par = resolved(c, "scaleway-par-1"), sto = resolved(c, "atnorth-sto-1");
    struct region_set gb = resolved(c, "gb"), known = region_set_known(c);

    check_described(c, &none, 5, "nothing");
    check_described(c, &world, 5, "anywhere");
    check_described(c, &known, 5, "world");
    region_set_add(&unknown, region_unknown_bit(c));
    check_described(c, &unknown, 5, "unknown");
    check_described(c, &eu, 5, "eu");
    check_described(c, &fr, 5, "FR");
    check_described(c, &gb, 5, "GB");
    struct region_set both = region_set_or(&par, &sto);
    check_described(c, &both, 5, "scaleway-par-1, atnorth-sto-1");
    check_described(c, &both, 1, "scaleway-par-1 and 1 more");
    check_described(c, &both, 0, "2 more");
    struct region_set mixed = region_set_or(&is, &par);
    check_described(c, &mixed, 5, "IS, scaleway-par-1");
    struct region_set without = region_set_minus(&eu, &fr);
    check_described(c, &without, 5, "eu except FR");
    without = region_set_minus(&eu, &par);
    check_described(c, &without, 5, "eu except scaleway-par-1");
    without = region_set_minus(&known, &gb);
    check_described(c, &without, 5, "world except GB");
    struct region_set elsewhere = is;
    for (unsigned i = 0; i < region_count(c); i++) {
        struct region_set one = none;
        region_set_add(&one, i);
        elsewhere = region_set_minus(&elsewhere, &one);
    }
    check_described(c, &elsewhere, 5, "elsewhere in IS");
    struct region_set open = region_set_or(&eu, &unknown);
    check_described(c, &open, 5, "eu, unknown");
    region_catalogue_unref(c);
}

/* Two sets that differ never read the same when nothing is cut off. */
static void test_describe_tells_sets_apart(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct prng r;
    struct buf a, b;

    prng_seed(&r, 3);
    buf_init(&a, 0);
    buf_init(&b, 0);
    for (int round = 0; round < 300; round++) {
        struct region_set x = region_set_none(), y, one;

        for (uint64_t n = 1 + prng_below(&r, 3); n; n--) {
            CHECK(region_resolve(c, random_name(c, &r), &one));
            x = region_set_or(&x, &one);
        }
        unsigned bit = (unsigned)prng_below(&r, region_count(c));
        one = region_set_none();
        region_set_add(&one, bit);
        y = region_set_has(&x, bit) ? region_set_minus(&x, &one) : region_set_or(&x, &one);
        buf_clear(&a);
        buf_clear(&b);
        region_set_describe(c, &x, 2000, &a);
        region_set_describe(c, &y, 2000, &b);
        CHECK(!str_eq(buf_str(&a), buf_str(&b)));
    }
    buf_deinit(&a);
    buf_deinit(&b);
    region_catalogue_unref(c);
}

int main(void)
{
    RUN(test_vetted_regions);
    RUN(test_every_row_is_sound);
    RUN(test_locations_agree_with_countries);
    RUN(test_known_regions);
    RUN(test_countries);
    RUN(test_zone_membership);
    RUN(test_zone_sizes);
    RUN(test_names_in_any_case);
    RUN(test_unknown_names_do_not_resolve);
    RUN(test_country_holds_its_regions_and_elsewhere);
    RUN(test_world_is_every_bit_in_use);
    RUN(test_zones_come_in_order);
    RUN(test_operator_adds_and_overrides);
    RUN(test_source_of_an_overridden_figure);
    RUN(test_rows_stay_found_when_many_come);
    RUN(test_bad_rows_are_refused);
    RUN(test_bad_numbers_are_refused);
    RUN(test_operator_zones);
    RUN(test_wire_round_trip);
    RUN(test_wire_malformed);
    RUN(test_wire_of_changed_bytes_is_stable);
    RUN(test_wire_flags);
    RUN(test_wire_of_another_build);
    RUN(test_references);
    RUN(test_describe);
    RUN(test_describe_tells_sets_apart);
    return test_end();
}

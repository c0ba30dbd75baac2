#include "region/zones.h"

#include "base/mem.h"

#define EU27       "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE"
#define EEA        EU27 " IS LI NO"
#define AREA(name) (1U << AREA_##name)
#define EVERYWHERE                                                                                 \
    (AREA(EUROPE) | AREA(WEST_ASIA) | AREA(ASIA) | AREA(AFRICA) | AREA(NORTH_AMERICA) |            \
     AREA(MIDDLE_AMERICA) | AREA(SOUTH_AMERICA) | AREA(OCEANIA) | AREA(ANTARCTICA))
#define AMERICAS (AREA(NORTH_AMERICA) | AREA(MIDDLE_AMERICA) | AREA(SOUTH_AMERICA))

/* What "Europe" can mean beside the UN's Europe: Cyprus, the Council of Europe's members in the
 * Caucasus and Turkey, Kazakhstan's west, and the French departments overseas, which are EU
 * territory. */
#define EUROPE_BESIDES "AM AZ CY GE KZ TR GF GP MF MQ RE YT"

#define ZONE(zone_name, zone_kind, zone_areas, zone_members, zone_about)                           \
    {                                                                                              \
        .name = STR_INIT(zone_name), .kind = ZONE_##zone_kind, .areas = zone_areas,                \
        .members = zone_members, .about = STR_INIT(zone_about)                                     \
    }

static const struct zone zones[] = {
    ZONE(
        "adequacy", JURISDICTION, 0, "AD AR BR CH FO GB GG IL IM JE JP KR NZ UY",
        "third countries whose whole territory has a full GDPR adequacy decision (2026-11); Canada "
        "and the United States are adequate in part only, so they are not members"),
    ZONE("africa", LABEL, AREA(AFRICA), "", "UN Africa"),
    ZONE("americas", LABEL, AMERICAS, "", "both Americas and the Caribbean"),
    ZONE("anz", GROUP, 0, "AU NZ", "Australia and New Zealand"),
    ZONE("apac", LABEL, AREA(ASIA) | AREA(WEST_ASIA) | AREA(OCEANIA), "",
         "Asia and Oceania; some providers count the Gulf as Asia-Pacific, so Western Asia is in"),
    ZONE("asean", GROUP, 0, "BN ID KH LA MM MY PH SG TH TL VN",
         "Association of Southeast Asian Nations"),
    ZONE("asia", LABEL, AREA(ASIA) | AREA(WEST_ASIA), "RU", "UN Asia and Russia"),
    ZONE("au", JURISDICTION, 0, "AU", "Australia"),
    ZONE("baltics", GROUP, 0, "EE LT LV", "the Baltic states"),
    ZONE("bedrock-apac", LABEL, AREA(ASIA) | AREA(WEST_ASIA) | AREA(OCEANIA), "",
         "Amazon Bedrock inference profiles apac.*; AWS lists its Gulf regions among them"),
    ZONE("bedrock-eu", LABEL, 0, EU27 " CH GB",
         "Amazon Bedrock inference profiles eu.*; AWS lists London and Zurich among them"),
    ZONE("benelux", GROUP, 0, "BE LU NL", "Belgium, Netherlands, Luxembourg"),
    ZONE("dach", GROUP, 0, "AT CH DE", "Germany, Austria, Switzerland"),
    ZONE("datazone-eu", JURISDICTION, 0, EU27, "Azure data zone: EU member states"),
    ZONE("datazone-us", JURISDICTION, 0, "US", "Azure data zone: United States"),
    ZONE("eea", JURISDICTION, 0, EEA,
         "European Economic Area: the EU27, Iceland, Liechtenstein, "
         "Norway"),
    ZONE("eea-uk-ch", GROUP, 0, EEA " CH GB",
         "what some gateways call EU: the EEA, the United Kingdom, Switzerland"),
    ZONE("efta", JURISDICTION, 0, "CH IS LI NO", "European Free Trade Association"),
    ZONE("emea", LABEL, AREA(EUROPE) | AREA(WEST_ASIA) | AREA(AFRICA), "AF GF GP IR KZ MF MQ PK",
         "Europe, the Middle East as far as Pakistan, and Africa"),
    ZONE("eu", JURISDICTION, 0, EU27, "European Union: the 27 member states"),
    ZONE("eu-efta", JURISDICTION, 0, EEA " CH", "the EU27 and the four EFTA states"),
    ZONE("europe", LABEL, AREA(EUROPE), EUROPE_BESIDES,
         "every country that the word can mean, from Iceland to Kazakhstan"),
    ZONE("gcc", GROUP, 0, "AE BH KW OM QA SA", "Gulf Cooperation Council"),
    ZONE("global", LABEL, EVERYWHERE, "", "every country"),
    ZONE("iberia", GROUP, 0, "ES PT", "Spain and Portugal"),
    ZONE("latam", LABEL, AREA(MIDDLE_AMERICA) | AREA(SOUTH_AMERICA), "",
         "Latin America and the Caribbean"),
    ZONE("middle-east", LABEL, AREA(WEST_ASIA), "EG IR", "UN Western Asia, Egypt and Iran"),
    ZONE("nordics", GROUP, 0, "DK FI IS NO SE",
         "the five Nordic states; Iceland and Norway are not "
         "in the EU"),
    ZONE("north-america", LABEL, AREA(NORTH_AMERICA) | AREA(MIDDLE_AMERICA), "",
         "from Greenland to Panama, with the Caribbean"),
    ZONE("oceania", LABEL, AREA(OCEANIA), "", "UN Oceania"),
    ZONE("south-america", LABEL, AREA(SOUTH_AMERICA), "", "UN South America"),
    ZONE("uk", JURISDICTION, 0, "GB",
         "United Kingdom; Jersey, Guernsey, Man and Gibraltar are countries of their own"),
    ZONE("us", JURISDICTION, 0, "US",
         "United States; Puerto Rico and the other territories are countries of their own"),
    ZONE("world", LABEL, EVERYWHERE, "", "every country"),
};

size_t zone_count(void)
{
    return COUNT_OF(zones);
}

const struct zone *zone_at(size_t index)
{
    return &zones[index];
}

const struct zone *zone_find(str name)
{
    for (size_t i = 0; i < COUNT_OF(zones); i++)
        if (str_eq(zones[i].name, name))
            return &zones[i];
    return NULL;
}

bool zone_has_country(const struct zone *zone, unsigned country)
{
    if (zone->areas >> country_table[country].area & 1)
        return true;
    str rest = str_of(zone->members);

    while (rest.n)
        if (str_eq(str_cut(&rest, ' '), str_of(country_table[country].code)))
            return true;
    return false;
}

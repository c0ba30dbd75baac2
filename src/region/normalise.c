#include "region/normalise.h"

#include "base/mem.h"

unsigned region_find_azure(const struct region_catalogue *c, str name)
{
    static const char prefix[] = "azure-";
    char code[REGION_CODE_MAX];
    size_t n = sizeof(prefix) - 1;

    memcpy(code, prefix, n);
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] == ' ')
            continue;
        if (n == sizeof(code))
            return REGION_NONE;
        code[n++] = name.p[i];
    }
    return region_find(c, str_make(code, n));
}

str region_zone_of_model(str model)
{
    static const struct {
        str prefix;
        str zone;
    } profiles[] = {
        {STR_INIT("eu."), STR_INIT("bedrock-eu")}, {STR_INIT("apac."), STR_INIT("bedrock-apac")},
        {STR_INIT("us."), STR_INIT("us")},         {STR_INIT("us-gov."), STR_INIT("us")},
        {STR_INIT("jp."), STR_INIT("jp")},         {STR_INIT("au."), STR_INIT("au")},
        {STR_INIT("global."), STR_INIT("world")},
    };
    str name = model;

    for (size_t at; (at = str_find(name, '/', 0)) < name.n;)
        name = str_from(name, at + 1);
    for (size_t i = 0; i < COUNT_OF(profiles); i++)
        if (str_ieq(str_upto(name, profiles[i].prefix.n), profiles[i].prefix))
            return profiles[i].zone;
    return STR_NULL;
}

bool region_deployment_parse(str text, enum region_deployment *ret_type)
{
    static const struct {
        str name;
        enum region_deployment type;
    } names[] = {
        {STR_INIT("standard"), REGION_DEPLOYMENT_REGIONAL},
        {STR_INIT("regional"), REGION_DEPLOYMENT_REGIONAL},
        {STR_INIT("provisioned"), REGION_DEPLOYMENT_REGIONAL},
        {STR_INIT("provisionedmanaged"), REGION_DEPLOYMENT_REGIONAL},
        {STR_INIT("datazone"), REGION_DEPLOYMENT_DATAZONE},
        {STR_INIT("datazonestandard"), REGION_DEPLOYMENT_DATAZONE},
        {STR_INIT("datazonebatch"), REGION_DEPLOYMENT_DATAZONE},
        {STR_INIT("datazoneprovisionedmanaged"), REGION_DEPLOYMENT_DATAZONE},
        {STR_INIT("global"), REGION_DEPLOYMENT_GLOBAL},
        {STR_INIT("globalstandard"), REGION_DEPLOYMENT_GLOBAL},
        {STR_INIT("globalbatch"), REGION_DEPLOYMENT_GLOBAL},
        {STR_INIT("globalprovisionedmanaged"), REGION_DEPLOYMENT_GLOBAL},
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        if (str_ieq(names[i].name, text)) {
            *ret_type = names[i].type;
            return true;
        }
    return false;
}

static str datazone_of(const struct region_catalogue *c, unsigned region)
{
    static const str zones[] = {STR_INIT("datazone-eu"), STR_INIT("datazone-us")};
    struct region_set members;

    for (size_t i = 0; region != REGION_NONE && i < COUNT_OF(zones); i++)
        if (region_resolve(c, zones[i], &members) && region_set_has(&members, region))
            return zones[i];
    return STR("world");
}

str region_of_deployment(const struct region_catalogue *c, enum region_deployment type,
                         unsigned region)
{
    if (type == REGION_DEPLOYMENT_GLOBAL)
        return STR("world");
    if (type == REGION_DEPLOYMENT_DATAZONE)
        return datazone_of(c, region);
    return region == REGION_NONE ? STR_NULL : region_at(c, region)->code;
}

str region_host_evidence(str host)
{
    static const struct {
        str host;
        str says;
    } hosts[] = {
        {STR_INIT("eu.api.openai.com"), STR_INIT("OpenAI's host for projects with European data "
                                                 "residency")},
        {STR_INIT("us.api.openai.com"), STR_INIT("OpenAI's host for projects with United States "
                                                 "data residency")},
        {STR_INIT("api.eu.mistral.ai"), STR_INIT("Mistral's host for the EU and EFTA")},
        {STR_INIT("api.us.mistral.ai"), STR_INIT("Mistral's host for the United States")},
    };

    for (size_t i = 0; i < COUNT_OF(hosts); i++)
        if (str_ieq(hosts[i].host, host))
            return hosts[i].says;
    return STR_NULL;
}

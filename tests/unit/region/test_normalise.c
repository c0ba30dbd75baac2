#include "fixture.h"
#include "region/normalise.h"

static void test_azure_names(void)
{
    static const struct {
        const char *header, *code; /* NULL: none */
    } cases[] = {
        {"Sweden Central", "azure-swedencentral"},
        {"swedencentral", "azure-swedencentral"},
        {"SwedenCentral", "azure-swedencentral"},
        {"East US 2", "azure-eastus2"},
        {"East US", "azure-eastus"},
        {"eastus", "azure-eastus"},
        {"UK South", "azure-uksouth"},
        {"Australia East", "azure-australiaeast"},
        {"Germany West Central", "azure-germanywestcentral"},
        {"North Central US", "azure-northcentralus"},
        {"East US 9", NULL},
        {"", NULL},
        {" ", NULL},
        {"us", NULL},
        {"azure-swedencentral", NULL},
        {"sweden-central", NULL},
        {"Sweden Central, East US", NULL},
        {"ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss", NULL},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned index = region_find_azure(c, str_of(cases[i].header));

        CHECK_INT(index == REGION_NONE, cases[i].code == NULL);
        if (cases[i].code)
            CHECK_STR(region_at(c, index)->code, cases[i].code);
    }
    region_catalogue_unref(c);
}

static void test_model_names(void)
{
    static const struct {
        const char *model, *zone;
    } cases[] = {
        {"eu.anthropic.claude-sonnet-4", "bedrock-eu"},
        {"bedrock/eu.amazon.nova-lite-v1:0", "bedrock-eu"},
        {"bedrock/converse/eu.amazon.nova-lite-v1:0", "bedrock-eu"},
        {"arn:aws:bedrock:eu-central-1:1:inference-profile/eu.amazon.nova-pro-v1:0", "bedrock-eu"},
        {"EU.anthropic.claude", "bedrock-eu"},
        {"us.meta.llama3-3-70b-instruct-v1:0", "us"},
        {"us-gov.anthropic.claude", "us"},
        {"apac.amazon.nova-pro-v1:0", "bedrock-apac"},
        {"jp.anthropic.claude", "jp"},
        {"au.anthropic.claude", "au"},
        {"global.anthropic.claude", "world"},
        {"anthropic.claude-sonnet-4", ""},
        {"gpt-4o", ""},
        {"eu", ""},
        {"europe.model", ""},
        {"eu/gpt-4o", ""},
        {"", ""},
        {"/", ""},
    };
    struct region_catalogue *c = builtin_catalogue();
    struct region_set set;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str zone = region_zone_of_model(str_of(cases[i].model));

        CHECK_STR(zone, cases[i].zone);
        CHECK(!zone.p || region_resolve(c, zone, &set));
    }
    /* "eu." is wider than the EU: London and Zurich are among AWS's regions of that name. */
    struct region_set eu = resolved(c, "eu"), profile = resolved(c, "bedrock-eu");
    CHECK(region_set_within(&eu, &profile) && !region_set_within(&profile, &eu));
    CHECK(region_set_has(&profile, region_find(c, STR("aws-eu-west-2"))));
    CHECK(region_set_has(&profile, region_find(c, STR("aws-eu-central-2"))));
    struct region_set apac = resolved(c, "bedrock-apac");
    CHECK(region_set_has(&apac, region_find(c, STR("aws-me-central-1"))));
    region_catalogue_unref(c);
}

/* Whatever AWS calls eu-, ap- or me- is within what the profile's zone says. */
static void test_profiles_hold_the_regions_of_their_name(void)
{
    static const struct {
        const char *prefix, *zone;
    } cases[] = {{"aws-eu-", "bedrock-eu"},   {"aws-ap-", "bedrock-apac"},
                 {"aws-me-", "bedrock-apac"}, {"aws-us-", "us"},
                 {"gcp-europe-", "europe"},   {"gcp-asia-", "asia"},
                 {"aws-eu-", "europe"},       {"azure-eastasia", "apac"}};
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region_set zone = resolved(c, cases[i].zone);
        unsigned n = 0;

        for (unsigned k = 0; k < region_count(c); k++)
            if (str_starts(region_at(c, k)->code, str_of(cases[i].prefix))) {
                CHECK(region_set_has(&zone, k));
                n++;
            }
        CHECK(n > 0);
    }
    region_catalogue_unref(c);
}

static void test_deployment_types(void)
{
    static const struct {
        const char *type, *region, *place; /* "": no such thing */
    } cases[] = {
        {"standard", "swedencentral", "azure-swedencentral"},
        {"Standard", "eastus", "azure-eastus"},
        {"ProvisionedManaged", "eastus", "azure-eastus"},
        {"regional", "nowhere", ""},
        {"datazone", "swedencentral", "datazone-eu"},
        {"DataZoneStandard", "France Central", "datazone-eu"},
        {"datazone", "eastus2", "datazone-us"},
        {"datazone", "uksouth", "world"},
        {"datazone", "switzerlandnorth", "world"},
        {"datazone", "norwayeast", "world"},
        {"datazone", "nowhere", "world"},
        {"global", "swedencentral", "world"},
        {"GlobalStandard", "nowhere", "world"},
        {"GlobalBatch", "eastus", "world"},
    };
    struct region_catalogue *c = builtin_catalogue();
    enum region_deployment type = REGION_DEPLOYMENT_REGIONAL;

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        unsigned region = region_find_azure(c, str_of(cases[i].region));

        CHECK(region_deployment_parse(str_of(cases[i].type), &type));
        CHECK_STR(region_of_deployment(c, type, region), cases[i].place);
    }
    static const char *const wrong[] = {"", "data", "data zone", "globalx", "eu"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK(!region_deployment_parse(str_of(wrong[i]), &type));
    region_catalogue_unref(c);
}

static void test_host_evidence(void)
{
    CHECK(region_host_evidence(STR("eu.api.openai.com")).n > 0);
    CHECK(region_host_evidence(STR("API.EU.Mistral.AI")).n > 0);
    CHECK(!region_host_evidence(STR("api.openai.com")).p);
    CHECK(!region_host_evidence(STR("eu.api.openai.com.example")).p);
    CHECK(!region_host_evidence(STR("")).p);
}

int main(void)
{
    RUN(test_azure_names);
    RUN(test_model_names);
    RUN(test_profiles_hold_the_regions_of_their_name);
    RUN(test_deployment_types);
    RUN(test_host_evidence);
    return test_end();
}

#include "building.h"
#include "catalog/customers.h"
#include "config/model.h"
#include "config/origin.h"
#include "loading.h"

#include <openssl/evp.h>

#define FILE_TEXT                                                                                  \
    "organization: {region_rule: {allow: eea, transit: ch}}\n"                                     \
    "customers: [{user_id: a, allowed_model_region: eu}, {user_id: b, allowed_model_region: "      \
    "eu}]\n"                                                                                       \
    "keys: [{name: ci, key: os.environ/EU_KEY, region_rule: fr, customer: a}]\n"                   \
    "model_list:\n"                                                                                \
    "  - {model_name: m, litellm_params: {model: azure/d, api_base: 'https://x', api_key: k}, "    \
    "model_info: {id: az}}\n"                                                                      \
    "  - {model_name: m, litellm_params: {model: azure/d, api_base: 'https://y', api_key: k, "     \
    "deployment_type: datazone}, model_info: {id: dz}}\n"                                          \
    "  - {model_name: '*', litellm_params: {model: 'openai/*', api_base: 'http://h:1/v1', "        \
    "region_name: hetzner-fsn-1}, model_info: {id: any}}\n"                                        \
    "router_settings: {model_group_alias: {gpt: m}, fallbacks: [{m: ['*']}]}\n"

static struct config_build plain_build(struct building *b)
{
    return (struct config_build){
        .revision = 7,
        .issued_wall_ns = 99,
        .installation = STR("inst"),
        .customer_key = {1, 2},
        .rules = {building_intern, b},
        .master_key = STR("sk-1234"),
    };
}

static const struct catalog_endpoint *find_endpoint(const struct catalog *c, const char *id)
{
    for (size_t i = 0; i < c->n_endpoints; i++) {
        if (str_eq(c->endpoints[i].id, str_of(id)))
            return &c->endpoints[i];
    }
    return NULL;
}

static void test_catalog_of_a_file(void)
{
    struct building rules = {.first = 5};
    struct config_build with = plain_build(&rules);
    struct catalog *c;
    struct loading l;
    uint8_t hash[32];
    str matched;

    loading_begin(&l, FILE_TEXT);
    CHECK(l.config);
    c = config_build_catalog(l.config, &with, &l.diagnostics);
    CHECK(c);
    loading_end(&l); /* the catalog owns what it needs */

    CHECK_INT(c->revision, 7);
    CHECK_STR(c->installation, "inst");
    CHECK_INT(c->config_hash.n, 64);
    CHECK_STR(c->rules[c->organization_rule].text, "allow=eea;transit=ch");
    CHECK_INT(c->default_customer_rule, CATALOG_NONE);
    CHECK(!c->rules[0].text.p);
    CHECK_INT(c->n_rules, 8);
    CHECK_INT(c->n_keys, 2);
    CHECK(EVP_Digest("sk-1234", 7, hash, NULL, EVP_sha256(), NULL));
    CHECK_STR(catalog_find_key(c, hash)->id, "key_master");
    CHECK_INT(catalog_find_key(c, hash)->scopes, SCOPE_ALL);
    CHECK(c->keys[1].bound);
    CHECK(digest128_eq(c->keys[1].customer, customer_digest(&with.customer_key, STR("a"))));
    CHECK_STR(c->rules[c->keys[1].rule].text, "allow=fr");
    CHECK_STR(catalog_find_group(c, STR("gpt"), &matched)->name, "m");
    CHECK_STR(catalog_find_group(c, STR("other"), &matched)->name, "*");
    CHECK_INT(c->groups[0].n_fallbacks, 1);
    CHECK_INT(c->settings.n_named, 1);
    CHECK_STR(region_at(c->regions, c->settings.named[0])->code, "hetzner-fsn-1");
    CHECK_INT(find_endpoint(c, "az")->state, ENDPOINT_REGION_PENDING);
    catalog_free(c);
}

static void test_what_was_observed_and_withdrawn(void)
{
    struct building rules = {0};
    struct config_build with = plain_build(&rules);
    struct config_observed observed[3] = {
        {.endpoint = STR("az"), .region = STR("azure-francecentral")},
        {.endpoint = STR("dz"), .region = STR("azure-francecentral")},
        {.endpoint = STR("any"), .region = STR("aws-us-east-1")},
    };
    struct config_withdrawn withdrawn = {STR("any"), STR("contradicted")};
    struct catalog *before, *after;
    struct loading l;

    loading_begin(&l, FILE_TEXT);
    before = config_build_catalog(l.config, &with, &l.diagnostics);
    for (int i = 0; i < 3; i++)
        observed[i].origin_revision =
            find_endpoint(before, (const char *[]){"az", "dz", "any"}[i])->origin_revision;
    with.observed = observed;
    with.n_observed = 3;
    with.withdrawn = &withdrawn;
    with.n_withdrawn = 1;
    after = config_build_catalog(l.config, &with, &l.diagnostics);

    CHECK_INT(find_endpoint(after, "az")->state, ENDPOINT_IN_SERVICE);
    CHECK_STR(find_endpoint(after, "az")->region_name, "azure-francecentral");
    CHECK_INT(find_endpoint(after, "az")->evidence, EVIDENCE_OBSERVED);
    CHECK(find_endpoint(after, "az")->region != REGION_NONE);
    CHECK(find_endpoint(after, "az")->origin_revision != observed[0].origin_revision);
    CHECK_STR(find_endpoint(after, "dz")->region_name, "datazone-eu");
    CHECK_INT(find_endpoint(after, "any")->state, ENDPOINT_OUT_OF_SERVICE);
    CHECK_STR(find_endpoint(after, "any")->state_reason, "contradicted");
    CHECK_STR(find_endpoint(after, "any")->region_name, "hetzner-fsn-1");
    CHECK(!str_eq(before->config_hash, after->config_hash));
    catalog_free(after);

    observed[0].origin_revision++; /* learnt at another address */
    after = config_build_catalog(l.config, &with, &l.diagnostics);
    CHECK_INT(find_endpoint(after, "az")->state, ENDPOINT_REGION_PENDING);
    catalog_free(after);
    catalog_free(before);
    loading_end(&l);
}

static void test_hash_does_not_depend_on_revision_and_time(void)
{
    struct building rules = {0};
    struct config_build with = plain_build(&rules);
    struct catalog *a, *b;
    struct loading l;

    loading_begin(&l, FILE_TEXT);
    a = config_build_catalog(l.config, &with, &l.diagnostics);
    with.revision = 8;
    with.issued_wall_ns = 100;
    b = config_build_catalog(l.config, &with, &l.diagnostics);
    CHECK(str_eq(a->config_hash, b->config_hash));
    CHECK_INT(b->revision, 8);
    catalog_free(a);
    catalog_free(b);
    loading_end(&l);
}

static void test_rules_that_others_hold(void)
{
    struct building rules = {0};
    struct config_build with = plain_build(&rules);
    struct config_rule_in_use in_use[2] = {
        {.index = 40, .canonical = STR("allow=de"), .used_by = STR("customer z")},
        {.index = 41, .canonical = STR("allow=acme-1"), .used_by = STR("customer y")},
    };
    struct catalog_key key = {.id = STR("key_1"),
                              .name = STR("n"),
                              .scopes = SCOPE_INFERENCE,
                              .rule = 40,
                              .bound = true,
                              .customer_id = STR("z"),
                              .hash = {1}};
    struct catalog *c;
    struct loading l;

    with.rules_in_use = in_use;
    with.n_rules_in_use = 1;
    with.keys = &key;
    with.n_keys = 1;
    loading_begin(&l, FILE_TEXT);
    c = config_build_catalog(l.config, &with, &l.diagnostics);
    CHECK(c);
    CHECK_INT(c->n_rules, 41);
    CHECK_STR(c->rules[40].text, "allow=de");
    CHECK_INT(c->keys[2].rule, 40);
    CHECK(digest128_eq(c->keys[2].customer, customer_digest(&with.customer_key, STR("z"))));
    catalog_free(c);

    with.n_rules_in_use = 2;
    CHECK(!config_build_catalog(l.config, &with, &l.diagnostics));
    buf_clear(&l.said);
    diagnostics_print(&l.diagnostics, &l.said);
    CHECK(str_search(buf_str(&l.said),
                     STR("error: the region rule of customer y: allow: \"acme-1\"")) < l.said.n);
    loading_end(&l);
}

static void test_what_makes_a_build_fail(void)
{
    struct building rules = {.n = BUILDING_RULES};
    struct config_build with = plain_build(&rules);
    struct loading l;

    loading_begin(&l, FILE_TEXT);
    CHECK(!config_build_catalog(l.config, &with, &l.diagnostics)); /* the table is full */
    rules.n = 0;
    with.master_key = STR("sk-eu"); /* the text of the key "ci" */
    CHECK(!config_build_catalog(l.config, &with, &l.diagnostics));
    buf_clear(&l.said);
    diagnostics_print(&l.diagnostics, &l.said);
    CHECK(loading_said(&l, " error: key ci: has the same text as the key master"));
    loading_end(&l);
}

static void test_origin_revisions(void)
{
    struct catalog_endpoint a = {
        .tls = true, .host = STR("h"), .port = 443, .unix_path = STR(""), .region_name = STR("eu")};
    struct catalog_endpoint b = a;

    CHECK(origin_revision(&a) == origin_revision(&b));
    b.credential = STR("rotated");
    b.base_path = STR("/v2");
    CHECK(origin_revision(&a) == origin_revision(&b));
    b.region_name = STR("us");
    CHECK(origin_revision(&a) != origin_revision(&b));
    b = a;
    b.ca_pem = STR("other");
    CHECK(origin_revision(&a) != origin_revision(&b));
    b = a;
    b.tls = false;
    CHECK(origin_revision(&a) != origin_revision(&b));
}

int main(void)
{
    RUN(test_catalog_of_a_file);
    RUN(test_what_was_observed_and_withdrawn);
    RUN(test_hash_does_not_depend_on_revision_and_time);
    RUN(test_rules_that_others_hold);
    RUN(test_what_makes_a_build_fail);
    RUN(test_origin_revisions);
    return test_end();
}

#include "loading.h"

#include <openssl/evp.h>

#define MODELS                                                                                     \
    "model_list:\n"                                                                                \
    "  - {model_name: m, litellm_params: {model: hosted_vllm/m, api_base: 'http://h/v1', "         \
    "region_name: ovh-gra-1}}\n"

static void test_rules(void)
{
    struct loading l;

    loading_begin(&l, MODELS "organization: {region_rule: eu}\n"
                             "default_customer_rule: [FR, is]\n"
                             "environment_groups:\n"
                             "  - {name: prod-eu, region_rule: {allow: [eu], exclude: [DE], "
                             "transit: ch}, standard_endpoint: refuse}\n"
                             "  - {name: dev}\n");
    CHECK(l.config);
    CHECK_STR(l.config->organization_rule, "allow=eu");
    CHECK_STR(l.config->default_customer_rule, "allow=fr,is");
    CHECK_INT(l.config->n_environment_groups, 2);
    CHECK_STR(l.config->environment_groups[0].rule, "allow=eu;exclude=de;transit=ch");
    CHECK_INT(l.config->environment_groups[0].standard_endpoint, STANDARD_ENDPOINT_REFUSE);
    CHECK(!l.config->environment_groups[1].rule.p);
    loading_end(&l);
}

static void test_norway_is_not_false(void)
{
    struct loading l;

    loading_begin(&l, MODELS "organization: {region_rule: [no, NO]}\n");
    CHECK(l.config);
    CHECK_STR(l.config->organization_rule, "allow=no");
    loading_end(&l);
}

static void test_wrong_rules_are_errors(void)
{
    REFUSES(MODELS "organization:\n  region_rule: eurpe\n",
            "4:3: error: organization.region_rule: \"eurpe\" is no region, zone or country; did "
            "you mean \"europe\"?");
    REFUSES(MODELS "organization:\n  region_rule:\n    allow: [eu, xx]\n",
            "5:17: error: organization.region_rule.allow[1]: \"xx\" is no region, zone or country");
    REFUSES(MODELS "organization:\n  region_rule: []\n",
            "4:3: error: organization.region_rule: an empty list allows and excludes nothing; "
            "leave the member out, or name at least one place");
    REFUSES(MODELS "organization:\n  region_rule: {allow: []}\n",
            "4:17: error: organization.region_rule.allow: an empty list allows and excludes "
            "nothing; leave the member out, or name at least one place");
    REFUSES(MODELS "organization:\n  region_rule: {}\n",
            "4:3: error: organization.region_rule: the rule is empty; expected allow, exclude, or "
            "primary");
    REFUSES(MODELS "organization:\n  region_rule:\n",
            "3:1: error: organization: region_rule is there but says nothing; leave it out, or "
            "write a rule");
    REFUSES(MODELS "organization:\n  region_rule: {alow: [eu]}\n",
            "4:3: error: organization.region_rule: \"alow\" is no member of a region rule; did you "
            "mean \"allow\"?");
    REFUSES(MODELS "organization:\n  region_rule: {allow: [12]}\n",
            "4:25: error: organization.region_rule.allow[0]: expected the name of a region, zone "
            "or country");
    REFUSES(MODELS "organization:\n  region_rule: true\n",
            "4:3: error: organization.region_rule: expected a region, zone or country, a list of "
            "them, or a mapping with allow, exclude, transit, primary, secondary");
    REFUSES(MODELS "organization:\n  region_rule: {primary: eu}\n",
            "4:17: error: organization.region_rule.primary: \"eu\" holds several regions; expected "
            "the code of one");
    REFUSES(MODELS "organization:\n  region_rule: {secondary: ovh-gra-1}\n",
            "4:17: error: organization.region_rule.secondary: there is no secondary without a "
            "primary");
    REFUSES(
        MODELS "organization:\n  region_rule: {primary: ovh-gra-1, allow: eu}\n",
        "4:17: error: organization.region_rule.primary: primary and secondary replace allow and "
        "exclude; a rule has one or the other");
}

static void test_unknown_keys_about_regions_are_errors(void)
{
    REFUSES(MODELS "organization:\n  regoin_rule: eu\n",
            "4:3: error: organization.regoin_rule: this key about regions is not known, and none "
            "is passed over; did you mean \"region_rule\"?");
    REFUSES(MODELS "organisation:\n  region_rule: eu\ndefault_custmer_rule: eu\n",
            "5:1: error: default_custmer_rule: this key about regions is not known, and none is "
            "passed over; did you mean \"default_customer_rule\"?");
    REFUSES(MODELS "customers:\n  - {user_id: a, allowed_region: eu}\n",
            "4:18: error: customers[0].allowed_region: this key about regions is not known, and "
            "none is passed over; did you mean \"allowed_model_region\"?");
    REFUSES(MODELS "customers:\n  - {user_id: a, primry: ovh-gra-1}\n",
            "4:18: error: customers[0].primry: this key about regions is not known, and none is "
            "passed over; did you mean \"primary\"?");
    REFUSES(MODELS "keys:\n  - {name: a, key: x, country: fr}\n",
            "4:23: error: keys[0].country: this key about regions is not known, and none is passed "
            "over; did you mean \"region_rule\"?");
    REFUSES(MODELS "customers:\n  - {user_id: a, my-Regoin: eu}\n",
            "4:18: error: customers[0].my-Regoin: this key about regions is not known, and none is "
            "passed over; did you mean \"allowed_model_region\"?");
    REFUSES(MODELS "data_residency: eu\n",
            "3:1: error: data_residency: this key about regions is not known, and none is passed "
            "over; did you mean \"default_customer_rule\"?");
}

static void test_other_unknown_keys_are_warnings(void)
{
    ACCEPTS(MODELS "limits:\n  body_byts: 1MiB\n",
            "4:3: warning: limits.body_byts: this key is not understood, it has no effect; did you "
            "mean \"body_bytes\"?");
    ACCEPTS(MODELS "general_settings: {reasoning_effort: high, timezone: UTC, done: 1}\n",
            "3:20: warning: general_settings.reasoning_effort: this key is not understood, it has "
            "no effect");
    ACCEPTS(MODELS "carbon: {basis: production}\n",
            "3:1: warning: carbon: not used by Ambit: this version has no grid signals");
}

static void test_customers(void)
{
    struct loading l;

    loading_begin(&l, MODELS "customers:\n"
                             "  - {user_id: a, allowed_model_region: eu, alias: A, "
                             "metadata: {tier: 1}}\n"
                             "  - user_id: 17\n"
                             "    blocked: yes\n"
                             "  - {user_id: c, primary: ovh-gra-1, secondary: scaleway-par-1}\n"
                             "  - {user_id: d, allowed_model_region: [eu, NO]}\n");
    CHECK(l.config);
    CHECK_INT(l.config->n_customers, 4);
    CHECK_STR(l.config->customers[0].id, "a");
    CHECK_STR(l.config->customers[0].alias, "A");
    CHECK_STR(l.config->customers[0].allowed_model_region, "\"eu\"");
    CHECK_STR(l.config->customers[0].metadata, "{\"tier\":1}");
    CHECK_STR(l.config->customers[0].rule, "allow=eu");
    CHECK_STR(l.config->customers[1].id, "17");
    CHECK(l.config->customers[1].blocked);
    CHECK(!l.config->customers[1].rule.p && !l.config->customers[1].alias.p);
    CHECK_STR(l.config->customers[2].primary, "ovh-gra-1");
    CHECK_STR(l.config->customers[2].rule, "primary=ovh-gra-1;secondary=scaleway-par-1");
    CHECK_STR(l.config->customers[3].allowed_model_region, "[\"eu\",\"NO\"]");
    CHECK_INT(l.config->customers[3].line, 8);
    loading_end(&l);
}

static void test_wrong_customers_are_errors(void)
{
    REFUSES(MODELS "customers: {a: eu}\n",
            "3:1: error: customers: expected a list, found a mapping");
    REFUSES(MODELS "customers: [{alias: x}]\n", "3:13: error: customers[0]: user_id is missing");
    REFUSES(MODELS "customers: [{user_id: a}, {user_id: a}]\n",
            "3:27: error: customers[1]: \"a\" is here for the second time");
    REFUSES(MODELS "customers: [{user_id: a, allowed_model_region: }]\n",
            "3:13: error: customers[0]: allowed_model_region is there but says nothing; leave it "
            "out, or name a place");
    REFUSES(MODELS "customers: [{user_id: a, allowed_model_region: {allow: eu}}]\n",
            "3:26: error: customers[0].allowed_model_region: expected the name of a region, zone "
            "or country");
    REFUSES(
        MODELS "customers: [{user_id: a, allowed_model_region: uss}]\n",
        "3:26: error: customers[0].allowed_model_region: \"uss\" is no region, zone or country; "
        "did you mean \"us\"?");
    REFUSES(MODELS "customers: [{user_id: a, allowed_model_region: eu, primary: ovh-gra-1}]\n",
            "3:52: error: customers[0].primary: primary and secondary replace "
            "allowed_model_region; a customer has one or the other");
    REFUSES(MODELS "customers: [{user_id: a, primary: ovh-gra-1, secondary: fr}]\n",
            "3:46: error: customers[0].secondary: \"fr\" holds several regions; expected the code "
            "of one");
    REFUSES(MODELS "customers: [{user_id: a, blocked: maybe}]\n",
            "3:26: error: customers[0].blocked: \"maybe\" is not true or false");
    REFUSES(MODELS "customers: [{user_id: a, metadata: 3}]\n",
            "3:26: error: customers[0].metadata: expected a mapping, found a number");
    REFUSES(MODELS "customers: [a]\n",
            "3:13: error: customers[0]: expected a mapping, found a text");
    REFUSES(MODELS "customers: [{user_id: 1.5}]\n",
            "3:14: error: customers[0].user_id: expected a text, found a number; write it in "
            "quotes");
}

static void test_keys(void)
{
    struct loading l;
    uint8_t hash[32];

    loading_begin(&l,
                  MODELS "keys:\n"
                         "  - {name: ci, key: os.environ/EU_KEY, region_rule: eu, customer: acme, "
                         "expires: 2027-01-31T00:00:00Z}\n"
                         "  - name: ops\n"
                         "    key_hash: "
                         "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n"
                         "    scopes: [metrics, policy:widen]\n"
                         "  - {name: all, key: os.environ/AZURE_API_KEY, scopes: all, "
                         "expires: 1970-01-01T00:00:00Z}\n");
    CHECK(l.config);
    CHECK_INT(l.config->n_keys, 3);
    CHECK(EVP_Digest("sk-eu", 5, hash, NULL, EVP_sha256(), NULL) == 1);
    CHECK(memcmp(l.config->keys[0].hash, hash, sizeof(hash)) == 0);
    CHECK_STR(l.config->keys[0].id, "key_file_ci");
    CHECK_STR(l.config->keys[0].rule, "allow=eu");
    CHECK_STR(l.config->keys[0].customer, "acme");
    CHECK_INT(l.config->keys[0].scopes, SCOPE_INFERENCE);
    CHECK(l.config->keys[0].expires_wall_ns == 1801353600 * INT64_C(1000000000));
    CHECK_INT(l.config->keys[1].hash[31], 0x1f);
    CHECK_INT(l.config->keys[1].scopes, SCOPE_METRICS | SCOPE_POLICY_WIDEN);
    CHECK_INT(l.config->keys[2].scopes, SCOPE_ALL);
    CHECK_INT(l.config->keys[1].expires_wall_ns, 0);
    CHECK(l.config->keys[2].expires_wall_ns > 0); /* long ago is not never */
    loading_end(&l);
}

static void test_wrong_keys_are_errors(void)
{
    REFUSES(MODELS "keys: [{name: a}]\n", "3:8: error: keys[0]: expected either key or key_hash");
    REFUSES(MODELS "keys: [{name: a, key: ''}]\n",
            "3:8: error: keys[0]: expected either key or key_hash");
    REFUSES(MODELS "keys: [{name: a, key: x, key_hash: y}]\n",
            "3:8: error: keys[0]: expected either key or key_hash");
    REFUSES(MODELS "keys: [{key: x}]\n", "3:8: error: keys[0]: name is missing");
    REFUSES(MODELS "keys: [{name: a, key: os.environ/NOPE}]\n",
            "3:18: error: keys[0].key: the environment variable NOPE is not set");
    REFUSES(MODELS "keys: [{name: a, key: os.environ/EMPTY}]\n",
            "3:18: error: keys[0].key: the environment variable EMPTY is not set");
    REFUSES(MODELS "keys: [{name: a b, key: x}]\n",
            "3:8: error: keys[0]: the name \"a b\" is not at most 64 letters, digits, . - _");
    REFUSES(MODELS "keys: [{name: a, key_hash: 00}]\n",
            "3:18: error: keys[0].key_hash: expected a SHA-256 in 64 hexadecimal digits");
    REFUSES(MODELS "keys: [{name: a, key: x, scopes: [root]}]\n",
            "3:26: error: keys[0].scopes: \"root\" is no scope; expected inference, customers, "
            "keys, policy:read, policy:write, policy:widen, metrics, operate, deploy, all");
    REFUSES(MODELS "keys: [{name: a, key: x, scopes: []}]\n",
            "3:26: error: keys[0].scopes: expected at least one scope");
    REFUSES(MODELS "keys: [{name: a, key: x, expires: tomorrow}]\n",
            "3:26: error: keys[0].expires: \"tomorrow\" is no instant before 2262; expected "
            "RFC 3339, such as 2027-01-31T00:00:00Z");
    REFUSES(MODELS "keys: [{name: a, key: x, expires: 9999-12-31T00:00:00Z}]\n",
            "3:26: error: keys[0].expires: \"9999-12-31T00:00:00Z\" is no instant before 2262; "
            "expected RFC 3339, such as 2027-01-31T00:00:00Z");
    REFUSES(MODELS "keys: [{name: a, key: x, customer: }]\n",
            "3:8: error: keys[0]: customer is there but names none; leave it out, or name one");
    REFUSES(MODELS "keys: [{name: a, key: x}, {name: a, key: y}]\n",
            "3:27: error: keys[1]: \"a\" is here for the second time");
    REFUSES(MODELS "keys: [{name: a, key: x}, {name: b, key: x}]\n",
            "3:1: error: keys: the key \"b\" has the same text as another one");
    ACCEPTS(MODELS "keys: [{name: a, key: x}]\n",
            "3:18: warning: keys[0].key: a key in clear; better as os.environ/NAME, or its "
            "key_hash");
}

static void test_environment_groups_that_are_wrong(void)
{
    REFUSES(
        MODELS "environment_groups: [{name: Prod}]\n",
        "3:22: error: environment_groups[0]: \"Prod\" is no environment name; expected at most 40 "
        "lower case letters, digits and dashes, not beginning with region-, and not development");
    REFUSES(MODELS "environment_groups: [{name: region-eu}]\n",
            "3:22: error: environment_groups[0]: \"region-eu\" is no environment name; expected "
            "at most 40 lower case letters, digits and dashes, not beginning with region-, and not "
            "development");
    REFUSES(MODELS "environment_groups: [{name: a, standard_endpoint: maybe}]\n",
            "3:32: error: environment_groups[0].standard_endpoint: \"maybe\" is not one of "
            "serve|refuse");
}

static void test_rules_that_leave_something_idle(void)
{
    struct loading l;

    ACCEPTS(MODELS "organization: {region_rule: us}\n",
            "2:5: warning: model_list: the endpoint ep_1607a64fb1054431 is outside "
            "organization.region_rule: no request will use it");
    ACCEPTS(MODELS "organization: {region_rule: eu}\ngateway: {region: aws-us-east-1}\n",
            "4:11: warning: gateway.region: is outside organization.region_rule: this gateway will "
            "refuse every request (421); a rule's transit member can let it stand there");
    loading_begin(&l, MODELS "organization: {region_rule: {allow: eu, transit: us}}\n"
                             "gateway: {region: aws-us-east-1}\n");
    CHECK(l.config);
    CHECK_INT(l.diagnostics.n_warnings, 0);
    loading_end(&l);
}

static void test_secrets_are_not_shown(void)
{
    struct loading l;

    loading_begin(&l, "general_settings: {master_key: 5.5}\nkeys: [{name: a, key: sk-hush, "
                      "key_hash: sk-hush}]\nmodel_list: [{model_name: m, litellm_params: {model: "
                      "openai/m, api_key: \"sk-hush\\n\\x01\", api_base: "
                      "'https://me:sk-hush@h/v1'}}]\n");
    CHECK(!l.config);
    CHECK(str_search(buf_str(&l.said), STR("sk-hush")) == l.said.n);
    loading_end(&l);
}

int main(void)
{
    RUN(test_rules);
    RUN(test_norway_is_not_false);
    RUN(test_wrong_rules_are_errors);
    RUN(test_unknown_keys_about_regions_are_errors);
    RUN(test_other_unknown_keys_are_warnings);
    RUN(test_customers);
    RUN(test_wrong_customers_are_errors);
    RUN(test_keys);
    RUN(test_wrong_keys_are_errors);
    RUN(test_environment_groups_that_are_wrong);
    RUN(test_rules_that_leave_something_idle);
    RUN(test_secrets_are_not_shown);
    return test_end();
}

#include "config/model.h"
#include "loading.h"

#define MODEL(params) "model_list:\n  - model_name: m\n    litellm_params: {" params "}\n"
#define HOSTED        "model: hosted_vllm/m, api_base: 'http://h:8000/v1', region_name: ovh-gra-1"

static const struct catalog_endpoint *endpoint(const struct loading *l, size_t i)
{
    CHECK(l->config && i < l->config->n_endpoints);
    return &l->config->endpoints[i].endpoint;
}

static void test_providers(void)
{
    struct loading l;

    loading_begin(
        &l,
        "model_list:\n"
        "  - {model_name: a, litellm_params: {model: openai/gpt-4o, region_name: us}}\n"
        "  - {model_name: b, litellm_params: {model: gpt-4o, api_key: k, region_name: us}}\n"
        "  - {model_name: c, litellm_params: {model: openai/x, api_base: 'https://H.example/v1/', "
        "region_name: fr}}\n"
        "  - {model_name: d, litellm_params: {model: hosted_vllm/meta/x, api_base: "
        "'http://10.0.0.1:8000', region_name: fr}}\n"
        "  - {model_name: e, litellm_params: {model: meta-llama/L, api_base: 'http://[::1]:1/v1', "
        "region_name: fr}}\n"
        "  - {model_name: f, litellm_params: {model: azure/dep, api_base: "
        "'https://x.openai.azure.com/', api_key: k, region_name: swedencentral}}\n"
        "  - {model_name: g, litellm_params: {model: x, custom_llm_provider: hosted_vllm, "
        "api_base: 'unix:/run/v.sock:/v1', region_name: fr}}\n");
    CHECK_INT(endpoint(&l, 0)->provider, PROVIDER_OPENAI);
    CHECK_STR(endpoint(&l, 0)->host, "api.openai.com");
    CHECK_STR(endpoint(&l, 0)->base_path, "/v1");
    CHECK_STR(endpoint(&l, 0)->credential, "sk-openai");
    CHECK_INT(endpoint(&l, 0)->port, 443);
    CHECK_STR(endpoint(&l, 1)->upstream_model, "gpt-4o");
    CHECK_STR(endpoint(&l, 1)->credential, "k");
    CHECK_INT(endpoint(&l, 2)->provider, PROVIDER_COMPATIBLE);
    CHECK_STR(endpoint(&l, 2)->host, "h.example");
    CHECK_STR(endpoint(&l, 2)->base_path, "/v1");
    CHECK_STR(endpoint(&l, 2)->api_base, "https://H.example/v1/");
    CHECK_STR(endpoint(&l, 2)->credential, "");
    CHECK_STR(endpoint(&l, 3)->upstream_model, "meta/x");
    CHECK_INT(endpoint(&l, 3)->port, 8000);
    CHECK(!endpoint(&l, 3)->tls);
    CHECK_STR(endpoint(&l, 4)->upstream_model, "meta-llama/L");
    CHECK_STR(endpoint(&l, 4)->host, "::1");
    CHECK_INT(endpoint(&l, 5)->provider, PROVIDER_AZURE);
    CHECK_STR(endpoint(&l, 5)->api_version, "2024-10-21");
    CHECK_STR(endpoint(&l, 5)->base_path, "");
    CHECK_STR(endpoint(&l, 5)->region_name, "azure-swedencentral");
    CHECK(endpoint(&l, 5)->region != REGION_NONE);
    CHECK_STR(endpoint(&l, 6)->unix_path, "/run/v.sock");
    CHECK_STR(endpoint(&l, 6)->base_path, "/v1");
    CHECK_INT(endpoint(&l, 6)->state, ENDPOINT_IN_SERVICE);
    loading_end(&l);
}

static void test_unsupported_providers_are_out_of_service(void)
{
    struct loading l;

    loading_begin(&l, MODEL("model: anthropic/claude, api_key: k, region_name: us"));
    CHECK_INT(endpoint(&l, 0)->state, ENDPOINT_OUT_OF_SERVICE);
    CHECK_STR(endpoint(&l, 0)->state_reason, "the provider anthropic is not supported");
    CHECK(loading_said(&l, "3:22: warning: model_list[0].litellm_params.model: the provider "
                           "anthropic is not supported: this entry is out of service"));
    loading_end(&l);
}

static void test_addresses_that_are_refused(void)
{
    static const char *const cases[][2] = {
        {"https://u:p@h/v1", "must not hold a user name or password; use api_key"},
        {"ftp://h/v1", "has a scheme other than https, http and unix"},
        {"h/v1", "is no URL; expected https://host/path, http://… or unix:/path/to/socket"},
        {"http:///v1", "has no valid host name"},
        {"http://h o/v1", "has no valid host name"},
        {"http://h%41/v1", "has no valid host name"},
        {"http://h:0/", "has no valid port"},
        {"http://h:65536/", "has no valid port"},
        {"http://h:8a/", "has no valid port"},
        {"http://[::g]/", "has no valid IPv6 address between its brackets"},
        {"http://[::1/", "has no valid IPv6 address between its brackets"},
        {"http://h/a b", "has a blank or another character in its path that has to be escaped"},
        {"http://h/v1#x", "must not have a fragment (#…)"},
        {"http://h\\\\@evil/", "must not hold a user name or password; use api_key"},
        {"http://h\\\\evil/", "has no valid host name"},
        {"unix:run/x", "must name a socket by an absolute path of at most 107 bytes"},
        {"unix:/run/x:v1", "has no valid path behind the socket"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char yaml[512], line[512];

        (void)snprintf(yaml, sizeof(yaml),
                       MODEL("model: openai/m, api_base: \"%s\", region_name: fr"), cases[i][0]);
        (void)snprintf(line, sizeof(line),
                       "3:39: error: model_list[0].litellm_params.api_base: the address %s",
                       cases[i][1]);
        REFUSES(yaml, line);
    }
    REFUSES(MODEL("model: openai/m, api_base: 'http://h/v1/chat/completions', region_name: fr"),
            "3:39: error: model_list[0].litellm_params.api_base: ends in the path of a call; "
            "expected what stands before it, such as https://host/v1");
    REFUSES(MODEL("model: hosted_vllm/m, region_name: fr"),
            "3:5: error: model_list[0].litellm_params: api_base is missing");
    REFUSES(MODEL("model: azure/m, region_name: fr"),
            "3:5: error: model_list[0].litellm_params: api_base is missing");
    REFUSES(MODEL("model: acme/m, region_name: fr"),
            "3:5: error: model_list[0].litellm_params: api_base is missing");
}

static void test_azure_addresses(void)
{
    struct loading l;

    loading_begin(&l, MODEL("model: azure/d, api_key: k, region_name: fr, api_base: "
                            "'https://apim/x/openai/deployments/d/chat?api-version=2023-05-15'"));
    CHECK_STR(endpoint(&l, 0)->base_path, "/x");
    CHECK_STR(endpoint(&l, 0)->api_version, "2023-05-15");
    CHECK_STR(endpoint(&l, 0)->api_base, "https://apim/x/openai/deployments/d/chat");
    loading_end(&l);
}

static void test_placement(void)
{
    struct loading l;

    loading_begin(&l,
                  "model_list:\n"
                  "  - {model_name: a, litellm_params: {model: azure/d, api_base: 'https://a', "
                  "api_key: k}}\n"
                  "  - {model_name: a, litellm_params: {model: openai/m, api_base: "
                  "'https://b'}}\n"
                  "  - {model_name: a, litellm_params: {model: openai/m, api_base: "
                  "'https://c', region_name: EU}}\n"
                  "  - {model_name: a, litellm_params: {model: azure/d, api_base: 'https://d', "
                  "api_key: k, region_name: francecentral, deployment_type: DataZoneStandard}}\n"
                  "  - {model_name: a, litellm_params: {model: azure/d, api_base: 'https://e', "
                  "api_key: k, deployment_type: global}}\n"
                  "  - {model_name: a, litellm_params: {model: azure/d, api_base: 'https://f', "
                  "api_key: k, deployment_type: datazone}}\n"
                  "  - {model_name: a, litellm_params: {model: openai/eu.anthropic.claude, "
                  "api_base: 'https://g'}}\n"
                  "  - {model_name: a, litellm_params: {model: bedrock/x, aws_region_name: "
                  "eu-central-1}}\n");
    CHECK_INT(endpoint(&l, 0)->state, ENDPOINT_REGION_PENDING);
    CHECK(region_set_has(&endpoint(&l, 0)->place, region_unknown_bit(l.config->regions)));
    CHECK_INT(endpoint(&l, 1)->state, ENDPOINT_IN_SERVICE);
    CHECK(region_set_has(&endpoint(&l, 1)->place, region_unknown_bit(l.config->regions)));
    CHECK_INT(endpoint(&l, 1)->evidence, EVIDENCE_NONE);
    CHECK(region_set_count(&endpoint(&l, 2)->place) > 27);
    CHECK_INT(endpoint(&l, 2)->region, REGION_NONE);
    CHECK_INT(endpoint(&l, 2)->evidence, EVIDENCE_DECLARED);
    CHECK_STR(endpoint(&l, 3)->region_name, "datazone-eu");
    CHECK_INT(endpoint(&l, 3)->evidence, EVIDENCE_PROVIDER);
    CHECK_STR(endpoint(&l, 4)->region_name, "world");
    CHECK_INT(endpoint(&l, 4)->state, ENDPOINT_IN_SERVICE);
    CHECK_INT(endpoint(&l, 5)->state, ENDPOINT_REGION_PENDING);
    CHECK_STR(endpoint(&l, 6)->region_name, "bedrock-eu");
    CHECK_INT(endpoint(&l, 6)->evidence, EVIDENCE_PROVIDER);
    CHECK_STR(endpoint(&l, 7)->region_name, "aws-eu-central-1");
    CHECK_INT(endpoint(&l, 7)->state, ENDPOINT_OUT_OF_SERVICE);
    loading_end(&l);
}

static void test_placement_that_is_wrong(void)
{
    REFUSES(
        MODEL("model: openai/m, api_base: 'http://h', region_name: aws-eu-west-9"),
        "3:61: error: model_list[0].litellm_params.region_name: \"aws-eu-west-9\" is no region, "
        "zone or country; did you mean \"aws-eu-west-1\"?");
    REFUSES(MODEL("model: openai/m, api_base: 'http://h', regoin_name: eu"),
            "3:61: error: model_list[0].litellm_params.regoin_name: this key about regions is not "
            "known, and none is passed over; did you mean \"region_name\"?");
    REFUSES(MODEL("model: openai/m, api_base: 'http://h', region_name: ''"),
            "3:61: error: model_list[0].litellm_params.region_name: region_name is there but says "
            "nothing; leave it out, or name a place");
    REFUSES(
        MODEL("model: openai/m, api_base: 'http://h', region_name: "),
        "3:5: error: model_list[0].litellm_params: region_name is there but says nothing; leave "
        "it out, or name a place");
    REFUSES(
        MODEL("model: bedrock/m, region_name: eu, aws_region_name: us-east-1"),
        "3:57: error: model_list[0].litellm_params.aws_region_name: \"aws-us-east-1\" is not in "
        "the region_name \"eu\" of this entry");
    REFUSES(
        MODEL("model: vertex_ai/m, region_name: aws-eu-central-1, vertex_location: "
              "europe-west4"),
        "3:73: error: model_list[0].litellm_params.vertex_location: \"gcp-europe-west4\" is not "
        "in the region_name \"aws-eu-central-1\" of this entry");
    REFUSES(MODEL("model: openai/global.anthropic.c, api_base: 'http://h', region_name: eu"),
            "3:22: error: model_list[0].litellm_params.model: the model may run anywhere in "
            "\"world\", which the region_name \"eu\" does not hold; declare \"world\", or use a "
            "model that stays");
    REFUSES(MODEL(HOSTED ", deployment_type: global"),
            "3:98: error: model_list[0].litellm_params.deployment_type: is for azure models; here "
            "region_name says where they run");
    REFUSES(MODEL("model: azure/m, api_base: 'https://h', deployment_type: sovereign"),
            "3:61: error: model_list[0].litellm_params.deployment_type: \"sovereign\" is no "
            "deployment type; expected standard, datazone, global, or an Azure SKU name");
    REFUSES(
        "model_list:\n  - model_name: m\n    model_info: {region: eu}\n    litellm_params: "
        "{" HOSTED "}\n",
        "3:18: error: model_list[0].model_info.region: this key about regions is not known, and "
        "none is passed over");
    ACCEPTS(
        MODEL("model: openai/m, api_base: 'http://h'"),
        "3:5: warning: model_list[0].litellm_params: no region_name: only unrestricted requests "
        "are sent to this endpoint");
    ACCEPTS(MODEL("model: azure/m, api_base: 'https://h', region_name: norwayeast, "
                  "deployment_type: datazone"),
            "3:86: warning: model_list[0].litellm_params.deployment_type: no data zone is known "
            "that holds this region: it may run anywhere in the world");
}

static void test_limits_of_an_entry(void)
{
    struct loading l;

    loading_begin(&l, MODEL(HOSTED ", rpm: os.environ/RPM, tpm: 9000, weight: 3, order: 2, "
                                   "timeout: 1200, stream_timeout: 30s, max_parallel_requests: 8, "
                                   "max_retries: 4, organization: org-1, extra_headers: {X-A: b}"));
    CHECK_INT(endpoint(&l, 0)->rpm, 600);
    CHECK_INT(endpoint(&l, 0)->tpm, 9000);
    CHECK_INT(endpoint(&l, 0)->weight, 3);
    CHECK_INT(endpoint(&l, 0)->order, 2);
    CHECK_INT(endpoint(&l, 0)->timeout_ms, 1200000);
    CHECK_INT(endpoint(&l, 0)->stream_timeout_ms, 30000);
    CHECK_INT(endpoint(&l, 0)->max_parallel, 8);
    CHECK_INT(endpoint(&l, 0)->n_extra_headers, 2);
    CHECK_STR(endpoint(&l, 0)->extra_headers[1].name, "X-A");
    CHECK_INT(l.config->groups[0].max_retries, 4);
    CHECK_INT(l.config->groups[0].timers.first_byte_ms, 1200000);
    CHECK_INT(l.config->groups[0].timers.total_ms, 3600000);
    loading_end(&l);
}

static void test_values_that_are_wrong(void)
{
    REFUSES(MODEL(HOSTED ", rpm: many"),
            "3:98: error: model_list[0].litellm_params.rpm: \"many\" is not a whole number");
    REFUSES(MODEL(HOSTED ", rpm: -1"),
            "3:98: error: model_list[0].litellm_params.rpm: \"-1\" is not a whole number");
    REFUSES(MODEL(HOSTED ", rpm: 4294967296"),
            "3:98: error: model_list[0].litellm_params.rpm: 4294967296 is out of bounds: 0 to "
            "4294967295");
    REFUSES(MODEL(HOSTED ", weight: 0"),
            "3:98: error: model_list[0].litellm_params.weight: 0 is out of bounds: more than 0, at "
            "most 1000");
    REFUSES(MODEL(HOSTED ", timeout: soon"),
            "3:98: error: model_list[0].litellm_params.timeout: \"soon\" is not a duration such as "
            "30, 30s, 5m, 1h or 250ms");
    REFUSES(MODEL(HOSTED ", timeout: 0"),
            "3:98: error: model_list[0].litellm_params.timeout: 0 is out of bounds: 1 to "
            "604800000 ms");
    REFUSES(MODEL(HOSTED ", timeout: [1]"),
            "3:98: error: model_list[0].litellm_params.timeout: expected a text, found a list");
    REFUSES(MODEL(HOSTED ", extra_headers: {Host: x}"),
            "3:114: error: model_list[0].litellm_params.extra_headers.Host: this header field "
            "cannot be set");
    REFUSES(MODEL(HOSTED ", api_key: k, extra_headers: {authorization: x}"),
            "3:126: error: model_list[0].litellm_params.extra_headers.authorization: this header "
            "field cannot be set");
    REFUSES(MODEL(HOSTED ", extra_headers: {x: \"a\\nb\"}"),
            "3:114: error: model_list[0].litellm_params.extra_headers.x: holds characters that no "
            "header field can carry");
    REFUSES(MODEL(HOSTED ", api_key: \"a\\r\\nb\""),
            "3:98: error: model_list[0].litellm_params.api_key: holds characters that no header "
            "field can carry");
    REFUSES(MODEL(HOSTED ", ca_file: nowhere.pem"),
            "3:98: error: model_list[0].litellm_params.ca_file: ./nowhere.pem cannot be read: No "
            "such file or directory");
    REFUSES(MODEL("model: openai/a*, region_name: fr"),
            "3:22: error: model_list[0].litellm_params.model: expected a model, or * alone behind "
            "the provider, as in openai/*");
    REFUSES(MODEL("model: openai/, region_name: fr"),
            "3:22: error: model_list[0].litellm_params.model: names no model behind the provider");
    REFUSES(MODEL("api_base: 'http://h'"),
            "3:5: error: model_list[0].litellm_params: model is missing");
    REFUSES("model_list:\n  - litellm_params: {" HOSTED "}\n",
            "2:5: error: model_list[0]: model_name is missing");
    REFUSES("model_list:\n  - model_name: a*b\n    litellm_params: {" HOSTED "}\n",
            "2:5: error: model_list[0].model_name: \"a*b\" has a * before its end; expected name, "
            "name* or *");
    REFUSES("model_list:\n  - model_name: m\n", "2:5: error: model_list[0]: litellm_params is "
                                                "missing");
    REFUSES("model_list: {a: 1}\n",
            "1:1: error: model_list: expected a list of at most 100000 entries");
}

static void test_ids(void)
{
    struct loading l, again;

    loading_begin(&l, "model_list:\n"
                      "  - {model_name: m, litellm_params: {" HOSTED ", api_key: a}}\n"
                      "  - {model_name: m, litellm_params: {" HOSTED ", api_key: b}}\n"
                      "  - {model_name: n, litellm_params: {" HOSTED "}, model_info: {id: x-1}}\n");
    loading_begin(&again, "model_list:\n"
                          "  - {model_name: m, litellm_params: {" HOSTED ", api_key: other}}\n");
    CHECK(str_starts(endpoint(&l, 0)->id, STR("ep_")));
    CHECK(str_starts(endpoint(&l, 1)->id, endpoint(&l, 0)->id));
    CHECK(str_ends(endpoint(&l, 1)->id, STR("-2")));
    CHECK_STR(endpoint(&l, 2)->id, "x-1");
    CHECK(str_eq(endpoint(&again, 0)->id, endpoint(&l, 0)->id));
    loading_end(&l);
    loading_end(&again);
    REFUSES("model_list:\n"
            "  - {model_name: m, litellm_params: {" HOSTED "}, model_info: {id: x}}\n"
            "  - {model_name: m, litellm_params: {" HOSTED "}, model_info: {id: x}}\n",
            "3:5: error: model_list[1]: the id \"x\" is here for the second time");
    REFUSES("model_list:\n"
            "  - {model_name: m, litellm_params: {" HOSTED "}, model_info: {id: 'a b'}}\n",
            "2:5: error: model_list[0]: model_info.id is not at most 128 visible ASCII characters");
}

#define THREE                                                                                      \
    "model_list:\n"                                                                                \
    "  - {model_name: a, litellm_params: {" HOSTED "}}\n"                                          \
    "  - {model_name: b, litellm_params: {" HOSTED "}}\n"                                          \
    "  - {model_name: a, litellm_params: {" HOSTED ", weight: 0.5}}\n"                             \
    "  - {model_name: azure/*, litellm_params: {model: 'openai/*', api_base: 'http://h', "         \
    "region_name: fr}}\n"

static void test_groups(void)
{
    struct loading l;

    loading_begin(&l, THREE "router_settings:\n"
                            "  fallbacks: [{a: [b, 'azure/*', b, a]}]\n"
                            "  default_fallbacks: [a]\n"
                            "  model_group_alias: {gpt: a, hid: {model: b, hidden: true}}\n"
                            "  num_retries: 1\n"
                            "  timeout: 40\n"
                            "model_group_settings:\n"
                            "  b: {connect_timeout: 2, first_byte_timeout: 20s, idle_timeout: 1m, "
                            "total_timeout: 1h, max_retries: 0}\n"
                            "litellm_settings: {num_retries: 9, request_timeout: 99, fallbacks: "
                            "[{b: ['azure/*']}]}\n");
    CHECK(l.config);
    CHECK_INT(l.config->n_groups, 3);
    CHECK_STR(l.config->groups[0].name, "a");
    CHECK_INT(l.config->groups[0].n_endpoints, 2);
    CHECK_INT(l.config->groups[0].endpoints[1], 2);
    CHECK_INT(endpoint(&l, 0)->weight, 1000);
    CHECK_INT(endpoint(&l, 2)->weight, 500);
    CHECK_INT(endpoint(&l, 1)->weight, 1);
    CHECK_INT(endpoint(&l, 0)->timeout_ms, 40000);
    CHECK_INT(l.config->groups[0].n_fallbacks, 2);
    CHECK_INT(l.config->groups[0].fallbacks[0], 1);
    CHECK_INT(l.config->groups[0].fallbacks[1], 2);
    CHECK_INT(l.config->groups[1].n_fallbacks, 1);
    CHECK_INT(l.config->groups[1].fallbacks[0], 2);
    CHECK_INT(l.config->groups[2].n_fallbacks, 1);
    CHECK_INT(l.config->groups[2].fallbacks[0], 0);
    CHECK(l.config->groups[2].wildcard && endpoint(&l, 3)->wildcard);
    CHECK_STR(endpoint(&l, 3)->upstream_model, "");
    CHECK_INT(l.config->groups[0].max_retries, 1);
    CHECK_INT(l.config->groups[1].max_retries, 0);
    CHECK_INT(l.config->groups[1].timers.connect_ms, 2000);
    CHECK_INT(l.config->groups[1].timers.first_byte_ms, 20000);
    CHECK_INT(l.config->groups[1].timers.idle_ms, 60000);
    CHECK_INT(l.config->n_aliases, 2);
    CHECK_STR(l.config->aliases[1].name, "hid");
    CHECK_INT(l.config->aliases[1].group, 1);
    loading_end(&l);
}

static void test_groups_that_are_wrong(void)
{
    REFUSES(THREE "router_settings: {model_group_alias: {a: b}}\n",
            "6:39: error: router_settings.model_group_alias.a: there is a model group of this name "
            "already");
    REFUSES(THREE "router_settings: {model_group_alias: {x: {hidden: true}}}\n",
            "6:39: error: router_settings.model_group_alias.x: model is missing");
    REFUSES(
        THREE "router_settings: {fallbacks: [a]}\n",
        "6:31: error: router_settings.fallbacks[0]: expected {group: [other, …]}, found a text");
    REFUSES(THREE "router_settings: {fallbacks: {a: [b]}}\n",
            "6:19: error: router_settings.fallbacks: expected a list, found a mapping");
    REFUSES(THREE "router_settings: {num_retries: 21}\n",
            "6:19: error: router_settings.num_retries: 21 is out of bounds: 0 to 20");
    REFUSES(THREE "model_group_settings: {a: {idle_timeout: forever}}\n",
            "6:28: error: model_group_settings.a.idle_timeout: \"forever\" is not a duration such "
            "as 30, 30s, 5m, 1h or 250ms");
    ACCEPTS(THREE "model_group_settings: {zzz: {}}\n",
            "6:24: warning: model_group_settings.zzz: there is no model group \"zzz\"; this has no "
            "effect");
    ACCEPTS(THREE "router_settings: {model_group_alias: {x: azure*}}\n",
            "6:39: warning: router_settings.model_group_alias.x: there is no model group "
            "\"azure*\"; this has no effect; did you mean \"azure/*\"?");
    ACCEPTS(THREE "router_settings: {max_fallbacks: 1, fallbacks: [{a: [b, 'azure/*']}]}\n",
            "6:57: warning: router_settings.fallbacks[0].a[1]: more than max_fallbacks: this one "
            "has no effect");
    ACCEPTS(THREE "router_settings: {enable_pre_call_checks: false}\n",
            "6:19: note: router_settings.enable_pre_call_checks: false does not switch the region "
            "filter off: nothing does");
    ACCEPTS("general_settings: {}\n",
            "1:1: warning: there is neither a model_list nor a plane: no model can be served");
}

int main(void)
{
    RUN(test_providers);
    RUN(test_unsupported_providers_are_out_of_service);
    RUN(test_addresses_that_are_refused);
    RUN(test_azure_addresses);
    RUN(test_placement);
    RUN(test_placement_that_is_wrong);
    RUN(test_limits_of_an_entry);
    RUN(test_values_that_are_wrong);
    RUN(test_ids);
    RUN(test_groups);
    RUN(test_groups_that_are_wrong);
    return test_end();
}

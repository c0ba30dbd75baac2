#include "loading.h"

/* A file with most of what LiteLLM's own documentation shows. */
static const char reference[] =
    "model_list:\n"
    "  - model_name: gpt-4o\n"
    "    litellm_params:\n"
    "      model: azure/gpt-4o-eu\n"
    "      api_base: os.environ/EU_BASE\n"
    "      api_key:  os.environ/EU_KEY\n"
    "      api_version: \"2024-10-21\"\n"
    "      rpm: 600\n"
    "      tpm: 100000\n"
    "      weight: 3\n"
    "      order: 1\n"
    "      timeout: 300\n"
    "      stream_timeout: 30\n"
    "      max_retries: 2\n"
    "      max_parallel_requests: 64\n"
    "      region_name: eu\n"
    "      tags: [\"eu\"]\n"
    "      tag_regex: [\"^User-Agent: claude-code\"]\n"
    "      extra_headers: {x-a: b}\n"
    "      organization: org-a\n"
    "      aws_region_name: eu-central-1\n"
    "      vertex_location: europe-west4\n"
    "    model_info: {id: az-eu-1, mode: chat, base_model: azure/gpt-4o, access_groups: [], "
    "allow_fail_open: false, enable_tag_filtering: true}\n"
    "  - model_name: \"*\"\n"
    "    litellm_params: {model: \"openai/*\"}\n"
    "router_settings:\n"
    "  routing_strategy: simple-shuffle\n"
    "  enable_pre_call_checks: true\n"
    "  num_retries: 2\n"
    "  timeout: 600\n"
    "  stream_timeout: 30\n"
    "  allowed_fails: 3\n"
    "  cooldown_time: 30\n"
    "  fallbacks: [{\"gpt-4o\": [\"mistral-large\"]}]\n"
    "  context_window_fallbacks: [{\"gpt-4o\": [\"gpt-4o-long\"]}]\n"
    "  content_policy_fallbacks: []\n"
    "  default_fallbacks: [\"mistral-small\"]\n"
    "  max_fallbacks: 5\n"
    "  model_group_alias: {\"gpt-4\": \"gpt-4o\"}\n"
    "  retry_policy: {TimeoutErrorRetries: 2, RateLimitErrorRetries: 3}\n"
    "  allowed_fails_policy: {RateLimitErrorAllowedFails: 10000}\n"
    "  enable_tag_filtering: true\n"
    "  tag_filtering_match_any: false\n"
    "  redis_host: os.environ/REDIS_HOST\n"
    "  optional_pre_call_checks: [enforce_model_rate_limits]\n"
    "litellm_settings:\n"
    "  request_timeout: 600\n"
    "  drop_params: true\n"
    "  callbacks: [\"otel\",\"prometheus\"]\n"
    "  cache: true\n"
    "  cache_params: {type: redis, ttl: 600}\n"
    "  sse_keepalive_ping_interval_seconds: 15\n"
    "general_settings:\n"
    "  master_key: os.environ/LITELLM_MASTER_KEY\n"
    "  database_url: os.environ/DATABASE_URL\n"
    "  alerting: [\"slack\"]\n"
    "  max_request_size_mb: 32\n"
    "  enforce_user_param: true\n"
    "  reject_clientside_metadata_tags: true\n"
    "  user_header_mappings: [{header_name: x-tenant, litellm_user_role: customer}]\n"
    "environment_variables: {}\n";

static void test_the_reference_has_warnings_only(void)
{
    struct loading l;

    loading_begin(&l, reference);
    CHECK(l.config);
    CHECK_INT(l.diagnostics.n_errors, 0);
    CHECK_INT(l.config->n_endpoints, 2);
    CHECK_INT(l.config->n_groups, 2);
    CHECK_INT(l.config->n_aliases, 1);
    CHECK_STR(l.config->master_key, "sk-litellm");
    CHECK_INT(l.config->settings.cooldown_ms, 30000);
    CHECK(loading_said(&l, "17:7: warning: model_list[0].litellm_params.tags: not used by Ambit: "
                           "region rules decide, not tags that clients send"));
    CHECK(loading_said(&l, "44:3: warning: router_settings.redis_host: not used by Ambit: no Redis "
                           "is needed"));
    /* What is empty has no effect anywhere: nothing is said of it. */
    CHECK(str_search(buf_str(&l.said), STR("content_policy_fallbacks")) == l.said.n);
    CHECK(str_search(buf_str(&l.said), STR("access_groups")) == l.said.n);
    loading_end(&l);
}

static const char *example_env(void *ctx, const char *name)
{
    (void)ctx;
    return name; /* set, and different for each */
}

/* The files that a newcomer starts with are right, and say nothing that would worry him. */
static void test_examples(void)
{
    static const char *const files[] = {"minimal.yaml", "litellm.yaml", "residency.yaml",
                                        "eight-regions.yaml"};

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct config_source source = {.env = example_env};
        struct diagnostics d;
        struct config *c;
        char path[512];

        (void)snprintf(path, sizeof(path), "%s/../examples/%s", DOCS, files[i]);
        source.file = path;
        diagnostics_init(&d);
        c = config_load(&source, &d);
        if (!c || d.n_warnings)
            printf("  %s: %zu errors, %zu warnings\n", files[i], d.n_errors, d.n_warnings);
        CHECK(c && d.n_warnings == 0);
        config_free(c);
        diagnostics_deinit(&d);
    }
}

int main(void)
{
    RUN(test_the_reference_has_warnings_only);
    RUN(test_examples);
    return test_end();
}

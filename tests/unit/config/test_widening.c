#include "loading.h"

static char text[4096];

/* What going from one file to the other would widen, a line each. */
static str widened(const char *before_yaml, const char *after_yaml, size_t ruled,
                   const struct config_foreign_rule *foreign)
{
    struct loading before, after;
    const struct config_widened *items;
    struct arena arena;
    struct buf b;
    size_t n;

    loading_begin(&before, before_yaml);
    loading_begin(&after, after_yaml);
    CHECK(before.config && after.config);
    arena_init(&arena, NULL, 0);
    buf_init(&b, 0);
    config_widening(before.config, after.config, foreign, foreign ? 1 : 0, ruled, &arena, &items,
                    &n);
    for (size_t i = 0; i < n; i++) {
        config_widened_print(&items[i], &b);
        buf_put_char(&b, '\n');
    }
    size_t size = b.n < sizeof(text) ? b.n : sizeof(text);
    if (size)
        memcpy(text, b.p, size);
    buf_deinit(&b);
    arena_deinit(&arena);
    loading_end(&before);
    loading_end(&after);
    return str_make(text, size);
}

static void test_organization(void)
{
    CHECK_STR(widened("organization: {region_rule: eu}", "{}", 0, NULL),
              "organization: allow=eu would be gone\n");
    CHECK_STR(
        widened("organization: {region_rule: eu}", "organization: {region_rule: eea}", 0, NULL),
        "organization: allow=eu would become allow=eea\n");
    CHECK_STR(
        widened("organization: {region_rule: eea}", "organization: {region_rule: eu}", 0, NULL),
        "");
    CHECK_STR(widened("{}", "organization: {region_rule: eu}", 0, NULL), "");
    CHECK_STR(widened("organization: {region_rule: {allow: eu}}",
                      "organization: {region_rule: {allow: eu, transit: ch}}", 0, NULL),
              "organization: allow=eu would become allow=eu;transit=ch\n");
    CHECK_STR(widened("organization: {region_rule: [fr, de]}",
                      "organization: {region_rule: [de, fr]}", 0, NULL),
              "");
}

static void test_customers(void)
{
    CHECK_STR(widened("customers: [{user_id: a, allowed_model_region: eu}, {user_id: b}]",
                      "customers: [{user_id: a, allowed_model_region: us}]", 1, NULL),
              "customer a: allow=eu would become allow=us\n");
    CHECK_STR(widened("customers: [{user_id: a, allowed_model_region: eu}]", "{}", 1, NULL),
              "customer a: allow=eu would be gone\n");
    CHECK_STR(widened("customers: [{user_id: a, allowed_model_region: eu}]",
                      "customers: [{user_id: a}]", 1, NULL),
              "customer a: allow=eu would be gone\n");
    CHECK_STR(widened("customers: [{user_id: a, allowed_model_region: fr}]",
                      "customers: [{user_id: a, primary: ovh-gra-1, secondary: scaleway-par-1}]", 1,
                      NULL),
              "");
    CHECK_STR(widened("customers: [{user_id: a, primary: ovh-gra-1}]",
                      "customers: [{user_id: a, allowed_model_region: fr}]", 1, NULL),
              "customer a: primary=ovh-gra-1 would become allow=fr\n");
}

static void test_default_customer_rule(void)
{
    CHECK_STR(widened("{}", "default_customer_rule: eu", 1, NULL),
              "default_customer_rule: allow=eu would be new, for requests that are refused now\n");
    CHECK_STR(widened("{}", "default_customer_rule: eu", 0, NULL), "");
    CHECK_STR(widened("default_customer_rule: eu", "default_customer_rule: [eu, us]", 0, NULL),
              "default_customer_rule: allow=eu would become allow=eu,us\n");
    CHECK_STR(widened("default_customer_rule: eu", "default_customer_rule: fr", 0, NULL), "");
    CHECK_STR(widened("default_customer_rule: eu", "{}", 0, NULL),
              "default_customer_rule: allow=eu would be gone\n");
}

static void test_keys_and_groups(void)
{
    CHECK_STR(widened("keys: [{name: k, key: x, region_rule: eu, customer: a}]",
                      "keys: [{name: k, key: y}]", 0, NULL),
              "key k: allow=eu would be gone\nkey k: customer=a would be gone\n");
    CHECK_STR(widened("keys: [{name: k, key: x, customer: a}]",
                      "keys: [{name: k, key: x, customer: b}]", 0, NULL),
              "key k: customer=a would become customer=b\n");
    CHECK_STR(widened("keys: [{name: k, key: x, region_rule: eu}]", "{}", 0, NULL), "");
    CHECK_STR(widened("environment_groups: [{name: prod, region_rule: eu}]",
                      "environment_groups: [{name: prod}]", 0, NULL),
              "environment group prod: allow=eu would be gone\n");
}

/* The same words can come to mean more. */
static void test_places_that_change_under_a_rule(void)
{
    struct config_foreign_rule foreign = {CONFIG_CUSTOMER, STR("api"), STR("allow=ours")};

    CHECK_STR(widened("{zones: {ours: [fr]}, organization: {region_rule: ours}}",
                      "{zones: {ours: [fr, de]}, organization: {region_rule: ours}}", 0, NULL),
              "organization: allow=ours would become allow=ours\n");
    CHECK_STR(widened("{zones: {ours: [fr, de]}, organization: {region_rule: ours}}",
                      "{zones: {ours: [fr]}, organization: {region_rule: ours}}", 0, NULL),
              "");
    CHECK_STR(widened("zones: {ours: [fr]}", "zones: {ours: [fr, de]}", 0, &foreign),
              "customer api: allow=ours would become allow=ours\n");
    CHECK_STR(widened("zones: {ours: [fr]}", "{}", 0, &foreign),
              "customer api: allow=ours would become allow=ours\n");
    CHECK_STR(
        widened("organization: {region_rule: us}",
                "{regions: [{code: ovh-gra-1, country: US}], organization: {region_rule: us}}", 0,
                NULL),
        "organization: allow=us would become allow=us\n");
    /* A new region was "elsewhere in its country" before. */
    CHECK_STR(widened("organization: {region_rule: eu}",
                      "{regions: [{code: acme-1, country: DE}], organization: {region_rule: eu}}",
                      0, NULL),
              "");
    CHECK_STR(widened("organization: {region_rule: eu}",
                      "{regions: [{code: acme-1, country: US}], organization: {region_rule: [eu, "
                      "acme-1]}}",
                      0, NULL),
              "organization: allow=eu would become allow=acme-1,eu\n");
}

static void test_an_endpoint_that_moves_is_no_widening(void)
{
    CHECK_STR(widened("model_list: [{model_name: m, litellm_params: {model: hosted_vllm/m, "
                      "api_base: 'http://h', region_name: fr}}]",
                      "model_list: [{model_name: m, litellm_params: {model: hosted_vllm/m, "
                      "api_base: 'http://h', region_name: us}}]",
                      0, NULL),
              "");
}

int main(void)
{
    RUN(test_organization);
    RUN(test_customers);
    RUN(test_default_customer_rule);
    RUN(test_keys_and_groups);
    RUN(test_places_that_change_under_a_rule);
    RUN(test_an_endpoint_that_moves_is_no_widening);
    return test_end();
}

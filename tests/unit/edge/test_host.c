#include "edge/host.h"

#include "base/mem.h"
#include "unit/test.h"

/* Names of hosts, and what they stand for. */

static struct host host;

static enum host_outcome parse(const char *authority)
{
    memset(&host, 0, sizeof(host));
    return host_parse(str_of(authority), STR("api.example.com"), &host);
}

static void test_standard_and_regional_hosts(void)
{
    CHECK_INT(parse("model-abc12345.api.example.com"), HOST_OF_MODEL);
    CHECK_INT(host.kind, MODEL_KIND_MODEL);
    CHECK_STR(host.id, "abc12345");
    CHECK_STR(host.environment, "");
    CHECK_INT(parse("chain-x.api.example.com"), HOST_OF_MODEL);
    CHECK_INT(host.kind, MODEL_KIND_CHAIN);
    CHECK_STR(host.id, "x");
    CHECK_INT(parse("chain-x-prod-us.api.example.com"), HOST_OF_MODEL);
    CHECK_INT(host.kind, MODEL_KIND_CHAIN);
    CHECK_STR(host.id, "x");
    CHECK_STR(host.environment, "prod-us");
}

static void test_case_port_and_trailing_dot_do_not_matter(void)
{
    CHECK_INT(parse("Model-ABC-Prod.API.Example.COM.:8443"), HOST_OF_MODEL);
    CHECK_STR(host.id, "abc");
    CHECK_STR(host.environment, "prod");
    CHECK_INT(parse("model-abc.api.example.com:1"), HOST_OF_MODEL);
    CHECK_STR(host.id, "abc");
}

static void test_other_names_are_the_openai_surface(void)
{
    static const char *const names[] = {
        "",
        "api.example.com",
        "api.example.com:4000",
        "gateway.api.example.com",
        "model-abc.example.com",
        "model-abc.api.example.com.evil.net",
        "model-abcapi.example.com",
        "127.0.0.1:4000",
        "[::1]:4000",
        "modelabc.api.example.com",
        "models-abc.api.example.com",
        "x.model-abc.api.example.com",
        ".api.example.com",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK_INT(parse(names[i]), HOST_OTHER);
}

static void test_malformed_names_are_not_guessed_at(void)
{
    static const char *const names[] = {
        "model-.api.example.com",
        "model--prod.api.example.com",
        "model-abc-.api.example.com",
        "model-abc--x.api.example.com",
        "model-abc-x-.api.example.com",
        "model-abc_d.api.example.com",
        "model-abc-pr_od.api.example.com",
        "model-abc-development.api.example.com",
        "model-abc-region-eu.api.example.com",
        "model-abc.grpc.api.example.com",
        "model-abc-prod.grpc.api.example.com",
        "model-abc-a2345678901234567890123456789012345678901.api.example.com",
        "model-abcdefghijklmnopqrstuvwxyz01234567890abcdefghijklmnopqrstuvwxyz.api.example.com",
    };

    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK_INT(parse(names[i]), HOST_MALFORMED);
}

static void test_no_domain_no_model_hosts(void)
{
    CHECK_INT(host_parse(STR("model-abc."), STR_NULL, &host), HOST_OTHER);
    CHECK_INT(host_parse(STR("model-abc"), STR_NULL, &host), HOST_OTHER);
}

static void test_longest_environment(void)
{
    CHECK_INT(parse("model-abc-a234567890123456789012345678901234567890.api.example.com"),
              HOST_OF_MODEL);
    CHECK_INT(host.environment.n, HOST_ENVIRONMENT_MAX_BYTES);
}

static void test_same_means_model_and_environment(void)
{
    struct host a, b;
    str domain = STR("d");

    CHECK_INT(host_parse(STR("model-a-x.d"), domain, &a), HOST_OF_MODEL);
    CHECK_INT(host_parse(STR("MODEL-a-X.D:1"), domain, &b), HOST_OF_MODEL);
    CHECK(host_same(&a, &b));
    CHECK_INT(host_parse(STR("model-a.d"), domain, &b), HOST_OF_MODEL);
    CHECK(!host_same(&a, &b));
    CHECK_INT(host_parse(STR("chain-a-x.d"), domain, &b), HOST_OF_MODEL);
    CHECK(!host_same(&a, &b));
    CHECK_INT(host_parse(STR("model-b-x.d"), domain, &b), HOST_OF_MODEL);
    CHECK(!host_same(&a, &b));
}

int main(void)
{
    RUN(test_standard_and_regional_hosts);
    RUN(test_case_port_and_trailing_dot_do_not_matter);
    RUN(test_other_names_are_the_openai_surface);
    RUN(test_malformed_names_are_not_guessed_at);
    RUN(test_no_domain_no_model_hosts);
    RUN(test_longest_environment);
    RUN(test_same_means_model_and_environment);
    return test_end();
}

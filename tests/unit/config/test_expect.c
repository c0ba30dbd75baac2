#include "config/expect.h"
#include "loading.h"

static const char file_text[] =
    "customers:\n"
    "  - {user_id: acme, allowed_model_region: eu}\n"
    "  - {user_id: free}\n"
    "  - {user_id: bad, blocked: true}\n"
    "  - {user_id: bank, primary: ovh-gra-1, secondary: scaleway-par-1}\n"
    "keys:\n"
    "  - {name: french, key: x, region_rule: fr}\n"
    "  - {name: bound, key: y, customer: acme}\n"
    "model_list:\n"
    "  - {model_name: m, litellm_params: {model: hosted_vllm/m, api_base: 'http://a', region_name: "
    "ovh-gra-1}, model_info: {id: gra}}\n"
    "  - {model_name: m, litellm_params: {model: hosted_vllm/m, api_base: 'http://b', region_name: "
    "us}, model_info: {id: us1}}\n"
    "  - {model_name: q, litellm_params: {model: hosted_vllm/m, api_base: 'http://c'}, model_info: "
    "{id: lost}}\n"
    "  - {model_name: p, litellm_params: {model: hosted_vllm/m, api_base: 'http://d', region_name: "
    "de}, model_info: {id: de1}}\n"
    "router_settings: {fallbacks: [{p: [m]}]}\n";

static char why_text[512];

/* "holds", "fails: why" or "malformed: why". */
static str judged(const char *yaml, const char *sentence)
{
    static const char *const names[] = {"holds", "fails: ", "malformed: "};
    struct expectations *e;
    enum expectation verdict;
    struct arena arena;
    struct loading l;
    str why;

    loading_begin(&l, yaml);
    CHECK(l.config);
    e = expectations_new(l.config, &l.diagnostics);
    CHECK(e);
    arena_init(&arena, NULL, 0);
    verdict = expectations_check(e, str_of(sentence), &arena, &why);
    int n = snprintf(why_text, sizeof(why_text), "%s%.*s", names[verdict], STR_ARG(why));
    arena_deinit(&arena);
    expectations_free(e);
    loading_end(&l);
    return str_make(why_text, (size_t)n);
}

#define JUDGED(sentence, expected) CHECK_STR(judged(file_text, sentence), expected)

static void test_customers(void)
{
    JUDGED("customer=acme never us", "holds");
    JUDGED("customer=acme only eu", "holds");
    JUDGED("customer=acme may fr", "holds");
    JUDGED("customer=acme never ovh-gra-1", "fails: acme may use ovh-gra-1");
    JUDGED("customer=acme only fr model=m", "holds");
    JUDGED("customer=acme may is", "fails: acme may not use IS");
    JUDGED("customer=free never us", "fails: free may use US");
    JUDGED("customer=acme customer=free never us", "holds");
    JUDGED("  customer=bank   only  fr ", "holds");
}

static void test_refused_requests(void)
{
    JUDGED("customer=bad never us", "holds");
    JUDGED("customer=bad only is", "holds");
    JUDGED("customer=bad may fr", "fails: bad is refused as a whole");
}

static void test_keys(void)
{
    JUDGED("key=french customer=free only fr", "holds");
    JUDGED("key=bound only eu", "holds");
    JUDGED("key=bound may de", "holds");
    JUDGED("key=master customer=free may us", "holds");
}

static void test_organization_and_anyone(void)
{
    JUDGED("org never us", "fails: the organization may use US");
    CHECK_STR(judged("organization: {region_rule: eea}\n", "org never us"), "holds");
    CHECK_STR(judged("organization: {region_rule: eea}\n", "anyone only eea"), "holds");
    CHECK_STR(judged("organization: {region_rule: eea}\n", "anyone only eu"),
              "fails: a request without a customer may use efta except CH");
    JUDGED("anyone never us", "fails: free may use US");
    CHECK_STR(judged("customers: [{user_id: a, allowed_model_region: eu}]\n", "anyone never us"),
              "holds");
    CHECK_STR(judged("{customers: [{user_id: a, allowed_model_region: eu}], "
                     "default_customer_rule: us}\n",
                     "anyone never us"),
              "fails: a request without a customer may use US");
}

static void test_models(void)
{
    JUDGED("customer=free never us model=m", "fails: free may use the endpoint us1 in us");
    JUDGED("customer=free may us model=m", "holds");
    JUDGED("customer=acme may us model=m", "fails: acme has no endpoint of m in us");
    JUDGED("customer=free never us model=q",
           "fails: free may use the endpoint lost in an unknown region");
    JUDGED("customer=acme never us model=q", "holds");
    JUDGED("customer=free never us model=p", "fails: free may use the endpoint us1 in us");
    JUDGED("model=p customer=acme only eu", "holds");
}

static void test_malformed_sentences(void)
{
    JUDGED("", "malformed: expected never, only or may, and a place, after \"\"");
    JUDGED("customer=acme", "malformed: expected never, only or may, and a place, after "
                            "\"customer=acme\"");
    JUDGED("never us",
           "malformed: expected customer=ID, key=NAME, org or anyone before the verb of "
           "\"us\"");
    JUDGED("customer=acme never", "malformed: expected a region, zone or country at the end of "
                                  "\"customer=acme never\"");
    JUDGED("customer=acm never us", "malformed: the file has no customer \"acm\"");
    JUDGED("key=k never us", "malformed: the file has no key \"k\"");
    JUDGED("customer=acme never uss",
           "malformed: there is no region, zone or country \"uss\"; did you mean \"us\"?");
    JUDGED("customer=acme never us model=zz", "malformed: there is no model group for \"zz\"");
    JUDGED("customer=acme never us please",
           "malformed: only model=NAME may follow the place, found \"please\"");
    JUDGED("user=acme never us", "malformed: expected customer=, key= or model=, found \"user\"");
    JUDGED("somebody never us", "malformed: expected customer=ID, key=NAME, org, anyone, never, "
                                "only or may, found \"somebody\"");
    JUDGED("org customer=acme never us",
           "malformed: org and anyone stand alone; found one more subject before \"us\"");
}

int main(void)
{
    RUN(test_customers);
    RUN(test_refused_requests);
    RUN(test_keys);
    RUN(test_organization_and_anyone);
    RUN(test_models);
    RUN(test_malformed_sentences);
    return test_end();
}

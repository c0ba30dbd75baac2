#include "edge/request.h"

#include "base/mem.h"
#include "unit/test.h"

/*
 * Bodies as clients may write them, what is read from them, and what an endpoint gets instead. A
 * derived body is compared as a whole: not a byte more or less may change.
 */

enum { MEMBERS_MAX = 64, DEPTH_MAX = 32 };

static struct json_scan *scan;
static struct arena arena;
static struct request_facts facts;
static struct request_refusal refusal;
static str body;

static void begin(void)
{
    arena_init(&arena, NULL, 0);
}

static void end(void)
{
    json_scan_free(scan);
    scan = NULL;
    arena_deinit(&arena);
}

static enum json_scan_result scan_text(const char *text)
{
    json_scan_free(scan);
    scan = json_scan_new(MEMBERS_MAX, DEPTH_MAX);
    body = str_of(text);
    memset(&facts, 0, sizeof(facts));
    memset(&refusal, 0, sizeof(refusal));
    return json_scan_feed(scan, body, JSON_SCAN_LAST);
}

static bool takes(const char *text)
{
    CHECK_INT(scan_text(text), JSON_SCAN_DONE);
    return request_read_json(scan, body, &arena, &facts, &refusal);
}

static bool refuses(const char *text, enum fault fault, const char *param)
{
    if (takes(text))
        return false;
    CHECK_STR(fault_row(refusal.fault)->code, fault_row(fault)->code.p);
    CHECK_STR(refusal.param, param);
    CHECK(refusal.message.n > 0);
    return true;
}

static str derive_for(const char *model)
{
    struct iovec *segments;
    struct buf joined;
    size_t n;

    buf_init(&joined, 0);
    size_t bytes = request_derive_body(&facts, body, str_of(model), &arena, &segments, &n);
    for (size_t i = 0; i < n; i++) {
        CHECK(segments[i].iov_len > 0);
        buf_put(&joined, segments[i].iov_base, segments[i].iov_len);
    }
    CHECK_INT(joined.n, bytes);
    str copy = arena_copy(&arena, buf_str(&joined));
    buf_deinit(&joined);
    return copy;
}

#define CHECK_DERIVED(text, model, expected)                                                       \
    do {                                                                                           \
        CHECK(takes(text));                                                                        \
        CHECK_STR(derive_for(model), (expected));                                                  \
    } while (0)

/* --- facts --- */

static void test_facts_of_a_full_request(void)
{
    begin();
    CHECK(takes("{\"model\":\"m\",\"stream\":true,\"user\":\"u\",\"metadata\":{\"user_id\":\"c\"},"
                "\"previous_response_id\":\"resp_1\",\"vetted\":{\"region\":\"eu\",\"routing\":"
                "\"carbon_aware\",\"latency_budget_ms\":250,\"trace\":true}}"));
    CHECK_STR(facts.model, "m");
    CHECK(facts.stream && facts.model_quoted);
    CHECK_STR(facts.user, "u");
    CHECK_STR(facts.metadata_user, "c");
    CHECK_STR(facts.previous_response, "resp_1");
    CHECK_STR(facts.region, "eu");
    CHECK(facts.carbon_aware && facts.routing_named && facts.trace);
    CHECK_INT(facts.latency_budget_ms, 250);
    end();
}

static void test_what_is_absent_or_null_says_nothing(void)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\"}",
        "{\"model\":\"m\",\"vetted\":{}}",
        "{\"model\":\"m\",\"stream\":null,\"user\":null,\"metadata\":null,\"vetted\":null,"
        "\"previous_response_id\":null}",
        "{\"model\":\"m\",\"metadata\":{\"user_id\":null},\"vetted\":{\"region\":null,\"routing\":"
        "null,\"latency_budget_ms\":null,\"trace\":null}}",
        "{\"model\":\"m\",\"stream\":false,\"vetted\":{\"trace\":false}}",
    };

    begin();
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        CHECK(takes(bodies[i]));
        CHECK(!facts.stream && !facts.trace && !facts.carbon_aware && !facts.routing_named);
        CHECK(facts.user.n + facts.metadata_user.n + facts.previous_response.n + facts.region.n ==
              0);
        CHECK_INT(facts.latency_budget_ms, 0);
    }
    end();
}

static void test_names_and_values_are_read_as_they_mean(void)
{
    begin();
    CHECK(
        takes("{\"m\\u006fdel\":\"\\u006d\\n\",\"\\u0075ser\":\"\\\"x\\\"\",\"metad\\u0061ta\":"
              "{\"user\\u005fid\":\"\\u00e9\"},\"\\u0076etted\":{\"r\\u0065gion\":\"e\\u0075\"}}"));
    CHECK_STR(facts.model, "m\n");
    CHECK_STR(facts.user, "\"x\"");
    CHECK_STR(facts.metadata_user, "\xc3\xa9");
    CHECK_STR(facts.region, "eu");
    end();
}

static void test_only_the_top_level_counts(void)
{
    begin();
    CHECK(takes(
        "{\"messages\":[{\"model\":\"x\",\"user\":\"x\",\"vetted\":{\"region\":\"x\"},"
        "\"api_base\":\"x\"}],\"tool\":{\"api_key\":\"k\",\"stream\":true},\"model\":\"m\"}"));
    CHECK_STR(facts.model, "m");
    CHECK_INT(facts.user.n + facts.region.n + facts.vetted_n, 0);
    CHECK(!facts.stream);
    end();
}

/* Metadata of other shapes is the upstream's to judge: it can name no customer. */
static void test_metadata_of_other_shapes(void)
{
    begin();
    CHECK(takes("{\"model\":\"m\",\"metadata\":\"user_id\"}"));
    CHECK(takes("{\"model\":\"m\",\"metadata\":[{\"user_id\":\"c\"}]}"));
    CHECK_INT(facts.metadata_user.n, 0);
    CHECK(refuses("{\"model\":\"m\",\"metadata\":{\"user_id\":7}}", FAULT_INVALID_FIELD,
                  "metadata.user_id"));
    CHECK(refuses("{\"model\":\"m\",\"metadata\":{\"user_id\":\"a\",\"user_id\":\"b\"}}",
                  FAULT_DUPLICATE_FIELD, "metadata"));
    CHECK(refuses("{\"model\":\"m\",\"metadata\":{\"user_id\":\"a\",\"us\\u0065r_id\":\"b\"}}",
                  FAULT_DUPLICATE_FIELD, "metadata"));
    end();
}

/* --- refusals --- */

static void test_a_model_is_a_string_that_is_there(void)
{
    begin();
    CHECK(refuses("{}", FAULT_MISSING_FIELD, "model"));
    CHECK(refuses("{\"Model\":\"m\"}", FAULT_MISSING_FIELD, "model"));
    CHECK(refuses("{\"model\":null}", FAULT_INVALID_FIELD, "model"));
    CHECK(refuses("{\"model\":7}", FAULT_INVALID_FIELD, "model"));
    CHECK(refuses("{\"model\":[\"m\"]}", FAULT_INVALID_FIELD, "model"));
    end();
}

static void test_members_of_a_wrong_type(void)
{
    static const struct {
        const char *member, *param;
        enum fault fault;
    } cases[] = {
        {"\"stream\":1", "stream", FAULT_INVALID_FIELD},
        {"\"stream\":\"true\"", "stream", FAULT_INVALID_FIELD},
        {"\"user\":7", "user", FAULT_INVALID_FIELD},
        {"\"user\":{}", "user", FAULT_INVALID_FIELD},
        {"\"previous_response_id\":[]", "previous_response_id", FAULT_INVALID_FIELD},
        {"\"vetted\":true", "vetted", FAULT_INVALID_FIELD},
        {"\"vetted\":\"eu\"", "vetted", FAULT_INVALID_FIELD},
        {"\"vetted\":[]", "vetted", FAULT_INVALID_FIELD},
        {"\"vetted\":{\"region\":7}", "vetted.region", FAULT_INVALID_FIELD},
        {"\"vetted\":{\"trace\":\"yes\"}", "vetted.trace", FAULT_INVALID_FIELD},
        {"\"vetted\":{\"routing\":true}", "vetted.routing", FAULT_INVALID_FIELD},
        {"\"vetted\":{\"routing\":\"cheapest\"}", "vetted.routing", FAULT_INVALID_ROUTING},
        {"\"vetted\":{\"routing\":\"Preferred\"}", "vetted.routing", FAULT_INVALID_ROUTING},
        {"\"vetted\":{\"regoin\":\"eu\"}", "vetted.regoin", FAULT_INVALID_FIELD},
        {"\"vetted\":{\"region\":\"eu\",\"r\\u0065gion\":\"us\"}", "vetted", FAULT_DUPLICATE_FIELD},
    };
    char text[256];

    begin();
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        snprintf(text, sizeof(text), "{\"model\":\"m\",%s}", cases[i].member);
        CHECK(refuses(text, cases[i].fault, cases[i].param));
    }
    end();
}

static void test_latency_budgets(void)
{
    static const char *const wrong[] = {"0",   "-1",       "1.5",  "\"100\"",
                                        "1e2", "3600001",  "true", "99999999999999999999",
                                        "[]",  "3600000.0"};
    char text[128];

    begin();
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        snprintf(text, sizeof(text), "{\"model\":\"m\",\"vetted\":{\"latency_budget_ms\":%s}}",
                 wrong[i]);
        CHECK(refuses(text, FAULT_INVALID_LATENCY_BUDGET, "vetted.latency_budget_ms"));
    }
    CHECK(takes("{\"model\":\"m\",\"vetted\":{\"latency_budget_ms\":1}}"));
    CHECK_INT(facts.latency_budget_ms, 1);
    CHECK(takes("{\"model\":\"m\",\"vetted\":{\"latency_budget_ms\":3600000}}"));
    CHECK_INT(facts.latency_budget_ms, 3600000);
    end();
}

static const char *const forbidden[] = {"api_base",
                                        "base_url",
                                        "api_key",
                                        "user_config",
                                        "model_list",
                                        "allowed_model_region",
                                        "region_name",
                                        "fallbacks",
                                        "context_window_fallbacks",
                                        "default_fallbacks",
                                        "content_policy_fallbacks"};

/* Whatever the value, the place, and the spelling. */
static void test_clients_name_no_target(void)
{
    char text[256];

    begin();
    for (size_t i = 0; i < COUNT_OF(forbidden); i++) {
        snprintf(text, sizeof(text), "{\"%s\":null,\"model\":\"m\"}", forbidden[i]);
        CHECK(refuses(text, FAULT_FORBIDDEN_FIELD, forbidden[i]));
        snprintf(text, sizeof(text), "{\"model\":\"m\",\"%s\":\"x\"}", forbidden[i]);
        CHECK(refuses(text, FAULT_FORBIDDEN_FIELD, forbidden[i]));
        snprintf(text, sizeof(text), "{\"model\":\"m\",\"\\u%04x%s\":{}}",
                 (unsigned)forbidden[i][0], forbidden[i] + 1);
        CHECK(refuses(text, FAULT_FORBIDDEN_FIELD, forbidden[i]));
        /* A name that only begins so is another name. */
        snprintf(text, sizeof(text), "{\"model\":\"m\",\"%s_\":1}", forbidden[i]);
        CHECK(takes(text));
    }
    end();
}

/* Two readers could pick different ones: the scanner stops such a body before it is read. */
static void test_members_that_come_twice_never_get_here(void)
{
    begin();
    CHECK_INT(scan_text("{\"model\":\"a\",\"model\":\"b\"}"), JSON_SCAN_DUPLICATE);
    CHECK_INT(scan_text("{\"model\":\"a\",\"mod\\u0065l\":\"b\"}"), JSON_SCAN_DUPLICATE);
    CHECK_INT(scan_text("{\"vetted\":{},\"model\":\"a\",\"\\u0076etted\":{}}"),
              JSON_SCAN_DUPLICATE);
    end();
}

static void test_inner_objects_are_bounded(void)
{
    struct buf text;

    begin();
    for (int members = 256; members <= 257; members++) {
        buf_init(&text, 0);
        buf_put_str(&text, STR("{\"model\":\"m\",\"metadata\":{"));
        for (int i = 0; i < members; i++)
            buf_printf(&text, "%s\"k%d\":1", i ? "," : "", i);
        buf_put(&text, "}}", 3);
        if (members == 256)
            CHECK(takes(text.p));
        else
            CHECK(refuses(text.p, FAULT_INVALID_FIELD, "metadata"));
        buf_deinit(&text);
    }
    end();
}

/* --- derived bodies --- */

static void test_a_body_with_nothing_to_change_stays_as_it_came(void)
{
    static const char text[] = " { \"model\" : \"m\" , \"x\" : [ 1.50, \"\\u0041\" ] }\n";

    begin();
    CHECK_DERIVED(text, "", text);
    CHECK_DERIVED(text, "m", text);
    struct iovec *segments;
    size_t n;
    request_derive_body(&facts, body, STR("m"), &arena, &segments, &n);
    CHECK(n == 1 && segments[0].iov_base == body.p);
    end();
}

static void test_vetted_goes_with_the_comma_that_is_its_own(void)
{
    begin();
    CHECK_DERIVED("{\"vetted\":{},\"model\":\"m\",\"n\":1}", "", "{\"model\":\"m\",\"n\":1}");
    CHECK_DERIVED("{\"model\":\"m\",\"vetted\":{},\"n\":1}", "", "{\"model\":\"m\",\"n\":1}");
    CHECK_DERIVED("{\"model\":\"m\",\"n\":1,\"vetted\":{}}", "", "{\"model\":\"m\",\"n\":1}");
    CHECK_DERIVED("{ \"vetted\" : {} , \"model\" : \"m\" }", "", "{ \"model\" : \"m\" }");
    CHECK_DERIVED("{ \"model\" : \"m\" , \"vetted\" : {} }", "", "{ \"model\" : \"m\" }");
    CHECK_DERIVED("{\"model\":\"m\" ,\n\t\"vetted\":null\n}", "", "{\"model\":\"m\"\n}");
    CHECK_DERIVED("{\"model\":\"m\",\"v\\u0065tted\":{\"region\":\"eu\"}}", "",
                  "{\"model\":\"m\"}");
    CHECK_DERIVED("{\"\\u0076etted\":{\"region\":\"}\"},\"model\":\"m\"}", "", "{\"model\":\"m\"}");
    end();
}

static void test_what_only_looks_like_vetted_stays(void)
{
    static const char text[] = "{\"Vetted\":1,\"model\":\"m\",\"vetted \":2,\"x\":{\"vetted\":3},"
                               "\"y\":\"vetted\"}";

    begin();
    CHECK_DERIVED(text, "", text);
    end();
}

static void test_the_model_is_replaced_and_nothing_else(void)
{
    begin();
    CHECK_DERIVED("{\"model\":\"m\"}", "gpt-4o", "{\"model\":\"gpt-4o\"}");
    CHECK_DERIVED("{\"a\":\"m\",\"model\":\"m\",\"b\":\"m\"}", "x",
                  "{\"a\":\"m\",\"model\":\"x\",\"b\":\"m\"}");
    CHECK_DERIVED("{\"mod\\u0065l\" : \"\\u006d\" }", "x", "{\"mod\\u0065l\" : \"x\" }");
    CHECK_DERIVED("{\"model\":\"\"}", "x", "{\"model\":\"x\"}");
    /* An upstream's name is data, too. */
    CHECK_DERIVED("{\"model\":\"m\"}", "a\"b\\c\n", "{\"model\":\"a\\\"b\\\\c\\n\"}");
    end();
}

/* The same model, escaped by the client: it means the same and may stay. */
static void test_an_escaped_model_that_is_the_upstreams_own_stays(void)
{
    begin();
    CHECK_DERIVED("{\"model\":\"\\u006d\"}", "m", "{\"model\":\"\\u006d\"}");
    end();
}

static void test_both_changes_in_every_order(void)
{
    begin();
    CHECK_DERIVED("{\"vetted\":{},\"model\":\"m\"}", "x", "{\"model\":\"x\"}");
    CHECK_DERIVED("{\"model\":\"m\",\"vetted\":{}}", "x", "{\"model\":\"x\"}");
    CHECK_DERIVED("{\"a\":1,\"vetted\":{},\"model\":\"m\",\"z\":2}", "x",
                  "{\"a\":1,\"model\":\"x\",\"z\":2}");
    CHECK_DERIVED("{\"a\":1,\"model\":\"m\",\"vetted\":{},\"z\":2}", "x",
                  "{\"a\":1,\"model\":\"x\",\"z\":2}");
    CHECK_DERIVED("{\"a\":1,\"model\":\"m\",\"b\":2,\"vetted\":{}}", "x",
                  "{\"a\":1,\"model\":\"x\",\"b\":2}");
    CHECK_DERIVED("{\"vetted\":{},\"a\":1,\"model\":\"m\"}", "x", "{\"a\":1,\"model\":\"x\"}");
    end();
}

/* --- forms --- */

static bool takes_form(const char *text)
{
    struct multipart *form;

    CHECK(multipart_new(STR("multipart/form-data; boundary=B"), &form));
    body = str_of(text);
    memset(&facts, 0, sizeof(facts));
    memset(&refusal, 0, sizeof(refusal));
    CHECK_INT(multipart_feed(form, body, MULTIPART_LAST), MULTIPART_FINE);
    bool fine = request_read_form(form, body, &arena, &facts, &refusal);
    multipart_free(form);
    return fine;
}

#define FIELD(name, value)                                                                         \
    "--B\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n" value "\r\n"
#define FORM_END "--B--\r\n"

static void test_a_form_names_model_and_user(void)
{
    begin();
    CHECK(takes_form(FIELD("file", "\"model\"") FIELD("model", "m") FIELD("user", "u") FORM_END));
    CHECK_STR(facts.model, "m");
    CHECK_STR(facts.user, "u");
    CHECK_STR(derive_for("whisper"),
              FIELD("file", "\"model\"") FIELD("model", "whisper") FIELD("user", "u") FORM_END);
    CHECK_STR(derive_for("m"), body.p);
    end();
}

static void test_a_form_without_a_model_is_refused(void)
{
    begin();
    CHECK(!takes_form(FIELD("user", "u") FORM_END));
    CHECK_INT(refusal.fault, FAULT_MISSING_FIELD);
    CHECK(!takes_form(FIELD("model", "") FORM_END));
    CHECK_INT(refusal.fault, FAULT_MISSING_FIELD);
    end();
}

static void test_a_form_names_no_target(void)
{
    begin();
    CHECK(!takes_form(FIELD("model", "m") FIELD("api_base", "http://x") FORM_END));
    CHECK_INT(refusal.fault, FAULT_FORBIDDEN_FIELD);
    CHECK_STR(refusal.param, "api_base");
    end();
}

int main(void)
{
    RUN(test_facts_of_a_full_request);
    RUN(test_what_is_absent_or_null_says_nothing);
    RUN(test_names_and_values_are_read_as_they_mean);
    RUN(test_only_the_top_level_counts);
    RUN(test_metadata_of_other_shapes);
    RUN(test_a_model_is_a_string_that_is_there);
    RUN(test_members_of_a_wrong_type);
    RUN(test_latency_budgets);
    RUN(test_clients_name_no_target);
    RUN(test_members_that_come_twice_never_get_here);
    RUN(test_inner_objects_are_bounded);
    RUN(test_a_body_with_nothing_to_change_stays_as_it_came);
    RUN(test_vetted_goes_with_the_comma_that_is_its_own);
    RUN(test_what_only_looks_like_vetted_stays);
    RUN(test_the_model_is_replaced_and_nothing_else);
    RUN(test_an_escaped_model_that_is_the_upstreams_own_stays);
    RUN(test_both_changes_in_every_order);
    RUN(test_a_form_names_model_and_user);
    RUN(test_a_form_without_a_model_is_refused);
    RUN(test_a_form_names_no_target);
    return test_end();
}

/* The life of a request through a whole edge: routing, refusal, failover, splicing, streaming, and
 * what never happens. */

#include "gateway.h"

#include "base/mem.h"
#include "unit/test.h"

static const char *const chain[] = {"scaleway-par-1", "scaleway-par-2", "ovh-gra-1",
                                    "aws-us-east-1"};
static const char chat[] = "{\"model\":\"m\",\"messages\":[]}";
static struct gateway *g;

static bool has(str text, const char *part)
{
    return str_search(text, str_of(part)) < text.n;
}

static str ask(const char *body)
{
    return gateway_ask(g, "POST", "/v1/chat/completions", "Content-Type: application/json\r\n",
                       body);
}

static void test_preferred_order_serves_and_says_so(void)
{
    str answer = ask(chat);

    CHECK_INT(answer_status(answer), 200);
    CHECK(has(answer, "x-ambit-region: scaleway-par-1"));
    CHECK(has(answer, "x-litellm-model-region: scaleway-par-1"));
    CHECK(has(answer, "\"decision_mode\":\"preferred\""));
    CHECK(has(answer, "\"gateway_region\":\"hetzner-fsn-1\""));
    CHECK(has(answer, "\"vetted\":{\"id\":\"req_"));
    CHECK(has(answer, "\"tokens\":{\"prompt\":3,\"completion\":5}"));
    CHECK(!has(answer, "a-lie"));
    CHECK(has(gateway_seen(g, 0), "\"model\":\"m-0\""));
    CHECK(has(gateway_seen(g, 0), "Bearer upstream-secret") ||
          has(gateway_seen(g, 0), "upstream-secret"));
    CHECK(!has(gateway_seen(g, 0), "sk-test"));
}

static void test_pin_goes_there_and_vetted_stays_here(void)
{
    unsigned before = gateway_hits(g, 2);
    str answer = ask("{\"vetted\":{\"region\":\"ovh-gra-1\"},\"model\":\"m\",\"messages\":[]}");

    CHECK_INT(answer_status(answer), 200);
    CHECK(has(answer, "x-ambit-region: ovh-gra-1"));
    CHECK(has(answer, "\"decision_mode\":\"pinned\""));
    CHECK_INT(gateway_hits(g, 2), before + 1);
    CHECK(!has(gateway_seen(g, 2), "vetted"));
    CHECK(has(gateway_seen(g, 2), "{\"model\":\"m-2\",\"messages\":[]}"));
}

static void test_pin_without_endpoint_is_503_and_not_retried(void)
{
    str answer = ask("{\"model\":\"m\",\"messages\":[],\"vetted\":{\"region\":\"atnorth-sto-1\"}}");

    CHECK_INT(answer_status(answer), 503);
    CHECK(has(answer, "\"code\":\"service_unavailable\""));
    CHECK(has(answer, "x-should-retry: false"));
    CHECK(!has(answer, "x-ambit-region"));
}

static void test_unknown_region_is_400(void)
{
    str answer =
        ask("{\"model\":\"m\",\"messages\":[],\"vetted\":{\"region\":\"scaleway-par-9\"}}");

    CHECK_INT(answer_status(answer), 400);
    CHECK(has(answer, "\"code\":\"invalid_region\""));
    CHECK(has(answer, "did you mean"));
}

static void test_carbon_aware_degrades_and_says_so(void)
{
    str answer = ask("{\"model\":\"m\",\"messages\":[],\"vetted\":{\"routing\":\"carbon_aware\"}}");

    CHECK_INT(answer_status(answer), 200);
    CHECK(has(answer, "\"decision_mode\":\"degraded\""));
    CHECK(has(answer, "\"decision_reason\":\"degraded_no_operational_live_signal\""));
    CHECK(has(answer, "\"operational_signal\":null"));
}

static void test_pin_with_carbon_aware_conflicts(void)
{
    CHECK(has(
        ask("{\"model\":\"m\",\"vetted\":{\"region\":\"ovh-gra-1\",\"routing\":\"carbon_aware\"}}"),
        "\"code\":\"conflicting_routing\""));
}

static void test_fields_that_choose_a_target_are_refused(void)
{
    static const char *const bodies[] = {
        "{\"model\":\"m\",\"api_base\":\"http://x\"}",
        "{\"model\":\"m\",\"user_config\":{}}",
        "{\"model\":\"m\",\"\\u0061pi_base\":\"http://x\"}",
        "{\"model\":\"m\",\"allowed_model_region\":\"us\"}",
        "{\"model\":\"m\",\"region_name\":\"us\"}",
        "{\"model\":\"m\",\"model_list\":[]}",
    };

    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        str answer = ask(bodies[i]);

        CHECK_INT(answer_status(answer), 400);
        CHECK(has(answer, "\"code\":\"forbidden_field\""));
    }
}

static void test_duplicates_and_bad_json_are_400(void)
{
    CHECK(has(ask("{\"model\":\"m\",\"model\":\"x\"}"), "\"code\":\"duplicate_field\""));
    CHECK(has(ask("{\"model\":\"m\",\"\\u006dodel\":\"x\"}"), "\"code\":\"duplicate_field\""));
    CHECK(has(ask("{\"model\":\"m\",}"), "\"code\":\"invalid_json\""));
    CHECK(has(ask("{\"model\":\"m\",}"), "at byte 13"));
}

static void test_unknown_model_is_404(void)
{
    CHECK_INT(answer_status(ask("{\"model\":\"nobody\"}")), 404);
}

static void test_wrong_key_is_401(void)
{
    str answer = gateway_ask(g, "POST", "/v1/chat/completions", "api-key: x\r\n", chat);

    CHECK_INT(answer_status(answer), 200); /* Authorization, which is right, comes first */
    answer = gateway_ask(g, "GET", "/nowhere", "", "");
    CHECK_INT(answer_status(answer), 404);
}

static void test_compressed_body_is_415(void)
{
    str answer = gateway_ask(g, "POST", "/v1/chat/completions", "Content-Encoding: gzip\r\n", chat);

    CHECK_INT(answer_status(answer), 415);
}

static void test_models_are_listed(void)
{
    str answer = gateway_ask(g, "GET", "/v1/models", "", "");

    CHECK_INT(answer_status(answer), 200);
    CHECK(has(answer, "\"id\":\"m\""));
    CHECK_INT(answer_status(gateway_ask(g, "GET", "/v1/models/none", "", "")), 404);
}

static void test_stream_passes_and_shows_its_trace_when_asked(void)
{
    gateway_set(g, 0, UPSTREAM_STREAMS);
    str answer = ask("{\"model\":\"m\",\"stream\":true,\"vetted\":{\"trace\":true}}");
    gateway_set(g, 0, UPSTREAM_ANSWERS);

    CHECK_INT(answer_status(answer), 200);
    CHECK(has(answer, "x-ambit-routing-trace: {"));
    CHECK(has(answer, "\"delta\":{\"content\":\"hi\"}"));
    CHECK(has(answer, "\"choices\":[],\"routing_trace\":{"));
    CHECK(has(answer, "\"tokens\":{\"prompt\":7,\"completion\":9}"));
    CHECK(str_search(answer, STR("\"choices\":[],\"routing_trace\"")) <
          str_search(answer, STR("[DONE]")));
}

static void test_redirect_is_not_followed(void)
{
    gateway_set(g, 0, UPSTREAM_REDIRECTS);
    str answer = ask(chat);
    gateway_set(g, 0, UPSTREAM_ANSWERS);

    CHECK_INT(answer_status(answer), 502);
    CHECK(has(answer, "\"code\":\"upstream_redirect\""));
}

/* Last of this gateway: it leaves endpoints saturated and ejected. */
static void test_default_chain_fails_over_and_shows_each_attempt(void)
{
    gateway_set(g, 0, UPSTREAM_SAYS_503);
    gateway_set(g, 1, UPSTREAM_CLOSES);
    str answer = ask(chat);

    CHECK_INT(answer_status(answer), 200);
    CHECK(has(answer, "x-ambit-region: ovh-gra-1"));
    CHECK(has(answer, "x-litellm-attempted-retries: 2"));
    CHECK(has(answer, "{\"region\":\"scaleway-par-1\",\"endpoint\":\"e0\",\"outcome\":\"retryable_"
                      "status\",\"status\":503,"
                      "\"bytes_sent\":true}"));
    CHECK(
        has(answer, "\"endpoint\":\"e1\",\"outcome\":\"reset_before_answer\",\"bytes_sent\":true"));
    CHECK(has(answer, "\"failover\":{\"from\":\"scaleway-par-1\",\"to\":\"ovh-gra-1\""));
}

static void test_last_answer_comes_as_it_was_when_all_fail(void)
{
    for (size_t i = 0; i < COUNT_OF(chain); i++)
        gateway_set(g, i, UPSTREAM_SAYS_503);
    str answer = ask("{\"model\":\"m\",\"vetted\":{\"region\":\"US\"}}");

    CHECK_INT(answer_status(answer), 503);
    CHECK(has(answer, "\r\n\r\nbusy"));
    CHECK(has(answer, "x-ambit-region: aws-us-east-1"));
}

/* --- customers with rules
 * --------------------------------------------------------------------------------------------------
 */

static void test_customer_rule_keeps_a_request_inside(void)
{
    unsigned before = gateway_hits(g, 0);
    str answer = ask("{\"model\":\"m\",\"user\":\"eu-only\"}");

    CHECK_INT(answer_status(answer), 200);
    CHECK(has(answer, "x-ambit-region: ovh-gra-1"));
    CHECK_INT(gateway_hits(g, 0), before);
}

static void test_no_failover_leaves_the_rule(void)
{
    gateway_set(g, 1, UPSTREAM_CLOSES);
    str answer = ask("{\"model\":\"m\",\"user\":\"eu-only\"}");
    gateway_set(g, 1, UPSTREAM_ANSWERS);

    CHECK_INT(answer_status(answer), 502);
    CHECK_INT(gateway_hits(g, 0), 0);
}

static void test_pin_outside_the_rule_is_403_and_says_which(void)
{
    str answer =
        ask("{\"model\":\"m\",\"user\":\"eu-only\",\"vetted\":{\"region\":\"aws-us-east-1\"}}");

    CHECK_INT(answer_status(answer), 403);
    CHECK(has(answer, "\"code\":\"region_not_allowed\""));
    CHECK(has(answer, "customer"));
    CHECK_INT(gateway_hits(g, 0), 0);
}

static void test_request_without_known_customer_is_403(void)
{
    CHECK(has(ask(chat), "\"code\":\"unknown_customer\""));
    CHECK(has(ask("{\"model\":\"m\",\"user\":\"somebody\"}"), "\"code\":\"unknown_customer\""));
    CHECK(has(ask("{\"model\":\"m\",\"metadata\":{\"user_id\":\"eu-only\"}}"),
              "x-ambit-region: ovh-gra-1"));
    CHECK_INT(gateway_hits(g, 0), 0);
}

int main(void)
{
    static const char *const two[] = {"aws-us-east-1", "ovh-gra-1"};

    g = gateway_start(chain, COUNT_OF(chain), NULL);
    RUN(test_preferred_order_serves_and_says_so);
    RUN(test_pin_goes_there_and_vetted_stays_here);
    RUN(test_pin_without_endpoint_is_503_and_not_retried);
    RUN(test_unknown_region_is_400);
    RUN(test_carbon_aware_degrades_and_says_so);
    RUN(test_pin_with_carbon_aware_conflicts);
    RUN(test_fields_that_choose_a_target_are_refused);
    RUN(test_duplicates_and_bad_json_are_400);
    RUN(test_unknown_model_is_404);
    RUN(test_wrong_key_is_401);
    RUN(test_compressed_body_is_415);
    RUN(test_models_are_listed);
    RUN(test_stream_passes_and_shows_its_trace_when_asked);
    RUN(test_redirect_is_not_followed);
    RUN(test_default_chain_fails_over_and_shows_each_attempt);
    RUN(test_last_answer_comes_as_it_was_when_all_fail);
    gateway_stop(g);
    g = gateway_start(two, COUNT_OF(two), "allow=eu");
    RUN(test_customer_rule_keeps_a_request_inside);
    RUN(test_no_failover_leaves_the_rule);
    RUN(test_pin_outside_the_rule_is_403_and_says_which);
    RUN(test_request_without_known_customer_is_403);
    gateway_stop(g);
    return test_end();
}

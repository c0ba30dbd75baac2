#include "world.h"

#include <jansson.h>

/*
 * A trace is filled from a choice in a small world, rendered, and read back with another reader of
 * JSON: what counts is what a client that parses it sees.
 */

static struct world w;
static struct trace t;
static struct arena arena;
static struct buf text;
static json_t *read_back;

static void begin_trace(void)
{
    memset(&t, 0, sizeof(t));
    arena_init(&arena, NULL, 0);
    buf_init(&text, 0);
    read_back = NULL;
}

static void end_trace(void)
{
    json_decref(read_back);
    buf_deinit(&text);
    arena_deinit(&arena);
    world_end(&w);
}

static ptrdiff_t choose_and_trace(void)
{
    ptrdiff_t chosen = world_choose(&w);
    struct route_view view = world_view(&w);

    trace_first_choice(&t, &view, &w.permit, &w.wish, w.candidates, w.n_candidates, chosen, &arena);
    return chosen;
}

static void render(size_t max_bytes)
{
    json_error_t error;

    buf_clear(&text);
    json_decref(read_back);
    trace_render(&t, max_bytes, &text);
    read_back = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
    CHECK(json_is_object(read_back));
}

/* The member of an object as a string; "null" for null, "absent" where there is none. */
static str member(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    if (!value)
        return STR("absent");
    return json_is_null(value) ? STR("null") : str_of(json_string_value(value));
}

static const json_t *row(const char *list, size_t i)
{
    return json_array_get(json_object_get(read_back, list), i);
}

static size_t rows(const char *list)
{
    return json_array_size(json_object_get(read_back, list));
}

static void add_attempt(const char *region, const char *endpoint, enum route_outcome outcome,
                        unsigned status, bool bytes_sent)
{
    t.attempts[t.n_attempts++] =
        (struct trace_attempt){str_of(region), str_of(endpoint), outcome, status, bytes_sent};
}

static void test_names_are_words_and_differ(void)
{
    for (int a = ROUTE_OUTCOME_PENDING; a <= ROUTE_OUTCOME_POLICY_CHANGED; a++) {
        CHECK(route_outcome_name((enum route_outcome)a).n > 0);
        for (int b = 0; b < a; b++)
            CHECK(!str_eq(route_outcome_name((enum route_outcome)a),
                          route_outcome_name((enum route_outcome)b)));
    }
    for (int a = ROUTE_REASON_NONE; a <= ROUTE_REASON_REFUSED; a++) {
        CHECK(route_reason_name((enum route_reason)a).n > 0);
        for (int b = 0; b < a; b++)
            CHECK(!str_eq(route_reason_name((enum route_reason)a),
                          route_reason_name((enum route_reason)b)));
    }
}

static void test_a_served_request_in_full(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "over-us", "far-fr", "far-fr");
    world_allow(&w, "eu");
    world_prefer(&w, "far-fr", NULL);
    ptrdiff_t chosen = choose_and_trace();

    CHECK(chosen == 2 || chosen == 3);
    t.region = STR("far-fr");
    t.gateway_region = STR("gate-de");
    add_attempt("far-fr", "e2", ROUTE_OUTCOME_SERVED, 200, true);
    render(0);
    CHECK_INT(json_object_size(read_back), 10);
    CHECK_STR(member(read_back, "route_policy"), "preferred");
    CHECK_STR(member(read_back, "decision_mode"), "preferred");
    CHECK_STR(member(read_back, "decision_reason"), "configured_order");
    CHECK_STR(member(read_back, "region"), "far-fr");
    CHECK_STR(member(read_back, "gateway_region"), "gate-de");
    CHECK_STR(member(read_back, "failover"), "null");
    CHECK_STR(member(read_back, "operational_signal"), "null");
    CHECK_STR(member(read_back, "receipt_signal"), "null");
    CHECK_INT(rows("attempts"), 1);
    CHECK_STR(member(row("attempts", 0), "region"), "far-fr");
    CHECK_STR(member(row("attempts", 0), "endpoint"), "e2");
    CHECK_STR(member(row("attempts", 0), "outcome"), "served");
    CHECK_INT(json_integer_value(json_object_get(row("attempts", 0), "status")), 200);
    CHECK(json_is_true(json_object_get(row("attempts", 0), "bytes_sent")));
    end_trace();
}

/* One row a region, with the best verdict that an endpoint there got. */
static void test_candidates_are_regions_with_their_best_verdict(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "far-fr", "near-de", "over-us", "mid-de", "");
    world_allow(&w, "eu");
    w.states[0]->ejected_until_ns = w.states[4]->ejected_until_ns = w.now_ns + NS_PER_S;
    endpoint_pause(w.states[1], w.now_ns + NS_PER_S);
    CHECK_INT(choose_and_trace(), 2);
    render(0);
    static const struct {
        const char *region, *why_not;
    } expected[] = {{"near-de", "absent"},
                    {"far-fr", "saturated"},
                    {"over-us", "region_not_allowed"},
                    {"mid-de", "degraded"},
                    {"unknown", "region_unknown"}};
    CHECK_INT(rows("candidates"), COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++) {
        const json_t *candidate = row("candidates", i);
        bool eligible = json_is_true(json_object_get(candidate, "eligible"));

        CHECK_STR(member(candidate, "region"), expected[i].region);
        CHECK_STR(member(candidate, "why_not"), expected[i].why_not);
        CHECK_INT(eligible, strcmp(expected[i].why_not, "absent") == 0);
    }
    CHECK(!json_object_get(read_back, "candidates_left_out"));
    end_trace();
}

static void test_modes_and_reasons(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "far-fr");
    choose_and_trace();
    CHECK_STR(route_reason_name(t.reason), "lowest_latency");
    w.wish.session = STR("s");
    choose_and_trace();
    CHECK_STR(route_reason_name(t.reason), "session_affinity");
    w.wish = (struct route_wish){.carbon_aware = true};
    choose_and_trace();
    CHECK_STR(route_mode_name(t.wish), "carbon_aware");
    CHECK_STR(route_mode_name(t.mode), "degraded");
    CHECK_STR(route_reason_name(t.reason), "degraded_no_operational_live_signal");
    w.wish.carbon_aware = false;
    CHECK(permit_narrow_by_request(&w.permit, STR("far-fr")));
    choose_and_trace();
    CHECK_STR(route_mode_name(t.mode), "pinned");
    CHECK_STR(route_reason_name(t.reason), "pinned_region");
    end_trace();
}

static void test_primary_and_secondary_are_reasons(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "far-fr");
    world_rule(&w, &(struct region_rule){.primary = STR("far-fr"), .secondary = STR("near-de")});
    choose_and_trace();
    CHECK_STR(route_reason_name(t.reason), "primary_region");
    CHECK_INT(t.passed_over.n, 0);
    w.states[1]->ejected_until_ns = w.now_ns + NS_PER_S;
    choose_and_trace();
    CHECK_STR(route_reason_name(t.reason), "secondary_region");
    CHECK_STR(t.passed_over, "far-fr");
    end_trace();
}

static void test_a_refusal_still_lists_who_was_there(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "over-us", "");
    world_allow(&w, "eu");
    CHECK_INT(choose_and_trace(), -1);
    render(0);
    CHECK_STR(member(read_back, "route_policy"), "preferred");
    CHECK_STR(member(read_back, "decision_mode"), "refused");
    CHECK_STR(member(read_back, "decision_reason"), "refused");
    CHECK_STR(member(read_back, "region"), "null");
    CHECK_STR(member(read_back, "gateway_region"), "null");
    CHECK_INT(rows("attempts"), 0);
    CHECK_INT(rows("candidates"), 2);
    end_trace();
}

static void test_a_passed_over_region_is_a_failover(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "mid-de", "far-fr");
    world_prefer(&w, "near-de", "mid-de");
    endpoint_pause(w.states[0], w.now_ns + NS_PER_S);
    w.states[1]->ejected_until_ns = w.now_ns + NS_PER_S;
    CHECK_INT(choose_and_trace(), 2);
    str from, to, why;

    /* Nothing has served yet. */
    CHECK(!trace_failover(&t, &from, &to, &why));
    t.region = STR("far-fr");
    add_attempt("far-fr", "e2", ROUTE_OUTCOME_SERVED, 200, true);
    render(0);
    const json_t *failover = json_object_get(read_back, "failover");
    CHECK_STR(member(failover, "from"), "near-de");
    CHECK_STR(member(failover, "to"), "far-fr");
    CHECK_STR(member(failover, "why"), "saturated");
    end_trace();
}

/* A region that is out, but would not have been taken anyway, or whose other endpoint serves. */
static void test_who_was_not_passed_over(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "far-fr", "near-de");
    w.states[0]->ejected_until_ns = w.states[1]->ejected_until_ns = w.now_ns + NS_PER_S;
    CHECK_INT(choose_and_trace(), 2);
    CHECK_INT(t.passed_over.n, 0);
    end_trace();
}

/* A fallback's region is nearer, but a fallback comes after the group in any case. */
static void test_a_fallback_that_is_out_was_not_passed_over(void)
{
    static const char *const places[] = {"far-fr", "near-de"};

    begin_trace();
    world_begin_split(&w, places, COUNT_OF(places), 1);
    w.states[1]->ejected_until_ns = w.now_ns + NS_PER_S;
    CHECK_INT(choose_and_trace(), 0);
    CHECK_INT(t.passed_over.n, 0);
    end_trace();
}

static void test_a_failed_attempt_is_a_failover(void)
{
    str from, to, why;

    begin_trace();
    WORLD_BEGIN(&w, "near-de", "near-de", "far-fr");
    CHECK(choose_and_trace() >= 0);
    add_attempt("near-de", "e0", ROUTE_OUTCOME_CONNECT_FAILED, 0, false);
    add_attempt("near-de", "e1", ROUTE_OUTCOME_SERVED, 200, true);
    t.region = STR("near-de");
    CHECK(!trace_failover(&t, &from, &to, &why)); /* another endpoint, the same region */
    t.attempts[1].outcome = ROUTE_OUTCOME_ANSWERED_RETRYABLE;
    t.attempts[1].status = 503;
    add_attempt("far-fr", "e2", ROUTE_OUTCOME_SERVED, 200, true);
    t.region = STR("far-fr");
    CHECK(trace_failover(&t, &from, &to, &why));
    CHECK_STR(from, "near-de");
    CHECK_STR(to, "far-fr");
    CHECK_STR(why, "connect_failed");
    render(0);
    CHECK_INT(rows("attempts"), 3);
    CHECK(!json_object_get(row("attempts", 0), "status"));
    CHECK(json_is_false(json_object_get(row("attempts", 0), "bytes_sent")));
    CHECK_STR(member(row("attempts", 1), "outcome"), "retryable_status");
    CHECK_INT(json_integer_value(json_object_get(row("attempts", 1), "status")), 503);
    end_trace();
}

static void test_a_bound_leaves_out_candidates_and_says_so(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "mid-de", "far-fr", "over-us");
    CHECK_INT(choose_and_trace(), 0);
    render(0);
    size_t whole = text.n;

    render(whole);
    CHECK_INT(rows("candidates"), 4);
    render(whole - 1);
    CHECK(!json_object_get(read_back, "candidates"));
    CHECK_INT(json_integer_value(json_object_get(read_back, "candidates_left_out")), 4);
    CHECK(text.n < whole);
    CHECK_STR(member(read_back, "decision_reason"), "lowest_latency");
    end_trace();
}

static void test_rendering_appends(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "mid-de");
    choose_and_trace();
    buf_put_str(&text, STR("before:"));
    trace_render(&t, 1, &text);
    CHECK(str_starts(buf_str(&text), STR("before:{\"route_policy\":")));
    end_trace();
}

/* Rows end at a bound; what is beyond is counted. */
static void test_many_regions(void)
{
    const char *places[TRACE_MAX_REGIONS + 5];
    char names[COUNT_OF(places)][16];

    begin_trace();
    for (size_t i = 0; i < COUNT_OF(places); i++)
        places[i] = "near-de";
    world_begin_split(&w, places, COUNT_OF(places), COUNT_OF(places));
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        snprintf(names[i], sizeof(names[i]), "place-%zu", i);
        snprintf(w.states[i]->region, sizeof(w.states[i]->region), "%s", names[i]);
        w.states[i]->region_label = (uint16_t)i;
    }
    CHECK(choose_and_trace() >= 0);
    render(0);
    CHECK_INT(rows("candidates"), TRACE_MAX_REGIONS);
    CHECK_STR(member(row("candidates", TRACE_MAX_REGIONS - 1), "region"), "place-47");
    CHECK_INT(json_integer_value(json_object_get(read_back, "candidates_left_out")), 5);
    render(100);
    CHECK_INT(json_integer_value(json_object_get(read_back, "candidates_left_out")),
              COUNT_OF(places));
    end_trace();
}

/* Names come from an operator's configuration: whatever they hold, the trace stays JSON. */
static void test_names_are_escaped(void)
{
    static const char awkward[] = "a\"b\\c\n\xff";

    begin_trace();
    WORLD_BEGIN(&w, "near-de", "mid-de");
    snprintf(w.states[0]->region, sizeof(w.states[0]->region), "%s", awkward);
    CHECK_INT(choose_and_trace(), 0);
    t.region = t.gateway_region = str_of(awkward);
    add_attempt(awkward, awkward, ROUTE_OUTCOME_SERVED, 200, true);
    render(0);
    CHECK_STR(member(read_back, "region"), "a\"b\\c\n\xef\xbf\xbd");
    CHECK_STR(member(row("attempts", 0), "endpoint"), "a\"b\\c\n\xef\xbf\xbd");
    CHECK_STR(member(row("candidates", 0), "region"), "a\"b\\c\n\xef\xbf\xbd");
    end_trace();
}

/* The record outlives the policy that it was made from. */
static void test_a_trace_outlives_its_policy(void)
{
    begin_trace();
    WORLD_BEGIN(&w, "near-de", "far-fr");
    endpoint_pause(w.states[0], w.now_ns + NS_PER_S);
    CHECK_INT(choose_and_trace(), 1);
    for (size_t i = 0; i < w.n; i++)
        memset(w.states[i]->region, 'x', sizeof(w.states[i]->region) - 1);
    render(0);
    CHECK_STR(member(row("candidates", 0), "region"), "near-de");
    CHECK_STR(t.passed_over, "near-de");
    end_trace();
}

int main(void)
{
    RUN(test_names_are_words_and_differ);
    RUN(test_a_served_request_in_full);
    RUN(test_candidates_are_regions_with_their_best_verdict);
    RUN(test_modes_and_reasons);
    RUN(test_primary_and_secondary_are_reasons);
    RUN(test_a_refusal_still_lists_who_was_there);
    RUN(test_a_passed_over_region_is_a_failover);
    RUN(test_who_was_not_passed_over);
    RUN(test_a_fallback_that_is_out_was_not_passed_over);
    RUN(test_a_failed_attempt_is_a_failover);
    RUN(test_a_bound_leaves_out_candidates_and_says_so);
    RUN(test_rendering_appends);
    RUN(test_many_regions);
    RUN(test_names_are_escaped);
    RUN(test_a_trace_outlives_its_policy);
    return test_end();
}

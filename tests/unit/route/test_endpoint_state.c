#include "route/endpoint_state.h"

#include "unit/test.h"

/*
 * One endpoint with one state, driven by instants of the test's own. `begin` and `end` are an
 * attempt; three failures in a row eject for five seconds.
 */

enum { ALLOWED_FAILS = 3 };

static const int64_t start_ns = 1000 * NS_PER_S, cooldown_ns = 5 * NS_PER_S,
                     minute_ns = 60 * NS_PER_S;
static struct endpoint_state s;
static struct catalog_endpoint e;

static void reset(void)
{
    memset(&s, 0, sizeof(s));
    e = (struct catalog_endpoint){0};
}

/* The newest attempt, which `end` ends; a test that lets two overlap keeps the earlier one's. */
static struct endpoint_slot slot;

static bool begin(int64_t now_ns)
{
    struct endpoint_slot taken;

    if (!endpoint_begin(&s, &e, now_ns, &taken))
        return false;
    slot = taken;
    return true;
}

static bool end_of(struct endpoint_slot *earlier, enum endpoint_verdict verdict, int64_t now_ns)
{
    return endpoint_end(earlier, verdict, ALLOWED_FAILS, cooldown_ns, now_ns);
}

/* Attempts that hold no trial are all alike: there may be more ends than were kept. */
static bool end(enum endpoint_verdict verdict, int64_t now_ns)
{
    slot.state = &s;
    return end_of(&slot, verdict, now_ns);
}

static struct endpoint_load load(int64_t now_ns)
{
    return endpoint_load_of(&s, &e, now_ns);
}

/* A whole attempt at once. */
static bool attempt(enum endpoint_verdict verdict, int64_t now_ns)
{
    CHECK(begin(now_ns));
    return end(verdict, now_ns);
}

static unsigned begin_all(int64_t now_ns)
{
    unsigned n = 0;

    while (n < 1000 && begin(now_ns))
        n++;
    return n;
}

/* --- limits --- */

static void test_without_limits_nothing_is_refused(void)
{
    reset();
    CHECK_INT(begin_all(start_ns), 1000);
    CHECK_INT(load(start_ns).in_flight, 1000);
    CHECK(!load(start_ns).saturated && !load(start_ns).degraded && !load(start_ns).half_open);
}

static void test_in_flight_is_bounded_and_given_back(void)
{
    reset();
    e.max_parallel = 2;
    CHECK(begin(start_ns) && !load(start_ns).saturated);
    CHECK(begin(start_ns) && load(start_ns).saturated);
    CHECK(!begin(start_ns));
    CHECK_INT(load(start_ns).in_flight, 2);
    end(ENDPOINT_SUCCEEDED, start_ns);
    CHECK(!load(start_ns).saturated);
    CHECK(begin(start_ns) && !begin(start_ns));
}

static void test_a_minutes_requests_at_once_then_one_by_one(void)
{
    reset();
    e.rpm = 6;
    CHECK_INT(begin_all(start_ns), 6);
    CHECK(load(start_ns).saturated);
    CHECK_INT(load(start_ns).in_flight, 6);
    CHECK(!begin(start_ns + 10 * NS_PER_S - 1));
    CHECK(!load(start_ns + 10 * NS_PER_S).saturated);
    CHECK_INT(begin_all(start_ns + 10 * NS_PER_S), 1);
    CHECK_INT(begin_all(start_ns + 30 * NS_PER_S), 2);
}

/* No burst of two minutes' worth across a boundary, and no credit from a long silence. */
static void test_silence_earns_one_minute_and_no_more(void)
{
    reset();
    e.rpm = 6;
    CHECK_INT(begin_all(start_ns), 6);
    CHECK_INT(begin_all(start_ns + 100 * minute_ns), 6);
    CHECK_INT(begin_all(start_ns + 100 * minute_ns), 0);
}

/* In any window of a minute at most two minutes' worth: what was saved, and what was earned. */
static void test_rpm_holds_over_a_long_run(void)
{
    unsigned taken = 0;

    reset();
    e.rpm = 60;
    for (int64_t ms = 0; ms < 10 * 60 * 1000; ms += 100)
        taken += begin(start_ns + ms * NS_PER_MS);
    CHECK_INT(taken, 60 + 10 * 60 - 1);
}

static void test_a_request_that_is_refused_holds_nothing(void)
{
    reset();
    e.rpm = 1;
    CHECK(begin(start_ns));
    CHECK(!begin(start_ns) && !begin(start_ns));
    CHECK_INT(load(start_ns).in_flight, 1);
    /* Refusals were not charged: the next one is due after one minute, not three. */
    CHECK(begin(start_ns + minute_ns));
}

static void test_tokens_are_charged_when_they_are_known(void)
{
    reset();
    e.tpm = 600;
    endpoint_charge_tokens(&s, e.tpm, 600, start_ns);
    CHECK(!load(start_ns).saturated);
    endpoint_charge_tokens(&s, e.tpm, 300, start_ns);
    CHECK(load(start_ns).saturated);
    CHECK(load(start_ns + 30 * NS_PER_S - 1).saturated);
    CHECK(!load(start_ns + 30 * NS_PER_S).saturated);
}

static void test_absurd_token_counts_shut_for_ten_minutes_at_most(void)
{
    reset();
    e.tpm = 1000;
    endpoint_charge_tokens(&s, e.tpm, UINT64_MAX, start_ns);
    CHECK(load(start_ns + 9 * minute_ns - 1).saturated);
    CHECK(!load(start_ns + 9 * minute_ns).saturated);
}

static void test_no_tpm_or_no_tokens_is_no_charge(void)
{
    reset();
    endpoint_charge_tokens(&s, 0, 1000, start_ns);
    endpoint_charge_tokens(&s, 1000, 0, start_ns);
    CHECK_INT(s.tpm_tat_ns, 0);
}

/* --- pauses that an upstream asked for --- */

static void test_a_pause_saturates_until_it_is_over(void)
{
    reset();
    endpoint_pause(&s, start_ns + 3 * NS_PER_S);
    CHECK(load(start_ns).saturated && !load(start_ns).degraded);
    CHECK_INT(load(start_ns).saturated_until_ns, start_ns + 3 * NS_PER_S);
    CHECK(load(start_ns + 3 * NS_PER_S - 1).saturated);
    CHECK(!load(start_ns + 3 * NS_PER_S).saturated);
    CHECK_INT(load(start_ns + 3 * NS_PER_S).saturated_until_ns, 0);
}

/* At a limit of ours nobody knows when a slot comes free: no Retry-After is made up. */
static void test_our_own_limit_names_no_instant(void)
{
    reset();
    e.max_parallel = 1;
    CHECK(begin(start_ns));
    CHECK(load(start_ns).saturated);
    CHECK_INT(load(start_ns).saturated_until_ns, 0);
}

/* --- health --- */

static void eject(int64_t now_ns)
{
    for (int i = 1; i < ALLOWED_FAILS; i++)
        CHECK(!attempt(ENDPOINT_FAILED, now_ns));
    CHECK(attempt(ENDPOINT_FAILED, now_ns));
}

static void test_consecutive_failures_eject(void)
{
    reset();
    CHECK(!attempt(ENDPOINT_FAILED, start_ns) && !attempt(ENDPOINT_FAILED, start_ns));
    CHECK(!load(start_ns).degraded);
    CHECK(attempt(ENDPOINT_FAILED, start_ns));
    CHECK(load(start_ns).degraded && !load(start_ns).half_open);
    CHECK_INT(load(start_ns).in_flight, 0);
}

static void test_a_success_in_between_starts_the_count_again(void)
{
    reset();
    for (int i = 0; i < 4; i++) {
        CHECK(!attempt(ENDPOINT_FAILED, start_ns));
        CHECK(!attempt(ENDPOINT_FAILED, start_ns));
        attempt(i % 2 ? ENDPOINT_SUCCEEDED : ENDPOINT_SATURATED, start_ns);
        CHECK(!load(start_ns).degraded);
    }
}

static void test_a_client_that_leaves_says_nothing_about_health(void)
{
    reset();
    attempt(ENDPOINT_FAILED, start_ns);
    attempt(ENDPOINT_FAILED, start_ns);
    for (int i = 0; i < 10; i++)
        CHECK(!attempt(ENDPOINT_NEUTRAL, start_ns));
    CHECK(!load(start_ns).degraded);
    CHECK(attempt(ENDPOINT_FAILED, start_ns));
}

static void test_zero_allowed_fails_is_one(void)
{
    reset();
    CHECK(begin(start_ns));
    CHECK(endpoint_end(&slot, ENDPOINT_FAILED, 0, cooldown_ns, start_ns));
}

static void test_one_request_tries_an_ejected_endpoint(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    CHECK(load(over_ns - 1).degraded);
    CHECK(load(over_ns).half_open && !load(over_ns).degraded);
    CHECK(begin(over_ns));
    CHECK(load(over_ns).degraded && !load(over_ns).half_open);
    CHECK(!begin(over_ns));
    CHECK_INT(load(over_ns).in_flight, 1);
    end(ENDPOINT_SUCCEEDED, over_ns);
    CHECK(!load(over_ns).degraded && !load(over_ns).half_open);
    CHECK_INT(begin_all(over_ns), 1000);
}

static void test_a_failed_try_ejects_anew_and_is_no_new_ejection(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    CHECK(!attempt(ENDPOINT_FAILED, over_ns));
    CHECK(load(over_ns + cooldown_ns - 1).degraded);
    CHECK(load(over_ns + cooldown_ns).half_open);
}

/* Also where the policy allows more failures by now than there were. */
static void test_a_failed_try_ejects_whatever_is_allowed_now(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    CHECK(begin(over_ns));
    CHECK(!endpoint_end(&slot, ENDPOINT_FAILED, 100, cooldown_ns, over_ns));
    CHECK(load(over_ns).degraded);
}

/* Who says "too busy" is alive. */
static void test_a_try_that_finds_it_busy_ends_the_ejection(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    attempt(ENDPOINT_SATURATED, over_ns);
    CHECK(!load(over_ns).degraded && !load(over_ns).half_open);
}

static void test_a_try_without_result_leaves_room_for_another(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    attempt(ENDPOINT_NEUTRAL, over_ns);
    CHECK(load(over_ns).half_open);
    CHECK(begin(over_ns) && !begin(over_ns));
}

/* The try that a limit of ours stops must not keep the one place. */
static void test_a_try_that_rpm_stops_gives_its_place_back(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    e.rpm = 1;
    s.rpm_tat_ns = over_ns + minute_ns;
    CHECK(!begin(over_ns));
    CHECK_INT(load(over_ns).in_flight, 0);
    s.rpm_tat_ns = 0;
    CHECK(begin(over_ns));
}

/* Between being chosen and being begun: then it is ejected like for all others. */
static void test_nobody_begins_at_an_endpoint_that_is_ejected(void)
{
    reset();
    eject(start_ns);
    CHECK(!begin(start_ns) && !begin(start_ns + cooldown_ns - 1));
    CHECK_INT(load(start_ns).in_flight, 0);
    CHECK(begin(start_ns + cooldown_ns));
}

/* One that began in good health may end in the middle of the trial. */
static void test_a_trial_ends_with_its_own_attempt_only(void)
{
    static const enum endpoint_verdict verdicts[] = {ENDPOINT_FAILED, ENDPOINT_NEUTRAL};
    int64_t over_ns = start_ns + cooldown_ns;

    for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
        reset();
        CHECK(begin(start_ns));
        struct endpoint_slot earlier = slot;
        eject(start_ns);
        CHECK(begin(over_ns));
        end_of(&earlier, verdicts[i], over_ns);
        CHECK(!load(over_ns + cooldown_ns).half_open && !begin(over_ns + cooldown_ns));
        end(ENDPOINT_NEUTRAL, over_ns + cooldown_ns);
        CHECK(begin(over_ns + cooldown_ns));
    }
}

static void test_a_trial_that_is_answered_lets_others_in(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    CHECK(begin(over_ns));
    endpoint_answers(&slot);
    CHECK(!load(over_ns).degraded && !load(over_ns).half_open);
    struct endpoint_slot stream = slot;
    CHECK(begin(over_ns));
    end(ENDPOINT_NEUTRAL, over_ns);
    /* It was no end: should the stream break, that is one failure more than were allowed. */
    CHECK(end_of(&stream, ENDPOINT_FAILED, over_ns));
    CHECK(load(over_ns).degraded);
}

static void test_an_answer_to_others_ends_no_trial(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    CHECK(begin(start_ns));
    struct endpoint_slot earlier = slot;
    eject(start_ns);
    CHECK(begin(over_ns));
    endpoint_answers(&earlier);
    CHECK(!begin(over_ns));
}

/* It was ended by a success from before, and a limit then stops another request. */
static void test_a_request_that_rpm_stops_ends_nobodys_trial(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    CHECK(begin(start_ns));
    struct endpoint_slot earlier = slot;
    eject(start_ns);
    CHECK(begin(over_ns));
    struct endpoint_slot trial = slot;
    end_of(&earlier, ENDPOINT_SUCCEEDED, over_ns);
    e.rpm = 1;
    s.rpm_tat_ns = over_ns + minute_ns;
    CHECK(!begin(over_ns));
    e.rpm = 0;
    eject(over_ns);
    CHECK(!begin(over_ns + cooldown_ns));
    end_of(&trial, ENDPOINT_NEUTRAL, over_ns + cooldown_ns);
    CHECK(begin(over_ns + cooldown_ns));
}

static void test_after_recovery_failures_count_from_one(void)
{
    int64_t over_ns = start_ns + cooldown_ns;

    reset();
    eject(start_ns);
    attempt(ENDPOINT_SUCCEEDED, over_ns);
    eject(over_ns);
}

static void test_a_failing_check_degrades(void)
{
    reset();
    s.check_failed = 1;
    CHECK(load(start_ns).degraded);
    s.check_failed = 0;
    CHECK(!load(start_ns).degraded);
}

int main(void)
{
    RUN(test_without_limits_nothing_is_refused);
    RUN(test_in_flight_is_bounded_and_given_back);
    RUN(test_a_minutes_requests_at_once_then_one_by_one);
    RUN(test_silence_earns_one_minute_and_no_more);
    RUN(test_rpm_holds_over_a_long_run);
    RUN(test_a_request_that_is_refused_holds_nothing);
    RUN(test_tokens_are_charged_when_they_are_known);
    RUN(test_absurd_token_counts_shut_for_ten_minutes_at_most);
    RUN(test_no_tpm_or_no_tokens_is_no_charge);
    RUN(test_a_pause_saturates_until_it_is_over);
    RUN(test_our_own_limit_names_no_instant);
    RUN(test_consecutive_failures_eject);
    RUN(test_a_success_in_between_starts_the_count_again);
    RUN(test_a_client_that_leaves_says_nothing_about_health);
    RUN(test_zero_allowed_fails_is_one);
    RUN(test_one_request_tries_an_ejected_endpoint);
    RUN(test_a_failed_try_ejects_anew_and_is_no_new_ejection);
    RUN(test_a_failed_try_ejects_whatever_is_allowed_now);
    RUN(test_a_try_that_finds_it_busy_ends_the_ejection);
    RUN(test_a_try_without_result_leaves_room_for_another);
    RUN(test_a_try_that_rpm_stops_gives_its_place_back);
    RUN(test_nobody_begins_at_an_endpoint_that_is_ejected);
    RUN(test_a_trial_ends_with_its_own_attempt_only);
    RUN(test_a_trial_that_is_answered_lets_others_in);
    RUN(test_an_answer_to_others_ends_no_trial);
    RUN(test_a_request_that_rpm_stops_ends_nobodys_trial);
    RUN(test_after_recovery_failures_count_from_one);
    RUN(test_a_failing_check_degrades);
    return test_end();
}

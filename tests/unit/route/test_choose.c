#include "world.h"

/*
 * The choice as tables: who is asked is known by its place, and everything that may move the choice
 * (permit, order, load, health, latency) is set by hand before it.
 */

static struct world w;

#define CHECK_VERDICT(i, name) CHECK_STR(world_verdict(&w, (i)), (name))

/* How often each endpoint is chosen in `times` choices. */
static void count_choices(unsigned times, unsigned *counts)
{
    memset(counts, 0, WORLD_MAX * sizeof(*counts));
    for (unsigned i = 0; i < times; i++) {
        ptrdiff_t chosen = world_choose(&w);

        CHECK(chosen >= 0);
        counts[chosen]++;
    }
}

static void eject(size_t i)
{
    w.states[i]->ejected_until_ns = w.now_ns + NS_PER_S;
}

/* --- the permit --- */

static void test_a_place_outside_the_permit_is_never_chosen(void)
{
    WORLD_BEGIN(&w, "over-us", "far-fr", "over-us");
    world_allow(&w, "eu");
    for (int i = 0; i < 50; i++)
        CHECK_INT(world_choose(&w), 1);
    CHECK_VERDICT(0, "region_not_allowed");
    CHECK_VERDICT(1, "eligible");
    world_end(&w);
}

static void test_nothing_inside_the_permit_is_no_choice(void)
{
    WORLD_BEGIN(&w, "over-us", "", "US", "eu");
    world_allow(&w, "DE");
    CHECK_INT(world_choose(&w), -1);
    CHECK_VERDICT(0, "region_not_allowed");
    CHECK_VERDICT(1, "region_unknown");
    CHECK_VERDICT(2, "region_not_allowed");
    /* A place that is partly outside is outside. */
    CHECK_VERDICT(3, "region_not_allowed");
    CHECK(!route_obstacle_of(w.candidates, w.n_candidates).permitted);
    world_end(&w);
}

static void test_without_a_rule_every_place_will_do(void)
{
    WORLD_BEGIN(&w, "");
    CHECK_INT(world_choose(&w), 0);
    world_end(&w);
}

static void test_a_pending_region_serves_unrestricted_requests_only(void)
{
    WORLD_BEGIN(&w, "");
    w.c->endpoints[0].state = ENDPOINT_REGION_PENDING;
    CHECK_INT(world_choose(&w), 0);
    world_allow(&w, "eu");
    CHECK_INT(world_choose(&w), -1);
    CHECK_VERDICT(0, "region_pending");
    world_end(&w);
}

static void test_a_pin_leaves_one_region(void)
{
    WORLD_BEGIN(&w, "near-de", "over-us", "far-fr");
    world_prefer(&w, "near-de", NULL);
    CHECK(permit_narrow_by_request(&w.permit, STR("over-us")));
    CHECK_INT(world_choose(&w), 1);
    CHECK_VERDICT(0, "not_pinned");
    CHECK_VERDICT(2, "not_pinned");
    eject(1);
    CHECK_INT(world_choose(&w), -1);
    world_end(&w);
}

static void test_a_pin_widens_no_rule(void)
{
    WORLD_BEGIN(&w, "near-de", "over-us");
    world_allow(&w, "eu");
    CHECK(permit_narrow_by_request(&w.permit, STR("over-us")));
    CHECK_INT(world_choose(&w), -1);
    CHECK_VERDICT(0, "not_pinned");
    CHECK_VERDICT(1, "region_not_allowed");
    world_end(&w);
}

static void test_a_zone_in_the_request_narrows_and_pins_nothing(void)
{
    WORLD_BEGIN(&w, "over-us", "far-fr", "near-de");
    CHECK(permit_narrow_by_request(&w.permit, STR("eu")));
    CHECK_INT(world_choose(&w), 2);
    eject(2);
    CHECK_INT(world_choose(&w), 1);
    eject(1);
    CHECK_INT(world_choose(&w), -1);
    world_end(&w);
}

static void test_primary_then_secondary_then_nobody(void)
{
    WORLD_BEGIN(&w, "near-de", "far-fr", "over-us", "DE");
    world_prefer(&w, "near-de", "far-fr");
    world_rule(&w, &(struct region_rule){.primary = STR("over-us"), .secondary = STR("far-fr")});
    CHECK_INT(world_choose(&w), 2);
    CHECK_VERDICT(0, "region_not_allowed");
    eject(2);
    CHECK_INT(world_choose(&w), 1);
    eject(1);
    CHECK_INT(world_choose(&w), -1);
    world_end(&w);
}

static void test_gateway_regions_serve_where_they_are_named(void)
{
    WORLD_BEGIN(&w, "gate-de", "over-us");
    CHECK_INT(world_choose(&w), 1);
    CHECK_VERDICT(0, "gateway_hosting_only");
    world_prefer(&w, "gate-de", NULL);
    CHECK_INT(world_choose(&w), 0);
    w.c->settings.n_preferred = 0;
    w.c->settings.named = (const uint16_t[]){world_region(&w, "gate-de")};
    w.c->settings.n_named = 1;
    CHECK_INT(world_choose(&w), 0);
    w.c->settings.n_named = 0;
    CHECK(permit_narrow_by_request(&w.permit, STR("gate-de")));
    CHECK_INT(world_choose(&w), 0);
    world_end(&w);
}

/* --- the order of regions --- */

static void test_the_configured_order_comes_before_latency(void)
{
    WORLD_BEGIN(&w, "near-de", "over-us", "far-fr");
    world_prefer(&w, "far-fr", "over-us");
    CHECK_INT(world_choose(&w), 2);
    eject(2);
    CHECK_INT(world_choose(&w), 1);
    eject(1);
    CHECK_INT(world_choose(&w), 0);
    world_end(&w);
}

static void test_without_an_order_the_nearest_serves(void)
{
    WORLD_BEGIN(&w, "dark-us", "over-us", "mid-de", "far-fr", "");
    CHECK_INT(world_choose(&w), 2);
    eject(2);
    CHECK_INT(world_choose(&w), 3);
    eject(3);
    CHECK_INT(world_choose(&w), 1);
    eject(1);
    /* What nobody measured comes last, in the order of the catalog. */
    CHECK_INT(world_choose(&w), 0);
    eject(0);
    CHECK_INT(world_choose(&w), 4);
    world_end(&w);
}

static void test_what_was_measured_overrules_what_is_typical(void)
{
    WORLD_BEGIN(&w, "near-de", "over-us");
    int64_t window_ns = w.c->settings.latency_window_ms * NS_PER_MS;

    CHECK_INT(world_choose(&w), 0);
    region_latency_add(w.states[0]->latency, 300 * 1000, w.now_ns, window_ns);
    w.now_ns += 2 * NS_PER_S;
    CHECK_INT(world_choose(&w), 1);
    /* And is forgotten with its window. */
    w.now_ns += 2 * window_ns;
    CHECK_INT(world_choose(&w), 0);
    world_end(&w);
}

static void test_order_numbers_come_before_regions(void)
{
    WORLD_BEGIN(&w, "near-de", "over-us");
    world_prefer(&w, "near-de", "over-us");
    w.c->endpoints[0].order = 2;
    CHECK_INT(world_choose(&w), 1);
    eject(1);
    CHECK_INT(world_choose(&w), 0);
    world_end(&w);
}

static void test_fallbacks_come_after_the_group_itself(void)
{
    static const char *const places[] = {"over-us", "near-de", "mid-de"};

    world_begin_split(&w, places, COUNT_OF(places), 1);
    world_prefer(&w, "near-de", NULL);
    CHECK_INT(route_candidate_count(w.c, &w.c->groups[0]), 3);
    CHECK_INT(world_choose(&w), 0);
    eject(0);
    CHECK_INT(world_choose(&w), 1);
    CHECK_INT(w.candidates[1].group_rank, 1);
    world_end(&w);
}

static void test_fallbacks_stay_inside_the_permit(void)
{
    static const char *const places[] = {"near-de", "over-us"};

    world_begin_split(&w, places, COUNT_OF(places), 1);
    world_allow(&w, "eu");
    eject(0);
    CHECK_INT(world_choose(&w), -1);
    CHECK_VERDICT(1, "region_not_allowed");
    world_end(&w);
}

/* --- within a region --- */

static void test_weights_share_the_load(void)
{
    unsigned counts[WORLD_MAX];

    WORLD_BEGIN(&w, "near-de", "near-de", "near-de");
    w.c->endpoints[0].weight = 8;
    w.c->endpoints[1].weight = 1;
    w.c->endpoints[2].weight = 1;
    for (int i = 0; i < 3; i++)
        w.states[i]->in_flight = w.c->endpoints[i].weight; /* equally loaded */
    count_choices(2000, counts);
    CHECK(counts[0] > 1400 && counts[0] < 1800);
    CHECK(counts[1] > 100 && counts[2] > 100);
    world_end(&w);
}

static void test_the_less_loaded_of_two(void)
{
    unsigned counts[WORLD_MAX];

    WORLD_BEGIN(&w, "near-de", "near-de");
    w.states[0]->in_flight = 5;
    w.states[1]->in_flight = 4;
    count_choices(100, counts);
    CHECK_INT(counts[1], 100);
    /* 5 of 50 is less than 4 of 10. */
    w.c->endpoints[0].max_parallel = 50;
    w.c->endpoints[1].max_parallel = 10;
    count_choices(100, counts);
    CHECK_INT(counts[0], 100);
    world_end(&w);
}

static void test_weight_zero_still_counts_as_one(void)
{
    unsigned counts[WORLD_MAX];

    WORLD_BEGIN(&w, "near-de", "near-de");
    w.c->endpoints[0].weight = w.c->endpoints[1].weight = 0;
    count_choices(200, counts);
    CHECK(counts[0] > 50 && counts[1] > 50);
    world_end(&w);
}

/* Two regions of one rank do not mix: the one that comes first in the catalog takes all. */
static void test_regions_of_equal_rank_do_not_mix(void)
{
    unsigned counts[WORLD_MAX];

    WORLD_BEGIN(&w, "dark-us", "", "dark-us");
    count_choices(100, counts);
    CHECK(counts[0] > 0 && counts[2] > 0 && counts[1] == 0);
    world_end(&w);
}

static void test_a_session_stays_where_it_is(void)
{
    unsigned seen = 0;
    char name[32];

    WORLD_BEGIN(&w, "near-de", "near-de", "near-de", "near-de");
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof(name), "session-%d", i);
        w.wish.session = str_of(name);
        ptrdiff_t first = world_choose(&w);

        seen |= 1u << first;
        for (int again = 0; again < 5; again++)
            CHECK_INT(world_choose(&w), first);
    }
    CHECK_INT(seen, 0xf);
    world_end(&w);
}

static void test_losing_an_endpoint_moves_only_its_sessions(void)
{
    ptrdiff_t before[64];
    char name[32];

    WORLD_BEGIN(&w, "near-de", "near-de", "near-de", "near-de");
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 64; i++) {
            snprintf(name, sizeof(name), "session-%d", i);
            w.wish.session = str_of(name);
            ptrdiff_t chosen = world_choose(&w);

            if (round == 0)
                before[i] = chosen;
            else if (before[i] == 2)
                CHECK(chosen != 2);
            else
                CHECK_INT(chosen, before[i]);
        }
        eject(2);
    }
    world_end(&w);
}

static void test_a_session_moves_no_request_to_a_worse_region(void)
{
    WORLD_BEGIN(&w, "over-us", "near-de", "over-us");
    w.wish.session = STR("s");
    CHECK_INT(world_choose(&w), 1);
    world_end(&w);
}

/* --- saturation, health, retries --- */

static void test_a_saturated_region_is_passed_over(void)
{
    WORLD_BEGIN(&w, "near-de", "far-fr");
    w.c->endpoints[0].max_parallel = 1;
    w.states[0]->in_flight = 1;
    CHECK_INT(world_choose(&w), 1);
    CHECK_VERDICT(0, "saturated");
    endpoint_pause(w.states[1], w.now_ns + 9 * NS_PER_S);
    CHECK_INT(world_choose(&w), -1);
    struct route_obstacle obstacle = route_obstacle_of(w.candidates, w.n_candidates);
    CHECK_STR(route_verdict_name(obstacle.verdict), "saturated");
    CHECK_INT(obstacle.retry_at_ns, w.now_ns + 9 * NS_PER_S);
    CHECK(obstacle.permitted);
    world_end(&w);
}

static void test_one_healthy_endpoint_keeps_its_region(void)
{
    WORLD_BEGIN(&w, "near-de", "near-de", "far-fr");
    eject(0);
    for (int i = 0; i < 20; i++)
        CHECK_INT(world_choose(&w), 1);
    CHECK_VERDICT(0, "degraded");
    world_end(&w);
}

static void test_an_ejection_that_is_over_may_be_tried(void)
{
    WORLD_BEGIN(&w, "near-de", "far-fr");
    eject(0);
    CHECK_INT(world_choose(&w), 1);
    w.now_ns += NS_PER_S;
    CHECK_INT(world_choose(&w), 0);
    struct endpoint_slot slot;
    CHECK(endpoint_begin(w.states[0], &w.c->endpoints[0], w.now_ns, &slot));
    CHECK_INT(world_choose(&w), 1);
    world_end(&w);
}

static void test_out_of_service_is_never_chosen(void)
{
    WORLD_BEGIN(&w, "near-de", "mid-de", "far-fr", "over-us");
    w.c->endpoints[0].state = ENDPOINT_OUT_OF_SERVICE;
    w.states[1]->unusable = true;
    w.states[2]->contradicted = 1;
    CHECK_INT(world_choose(&w), 3);
    for (size_t i = 0; i < 3; i++)
        CHECK_VERDICT(i, "out_of_service");
    world_end(&w);
}

static void test_what_was_tried_is_not_chosen_again(void)
{
    WORLD_BEGIN(&w, "near-de", "near-de", "far-fr");
    ptrdiff_t first = world_choose(&w);

    CHECK(first == 0 || first == 1);
    w.candidates[first].verdict = ROUTE_VERDICT_TRIED;
    CHECK_INT(world_choose_again(&w), 1 - first);
    w.candidates[1 - first].verdict = ROUTE_VERDICT_TRIED;
    CHECK_INT(world_choose_again(&w), 2);
    w.candidates[2].verdict = ROUTE_VERDICT_TRIED;
    CHECK_INT(world_choose_again(&w), -1);
    world_end(&w);
}

/* --- the latency budget --- */

static void test_a_latency_budget_rules_out_the_slow_and_the_unknown(void)
{
    WORLD_BEGIN(&w, "over-us", "dark-us", "far-fr", "near-de");
    world_prefer(&w, "over-us", "dark-us");
    w.wish.latency_budget_ms = 90;
    CHECK_INT(world_choose(&w), 3);
    CHECK_VERDICT(0, "over_latency_budget");
    CHECK_VERDICT(1, "latency_unknown");
    CHECK_VERDICT(2, "eligible"); /* p95 is exactly the budget */
    w.wish.latency_budget_ms = 8;
    CHECK_INT(world_choose(&w), -1);
    struct route_obstacle obstacle = route_obstacle_of(w.candidates, w.n_candidates);
    CHECK_STR(route_verdict_name(obstacle.verdict), "over_latency_budget");
    CHECK(obstacle.permitted);
    world_end(&w);
}

static void test_a_budget_is_held_against_what_was_measured(void)
{
    WORLD_BEGIN(&w, "near-de", "dark-us");
    int64_t window_ns = w.c->settings.latency_window_ms * NS_PER_MS;

    w.wish.latency_budget_ms = 100;
    region_latency_add(w.states[0]->latency, 300 * 1000, w.now_ns, window_ns);
    region_latency_add(w.states[1]->latency, 30 * 1000, w.now_ns, window_ns);
    w.now_ns += 2 * NS_PER_S;
    CHECK_INT(world_choose(&w), 1);
    CHECK_VERDICT(0, "over_latency_budget");
    world_end(&w);
}

/* Without a live grid signal carbon-aware routing takes the preferred path. */
static void test_carbon_aware_chooses_as_preferred_does(void)
{
    WORLD_BEGIN(&w, "near-de", "over-us");
    world_prefer(&w, "over-us", NULL);
    w.wish.carbon_aware = true;
    CHECK_INT(world_choose(&w), 1);
    eject(1);
    CHECK_INT(world_choose(&w), 0);
    world_end(&w);
}

/* --- what stood in the way --- */

static void test_the_obstacle_is_what_waiting_cures_soonest(void)
{
    WORLD_BEGIN(&w, "near-de", "far-fr", "over-us", "mid-de");
    world_allow(&w, "eu");
    endpoint_pause(w.states[0], w.now_ns + 9 * NS_PER_S);
    endpoint_pause(w.states[1], w.now_ns + 4 * NS_PER_S);
    eject(3);
    CHECK_INT(world_choose(&w), -1);
    struct route_obstacle obstacle = route_obstacle_of(w.candidates, w.n_candidates);
    CHECK_STR(route_verdict_name(obstacle.verdict), "saturated");
    CHECK_INT(obstacle.retry_at_ns, w.now_ns + 4 * NS_PER_S);
    w.states[0]->saturated_until_ns = w.states[1]->saturated_until_ns = 0;
    eject(0);
    eject(1);
    CHECK_INT(world_choose(&w), -1);
    obstacle = route_obstacle_of(w.candidates, w.n_candidates);
    CHECK_STR(route_verdict_name(obstacle.verdict), "degraded");
    CHECK_INT(obstacle.retry_at_ns, 0);
    world_end(&w);
}

static void test_no_candidates_are_not_permitted(void)
{
    struct route_obstacle obstacle = route_obstacle_of(NULL, 0);

    CHECK_STR(route_verdict_name(obstacle.verdict), "region_not_allowed");
    CHECK(!obstacle.permitted);
}

/* --- properties over random worlds --- */

static const char *const random_places[] = {"near-de", "mid-de", "far-fr", "over-us", "dark-us",
                                            "gate-de", "DE",     "US",     "eu",      ""};

static void draw_world(struct prng *r)
{
    static const char *const rules[] = {"eu", "DE", "US", "far-fr", "world"};
    const char *places[8];
    size_t n = 1 + (size_t)prng_below(r, COUNT_OF(places));

    for (size_t i = 0; i < n; i++)
        places[i] = random_places[prng_below(r, COUNT_OF(random_places))];
    world_begin_split(&w, places, n, 1 + (size_t)prng_below(r, n));
    if (prng_below(r, 3))
        world_allow(&w, rules[prng_below(r, COUNT_OF(rules))]);
    if (prng_below(r, 3) == 0)
        world_prefer(&w, "far-fr", "over-us");
    w.wish.latency_budget_ms = prng_below(r, 4) ? 0 : 60;
    w.wish.session = prng_below(r, 2) ? STR("s") : STR_NULL;
    prng_seed(&w.prng, prng_next(r));
    for (size_t i = 0; i < n; i++) {
        w.c->endpoints[i].order = 1 + (uint32_t)prng_below(r, 2);
        w.c->endpoints[i].weight = (uint32_t)prng_below(r, 4);
        w.states[i]->in_flight = (uint32_t)prng_below(r, 4);
        w.c->endpoints[i].max_parallel = (uint32_t)prng_below(r, 4);
        if (prng_below(r, 4) == 0)
            eject(i);
        if (prng_below(r, 6) == 0)
            w.c->endpoints[i].state = ENDPOINT_OUT_OF_SERVICE;
    }
}

/* Whatever the world: what is chosen may serve, and something is chosen whenever anything may. */
static void test_the_choice_is_always_one_that_may_serve(void)
{
    struct prng r;
    unsigned refused = 0, served = 0;

    prng_seed(&r, 42);
    for (int round = 0; round < 3000; round++) {
        draw_world(&r);
        ptrdiff_t chosen = world_choose(&w);
        size_t eligible = 0;

        for (size_t i = 0; i < w.n_candidates; i++)
            eligible += w.candidates[i].verdict == ROUTE_VERDICT_ELIGIBLE;
        CHECK((chosen >= 0) == (eligible > 0));
        refused += chosen < 0;
        if (chosen >= 0) {
            const struct catalog_endpoint *e = &w.c->endpoints[w.candidates[chosen].endpoint];
            struct endpoint_load load =
                endpoint_load_of(w.states[w.candidates[chosen].endpoint], e, w.now_ns);

            served++;
            CHECK(permit_allows(&w.permit, &e->place));
            CHECK(e->state == ENDPOINT_IN_SERVICE && !load.degraded && !load.saturated);
            for (size_t i = 0; i < w.n_candidates; i++)
                CHECK(w.candidates[i].verdict != ROUTE_VERDICT_ELIGIBLE ||
                      w.candidates[i].group_rank >= w.candidates[chosen].group_rank);
        }
        world_end(&w);
    }
    CHECK(refused > 300 && served > 300);
}

static void test_rules(void)
{
    RUN(test_a_place_outside_the_permit_is_never_chosen);
    RUN(test_nothing_inside_the_permit_is_no_choice);
    RUN(test_without_a_rule_every_place_will_do);
    RUN(test_a_pending_region_serves_unrestricted_requests_only);
    RUN(test_a_pin_leaves_one_region);
    RUN(test_a_pin_widens_no_rule);
    RUN(test_a_zone_in_the_request_narrows_and_pins_nothing);
    RUN(test_primary_then_secondary_then_nobody);
    RUN(test_gateway_regions_serve_where_they_are_named);
}

int main(void)
{
    test_rules();
    RUN(test_the_configured_order_comes_before_latency);
    RUN(test_without_an_order_the_nearest_serves);
    RUN(test_what_was_measured_overrules_what_is_typical);
    RUN(test_order_numbers_come_before_regions);
    RUN(test_fallbacks_come_after_the_group_itself);
    RUN(test_fallbacks_stay_inside_the_permit);
    RUN(test_weights_share_the_load);
    RUN(test_the_less_loaded_of_two);
    RUN(test_weight_zero_still_counts_as_one);
    RUN(test_regions_of_equal_rank_do_not_mix);
    RUN(test_a_session_stays_where_it_is);
    RUN(test_losing_an_endpoint_moves_only_its_sessions);
    RUN(test_a_session_moves_no_request_to_a_worse_region);
    RUN(test_a_saturated_region_is_passed_over);
    RUN(test_one_healthy_endpoint_keeps_its_region);
    RUN(test_an_ejection_that_is_over_may_be_tried);
    RUN(test_out_of_service_is_never_chosen);
    RUN(test_what_was_tried_is_not_chosen_again);
    RUN(test_a_latency_budget_rules_out_the_slow_and_the_unknown);
    RUN(test_a_budget_is_held_against_what_was_measured);
    RUN(test_carbon_aware_chooses_as_preferred_does);
    RUN(test_the_obstacle_is_what_waiting_cures_soonest);
    RUN(test_no_candidates_are_not_permitted);
    RUN(test_the_choice_is_always_one_that_may_serve);
    return test_end();
}

/*
 * sim_fleet [--seeds N] [--steps N] [--first SEED] [--trace]
 *
 * Runs seeds one after the other. The first that breaks an invariant is run again with its trace;
 * the last lines say how to replay it.
 */

#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { REST_ROUNDS_MAX = 2000 };

void sim_note(struct sim *s, const char *format, ...)
{
    va_list args;

    if (!s->trace)
        return;
    printf("%5" PRIu64 " %8.3f s  ", s->step,
           (double)(s->world.now_ns % (1000000 * NS_PER_S)) / 1e9);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

void sim_violation(struct sim *s, const char *format, ...)
{
    va_list args;

    if (s->violation[0])
        return;
    va_start(args, format);
    vsnprintf(s->violation, sizeof(s->violation), format, args);
    va_end(args);
    sim_note(s, "VIOLATION: %s", s->violation);
}

struct fleet_object *sim_some(struct sim *s, enum fleet_kind kind)
{
    struct fleet_object *chosen = NULL;
    uint32_t n = 0;

    for (struct fleet_object *o = fleet_first(s->fleet, kind); o; o = fleet_next(s->fleet, o))
        if (sim_chance(s, ++n))
            chosen = o;
    return chosen;
}

static void identity(void *ctx, char ret_hex[65])
{
    (void)ctx;
    memset(ret_hex, 'a', 64);
    ret_hex[64] = 0;
}

/* --- control's transactions */

/* Control dies and comes back: its memory has to be what its store holds. */
static void restart(struct sim *s)
{
    struct fleet *loaded;

    if (fleet_in_transaction(s->fleet))
        fleet_rollback(s->fleet);
    loaded = fake_load(&s->store);
    s->n_restarts++;
    sim_note(s, "control restarts");
    if (!loaded || !fleet_equal(loaded, s->fleet)) {
        sim_violation(s, "the fleet of the store is not the fleet in memory");
        fleet_free(loaded);
        return;
    }
    fleet_free(s->fleet);
    s->fleet = loaded;
    s->team = fleet_first_team(loaded)->id;
    planes_adopt(s);
}

static void write_or_roll_back(struct sim *s)
{
    struct fleet_store to = fake_interface(&s->store);

    s->store.fail_at = s->faults && sim_chance(s, 4 * s->calm) ? 1 + sim_below(s, 8) : 0;
    if (fleet_write(s->fleet, &to, ++s->version)) {
        fleet_rollback(s->fleet);
        fake_rollback(&s->store);
        s->n_store_failures++;
        sim_note(s, "the store fails");
        if (sim_chance(s, 8))
            restart(s);
        return;
    }
    fake_commit(&s->store);
    fleet_commit(s->fleet);
    s->world_is_news = false;
    s->committed = true;
}

static void tick_and_commit(struct sim *s)
{
    s->excused |= s->world_is_news;
    s->committed = false;
    fleet_tick(s->fleet, &s->world, &s->next_ns);
    if (s->faults && sim_chance(s, 400))
        restart(s); /* before anything is written */
    else
        write_or_roll_back(s);
}

static void pass_time(struct sim *s)
{
    static const int seconds[] = {0, 0, 0, 0, 0, 1, 1, 2, 5, 30};
    uint32_t i = sim_below(s, COUNT_OF(seconds) + 1);

    if (i < COUNT_OF(seconds))
        s->world.now_ns += seconds[i] * NS_PER_S + sim_below(s, 1000) * NS_PER_MS;
    else if (s->next_ns != INT64_MAX && s->next_ns > s->world.now_ns)
        s->world.now_ns = s->next_ns;
    planes_advance(s);
}

static void change_world(struct sim *s)
{
    if (sim_chance(s, 6 * s->calm))
        planes_misbehave(s);
    if (sim_chance(s, 300)) {
        s->world.organization_rule = str_of(sim_rules[sim_chance(s, 2) ? 0 : sim_below(s, 6)]);
        s->world_is_news = true;
        sim_note(s, "the organisation's rule: %.*s", STR_ARG(s->world.organization_rule));
    }
}

static void no_excuses(struct sim *s)
{
    s->excused = false;
    s->n_excused = s->excused_name.n = 0;
}

static void event(struct sim *s)
{
    uint32_t what = sim_below(s, 100);

    if (what < 50) {
        for (int i = 0; i < SIM_REPORTS_MAX && planes_report(s) && sim_chance(s, 3); i++)
            continue;
    } else if (what < 55) {
        planes_report_late(s);
    } else if (what < 85 && !people_act(s)) {
        fleet_rollback(s->fleet);
        fleet_begin(s->fleet);
        s->n_refused++;
        no_excuses(s);
    }
}

static void step(struct sim *s)
{
    s->step++;
    no_excuses(s);
    pass_time(s);
    change_world(s);
    fleet_begin(s->fleet);
    event(s);
    tick_and_commit(s);
    check_step(s);
    if (sim_chance(s, 200))
        restart(s);
    /* What is to be done follows from a state that has seen the world as it is. */
    if (!s->world_is_news && !sim_chance(s, 6))
        planes_act(s);
}

/* --- coming to rest */

static bool is_at_rest(struct sim *s)
{
    struct fleet_action a;
    size_t cursor = 0;

    if (fleet_next_action(s->fleet, &cursor, &a) || s->world_is_news)
        return false;
    for (struct fleet_replica *r = fleet_first_replica(s->fleet); r;
         r = fleet_next_replica(s->fleet, r))
        if (r->state != REPLICA_READY)
            return false;
    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d))
        if (d->restart_ns > s->world.now_ns)
            return false;
    for (struct fleet_environment *e = fleet_first_environment(s->fleet); e;
         e = fleet_next_environment(s->fleet, e))
        if (e->promotion.n)
            return false;
    return !fleet_first_leftover(s->fleet);
}

static void come_to_rest(struct sim *s)
{
    for (int i = 0; i < REST_ROUNDS_MAX && !s->violation[0]; i++) {
        bool told;

        s->step++;
        no_excuses(s);
        s->world.now_ns += NS_PER_S;
        planes_advance(s);
        fleet_begin(s->fleet);
        told = planes_report(s);
        tick_and_commit(s);
        check_step(s);
        planes_act(s);
        if (!told && is_at_rest(s))
            return;
    }
    sim_violation(s, "the fleet does not come to rest");
}

static void wake_all(struct sim *s)
{
    s->world.now_ns += 100 * NS_PER_S; /* whatever may sleep does */
    fleet_begin(s->fleet);
    tick_and_commit(s);
    check_step(s);
    fleet_begin(s->fleet);
    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d))
        fleet_observe_demand(s->fleet, &s->world, d->id, 0, 1, 0);
    tick_and_commit(s);
    for (struct fleet_deployment *d = fleet_first_deployment(s->fleet); d;
         d = fleet_next_deployment(s->fleet, d))
        if (d->target == TARGET_SLEEP)
            sim_violation(s, "demand does not wake deployment %.*s", STR_ARG(d->id));
}

static void rest(struct sim *s)
{
    s->faults = false;
    sim_note(s, "nothing goes wrong any more");
    planes_heal(s);
    restart(s);
    come_to_rest(s);
    check_rest(s);
    wake_all(s);
    come_to_rest(s);
    check_rest(s);
    restart(s);
}

/* --- a seed */

static void found(struct sim *s, uint64_t seed, const struct region_catalogue *regions)
{
    prng_seed(&s->random, seed);
    prng_seed(&s->ids, seed + 1);
    s->fleet = fleet_new();
    s->faults = true;
    s->calm = (uint32_t[]){4, 12, 100}[seed % 3];
    s->next_ns = INT64_MAX;
    s->world = (struct fleet_world){.regions = regions,
                                    .now_ns = 1700000000 * NS_PER_S,
                                    .random = &s->ids,
                                    .identity = identity,
                                    .actor = STR("key_1"),
                                    .deploy_timeout_ns = 120 * NS_PER_S,
                                    .drain_limit_ns = 60 * NS_PER_S,
                                    .history_ns = 200 * NS_PER_S};
    planes_init(s);
    fleet_begin(s->fleet);
    people_found(s);
    struct fleet_store to = fake_interface(&s->store);
    if (fleet_write(s->fleet, &to, ++s->version))
        abort();
    fake_commit(&s->store);
    fleet_commit(s->fleet);
}

struct totals {
    uint64_t steps, promoted, failed, canceled, restarts, store_failures, refused;
};

static bool run(uint64_t seed, uint64_t steps, bool trace, const struct region_catalogue *regions,
                struct totals *totals)
{
    struct sim *s = mem_zalloc(sizeof(*s));

    s->trace = trace;
    found(s, seed, regions);
    while (s->step < steps && !s->violation[0])
        step(s);
    if (!s->violation[0])
        rest(s);
    totals->steps += s->step;
    totals->promoted += s->n_promoted;
    totals->failed += s->n_failed;
    totals->canceled += s->n_canceled;
    totals->restarts += s->n_restarts;
    totals->store_failures += s->n_store_failures;
    totals->refused += s->n_refused;
    bool fine = !s->violation[0];
    if (!fine && trace)
        printf("seed %" PRIu64 ", step %" PRIu64 ": %s\n", seed, s->step, s->violation);
    if (fleet_in_transaction(s->fleet))
        fleet_rollback(s->fleet);
    fleet_free(s->fleet);
    fake_deinit(&s->store);
    mem_free(s);
    return fine;
}

static uint64_t number(const char *text)
{
    uint64_t value = 0;

    if (!str_parse_u64(str_of(text), &value)) {
        fprintf(stderr, "sim_fleet: \"%s\" is not a number\n", text ? text : "");
        exit(2);
    }
    return value;
}

int main(int argc, char **argv)
{
    uint64_t first = 1, seeds = 100, steps = 500, seed;
    struct totals t = {0};
    bool trace = false, fine = true;
    struct region_catalogue *regions = region_builder_finish(region_builder_new());

    for (int i = 1; i < argc; i++) {
        str option = str_of(argv[i]);

        if (str_eq(option, STR("--trace")))
            trace = true;
        else if (str_eq(option, STR("--seeds")))
            seeds = number(argv[++i]);
        else if (str_eq(option, STR("--steps")))
            steps = number(argv[++i]);
        else if (str_eq(option, STR("--first")))
            first = number(argv[++i]);
        else
            number(argv[i]);
    }
    int64_t began = clock_monotonic_ns();
    for (seed = first; fine && seed < first + seeds; seed++)
        fine = run(seed, steps, trace, regions, &t);
    int64_t took_ms = (clock_monotonic_ns() - began) / NS_PER_MS;
    if (!fine && !trace)
        (void)run(seed - 1, steps, true, regions, &t);
    printf("promotions: %" PRIu64 " succeeded, %" PRIu64 " failed, %" PRIu64 " cancelled; %" PRIu64
           " restarts, %" PRIu64 " failures of the store, %" PRIu64 " requests refused\n",
           t.promoted, t.failed, t.canceled, t.restarts, t.store_failures, t.refused);
    printf("%" PRIu64 " steps in %" PRId64 " ms\n", t.steps, took_ms);
    if (!fine)
        printf("replay: sim_fleet --trace --seeds 1 --steps %" PRIu64 " --first %" PRIu64 "\n",
               steps, seed - 1);
    printf("%" PRIu64 " passed, %d failed\n", seed - first - !fine, !fine);
    region_catalogue_unref(regions);
    return fine ? EXIT_SUCCESS : EXIT_FAILURE;
}

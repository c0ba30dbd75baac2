#include "edge/registry.h"

#include "edge/metrics.h"
#include "unit/test.h"

/*
 * Endpoint states over a series of policies: one worker, whose passing is the test's to decide.
 * Every revision is a new catalog made of rows.
 */

struct row {
    const char *id;
    uint64_t origin;
    const char *region;
    const char *ca_pem; /* NULL: plaintext */
    enum catalog_endpoint_state state;
    const char *identity; /* NULL: none */
    const char *networks; /* NULL: any */
};

static struct publisher *publisher;
static struct registry *registry;
static uint64_t revision, epoch;
static uint64_t retired[8];
static size_t n_retired;

static void on_retire(void *ctx, uint64_t origin_id)
{
    CHECK(ctx == &n_retired);
    retired[n_retired++] = origin_id;
}

static void begin(void)
{
    publisher = publisher_new(1);
    registry = registry_new(publisher, on_retire, &n_retired);
    revision = n_retired = 0;
}

static void end(void)
{
    registry_free(registry);
    publisher_free(publisher);
}

/* Publishes a policy of these endpoints; returns their states. */
static struct endpoint_state **publish(const struct row *rows, size_t n)
{
    struct catalog *c = catalog_new();

    c->revision = ++revision;
    c->regions = region_builder_finish(region_builder_new());
    c->endpoints = arena_zalloc(&c->arena, (n + 1) * sizeof(*c->endpoints));
    for (size_t i = 0; i < n; i++)
        c->endpoints[i] =
            (struct catalog_endpoint){.id = str_of(rows[i].id),
                                      .origin_revision = rows[i].origin,
                                      .host = STR("up.example"),
                                      .port = 80,
                                      .tls = rows[i].ca_pem,
                                      .ca_pem = str_of(rows[i].ca_pem),
                                      .region_name = str_of(rows[i].region),
                                      .identity = str_of(rows[i].identity),
                                      .networks = str_of(rows[i].networks ? rows[i].networks : ""),
                                      .state = rows[i].state};
    c->n_endpoints = n;
    registry_attach(registry, c, NULL);
    epoch = publisher_publish(publisher, c);
    registry_retire(registry, c, epoch);
    return ((const struct registry_attachment *)c->attachment)->states;
}

#define PUBLISH(...)                                                                               \
    publish((const struct row[]){__VA_ARGS__},                                                     \
            sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))

static void pass(void)
{
    publisher_quiescent(publisher_reader(publisher, 0));
}

static void test_a_state_is_what_its_endpoint_says(void)
{
    begin();
    struct endpoint_state **states = PUBLISH({.id = "e0",
                                              .origin = 5,
                                              .region = "aws-eu-west-1",
                                              .identity = "0a0b",
                                              .networks = "10.0.0.0/8"},
                                             {.id = "e1", .origin = 6, .region = ""});

    CHECK_STR(str_of(states[0]->id), "e0");
    CHECK_INT(states[0]->origin_revision, 5);
    CHECK_STR(states[0]->origin.host, "up.example");
    CHECK_INT(states[0]->origin.port, 80);
    CHECK_STR(states[0]->origin.identity, "0a0b");
    CHECK_STR(states[0]->origin.networks, "10.0.0.0/8");
    CHECK_INT(states[1]->origin.identity.n, 0);
    CHECK(!states[0]->origin.tls && !states[0]->unusable);
    CHECK_STR(str_of(states[0]->region), "aws-eu-west-1");
    CHECK_STR(metrics_label_text(states[0]->region_label), "aws-eu-west-1");
    CHECK_STR(str_of(states[1]->region), "unknown");
    CHECK(states[0]->origin.id != states[1]->origin.id);
    CHECK(states[0]->latency != states[1]->latency);
    end();
}

static void test_endpoints_of_a_region_share_its_latency(void)
{
    begin();
    struct endpoint_state **states = PUBLISH({.id = "e0", .origin = 1, .region = "here"},
                                             {.id = "e1", .origin = 2, .region = "here"});

    CHECK(states[0] != states[1] && states[0]->latency == states[1]->latency);
    CHECK_INT(states[0]->region_label, states[1]->region_label);
    end();
}

static void test_a_state_outlives_policies(void)
{
    begin();
    struct endpoint_state *before = *PUBLISH({.id = "e0", .origin = 1, .region = "here"});

    before->failures = 2;
    struct endpoint_state **after = PUBLISH({.id = "e9", .origin = 9, .region = "there"},
                                            {.id = "e0", .origin = 1, .region = "here"});
    CHECK(after[1] == before);
    CHECK_INT(after[1]->failures, 2);
    pass();
    registry_sweep(registry);
    CHECK_INT(n_retired, 0);
    end();
}

/* Nothing learnt about the old place speaks for the new one. */
static void test_a_new_origin_is_a_new_state(void)
{
    begin();
    struct endpoint_state *before = *PUBLISH({.id = "e0", .origin = 1, .region = "here"});
    uint64_t old_origin = before->origin.id;

    before->failures = 2;
    struct endpoint_state *after = *PUBLISH({.id = "e0", .origin = 2, .region = "there"});
    CHECK(after != before && after->origin.id != old_origin);
    CHECK_INT(after->failures, 0);
    CHECK_STR(str_of(after->region), "there");
    CHECK_STR(str_of(before->region), "here"); /* still there for who is using it */
    pass();
    registry_sweep(registry);
    CHECK(n_retired == 1 && retired[0] == old_origin);
    end();
}

static void test_nothing_retires_before_every_worker_has_passed(void)
{
    begin();
    struct endpoint_state *gone = *PUBLISH({.id = "e0", .origin = 1, .region = "here"});
    uint64_t origin = gone->origin.id;

    pass();
    PUBLISH({.id = "e1", .origin = 2, .region = "here"});
    for (int i = 0; i < 3; i++)
        registry_sweep(registry);
    CHECK_INT(n_retired, 0);
    CHECK_STR(str_of(gone->id), "e0");
    pass();
    registry_sweep(registry);
    CHECK(n_retired == 1 && retired[0] == origin);
    end();
}

/* Told once, and kept for as long as a request is under way. */
static void test_a_state_in_use_is_kept(void)
{
    begin();
    struct endpoint_state *gone = *PUBLISH({.id = "e0", .origin = 1, .region = "here"});

    gone->in_flight = 1;
    PUBLISH({.id = "e1", .origin = 2, .region = "here"});
    for (int i = 0; i < 5; i++) {
        pass();
        registry_sweep(registry);
    }
    CHECK_INT(n_retired, 1);
    CHECK_STR(str_of(gone->id), "e0");
    CHECK_INT(gone->in_flight, 1);
    gone->in_flight = 0;
    for (int i = 0; i < 3; i++) {
        pass();
        registry_sweep(registry);
    }
    CHECK_INT(n_retired, 1);
    end();
}

static void test_what_comes_back_starts_afresh(void)
{
    begin();
    struct endpoint_state *before = *PUBLISH({.id = "e0", .origin = 1, .region = "here"});
    uint64_t origin = before->origin.id;

    before->in_flight = 1; /* keeps it in memory */
    PUBLISH({.id = "e1", .origin = 2, .region = "here"});
    struct endpoint_state *after = *PUBLISH({.id = "e0", .origin = 1, .region = "here"});
    CHECK(after != before && after->origin.id != origin);
    CHECK_INT(after->in_flight, 0);
    end();
}

/* An endpoint that contradicted its region stays out until the policy itself says something. */
static void test_a_contradiction_stays_until_the_policy_knows(void)
{
    begin();
    struct endpoint_state *s = *PUBLISH({.id = "e0", .origin = 1, .region = "here"});

    s->contradicted = 1;
    CHECK(*PUBLISH({.id = "e0", .origin = 1, .region = "here"}) == s);
    CHECK_INT(s->contradicted, 1);
    CHECK(*PUBLISH({.id = "e0", .origin = 1, .region = "here", .state = ENDPOINT_OUT_OF_SERVICE}) ==
          s);
    CHECK_INT(s->contradicted, 0);
    end();
}

/* Never in plaintext instead. */
static void test_without_its_tls_identity_an_endpoint_is_unusable(void)
{
    begin();
    struct endpoint_state **states =
        PUBLISH({.id = "e0", .origin = 1, .region = "here", .ca_pem = "no certificate"},
                {.id = "e1", .origin = 2, .region = "here", .ca_pem = ""},
                {.id = "e2", .origin = 3, .region = "here", .ca_pem = ""});

    CHECK(states[0]->unusable && !states[0]->origin.tls);
    CHECK(!states[1]->unusable && states[1]->origin.tls);
    CHECK(states[1]->origin.tls == states[2]->origin.tls);
    end();
}

int main(void)
{
    RUN(test_a_state_is_what_its_endpoint_says);
    RUN(test_endpoints_of_a_region_share_its_latency);
    RUN(test_a_state_outlives_policies);
    RUN(test_a_new_origin_is_a_new_state);
    RUN(test_nothing_retires_before_every_worker_has_passed);
    RUN(test_a_state_in_use_is_kept);
    RUN(test_what_comes_back_starts_afresh);
    RUN(test_a_contradiction_stays_until_the_policy_knows);
    RUN(test_without_its_tls_identity_an_endpoint_is_unusable);
    return test_end();
}

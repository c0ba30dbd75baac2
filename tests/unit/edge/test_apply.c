#include "edge/apply.h"

#include "edge/edge.h"
#include "unit/test.h"

/*
 * Policy coming into force, with workers that pass when the test says so. The three functions that
 * apply.c calls of its edge are the test's own and note what they were asked.
 */

enum { WORKERS = 2 };

static struct edge edge;
static struct apply *a;
static struct buf said; /* "attach 2,publish 2,wake,in force 2" */
static struct buf frame;

static void note(const char *what, uint64_t revision)
{
    /* A worker may judge and pass whenever it likes, but while a change is being made. */
    CHECK_INT(atomic_load(&edge.policy_count) % 2, 0);
    if (said.n)
        buf_put_char(&said, ',');
    if (revision)
        buf_printf(&said, "%s %llu", what, (unsigned long long)revision);
    else
        buf_put_str(&said, str_of(what));
}

void edge_wake_workers(struct edge *e)
{
    CHECK(e == &edge);
    note("wake", 0);
}

void edge_attach(struct edge *e, struct catalog *catalog)
{
    CHECK(e == &edge);
    note("attach", catalog->revision);
}

void edge_published(struct edge *e, struct catalog *catalog, uint64_t epoch)
{
    CHECK(e == &edge && epoch > 0);
    CHECK(publisher_newest(edge.publisher) == catalog);
    note("publish", catalog->revision);
}

static void on_in_force(void *ctx, uint64_t revision)
{
    CHECK(ctx == &edge);
    note("in force", revision);
}

static void begin(void)
{
    memset(&edge, 0, sizeof(edge));
    edge.publisher = publisher_new(WORKERS);
    edge.customers = customers_new();
    a = apply_new(&edge, on_in_force, &edge);
    buf_init(&said, 0);
    buf_init(&frame, 0);
}

static void end(void)
{
    apply_free(a);
    publisher_free(edge.publisher);
    customers_free(edge.customers);
    buf_deinit(&said);
    buf_deinit(&frame);
}

#define CHECK_SAID(expected)                                                                       \
    do {                                                                                           \
        CHECK_STR(buf_str(&said), (expected));                                                     \
        buf_clear(&said);                                                                          \
    } while (0)

/* --- what control sends --- */

static str catalog_frame(uint64_t revision, uint64_t said_revision)
{
    struct catalog *c = catalog_new();
    struct buf bytes;

    c->revision = revision;
    c->installation = STR("test");
    c->regions = region_builder_finish(region_builder_new());
    c->gateway_region = REGION_NONE;
    buf_init(&bytes, 0);
    catalog_encode(c, &bytes);
    catalog_free(c);
    buf_clear(&frame);
    wire_put_u64(&frame, said_revision);
    wire_put_str(&frame, buf_str(&bytes));
    buf_deinit(&bytes);
    return buf_str(&frame);
}

static struct customer customer(uint64_t n, uint32_t rule)
{
    return (struct customer){.id = {.lo = n, .hi = 1}, .rule = rule};
}

static str put_frame(uint64_t first, uint64_t n, uint32_t rule)
{
    buf_clear(&frame);
    wire_put_u64(&frame, 1);
    wire_put_u32(&frame, (uint32_t)n);
    for (uint64_t i = first; i < first + n; i++) {
        struct customer c = customer(i, rule);

        customer_encode(&c, &frame);
    }
    return buf_str(&frame);
}

static str gone_frame(uint64_t id)
{
    buf_clear(&frame);
    wire_put_u64(&frame, 1);
    wire_put_u32(&frame, 1);
    wire_put_u64(&frame, id);
    wire_put_u64(&frame, 1);
    return buf_str(&frame);
}

/* --- what workers see and do --- */

/* The customer's rule; -1: not known. */
static int64_t rule_of(uint64_t n)
{
    struct customer found;

    return customers_find(edge.customers, customer(n, 0).id, &found) ? (int64_t)found.rule : -1;
}

static uint64_t newest(void)
{
    const struct catalog *c = publisher_newest(edge.publisher);

    return c ? c->revision : 0;
}

static void pass(size_t worker)
{
    publisher_quiescent(publisher_reader(edge.publisher, worker));
    apply_worker_passed(a);
}

static void pass_all(void)
{
    for (size_t i = 0; i < WORKERS; i++)
        pass(i);
}

/* --- the order --- */

static void test_catalog_then_customers_then_in_force(void)
{
    begin();
    CHECK(apply_is_idle(a));
    CHECK(apply_catalog(a, catalog_frame(2, 2)));
    CHECK(apply_customers(a, put_frame(1, 3, 7)));
    CHECK(!apply_is_idle(a));
    CHECK_SAID("");
    CHECK_INT(newest(), 0);
    apply_commit(a, 2);
    CHECK_SAID("attach 2,publish 2,wake");
    CHECK_INT(edge.policy_count, 2);
    CHECK_INT(rule_of(1), -1);
    pass(0);
    CHECK_INT(rule_of(1), -1);
    CHECK_SAID("");
    pass(1);
    CHECK_INT(rule_of(1), 7);
    CHECK_INT(rule_of(3), 7);
    CHECK_SAID("wake");
    CHECK_INT(edge.policy_count, 4);
    pass(1);
    CHECK_SAID("");
    CHECK(!apply_is_idle(a));
    pass(0);
    CHECK_SAID("in force 2");
    CHECK(apply_is_idle(a));
    end();
}

static void test_a_worker_that_passes_twice_is_still_one(void)
{
    begin();
    CHECK(apply_catalog(a, catalog_frame(2, 2)));
    apply_commit(a, 2);
    buf_clear(&said);
    for (int i = 0; i < 5; i++)
        pass(0);
    CHECK_SAID("");
    end();
}

static void test_changes_of_customers_alone(void)
{
    begin();
    CHECK(apply_customers(a, put_frame(1, 2, 5)));
    apply_commit(a, 9);
    CHECK_SAID("wake");
    CHECK_INT(rule_of(1), 5);
    pass_all();
    CHECK_SAID("in force 9");
    CHECK_INT(newest(), 0);
    end();
}

static void test_parts_come_in_order(void)
{
    begin();
    CHECK(apply_customers(a, put_frame(1, 3, 5)));
    CHECK(apply_customers_gone(a, gone_frame(2)));
    CHECK(apply_customers(a, put_frame(3, 1, 6)));
    apply_commit(a, 2);
    CHECK_INT(rule_of(1), 5);
    CHECK_INT(rule_of(2), -1);
    CHECK_INT(rule_of(3), 6);
    pass_all();
    end();
}

/* One at a time: the second catalog waits until the first change is in force. */
static void test_changes_queue(void)
{
    begin();
    CHECK(apply_catalog(a, catalog_frame(2, 2)));
    apply_commit(a, 2);
    CHECK(apply_catalog(a, catalog_frame(3, 3)));
    CHECK(apply_customers(a, put_frame(1, 1, 4)));
    apply_commit(a, 3);
    CHECK_SAID("attach 2,publish 2,wake");
    pass_all();
    CHECK_INT(newest(), 2);
    CHECK_INT(rule_of(1), -1);
    CHECK_SAID("wake");
    pass_all();
    CHECK_SAID("in force 2,attach 3,publish 3,wake");
    pass_all();
    CHECK_INT(rule_of(1), 4);
    pass_all();
    CHECK_SAID("wake,in force 3");
    CHECK(apply_is_idle(a));
    end();
}

static void test_a_commit_of_nothing_still_comes_into_force(void)
{
    begin();
    apply_commit(a, 4);
    pass_all();
    CHECK_SAID("wake,in force 4");
    end();
}

/* A full snapshot leaves nobody that it does not name. */
static void test_a_reset_replaces_everybody(void)
{
    begin();
    CHECK(apply_customers(a, put_frame(1, 5, 3)));
    apply_commit(a, 2);
    pass_all();
    CHECK(apply_customers_reset(a));
    CHECK(apply_customers(a, put_frame(4, 1, 8)));
    CHECK(apply_customers(a, put_frame(100, 1, 9)));
    CHECK_INT(rule_of(4), 3);
    apply_commit(a, 3);
    CHECK_INT(rule_of(1), -1);
    CHECK_INT(rule_of(4), 8);
    CHECK_INT(rule_of(100), 9);
    CHECK_INT(customers_count(edge.customers), 2);
    pass_all();
    end();
}

static void test_what_was_not_committed_is_forgotten(void)
{
    begin();
    CHECK(apply_catalog(a, catalog_frame(2, 2)));
    CHECK(apply_customers(a, put_frame(1, 5, 3)));
    apply_abandon(a);
    CHECK(apply_is_idle(a));
    apply_commit(a, 3);
    pass_all();
    CHECK_SAID("wake,in force 3");
    CHECK_INT(newest(), 0);
    CHECK_INT(rule_of(1), -1);
    end();
}

/* The link may break in the middle of the next change while one is under way. */
static void test_abandoning_leaves_what_is_committed(void)
{
    begin();
    CHECK(apply_catalog(a, catalog_frame(2, 2)));
    apply_commit(a, 2);
    CHECK(apply_customers(a, put_frame(1, 1, 3)));
    apply_abandon(a);
    pass_all();
    pass_all();
    CHECK_SAID("attach 2,publish 2,wake,wake,in force 2");
    CHECK_INT(rule_of(1), -1);
    end();
}

/* --- malformed frames --- */

static void test_malformed_catalogs_are_refused(void)
{
    begin();
    CHECK(!apply_catalog(a, catalog_frame(2, 3)));
    str whole = catalog_frame(2, 2);

    for (size_t n = 0; n < whole.n; n += n < 32 ? 1 : 37)
        CHECK(!apply_catalog(a, str_upto(whole, n)));
    buf_put_char(&frame, 'x');
    CHECK(!apply_catalog(a, buf_str(&frame)));
    CHECK(apply_is_idle(a));
    end();
}

/* Refused when they come: once a change is under way nobody could say no to it any more. */
static void test_malformed_customers_are_refused(void)
{
    for (int full = 0; full < 2; full++) {
        begin();
        if (full)
            CHECK(apply_customers_reset(a));
        str whole = put_frame(1, 3, 7);

        for (size_t n = 0; n < whole.n; n++)
            CHECK(!apply_customers(a, str_upto(whole, n)));
        buf_put_char(&frame, 'x');
        CHECK(!apply_customers(a, buf_str(&frame)));
        put_frame(1, 1, 7);
        frame.p[frame.n - 1] = (char)0x80; /* a flag that does not exist */
        CHECK(!apply_customers(a, buf_str(&frame)));
        end();
    }
}

static void test_malformed_removals_are_refused(void)
{
    begin();
    str whole = gone_frame(1);

    for (size_t n = 0; n < whole.n; n++)
        CHECK(!apply_customers_gone(a, str_upto(whole, n)));
    buf_put_char(&frame, 'x');
    CHECK(!apply_customers_gone(a, buf_str(&frame)));
    end();
}

int main(void)
{
    RUN(test_catalog_then_customers_then_in_force);
    RUN(test_a_worker_that_passes_twice_is_still_one);
    RUN(test_changes_of_customers_alone);
    RUN(test_parts_come_in_order);
    RUN(test_changes_queue);
    RUN(test_a_commit_of_nothing_still_comes_into_force);
    RUN(test_a_reset_replaces_everybody);
    RUN(test_what_was_not_committed_is_forgotten);
    RUN(test_abandoning_leaves_what_is_committed);
    RUN(test_malformed_catalogs_are_refused);
    RUN(test_malformed_customers_are_refused);
    RUN(test_malformed_removals_are_refused);
    return test_end();
}

/* The table of customers as its writer and its readers see it, and its flat form. */

#include "catalog/customers.h"

#include "base/mem.h"
#include "unit/test.h"

static struct digest128 id_of(uint64_t lo, uint64_t hi)
{
    return (struct digest128){.lo = lo, .hi = hi};
}

static void put(struct customers *c, uint64_t lo, uint64_t hi, uint32_t rule)
{
    customers_put(c, &(struct customer){.id = id_of(lo, hi), .rule = rule});
}

/* The rule of a customer, or 0xbad if there is no such one. */
static uint32_t rule_of(const struct customers *c, uint64_t lo, uint64_t hi)
{
    struct customer found;

    if (!customers_find(c, id_of(lo, hi), &found))
        return 0xbad;
    CHECK(digest128_eq(found.id, id_of(lo, hi)));
    return found.rule;
}

static void reclaim(struct customers *c)
{
    customers_seal(c);
    customers_reclaim(c);
}

static void what_was_put_is_found(void)
{
    struct customers *c = customers_new();
    struct customer found, blocked = {id_of(3, 4), 9, CUSTOMER_BLOCKED};

    CHECK_INT(rule_of(c, 1, 2), 0xbad);
    put(c, 1, 2, 7);
    customers_put(c, &blocked);
    CHECK_INT(rule_of(c, 1, 2), 7);
    CHECK_INT(rule_of(c, 2, 1), 0xbad);
    CHECK_INT(rule_of(c, 1, 3), 0xbad);
    CHECK(customers_find(c, blocked.id, &found));
    CHECK_INT(found.rule, 9);
    CHECK_INT(found.flags, CUSTOMER_BLOCKED);
    put(c, 1, 2, 8); /* in place of the old one */
    CHECK_INT(rule_of(c, 1, 2), 8);
    CHECK_INT(customers_count(c), 2);
    CHECK(customers_remove(c, id_of(1, 2)));
    CHECK(!customers_remove(c, id_of(1, 2)));
    CHECK_INT(rule_of(c, 1, 2), 0xbad);
    CHECK_INT(customers_count(c), 1);
    customers_free(c);
}

static void those_with_a_rule_are_counted(void)
{
    struct customers *c = customers_new();

    put(c, 1, 0, CUSTOMER_RULE_NONE);
    CHECK_INT(customers_with_rule(c), 0);
    put(c, 2, 0, 0); /* the first rule is a rule */
    put(c, 3, 0, 5);
    CHECK_INT(customers_with_rule(c), 2);
    put(c, 3, 0, 6);
    CHECK_INT(customers_with_rule(c), 2);
    put(c, 3, 0, CUSTOMER_RULE_NONE);
    put(c, 1, 0, 4);
    CHECK_INT(customers_with_rule(c), 2);
    CHECK(customers_remove(c, id_of(1, 0)) && customers_remove(c, id_of(3, 0)));
    CHECK_INT(customers_with_rule(c), 1);
    customers_free(c);
}

static void a_batch_is_seen_as_a_whole(void)
{
    struct customers *c = customers_new();

    put(c, 1, 0, 1);
    customers_begin(c);
    put(c, 1, 0, 2);
    put(c, 2, 0, 2);
    CHECK(customers_remove(c, id_of(1, 0)));
    CHECK_INT(rule_of(c, 1, 0), 1);
    CHECK_INT(rule_of(c, 2, 0), 0xbad);
    CHECK_INT(customers_count(c), 1);
    customers_commit(c);
    CHECK_INT(rule_of(c, 1, 0), 0xbad);
    CHECK_INT(rule_of(c, 2, 0), 2);
    customers_free(c);
}

static void a_batch_may_be_left_unfinished(void)
{
    struct customers *c = customers_new();

    for (uint64_t i = 0; i < 200; i++)
        put(c, i << 56, i, 1);
    customers_begin(c);
    for (uint64_t i = 0; i < 200; i += 2)
        CHECK(customers_remove(c, id_of(i << 56, i)));
    put(c, 1, 1, 1);
    CHECK_INT(customers_count(c), 200);
    customers_free(c);
}

/* A view answers as of its moment, until what it stands on is reclaimed. */
static void a_view_stays_as_it_was(void)
{
    struct customers *c = customers_new();

    for (uint64_t i = 0; i < 300; i++)
        put(c, i * 0x9e3779b97f4a7c15, i, (uint32_t)i);
    struct customers *view = customers_view(c);
    for (uint64_t i = 0; i < 300; i += 3)
        CHECK(customers_remove(c, id_of(i * 0x9e3779b97f4a7c15, i)));
    for (uint64_t i = 1; i < 300; i += 3)
        put(c, i * 0x9e3779b97f4a7c15, i, CUSTOMER_RULE_NONE);
    customers_seal(c);
    CHECK_INT(customers_count(view), 300);
    CHECK_INT(customers_with_rule(view), 300);
    for (uint64_t i = 0; i < 300; i++)
        CHECK_INT(rule_of(view, i * 0x9e3779b97f4a7c15, i), i);
    CHECK_INT(customers_count(c), 200);
    CHECK_INT(customers_with_rule(c), 100);
    customers_free(view);
    customers_reclaim(c);
    CHECK_INT(rule_of(c, 2 * 0x9e3779b97f4a7c15, 2), 2);
    customers_free(c);
}

/* What was retired after the seal has not waited yet. */
static void reclaiming_frees_what_was_sealed_and_no_more(void)
{
    struct customers *c = customers_new();

    put(c, 1, 0, 1);
    put(c, 2, 0, 1);
    customers_seal(c);
    struct customers *view = customers_view(c);
    put(c, 1, 0, 2); /* replaces what the view holds */
    customers_reclaim(c);
    CHECK_INT(rule_of(view, 1, 0), 1);
    CHECK_INT(customers_count(view), 2);
    customers_free(view);
    customers_free(c);
}

/* Ids that differ in their last bits only make the deepest tree there is. */
static void ids_that_share_a_long_beginning(void)
{
    enum { N = 300 };
    struct customers *c = customers_new();
    size_t empty = customers_memory_bytes(c);

    for (unsigned i = 0; i < N; i++) {
        put(c, 5, i, i);
        reclaim(c);
    }
    CHECK_INT(customers_count(c), N);
    for (unsigned i = 0; i < N; i++)
        CHECK_INT(rule_of(c, 5, i), i);
    CHECK_INT(rule_of(c, 5, N), 0xbad);
    CHECK_INT(rule_of(c, 4, 0), 0xbad);
    for (unsigned i = 0; i < N; i++) {
        CHECK(customers_remove(c, id_of(5, i)));
        CHECK_INT(rule_of(c, 5, i), 0xbad);
        CHECK_INT(rule_of(c, 5, N - 1), i == N - 1 ? 0xbad : N - 1);
        reclaim(c);
    }
    CHECK_INT(customers_count(c), 0);
    CHECK(customers_memory_bytes(c) < empty + 4096); /* the lists of what waits are kept */
    put(c, 5, 1, 1);
    CHECK_INT(rule_of(c, 5, 1), 1);
    customers_free(c);
}

static void memory_is_bounded_and_comes_back(void)
{
    enum { N = 20000 };
    struct customers *c = customers_new();

    customers_begin(c);
    for (uint64_t i = 0; i < N; i++)
        put(c, i * 0x9e3779b97f4a7c15, i, 1);
    customers_commit(c);
    reclaim(c);
    size_t full = customers_memory_bytes(c);
    CHECK(full < (size_t)80 * N); /* the bar of customers.h */
    struct customers *other = customers_new();
    customers_replace(c, other);
    CHECK(customers_memory_bytes(c) >= full - sizeof(void *) * 64); /* it waits */
    customers_seal(c);
    size_t steps = 1;
    while (customers_reclaim_some(c, 100))
        steps++;
    CHECK(steps > 3);
    CHECK(customers_memory_bytes(c) < full / 10);
    customers_free(other);
    customers_free(c);
}

static void a_snapshot_replaces_everything(void)
{
    struct customers *c = customers_new(), *fresh = customers_new();

    put(c, 1, 0, 1);
    put(c, 2, 0, CUSTOMER_RULE_NONE);
    put(fresh, 2, 0, 5);
    put(fresh, 3, 0, 5);
    put(fresh, 4, 0, 5);
    struct customers *view = customers_view(c);
    customers_replace(c, fresh);
    CHECK_INT(customers_count(c), 3);
    CHECK_INT(customers_with_rule(c), 3);
    CHECK_INT(customers_count(fresh), 0);
    CHECK_INT(customers_with_rule(fresh), 0);
    CHECK_INT(rule_of(c, 1, 0), 0xbad);
    CHECK_INT(rule_of(c, 2, 0), 5);
    CHECK_INT(rule_of(view, 1, 0), 1);
    CHECK_INT(rule_of(view, 3, 0), 0xbad);
    customers_free(view);
    put(c, 3, 0, 6); /* nodes of the other table are not changed in place by mistake */
    put(fresh, 9, 0, 9);
    reclaim(c);
    CHECK_INT(rule_of(c, 3, 0), 6);
    CHECK_INT(rule_of(c, 9, 0), 0xbad);
    CHECK_INT(rule_of(fresh, 9, 0), 9);
    customers_free(fresh);
    CHECK_INT(rule_of(c, 4, 0), 5);
    customers_free(c);
}

/* A walk in steps sees what was there throughout, once and in order, whatever changes meanwhile. */
static void a_walk_goes_on_across_changes(void)
{
    struct customers *c = customers_new();
    struct customers_cursor cursor = {0};
    struct customer got[7];
    uint64_t last = 0;
    size_t n, kept = 0;

    for (uint64_t i = 1; i <= 200; i++)
        put(c, i << 50, 0, (uint32_t)i);
    while ((n = customers_walk(c, &cursor, got, COUNT_OF(got))) > 0)
        for (size_t i = 0; i < n; i++) {
            CHECK(got[i].id.lo > last);
            last = got[i].id.lo;
            kept += got[i].rule % 2;
            if (got[i].rule % 2 == 0)
                CHECK(customers_remove(c, got[i].id));
            reclaim(c);
        }
    CHECK_INT(kept, 100);
    CHECK_INT(customers_count(c), 100);
    CHECK_INT(customers_walk(c, &cursor, got, COUNT_OF(got)), 0);
    customers_free(c);
}

static void a_walk_ends_at_the_greatest_id(void)
{
    struct customers *c = customers_new();
    struct customers_cursor cursor = {0};
    struct customer got;

    put(c, UINT64_MAX, UINT64_MAX, 2);
    put(c, 7, UINT64_MAX, 1);
    CHECK_INT(customers_walk(c, &cursor, &got, 1), 1);
    CHECK_INT(got.rule, 1);
    CHECK_INT(customers_walk(c, &cursor, &got, 1), 1);
    CHECK_INT(got.rule, 2);
    CHECK_INT(customers_walk(c, &cursor, &got, 1), 0);
    customers_free(c);
}

int main(void)
{
    RUN(what_was_put_is_found);
    RUN(those_with_a_rule_are_counted);
    RUN(a_batch_is_seen_as_a_whole);
    RUN(a_batch_may_be_left_unfinished);
    RUN(a_view_stays_as_it_was);
    RUN(reclaiming_frees_what_was_sealed_and_no_more);
    RUN(ids_that_share_a_long_beginning);
    RUN(memory_is_bounded_and_comes_back);
    RUN(a_snapshot_replaces_everything);
    RUN(a_walk_goes_on_across_changes);
    RUN(a_walk_ends_at_the_greatest_id);
    return test_end();
}

/*
 * The table against a plain array over many drawn changes, with views that are held across them,
 * and readers on threads of their own while the writer changes and reclaims.
 */

#include "base/mem.h"
#include "base/random.h"
#include "catalog/customers.h"
#include "catalog/publish.h"
#include "unit/test.h"

#include <pthread.h>
#include <stdatomic.h>

/* Few ids, most of them alike in long prefixes, so that leaves split, merge and come back. */
enum { IDS = 512, CHANGES = 20000 };

static struct digest128 id_at(unsigned i)
{
    switch (i % 4) {
    case 0:
        return (struct digest128){i, 0};
    case 1:
        return (struct digest128){0xabcdef0000000000, i};
    case 2:
        return (struct digest128){(uint64_t)i << 55, UINT64_MAX - i};
    default:
        return (struct digest128){i * 0x9e3779b97f4a7c15, i * 0xbf58476d1ce4e5b9};
    }
}

struct model {
    struct customer at[IDS];
    bool has[IDS];
};

static void compare(const struct customers *c, const struct model *m)
{
    struct customers_cursor cursor = {0};
    size_t count = 0, with_rule = 0, walked = 0, n;
    struct customer found, got[50], last = {0};

    for (unsigned i = 0; i < IDS; i++) {
        CHECK(customers_find(c, id_at(i), &found) == m->has[i]);
        if (!m->has[i])
            continue;
        CHECK(digest128_eq(found.id, id_at(i)));
        CHECK(found.rule == m->at[i].rule && found.flags == m->at[i].flags);
        count++;
        with_rule += found.rule != CUSTOMER_RULE_NONE;
    }
    CHECK_INT(customers_count(c), count);
    CHECK_INT(customers_with_rule(c), with_rule);
    while ((n = customers_walk(c, &cursor, got, COUNT_OF(got))) > 0)
        for (size_t i = 0; i < n; i++, last = got[i - 1])
            CHECK(walked++ == 0 || got[i].id.lo > last.id.lo ||
                  (got[i].id.lo == last.id.lo && got[i].id.hi > last.id.hi));
    CHECK_INT(walked, count);
}

static void change(struct customers *c, struct model *m, struct prng *r)
{
    unsigned i = (unsigned)prng_below(r, IDS);

    if (prng_below(r, 2)) {
        CHECK(customers_remove(c, id_at(i)) == m->has[i]);
        m->has[i] = false;
        return;
    }
    m->at[i] = (struct customer){.id = id_at(i),
                                 .rule = prng_below(r, 3) ? (uint32_t)i : CUSTOMER_RULE_NONE,
                                 .flags = (uint32_t)prng_below(r, 2)};
    m->has[i] = true;
    customers_put(c, &m->at[i]);
}

static void drawn_changes_agree_with_an_array(void)
{
    static struct model now, then;
    struct customers *c = customers_new(), *view = customers_view(c);
    struct prng r;

    prng_seed(&r, 1);
    for (unsigned i = 0; i < CHANGES;) {
        bool batch = prng_below(&r, 4) == 0;

        if (batch)
            customers_begin(c);
        for (uint64_t n = batch ? prng_below(&r, 200) : 1; n; n--, i++)
            change(c, &now, &r);
        if (batch)
            customers_commit(c);
        if (prng_below(&r, 200))
            continue;
        compare(c, &now);
        compare(view, &then);
        customers_free(view);
        customers_seal(c);
        customers_reclaim(c);
        compare(c, &now);
        view = customers_view(c);
        then = now;
    }
    customers_free(view);
    customers_free(c);
}

/* --- readers on threads ---------------------------------------------------- */

enum { READERS = 2, MEMBERS = 150, VERSIONS = 150 };

struct shared {
    struct publisher *publisher;
    struct customers *customers;
    _Atomic bool stop;
    _Atomic unsigned torn; /* views that were not of one version */
    _Atomic unsigned views;
};

struct reader {
    struct shared *shared;
    struct publisher_reader *quiescence;
};

/* Every version gives all members the same rule. */
static bool is_whole(const struct customers *view)
{
    struct customer first, other;

    if (!customers_find(view, id_at(0), &first))
        return customers_count(view) == 0;
    for (unsigned i = 1; i < MEMBERS; i++)
        if (!customers_find(view, id_at(i), &other) || other.rule != first.rule)
            return false;
    return customers_count(view) == MEMBERS;
}

static void *read_on(void *arg)
{
    struct reader *reader = arg;
    struct shared *shared = reader->shared;

    while (!shared->stop) {
        struct customers *view = customers_view(shared->customers);

        shared->torn += !is_whole(view);
        shared->views++;
        customers_free(view);
        publisher_quiescent(reader->quiescence);
    }
    return NULL;
}

static void write_version(struct shared *shared, uint32_t version)
{
    struct customers *fresh = version % 3 ? NULL : customers_new();
    struct customers *c = fresh ? fresh : shared->customers;

    customers_begin(c);
    for (unsigned i = 0; i < MEMBERS; i++)
        customers_put(c, &(struct customer){.id = id_at(i), .rule = version});
    customers_commit(c);
    if (fresh)
        customers_replace(shared->customers, fresh);
    customers_free(fresh);
    customers_seal(shared->customers);
    uint64_t epoch = publisher_publish(shared->publisher, NULL);
    while (!publisher_passed(shared->publisher, epoch))
        sched_yield();
    customers_reclaim(shared->customers);
}

static void readers_see_one_version_at_a_time(void)
{
    struct shared shared = {.publisher = publisher_new(READERS), .customers = customers_new()};
    struct reader readers[READERS];
    pthread_t threads[READERS];

    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){&shared, publisher_reader(shared.publisher, i)};
        CHECK(pthread_create(&threads[i], NULL, read_on, &readers[i]) == 0);
    }
    for (uint32_t version = 0; version < VERSIONS; version++)
        write_version(&shared, version);
    shared.stop = true;
    for (size_t i = 0; i < READERS; i++)
        pthread_join(threads[i], NULL);
    CHECK_INT(shared.torn, 0);
    CHECK(shared.views >= VERSIONS);
    CHECK_INT(customers_count(shared.customers), MEMBERS);
    customers_free(shared.customers);
    publisher_free(shared.publisher);
}

int main(void)
{
    RUN(drawn_changes_agree_with_an_array);
    RUN(readers_see_one_version_at_a_time);
    return test_end();
}

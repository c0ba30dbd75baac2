/* A catalog is freed once every reader has said that it holds none, and not before. */

#include "catalog/publish.h"
#include "unit/test.h"

/* Revisions in the order in which they were freed. */
struct freed {
    uint64_t revisions[16];
    size_t n;
};

static void note(void *ctx, struct catalog *catalog)
{
    struct freed *freed = ctx;

    freed->revisions[freed->n++] = catalog->revision;
}

static struct catalog *catalog_of(uint64_t revision)
{
    struct catalog *c = catalog_new();

    c->revision = revision;
    return c;
}

static void readers_find_the_newest(void)
{
    struct publisher *p = publisher_new(2);
    struct publisher_reader *a = publisher_reader(p, 0), *b = publisher_reader(p, 1);

    CHECK(publisher_acquire(a) == NULL);
    CHECK(publisher_newest(p) == NULL);
    publisher_publish(p, catalog_of(1));
    CHECK_INT(publisher_acquire(a)->revision, 1);
    publisher_publish(p, catalog_of(2));
    CHECK_INT(publisher_acquire(a)->revision, 2);
    CHECK_INT(publisher_acquire(b)->revision, 2);
    CHECK(publisher_newest(p) == publisher_acquire(b));
    publisher_free(p);
}

static void an_epoch_is_passed_by_all_or_not_at_all(void)
{
    struct publisher *p = publisher_new(3);
    uint64_t first = publisher_publish(p, catalog_of(1));

    CHECK(!publisher_passed(p, first));
    publisher_quiescent(publisher_reader(p, 0));
    publisher_quiescent(publisher_reader(p, 2));
    publisher_quiescent(publisher_reader(p, 2));
    CHECK(!publisher_passed(p, first));
    publisher_quiescent(publisher_reader(p, 1));
    CHECK(publisher_passed(p, first));
    uint64_t second = publisher_publish(p, NULL);
    CHECK(second > first);
    CHECK(publisher_passed(p, first) && !publisher_passed(p, second));
    publisher_free(p);
}

static void what_a_reader_may_hold_is_kept(void)
{
    struct publisher *p = publisher_new(2);
    struct publisher_reader *a = publisher_reader(p, 0), *b = publisher_reader(p, 1);
    struct freed freed = {0};

    publisher_publish(p, catalog_of(1));
    const struct catalog *held = publisher_acquire(b);
    publisher_publish(p, catalog_of(2));
    publisher_quiescent(a);
    publisher_reclaim(p, note, &freed);
    CHECK_INT(freed.n, 0);
    CHECK_INT(held->revision, 1);
    publisher_quiescent(b);
    publisher_reclaim(p, note, &freed);
    CHECK_INT(freed.n, 1);
    CHECK_INT(freed.revisions[0], 1);
    CHECK_INT(publisher_acquire(a)->revision, 2);
    publisher_free(p);
}

/* A quiescent point counts for what was published before it only. */
static void catalogs_go_one_by_one_in_their_order(void)
{
    struct publisher *p = publisher_new(1);
    struct publisher_reader *a = publisher_reader(p, 0);
    struct freed freed = {0};

    for (uint64_t i = 1; i <= 3; i++)
        publisher_publish(p, catalog_of(i));
    publisher_quiescent(a);
    publisher_publish(p, catalog_of(4));
    publisher_reclaim(p, note, &freed);
    CHECK_INT(freed.n, 2);
    CHECK_INT(freed.revisions[0], 1);
    CHECK_INT(freed.revisions[1], 2);
    publisher_quiescent(a);
    publisher_reclaim(p, note, &freed);
    publisher_reclaim(p, note, &freed);
    CHECK_INT(freed.n, 3);
    CHECK_INT(freed.revisions[2], 3);
    publisher_free(p);
}

/* For what hangs beside the catalog: nothing is replaced, and the readers are waited for all the
 * same. */
static void publishing_nothing_keeps_the_catalog(void)
{
    struct publisher *p = publisher_new(1);
    struct freed freed = {0};

    publisher_publish(p, catalog_of(1));
    uint64_t epoch = publisher_publish(p, NULL);
    CHECK_INT(publisher_newest(p)->revision, 1);
    CHECK(!publisher_passed(p, epoch));
    publisher_quiescent(publisher_reader(p, 0));
    CHECK(publisher_passed(p, epoch));
    publisher_reclaim(p, note, &freed);
    CHECK_INT(freed.n, 0);
    CHECK_INT(publisher_newest(p)->revision, 1);
    publisher_free(p);
}

static void freeing_takes_what_waits_along(void)
{
    struct publisher *p = publisher_new(1);

    publisher_publish(p, catalog_of(1));
    publisher_publish(p, catalog_of(2));
    publisher_free(p); /* the leak checker is the judge */
    publisher_free(publisher_new(1));
    publisher_free(NULL);
}

int main(void)
{
    RUN(readers_find_the_newest);
    RUN(an_epoch_is_passed_by_all_or_not_at_all);
    RUN(what_a_reader_may_hold_is_kept);
    RUN(catalogs_go_one_by_one_in_their_order);
    RUN(publishing_nothing_keeps_the_catalog);
    RUN(freeing_takes_what_waits_along);
    return test_end();
}

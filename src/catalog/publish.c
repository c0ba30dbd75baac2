#include "catalog/publish.h"

#include "base/list.h"

#include <stdatomic.h>

struct publisher_reader {
    _Alignas(64) _Atomic uint64_t
        passed; /* the newest epoch that was published before its last quiescent point */
    struct publisher *publisher;
};

struct retired {
    struct list link;
    struct catalog *catalog;
    uint64_t epoch; /* free once every reader has passed it */
};

struct publisher {
    _Alignas(64) _Atomic(struct catalog *) newest;
    _Atomic uint64_t epoch;
    size_t n_readers;
    struct publisher_reader *readers;
    struct list retired;
};

struct publisher *publisher_new(size_t n_readers)
{
    struct publisher *p = aligned_alloc(64, sizeof(*p));

    if (!p)
        abort();
    memset(p, 0, sizeof(*p));
    p->n_readers = n_readers;
    p->readers = aligned_alloc(64, n_readers * sizeof(*p->readers));
    if (!p->readers)
        abort();
    memset(p->readers, 0, n_readers * sizeof(*p->readers));
    for (size_t i = 0; i < n_readers; i++)
        p->readers[i].publisher = p;
    list_init(&p->retired);
    return p;
}

void publisher_free(struct publisher *p)
{
    if (!p)
        return;
    list_for_each_safe (node, &p->retired) {
        struct retired *r = list_entry(node, struct retired, link);

        catalog_free(r->catalog);
        mem_free(r);
    }
    catalog_free(p->newest);
    mem_free(p->readers);
    mem_free(p);
}

struct publisher_reader *publisher_reader(struct publisher *p, size_t index)
{
    return &p->readers[index];
}

const struct catalog *publisher_acquire(const struct publisher_reader *r)
{
    /* acquire: pairs with the exchange in publisher_publish, so that the catalog's content is seen
     * whole. */
    return atomic_load_explicit(&r->publisher->newest, memory_order_acquire);
}

uint64_t publisher_epoch(const struct publisher_reader *r)
{
    return atomic_load_explicit(&r->publisher->epoch, memory_order_acquire);
}

void publisher_pass(struct publisher_reader *r, uint64_t epoch)
{
    /* Looking first keeps the line shared while nothing changes. release: what this reader did with
     * the old catalog comes before; pairs with the acquire in publisher_passed. */
    if (atomic_load_explicit(&r->passed, memory_order_relaxed) != epoch)
        atomic_store_explicit(&r->passed, epoch, memory_order_release);
}

void publisher_quiescent(struct publisher_reader *r)
{
    publisher_pass(r, publisher_epoch(r));
}

uint64_t publisher_publish(struct publisher *p, struct catalog *catalog)
{
    struct catalog *old = catalog ? atomic_exchange(&p->newest, catalog) : NULL;
    /* After the swap: a reader that has passed this epoch has loaded the pointer anew since. */
    uint64_t epoch = atomic_fetch_add(&p->epoch, 1) + 1;

    if (old) {
        struct retired *r = mem_alloc(sizeof(*r));

        *r = (struct retired){.catalog = old, .epoch = epoch};
        list_init(&r->link);
        list_append(&p->retired, &r->link);
    }
    return epoch;
}

bool publisher_passed(const struct publisher *p, uint64_t epoch)
{
    for (size_t i = 0; i < p->n_readers; i++)
        if (atomic_load_explicit(&p->readers[i].passed, memory_order_acquire) < epoch)
            return false;
    return true;
}

void publisher_reclaim(struct publisher *p, void (*on_free)(void *ctx, struct catalog *catalog),
                       void *ctx)
{
    while (!list_empty(&p->retired)) {
        struct retired *oldest = list_first(&p->retired, struct retired, link);

        if (!publisher_passed(p, oldest->epoch))
            return;
        if (on_free)
            on_free(ctx, oldest->catalog);
        catalog_free(oldest->catalog);
        list_remove(&oldest->link);
        mem_free(oldest);
    }
}

struct catalog *publisher_newest(const struct publisher *p)
{
    return atomic_load_explicit(&p->newest, memory_order_acquire);
}

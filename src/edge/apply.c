#include "edge/apply.h"

#include "edge/edge.h"

#include <assert.h>

enum customer_op { OP_PUT, OP_GONE };

struct customer_change {
    struct list link;
    enum customer_op op;
    struct buf payload;
};

struct change {
    struct list link;
    uint64_t revision;
    struct catalog *catalog; /* NULL: unchanged */
    struct customers *all;   /* of a full snapshot; NULL: deltas only */
    struct list customers;   /* struct customer_change, in order */
};

enum step { STEP_IDLE, STEP_CATALOG, STEP_CUSTOMERS };

struct apply {
    struct edge *edge;
    apply_done_fn on_in_force;
    void *ctx;
    struct change *building;
    struct list waiting; /* committed, in order; the first is under way */
    enum step step;
    uint64_t epoch;
};

struct apply *apply_new(struct edge *edge, apply_done_fn on_in_force, void *ctx)
{
    struct apply *a = mem_zalloc(sizeof(*a));

    a->edge = edge;
    a->on_in_force = on_in_force;
    a->ctx = ctx;
    list_init(&a->waiting);
    return a;
}

static void change_free(struct change *change)
{
    if (!change)
        return;
    list_for_each_safe (node, &change->customers) {
        struct customer_change *part = list_entry(node, struct customer_change, link);

        buf_deinit(&part->payload);
        mem_free(part);
    }
    catalog_free(change->catalog);
    customers_free(change->all);
    mem_free(change);
}

void apply_free(struct apply *a)
{
    if (!a)
        return;
    change_free(a->building);
    list_for_each_safe (node, &a->waiting)
        change_free(list_entry(node, struct change, link));
    mem_free(a);
}

static struct change *building(struct apply *a)
{
    if (!a->building) {
        a->building = mem_zalloc(sizeof(*a->building));
        list_init(&a->building->link);
        list_init(&a->building->customers);
    }
    return a->building;
}

bool apply_catalog(struct apply *a, str payload)
{
    struct wire_reader r = {.rest = payload};
    uint64_t revision = wire_take_u64(&r);
    str bytes = wire_take_str(&r);
    struct catalog *catalog = r.failed || r.rest.n ? NULL : catalog_decode(bytes);

    if (!catalog || catalog->revision != revision) {
        catalog_free(catalog);
        return false;
    }
    catalog_free(building(a)->catalog);
    building(a)->catalog = catalog;
    return true;
}

bool apply_customers_reset(struct apply *a)
{
    struct change *change = building(a);

    if (!change->all)
        change->all = customers_new();
    return true;
}

/* A count and that many whole records, nothing behind them. Looked at before they are kept: a
 * change that is under way can't be refused any more. */
static bool are_whole(enum customer_op op, str records)
{
    size_t record_bytes = op == OP_PUT ? CUSTOMER_WIRE_BYTES : CUSTOMER_ID_WIRE_BYTES;
    struct wire_reader r = {.rest = records};
    uint32_t n = wire_take_count(&r, record_bytes);
    struct customer customer;

    if (r.failed || r.rest.n != n * record_bytes)
        return false;
    while (op == OP_PUT && r.rest.n && !r.failed)
        customer_decode(&r, &customer);
    return !r.failed;
}

static bool keep(struct change *change, enum customer_op op, str records)
{
    if (!are_whole(op, records))
        return false;
    struct customer_change *part = mem_zalloc(sizeof(*part));

    part->op = op;
    buf_init(&part->payload, 0);
    buf_put_str(&part->payload, records);
    list_init(&part->link);
    list_append(&change->customers, &part->link);
    return true;
}

bool apply_customers(struct apply *a, str payload)
{
    struct wire_reader r = {.rest = payload};
    struct change *change = building(a);

    wire_take_u64(&r);
    if (change->all)
        return customers_apply(&r, change->all) && r.rest.n == 0;
    return !r.failed && keep(change, OP_PUT, r.rest);
}

bool apply_customers_gone(struct apply *a, str payload)
{
    struct wire_reader r = {.rest = payload};

    wire_take_u64(&r);
    return !r.failed && keep(building(a), OP_GONE, r.rest);
}

static void change_customers(struct customers *customers, struct change *change)
{
    if (change->all)
        customers_replace(customers, change->all);
    list_for_each (node, &change->customers) {
        struct customer_change *part = list_entry(node, struct customer_change, link);
        struct wire_reader r = {.rest = buf_str(&part->payload)};
        bool fine = part->op == OP_PUT ? customers_apply(&r, customers)
                                       : customers_apply_gone(&r, customers);

        assert(fine); /* are_whole has looked */
        (void)fine;
    }
}

static void go_on(struct apply *a);

static void wait_for_workers(struct apply *a, uint64_t epoch, enum step step)
{
    a->epoch = epoch;
    a->step = step;
    edge_wake_workers(a->edge);
}

static void begin(struct apply *a)
{
    struct change *change = list_first(&a->waiting, struct change, link);

    if (!change->catalog) {
        a->step = STEP_CATALOG;
        go_on(a);
        return;
    }
    struct catalog *catalog = TAKE(change->catalog);
    edge_attach(a->edge, catalog);
    atomic_fetch_add(&a->edge->policy_count, 1);
    uint64_t epoch = publisher_publish(a->edge->publisher, catalog);
    atomic_fetch_add(&a->edge->policy_count, 1);
    edge_published(a->edge, catalog, epoch);
    wait_for_workers(a, epoch, STEP_CATALOG);
}

static void go_on(struct apply *a)
{
    struct change *change = list_first(&a->waiting, struct change, link);
    uint64_t revision = change->revision;

    if (a->step == STEP_CATALOG) {
        atomic_fetch_add(&a->edge->policy_count, 1);
        change_customers(a->edge->customers, change);
        customers_seal(a->edge->customers);
        uint64_t epoch = publisher_publish(a->edge->publisher, NULL);
        atomic_fetch_add(&a->edge->policy_count, 1);
        wait_for_workers(a, epoch, STEP_CUSTOMERS);
        return;
    }
    customers_reclaim(a->edge->customers);
    publisher_reclaim(a->edge->publisher, NULL, NULL);
    list_remove(&change->link);
    change_free(change);
    a->step = STEP_IDLE;
    a->on_in_force(a->ctx, revision);
    if (!list_empty(&a->waiting) && a->step == STEP_IDLE)
        begin(a);
}

void apply_commit(struct apply *a, uint64_t revision)
{
    struct change *change = building(a);

    change->revision = revision;
    list_append(&a->waiting, &change->link);
    a->building = NULL;
    if (a->step == STEP_IDLE)
        begin(a);
}

void apply_abandon(struct apply *a)
{
    change_free(TAKE(a->building));
}

void apply_worker_passed(struct apply *a)
{
    if (a->step != STEP_IDLE && publisher_passed(a->edge->publisher, a->epoch))
        go_on(a);
}

bool apply_is_idle(const struct apply *a)
{
    return a->step == STEP_IDLE && list_empty(&a->waiting) && !a->building;
}

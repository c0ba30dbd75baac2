#include "catalog/customers.h"

#include "base/mem.h"
#include "catalog/customer_trie.h"

#include <assert.h>
#include <stdatomic.h>

enum { ENCODE_STEP = 64 };

/* What readers see: never changes once it is published. */
struct version {
    const struct trie_node *root;
    size_t count;
    size_t with_rule;
};

/* What was retired together. Trees are freed with all below them, nodes alone. */
struct retired {
    struct trie_blocks nodes;
    struct trie_blocks trees;
    struct version **versions;
    size_t n_versions, versions_capacity;
};

struct customers {
    /* Readers load with acquire; its partner is the release store in `publish`. */
    _Atomic(struct version *) visible;
    bool is_view; /* only `visible` counts then, and it is another table's */
    bool in_batch;
    struct trie trie; /* the writer's own state: ahead of `visible` in a batch */
    struct retired open;
    struct retired sealed;
};

/* --- versions -------------------------------------------------------------- */

static const struct version *see(const struct customers *c)
{
    return atomic_load_explicit(&c->visible, memory_order_acquire);
}

static void retire_version(struct retired *r, struct version *version)
{
    if (r->n_versions == r->versions_capacity) {
        r->versions_capacity = r->versions_capacity ? 2 * r->versions_capacity : 16;
        r->versions = mem_realloc(r->versions, r->versions_capacity * sizeof(struct version *));
    }
    r->versions[r->n_versions++] = version;
}

static struct version *version_new(const struct trie *t)
{
    struct version *version = mem_alloc(sizeof(*version));

    *version = (struct version){.root = t->root, .count = t->count, .with_rule = t->with_rule};
    return version;
}

/* From here on the nodes of this generation belong to readers as well. */
static void publish(struct customers *c)
{
    struct version *old = atomic_load_explicit(&c->visible, memory_order_relaxed);

    c->trie.generation++;
    /* Pairs with `see`: whoever loads the version sees the nodes below it. */
    atomic_store_explicit(&c->visible, version_new(&c->trie), memory_order_release);
    if (old)
        retire_version(&c->open, old);
}

struct customers *customers_new(void)
{
    struct customers *c = mem_zalloc(sizeof(*c));

    c->trie.replaced = &c->open.nodes;
    publish(c);
    return c;
}

struct customers *customers_view(const struct customers *c)
{
    struct customers *view = mem_zalloc(sizeof(*view));

    view->is_view = true;
    atomic_init(&view->visible, (struct version *)see(c));
    return view;
}

/* --- reading --------------------------------------------------------------- */

struct digest128 customer_digest(const struct siphash_key *key, str customer_id)
{
    return siphash128(key, customer_id);
}

bool customers_find(const struct customers *c, struct digest128 id, struct customer *ret_customer)
{
    return trie_find(see(c)->root, id, ret_customer);
}

size_t customers_count(const struct customers *c)
{
    return see(c)->count;
}

size_t customers_with_rule(const struct customers *c)
{
    return see(c)->with_rule;
}

size_t customers_walk(const struct customers *c, struct customers_cursor *cursor,
                      struct customer *ret_found, size_t max)
{
    return trie_walk(see(c)->root, cursor, ret_found, max);
}

/* --- writing --------------------------------------------------------------- */

void customers_begin(struct customers *c)
{
    assert(!c->in_batch && !c->is_view);
    c->in_batch = true;
}

void customers_commit(struct customers *c)
{
    assert(c->in_batch);
    c->in_batch = false;
    publish(c);
}

static void changed(struct customers *c)
{
    if (!c->in_batch)
        publish(c);
}

void customers_put(struct customers *c, const struct customer *customer)
{
    assert(!c->is_view);
    trie_put(&c->trie, customer);
    changed(c);
}

bool customers_remove(struct customers *c, struct digest128 id)
{
    assert(!c->is_view);
    if (!trie_remove(&c->trie, id))
        return false;
    changed(c);
    return true;
}

void customers_replace(struct customers *c, struct customers *with_emptied)
{
    struct trie *new = &with_emptied->trie, *old = &c->trie;

    assert(!c->in_batch && !with_emptied->in_batch && !c->is_view && !with_emptied->is_view);
    if (old->root)
        trie_blocks_push(&c->open.trees, old->root);
    old->replaced_bytes += old->live_bytes;
    old->root = new->root;
    old->count = new->count;
    old->with_rule = new->with_rule;
    old->live_bytes = new->live_bytes;
    /* Generations of two tables are unrelated: the greater one owns no node of either. */
    old->generation = old->generation > new->generation ? old->generation : new->generation;
    *new = (struct trie){.generation = old->generation,
                         .replaced = new->replaced,
                         .replaced_bytes = new->replaced_bytes};
    publish(c);
    publish(with_emptied);
}

/* --- memory ---------------------------------------------------------------- */

static void blocks_append(struct trie_blocks *to, struct trie_blocks *from)
{
    if (to->n == 0) {
        struct trie_blocks empty = *to;

        *to = *from;
        *from = empty;
        return;
    }
    for (size_t i = 0; i < from->n; i++)
        trie_blocks_push(to, from->at[i]);
    from->n = 0;
}

void customers_seal(struct customers *c)
{
    assert(!c->in_batch);
    blocks_append(&c->sealed.nodes, &c->open.nodes);
    blocks_append(&c->sealed.trees, &c->open.trees);
    for (size_t i = 0; i < c->open.n_versions; i++)
        retire_version(&c->sealed, c->open.versions[i]);
    c->open.n_versions = 0;
}

static void retired_free_versions(struct retired *r)
{
    for (size_t i = 0; i < r->n_versions; i++)
        mem_free(r->versions[i]);
    r->n_versions = 0;
}

static bool retired_free_some(struct retired *r, size_t max_nodes, size_t *replaced_bytes)
{
    for (; max_nodes && r->nodes.n; max_nodes--)
        *replaced_bytes -= trie_node_free(r->nodes.at[--r->nodes.n]);
    for (; max_nodes && r->trees.n; max_nodes--)
        *replaced_bytes -= trie_blocks_free_tree_step(&r->trees);
    return r->nodes.n || r->trees.n;
}

static void retired_deinit(struct retired *r, size_t *replaced_bytes)
{
    retired_free_versions(r);
    retired_free_some(r, SIZE_MAX, replaced_bytes);
    trie_blocks_deinit(&r->nodes);
    trie_blocks_deinit(&r->trees);
    mem_free(r->versions);
}

bool customers_reclaim_some(struct customers *c, size_t max_nodes)
{
    assert(!c->in_batch);
    retired_free_versions(&c->sealed);
    return retired_free_some(&c->sealed, max_nodes, &c->trie.replaced_bytes);
}

void customers_reclaim(struct customers *c)
{
    customers_reclaim_some(c, SIZE_MAX);
}

/* A batch that is not committed may have replaced nodes that its own root no longer reaches; those
 * wait in `open` like all others. */
void customers_free(struct customers *c)
{
    if (!c)
        return;
    if (!c->is_view) {
        if (c->trie.root)
            trie_blocks_push(&c->open.trees, c->trie.root);
        c->trie.replaced_bytes += c->trie.live_bytes;
        retired_deinit(&c->open, &c->trie.replaced_bytes);
        retired_deinit(&c->sealed, &c->trie.replaced_bytes);
        mem_free(atomic_load_explicit(&c->visible, memory_order_relaxed));
    }
    mem_free(c);
}

static size_t retired_bytes(const struct retired *r)
{
    return (r->nodes.capacity + r->trees.capacity) * sizeof(struct trie_node *) +
           r->versions_capacity * sizeof(struct version *) + r->n_versions * sizeof(struct version);
}

size_t customers_memory_bytes(const struct customers *c)
{
    return sizeof(*c) + sizeof(struct version) + c->trie.live_bytes + c->trie.replaced_bytes +
           retired_bytes(&c->open) + retired_bytes(&c->sealed);
}

/* --- flat form ------------------------------------------------------------- */

void customer_encode(const struct customer *customer, struct buf *to)
{
    wire_put_u64(to, customer->id.lo);
    wire_put_u64(to, customer->id.hi);
    wire_put_u32(to, customer->rule);
    wire_put_u32(to, customer->flags);
}

bool customer_decode(struct wire_reader *r, struct customer *ret_customer)
{
    struct customer customer = {.id.lo = wire_take_u64(r)};

    customer.id.hi = wire_take_u64(r);
    customer.rule = wire_take_u32(r);
    customer.flags = wire_take_u32(r);
    if (r->failed || customer.flags & ~(uint32_t)CUSTOMER_BLOCKED) {
        r->failed = true;
        return false;
    }
    *ret_customer = customer;
    return true;
}

void customers_encode_part(const struct customers *c, struct customers_cursor *cursor,
                           size_t max_records, struct buf *to)
{
    const struct version *version = see(c); /* one version, so that the count fits */
    size_t count_at = to->n, total = 0, n;
    struct customer records[ENCODE_STEP];

    wire_put_u32(to, 0);
    do {
        size_t room = max_records - total < ENCODE_STEP ? max_records - total : ENCODE_STEP;

        n = trie_walk(version->root, cursor, records, room);
        for (size_t i = 0; i < n; i++)
            customer_encode(&records[i], to);
        total += n;
    } while (n);
    if (!to->overflow)
        for (unsigned i = 0; i < 4; i++)
            to->p[count_at + i] = (char)(total >> 8 * i & 0xff);
}

void customers_encode(const struct customers *c, struct buf *to)
{
    struct customers_cursor cursor = {0};

    customers_encode_part(c, &cursor, UINT32_MAX, to);
}

/* Looks through all records before the first is put: malformed bytes change nothing. */
static bool records_valid(struct wire_reader r, uint32_t n)
{
    struct customer customer;

    for (uint32_t i = 0; i < n; i++)
        if (!customer_decode(&r, &customer))
            return false;
    return true;
}

bool customers_apply(struct wire_reader *r, struct customers *into)
{
    uint32_t n = wire_take_count(r, CUSTOMER_WIRE_BYTES);
    struct customer customer;

    if (r->failed || !records_valid(*r, n)) {
        r->failed = true;
        return false;
    }
    for (uint32_t i = 0; i < n; i++) {
        customer_decode(r, &customer);
        trie_put(&into->trie, &customer);
    }
    changed(into);
    return true;
}

bool customers_apply_gone(struct wire_reader *r, struct customers *from)
{
    uint32_t n = wire_take_count(r, CUSTOMER_ID_WIRE_BYTES);

    if (r->failed)
        return false;
    for (uint32_t i = 0; i < n; i++) {
        struct digest128 id = {.lo = wire_take_u64(r)};

        id.hi = wire_take_u64(r);
        trie_remove(&from->trie, id);
    }
    changed(from);
    return true;
}

bool customers_decode(struct wire_reader *r, struct customers *into)
{
    assert(into->trie.count == 0);
    return customers_apply(r, into);
}

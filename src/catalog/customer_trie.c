#include "catalog/customer_trie.h"

#include "base/mem.h"

#include <malloc.h>

enum { FANOUT = 16, LEVELS = 32, LEAF_MAX = 64, LEAF_STEP = 4 };

struct trie_node {
    uint64_t generation;
    bool is_leaf;
    uint8_t n; /* records of a leaf */
    uint8_t capacity;
};

struct leaf {
    struct trie_node node;
    struct customer records[];
};

struct branch {
    struct trie_node node;
    struct trie_node *children[FANOUT];
};

static unsigned nibble(struct digest128 id, unsigned level)
{
    uint64_t word = level < LEVELS / 2 ? id.lo : id.hi;

    return (unsigned)(word >> (60 - 4 * (level % (LEVELS / 2)))) & (FANOUT - 1);
}

static struct leaf *as_leaf(struct trie_node *node)
{
    return container_of(node, struct leaf, node);
}

static struct branch *as_branch(struct trie_node *node)
{
    return container_of(node, struct branch, node);
}

static size_t block_bytes(struct trie_node *node)
{
    return malloc_usable_size(node) + sizeof(size_t);
}

/* --- finding --------------------------------------------------------------- */

static unsigned leaf_find(const struct leaf *leaf, struct digest128 id)
{
    unsigned i = 0;

    while (i < leaf->node.n && !digest128_eq(leaf->records[i].id, id))
        i++;
    return i;
}

bool trie_find(const struct trie_node *root, struct digest128 id, struct customer *ret_customer)
{
    const struct trie_node *node = root;

    for (unsigned level = 0; node && !node->is_leaf; level++)
        node = container_of(node, const struct branch, node)->children[nibble(id, level)];
    if (!node)
        return false;
    const struct leaf *leaf = container_of(node, const struct leaf, node);
    unsigned i = leaf_find(leaf, id);
    if (i == leaf->node.n)
        return false;
    *ret_customer = leaf->records[i];
    return true;
}

/* --- nodes ----------------------------------------------------------------- */

void trie_blocks_push(struct trie_blocks *blocks, struct trie_node *node)
{
    if (blocks->n == blocks->capacity) {
        blocks->capacity = blocks->capacity ? 2 * blocks->capacity : 16;
        blocks->at = mem_realloc(blocks->at, blocks->capacity * sizeof(struct trie_node *));
    }
    blocks->at[blocks->n++] = node;
}

void trie_blocks_deinit(struct trie_blocks *blocks)
{
    mem_free(blocks->at);
    *blocks = (struct trie_blocks){0};
}

size_t trie_node_free(struct trie_node *node)
{
    size_t bytes = block_bytes(node);

    mem_free(node->is_leaf ? (void *)as_leaf(node) : (void *)as_branch(node));
    return bytes;
}

size_t trie_blocks_free_tree_step(struct trie_blocks *stack)
{
    struct trie_node *node = stack->at[--stack->n];

    for (unsigned i = 0; !node->is_leaf && i < FANOUT; i++)
        if (as_branch(node)->children[i])
            trie_blocks_push(stack, as_branch(node)->children[i]);
    return trie_node_free(node);
}

static struct leaf *leaf_new(struct trie *t, unsigned n_records)
{
    unsigned capacity = (n_records + LEAF_STEP - 1) / LEAF_STEP * LEAF_STEP;
    struct leaf *leaf = mem_alloc(sizeof(*leaf) + capacity * sizeof(struct customer));

    leaf->node = (struct trie_node){
        .generation = t->generation, .is_leaf = true, .capacity = (uint8_t)capacity};
    t->live_bytes += block_bytes(&leaf->node);
    return leaf;
}

static struct branch *branch_new(struct trie *t)
{
    struct branch *branch = mem_zalloc(sizeof(*branch));

    branch->node.generation = t->generation;
    t->live_bytes += block_bytes(&branch->node);
    return branch;
}

/* Takes a node out of the tree: at once if no reader can have seen it. */
static void drop(struct trie *t, struct trie_node *node)
{
    size_t bytes = block_bytes(node);

    t->live_bytes -= bytes;
    if (node->generation == t->generation) {
        trie_node_free(node);
        return;
    }
    t->replaced_bytes += bytes;
    trie_blocks_push(t->replaced, node);
}

/* Makes the leaf in *slot the writer's own, with room for n_records. */
static struct leaf *leaf_own(struct trie *t, struct trie_node **slot, unsigned n_records)
{
    struct leaf *old = as_leaf(*slot);

    if (old->node.generation == t->generation && old->node.capacity >= n_records)
        return old;
    struct leaf *leaf = leaf_new(t, n_records);
    leaf->node.n = old->node.n;
    memcpy(leaf->records, old->records, old->node.n * sizeof(struct customer));
    drop(t, *slot);
    *slot = &leaf->node;
    return leaf;
}

static struct branch *branch_own(struct trie *t, struct trie_node **slot)
{
    struct branch *old = as_branch(*slot);

    if (old->node.generation == t->generation)
        return old;
    struct branch *branch = branch_new(t);
    memcpy(branch->children, old->children, sizeof(branch->children));
    drop(t, *slot);
    *slot = &branch->node;
    return branch;
}

/* --- changing -------------------------------------------------------------- */

/* A full leaf becomes a branch of leaves. If all its records share this nibble the one leaf below
 * is full again, and the caller splits that one. */
static void leaf_split(struct trie *t, struct trie_node **slot, unsigned level)
{
    struct leaf *full = as_leaf(*slot);
    struct branch *branch = branch_new(t);
    unsigned sizes[FANOUT] = {0};

    for (unsigned i = 0; i < full->node.n; i++)
        sizes[nibble(full->records[i].id, level)]++;
    for (unsigned i = 0; i < FANOUT; i++)
        if (sizes[i])
            branch->children[i] = &leaf_new(t, sizes[i])->node;
    for (unsigned i = 0; i < full->node.n; i++) {
        struct leaf *part = as_leaf(branch->children[nibble(full->records[i].id, level)]);

        part->records[part->node.n++] = full->records[i];
    }
    drop(t, *slot);
    *slot = &branch->node;
}

static size_t has_rule(const struct customer *customer)
{
    return customer->rule != CUSTOMER_RULE_NONE;
}

/* False if the leaf is full. */
static bool leaf_put(struct trie *t, struct trie_node **slot, const struct customer *customer)
{
    struct leaf *leaf = as_leaf(*slot);
    unsigned i = leaf_find(leaf, customer->id);

    if (i == LEAF_MAX)
        return false;
    if (i < leaf->node.n) {
        leaf = leaf_own(t, slot, leaf->node.n);
        t->with_rule -= has_rule(&leaf->records[i]);
    } else {
        leaf = leaf_own(t, slot, i + 1);
        leaf->node.n++;
        t->count++;
    }
    leaf->records[i] = *customer;
    t->with_rule += has_rule(customer);
    return true;
}

void trie_put(struct trie *t, const struct customer *customer)
{
    struct trie_node **slot = &t->root;

    for (unsigned level = 0;; level++) {
        if (!*slot)
            *slot = &leaf_new(t, 1)->node;
        if ((*slot)->is_leaf) {
            if (leaf_put(t, slot, customer))
                return;
            leaf_split(t, slot, level);
        }
        slot = &branch_own(t, slot)->children[nibble(customer->id, level)];
    }
}

static bool branch_is_empty(const struct branch *branch)
{
    for (unsigned i = 0; i < FANOUT; i++)
        if (branch->children[i])
            return false;
    return true;
}

/* The last record takes the place of the removed one. */
static void leaf_remove(struct trie *t, struct trie_node **slot, unsigned i)
{
    if (as_leaf(*slot)->node.n == 1) {
        drop(t, *slot);
        *slot = NULL;
        return;
    }
    struct leaf *leaf = leaf_own(t, slot, as_leaf(*slot)->node.n);
    leaf->records[i] = leaf->records[--leaf->node.n];
}

bool trie_remove(struct trie *t, struct digest128 id)
{
    struct trie_node **path[LEVELS + 1];
    struct customer old;
    unsigned depth = 0;

    if (!trie_find(t->root, id, &old))
        return false;
    path[0] = &t->root;
    while (!(*path[depth])->is_leaf) {
        struct branch *branch = branch_own(t, path[depth]);

        path[depth + 1] = &branch->children[nibble(id, depth)];
        depth++;
    }
    leaf_remove(t, path[depth], leaf_find(as_leaf(*path[depth]), id));
    while (!*path[depth] && depth-- > 0 && branch_is_empty(as_branch(*path[depth]))) {
        drop(t, *path[depth]);
        *path[depth] = NULL;
    }
    t->count--;
    t->with_rule -= has_rule(&old);
    return true;
}

/* --- walking --------------------------------------------------------------- */

static int digest_order(struct digest128 a, struct digest128 b)
{
    if (a.lo != b.lo)
        return a.lo < b.lo ? -1 : 1;
    return a.hi < b.hi ? -1 : a.hi > b.hi;
}

struct walk {
    struct digest128 from;
    struct customer *found;
    size_t n, max;
};

/* Leaves are unsorted so that a put is an append; a walk takes their records in order. */
static void walk_leaf(const struct leaf *leaf, struct walk *w)
{
    size_t first = w->n;

    for (unsigned i = 0; i < leaf->node.n; i++) {
        const struct customer *record = &leaf->records[i];
        size_t at = w->n;

        if (digest_order(record->id, w->from) < 0)
            continue;
        if (w->n < w->max)
            w->n++;
        else if (at == first || digest_order(w->found[--at].id, record->id) < 0)
            continue;
        while (at > first && digest_order(w->found[at - 1].id, record->id) > 0) {
            w->found[at] = w->found[at - 1];
            at--;
        }
        w->found[at] = *record;
    }
}

/* `on_edge`: the path so far is a prefix of the cursor, so that children before its nibble are
 * skipped. */
static void walk_node(const struct trie_node *node, unsigned level, bool on_edge, struct walk *w)
{
    if (!node)
        return;
    if (node->is_leaf) {
        walk_leaf(container_of(node, const struct leaf, node), w);
        return;
    }
    unsigned first = on_edge ? nibble(w->from, level) : 0;
    const struct branch *branch = container_of(node, const struct branch, node);
    for (unsigned i = first; i < FANOUT && w->n < w->max; i++)
        walk_node(branch->children[i], level + 1, on_edge && i == first, w);
}

size_t trie_walk(const struct trie_node *root, struct customers_cursor *cursor,
                 struct customer *ret_found, size_t max)
{
    struct walk w = {.from = cursor->from, .found = ret_found, .max = max};

    if (cursor->ended || max == 0)
        return 0;
    walk_node(root, 0, true, &w);
    if (w.n < max) {
        cursor->ended = true;
        return w.n;
    }
    struct digest128 last = ret_found[w.n - 1].id;
    cursor->from = (struct digest128){.lo = last.lo + (last.hi == UINT64_MAX), .hi = last.hi + 1};
    cursor->ended = last.lo == UINT64_MAX && last.hi == UINT64_MAX;
    return w.n;
}

#pragma once

/*
 * The tree under a customer table: a 16-way trie over the ids, from the highest bits down, whose
 * leaves hold up to 64 records. It is persistent: a node that readers may hold never changes, a
 * writer changes a copy of the path from the root to one leaf. Nodes carry the generation that made
 * them, and those of the writer's own, unpublished generation are changed in place, so that a batch
 * of changes copies each node once.
 *
 * Two different ids differ within 128 bits, so the depth is bounded by 32 whatever a peer sends.
 * Nothing here is atomic and nothing is freed while a reader may hold it: customers.c publishes
 * roots and decides when replaced nodes go.
 */

#include "catalog/customers.h"

struct trie_node;

/* A growing array of heap blocks. */
struct trie_blocks {
    struct trie_node **at;
    size_t n;
    size_t capacity;
};

struct trie {
    struct trie_node *root;
    size_t count;
    size_t with_rule;
    uint64_t generation; /* of the writer: nodes of it belong to no reader yet */
    size_t live_bytes;   /* of the nodes under `root`, the allocator's share included */
    size_t replaced_bytes;
    struct trie_blocks *replaced; /* where nodes go that readers may still hold */
};

bool trie_find(const struct trie_node *root, struct digest128 id, struct customer *ret_customer);
void trie_put(struct trie *t, const struct customer *customer);

/* False if there is no such record. */
bool trie_remove(struct trie *t, struct digest128 id);

/* customers_walk under one root. */
size_t trie_walk(const struct trie_node *root, struct customers_cursor *cursor,
                 struct customer *ret_found, size_t max);

void trie_blocks_push(struct trie_blocks *blocks, struct trie_node *node);
void trie_blocks_deinit(struct trie_blocks *blocks);

/* Frees the node on top of the stack alone and pushes its children, if it has any. Returns the
 * bytes freed. A whole tree is freed by pushing its root and calling this until the stack is empty.
 */
size_t trie_blocks_free_tree_step(struct trie_blocks *stack);

/* Frees one node and nothing below it. Returns the bytes freed. */
size_t trie_node_free(struct trie_node *node);

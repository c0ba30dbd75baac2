#pragma once

/*
 * The customers of an edge: fixed records, keyed by a 16-byte keyed digest of the customer's id, so
 * that no edge holds ids that are not its own. One writer (the link thread, or control's loop)
 * changes the table; readers on any thread always see one whole committed version of it, whichever
 * call they make.
 *
 * A version is a persistent tree (customer_trie.h): a commit copies the few nodes on the path to
 * what changed and swaps one pointer. Replaced nodes wait for the caller's grace period: seal, wait
 * until every reader has passed a quiescent point, reclaim (publish.h does that for an edge).
 *
 * A record is 24 bytes and costs about 30 with its share of the tree; the bar is 80 in all.
 */

#include "base/siphash.h"
#include "base/wire.h"

enum customer_flag { CUSTOMER_BLOCKED = 1 };
enum { CUSTOMER_RULE_NONE = 0xffffffff };
enum { CUSTOMER_WIRE_BYTES = 24, CUSTOMER_ID_WIRE_BYTES = 16 };

struct customer {
    struct digest128 id;
    uint32_t rule;  /* index of the catalog's rules, CUSTOMER_RULE_NONE: known and unrestricted */
    uint32_t flags; /* enum customer_flag */
};

struct customers;

struct customers *customers_new(void);
void customers_free(struct customers *c);

/* The digest of an id under the installation's key (travels in the catalog). */
struct digest128 customer_digest(const struct siphash_key *key, str customer_id);

/* Any thread, wait-free. The record is copied out. */
bool customers_find(const struct customers *c, struct digest128 id, struct customer *ret_customer);

/* A handle on the version of this moment, which later changes do not touch: whoever asks several
 * questions that must agree asks them of one view. It is freed with customers_free and holds
 * nothing back: it may be used until the next quiescent point, or, by the writer, until the next
 * reclaim. */
struct customers *customers_view(const struct customers *c);

/* Writer only. Each call is a commit of its own, unless it stands between customers_begin and
 * customers_commit: then readers see all of the batch or nothing of it. */
void customers_put(struct customers *c, const struct customer *customer);
bool customers_remove(struct customers *c, struct digest128 id);
void customers_begin(struct customers *c);
void customers_commit(struct customers *c);

/* Writer only, outside a batch. Changes retire memory; customers_reclaim frees all that was retired
 * before the latest customers_seal call: seal, wait until every reader has passed a quiescent
 * point, reclaim. customers_reclaim_some frees at most max_nodes and returns whether some remain:
 * a whole table of a million is tens of milliseconds. */
void customers_seal(struct customers *c);
void customers_reclaim(struct customers *c);
bool customers_reclaim_some(struct customers *c, size_t max_nodes);

/* Swaps the whole content of two tables (full snapshot): the old content is retired with the same
 * rules. */
void customers_replace(struct customers *c, struct customers *with_emptied);

size_t customers_count(const struct customers *c);
/* Number of customers that have a rule: with any, a request without a known customer is refused. */
size_t customers_with_rule(const struct customers *c);
/* Writer only: everything, retired memory included. */
size_t customers_memory_bytes(const struct customers *c);

/* A place in the order of ids; zero-initialised it is the beginning. It stays valid across changes:
 * it is an id, not a position. */
struct customers_cursor {
    struct digest128 from;
    bool ended;
};

/* Copies out the next records from the cursor on, at most `max`, in the order of (lo, hi), and
 * moves the cursor behind them. 0 at the end. */
size_t customers_walk(const struct customers *c, struct customers_cursor *cursor,
                      struct customer *ret_found, size_t max);

/* One record: u64 lo, u64 hi, u32 rule, u32 flags. Taking fails on flags that do not exist. */
void customer_encode(const struct customer *customer, struct buf *to);
bool customer_decode(struct wire_reader *r, struct customer *ret_customer);

/* Flat form: u32 n, n records, then a checksum by the caller. Decoding puts them into an empty
 * table; false on malformed bytes, and the table is still empty then. */
void customers_encode(const struct customers *c, struct buf *to);
bool customers_decode(struct wire_reader *r, struct customers *into);

/* The same in parts, so that a million records are not one step: appends u32 n and the next n
 * records, at most max_records. */
void customers_encode_part(const struct customers *c, struct customers_cursor *cursor,
                           size_t max_records, struct buf *to);

/* Writer only: puts u32 n records, or removes u32 n ids (u64 lo, u64 hi), into a table that may
 * have content, outside a batch as one commit. False on malformed bytes, and nothing has changed
 * then. */
bool customers_apply(struct wire_reader *r, struct customers *into);
bool customers_apply_gone(struct wire_reader *r, struct customers *from);

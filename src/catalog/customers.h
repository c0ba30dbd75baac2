#pragma once

/*
 * The customers of an edge: a hash table of fixed records, keyed by a 16-byte keyed digest of the
 * customer's id, so that no edge holds ids that are not its own. The table is a directory of small
 * copy-on-write pages: one writer (the link thread, or control's loop) replaces a page by pointer,
 * readers on any thread see the old or the new page, whole. Replaced pages are handed to the
 * writer's caller for reclamation after a grace period.
 *
 * A record costs 24 bytes plus what the page's free slots cost; the bar is 80 bytes in all.
 */

#include "base/siphash.h"
#include "base/wire.h"

enum customer_flag { CUSTOMER_BLOCKED = 1 };
enum { CUSTOMER_RULE_NONE = 0xffffffff };

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

/* Writer only. Each call may retire memory; customers_reclaim frees all that was retired before the
 * latest customers_seal call: seal, wait until every reader has passed a quiescent point, reclaim.
 */
void customers_put(struct customers *c, const struct customer *customer);
bool customers_remove(struct customers *c, struct digest128 id);
void customers_seal(struct customers *c);
void customers_reclaim(struct customers *c);

/* Swaps the whole content of two tables (full snapshot): the old content is retired with the same
 * rules. */
void customers_replace(struct customers *c, struct customers *with_emptied);

size_t customers_count(const struct customers *c);
/* Number of customers that have a rule: with any, a request without a known customer is refused. */
size_t customers_with_rule(const struct customers *c);
size_t customers_memory_bytes(const struct customers *c);

/* Flat form: records, then a checksum by the caller. Decoding puts them into an empty table; false
 * on malformed bytes. */
void customers_encode(const struct customers *c, struct buf *to);
bool customers_decode(struct wire_reader *r, struct customers *into);

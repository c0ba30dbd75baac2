#pragma once

/*
 * Names to addresses, on the loop, off the request path. One resolver for each loop.
 *
 * A name that has been asked for is an entry with its last good addresses. It is refreshed in the
 * background before its time to live ends for as long as it is in use, so that only the first
 * lookup of a name waits. A refresh that fails keeps what there was and is tried again. A name that
 * nobody has looked up for a while is forgotten, so that nobody is given addresses of old.
 * Literals, "localhost" and names below ".localhost" never go to the network; /etc/hosts comes
 * before DNS.
 *
 * Addresses of the family that the system prefers (RFC 6724) are given out in turn; one that was
 * reported as failing comes last for a while; the other family follows when all of these have
 * failed.
 *
 * The number of names is bounded: the one unused for longest makes room.
 */

#include "net/address.h"
#include "net/loop.h"

struct resolver;

struct resolver_options {
    const char *servers; /* "127.0.0.1:5353,[::1]:53"; NULL: those of /etc/resolv.conf */
    int64_t timeout_ms;  /* of one try at one server; 0: 2000 */
    int tries;           /* at each server; 0: 3 */
    int64_t min_ttl_ms;  /* bounds for what servers say; 0: 5 s and 1 h */
    int64_t max_ttl_ms;
    int64_t idle_ms;  /* a name unused for so long is forgotten; 0: 10 min */
    size_t max_names; /* 0: 1024 */
};

/* NULL only if the system's DNS configuration, or `servers`, can't be read at all. */
struct resolver *resolver_new(struct loop *loop);
struct resolver *resolver_new_with(struct loop *loop, const struct resolver_options *options);

/* Pending queries are dropped without a callback. Not from within one. */
void resolver_free(struct resolver *r);

/* Embedded by the waiter, zero-initialised; it must stay where it is until on_done or
 * resolver_cancel. */
struct resolver_query;
typedef void (*resolver_done_fn)(struct resolver_query *query,
                                 const struct net_address *address_or_null);

struct resolver_query {
    struct list link;
    void *name; /* NULL when not pending */
    uint16_t port;
    resolver_done_fn on_done;
};

/* 1: *ret_address is set. 0: query->on_done, which must be set, is called later, never before this
 * returns, with NULL if the name has no address. Negative: -EINVAL (not a name), -ENOENT (failed a
 * moment ago), -ENOSPC (too many names are being looked up). `host` is copied. */
int resolver_lookup(struct resolver *r, str host, uint16_t port, struct resolver_query *query,
                    struct net_address *ret_address);

/* Whether the name stands for the loopback interface, wherever it is looked up. */
bool resolver_is_localhost(str host);

/* No callback follows; nothing happens if the query is not pending. */
void resolver_cancel(struct resolver_query *query);

/* A connection to this address failed: lookups prefer others for a while, and if none is left, the
 * name is asked for again. */
void resolver_report_failure(struct resolver *r, str host, const struct net_address *failed);

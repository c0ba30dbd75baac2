#pragma once

/*
 * A whole edge in this process: a catalog made here and saved as a snapshot, upstreams on loopback
 * that record what reached them, and a blocking client. The edge itself runs unchanged in a thread
 * of its own and starts from the snapshot, as it does without its control plane.
 */

#include "catalog/catalog.h"
#include "catalog/customers.h"

enum { UPSTREAMS_MAX = 8, UPSTREAM_SEEN_BYTES = 64 * 1024 };

/* How an upstream answers. */
enum upstream_manner {
    UPSTREAM_ANSWERS, /* 200 with a JSON chat completion */
    UPSTREAM_STREAMS, /* 200 with events, usage and [DONE] */
    UPSTREAM_SAYS_503,
    UPSTREAM_CLOSES,    /* reads the request, then closes without an answer */
    UPSTREAM_REDIRECTS, /* 307 to another host */
};

struct gateway;

/* Each upstream serves `model` "m" in regions[i]. `customer_rule` (canonical text, NULL: none) is
 * the rule of customer "eu-only". */
struct gateway *gateway_start(const char *const *regions, size_t n, const char *customer_rule);
void gateway_stop(struct gateway *g);

void gateway_set(struct gateway *g, size_t upstream, enum upstream_manner manner);

/* Requests that reached an upstream, and the bytes of the last one. */
unsigned gateway_hits(struct gateway *g, size_t upstream);
str gateway_seen(struct gateway *g, size_t upstream);

/* Sends one request on a connection of its own and reads until the gateway closes; the answer is
 * valid until the next call. The key is filled in. */
str gateway_ask(struct gateway *g, const char *method, const char *path, const char *headers,
                const char *body);
unsigned answer_status(str answer);

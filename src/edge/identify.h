#pragma once

/*
 * Who asks: the API key of a request. A key is looked up by the SHA-256 of its text; the result is
 * remembered on the connection together with a keyed digest of the credential and the policy
 * revision, so that a client which repeats its key on a kept-alive connection costs one short hash
 * per request, and a revoked key stops at the next request.
 */

#include "catalog/catalog.h"
#include "edge/fault.h"
#include "http/server.h"

/* FAULT_NONE and the key, or FAULT_INVALID_API_KEY, FAULT_EXPIRED_API_KEY. The key is of `catalog`.
 */
enum fault identify(struct stream *client, const struct http_head *head,
                    const struct catalog *catalog, int64_t wall_ns,
                    const struct catalog_key **ret_key);

#pragma once

/*
 * What would happen to a request, without sending anything: which regions and endpoints it could
 * use, and which rule removed each other one. It asks the same functions as the edge does
 * (catalog/policy.h, catalog/eligible.h) and knows policy only: whether an endpoint is healthy or
 * busy at the moment is not its business.
 */

#include "catalog/policy.h"

#include <jansson.h>

struct explain_query {
    str model;                     /* "" : no endpoints are listed */
    const struct catalog_key *key; /* NULL: a key without rule or customer */
    const str *customers;
    size_t n_customers;
    str region; /* the request's own wish, "" for none */
};

/* A new reference: {"decision", "status", "code", "message", "rules", "regions", "endpoints", …}.
 */
json_t *explain(const struct catalog *c, const struct customers *customers,
                const struct explain_query *query);

/* A key by its id or name; NULL: none. */
const struct catalog_key *explain_find_key(const struct catalog *c, str id_or_name);

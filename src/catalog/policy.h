#pragma once

/*
 * From who asks to where it may go: the one function that turns a key, customer ids and the
 * request's own wish into a permit. The edge calls it for every attempt, control calls it for
 * `explain`: there is no second opinion.
 */

#include "catalog/catalog.h"
#include "catalog/customers.h"

enum { POLICY_MAX_CUSTOMER_IDS = 8 };

struct policy_request {
    const struct catalog_key *key;
    str customer_ids[POLICY_MAX_CUSTOMER_IDS]; /* as the request names them; equal ones once */
    struct digest128
        customers[POLICY_MAX_CUSTOMER_IDS]; /* their digests, filled by policy_add_customer */
    size_t n_customer_ids;
    const struct catalog_environment *environment; /* whose group's rule holds; NULL: none */
    str region; /* `vetted.region` or x-ambit-region, "" for none: a code pins, a zone or country
                   narrows */
};

enum policy_outcome {
    POLICY_PERMITTED,
    POLICY_UNKNOWN_CUSTOMER,   /* 403: some customer has a rule, and this request has no known
                                  customer */
    POLICY_CUSTOMER_BLOCKED,   /* 403 */
    POLICY_UNKNOWN_REGION,     /* 400: the request's own region name */
    POLICY_TOO_MANY_CUSTOMERS, /* 400 */
};

/* Adds one id that the request names (duplicates are dropped); false if there are too many. */
bool policy_add_customer(struct policy_request *r, const struct catalog *c, str id);

/* Works out the permit. On another outcome *ret_subject names the customer or region in question
 * (borrowed from the request). */
enum policy_outcome policy_permit(const struct catalog *c, const struct customers *customers,
                                  const struct policy_request *request, struct permit *ret_permit,
                                  str *ret_subject);

/* Whether a rule (an index; CATALOG_NONE: there is none) lets the gateway stand where it stands:
 * one whose region is not stated stands nowhere that a rule could allow, and a rule that is missing
 * lets nobody stand anywhere. */
bool policy_lets_gateway(const struct catalog *c, uint32_t rule);

#pragma once

/*
 * Making keys, whatever they are asked for as. A key's text is made here, shown once, and kept as
 * its hash. Nobody makes a key that may do more than their own: neither in scopes, nor in regions,
 * nor by leaving the customer, team, models or environments that theirs is bound to.
 */

#include "control/api.h"

/* "file", "api", or "system" for a master key that was made. */
const char *key_owner(const struct policy *p, const struct catalog_key *key);

/* The member `name`: that of no other key. */
bool key_take_name(struct api_call *call, const json_t *body, str *ret_name);
bool key_check_name(struct api_call *call, str name);
/* The member `expires`. */
bool key_take_expiry(struct api_call *call, const json_t *body, int64_t *ret_expires_ns);

/* Whether the maker's rule and customer hold for the key as well. */
bool key_stays_within(struct api_call *call, const struct store_key *key, str rule);
/* What the maker is limited to, where the key says nothing. */
void key_take_limits(struct api_call *call, struct store_key *key);

/* "key_…" */
str key_make_id(struct api_call *call);
/* 48 hexadecimal digits. */
str key_make_secret(struct api_call *call);

/* Stores it with the hash of `text`, as one change. The key as it is shown, a new reference; NULL
 * with an error in the answer. */
json_t *key_store(struct api_call *call, struct store_key *key, str rule, str text,
                  const char *action);

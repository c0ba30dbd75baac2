#pragma once

/*
 * The body of /customer/new and /customer/update: members that are there change the customer, null
 * clears. Fields of LiteLLM's that Ambit would not enforce are refused instead of stored, unknown
 * ones as well: a typing mistake never makes an unrestricted customer.
 */

#include "control/api.h"

/* The body with nothing in it but known members; NULL, and a 400 in the answer. The caller owns it.
 */
json_t *customer_body(struct api_call *call);

/* Its "user_id"; false and a 400. */
bool customer_body_id(struct api_call *call, const json_t *body, str *ret_id);

/* Applies its members to the row; *ret_rule is the canonical rule that the row has then, STR_NULL
 * for none. Strings are in the call's arena. False and a 400. */
bool customer_body_apply(struct api_call *call, const json_t *body, struct store_customer *row,
                         str *ret_rule);

/* "user_ids" of /customer/delete, block and unblock: each once, in the call's arena. False and a
 * 400. */
bool customer_body_ids(struct api_call *call, const str **ret_ids, size_t *ret_n);

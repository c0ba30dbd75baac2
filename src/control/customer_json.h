#pragma once

/* A customer as JSON, in LiteLLM's shape: what it has and Ambit does not enforce is null, what is
 * Ambit's own stands beside it. */

#include "store/store.h"

#include <jansson.h>

/* A new reference. */
json_t *customer_to_json(const struct store_customer *customer);

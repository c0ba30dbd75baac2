#pragma once

/* A customer as JSON, in LiteLLM's shape: what it has and Ambit does not enforce is null, what is
 * Ambit's own stands beside it. */

#include "control/change.h"

/* A new reference. */
json_t *customer_to_json(const struct store_customer *customer);

/* A customer's event in the trail; NULL `before`: it was not there, NULL `after`: it is gone. */
void customer_audit(struct change *c, str action, const struct store_customer *before,
                    const struct store_customer *after);

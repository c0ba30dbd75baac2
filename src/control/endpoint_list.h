#pragma once

/* Endpoints with their regions and how those are known, for the management API and the officer's
 * report. */

#include "control/policy.h"

#include <jansson.h>

/* Whether the replicas of a model, by its id, are to be listed. */
typedef bool (*endpoint_list_fn)(void *ctx, str model);

/* endpoint_to_json's members and "observed_header", "observed_at", "withdrawn", of the endpoints
 * that the configuration names and of the replicas of models that `shows` (NULL: of all). NULL: the
 * store failed. A new reference. */
json_t *endpoint_list(const struct policy *p, endpoint_list_fn shows, void *ctx);

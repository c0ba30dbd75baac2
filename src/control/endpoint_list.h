#pragma once

/* Endpoints with their regions and how those are known, for the management API and the officer's
 * report. */

#include "control/policy.h"

#include <jansson.h>

/* endpoint_to_json's members and "observed_header", "observed_at", "withdrawn". NULL: the store
 * failed. A new reference. */
json_t *endpoint_list(const struct policy *p);

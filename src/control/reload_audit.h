#pragma once

/* The audit trail of a reload: one event for each rule, key and endpoint that differs between the
 * catalog in force and the one that a change brings. */

#include "control/change.h"

/* `file_hash` is that of the file behind the new catalog. */
void reload_audit(struct change *c, const struct catalog *next, str file_hash);

/* Objects as the trail and the management API show them. New references. */
json_t *key_to_json(const struct catalog *c, const struct catalog_key *key);
json_t *endpoint_to_json(const struct catalog *c, const struct catalog_endpoint *endpoint);

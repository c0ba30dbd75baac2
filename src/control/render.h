#pragma once

/* Policy as JSON values, for every answer that shows some. All return new references. */

#include "catalog/catalog.h"
#include "region/permit.h"

#include <jansson.h>

/* STR_NULL becomes null; bytes that are not UTF-8 are replaced. */
json_t *render_str(str text);

/* JSON text as it was stored; null for STR_NULL. */
json_t *render_stored(str text);

/* A canonical rule as the object that one would write: {"allow":["eu"]}; null for STR_NULL. */
json_t *render_rule(str canonical);

/* The rule behind an index of the catalog, null for CATALOG_NONE. */
json_t *render_rule_at(const struct catalog *c, uint32_t index);

/* A set in words, shortened. */
json_t *render_set(const struct region_catalogue *regions, const struct region_set *set);

/* Words that spaces separate, as a list; null for none. */
json_t *render_words(str words);

/* Names of the bits of `scopes`. */
json_t *render_scopes(uint32_t scopes);

/* RFC 3339, null for 0. */
json_t *render_time(int64_t wall_ns);

/* The code of a region, null for REGION_NONE. */
json_t *render_region(const struct region_catalogue *regions, unsigned index);

/* "in_service", "region_pending", "out_of_service". */
str render_state_name(enum catalog_endpoint_state state);
/* "none", "declared", "observed", "provider". */
str render_evidence_name(enum catalog_evidence evidence);
str render_provider_name(enum catalog_provider provider);

#pragma once

/*
 * Expectations: sentences about where requests may go, checked against the catalog that a file
 * makes, so that a build fails when configuration breaks a promise. They are judged by the very
 * functions that judge requests.
 *
 *   SUBJECT... VERB PLACE [model=NAME]
 *
 *   subjects  customer=ID, key=NAME (several narrow each other); `org`: the organisation's rule
 *             alone; `anyone`: every customer of the file, and one that nobody knows
 *   verbs     never: no part of the place is permitted; only: nothing outside it is; may: all of
 *             it is
 *   model     speaks of the endpoints of that model group and its fallbacks instead of all regions:
 *             never and only count every endpoint that the permit lets in, healthy or not; may
 *             wants one in service, inside the place
 *
 * A request that is refused as a whole fulfils never and only.
 */

#include "config/config.h"

struct expectations;

/* Builds the catalog; NULL with errors in `diagnostics`. The model must outlive it. */
struct expectations *expectations_new(const struct config *config, struct diagnostics *diagnostics);
void expectations_free(struct expectations *e);

/* What the sentences are checked against: the file's catalog and its customers. */
const struct catalog *expectations_catalog(const struct expectations *e);
const struct customers *expectations_customers(const struct expectations *e);

enum expectation { EXPECTATION_HOLDS, EXPECTATION_FAILS, EXPECTATION_MALFORMED };

/* *ret_why, in `arena`, says which regions or endpoints break it, or what is wrong with the
 * sentence; "" if it holds. */
enum expectation expectations_check(const struct expectations *e, str sentence, struct arena *arena,
                                    str *ret_why);

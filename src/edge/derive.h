#pragma once

/*
 * The request that an endpoint gets, made from the client's: target, headers, credential, and on
 * the OpenAI surface the body. Everything is the exchange's memory, so that the policy may change
 * while it is sent.
 */

#include "edge/attempt.h"

/* Fills in the attempt's head and segments. */
void derive_for_openai(struct attempt *a, struct exchange *x, const struct catalog *catalog,
                       const struct catalog_endpoint *e);

/* Fills in the head; the body passes (upload.h). */
void derive_for_host(struct attempt *a, struct exchange *x, const struct catalog_endpoint *e);

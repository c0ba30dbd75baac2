#pragma once

/* What the gateway port answers without an endpoint: the list of models, health, and management
 * requests, which go to the control plane over the link. */

#include "edge/exchange.h"

/* Whether local_answer answers this kind at once, before any body. */
bool local_answers(enum surface_kind kind);
void local_answer(struct exchange *x, const struct catalog *c);

/* Relays a management request; the answer follows, or 503 where control is away. */
void local_ask_control(struct exchange *x);

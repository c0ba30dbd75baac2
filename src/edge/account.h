#pragma once

#include "edge/exchange.h"

/* When an exchange is over: its metrics, its line in the request log, its tokens against the
 * endpoint's limit. Once. */
void account(struct exchange *x);

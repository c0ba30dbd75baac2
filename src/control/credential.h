#pragma once

/* Credentials of external deployments, sealed at rest and bound to the URL that they are for: a
 * sealed text that was put beside another URL does not open. */

#include "control/policy.h"

/* In the arena; STR_NULL if the library fails. */
str credential_seal(const struct policy *p, str url, str credential, struct arena *arena);

/* The deployment's credential; "" where it has none, STR_NULL where it does not open. Whoever asks
 * wipes it. */
str credential_open(const struct policy *p, const struct fleet_deployment *d, struct arena *arena);

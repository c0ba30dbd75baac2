#pragma once

/* One owner for each object: the configuration file or the API. The file may not claim what the API
 * owns, and the API may not change what the file owns. */

#include "control/change.h"

/* Whether the file claims nothing of the API's; what it does is reported. */
bool ownership_check(struct policy *p, const struct config *config,
                     struct diagnostics *diagnostics);

/* Makes the store's customers of the file those that this configuration names; only what differs is
 * written. */
void ownership_write_customers(struct change *c, const struct config *config);

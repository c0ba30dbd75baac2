#pragma once

/* The key with every scope, for where neither the file nor the environment names one: made once,
 * kept as a hash, printed on standard output when it is made. The gateway is never open. */

#include "control/change.h"

/* Makes it, as part of a change that installs a configuration (`c->next`), if it is needed and not
 * there. It is printed before the change is durable: a text that nobody ever saw could not be
 * replaced, while one that a crash made void is followed by another. */
void master_key_ensure(struct change *c);

#pragma once

/* What the server says that a promotion or a push would do, for a person; the same for both. */

#include <jansson.h>

void plan_print(const json_t *plan);

#pragma once

/* Instance types: labels that a package or environment names and clients read. What a plane gives a
 * replica is decided there. */

#include "base/str.h"

#include <jansson.h>

struct instance_type {
    str id, name;
    uint32_t memory_mib, millicpu, gpus, gpu_memory_mib;
    str gpu_type; /* "" : none */
};

/* By id or name; the smallest for "" and whatever is not known. Never NULL. */
const struct instance_type *instance_type_find(str id_or_name);
/* NULL where it is not known. */
const struct instance_type *instance_type_known(str id_or_name);

/* New references. */
json_t *instance_type_json(const struct instance_type *t);
json_t *instance_types_json(void);

#pragma once

/* Amounts as Truss and Kubernetes write them. */

#include "base/str.h"

/* "1", "0.5", "500m" into thousandths of a processor, rounded up; false for anything else, for none
 * and for more than a million processors. */
bool truss_parse_cpu(str text, uint32_t *ret_milli);

/* "2Gi", "512Mi", "1.5G", "1048576" into bytes, rounded down: the units are k, M, G, T, P, E
 * and Ki to Ei. False for anything else and for none. */
bool truss_parse_memory(str text, uint64_t *ret_bytes);

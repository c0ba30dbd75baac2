#pragma once

#include "base/buf.h"

struct edge;

/* JSON for the control plane:
 * {"endpoints":[{id,region,in_flight,ejected,saturated,check_failed}],"regions":[{code,p50_ms,p95_ms}]}.
 */
void status_render(struct edge *edge, struct buf *to);

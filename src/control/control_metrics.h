#pragma once

#include "base/buf.h"

/* A row of a Markdown table for each of control's own metrics, as docs/metrics.md has them. */
void control_metrics_describe(struct buf *to);

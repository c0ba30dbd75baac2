#pragma once

/*
 * The control plane's end of the link, as an edge sees it: publishes catalogs that a test made,
 * beats, and notes what comes up.
 */

#include "base/buf.h"

#include <stdint.h>

struct control;

struct control *control_start(const char *link_path);
void control_stop(struct control *c);

/* Sent now and to whoever connects later. */
void control_publish(struct control *c, uint64_t revision, str catalog);
uint64_t control_confirmed(struct control *c);

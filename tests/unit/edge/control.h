#pragma once

/*
 * The control plane's end of the link, as an edge sees it: publishes catalogs that a test made,
 * beats, and notes what comes up.
 */

#include "base/buf.h"
#include "catalog/customers.h"

#include <stdint.h>

struct control;

struct control *control_start(const char *link_path);
void control_stop(struct control *c);

/* Sent now and to whoever connects later. */
void control_publish(struct control *c, uint64_t revision, str catalog);

/* A change of this customer alone: the catalog stays that of an earlier revision. */
void control_publish_customer(struct control *c, uint64_t revision,
                              const struct customer *customer);
uint64_t control_confirmed(struct control *c);

/* How often a deployment was asked to be woken, and what was last said of it. */
unsigned control_wakes(struct control *c, const char *deployment);
struct said {
    unsigned times;
    uint32_t in_flight, held;
    uint64_t begun; /* in all */
};
struct said control_said(struct control *c, const char *deployment);

#pragma once

/*
 * Looking after endpoints from the main thread, with requests that carry no content: active health
 * checks where they are configured, and for Azure endpoints without a region the probe whose
 * x-ms-region answer tells it.
 */

#include "catalog/catalog.h"
#include "net/loop.h"

struct edge;
struct health;

struct health *health_new(struct edge *edge);
void health_free(struct health *h);

/* A new catalog is in force: pending regions are probed at once, checks follow their interval.
 * Where they are switched off, what they said before is forgotten. */
void health_refresh(struct health *h);

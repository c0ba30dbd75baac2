#pragma once

/*
 * What the packages of deployments call their routes. A deployment's config.yaml never changes
 * after its making, so its text is read once and not for every catalog.
 */

#include "fleet/fleet.h"

struct package_paths;

struct package_paths *package_paths_new(void);
void package_paths_free(struct package_paths *p);

struct package_path {
    str predict, websocket; /* what they are called at a replica; good until the trimming */
};
struct package_path package_paths_of(struct package_paths *p, const struct fleet_deployment *d);

/* Lets go of deployments that are no more. */
void package_paths_trim(struct package_paths *p, const struct fleet *f);

#pragma once

/* What a fleet is made of, for the files of this folder that keep it. */

#include "fleet/fleet.h"

struct rules;

struct fleet {
    struct map by_key[FLEET_KINDS];   /* without removed objects */
    struct list objects[FLEET_KINDS]; /* with objects that the open transaction removed */
    struct fleet_object **changed;    /* by the open transaction, in the order of first touches */
    size_t n_changed, n_changed_max;
    bool in_transaction;
    struct rules *rules; /* compiled, see rules.h; no part of the state */
};

/* An object with defaults that is in no fleet yet. */
struct fleet_object *object_new(enum fleet_kind kind, str key);
void object_free(struct fleet_object *o);
/* Into the map and the list. */
void object_insert(struct fleet *f, struct fleet_object *o);

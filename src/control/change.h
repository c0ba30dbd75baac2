#pragma once

/*
 * One change of policy. Between change_begin and change_commit objects and audit events are
 * written; the commit makes them durable together with a new revision, builds the new catalog if
 * one is needed, puts the result into the policy and has it published. If anything fails nothing
 * has changed, neither in the store nor in memory.
 */

#include "control/policy.h"

#include <jansson.h>

struct change {
    struct policy *policy;
    str actor; /* key id, "file", "system" */
    int64_t at_ns;
    uint64_t revision;
    int error;           /* the store's first failure: then nothing will be committed */
    bool rebuild;        /* the catalog changes as well */
    bool fleet_written;  /* what the fleet's transaction changed is in the store's */
    struct config *next; /* takes the place of the configuration in force; NULL: it stays */
    struct customer *puts;
    size_t n_puts;
    struct digest128 *gone;
    size_t n_gone;
};

void change_begin(struct change *c, struct policy *p, str actor);

/* The index of a rule, STORE_RULE_NONE for STR_NULL. */
uint32_t change_rule(struct change *c, str canonical);

enum change_row { CHANGE_INSERT, CHANGE_UPDATE };
void change_put_customer(struct change *c, enum change_row row, const struct store_customer *to);
void change_remove_customer(struct change *c, const struct store_customer *from);

/* The fleet, with its transaction open inside this change: it is written and committed, or rolled
 * back, with the rest. The catalog is built anew if the fleet has changed. */
struct fleet *change_fleet(struct change *c);

/* Remembers the outcome of a call on the store that belongs to this change. */
void change_did(struct change *c, int result);

/* NULL `before`: it was not there; NULL `after`: it is gone. The values stay the caller's. */
void change_audit(struct change *c, str action, str object, const json_t *before,
                  const json_t *after);

/* Builds the catalog that the change would bring; NULL with errors. change_commit takes it (or NULL
 * to build one itself where the change needs one). */
struct catalog *change_build(struct change *c, struct diagnostics *diagnostics);

/* Ends the change: 0 and it is in force here, or a negative errno and nothing has changed
 * (-EINVAL: no catalog could be built, see `diagnostics`). */
int change_commit(struct change *c, struct catalog *catalog, struct diagnostics *diagnostics);
void change_abort(struct change *c);

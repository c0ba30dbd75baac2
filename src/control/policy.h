#pragma once

/*
 * The policy as control holds it: the configuration in force, what the store adds, and both joined
 * into the catalog and the table of customers that edges get. It changes in one way only: a
 * `change` (change.h) writes object, audit event and revision to the store together, and once they
 * are durable puts the result here and tells whoever publishes.
 */

#include "catalog/catalog.h"
#include "catalog/customers.h"
#include "config/config.h"
#include "control/package_paths.h"
#include "fleet/fleet.h"
#include "store/store.h"

/* What a change did, for those who pass it on to edges. */
struct publication {
    bool catalog; /* there is a new one */
    const struct customer *puts;
    size_t n_puts;
    const struct digest128 *gone;
    size_t n_gone;
};

typedef void (*policy_published_fn)(void *ctx, const struct publication *publication);

/* Whether the configuration file as it lies there is what is in force. */
enum policy_file_state { POLICY_FILE_IN_FORCE, POLICY_FILE_REFUSED };

/* A plane that cannot be used now. */
struct policy_plane_down {
    char *name;
    char *why;
};

struct policy {
    struct store *store;
    char *config_path;
    uint8_t seal_key[32];  /* for secrets at rest */
    uint16_t gateway_port; /* that the gateway listens on; 0: as configured */

    struct config *config;      /* in force; NULL until the first is installed */
    struct fleet *fleet;        /* what teams have made and what of it runs */
    struct prng random;         /* for its ids */
    struct fleet_plane *planes; /* as fleet_world_of listed them last */
    struct policy_plane_down *planes_down;
    size_t n_planes_down;
    struct package_paths *package_paths;
    struct catalog *catalog;
    struct buf catalog_bytes; /* its encoding, as edges get it */
    struct customers *customers;
    uint32_t *rule_uses; /* customers of the table with each rule, by index */
    size_t n_rule_uses;

    enum policy_file_state file_state;
    struct buf file_why; /* of the refusal */

    policy_published_fn on_published; /* may be NULL */
    void *ctx;
};

/* Opens the store and loads the customers; there is no catalog before a configuration is installed
 * (reload.h). 0 or a negative errno, logged. */
int policy_open(struct policy *p, const char *config_path, const char *data_dir);
void policy_close(struct policy *p);

uint64_t policy_revision(const struct policy *p);

/* Whether a rule's index is in the present catalog; if not, customers that have it need a new one.
 */
bool policy_knows_rule(const struct policy *p, uint32_t rule);

/* The file's key of that id, NULL: it is the API's, or the master key. */
const struct config_key *policy_file_key(const struct policy *p, str id);

/* The catalog that `config` and the store make, under `revision`; `puts` are records that are about
 * to join the table. NULL, with errors in `diagnostics`. Inside a change's transaction it sees what
 * the change has written. */
struct catalog *policy_build(const struct policy *p, const struct config *config,
                             const struct customer *puts, size_t n_puts, uint64_t revision,
                             struct diagnostics *diagnostics);

/* Puts a catalog in place of the present one, which is freed. */
void policy_set_catalog(struct policy *p, struct catalog *catalog);

/* One customer's record in the table. */
void policy_put_customer(struct policy *p, const struct customer *customer);
void policy_remove_customer(struct policy *p, struct digest128 id);

/* Settings of the store that are part of the policy. */
#define POLICY_SETTING_ORGANIZATION "organization_rule" /* canonical, set by the API */
#define POLICY_SETTING_MASTER       "master_key_hash"   /* hex, of the key that was made */
#define POLICY_SETTING_APPLIED      "configuration"     /* the file in force, sealed */
#define POLICY_SETTING_HASH         "catalog_hash"      /* of the catalog in force */

/* What going from one canonical rule to another (STR_NULL: none) means for requests. */
enum region_rule_change policy_compare_rules(const struct policy *p, str before, str after);

/* Scopes that a role comes with. */
uint32_t policy_role_scopes(enum fleet_role role);

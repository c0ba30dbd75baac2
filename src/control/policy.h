#pragma once

/*
 * The policy as control holds it: the configuration file's model, what the store adds, and both
 * joined into the catalog and the table of customers that edges get. Every change goes through the
 * store first: object, audit event and revision become durable together; only then is it published.
 */

#include "catalog/catalog.h"
#include "catalog/customers.h"
#include "config/config.h"
#include "store/store.h"

struct policy {
    struct store *store;
    struct config *config;
    char *config_path;
    struct customers *customers; /* the same records as on every edge */
    struct catalog *catalog;
    struct buf catalog_bytes;
};

/* Opens the store, reads the file, builds the first catalog. False: said why on standard error. */
bool policy_open(struct policy *p, const char *config_path, const char *data_dir);
void policy_close(struct policy *p);

uint64_t policy_revision(const struct policy *p);

/* Whether a rule's index is in the present catalog; if not, policy_rebuild must come before a
 * customer that has it is published. */
bool policy_knows_rule(const struct policy *p, uint32_t rule);

/* Builds the catalog anew under the store's present revision. False with the reasons in `ret_why`.
 */
bool policy_rebuild(struct policy *p, struct buf *ret_why);

enum policy_reload { POLICY_RELOADED, POLICY_UNCHANGED, POLICY_INVALID, POLICY_WOULD_WIDEN };
enum policy_widening { POLICY_KEEP_NARROW, POLICY_ALLOW_WIDENING };

/* Reads the file again. A file with errors, or one that would widen a rule without leave, changes
 * nothing; ret_why says what. */
enum policy_reload policy_reload(struct policy *p, enum policy_widening widening, str actor,
                                 struct buf *ret_why);

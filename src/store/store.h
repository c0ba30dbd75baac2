#pragma once

/*
 * What control must not forget: customers, keys, interned rules, settings, what probes learnt about
 * regions, endpoints that are out of service, the fleet's objects, the audit trail, and counts of
 * refusals. The interface is plain values and hides the database, so that another one can stand in.
 *
 * Everything that changes policy happens between store_begin and store_commit: the object, its
 * audit event and the new revision become durable together or not at all. One store belongs to one
 * loop; nothing here is for the request path.
 *
 * Functions return 0, a negative errno (logged here, once), or a value of enum store_outcome.
 * Strings of a returned object live in the arena that the caller gave.
 */

#include "base/arena.h"
#include "base/siphash.h"

struct store;

enum store_outcome { STORE_OK, STORE_NOT_FOUND, STORE_EXISTS };

/* Who says what an object is: the configuration file, or the management API. */
enum store_owner { STORE_OWNER_FILE, STORE_OWNER_API };

enum {
    STORE_RULE_NONE = 0xffffffff,
    STORE_HASH_BYTES = 32,
    STORE_ID_MAX = 1024, /* bytes of any id, name or alias */
};

/* Opens (making it if need be) the database in `directory`, brings its schema up to date and makes
 * sure that the installation has an id and a customer key. -ENOTSUP: a newer version wrote it. */
int store_open(const char *directory, struct store **ret_store);
void store_close(struct store *s);

/* DURABLE: acknowledged only when it would survive power loss. RELAXED: counts that may lose their
 * last seconds to power loss (never to a crash of the process). */
enum store_durability { STORE_DURABLE, STORE_RELAXED };
int store_begin(struct store *s, enum store_durability durability);
int store_commit(struct store *s);
/* Does nothing outside a transaction. */
void store_rollback(struct store *s);

/* --- the installation */

/* Borrowed until store_close. */
str store_installation(const struct store *s);
struct siphash_key store_customer_key(const struct store *s);

/* The newest policy revision; store_next_revision advances it inside the open transaction. */
uint64_t store_revision(const struct store *s);
int store_next_revision(struct store *s, uint64_t *ret_revision);

int store_setting_get(struct store *s, const char *name, struct arena *arena, str *ret_value);
int store_setting_put(struct store *s, const char *name, str value);
int store_setting_delete(struct store *s, const char *name);

/* --- rules: canonical text ↔ index, given out once and never reused */

int store_rule_intern(struct store *s, str canonical, uint32_t *ret_index);

typedef int (*store_rule_fn)(void *ctx, uint32_t index, str canonical);
int store_rule_each(struct store *s, store_rule_fn each, void *ctx);

/* --- customers */

struct store_customer {
    str id;
    struct digest128 digest;
    str alias; /* STR_NULL: none */
    bool blocked;
    uint32_t rule;
    str allowed_model_region; /* JSON as it was written, STR_NULL: none */
    str primary, secondary;   /* STR_NULL: none */
    str metadata;             /* JSON object, STR_NULL: none */
    enum store_owner owner;
    int64_t created_ns, updated_ns;
};

/* STORE_EXISTS leaves the customer there is. */
int store_customer_insert(struct store *s, const struct store_customer *customer);
/* Everything but `created_ns`; STORE_NOT_FOUND. */
int store_customer_update(struct store *s, const struct store_customer *customer);
int store_customer_delete(struct store *s, str id);
int store_customer_get(struct store *s, str id, struct arena *arena,
                       struct store_customer *ret_customer);

/* In order of id, after `after` ("" : from the first), at most `limit`. */
typedef int (*store_customer_fn)(void *ctx, const struct store_customer *customer);
int store_customer_each(struct store *s, str after, uint64_t limit, store_customer_fn each,
                        void *ctx);

/* Those of one owner, in order of id. */
int store_customer_each_owned(struct store *s, enum store_owner owner, store_customer_fn each,
                              void *ctx);

/* The start: what the customer table needs and nothing else, read off one index. */
struct store_customer_record {
    struct digest128 digest;
    uint32_t rule;
    bool blocked;
};
typedef void (*store_customer_record_fn)(void *ctx, const struct store_customer_record *record);
int store_customer_load(struct store *s, store_customer_record_fn each, void *ctx);

/* --- keys made through the API */

struct store_key {
    str id; /* "key_…" */
    uint8_t hash[STORE_HASH_BYTES];
    str name;
    uint32_t scopes;
    uint32_t rule;
    str customer;       /* STR_NULL: not bound */
    int64_t expires_ns; /* 0: never */
    int64_t created_ns;
    str type;         /* "WORKSPACE_INVOKE" and so on; "" : made by its scopes alone */
    str team;         /* "" : of all teams */
    str user;         /* whose personal key it is, "" : nobody's */
    str models;       /* ids that it is limited to, separated by spaces; "" : none */
    str environments; /* names, in the same way */
};

/* STORE_EXISTS: id, hash or name is taken. */
int store_key_insert(struct store *s, const struct store_key *key);
int store_key_update(struct store *s, const struct store_key *key);
int store_key_delete(struct store *s, str id);
int store_key_get(struct store *s, str id, struct arena *arena, struct store_key *ret_key);
typedef int (*store_key_fn)(void *ctx, const struct store_key *key);
int store_key_each(struct store *s, store_key_fn each, void *ctx);

/* --- endpoints */

/* What an upstream said about where it is; belongs to one revision of the endpoint's origin. */
struct store_observed {
    str endpoint;
    uint64_t origin_revision;
    str header; /* as it came */
    str region; /* region code, country or zone */
    int64_t at_ns;
};

int store_observed_put(struct store *s, const struct store_observed *observed);
typedef int (*store_observed_fn)(void *ctx, const struct store_observed *observed);
int store_observed_each(struct store *s, store_observed_fn each, void *ctx);

/* What was not there is no failure. */
int store_observed_delete(struct store *s, str endpoint);

/* Endpoints that stay out of service until an operator returns them. */
struct store_withdrawn {
    str endpoint;
    str reason;
    str observed; /* the region header that contradicted, "" if an operator took it out */
    int64_t since_ns;
};

int store_withdrawn_put(struct store *s, const struct store_withdrawn *withdrawn);
int store_withdrawn_delete(struct store *s, str endpoint);
typedef int (*store_withdrawn_fn)(void *ctx, const struct store_withdrawn *withdrawn);
int store_withdrawn_each(struct store *s, store_withdrawn_fn each, void *ctx);

/* --- what the officer reads */

struct store_audit {
    uint64_t id; /* given by the store, ascending */
    int64_t at_ns;
    str actor;         /* key id, "file", "system" */
    str action;        /* "customer.update" */
    str object;        /* id of what was changed */
    str before;        /* JSON, STR_NULL: was not there */
    str after;         /* JSON, STR_NULL: is gone */
    uint64_t revision; /* the policy revision that brought it, 0: none */
};

int store_audit_append(struct store *s, const struct store_audit *event);
/* Newest first, ids below `before` (0: from the newest), at most `limit`; `object` "" for all. */
typedef int (*store_audit_fn)(void *ctx, const struct store_audit *event);
int store_audit_each(struct store *s, uint64_t before, str object, uint64_t limit,
                     store_audit_fn each, void *ctx);

struct store_refusals {
    str day; /* "2026-11-21", UTC */
    str source;
    str code;
    str subject;
    str group;
    uint64_t count;
};

/* Adds to the day's count. */
int store_refusals_add(struct store *s, const struct store_refusals *refusals);
/* Days at or after `from`, newest day first. */
typedef int (*store_refusals_fn)(void *ctx, const struct store_refusals *refusals);
int store_refusals_each(struct store *s, str from, store_refusals_fn each, void *ctx);

/* --- the fleet's objects: JSON bodies by kind and key */

int store_object_put(struct store *s, str kind, str key, uint64_t version, str body);
/* What was not there is no failure. */
int store_object_delete(struct store *s, str kind, str key);
/* In the order of their making. */
typedef int (*store_object_fn)(void *ctx, str kind, str key, uint64_t version, str body);
int store_object_each(struct store *s, store_object_fn each, void *ctx);

#pragma once

/*
 * The fleet: what teams have made (models, environments, deployments) and what of it runs. All of
 * it is objects of a few kinds, each a struct with a table of fields (fleet/fields.h) from which
 * copying, comparing, and the JSON form in the store follow.
 *
 * Objects change inside a transaction only: fleet_begin, then fleet_edit / fleet_add /
 * fleet_remove, then fleet_commit, which hands every changed object with its new version to the
 * store (all or none), or fleet_rollback, after which the memory is as it was. So memory and store
 * never differ, whatever fails between them.
 *
 * What decides (promotion, placement, supervision) is written as functions of fleet, observations
 * and time: controller.h. Nothing in this folder does I/O, reads a clock, or draws randomness of
 * its own.
 */

#include "base/list.h"
#include "base/map.h"
#include "base/random.h"
#include "base/str.h"
#include "region/rule.h"

struct fleet;

/* The kinds, with their names in the store. */
#define FLEET_KIND_TABLE(X)                                                                        \
    X(TEAM, team)                                                                                  \
    X(USER, user)                                                                                  \
    X(GROUP, group)                                                                                \
    X(MODEL, model)                                                                                \
    X(ENVIRONMENT, environment)                                                                    \
    X(DEPLOYMENT, deployment)                                                                      \
    X(PROMOTION, promotion)                                                                        \
    X(REPLICA, replica)                                                                            \
    X(SECRET, secret)                                                                              \
    X(USAGE, usage)                                                                                \
    X(LEFTOVER, leftover)                                                                          \
    X(PACKAGE, package)

enum fleet_kind {
#define X(id, name) FLEET_##id,
    FLEET_KIND_TABLE(X)
#undef X
        FLEET_KINDS
};

/* The first member of every object. Strings of an object are its own: fleet_set_str replaces one.
 */
struct fleet_object {
    enum fleet_kind kind;
    str key;          /* unique within the kind; never changes */
    uint64_t version; /* of the transaction that changed it last: its ETag */
    struct list link; /* of the fleet's objects of this kind, in the order of their making */
    struct fleet_object *before; /* as it was when the open transaction first touched it */
    bool added, removed;         /* by the open transaction */
    size_t slot;                 /* scratch of a walk over the fleet; means nothing after it */
};

/* --- kinds
 *
 * Keys: team, user, model, deployment, promotion, replica, usage, leftover: the id. group:
 * "{team}/{name}". environment: "{model}/{name}". secret: "{team}/{name}". package:
 * "{team}/{sha256}". Times are wall clock
 * nanoseconds, 0: never. Ids of models, deployments, environments and so on that an object names
 * are keys of those kinds. */

struct fleet_team {
    struct fleet_object object;
    str id, name;
    bool is_default;
    int64_t created_ns;
};

enum fleet_role { ROLE_MEMBER, ROLE_TEAM_ADMIN, ROLE_ORGANIZATION_ADMIN };

/* Personal keys belong to a user and have what the role allows. */
struct fleet_user {
    struct fleet_object object;
    str id, email, name;
    str *teams; /* ids; the organisation's admins are in all */
    size_t n_teams;
    enum fleet_role role;
    int64_t created_ns;
};

/* An environment group: an environment name within a team. */
struct fleet_group {
    struct fleet_object object;
    str team, name;
    str rule;              /* canonical region rule, "" : none */
    bool standard_refused; /* standard_endpoint: refuse */
    bool restricted;       /* manage_access.is_restricted */
    str *user_ids;         /* who may manage it, beside the admins */
    size_t n_user_ids;
    bool of_file; /* the configuration owns it: the API refuses to change it with 409 */
    int64_t created_ns;
};

struct fleet_model {
    struct fleet_object object;
    str id, team, name;
    bool chain; /* its host begins with chain-, its entry's deployments are its own */
    int64_t created_ns;
    uint32_t n_deployments_made; /* for default names: deployment-1, … */
};

/* Autoscaling as documented; each environment's, and what a deployment has in force. */
struct fleet_autoscaling {
    uint32_t min_replica;                   /* 0 */
    uint32_t max_replica;                   /* 1 */
    uint32_t autoscaling_window_s;          /* 60 */
    uint32_t scale_down_delay_s;            /* 900 */
    uint32_t concurrency_target;            /* 1 */
    uint32_t target_utilization_percentage; /* 70 */
    uint32_t max_scale_down_rate;           /* 50 */
    uint32_t target_in_flight_tokens;       /* 0: null */
};

enum fleet_cleanup { CLEANUP_SCALE_TO_ZERO, CLEANUP_KEEP, CLEANUP_DEACTIVATE };

struct fleet_promotion_settings {
    bool redeploy_on_promotion;
    bool rolling_deploy;
    uint32_t max_surge_percent;          /* 10 */
    uint32_t max_unavailable_percent;    /* 0 */
    uint32_t stabilization_time_s;       /* 0 */
    uint32_t replica_overhead_percent;   /* 0 */
    enum fleet_cleanup cleanup_strategy; /* promotion_cleanup_strategy */
    bool ramp_up_while_promoting;
    uint32_t ramp_up_duration_s; /* 600 */
};

struct fleet_environment {
    struct fleet_object object;
    str model, name;
    str current;   /* deployment, "" : none yet */
    str promotion; /* the one in progress, "" : none */
    str last_promotion;
    str instance_type; /* "" : its current deployment's */
    struct fleet_autoscaling autoscaling;
    struct fleet_promotion_settings promotion_settings;
    int64_t created_ns;
};

/* Reported to clients by these names (DEPLOYMENT_STATUS names in deployment_status.h). */
#define FLEET_STATUS_TABLE(X)                                                                      \
    X(BUILDING)                                                                                    \
    X(BUILD_FAILED)                                                                                \
    X(BUILD_STOPPED)                                                                               \
    X(DEPLOYING)                                                                                   \
    X(DEPLOY_FAILED)                                                                               \
    X(LOADING_MODEL)                                                                               \
    X(ACTIVE)                                                                                      \
    X(UNHEALTHY)                                                                                   \
    X(UPDATING)                                                                                    \
    X(SCALED_TO_ZERO)                                                                              \
    X(WAKING_UP)                                                                                   \
    X(DEACTIVATING)                                                                                \
    X(INACTIVE)                                                                                    \
    X(FAILED)

enum fleet_status {
#define X(id) STATUS_##id,
    FLEET_STATUS_TABLE(X)
#undef X
        FLEET_STATUSES
};

/* PACKAGE: a Truss package that a plane runs. EXTERNAL: a server that others run, at `url` in
 * `region`. */
enum fleet_source { SOURCE_PACKAGE, SOURCE_EXTERNAL };
enum fleet_target { TARGET_RUN, TARGET_SLEEP, TARGET_INACTIVE };

struct fleet_deployment {
    struct fleet_object object;
    str id, model, name;
    enum fleet_source source;
    str package;          /* SHA-256 of the archive in hex; "" for external */
    str copied_from;      /* deployment that a promotion redeployed, "" */
    str image;            /* id under which its package was built: its own, or that of the first it
                             was copied from, since a copy is never built again */
    str config;           /* JSON text of config.yaml, parsed */
    str raw_config;       /* as it was sent */
    str url, region;      /* external: where it is; region as an operator declares it */
    str credential;       /* external: sealed; "" : none */
    str labels;           /* JSON object, "" : none */
    str instance_type;    /* name, "" : fleet_instance_type */
    str environment;      /* name of the environment it is in, or is a candidate of; "" : none */
    str told_environment; /* the name that its replicas are told, those that run as well */
    str rule;             /* canonical: the environment group's, which its replicas were placed
                             under; "" : none */
    bool development;
    bool was_active; /* has been ACTIVE once: only then can it be SCALED_TO_ZERO */
    bool built;
    enum fleet_status status;
    str why; /* of a failed status, for people */
    enum fleet_target target;
    bool has_autoscaling; /* null until deployed */
    struct fleet_autoscaling autoscaling;
    uint32_t restarts;   /* of replicas in a row without one becoming ready */
    int64_t restart_ns;  /* not before then */
    int64_t deadline_ns; /* of getting ready; 0: none */
    int64_t used_ns;     /* newest demand, to within a few seconds */
    int64_t created_ns, deactivated_ns;
    int64_t deploy_timeout_ns; /* as its push said; 0: the world's */
};

/* As documented; the last three are terminal. */
#define FLEET_PROMOTION_TABLE(X)                                                                   \
    X(RELEASING)                                                                                   \
    X(RAMPING_UP)                                                                                  \
    X(RAMPING_DOWN)                                                                                \
    X(PAUSED)                                                                                      \
    X(SUCCEEDED)                                                                                   \
    X(FAILED)                                                                                      \
    X(CANCELED)

enum fleet_promotion_status {
#define X(id) PROMOTION_##id,
    FLEET_PROMOTION_TABLE(X)
#undef X
        FLEET_PROMOTION_STATUSES
};

struct fleet_promotion {
    struct fleet_object object;
    str id, environment; /* key */
    str source;          /* the deployment that was asked for */
    str candidate;       /* it, or the one that was made from its package */
    str previous;        /* what was current, "" : nothing */
    bool redeployed;
    str reason; /* why redeployed or reused, from one table */
    bool scale_down_previous, preserve_instance_type;
    bool pushed; /* the candidate was made by a push to the environment */
    /* What a candidate that is reused was before, for a failure. */
    str candidate_environment, candidate_rule, candidate_told;
    enum fleet_target candidate_target;
    uint32_t candidate_replicas; /* that have to be ready for the swap */
    enum fleet_promotion_status status;
    uint32_t percent_traffic;
    str error; /* of FAILED */
    str actor;
    int64_t started_ns, deadline_ns, ended_ns;
};

enum fleet_replica_state {
    REPLICA_PENDING,   /* decided, not started yet */
    REPLICA_STARTING,  /* its process runs, it is not ready */
    REPLICA_READY,     /* takes requests */
    REPLICA_UNHEALTHY, /* has been ready, its readiness fails: no requests */
    REPLICA_STOPPING,  /* takes no new requests, finishes those it has */
    REPLICA_GONE,      /* its process has ended; it is removed next */
    FLEET_REPLICA_STATES
};

struct fleet_replica {
    struct fleet_object object;
    str id, deployment;
    str plane, region;
    enum fleet_replica_state state;
    uint32_t port;
    str identity;    /* hex: what it proves on each connection */
    str environment; /* that it has confirmed to be in, "" : none; "?" : told, not confirmed */
    str why;         /* of its end */
    str usage;       /* the row that its time counts in, "" : none */
    int64_t created_ns, started_ns, ready_ns, stopping_ns, gone_ns;
};

struct fleet_secret {
    struct fleet_object object;
    str id, team, name;
    str sealed; /* control/seal.h */
    int64_t created_ns;
};

/* Billing history: a deployment's time in an environment. It outlives both. */
struct fleet_usage {
    struct fleet_object object;
    str id, model, model_name, environment, deployment, region, instance_type;
    int64_t from_ns, to_ns; /* 0: goes on */
    uint64_t replica_ms;    /* of replicas that have ended: fleet_usage_ms adds the others' */
};

/* A deployment that is no more, until what it left outside has been removed. */
struct fleet_leftover {
    struct fleet_object object;
    str id;           /* of the deployment */
    str image;        /* the deployment's */
    int64_t alone_ns; /* since when no replica of it is left; 0: one is */
};

/* An archive that was uploaded. */
struct fleet_package {
    struct fleet_object object;
    str team;   /* "" : none's, as keys of the workspace upload them */
    str sha256; /* of its bytes, in hex: its name */
    uint64_t bytes;
    int64_t uploaded_ns; /* the last time */
};

/* --- the fleet */

struct fleet *fleet_new(void);
void fleet_free(struct fleet *f);

/* Objects of a kind, in the order of their making; NULL: none (any more). Removed ones are not
 * found. */
struct fleet_object *fleet_find(const struct fleet *f, enum fleet_kind kind, str key);
struct fleet_object *fleet_first(const struct fleet *f, enum fleet_kind kind);
struct fleet_object *fleet_next(const struct fleet *f, const struct fleet_object *o);

static inline size_t fleet_count(const struct fleet *f, enum fleet_kind kind)
{
    size_t n = 0;

    for (struct fleet_object *o = fleet_first(f, kind); o; o = fleet_next(f, o))
        n++;
    return n;
}

/* Objects of a kind that the open transaction has removed, in the order of their making; the first
 * for NULL. */
struct fleet_object *fleet_next_removed(const struct fleet *f, enum fleet_kind kind,
                                        const struct fleet_object *o_or_null);

/* Typed: fleet_find_deployment(f, id) and so on. */
#define X(id, name)                                                                                \
    static inline struct fleet_##name *fleet_find_##name(const struct fleet *f, str key)           \
    {                                                                                              \
        return (struct fleet_##name *)fleet_find(f, FLEET_##id, key);                              \
    }                                                                                              \
    static inline struct fleet_##name *fleet_first_##name(const struct fleet *f)                   \
    {                                                                                              \
        return (struct fleet_##name *)fleet_first(f, FLEET_##id);                                  \
    }                                                                                              \
    static inline struct fleet_##name *fleet_next_##name(const struct fleet *f,                    \
                                                         const struct fleet_##name *o)             \
    {                                                                                              \
        return (struct fleet_##name *)fleet_next(f, &o->object);                                   \
    }
FLEET_KIND_TABLE(X)
#undef X

struct fleet_environment *fleet_find_environment_of(const struct fleet *f, str model, str name);
struct fleet_group *fleet_find_group_of(const struct fleet *f, str team, str name);
/* The group of an environment, NULL: nobody has said anything about that name. */
struct fleet_group *fleet_group_of_environment(const struct fleet *f,
                                               const struct fleet_environment *e);

/* --- transactions: one at a time */

void fleet_begin(struct fleet *f);
bool fleet_in_transaction(const struct fleet *f);

/* A new object of a kind, with defaults; its key is copied. NULL: there is one already. */
struct fleet_object *fleet_add(struct fleet *f, enum fleet_kind kind, str key);

/* The same object, noted as changed: call it before changing any field. */
#define fleet_edit(f, o) ((__typeof__(o))fleet_touch(f, &(o)->object))
struct fleet_object *fleet_touch(struct fleet *f, struct fleet_object *o);
void fleet_remove(struct fleet *f, struct fleet_object *o);

/* Replaces a string that an object owns. Bytes that are not UTF-8 become U+FFFD, so that what is in
 * memory can be written and read back. */
void fleet_set_str(str *field, str value);
void fleet_set_strs(str **list, size_t *n, const str *values, size_t n_values);

/* Where changes go. 0, or a negative errno, which rolls back. `body` is the JSON of a put; an
 * object whose fields are as before is not written. */
struct fleet_store {
    int (*put)(void *ctx, enum fleet_kind kind, str key, uint64_t version, str body);
    int (*remove)(void *ctx, enum fleet_kind kind, str key);
    void *ctx;
};

/* Writes what has changed, under `version` (the policy revision that it comes with, or one of the
 * fleet's own count: it only has to grow). On failure the transaction is still open: roll back. */
int fleet_write(struct fleet *f, const struct fleet_store *to, uint64_t version);
/* Ends the transaction: what was written is the state. */
void fleet_commit(struct fleet *f);
void fleet_rollback(struct fleet *f);
/* Whether anything has changed in the open transaction. */
bool fleet_has_changed(const struct fleet *f);

/* Puts an object as the store had it; outside a transaction. 0, or -EUCLEAN for a body that no
 * version of this program wrote. */
int fleet_load(struct fleet *f, enum fleet_kind kind, str key, uint64_t version, str body);

/* Equal in every field of every object, versions included. */
bool fleet_equal(const struct fleet *a, const struct fleet *b);

/* "team" … and back; FLEET_KINDS for an unknown name. */
str fleet_kind_name(enum fleet_kind kind);
enum fleet_kind fleet_kind_of(str name);
str fleet_status_name(enum fleet_status status);
str fleet_promotion_status_name(enum fleet_promotion_status status);
str fleet_replica_state_name(enum fleet_replica_state state);

/* Ids: 8 lower-case alphanumerics for models, 7 for deployments, without a hyphen, which the host
 * names depend on. `random` gives the bytes. */
enum { FLEET_MODEL_ID_BYTES = 8, FLEET_DEPLOYMENT_ID_BYTES = 7 };
void fleet_make_id(struct prng *random, char *ret_id, size_t n);

/* Environment names: lower-case letters, digits, hyphens; 1 to 40; no hyphen at either end; not
 * "development"; not "region-…". NULL, or what is wrong with it. */
const char *fleet_environment_name_problem(str name);

/* What one that names no instance type has: the smallest. */
#define FLEET_INSTANCE_TYPE STR_INIT("1x2")
str fleet_instance_type(str name_or_empty);

void fleet_autoscaling_defaults(struct fleet_autoscaling *settings);
void fleet_promotion_settings_defaults(struct fleet_promotion_settings *settings);

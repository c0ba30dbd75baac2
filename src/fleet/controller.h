#pragma once

/*
 * What happens to a fleet: requests of people, observations of planes and edges, and time, each a
 * function that changes the fleet inside the caller's transaction and does nothing else. What is to
 * be done outside (start a replica, stop one, build a package) is not an event that could be lost:
 * fleet_next_action derives it from the state, so that whoever restarts finds the same work again.
 *
 * Invariants, which the simulator checks after every step:
 * - a replica's place lies within its deployment's rule and the organisation's, always;
 * - an environment has at most one promotion that has not ended;
 * - an environment whose current deployment had a ready replica keeps one until it is told
 *   otherwise: traffic moves first, then the old replicas stop;
 * - an environment is served by replicas that have confirmed to be in it, and by no others;
 * - a promotion that failed or was cancelled leaves traffic, settings and replica counts as they
 *   were, and nothing of its own that runs;
 * - the fleet as loaded from the store is the fleet in memory.
 */

#include "base/buf.h"
#include "fleet/fleet.h"
#include "region/region.h"

/* A workload plane, as configuration and its driver describe it at this moment. */
struct fleet_plane {
    str name;
    str region; /* code, zone or country, as declared */
    struct region_set place;
    bool available;
    str why;               /* it is not available */
    uint32_t replicas_max; /* 0: no limit */
};

/* What there can only be so much of: models, secrets, environment groups and bytes of packages of a
 * team, deployments and environments of a model. */
enum fleet_quota {
    QUOTA_MODELS,
    QUOTA_DEPLOYMENTS,
    QUOTA_ENVIRONMENTS,
    QUOTA_SECRETS,
    QUOTA_GROUPS,
    QUOTA_PACKAGE_BYTES,
    FLEET_QUOTAS
};

/* Everything that a decision may look at beside the fleet. */
struct fleet_world {
    const struct region_catalogue *regions;
    const struct fleet_plane *planes;
    size_t n_planes;
    str organization_rule;                         /* canonical, "" : none */
    int64_t now_ns;                                /* wall clock */
    struct prng *random;                           /* ids; identities come from `identity` */
    void (*identity)(void *ctx, char ret_hex[65]); /* 32 random bytes in hex */
    void *ctx;
    str actor; /* key id, "system" */

    /* timers, from the configuration */
    int64_t deploy_timeout_ns; /* from DEPLOYING to ready: 30 min; a push can say another */
    int64_t drain_limit_ns;    /* the longest that a stopping replica finishes its work: 1 h */
    int64_t history_ns;        /* how long ended promotions are kept: 30 days */
    int64_t package_keep_ns;   /* how long a package is kept that nothing is made from: 24 h */

    uint64_t quotas[FLEET_QUOTAS]; /* 0: no limit */
};

/* How a request ended. Anything but OK has changed nothing that the caller must not roll back. */
enum fleet_outcome {
    FLEET_OK,
    FLEET_UNCHANGED,
    FLEET_NOT_FOUND, /* 404 */
    FLEET_INVALID,   /* 400 */
    FLEET_CONFLICT,  /* 409 */
    FLEET_FORBIDDEN, /* 403: restricted environment */
    FLEET_QUOTA,     /* 409: as many as there may be */
};

/* The words for it: which member or object, and what is wrong. */
struct fleet_problem {
    char field[64]; /* "" : none */
    char message[512];
};

/* Whether the owner (a team or model) may have so many more: FLEET_OK or FLEET_QUOTA, with words
 * that name the setting. Whatever makes one asks by itself, secrets and groups excepted. */
enum fleet_outcome fleet_check_quota(const struct fleet *f, const struct fleet_world *w,
                                     enum fleet_quota quota, str owner, uint64_t more,
                                     struct fleet_problem *problem);

/* --- models, environments, groups */

enum fleet_outcome fleet_create_team(struct fleet *f, const struct fleet_world *w, str name,
                                     struct fleet_team **ret_team, struct fleet_problem *problem);
/* Makes "production" as well. `chain`: its host begins with chain-. */
enum fleet_model_kind { FLEET_MODEL_PLAIN, FLEET_MODEL_CHAIN };
enum fleet_outcome fleet_create_model(struct fleet *f, const struct fleet_world *w, str team,
                                      str name, enum fleet_model_kind kind,
                                      struct fleet_model **ret_model,
                                      struct fleet_problem *problem);
/* With all it has; what runs is stopped; history stays. */
enum fleet_outcome fleet_delete_model(struct fleet *f, const struct fleet_world *w, str model,
                                      struct fleet_problem *problem);

enum fleet_outcome fleet_create_environment(struct fleet *f, const struct fleet_world *w, str model,
                                            str name, struct fleet_environment **ret_environment,
                                            struct fleet_problem *problem);
/* Not production; not while a promotion runs. */
enum fleet_outcome fleet_delete_environment(struct fleet *f, const struct fleet_world *w, str model,
                                            str name, struct fleet_problem *problem);

/* The settings are the whole new ones (the API merges); they take effect at once on the current
 * deployment, or, while a promotion runs (e->promotion is not ""), once it has ended. */
enum fleet_outcome fleet_set_environment(struct fleet *f, const struct fleet_world *w,
                                         struct fleet_environment *e,
                                         const struct fleet_autoscaling *autoscaling,
                                         const struct fleet_promotion_settings *promotion,
                                         struct fleet_problem *problem);

/* For what will run in it. Where something runs in it with another type, that is promoted anew with
 * this one, and the environment has the type once that has succeeded; else *ret_promotion is NULL.
 * FLEET_UNCHANGED where it has the type already. */
enum fleet_outcome fleet_set_instance_type(struct fleet *f, const struct fleet_world *w,
                                           struct fleet_environment *e, str type,
                                           struct fleet_promotion **ret_promotion,
                                           struct fleet_problem *problem);

/* Makes the group if need be. A rule (canonical, "" for none) that no longer holds what runs:
 * replicas outside stop at once and others are placed inside; an environment whose rule no plane
 * meets keeps nothing running. */
enum fleet_outcome fleet_set_group_rule(struct fleet *f, const struct fleet_world *w, str team,
                                        str name, str rule, struct fleet_problem *problem);

/* Whether `user` ("" : a key of the workspace, which may) may change what is in environments of
 * that name. */
bool fleet_may_manage(const struct fleet *f, str team, str environment, str user);

/* What a row of the billing history comes to, with the time until now of replicas that run. */
uint64_t fleet_usage_ms(const struct fleet *f, const struct fleet_usage *u, int64_t now_ns);

/* --- deployments */

struct fleet_push {
    str model;   /* id */
    str name;    /* "" : deployment-N */
    str package; /* SHA-256 in hex; "" for external */
    str config, raw_config;
    str url, region, credential; /* external */
    str labels, instance_type;
    str environment; /* promoted there once it is ready; "" : stands alone */
    bool development;
    bool preserve_environment_instance_type;
    bool scale_down_previous;
    int64_t deploy_timeout_ns; /* 0: the world's */
};

/* BUILDING from now on (an external one serves at once). With an environment a promotion begins at
 * once (RELEASING); if it cannot (no plane within the rule, one is running already), nothing is
 * made. */
enum fleet_outcome fleet_push(struct fleet *f, const struct fleet_world *w,
                              const struct fleet_push *push,
                              struct fleet_deployment **ret_deployment,
                              struct fleet_problem *problem);
enum fleet_outcome fleet_activate(struct fleet *f, const struct fleet_world *w,
                                  struct fleet_deployment *d, struct fleet_problem *problem);
enum fleet_outcome fleet_deactivate(struct fleet *f, const struct fleet_world *w,
                                    struct fleet_deployment *d, struct fleet_problem *problem);
/* Of a failed one: builds or starts again, on its own: a promotion that failed with it stays
 * failed. FLEET_UNCHANGED, with the reason, where it has not failed. */
enum fleet_outcome fleet_retry(struct fleet *f, const struct fleet_world *w,
                               struct fleet_deployment *d, struct fleet_problem *problem);
/* Refused while it is in an environment, or the model's only one. What it left outside is an
 * ACTION_FORGET once its replicas are gone. */
enum fleet_outcome fleet_delete_deployment(struct fleet *f, const struct fleet_world *w,
                                           struct fleet_deployment *d,
                                           struct fleet_problem *problem);
enum fleet_outcome fleet_set_autoscaling(struct fleet *f, const struct fleet_world *w,
                                         struct fleet_deployment *d,
                                         const struct fleet_autoscaling *settings,
                                         struct fleet_problem *problem);
/* A request wants it: scaled to zero becomes waking up; FLEET_UNCHANGED where it is up already. */
enum fleet_outcome fleet_wake(struct fleet *f, const struct fleet_world *w,
                              struct fleet_deployment *d, struct fleet_problem *problem);
enum fleet_outcome fleet_terminate_replica(struct fleet *f, const struct fleet_world *w,
                                           struct fleet_replica *r, struct fleet_problem *problem);

/* --- packages */

/* It has been uploaded, maybe not for the first time. `team` is the key's, "" : a key of the
 * workspace. FLEET_OK or FLEET_QUOTA. */
enum fleet_outcome fleet_add_package(struct fleet *f, const struct fleet_world *w, str team,
                                     str sha256, uint64_t bytes, struct fleet_problem *problem);
/* The package that a key of the team ("" : of the workspace) may deploy; NULL: none. */
const struct fleet_package *fleet_find_package_for(const struct fleet *f, str team, str sha256);
/* How many bytes more the team may upload. */
uint64_t fleet_package_room(const struct fleet *f, const struct fleet_world *w, str team);

/* --- promotion */

struct fleet_promote {
    str environment; /* key */
    str deployment;
    bool scale_down_previous;
    bool preserve_environment_instance_type;
    str instance_type; /* "" : as the member before says */
};

/* What a promotion or push would do: the same function decides it for a dry run and for real. */
struct fleet_plan {
    bool redeploys;
    str reason;   /* static text of one table: "the deployment is in environment staging", … */
    str previous; /* deployment id, "" : none */
    str rule;     /* canonical, "" : none */
    str instance_type;                    /* never "" */
    struct fleet_autoscaling autoscaling; /* that the winner will have */
    enum fleet_cleanup cleanup;
    uint32_t replicas;                    /* that it starts with */
    const struct fleet_plane *planes[64]; /* that may run it */
    size_t n_planes;
};
/* The same of a push; where that is to no environment, the rule is "" and the settings are the
 * defaults, and `previous` is the development deployment whose place another one takes. */
enum fleet_outcome fleet_plan_push(const struct fleet *f, const struct fleet_world *w,
                                   const struct fleet_push *push, struct fleet_plan *ret_plan,
                                   struct fleet_problem *problem);
enum fleet_outcome fleet_plan_promotion(const struct fleet *f, const struct fleet_world *w,
                                        const struct fleet_promote *promote,
                                        struct fleet_plan *ret_plan, struct fleet_problem *problem);
enum fleet_outcome fleet_promote(struct fleet *f, const struct fleet_world *w,
                                 const struct fleet_promote *promote,
                                 struct fleet_promotion **ret_promotion,
                                 struct fleet_problem *problem);
enum fleet_outcome fleet_cancel_promotion(struct fleet *f, const struct fleet_world *w,
                                          struct fleet_environment *e,
                                          struct fleet_problem *problem);

/* --- observations: what does not fit the state is ignored, since it may be late. They are noted
 * only; what follows is decided by fleet_tick. */

void fleet_observe_build(struct fleet *f, const struct fleet_world *w, str deployment,
                         const char *failure_or_null);
/* What a replica says it has been told, asked since it was told last (a server that does not say:
 * what was written for it). One that is ready counts as SEEN_READY only while that is what it is to
 * be told: say this first. */
void fleet_observe_environment(struct fleet *f, str replica, str environment);
enum fleet_seen { SEEN_STARTED, SEEN_READY, SEEN_NOT_READY, SEEN_GONE };
void fleet_observe_replica(struct fleet *f, const struct fleet_world *w, str replica,
                           enum fleet_seen seen, str why);
/* From edges, about a second's worth. */
void fleet_observe_demand(struct fleet *f, const struct fleet_world *w, str deployment,
                          uint32_t in_flight, uint32_t held, uint64_t begun);

/* Time passes: deadlines, back-off, scaling to zero, promotions that can go on. Call it behind the
 * observations of a transaction and once a second; *ret_next_ns is when something is due at the
 * latest. */
void fleet_tick(struct fleet *f, const struct fleet_world *w, int64_t *ret_next_ns);

/* --- what is to be done outside */

enum fleet_action_kind {
    ACTION_BUILD,  /* a deployment's package for a plane */
    ACTION_START,  /* a replica that is PENDING */
    ACTION_STOP,   /* a replica that is STOPPING: once no edge sends it anything any more. One that
                      its plane does not have, or never had, or whose plane is no more, is observed
                      as gone */
    ACTION_FORGET, /* a replica that is GONE, or a deployment that is no more: what it left. Said
                      for two seconds, then fleet_tick lets go of it; idempotent */
};

struct fleet_action {
    enum fleet_action_kind kind;
    str id; /* replica, or deployment for BUILD; for FORGET either: a leftover of that key is a
               deployment's. Borrowed from the fleet */
};

/* Walks all that is to be done now; *cursor is zero at first. Act on a state only that a written
 * fleet_tick has brought in line with rules and planes as they are. False at the end. Doing a thing
 * twice is harmless: whoever does it knows what is under way. */
bool fleet_next_action(const struct fleet *f, size_t *cursor, struct fleet_action *ret_action);

/* --- placement: a pure function that only ever sees planes inside the rule */

/* The plane for one more replica of the deployment: among those whose place is wholly inside both
 * rules, available and with room, the one that runs the fewest replicas of this deployment, then of
 * all. NULL with words that name the rule and what each plane lacks. */
const struct fleet_plane *placement_choose(const struct fleet *f, const struct fleet_world *w,
                                           const struct fleet_deployment *d, str rule,
                                           struct fleet_problem *problem);

/* Whether a replica stands within its deployment's rule and the organisation's; not one whose
 * deployment is no more. */
bool placement_is_within(const struct fleet *f, const struct fleet_world *w,
                         const struct fleet_replica *r);

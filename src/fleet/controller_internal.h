#pragma once

/*
 * What the controllers share: a census of who runs, the changes of a replica and of a deployment
 * that come from several sides, and `settle`, which carries the fleet from whatever an event left
 * to a state in which nothing is left to decide at this moment.
 */

#include "fleet/controller.h"
#include "fleet/fleet_internal.h"
#include "fleet/rules.h"

enum {
    RESTARTS_MAX = 3,      /* of a deployment that has never been ready */
    REPLICA_ID_BYTES = 10, /* and of promotions, usage rows */
    BACKOFF_MAX_S = 60,
};
#define FORGET_NS                                                                                  \
    (2 * 1000000000LL) /* how long what is gone can still be seen, for ACTION_FORGET */

/* --- words */

void problem_say(struct fleet_problem *problem, const char *field, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How many, or how much, of it the owner has. */
uint64_t quota_count(const struct fleet *f, enum fleet_quota quota, str owner);

/* --- packages */

/* One that a deployment of the team is about to be made from becomes the team's, if it is not; one
 * that nobody uploaded is nobody's. FLEET_OK or FLEET_QUOTA. */
enum fleet_outcome package_take(struct fleet *f, const struct fleet_world *w, str team, str sha256,
                                struct fleet_problem *problem);
/* Those that nothing is made from go when their time is over; the next to is told. */
void packages_expire(struct fleet *f, const struct fleet_world *w, int64_t *next_ns);

/* --- the census: one crew for each deployment, at deployment.object.slot */

struct crew {
    struct fleet_deployment *deployment;
    struct fleet_promotion *promotion; /* whose candidate it is, NULL: of none */
    uint32_t n[FLEET_REPLICA_STATES];  /* replicas by state */
    uint32_t told;                     /* that are ready and know their environment */
};

struct census {
    struct crew *crews;
    size_t n;
};

void census_take(struct fleet *f, struct census *ret_census);
void census_deinit(struct census *c);
/* PENDING to UNHEALTHY: what is there to serve, now or soon. */
uint32_t crew_running(const struct crew *crew);

uint32_t deployment_ready_replicas(const struct fleet *f, const struct fleet_deployment *d);

/* --- deployments */

static inline bool status_has_failed(enum fleet_status status)
{
    return status == STATUS_BUILD_FAILED || status == STATUS_BUILD_STOPPED ||
           status == STATUS_DEPLOY_FAILED || status == STATUS_FAILED;
}

void deployment_fail(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                     enum fleet_status status, const char *why);
void deployment_set_why(struct fleet *f, struct fleet_deployment *d, str why);
/* Begins anew: no restarts counted, the deadline ahead. */
void deployment_begin(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                      enum fleet_status status);
/* With its replicas and what else is its own; what it left is noted. */
void deployment_remove(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d);
/* A new one with an id of its own, BUILDING, or DEPLOYING if there is nothing to build. */
struct fleet_deployment *deployment_new(struct fleet *f, const struct fleet_world *w, str model,
                                        enum fleet_source source);
/* "deployment-N", which no other of its model is called, for one that nobody has named. */
void deployment_name(struct fleet *f, struct fleet_deployment *d, str name_or_empty);
/* Its environment changes, "" : none; its time in it is accounted. */
void deployment_move(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                     str environment);
/* What its replicas are told from now on: what they have confirmed before counts no more. */
void deployment_tell(struct fleet *f, struct fleet_deployment *d, str environment);
/* It is in none any more, and its replicas hear of none. */
void deployment_leave(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d);
int64_t deployment_timeout(const struct fleet_world *w, const struct fleet_deployment *d);
/* The promotion whose candidate it is, NULL: none. */
struct fleet_promotion *deployment_promotion(const struct fleet *f,
                                             const struct fleet_deployment *d);
/* The environment whose current deployment it is, NULL: none. */
struct fleet_environment *deployment_current_of(const struct fleet *f,
                                                const struct fleet_deployment *d);

/* --- replicas */

/* Whether it has confirmed the environment that it is to be told. Others tell theirs nothing. */
static inline bool replica_is_told(const struct fleet_replica *r, const struct fleet_deployment *d)
{
    return r->plane.n == 0 || str_eq(r->environment, d->told_environment);
}

void replica_start(struct fleet *f, const struct fleet_world *w, struct fleet_deployment *d,
                   const struct fleet_plane *plane_or_null);
void replica_stop(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r,
                  const char *why);
void replica_end(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r, str why);

/* --- placement */

struct bounds {
    const struct region_rule_compiled *organization, *environment; /* NULL: no rule */
};
struct bounds bounds_of(const struct fleet *f, const struct fleet_world *w, str rule);
bool bounds_hold(const struct bounds *b, const struct region_set *place);
const struct fleet_plane *world_plane(const struct fleet_world *w, str name);

/* Whether something may run the deployment under the rule at this moment: planes (at most `max` are
 * told), or where it is itself if others run it. False with words. */
bool placement_is_possible(const struct fleet *f, const struct fleet_world *w,
                           const struct fleet_deployment *d, str rule,
                           const struct fleet_plane **ret_planes, size_t max, size_t *ret_n,
                           struct fleet_problem *problem);
bool placement_external_fits(const struct fleet *f, const struct fleet_world *w, str region,
                             str rule, struct fleet_problem *problem);

/* Rules and planes may have changed: every deployment in an environment gets its rule, and what
 * runs outside stops. */
void placement_enforce(struct fleet *f, const struct fleet_world *w);

/* --- supervision, promotion */

uint32_t wanted_replicas(const struct crew *crew);
/* When a deployment without demand falls asleep; 0: not at all as things are. */
int64_t sleep_at(const struct crew *crew);

/* Whether its status has changed. */
bool supervise(struct fleet *f, const struct fleet_world *w, struct crew *crew);

struct fleet_promotion *promotion_begin(struct fleet *f, const struct fleet_world *w,
                                        struct fleet_environment *e,
                                        struct fleet_deployment *source,
                                        struct fleet_deployment *candidate, str reason,
                                        const struct fleet_promote *promote);
/* The outcome that forbids a promotion into e, FLEET_OK: none. */
enum fleet_outcome promotion_refusal(const struct fleet_environment *e,
                                     struct fleet_problem *problem);
/* How many replicas a candidate needs for the swap. */
/* All of a plan but whether and why it redeploys, and the planes. */
struct fleet_plan promotion_plan(const struct fleet *f, const struct fleet_environment *e,
                                 const struct fleet_deployment *d,
                                 const struct fleet_promote *promote);
uint32_t promotion_replicas(const struct fleet *f, const struct fleet_environment *e,
                            enum fleet_source source);
str promotion_instance_type(const struct fleet *f, const struct fleet_environment *e, str own,
                            bool preserve);
extern const str promotion_reason_pushed;
/* Ends or goes on; whether anything has ended. */
bool promotion_advance(struct fleet *f, const struct fleet_world *w, struct crew *crew);
void promotion_end(struct fleet *f, const struct fleet_world *w, struct fleet_promotion *p,
                   enum fleet_promotion_status status, const char *error);

void settle(struct fleet *f, const struct fleet_world *w);
/* settle, for the ends of requests. */
enum fleet_outcome settled(struct fleet *f, const struct fleet_world *w);

/* --- usage */

void usage_begin(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r);
void usage_end(struct fleet *f, const struct fleet_world *w, struct fleet_replica *r);

/* --- settings, names */

enum fleet_outcome settings_check_autoscaling(const struct fleet_autoscaling *settings,
                                              struct fleet_problem *problem);
enum fleet_outcome settings_check_promotion(const struct fleet_promotion_settings *settings,
                                            struct fleet_problem *problem);
enum fleet_outcome name_check(str name, struct fleet_problem *problem);
/* A new object whose key is an id that no object of this kind has. */
struct fleet_object *object_with_id(struct fleet *f, const struct fleet_world *w,
                                    enum fleet_kind kind, size_t bytes);

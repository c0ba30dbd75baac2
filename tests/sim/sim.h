#pragma once

/*
 * The deterministic simulator of the fleet: virtual time, a seed, and everything that the
 * controllers meet: people, planes, edges, a store that fails between any two writes, restarts at
 * any point. One step is one transaction of control. What the fake planes run survives control; all
 * that control knows is what its store has.
 *
 * Nothing is queued between the two: what control has yet to be told is the difference between what
 * a plane runs and what the fleet believes, and it is told piece by piece, in any order. So reports
 * are late, doubled, or never come, as they may.
 */

#include "../unit/fleet/fake_store.h"
#include "base/clock.h"
#include "fleet/controller.h"

enum {
    SIM_PLANES = 4,
    SIM_RULES = 8,
    SIM_ID = 16,
    SIM_KEY = 64,
    SIM_REPLICAS_MAX = 512,
    SIM_BUILDS_MAX = 64,
    SIM_WATCHED_MAX = 32,
    SIM_REPORTS_MAX = 4, /* in one transaction */
};

struct sim_text {
    char p[SIM_KEY];
    size_t n;
};

static inline struct sim_text sim_text(str s)
{
    struct sim_text t = {.n = s.n < SIM_KEY ? s.n : SIM_KEY};

    if (t.n)
        memcpy(t.p, s.p, t.n);
    return t;
}

static inline bool sim_is(const struct sim_text *t, str s)
{
    return str_eq(str_make(t->p, t->n), s);
}

static inline str sim_str(const struct sim_text *t)
{
    return str_make(t->p, t->n);
}

/* A replica as its plane has it. */
enum sim_life { LIFE_STARTING, LIFE_READY, LIFE_NOT_READY, LIFE_DEAD };
struct sim_replica {
    struct sim_text id, deployment;
    int plane;
    enum sim_life life;
    int64_t ready_ns, dies_ns; /* 0: not by itself */
    struct sim_text written;   /* the environment that it is told */
    struct sim_text knows;     /* and the one that it has read */
    int64_t reads_ns;          /* 0: not by itself */
    bool awaited;              /* it has been told, and has not read it */
};

struct sim_build {
    struct sim_text deployment;
    int64_t done_ns;
    bool fails;
};

struct sim_plane {
    int region; /* of those that this plane may be declared in */
    bool exists, available;
    uint32_t replicas_max;
};

/* What an environment had after the last step. */
struct sim_environment {
    struct sim_text key, current;
    uint32_t ready;
};

/* What a deployment was after the last step. */
struct sim_deployment {
    struct sim_text id, environment, rule;
    enum fleet_target target;
    struct fleet_autoscaling autoscaling;
};

/* A copy of a promotion that failed or was cancelled, as long as nobody has touched it. */
struct sim_discarded {
    struct sim_text id, promotion, environment;
};

/* A promotion that runs, with what has to be as before if it fails. */
struct sim_promotion {
    struct sim_text id, environment, current;
    struct sim_deployment candidate;
    bool made; /* its candidate is its own */
};

struct sim {
    struct prng random, ids;
    struct fleet *fleet;
    struct fleet_world world;
    struct fake_store store;
    uint64_t version;
    struct fleet_plane declared[SIM_PLANES];
    struct sim_plane planes[SIM_PLANES];
    struct sim_replica replicas[SIM_REPLICAS_MAX];
    size_t n_replicas;
    struct sim_build builds[SIM_BUILDS_MAX];
    size_t n_builds;
    struct sim_environment environments[SIM_WATCHED_MAX];
    size_t n_environments;
    struct sim_promotion promotions[SIM_WATCHED_MAX];
    size_t n_promotions;
    struct sim_deployment deployments[SIM_WATCHED_MAX];
    size_t n_deployments;
    struct sim_discarded discarded[SIM_WATCHED_MAX];
    size_t n_discarded;

    uint32_t calm;      /* the larger, the less goes wrong */
    bool faults;        /* things may go wrong */
    bool world_is_news; /* rules of the organisation or planes changed, and no tick has seen it */
    bool committed;     /* the last transaction was written */
    /* This step may take traffic away from anything, from some deployments, or from the
     * environments of a name. */
    bool excused;
    struct sim_text excused_deployments[SIM_REPORTS_MAX], excused_name;
    size_t n_excused;
    str team;
    int64_t next_ns; /* as the last tick said */
    uint64_t step;
    bool trace;
    char violation[512];

    uint64_t n_promoted, n_failed, n_canceled, n_restarts, n_store_failures, n_refused;
};

extern const char *const sim_rules[SIM_RULES];

static inline void sim_excuse(struct sim *s, str deployment)
{
    if (s->n_excused < SIM_REPORTS_MAX)
        s->excused_deployments[s->n_excused++] = sim_text(deployment);
}

/* A number below `bound`. */
static inline uint32_t sim_below(struct sim *s, uint32_t bound)
{
    return (uint32_t)prng_below(&s->random, bound);
}

static inline bool sim_chance(struct sim *s, uint32_t one_in)
{
    return sim_below(s, one_in) == 0;
}

void sim_note(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The first one counts. */
void sim_violation(struct sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* --- planes.c */

void planes_init(struct sim *s);
void planes_declare(struct sim *s);
/* What time does to what runs. */
void planes_advance(struct sim *s);
/* One of the things that go wrong with planes and what runs there. */
void planes_misbehave(struct sim *s);
void planes_heal(struct sim *s);
/* Does what the fleet wants done, or some of it. */
void planes_act(struct sim *s);
/* Tells the fleet one thing that it does not know; false: it knows all. Inside a transaction. */
bool planes_report(struct sim *s);
/* A report that comes too late. */
void planes_report_late(struct sim *s);
/* Control has restarted: what it does not know is stopped, what it does is told anew. */
void planes_adopt(struct sim *s);
struct sim_replica *planes_find(struct sim *s, str id);

/* --- people.c: one request or observation of demand, inside a transaction. False: refused. */
bool people_act(struct sim *s);
void people_found(struct sim *s);

/* --- check.c */

void check_step(struct sim *s);
/* After everything has come to rest without faults. */
void check_rest(struct sim *s);

/* Some object of a kind, NULL: there is none. */
struct fleet_object *sim_some(struct sim *s, enum fleet_kind kind);

static inline struct fleet_deployment *sim_some_deployment(struct sim *s)
{
    return (struct fleet_deployment *)sim_some(s, FLEET_DEPLOYMENT);
}

#pragma once

/*
 * The edge process: worker threads that serve, and the main thread that keeps the link to the
 * control plane, publishes policy, looks after endpoints' health and answers the admin socket. What
 * the threads share is here.
 */

#include "catalog/customers.h"
#include "catalog/link.h"
#include "edge/demand.h"
#include "edge/health.h"
#include "edge/registry.h"
#include "edge/response_map.h"
#include "edge/worker.h"

#include <stdatomic.h>

struct edge_options {
    const int *listen_fds; /* inherited; none: `listen` is bound */
    size_t n_listen_fds;
    const char *listen;    /* "host:port" when run alone */
    const char *link_path; /* Unix socket of the control plane */
    int ready_fd;          /* gets one byte, 'R', once requests are served; -1: nobody waits */
    const char *data_dir;
    const char *name;
    unsigned generation;
    unsigned workers;
};

/* Serves until SIGTERM (the end) or SIGUSR2 (another edge has taken over) has been received and
 * everything drained. Returns an exit status. */
int edge_main(const struct edge_options *options);

struct admin;
struct edge_link;
struct relays;

struct edge {
    struct edge_options options;
    struct loop *loop; /* of the main thread */
    struct worker *workers;
    size_t n_workers;
    struct publisher *publisher;
    struct customers *customers;
    struct access_log *log;
    struct response_map *responses;
    struct edge_link *link;
    struct registry *registry;
    struct demands *demands;
    struct health *health;
    struct admin *admin;           /* NULL until it serves */
    struct relays *relays;         /* management requests under way */
    struct metrics_shard *metrics; /* of the main thread */
    uint64_t revision;             /* in force on every worker */
    bool stopping;                 /* told to end: another such signal ends it at once */
    bool unsaved;                  /* and newer than what lies on disk */
    int exit_status;
    size_t n_drained;
    struct deadline drain_limit, tick;
    struct deadline alone; /* control has not been heard: serve what lies on disk */
    struct loop_io signals;
    _Atomic uint64_t buffered_bytes; /* request bodies in memory, all workers */
    _Atomic uint64_t held_bytes;     /* of requests that wait for a replica, and how many do */
    _Atomic uint32_t held_requests;
    _Atomic int64_t
        heard_wall_ns; /* when the control plane was last heard: the policy lease runs from here */
    /* Moves on before and after each change of policy or customers, so it is odd while one is being
     * made: a worker that has judged what runs since then is one that may say so. */
    _Atomic uint64_t policy_count;
    _Atomic bool serving; /* a policy is in force */
    _Atomic bool draining;
    _Atomic int64_t drain_idle_ms; /* how long idle connections are kept then */
};

/* --- what workers ask of the main thread; any worker, never blocks
 * ---------------------------------------------------- */

/* Asks control to handle a management request. `on_answer` runs on the worker's loop; status 0
 * means that control is away. The relay is freed after it; edge_relay_cancel makes sure that it
 * does not run. */
struct edge_relay;
typedef void (*edge_relay_fn)(void *ctx, unsigned status, str content_type, str body);
struct edge_relay *edge_relay(struct worker *w, const struct link_relay *request,
                              edge_relay_fn on_answer, void *ctx);
void edge_relay_cancel(struct edge_relay *relay);

/* An answer named another region than its endpoint's. */
void edge_report_region(struct worker *w, enum link_observation kind, str endpoint,
                        uint64_t origin_revision, str header);

/* Somebody wants replicas of a deployment. */
void edge_ask_wake(struct worker *w, str deployment);

/* A refusal, for the report of the control plane. */
void edge_report_refusal(struct worker *w, const struct link_refusals *refusal);

/* --- the main thread's own
 * -------------------------------------------------------------------------------------------- */

/* Makes every worker pass a quiescent point; edge_link_worker_passed follows for each. */
void edge_wake_workers(struct edge *edge);

/* Before a catalog is published: endpoint states, TLS. After it: what it does not name any more
 * retires. */
void edge_attach(struct edge *edge, struct catalog *catalog);
void edge_published(struct edge *edge, struct catalog *catalog, uint64_t epoch);

/* A revision is in force on every worker: the first one opens the gateway. False if that could not
 * be noted on disk, so that control must not be told. */
bool edge_in_force(struct edge *edge, uint64_t revision);

/* Control says that what is in force here is the newest policy. */
void edge_is_current(struct edge *edge);

void edge_relay_answered(struct edge *edge, uint32_t id, unsigned status, str content_type,
                         str body);
void edge_relays_lost(struct edge *edge);

/* "metrics": Prometheus text. "status": JSON of endpoints and regions. */
void edge_answer_query(struct edge *edge, str what, struct buf *to);

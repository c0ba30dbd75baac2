#pragma once

/*
 * One worker: a thread with a loop of its own and everything that requests on it need. Nothing here
 * is shared but what edge.h names: the published policy, endpoint states, and a few counters.
 */

#include "base/random.h"
#include "catalog/publish.h"
#include "edge/access_log.h"
#include "edge/metrics.h"
#include "http/server.h"
#include "net/listener.h"
#include "route/choose.h"
#include "route/connector.h"

#include <pthread.h>

struct edge;
struct exchange;

enum { WORKER_LISTENERS_MAX = 64, WORKER_BLOCK_BYTES = 4096, WORKER_SPARE_BLOCKS_MAX = 256 };

/* Main thread to worker and back: one message each, so none is ever allocated or lost. */
struct worker_signal {
    struct loop_signal signal;
    struct worker *worker;
};

struct worker {
    struct edge *edge;
    unsigned index;
    pthread_t thread;
    struct loop *loop;
    struct resolver *resolver;
    struct http_server *server;
    struct connector *connector;
    struct publisher_reader *reader;
    struct metrics_shard *metrics;
    struct access_log_lane *log;
    struct tls_server *tls; /* NULL: the gateway port speaks plaintext */
    struct prng prng;
    struct buf scratch;                 /* text that lives for one callback */
    struct route_candidate *candidates; /* of the choice at hand */
    size_t n_candidates_room;
    struct http_header *headers; /* of the answer that is being written */
    size_t n_headers_room;
    void *blocks[WORKER_SPARE_BLOCKS_MAX]; /* heap memory of WORKER_BLOCK_BYTES each, free */
    size_t n_blocks;
    struct list exchanges;  /* in flight */
    struct list waiting;    /* struct hold: of those that wait for a replica */
    uint64_t seen_revision; /* of the policy that held requests were tried again with */
    uint64_t judged_count;  /* the edge's policy_count when what runs was judged last */
    struct list spare;      /* exchanges to be used again */
    size_t n_spare;
    uint64_t n_in_flight;
    struct listener listeners[WORKER_LISTENERS_MAX];
    size_t n_listeners;
    struct deadline gauges;
    int64_t time_ms; /* that time_text shows */
    char time_text[CLOCK_RFC3339_LEN];
    bool woken;             /* answer with `passed` at this turn's end */
    size_t connections_max; /* clients' */
    bool full;              /* at that, and not accepting */
    bool draining, drained;
    struct worker_signal wake, passed, open, drain, drain_done, stop;
};

/* Sets up everything but the thread; false with a logged reason. */
bool worker_init(struct worker *w, struct edge *edge, unsigned index, const struct catalog *c);
void worker_deinit(struct worker *w);

/* The thread: runs the loop until worker_stop. */
void *worker_run(void *worker);

/* Main thread: the worker reports with edge_link_worker_passed, starts to accept, stops accepting
 * and ends when it is idle, ends. */
void worker_wake(struct worker *w);
void worker_open(struct worker *w);
void worker_drain(struct worker *w);
void worker_stop(struct worker *w);

/* Main thread: connections to the origin are dropped; connections that come in from now on are
 * presented with `tls` (a reference is taken). */
void worker_retire(struct worker *w, uint64_t origin_id);
void worker_set_tls(struct worker *w, struct tls_server *tls);

/* The newest policy, valid until this turn ends. */
const struct catalog *worker_catalog(struct worker *w);

/* Endpoint states of that catalog, by endpoint index. */
struct endpoint_state *const *worker_states(const struct catalog *c);

/* What is asked of its deployments, by deployment index. */
struct demand;
struct demand *const *worker_demands(const struct catalog *c);

/* Room for n candidates, valid until the next call. */
struct route_candidate *worker_candidates(struct worker *w, size_t n);

/* The quiescent point, at the end of each turn: nothing of a policy is held any more. It is said
 * only once what runs has been judged by the newest one (judged_count), since a write is
 * acknowledged after that. */
void worker_pass(struct worker *w);

/* Room for n headers, valid until the next call. */
struct http_header *worker_headers(struct worker *w, size_t n);

/* Memory for what most bodies need, without the allocator: heap memory of WORKER_BLOCK_BYTES, which
 * may be reallocated or freed like any other, or given back. */
void *worker_take_block(struct worker *w);
void worker_give_block(struct worker *w, void *block);

/* A buffer that begins with such a block, and its end. */
void worker_buf_init(struct worker *w, struct buf *b);
void worker_buf_deinit(struct worker *w, struct buf *b);

/* "req_" and 128 random bits in hexadecimal: WORKER_REQUEST_ID_BYTES, no NUL. */
enum { WORKER_REQUEST_ID_BYTES = 4 + 32 };
void worker_make_request_id(struct worker *w, char *text);

/* This turn's time of day, as log lines have it. */
str worker_time_text(struct worker *w);

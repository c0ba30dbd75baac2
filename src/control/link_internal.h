#pragma once

/* What the three files of the link share: link_server.c (connections and what comes in),
 * link_publish.c (what goes out), link_wait.c (who waits for confirmations and replies). Nobody
 * else includes this. */

#include "base/mem.h"
#include "control/link_server.h"
#include "net/listener.h"
#include "net/transport.h"

enum {
    WAIT_MS = 1000,
    BEAT_MS = 1000,
    SETTLE_MS = 500, /* edges try again every 100 ms */
    RECHECK_MS = 10,
    READ_BYTES = 64 * 1024,
    EDGE_NAME_MAX = 128,
    PART_RECORDS = 16384,
    OUT_MAX_BYTES = 1 << 30, /* an edge that takes nothing is dropped rather than buffered for */
    REPLIES_MAX = 64,
    MISSING_MAX = 64, /* names in an answer; what counts is that there are any */
};

struct edge_peer {
    struct list link;
    struct link_server *server;
    struct transport transport;
    struct buf in, out;
    size_t out_at;
    uint64_t id;
    char name[EDGE_NAME_MAX];
    uint32_t pid;
    uint16_t workers;
    uint64_t confirmed;
    bool greeted;
    struct loop_task close_later;
};

/* An edge whose connection broke while its process may still run, and serve an older policy. */
struct absent_edge {
    struct list link;
    char name[EDGE_NAME_MAX];
    uint32_t pid;
};

struct waiter {
    struct list link;
    struct link_server *server;
    struct deadline deadline;
    uint64_t revision;
    link_in_force_fn on_in_force;
    void *ctx;
};

struct query {
    struct list link;
    struct link_server *server;
    struct deadline deadline;
    uint32_t id;
    size_t expected, n;
    struct link_reply replies[REPLIES_MAX];
    struct arena arena;
    link_replies_fn on_replies;
    void *ctx;
};

struct link_server {
    struct loop *loop;
    struct policy *policy;
    struct link_server_handler handler;
    void *ctx;
    struct listener listener;
    struct list peers, absent, waiters, queries;
    struct deadline beat, recheck;
    int64_t settled_at_ns; /* by then every edge that runs has connected */
    uint64_t next_peer;
    uint32_t next_query;
};

void link_drop(struct edge_peer *e);
void link_flush(struct edge_peer *e);

/* Closes a frame that began at `at` and sends what can be sent. */
void link_send_frame(struct edge_peer *e, size_t at);
void link_send_catalog(struct edge_peer *e);
void link_send_all_customers(struct edge_peer *e);
void link_send_in_force(struct edge_peer *e);
void link_send_heartbeat(struct edge_peer *e);

/* An edge has connected, or its connection is gone. */
void link_edge_present(struct link_server *s, uint32_t pid);
void link_edge_absent(struct link_server *s, const struct edge_peer *e);

/* Confirmations have come, or an edge has gone. */
void link_check_waiters(struct link_server *s);
void link_on_recheck(struct deadline *deadline);
bool link_take_reply(struct edge_peer *e, struct wire_reader *r);
void link_forget_absent(struct link_server *s);

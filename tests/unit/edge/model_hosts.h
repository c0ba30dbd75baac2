#pragma once

/*
 * A whole edge with model hosts in this process: a control plane that publishes policies made here
 * and notes what the edge reports, replicas on loopback whose behaviour a test writes as a
 * function, and clients of raw bytes. Nothing waits for a time, only for what is to happen; each
 * wait fails the program after WAIT_MS.
 */

#include "catalog/catalog.h"
#include "net/tls.h"

#include <pthread.h>
#include <stdatomic.h>

enum { REPLICAS = 5, WAIT_MS = 10000 };

struct replica;

/* Serves one request of a connection, which has a thread of its own; false: the connection is to be
 * closed. */
typedef bool (*serve_fn)(struct replica *r, int fd);

struct replica {
    int fd;
    uint16_t port;
    pthread_t thread;
    _Atomic(serve_fn) serve;
    _Atomic unsigned connections;
    _Atomic unsigned gate;  /* opened by a test, waited for by a server */
    _Atomic unsigned noted; /* set by a server, waited for by a test */
    _Atomic bool stopping;
    pthread_mutex_t lock;
    struct buf seen; /* what a server kept of the last request */
};

/* What tests vary. */
struct policy {
    const char *gateway_region; /* NULL: not stated */
    const char *eu_rule;        /* of environment "eu"; NULL: none */
    bool eu_standard_refused;
    bool awake;                  /* "lazy1" serves, and "bare1" has a replica */
    uint64_t revive;             /* another number: nothing learnt about replicas holds any more */
    bool key_gone;               /* the first key */
    int64_t key_expires_wall_ns; /* of the first key; 0: never */
    bool key_narrowed;           /* the first key is for team t2 only */
    uint64_t replay_bytes, predict_bytes, held_bytes, buffered_bytes;
    uint64_t held_bytes_per_deployment;
    uint32_t held_requests, held_requests_per_deployment, allowed_fails;
    int64_t hold_ms, socket_idle_ms;
    uint64_t message_bytes;
    const struct tls_identity *certificate; /* NULL: plaintext */
    const char *identity;                   /* that replica 4 has to prove; NULL: none */
    unsigned dead; /* bit i: at replica i's address nobody listens; with another `revive` */
};

/* Models below the domain "d.test" (kind, id, team; environments → deployment, replicas):
 *
 *     model abc, t1: production → prod1 (0, 1), eu → euro1 (2), us → us1 (3), empty → nothing,
 *                    lazy → lazy1 (1, asleep), bare → bare1 (none, serving),
 *                    gone → gone1 (0, inactive); development → dev1 (0); alone1 (4, no environment)
 *     model oth, t2: production → other1 (0)
 *     chain xyz, t1: production → chain1 (0), eu → chain2 (2)
 *
 * Replicas 0 and 1 are in scaleway-par-1, 2 and 4 in ovh-gra-1, 3 in aws-us-east-1. Environment us
 * has the rule allow=us. Keys: k-all; k-t2 of team t2; k-oth for model oth; k-eu for environment
 * eu; k-old, which has expired. */
struct model_hosts;

struct control;
struct control *model_hosts_control(struct model_hosts *g);

struct policy policy_default(void);
struct model_hosts *model_hosts_start(const struct policy *p);
void model_hosts_stop(struct model_hosts *g);

/* The same in two steps: the gateway has ended, everything else is still there. */
void model_hosts_end(struct model_hosts *g);
void model_hosts_free(struct model_hosts *g);

/* In force on every worker when it returns. */
void model_hosts_publish(struct model_hosts *g, const struct policy *p);

/* The rule of customer "acme" from now on, without a new catalog. */
enum { RULE_EU, RULE_US, RULES };
void model_hosts_bind_customer(struct model_hosts *g, uint32_t rule);

struct replica *model_hosts_replica(struct model_hosts *g, size_t i);
void replica_set(struct replica *r, serve_fn serve);

/* For servers: reads a head into `seen`; false where the connection ended first. Then the rest. */
bool replica_read_head(struct replica *r, int fd);
bool replica_read_request(struct replica *r, int fd); /* head and Content-Length's body */
size_t replica_read(int fd, void *to, size_t n);
void replica_say(int fd, const char *text);
void replica_wait_gate(struct replica *r);
bool replica_is_left(int fd);        /* the gateway has closed; waits for it a moment */
str replica_seen(struct replica *r); /* for tests, once nothing runs there */

/* Ends the program where it does not become true. */
bool wait_step(int *steps, const char *file, int line);
#define WAIT_FOR(condition)                                                                        \
    for (int steps_ = 0; !(condition);)                                                            \
    wait_step(&steps_, __FILE__, __LINE__)

/* One request on a connection of its own, whole, and the whole answer; valid until the next call.
 * `key` NULL: k-all. */
str ask(struct model_hosts *g, const char *key, const char *method, const char *host,
        const char *path, const char *headers, str body);
unsigned status_of(str answer);

/* Step by step. */
int client_open(struct model_hosts *g);
void client_send(int fd, str bytes);
size_t client_send_some(int fd, str bytes); /* until nobody takes more */
str client_read_until(struct model_hosts *g, int fd, const char *text); /* or the end */
str client_read_all(struct model_hosts *g, int fd);

#pragma once

/*
 * The edge's metrics, all in one table: name, kind, labels, help. Each worker counts in a shard of
 * its own (plain stores that other threads may read), so counting costs a hash look-up and no
 * shared cache line; rendering adds the shards up.
 *
 * Label values are interned once into 16-bit ids: words of the tables below have fixed ids, region
 * codes and endpoint ids get theirs when a catalog is attached. Never a customer, a key's secret,
 * or a model name from a client.
 */

#include "base/buf.h"

/* id, name, kind, labels ("" for none), help */
#define METRIC_TABLE(X)                                                                            \
    X(REQUESTS, "ambit_requests_total", COUNTER, "region,mode,outcome",                            \
      "Requests answered, by the region that served, how it was chosen, and the outcome.")         \
    X(MODEL_REQUESTS, "ambit_model_requests_total", COUNTER, "model,environment,outcome",          \
      "Requests to model hosts, by model or chain, the environment of the deployment, outcome.")   \
    X(DEPLOYMENT_REQUESTS, "ambit_deployment_requests_total", COUNTER, "deployment,outcome",       \
      "The same by deployment; an edge names the first 256, later ones are `other`.")              \
    X(REFUSALS, "ambit_refusals_total", COUNTER, "code,rule",                                      \
      "Requests that Ambit refused itself, by error code and by the rule that decided.")           \
    X(ATTEMPTS, "ambit_attempts_total", COUNTER, "region,outcome",                                 \
      "Tries of a request at an endpoint, by its region.")                                         \
    X(FAILOVERS, "ambit_failovers_total", COUNTER, "from,to",                                      \
      "Requests that went on to another region after an attempt failed or a region was passed "    \
      "over.")                                                                                     \
    X(REGION_MISMATCHES, "ambit_region_mismatches_total", COUNTER, "declared,observed",            \
      "Answers in which an upstream named another region than the one declared for it.")           \
    X(EJECTIONS, "ambit_endpoint_ejections_total", COUNTER, "region",                              \
      "Endpoints taken out for a while after consecutive failures.")                               \
    X(TOKENS, "ambit_tokens_total", COUNTER, "region,kind",                                        \
      "Tokens that upstreams reported, by kind (prompt, completion).")                             \
    X(FIRST_BYTE, "ambit_time_to_first_byte_seconds", HISTOGRAM, "region",                         \
      "From the complete request to the first byte of the upstream's answer.")                     \
    X(OVERHEAD, "ambit_overhead_seconds", HISTOGRAM, "",                                           \
      "Ambit's own time per request up to the head of the answer, waiting excluded.")              \
    X(DURATION, "ambit_request_duration_seconds", HISTOGRAM, "region",                             \
      "From the request's head to the end of the answer.")                                         \
    X(LONGEST_TURN, "ambit_worker_longest_turn_seconds", HISTOGRAM, "",                            \
      "The longest turn of a worker's loop in each second: how long others had to wait.")          \
    X(IN_FLIGHT, "ambit_requests_in_flight", GAUGE, "", "Requests being served now.")              \
    X(REQUESTS_HELD, "ambit_requests_held", GAUGE, "",                                             \
      "Requests to model hosts that wait for a replica now.")                                      \
    X(CLIENT_CONNECTIONS, "ambit_client_connections", GAUGE, "", "Open client connections.")       \
    X(UPSTREAM_CONNECTIONS, "ambit_upstream_connections", GAUGE, "state",                          \
      "Upstream connections now, by state (idle, busy, connecting).")                              \
    X(UPSTREAM_DIALS, "ambit_upstream_dials_total", COUNTER, "outcome",                            \
      "Upstream streams opened, by how (dialled, reused) or why not (failed, stale).")             \
    X(BUFFERED_BYTES, "ambit_buffered_bytes", GAUGE, "", "Request bodies held in memory now.")     \
    X(LOG_DROPPED, "ambit_log_lines_dropped_total", COUNTER, "",                                   \
      "Request log lines lost to a slow log.")                                                     \
    X(POLICY_REVISION, "ambit_policy_revision", GAUGE, "", "The policy revision in force.")        \
    X(POLICY_AGE, "ambit_policy_age_seconds", GAUGE, "",                                           \
      "Since the control plane was last heard.")                                                   \
    X(CUSTOMERS, "ambit_customers", GAUGE, "", "Customers known to this edge.")

enum metric {
#define X(id, name, kind, labels, help) METRIC_##id,
    METRIC_TABLE(X)
#undef X
        METRIC_COUNT
};

/* Label values with fixed ids. */
#define METRIC_WORD_TABLE(X)                                                                       \
    X(NONE, "")                                                                                    \
    X(OTHER, "other")                                                                              \
    X(UNKNOWN, "unknown")                                                                          \
    X(PINNED, "pinned")                                                                            \
    X(PREFERRED, "preferred")                                                                      \
    X(CARBON_AWARE, "carbon_aware")                                                                \
    X(DEGRADED, "degraded")                                                                        \
    X(REFUSED, "refused")                                                                          \
    X(OK, "ok")                                                                                    \
    X(CLIENT_ERROR, "client_error")                                                                \
    X(SERVER_ERROR, "server_error")                                                                \
    X(CANCELLED, "cancelled")                                                                      \
    X(BROKEN, "broken")                                                                            \
    X(CONNECT_FAILED, "connect_failed")                                                            \
    X(TIMEOUT, "timeout")                                                                          \
    X(TLS_FAILED, "tls_failed")                                                                    \
    X(PROTOCOL_ERROR, "protocol_error")                                                            \
    X(RESET, "reset")                                                                              \
    X(SATURATED, "saturated")                                                                      \
    X(PROMPT, "prompt")                                                                            \
    X(COMPLETION, "completion")                                                                    \
    X(IDLE, "idle")                                                                                \
    X(BUSY, "busy")                                                                                \
    X(CONNECTING, "connecting")                                                                    \
    X(DIALLED, "dialled")                                                                          \
    X(REUSED, "reused")                                                                            \
    X(FAILED, "failed")                                                                            \
    X(STALE, "stale")                                                                              \
    X(ORGANIZATION, "organization")                                                                \
    X(ENVIRONMENT_GROUP, "environment_group")                                                      \
    X(CUSTOMER, "customer")                                                                        \
    X(KEY, "key")                                                                                  \
    X(REQUEST, "request")

enum metric_word {
#define X(id, text) WORD_##id,
    METRIC_WORD_TABLE(X)
#undef X
        WORD_COUNT
};

enum { METRIC_LABELS_MAX = 8192, METRIC_SERIES_MAX = 8192 };

/* The id of a label value, interned at first use; WORD_OTHER once METRIC_LABELS_MAX are in use. Any
 * thread; takes a lock: not for every request. */
uint16_t metrics_label(str text);
str metrics_label_text(uint16_t label);

struct metrics_shard;

struct metrics_shard *metrics_shard_new(void);
void metrics_shard_free(struct metrics_shard *shard);

/* Owner thread only. Unused labels are WORD_NONE. */
void metrics_add(struct metrics_shard *shard, enum metric metric, uint16_t l0, uint16_t l1,
                 uint16_t l2, uint64_t n);
void metrics_set(struct metrics_shard *shard, enum metric metric, uint16_t l0, uint64_t value);
void metrics_observe_ns(struct metrics_shard *shard, enum metric metric, uint16_t l0,
                        int64_t duration_ns);

/* A row of a Markdown table for each metric, as docs/metrics.md has them. */
void metrics_describe(struct buf *to);

/* Any thread: the Prometheus text exposition (version 0.0.4) of the sum of the shards. */
void metrics_render(struct metrics_shard *const *shards, size_t n, struct buf *to);

#pragma once

/*
 * The catalog on the wire and on disk. Layout, in order: magic, version, header, regions, rules,
 * groups, endpoints, models, environments, deployments, keys, settings, certificates, aliases.
 * Rules travel as text and are compiled by whoever decodes. Decoding trusts nothing: every index is
 * checked against the count it points into, every enum against its last value, and all strings are
 * copied.
 */

#include "catalog/catalog.h"

#define CATALOG_MAGIC STR("AMBITCAT")

enum {
    CATALOG_VERSION = 4,
    MIN_RULE_BYTES = 4,
    MIN_GROUP_BYTES = 58,
    MIN_ENDPOINT_BYTES = 128,
    MIN_KEY_BYTES = 89,
    MIN_MODEL_BYTES = 17,
    MIN_ENVIRONMENT_BYTES = 17,
    MIN_DEPLOYMENT_BYTES = 25
};

/* One list for both directions. */

#define SETTINGS_U64(X)                                                                            \
    X(body_bytes)                                                                                  \
    X(buffered_bytes)                                                                              \
    X(predict_bytes)                                                                               \
    X(replay_bytes)                                                                                \
    X(message_bytes)                                                                               \
    X(held_bytes)                                                                                  \
    X(held_bytes_per_deployment)

#define SETTINGS_U32(X)                                                                            \
    X(head_bytes)                                                                                  \
    X(headers)                                                                                     \
    X(json_members)                                                                                \
    X(json_depth)                                                                                  \
    X(splice_bytes)                                                                                \
    X(trace_header_bytes)                                                                          \
    X(connections)                                                                                 \
    X(customer_id_bytes)                                                                           \
    X(idle_upstreams)                                                                              \
    X(held_requests)                                                                               \
    X(held_requests_per_deployment)                                                                \
    X(allowed_fails)

#define SETTINGS_I64(X)                                                                            \
    X(head_ms)                                                                                     \
    X(body_idle_ms)                                                                                \
    X(keep_alive_ms)                                                                               \
    X(write_idle_ms)                                                                               \
    X(drain_ms)                                                                                    \
    X(upstream_idle_ms)                                                                            \
    X(hold_ms)                                                                                     \
    X(socket_idle_ms)                                                                              \
    X(cooldown_ms)                                                                                 \
    X(health_interval_ms)                                                                          \
    X(health_timeout_ms)                                                                           \
    X(latency_window_ms)                                                                           \
    X(policy_lease_ms)

#define ENDPOINT_STRINGS(X)                                                                        \
    X(id)                                                                                          \
    X(state_reason)                                                                                \
    X(host)                                                                                        \
    X(unix_path)                                                                                   \
    X(ca_pem)                                                                                      \
    X(client_cert_pem)                                                                             \
    X(client_key_pem)                                                                              \
    X(api_base)                                                                                    \
    X(base_path)                                                                                   \
    X(upstream_model)                                                                              \
    X(api_version)                                                                                 \
    X(credential)                                                                                  \
    X(networks)                                                                                    \
    X(identity)                                                                                    \
    X(region_name)

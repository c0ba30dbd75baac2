#pragma once

/*
 * Every error that a client can see from Ambit itself, in one table: status, OpenAI's error type,
 * code (a word), whether a client may repeat the request ("x-should-retry: false" otherwise, which
 * OpenAI's SDKs obey), and the `error_code` of model hosts, a word of Baseten's list. Upstreams'
 * own errors pass as they came.
 */

#include "base/json_out.h"

enum fault_retry { FAULT_RETRY_UNSAID, FAULT_RETRY_NO };

/* id, status, type, code, retry, error_code */
#define FAULT_TABLE(X)                                                                             \
    X(INVALID_API_KEY, 401, "invalid_request_error", "invalid_api_key", NO, "unauthorized")        \
    X(EXPIRED_API_KEY, 401, "invalid_request_error", "expired_api_key", NO, "unauthorized")        \
    X(INSUFFICIENT_SCOPE, 403, "permission_error", "insufficient_scope", NO, "unauthorized")       \
    X(KEY_LIMITED, 403, "permission_error", "key_not_allowed", NO, "unauthorized")                 \
    X(UNKNOWN_CUSTOMER, 403, "permission_error", "unknown_customer", NO, "client_error")           \
    X(CUSTOMER_BLOCKED, 403, "permission_error", "customer_blocked", NO, "client_error")           \
    X(REGION_NOT_ALLOWED, 403, "permission_error", "region_not_allowed", NO, "client_error")       \
    X(MISDIRECTED, 421, "permission_error", "gateway_region_not_allowed", NO, "client_error")      \
    X(HOST_MISMATCH, 421, "invalid_request_error", "host_mismatch", NO, "client_error")            \
    X(STANDARD_REFUSED, 403, "permission_error", "standard_endpoint_refused", NO, "client_error")  \
    X(INVALID_REGION, 400, "invalid_request_error", "invalid_region", NO, "client_error")          \
    X(INVALID_ROUTING, 400, "invalid_request_error", "invalid_routing", NO, "client_error")        \
    X(INVALID_LATENCY_BUDGET, 400, "invalid_request_error", "invalid_latency_budget", NO,          \
      "client_error")                                                                              \
    X(INVALID_FIELD, 400, "invalid_request_error", "invalid_field", NO, "client_error")            \
    X(FORBIDDEN_FIELD, 400, "invalid_request_error", "forbidden_field", NO, "client_error")        \
    X(DUPLICATE_FIELD, 400, "invalid_request_error", "duplicate_field", NO, "client_error")        \
    X(MISSING_FIELD, 400, "invalid_request_error", "missing_field", NO, "client_error")            \
    X(CONFLICTING_ROUTING, 400, "invalid_request_error", "conflicting_routing", NO,                \
      "client_error")                                                                              \
    X(INVALID_JSON, 400, "invalid_request_error", "invalid_json", NO, "client_error")              \
    X(INVALID_MULTIPART, 400, "invalid_request_error", "invalid_multipart", NO, "client_error")    \
    X(TOO_MANY_CUSTOMERS, 400, "invalid_request_error", "too_many_customers", NO, "client_error")  \
    X(INVALID_HTTP, 400, "invalid_request_error", "invalid_http", NO, "client_error")              \
    X(PATH_SELECTOR, 400, "invalid_request_error", "path_selector_not_allowed", NO,                \
      "client_error")                                                                              \
    X(INVALID_PATH, 400, "invalid_request_error", "invalid_path", NO, "client_error")              \
    X(NO_UPGRADE, 400, "invalid_request_error", "upgrade_required", NO, "client_error")            \
    X(NOT_FOUND, 404, "invalid_request_error", "not_found", NO, "client_error")                    \
    X(MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found", NO,                        \
      "model_does_not_exist")                                                                      \
    X(RESPONSE_NOT_FOUND, 404, "invalid_request_error", "response_not_found", NO, "client_error")  \
    X(METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed", NO, "client_error")  \
    X(REQUEST_TOO_LARGE, 413, "invalid_request_error", "request_too_large", NO,                    \
      "payload_too_large")                                                                         \
    X(UNSUPPORTED_ENCODING, 415, "invalid_request_error", "unsupported_encoding", NO,              \
      "client_error")                                                                              \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "invalid_request_error", "unsupported_media_type", NO,          \
      "client_error")                                                                              \
    X(UPGRADE_TIMEOUT, 408, "service_unavailable", "upgrade_timeout", UNSAID, "timeout")           \
    X(OTHER_VERSION, 426, "invalid_request_error", "websocket_version", NO, "client_error")        \
    X(UPSTREAM_ERROR, 502, "upstream_error", "upstream_error", UNSAID, "model_unavailable")        \
    X(UPSTREAM_REDIRECT, 502, "upstream_error", "upstream_redirect", NO, "application_error")      \
    X(SERVICE_UNAVAILABLE, 503, "service_unavailable", "service_unavailable", UNSAID,              \
      "model_unavailable")                                                                         \
    X(PIN_UNAVAILABLE, 503, "service_unavailable", "service_unavailable", NO, "model_unavailable") \
    X(REGION_PENDING, 503, "service_unavailable", "region_pending", UNSAID, "model_unavailable")   \
    X(POLICY_STALE, 503, "service_unavailable", "policy_stale", UNSAID, "internal_baseten_error")  \
    X(CONTROL_UNAVAILABLE, 503, "service_unavailable", "control_unavailable", UNSAID,              \
      "internal_baseten_error")                                                                    \
    X(OVERLOADED, 503, "service_unavailable", "overloaded", UNSAID, "rate_limited")                \
    X(NOT_READY, 503, "service_unavailable", "deployment_not_ready", UNSAID, "model_not_ready")    \
    X(UPSTREAM_TIMEOUT, 504, "upstream_error", "upstream_timeout", UNSAID, "timeout")

enum fault {
    FAULT_NONE,
#define X(id, status, type, code, retry, error_code) FAULT_##id,
    FAULT_TABLE(X)
#undef X
        FAULT_COUNT
};

struct fault_row {
    unsigned status;
    str type;
    str code;
    enum fault_retry retry;
    str error_code; /* on model hosts */
};

const struct fault_row *fault_row(enum fault fault);

/* {"error":{"message","type","param","code"}}; `param` "" becomes null. */
void fault_body(enum fault fault, str message, str param, struct buf *to);

/* {"error","error_code"}: as model hosts have it. */
void fault_body_of_host(enum fault fault, str message, struct buf *to);

/* OpenAI's shape for statuses that the HTTP codec answers itself. */
void fault_body_of_status(unsigned status, str message, struct buf *to);

#pragma once

/*
 * Every error that a client of the OpenAI surface can see from Ambit itself, in one table: status,
 * OpenAI's error type, code (a word), and whether a client may repeat the request ("x-should-retry:
 * false" otherwise, which OpenAI's SDKs obey). Upstreams' own errors pass as they came.
 */

#include "base/json_out.h"

enum fault_retry { FAULT_RETRY_UNSAID, FAULT_RETRY_NO };

/* id, status, type, code, retry */
#define FAULT_TABLE(X)                                                                             \
    X(INVALID_API_KEY, 401, "invalid_request_error", "invalid_api_key", NO)                        \
    X(EXPIRED_API_KEY, 401, "invalid_request_error", "expired_api_key", NO)                        \
    X(INSUFFICIENT_SCOPE, 403, "permission_error", "insufficient_scope", NO)                       \
    X(UNKNOWN_CUSTOMER, 403, "permission_error", "unknown_customer", NO)                           \
    X(CUSTOMER_BLOCKED, 403, "permission_error", "customer_blocked", NO)                           \
    X(REGION_NOT_ALLOWED, 403, "permission_error", "region_not_allowed", NO)                       \
    X(MISDIRECTED, 421, "permission_error", "gateway_region_not_allowed", NO)                      \
    X(INVALID_REGION, 400, "invalid_request_error", "invalid_region", NO)                          \
    X(INVALID_ROUTING, 400, "invalid_request_error", "invalid_routing", NO)                        \
    X(INVALID_LATENCY_BUDGET, 400, "invalid_request_error", "invalid_latency_budget", NO)          \
    X(INVALID_FIELD, 400, "invalid_request_error", "invalid_field", NO)                            \
    X(FORBIDDEN_FIELD, 400, "invalid_request_error", "forbidden_field", NO)                        \
    X(DUPLICATE_FIELD, 400, "invalid_request_error", "duplicate_field", NO)                        \
    X(MISSING_FIELD, 400, "invalid_request_error", "missing_field", NO)                            \
    X(CONFLICTING_ROUTING, 400, "invalid_request_error", "conflicting_routing", NO)                \
    X(INVALID_JSON, 400, "invalid_request_error", "invalid_json", NO)                              \
    X(INVALID_MULTIPART, 400, "invalid_request_error", "invalid_multipart", NO)                    \
    X(TOO_MANY_CUSTOMERS, 400, "invalid_request_error", "too_many_customers", NO)                  \
    X(INVALID_HTTP, 400, "invalid_request_error", "invalid_http", NO)                              \
    X(NOT_FOUND, 404, "invalid_request_error", "not_found", NO)                                    \
    X(MODEL_NOT_FOUND, 404, "invalid_request_error", "model_not_found", NO)                        \
    X(RESPONSE_NOT_FOUND, 404, "invalid_request_error", "response_not_found", NO)                  \
    X(METHOD_NOT_ALLOWED, 405, "invalid_request_error", "method_not_allowed", NO)                  \
    X(REQUEST_TOO_LARGE, 413, "invalid_request_error", "request_too_large", NO)                    \
    X(UNSUPPORTED_ENCODING, 415, "invalid_request_error", "unsupported_encoding", NO)              \
    X(UNSUPPORTED_MEDIA_TYPE, 415, "invalid_request_error", "unsupported_media_type", NO)          \
    X(UPSTREAM_ERROR, 502, "upstream_error", "upstream_error", UNSAID)                             \
    X(UPSTREAM_REDIRECT, 502, "upstream_error", "upstream_redirect", NO)                           \
    X(SERVICE_UNAVAILABLE, 503, "service_unavailable", "service_unavailable", UNSAID)              \
    X(PIN_UNAVAILABLE, 503, "service_unavailable", "service_unavailable", NO)                      \
    X(REGION_PENDING, 503, "service_unavailable", "region_pending", UNSAID)                        \
    X(POLICY_STALE, 503, "service_unavailable", "policy_stale", UNSAID)                            \
    X(CONTROL_UNAVAILABLE, 503, "service_unavailable", "control_unavailable", UNSAID)              \
    X(OVERLOADED, 503, "service_unavailable", "overloaded", UNSAID)                                \
    X(UPSTREAM_TIMEOUT, 504, "upstream_error", "upstream_timeout", UNSAID)

enum fault {
    FAULT_NONE,
#define X(id, status, type, code, retry) FAULT_##id,
    FAULT_TABLE(X)
#undef X
        FAULT_COUNT
};

struct fault_row {
    unsigned status;
    str type;
    str code;
    enum fault_retry retry;
};

const struct fault_row *fault_row(enum fault fault);

/* {"error":{"message","type","param","code"}}; `param` "" becomes null. */
void fault_body(enum fault fault, str message, str param, struct buf *to);

/* The same for statuses that the HTTP codec answers itself. */
void fault_body_of_status(unsigned status, str message, struct buf *to);

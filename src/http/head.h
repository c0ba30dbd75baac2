#pragma once

/*
 * A message head, as every protocol version carries it. Names and values are slices of whatever
 * memory the head lives in: a codec's head lives for one callback, http_head_copy moves it to an
 * arena. Known names have an id, so that code asks for headers without comparing strings; ids come
 * from the table HTTP_HEADER_TABLE.
 */

#include "base/arena.h"
#include "base/str.h"

/* id, lower-case name. Names that the request path looks at or writes. */
#define HTTP_HEADER_TABLE(X)                                                                       \
    X(ACCEPT_ENCODING, "accept-encoding")                                                          \
    X(AUTHORIZATION, "authorization")                                                              \
    X(API_KEY, "api-key")                                                                          \
    X(CONNECTION, "connection")                                                                    \
    X(CONTENT_ENCODING, "content-encoding")                                                        \
    X(CONTENT_LENGTH, "content-length")                                                            \
    X(CONTENT_TYPE, "content-type")                                                                \
    X(COOKIE, "cookie")                                                                            \
    X(DATE, "date")                                                                                \
    X(DIGEST, "digest")                                                                            \
    X(CONTENT_DIGEST, "content-digest")                                                            \
    X(CONTENT_MD5, "content-md5")                                                                  \
    X(ETAG, "etag")                                                                                \
    X(EXPECT, "expect")                                                                            \
    X(HOST, "host")                                                                                \
    X(KEEP_ALIVE, "keep-alive")                                                                    \
    X(LOCATION, "location")                                                                        \
    X(PROXY_AUTHENTICATE, "proxy-authenticate")                                                    \
    X(PROXY_AUTHORIZATION, "proxy-authorization")                                                  \
    X(PROXY_CONNECTION, "proxy-connection")                                                        \
    X(REPR_DIGEST, "repr-digest")                                                                  \
    X(RETRY_AFTER, "retry-after")                                                                  \
    X(SEC_WEBSOCKET_ACCEPT, "sec-websocket-accept")                                                \
    X(SEC_WEBSOCKET_EXTENSIONS, "sec-websocket-extensions")                                        \
    X(SEC_WEBSOCKET_KEY, "sec-websocket-key")                                                      \
    X(SEC_WEBSOCKET_PROTOCOL, "sec-websocket-protocol")                                            \
    X(SEC_WEBSOCKET_VERSION, "sec-websocket-version")                                              \
    X(SET_COOKIE, "set-cookie")                                                                    \
    X(TE, "te")                                                                                    \
    X(TRAILER, "trailer")                                                                          \
    X(TRANSFER_ENCODING, "transfer-encoding")                                                      \
    X(UPGRADE, "upgrade")                                                                          \
    X(WANT_DIGEST, "want-digest")                                                                  \
    X(X_AMBIT_REGION, "x-ambit-region")                                                            \
    X(X_AMBIT_SESSION, "x-ambit-session")                                                          \
    X(X_LITELLM_CUSTOMER_ID, "x-litellm-customer-id")                                              \
    X(X_LITELLM_END_USER_ID, "x-litellm-end-user-id")                                              \
    X(X_MS_REGION, "x-ms-region")                                                                  \
    X(X_REQUEST_ID, "x-request-id")                                                                \
    X(X_SHOULD_RETRY, "x-should-retry")

enum http_header_id {
    HTTP_HEADER_OTHER,
#define X(id, name) HTTP_HEADER_##id,
    HTTP_HEADER_TABLE(X)
#undef X
        HTTP_HEADER_COUNT
};

struct http_header {
    str name;  /* as it came (HTTP/1), compared case-insensitively */
    str value; /* without blanks around it */
    enum http_header_id id;
    bool checked; /* a token and a clean value for sure: read by a codec, or made of such */
};

enum http_method {
    HTTP_METHOD_OTHER,
    HTTP_METHOD_GET,
    HTTP_METHOD_HEAD,
    HTTP_METHOD_POST,
    HTTP_METHOD_PUT,
    HTTP_METHOD_DELETE,
    HTTP_METHOD_CONNECT,
    HTTP_METHOD_OPTIONS,
    HTTP_METHOD_TRACE,
    HTTP_METHOD_PATCH,
};

/* What a connection can leave HTTP for (RFC 9110 section 7.8). */
enum http_upgrade { HTTP_UPGRADE_NONE, HTTP_UPGRADE_WEBSOCKET };

enum { HTTP_LENGTH_NONE = -1 };

struct http_head {
    /* requests */
    enum http_method method;
    str method_text;
    str target;    /* origin form: path and query as they came, or "*" */
    str authority; /* Host or :authority; empty only in HTTP/1.0 */

    /* responses */
    unsigned status;

    unsigned version;       /* 10, 11, 20 */
    int64_t content_length; /* HTTP_LENGTH_NONE where the head says none */
    bool expects_continue;

    /* In a request: the sender wants to leave HTTP for it. In a 101: it does so now. In another
     * answer: it could be had (426). A codec sets it where every condition holds (GET of HTTP/1.1
     * without a body, named in Connection), and writes the Connection and Upgrade headers from it
     * alone. */
    enum http_upgrade upgrade;
    struct http_header *headers;
    size_t n_headers;
};

/* The id of a name in any case, HTTP_HEADER_OTHER for others. */
enum http_header_id http_header_id(str name);
str http_header_name(enum http_header_id id);
enum http_method http_method_of(str text);

/* As the Upgrade header has it: "websocket". */
str http_upgrade_name(enum http_upgrade upgrade);

/* The first header of that id, or NULL. */
const struct http_header *http_head_find(const struct http_head *head, enum http_header_id id);

/* Its value, or STR_NULL. */
str http_head_value(const struct http_head *head, enum http_header_id id);

/* True for headers of one hop only (RFC 9110 section 7.6.1): Connection, Keep-Alive, Proxy-*, TE,
 * Trailer, Transfer-Encoding, Upgrade, and every name that this head's Connection header lists.
 * They never pass through. */
bool http_header_is_hop_by_hop(const struct http_head *head, const struct http_header *header);

/* Copies head, headers and their bytes. */
struct http_head *http_head_copy(struct arena *arena, const struct http_head *head);

/* "OK" for 200, and so on; "" for unknown codes. */
str http_reason(unsigned status);

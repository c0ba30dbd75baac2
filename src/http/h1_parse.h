#pragma once

/*
 * The strict HTTP/1.1 head parser (RFC 9112), for requests, responses and trailer sections.
 *
 * It works on a buffer that holds everything of the head that has arrived, and is called again with
 * more: a parser remembers where the first unparsed line begins and how far that line has been
 * searched, so that no line is parsed twice while a head trickles in. Every line is judged as soon
 * as it is complete, and limits are judged by position, so that the answer does not depend on how
 * the bytes were cut. When a head is complete that came in pieces, it is parsed once more as a
 * whole, since slices into a buffer that moved meanwhile are worth nothing.
 *
 * What is ambiguous is refused, never repaired: whoever stands before or behind us must see the
 * same message as we do. H1_FAULT_TABLE lists what can be wrong and the status that it is answered
 * with. Two choices beyond the RFC: several Content-Length lines are refused even if they agree,
 * and characters that are no URI characters are refused in the target (a query may have []{}|^`,
 * which browsers send).
 */

#include "http/head.h"

#define H1_FAULT_TABLE(X)                                                                          \
    X(BARE_LF, 400, "a line does not end in CRLF")                                                 \
    X(REQUEST_LINE, 400, "malformed request line")                                                 \
    X(METHOD, 400, "invalid character in the method")                                              \
    X(METHOD_UNKNOWN, 501, "method not implemented")                                               \
    X(TARGET, 400, "invalid request target")                                                       \
    X(TARGET_HOST, 400, "the request target names another host than the Host header")              \
    X(VERSION_SYNTAX, 400, "malformed protocol version")                                           \
    X(VERSION, 505, "only HTTP/1.0 and HTTP/1.1 are supported")                                    \
    X(LINE_TOO_LONG, 414, "request line too long")                                                 \
    X(HEAD_TOO_LARGE, 431, "header fields too large")                                              \
    X(TOO_MANY_HEADERS, 431, "too many header fields")                                             \
    X(HEADER_NAME, 400, "invalid header name")                                                     \
    X(HEADER_VALUE, 400, "invalid character in a header value")                                    \
    X(FOLDED, 400, "a header is continued on a second line")                                       \
    X(NO_HOST, 400, "Host header missing")                                                         \
    X(SEVERAL_HOSTS, 400, "more than one Host header")                                             \
    X(HOST, 400, "invalid Host header")                                                            \
    X(LENGTH, 400, "invalid Content-Length")                                                       \
    X(SEVERAL_LENGTHS, 400, "more than one Content-Length")                                        \
    X(LENGTH_AND_CODING, 400, "both Content-Length and Transfer-Encoding")                         \
    X(CODING_IN_1_0, 400, "Transfer-Encoding in HTTP/1.0")                                         \
    X(CODING, 400, "malformed Transfer-Encoding, or chunked is not its last coding")               \
    X(CODING_UNKNOWN, 501, "transfer coding not implemented")                                      \
    X(EXPECTATION, 417, "unknown expectation")                                                     \
    X(STATUS_LINE, 502, "malformed status line")                                                   \
    X(CHUNK, 400, "malformed chunk")                                                               \
    X(CHUNK_EXTENSIONS, 400, "chunk extensions too large")

enum h1_fault {
    H1_OK,
#define X(id, status, text) H1_FAULT_##id,
    H1_FAULT_TABLE(X)
#undef X
        H1_FAULT_COUNT
};

unsigned h1_fault_status(enum h1_fault fault);
str h1_fault_text(enum h1_fault fault);

enum h1_kind { H1_REQUEST, H1_RESPONSE, H1_TRAILERS };
enum h1_result { H1_MORE, H1_DONE, H1_BAD };

/* How the body behind a head ends. */
enum h1_framing { H1_NO_BODY, H1_LENGTH, H1_CHUNKED, H1_UNTIL_CLOSE };

struct h1_limits {
    size_t head_bytes; /* start line, headers and the empty line */
    size_t headers;
};

struct h1_parser {
    uint32_t line;    /* where the first unparsed line begins */
    uint32_t scanned; /* no line feed between `line` and this */
    uint16_t n_headers;
    uint8_t kind;
    bool has_start; /* the start line is parsed; always so in trailers */
    bool skipped;   /* one empty line before a request was skipped */
    bool resumed;   /* lines were parsed in an earlier call */
};

struct h1_message {
    struct http_head head; /* slices into the bytes given */
    size_t bytes;          /* of the head, its empty line included */
    enum h1_framing framing;
    bool keep_alive; /* by version and Connection header */
    enum h1_fault fault;
};

void h1_parser_init(struct h1_parser *p, enum h1_kind kind);

/* `bytes` holds the whole head as far as it has arrived, from its first byte on. `headers` is room
 * for limits->headers of them; it may be shared by many parsers, nothing in it needs to survive
 * between calls. `asked` is the request's method where a response is parsed: it decides about the
 * body. After H1_BAD ret->fault says what was wrong and ret->head.method what was asked, if known.
 */
enum h1_result h1_parse(struct h1_parser *p, str bytes, const struct h1_limits *limits,
                        struct http_header *headers, enum http_method asked,
                        struct h1_message *ret);

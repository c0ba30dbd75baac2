#pragma once

/*
 * The server side: turns accepted connections of one loop into server streams. HTTP/1.1 today,
 * HTTP/2 later, behind the same three callbacks. Malformed and oversize requests are answered here
 * (400, 408, 414, 417, 431, 501, 505 ...) and never reach on_request; the answer's body comes from
 * on_bad_request, so that each surface can use its own shape.
 *
 * Pipelined requests are answered in order, one at a time; those behind the current one wait unread
 * in the kernel, apart from what came with it in one read. A client that closes or resets, or only
 * ends its sending side, while an exchange is under way has cancelled it (STREAM_CANCELLED), even
 * if its request, or several, had arrived in full. In a tunnel (stream.h) only a reset does.
 */

#include "base/buf.h"
#include "http/stream.h"
#include "net/transport.h"

struct http_server;

struct http_server_limits {
    size_t head_bytes; /* request line and headers; more is 431 (414 for the request line alone) */
    size_t headers;    /* number of header lines; more is 431 */
    int64_t head_ms;   /* from a request's first byte to its complete head; then 408 */
    int64_t body_idle_ms;  /* between bytes of a body while bytes are wanted; then 408 */
    int64_t keep_alive_ms; /* idle between requests */
    int64_t write_idle_ms; /* a client that takes no bytes for so long is reset */
};

struct http_server_handler {
    /* A request head. The handler sets s->events and s->ctx before it returns; body events follow.
     * `head` lives for this call. A 100-continue is sent by the codec when body bytes are first
     * wanted (handler calls http_server_continue). */
    void (*on_request)(void *ctx, struct stream *s, const struct http_head *head,
                       enum stream_end end);

    /* Fills *ret_body with the body, of type application/json, of an answer that the codec gives
     * itself; `detail` says what was wrong. */
    void (*on_bad_request)(void *ctx, unsigned status, str detail, struct buf *ret_body);

    /* Optional: the value of such an answer's x-request-id, in text that lives for the call. */
    str (*make_request_id)(void *ctx);
};

/* `label` goes to logs. The server holds no listener: whoever accepts hands descriptors over. */
struct http_server *http_server_new(struct loop *loop, const struct http_server_limits *limits,
                                    const struct http_server_handler *handler, void *ctx);

/* From now on; not from a callback of this server's. */
void http_server_set_limits(struct http_server *server, const struct http_server_limits *limits);

/* Takes over an accepted non-blocking descriptor. tls NULL: plaintext. */
void http_server_accept(struct http_server *server, int fd, struct tls_server *tls);

/* Asks for the request's body: sends "100 Continue" if the client waits for it; else does nothing.
 */
void http_server_continue(struct stream *s);

/* The client's address and the TLS server name of a server stream's connection. */
void http_server_peer_text(struct stream *s, char *ret_text);
str http_server_name(struct stream *s);

/* The connection's descriptor, for who plays a broken server and has to go round the codec: bytes
 * written there are on nobody's account. */
int http_server_descriptor(struct stream *s);

/* A word per connection for its user (the cached verification of a key, say): starts as zeroes. */
enum { HTTP_SERVER_SCRATCH_BYTES = 48 };
void *http_server_scratch(struct stream *s);

/* Draining: every further answer says "Connection: close"; idle connections are closed only after
 * `idle_ms` without a request, so that no client meets a reset on a connection that it believed
 * alive. */
void http_server_drain(struct http_server *server, int64_t idle_ms);
size_t http_server_connections(const struct http_server *server);

/* Closes everything at once. */
void http_server_free(struct http_server *server);

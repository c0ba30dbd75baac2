#pragma once

/*
 * The client side: connections to origins and their pools, one set a loop. Only route/connector.c
 * may include this file (the build checks it): it is the door that asks for a permit.
 *
 * A pool's key is the origin, which stands for one endpoint in one revision of its address, region
 * and TLS identity: connections never serve another origin, and an origin that is retired closes
 * its idle connections and lets busy ones finish. A keep-alive connection that the peer closed is
 * noticed when it happens (EPOLLRDHUP stays registered). One that was used before and dies before
 * the first byte of an answer resets its stream with STREAM_REFUSED and unprocessed = true only
 * where the peer's kernel cannot have taken the request: nothing was written, or the peer's FIN
 * acknowledged none of it (TCP without TLS only). Else it is STREAM_PEER_CLOSED, unprocessed =
 * false.
 *
 * A connection goes back to its pool only after an answer that ended where its framing says, with
 * nothing behind it, to a request that was sent in full. Releasing a stream before that closes the
 * connection at once, whatever it is doing. Events never come from within a call of the user's.
 */

#include "http/stream.h"
#include "net/resolver.h"
#include "net/transport.h"

struct upstream_origin {
    uint64_t id; /* unique in the process, never reused: the pool's key */
    str host;    /* name or literal address; also SNI and the certificate's name */
    uint16_t port;
    struct tls_client *tls; /* NULL: plaintext */
    str unix_path;          /* set instead of host and port for a Unix socket */
    str identity; /* secret, "" if none: who does not prove it (identity.h) is sent nothing else,
                     and the stream is reset with STREAM_CONNECT_FAILED */
    str networks; /* that its address has to lie in (net/networks.h), "" : any. Asked for each
                     address that is dialled; one elsewhere is as one that nobody answers at */
};

struct upstream_limits {
    size_t head_bytes; /* of an answer; more is STREAM_PROTOCOL_ERROR */
    size_t headers;
    size_t idle_per_origin; /* idle connections kept for one origin in this loop */
    int64_t idle_ms;        /* an idle connection is closed after it */
};

struct upstream_pools;

struct upstream_pools *upstream_pools_new(struct loop *loop, struct resolver *resolver,
                                          const struct upstream_limits *limits);
/* From now on; not from a callback of a connection's. */
void upstream_pools_set_limits(struct upstream_pools *pools, const struct upstream_limits *limits);
void upstream_pools_free(struct upstream_pools *pools);

enum upstream_opened {
    UPSTREAM_READY = 1,  /* leased: send the head now; on_open is not called */
    UPSTREAM_CONNECTING, /* on_open or on_reset follows, never before this returns */
};

/* Leases an idle connection or dials; what goes wrong with dialling comes as on_reset. `origin`
 * must stay valid until the stream is released; its strings are copied where a connection outlives
 * it. Returns an enum upstream_opened, or a negative errno. */
int upstream_open(struct upstream_pools *pools, const struct upstream_origin *origin,
                  int64_t connect_ms, const struct stream_events *events, void *ctx,
                  struct stream **ret_stream);

/* Whether the stream's connection served an exchange before (for metrics), and its dial-time origin
 * id. */
bool upstream_is_reused(const struct stream *s);
uint64_t upstream_origin_id(const struct stream *s);

/* Closes idle connections of the origin and refuses new leases of busy ones when they finish. */
void upstream_retire(struct upstream_pools *pools, uint64_t origin_id);

struct upstream_counts {
    uint64_t idle, busy, connecting;                   /* now */
    uint64_t dialled, reused, connect_failures, stale; /* since the start */
};
void upstream_counts(const struct upstream_pools *pools, struct upstream_counts *ret_counts);

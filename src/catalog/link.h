#pragma once

/*
 * What control and edges say to each other: length-prefixed frames over a Unix socket or mutual
 * TLS. The edge connects and says hello; control answers with a full snapshot unless the edge has
 * that very revision, then sends deltas. Every policy revision is confirmed by the edge once all
 * its workers have passed a quiescent point with it.
 *
 * A frame is: u32 length of what follows, u8 type, payload (base/wire.h encoding). A peer that
 * sends anything malformed is disconnected. The catalog frame and the customer frames of one change
 * carry the same revision; LINK_IN_FORCE closes the change.
 */

#include "base/wire.h"
#include "catalog/customers.h"

#include <sys/types.h>

enum { LINK_VERSION = 1, LINK_MAX_FRAME_BYTES = 256 << 20, LINK_RELAY_BODY_BYTES = 4 << 20 };

enum link_frame {
    /* edge to control */
    LINK_HELLO = 1, /* struct link_hello */
    LINK_CONFIRM,   /* u64 revision: in force on every worker */
    LINK_OBSERVED,  /* struct link_observed: what an upstream said about its region */
    LINK_REPLY,     /* u32 id, str bytes: answer to LINK_QUERY */
    LINK_RELAY,     /* struct link_relay: a management request that came in at the gateway */
    LINK_REFUSALS,  /* u32 n, n × struct link_refusals: counts since the last such frame */
    LINK_WAKE,      /* str deployment id: a request waits for its replicas, or asked for them; again
                       every second while some wait */
    LINK_DEMAND,    /* struct link_demand: of one deployment; every second while there is any */
    /* control to edge */
    LINK_CATALOG = 64,    /* u64 revision, str catalog bytes (catalog_encode) */
    LINK_CUSTOMERS_RESET, /* u64 revision: customers_encode records follow in LINK_CUSTOMERS frames
                             and replace all */
    LINK_CUSTOMERS,       /* u64 revision, u32 n, n × (u64 lo, u64 hi, u32 rule, u32 flags): put */
    LINK_CUSTOMERS_GONE,  /* u64 revision, u32 n, n × (u64 lo, u64 hi): remove */
    LINK_IN_FORCE,  /* u64 revision, i64 wall time of control: all frames of the revision have been
                       sent: apply, then confirm */
    LINK_HEARTBEAT, /* i64 wall time of control: renews the policy lease; every second */
    LINK_QUERY,     /* u32 id, str what: "metrics" (struct link samples) or "status" (JSON) */
    LINK_RELAY_ANSWER, /* u32 id, u16 status, str content type, str body */
};

struct link_hello {
    uint16_t version;
    str name; /* of the edge, "local" by default */
    uint32_t pid;
    uint16_t workers;
    str installation;  /* "" if the edge has no snapshot */
    uint64_t revision; /* 0 if none */
    str config_hash;   /* of the catalog it has */
};

enum link_observation { LINK_REGION_LEARNT = 1, LINK_REGION_CONTRADICTED = 2 };

struct link_observed {
    uint8_t kind; /* enum link_observation */
    str endpoint; /* id */
    uint64_t origin_revision;
    str header; /* the x-ms-region value, at most 128 bytes */
};

struct link_relay {
    uint32_t id;
    str key_id; /* verified by the edge */
    uint32_t scopes;
    str request_id;
    str method;
    str target;
    str content_type;
    str body;
};

/* Refusals of one kind: which rule left nothing. */
struct link_refusals {
    uint8_t source; /* enum permit_source of the deciding step */
    str code;       /* error code: "region_not_allowed" and so on */
    str subject;    /* key id or "customer" or group name: never a customer's id */
    str group;      /* model group */
    uint64_t count;
};

/* What one edge sees of a deployment's requests. */
struct link_demand {
    str deployment;     /* id */
    uint32_t in_flight; /* now, open WebSockets included; without those that are held */
    uint32_t held;      /* now: they wait for a replica */
    uint64_t begun;     /* requests that have come since the last such frame */
};

/* Takes one whole frame off the front of `bytes`. Returns its total size, 0 if more bytes are
 * needed, -EPROTO if it is malformed or larger than LINK_MAX_FRAME_BYTES. */
ssize_t link_frame_take(str bytes, enum link_frame *ret_type, str *ret_payload);

/* Appends a frame. `link_frame_begin` returns the offset that link_frame_end needs to fill in the
 * length. */
size_t link_frame_begin(struct buf *to, enum link_frame type);
void link_frame_end(struct buf *to, size_t begin);

/* Payload codecs. Decoders return false on malformed payloads; slices point into the payload. */
void link_put_hello(struct buf *to, const struct link_hello *hello);
bool link_take_hello(str payload, struct link_hello *ret_hello);
void link_put_observed(struct buf *to, const struct link_observed *observed);
bool link_take_observed(str payload, struct link_observed *ret_observed);
void link_put_relay(struct buf *to, const struct link_relay *relay);
bool link_take_relay(str payload, struct link_relay *ret_relay);
void link_put_refusals(struct buf *to, const struct link_refusals *refusals);
bool link_take_refusals(struct wire_reader *r, struct link_refusals *ret_refusals);
void link_put_wake(struct buf *to, str deployment);
bool link_take_wake(str payload, str *ret_deployment);
void link_put_demand(struct buf *to, const struct link_demand *demand);
bool link_take_demand(str payload, struct link_demand *ret_demand);

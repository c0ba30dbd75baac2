#pragma once

/*
 * One try of a request at one endpoint. It derives head, body and credentials from the exchange's
 * pristine request, holds the endpoint's slot, owns the upstream stream, and ends in exactly one
 * outcome. Everything it needs from the policy it copies when it starts, so a newer revision can
 * come at any time.
 */

#include "edge/metrics.h"
#include "route/connector.h"
#include "route/trace.h"

struct exchange;

struct attempt {
    struct exchange *exchange;
    struct endpoint_slot slot; /* of its endpoint; given back in attempt_end */
    struct stream *stream;     /* NULL once released */
    size_t record;             /* index into the trace's attempts */

    /* copied from the policy */
    str endpoint_id, api_base, region;
    uint16_t region_label; /* of `region` among the metrics' labels */
    uint64_t tpm;
    uint32_t allowed_fails;
    int64_t cooldown_ns;
    int64_t first_byte_ms, idle_ms;
    bool tells_region; /* Azure: x-ms-region is evidence */

    /* the derived request */
    struct http_head *head;
    struct iovec *segments;
    size_t n_segments;
    size_t segment_at, segment_offset; /* what has been sent */
    bool sent;                         /* wholly */
    bool head_sent;                    /* the same for a body that passes as it comes (upload.h): */
    uint64_t body_sent;                /* its bytes so far */

    /* its answer */
    unsigned status;
    struct http_head *answer; /* copied where it must outlive the callback */
    struct buf held;          /* body bytes that came while parked or held */
    bool ended;               /* the answer is complete */
    bool broken;
    struct deadline timer; /* first byte, then idle between bytes */
    int64_t dialled_ns, sent_ns, first_byte_ns;
    bool over;
};

/* Starts one at the chosen endpoint: 0, or the fault to report where nothing could be opened. The
 * endpoint's slot (endpoint_begin) is the attempt's from here on. */
enum attempt_started { ATTEMPT_STARTED, ATTEMPT_NOT_PERMITTED, ATTEMPT_FAILED };
enum attempt_started attempt_start(struct exchange *x, const struct catalog *catalog,
                                   const struct permit *permit, const struct catalog_group *group,
                                   const struct catalog_endpoint *e, struct endpoint_slot slot);

/* Ends it: gives the slot back with a verdict that follows from the outcome, and releases the
 * stream (which cancels an unfinished request upstream at once). Once; the memory is the
 * exchange's. */
void attempt_end(struct attempt *a, enum route_outcome outcome);

/* Stops reading while the client can't take more, and goes on. */
void attempt_consume(struct attempt *a, size_t n);

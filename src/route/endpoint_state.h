#pragma once

/*
 * What changes about an endpoint while requests flow: load, limits, health. One state stands for
 * one endpoint in one revision of its origin (address, TLS identity, region); all workers of an
 * edge share it, and it outlives catalogs. Editing an endpoint's address or region makes a new
 * state, so nothing learnt about the old place speaks for the new one.
 *
 * An attempt that uses a state holds it: endpoint_begin, endpoint_end. A state leaves memory when
 * no catalog names it, every worker has passed a quiescent point since, and nothing is in flight
 * (endpoint_registry in the edge sees to that).
 */

#include "base/clock.h"
#include "base/list.h"
#include "catalog/catalog.h"
#include "http/upstream.h"
#include "route/latency.h"

#include <stdatomic.h>

enum { ENDPOINT_REGION_LABEL_BYTES = 64 };

struct endpoint_state {
    /* fixed for life */
    char *id;
    uint64_t origin_revision;
    struct upstream_origin origin;            /* its strings and TLS belong to this state */
    char region[ENDPOINT_REGION_LABEL_BYTES]; /* as declared or learnt, "unknown" otherwise: what
                                                 traces and metrics say */
    uint16_t region_label;                    /* index of that text among the metrics' labels */
    struct region_latency *latency;           /* of its region, shared */
    struct list link;                         /* of the registry */
    uint64_t seen_revision;                   /* the newest catalog that names it */
    uint64_t retired_epoch;                   /* of the registry, while it waits to be freed */
    char *registry_key;
    bool retirement_told, retirement_seen;
    bool unusable; /* its TLS identity can't be loaded */

    /* of the main thread's probes of regions: when it was asked last (0: never), and whether that
     * is under way */
    int64_t region_asked_ns;
    bool region_asking;

    /* one cache line that every attempt writes */
    _Alignas(64) _Atomic uint32_t in_flight;
    _Atomic uint32_t failures;          /* consecutive */
    _Atomic int64_t ejected_until_ns;   /* 0: in good health */
    _Atomic int64_t saturated_until_ns; /* the upstream said 429 or 503 */
    _Atomic int64_t rpm_tat_ns;         /* GCRA: theoretical arrival time of the next request */
    _Atomic int64_t tpm_tat_ns;         /* the same for tokens */
    _Atomic uint32_t on_trial;          /* 1: one attempt is trying an ejected endpoint */
    _Atomic uint32_t check_failed;      /* 1: the active health check says no */
    _Atomic uint32_t contradicted;      /* 1: an answer named another region: out of service until
                                           control says otherwise */
};

/* What the chooser may know of a state at one instant. */
struct endpoint_load {
    uint32_t in_flight;
    bool saturated;             /* at a limit of ours, or the upstream said so */
    bool degraded;              /* ejected, or failing its active check */
    bool half_open;             /* its ejection is over: one request may try it */
    int64_t saturated_until_ns; /* for Retry-After; 0 where it is not known */
};

struct endpoint_load endpoint_load_of(const struct endpoint_state *s,
                                      const struct catalog_endpoint *e, int64_t now_ns);

/* What one attempt holds of a state. The trial is the one request that an ejected endpoint gets; it
 * is that attempt's until its own end, whatever others that began earlier find out meanwhile. */
struct endpoint_slot {
    struct endpoint_state *state;
    bool trial;
};

/* Takes a slot: counts it in flight and against rpm. False if another request took the last one
 * meanwhile, or it was ejected, or its trial is already under way. */
bool endpoint_begin(struct endpoint_state *s, const struct catalog_endpoint *e, int64_t now_ns,
                    struct endpoint_slot *ret_slot);

/* The endpoint has begun a good answer. A trial has found out what it was for: others need not wait
 * for the end of what may be a long stream. Should that break, the failures from before the
 * ejection still count, and one more ejects. */
void endpoint_answers(struct endpoint_slot *slot);

/* How an attempt went, seen from the endpoint's health. */
enum endpoint_verdict {
    ENDPOINT_SUCCEEDED, /* an answer below 500 other than 408 and 429 */
    ENDPOINT_FAILED,    /* connect, TLS, reset, timeout, 5xx */
    ENDPOINT_SATURATED, /* 429 or 503: not a failure of its health */
    ENDPOINT_NEUTRAL,   /* the client went away, or nothing was sent */
};

/* Gives the slot back. `allowed_fails` consecutive failures eject the endpoint for cooldown_ns;
 * a failed trial ejects it anew. Returns true if this call ejected it. */
bool endpoint_end(struct endpoint_slot *slot, enum endpoint_verdict verdict, uint32_t allowed_fails,
                  int64_t cooldown_ns, int64_t now_ns);

/* The upstream asked for a pause (Retry-After, or 1 s where it named none). */
void endpoint_pause(struct endpoint_state *s, int64_t until_ns);

/* Charges tokens that an answer used against tpm. */
void endpoint_charge_tokens(struct endpoint_state *s, uint64_t tpm, uint64_t tokens,
                            int64_t now_ns);

#pragma once

/*
 * What a request's body says that matters here: the model, who the customer is, the `vetted`
 * member, and what must not be there. The body itself stays as it came; derivation for an endpoint
 * is a list of slices of it.
 */

#include "base/arena.h"
#include "base/json_scan.h"
#include "edge/fault.h"
#include "http/multipart.h"

#include <sys/uio.h>

struct request_facts {
    str model; /* unescaped; arena or body memory */
    size_t model_at,
        model_n;       /* the value in the body, quotes included; 0 bytes: the body has none */
    bool model_quoted; /* JSON: a replacement needs quotes and escaping */
    bool stream;
    str user;              /* `user` */
    str metadata_user;     /* `metadata.user_id` */
    str previous_response; /* `previous_response_id` */

    /* `vetted` */
    size_t vetted_at, vetted_n; /* what to cut, with the comma that belongs to it */
    str region;
    bool carbon_aware;
    bool routing_named;
    int64_t latency_budget_ms;
    bool trace;
};

struct request_refusal {
    enum fault fault;
    str message; /* arena */
    str param;
};

/* Reads a scanned JSON body. False: refused. */
bool request_read_json(const struct json_scan *scan, str body, struct arena *arena,
                       struct request_facts *facts, struct request_refusal *ret_refusal);

/* Reads a multipart form. False: refused. */
bool request_read_form(const struct multipart *form, str body, struct arena *arena,
                       struct request_facts *facts, struct request_refusal *ret_refusal);

/* The body for an endpoint: `model` replaced (unless "" or equal), `vetted` cut. Slices point into
 * `body` and the arena. Returns the number of bytes in all. */
size_t request_derive_body(const struct request_facts *facts, str body, str model,
                           struct arena *arena, struct iovec **ret_segments, size_t *ret_n);

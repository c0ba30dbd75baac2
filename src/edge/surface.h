#pragma once

/*
 * The gateway port's paths, in one table: which operation a method and path stand for, what kind of
 * body it has, and what the endpoint calls it. OpenAI paths are known with and without "/v1".
 * Matching is exact: no decoding, no normalisation, so no two spellings of a path can mean
 * different things here and upstream.
 */

#include "http/head.h"

enum surface_body {
    SURFACE_BODY_NONE,
    SURFACE_BODY_JSON,
    SURFACE_BODY_MULTIPART,
    SURFACE_BODY_STREAMED, /* passes unread, if there is one */
};

enum surface_kind {
    SURFACE_INFERENCE,  /* goes to an endpoint, routed by the body's `model` */
    SURFACE_STORED,     /* goes to the endpoint that holds the response {id} */
    SURFACE_MODELS,     /* answered here: the list */
    SURFACE_MODEL,      /* answered here: one */
    SURFACE_MANAGEMENT, /* relayed to the control plane */
    SURFACE_HEALTH_LIVE,
    SURFACE_HEALTH_READY,
    SURFACE_HOST, /* of a model host: host_route.h has those paths */
};

enum surface_splice { SURFACE_SPLICE_NO, SURFACE_SPLICE_JSON };

struct surface {
    enum http_method method;
    str path; /* without "/v1"; "{id}" stands for one segment, a trailing "*" for the rest */
    enum surface_kind kind;
    enum surface_body body;
    enum surface_splice splice; /* whether a JSON answer gains routing_trace and vetted */
    bool remembers;             /* answers have an `id` that later requests name */
};

struct surface_match {
    const struct surface *surface;
    str path;  /* without "/v1" and query: what is appended to an endpoint's base path */
    str query; /* without "?", "" if none */
    str id;    /* of "{id}" */
};

enum surface_outcome { SURFACE_FOUND, SURFACE_NOT_FOUND, SURFACE_WRONG_METHOD };

enum surface_outcome surface_find(const struct http_head *head, struct surface_match *ret_match);

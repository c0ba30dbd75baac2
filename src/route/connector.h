#pragma once

/*
 * The one door. Nothing else in Ambit opens or leases a stream to an endpoint (the build checks who
 * includes http/upstream.h's calls), and this door asks for a permit: it refuses an endpoint whose
 * place is not wholly inside it, a permit of another policy revision than the catalog at hand, and
 * a state whose origin is not the endpoint's present one.
 *
 * A probe carries no content: connector_probe writes the whole request itself, a GET without body,
 * so it needs no permit.
 */

#include "http/upstream.h"
#include "region/permit.h"
#include "route/endpoint_state.h"

struct connector;

/* One for each worker. */
struct connector *connector_new(struct loop *loop, struct resolver *resolver,
                                const struct upstream_limits *limits);
/* Whoever waits for a probe gets NULL. */
void connector_free(struct connector *c);

/* From now on; not from a callback of a connection's. */
void connector_set_limits(struct connector *c, const struct upstream_limits *limits);

enum connector_result {
    CONNECTOR_READY = 1,  /* leased: send the head now */
    CONNECTOR_CONNECTING, /* on_open or on_reset follows */
    CONNECTOR_REFUSED,    /* the permit does not allow it: a bug or a race with a policy change;
                             nothing was opened */
};

/* `e` and `state` are of `catalog`. Returns enum connector_result or a negative errno. */
int connector_open(struct connector *c, const struct permit *permit, const struct catalog *catalog,
                   const struct catalog_endpoint *e, struct endpoint_state *state,
                   int64_t connect_ms, const struct stream_events *events, void *ctx,
                   struct stream **ret_stream);

/* What a request to the endpoint names as its host, in the arena. */
str connector_authority(struct arena *arena, const struct catalog_endpoint *e);

/* A body-less GET of `path` to the endpoint, with its own credential if `with_credential`.
 * `on_done` gets the head (NULL if none came); the probe and its connection are over after that. */
enum connector_credential { PROBE_ANONYMOUS, PROBE_WITH_CREDENTIAL };
typedef void (*connector_probe_fn)(void *ctx, const struct http_head *head_or_null);
struct connector_probe;
int connector_probe(struct connector *c, const struct catalog_endpoint *e,
                    struct endpoint_state *state, str path, enum connector_credential credential,
                    int64_t timeout_ms, connector_probe_fn on_done, void *ctx);

/* Idle connections of a retired origin are closed. */
void connector_retire(struct connector *c, uint64_t origin_id);
void connector_counts(const struct connector *c, struct upstream_counts *ret_counts);

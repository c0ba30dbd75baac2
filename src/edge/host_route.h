#pragma once

/*
 * The paths of model hosts, in one table. On a standard host a path begins with a selector that
 * says which deployment is meant:
 *
 *     /production/…   /development/…   /environments/{name}/…   /deployment/{id}/…
 *
 * On a regional host the name of the host has said it, and the rest stands alone. Matching is
 * exact, as in surface.h: no decoding, no normalisation.
 */

#include "edge/host.h"
#include "http/head.h"

enum host_operation {
    HOST_PREDICT,    /* POST predict: the deployment's predict path */
    HOST_RUN_REMOTE, /* POST run_remote: the same, of a chain's entrypoint */
    HOST_SYNC,       /* any method but TRACE, sync/{path}: /{path} */
    HOST_WEBSOCKET,  /* GET websocket: the deployment's websocket path */
    HOST_WAKE,       /* POST wake: starts replicas, answered here */
};

/* "predict" and so on, as paths have it. */
str host_operation_name(enum host_operation operation);

enum host_selector {
    HOST_SELECTS_NOTHING, /* the path has none, or none that is whole */
    HOST_SELECTS_ENVIRONMENT,
    HOST_SELECTS_DEVELOPMENT,
    HOST_SELECTS_DEPLOYMENT,
};

struct host_route {
    enum host_selector selector; /* the host's environment counts as one */
    str name;                    /* of the environment or deployment; "" for development */
    enum host_operation operation;
    str path;  /* behind the selector; of sync/{path} "/{path}" */
    str query; /* with its "?", "" if none */
};

enum host_route_outcome {
    HOST_ROUTE_FOUND,
    HOST_ROUTE_UNKNOWN,
    HOST_ROUTE_WRONG_METHOD,
    HOST_ROUTE_HAS_SELECTOR,   /* on a regional host; `path` is the bare one */
    HOST_ROUTE_LACKS_SELECTOR, /* on a standard host: an operation alone */
    HOST_ROUTE_HAS_DOTS,       /* sync/{path} with a segment "." or "..", encoded or not */
};

/* Selector and name are filled whatever the outcome. Slices point into `target` and `host`. */
enum host_route_outcome host_route_find(const struct host *host, enum http_method method,
                                        str target, struct host_route *ret_route);

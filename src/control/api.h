#pragma once

/*
 * The management API, apart from how a request arrived: over HTTP on the control port, or relayed
 * from a gateway. A handler fills a reply; a reply that changed policy is answered once the change
 * is in force on every connected edge, or says which edges have not confirmed it.
 */

#include "control/link_server.h"

#include <jansson.h>

struct api_request {
    str method, path, query, body;
    str actor;       /* id of the key, for audit */
    uint32_t scopes; /* enum catalog_scope */
};

struct api_reply {
    unsigned status;
    json_t *json; /* owned by the reply; NULL: `text` */
    struct buf text;
    const char *content_type;
    bool changed; /* policy: wait until it is in force */
};

struct api {
    struct loop *loop;
    struct policy *policy;
    struct link_server *link;
};

/* Calls back once, with the whole answer; never later than about a second. */
typedef void (*api_respond_fn)(void *ctx, unsigned status, str content_type, str body);
void api_handle(struct api *api, const struct api_request *request, api_respond_fn respond,
                void *ctx);

/* --- for handlers
 * ------------------------------------------------------------------------------------------------------------
 */

/* OpenAI's error shape. `param` may be NULL. */
void api_error(struct api_reply *reply, unsigned status, const char *code, const char *param,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The body as an object; NULL with a 400 in the reply. The caller owns it. */
json_t *api_body(const struct api_request *request, struct api_reply *reply);

/* One parameter of the query, percent-decoded into the arena; STR_NULL if it is not there. */
str api_query(const struct api_request *request, const char *name, struct arena *arena);

/* api_customers.c: /customer/{verb} and /end_user/{verb}. False: no such verb. */
bool api_customers(struct api *api, str verb, const struct api_request *request,
                   struct api_reply *reply);

#pragma once

/*
 * The management API, apart from how a request arrived: over HTTP on the control port, or relayed
 * from a gateway. One table (api_routes.c) says which method and path need which scope and who
 * answers. A call that changed policy, or found it as it should be, is answered once that is in
 * force on every edge, or says which edges have not confirmed it.
 */

#include "control/change.h"
#include "control/link_server.h"

#include <jansson.h>

struct api_request {
    str method, path, query, body;
    str if_match; /* the header If-Match, "" : none */
    str package;  /* SHA-256 of a package that came as the body, "" : none */
    uint64_t package_bytes;
    str actor;       /* id of the key, for audit */
    uint32_t scopes; /* enum catalog_scope */
};

struct api {
    struct loop *loop;
    struct policy *policy;
    struct link_server *link;
    const char *data_dir;
};

struct api_answer {
    unsigned status;
    str content_type;
    str allow; /* the methods that the path has, with a 405; else "" */
    str etag;  /* of the object that the answer shows; "" : none */
    str body;
};

/* Calls back once, with the whole answer; never later than about a second, maybe before api_handle
 * returns. The request's bytes are needed until then only if that is so: a handler that answers
 * later copies what it needs. */
typedef void (*api_respond_fn)(void *ctx, const struct api_answer *answer);
void api_handle(struct api *api, const struct api_request *request, api_respond_fn respond,
                void *ctx);

/* --- for handlers */

enum { API_PATH_PARAMETERS_MAX = 4 };

/* What stands for one {name} in the path, decoded. */
struct api_path_parameter {
    str name, value;
};

/* One request and its answer. */
struct api_call {
    struct api *api;
    struct api_request request;
    struct api_path_parameter path[API_PATH_PARAMETERS_MAX];
    size_t n_path;
    struct arena arena; /* of what the handler makes */

    unsigned status;
    json_t *json;    /* the answer, owned; NULL: `text` */
    struct buf text; /* of `content_type` */
    str content_type;
    str allow, etag;
    bool changed; /* policy, now or maybe a moment ago: the answer waits until it is in force */

    api_respond_fn respond;
    void *ctx;
};

/* LATER: the handler has asked somebody, and will call api_finish (or has called it already). */
enum api_progress { API_ANSWERED, API_LATER };
typedef enum api_progress (*api_handle_fn)(struct api_call *call);

void api_finish(struct api_call *call);

/* What stands for {name} in the path; STR_NULL where the route has no such parameter. */
str api_path(const struct api_call *call, const char *name);

/* OpenAI's error shape, and the message once more as a member of its own, which Baseten's clients
 * read. `param` may be NULL. */
void api_error(struct api_call *call, unsigned status, const char *code, const char *param,
               const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Whether If-Match, if the request has one, names `etag` ("\"7\""; STR_NULL: what is not there,
 * which nothing names); if not, a 409: somebody else was first. */
bool api_matches(struct api_call *call, str etag);

/* The store's failure, as a 500. */
void api_store_failed(struct api_call *call);

/* Whether the caller's key has one of `scopes`; if not, a 403 that names `what` it is needed for.
 */
bool api_may(struct api_call *call, uint32_t scopes, const char *what);

/* Ends a change. False, and a 500 (or a 400 where no catalog could be built), if it was not done.
 */
bool api_commit(struct api_call *call, struct change *change);

/* The body as an object; NULL with a 400 in the answer. The caller owns it. */
json_t *api_body(struct api_call *call);
/* The same, and every member must have one of these names. */
json_t *api_body_of(struct api_call *call, const char *const *names, size_t n);
/* No body at all is an empty object. */
json_t *api_optional_body_of(struct api_call *call, const char *const *names, size_t n);
/* Whether every member of `object`, which is the body's member `where` ("" : the body itself), has
 * one of these names; if not, a 400 that names the member, with a near match. */
bool api_members(struct api_call *call, const json_t *object, const char *where,
                 const char *const *names, size_t n);

/* A member that is a text of 1 to `most` bytes, in the call's arena; STR_NULL where it is absent or
 * null. False, and a 400, if it is anything else. */
bool api_text(struct api_call *call, const json_t *body, const char *name, size_t most,
              str *ret_text);

/* A member that is a region rule, as canonical text in the call's arena; STR_NULL where it is
 * absent or null. False, and a 400 that names member, value and what was expected. */
bool api_rule(struct api_call *call, const json_t *body, const char *name, str *ret_canonical);

/* A member that is true or false; `preset` where it is absent or null. */
bool api_flag(struct api_call *call, const json_t *body, const char *name, int preset,
              int *ret_flag);

/* JSON text in the call's arena. */
str api_dump(struct api_call *call, const json_t *value);

/* One parameter of the query, percent-decoded into the call's arena; STR_NULL if it is not there.
 */
str api_query(struct api_call *call, const char *name);

/* All values of a parameter that may be there several times: how many there are, of which the first
 * `most` are stored. */
size_t api_query_all(struct api_call *call, const char *name, str *ret_values, size_t most);

/* A number of the query within bounds, `preset` where it is absent; false and a 400 otherwise. */
bool api_query_number(struct api_call *call, const char *name, uint64_t min, uint64_t max,
                      uint64_t preset, uint64_t *ret_number);

/* %XX decoded (and '+' as a space, if asked), in the arena; STR_NULL for malformed escapes. */
enum api_plus { API_PLUS_AS_IT_IS, API_PLUS_IS_SPACE };
str api_decode(struct arena *arena, str text, enum api_plus plus);

#pragma once

/*
 * Which model, chain and environment the name of a host stands for. Below the gateway's domain
 *
 *     {model|chain}-{id}.{domain}          the standard host
 *     {model|chain}-{id}-{env}.{domain}    the regional host of an environment
 *
 * are model hosts; every other name is the OpenAI surface. An id has no hyphen, so the first one
 * behind it begins the environment. A name whose first label begins like a model host's and is
 * none, or is one with further labels before the domain, is malformed: nothing is guessed from it.
 */

#include "catalog/catalog.h"

enum { HOST_LABEL_MAX_BYTES = 63, HOST_ENVIRONMENT_MAX_BYTES = 40 };

struct host {
    char label[HOST_LABEL_MAX_BYTES]; /* in lower case; the slices below point into it */
    enum catalog_model_kind kind;
    str id;
    str environment; /* "" : the standard host */
};

enum host_outcome { HOST_OTHER, HOST_OF_MODEL, HOST_MALFORMED };

/* `authority` is a Host header, :authority or TLS server name: any case, with or without port and
 * trailing dot. domain "": there are no model hosts. *ret_host is filled for HOST_OF_MODEL only,
 * and must stay where it is. */
enum host_outcome host_parse(str authority, str domain, struct host *ret_host);

/* Whether two hosts stand for the same model and environment. */
bool host_same(const struct host *a, const struct host *b);

/* The rule for names of environments (also of those without a regional host): 1 to 40 lower case
 * letters, digits and hyphens, no hyphen at either end, neither "development" nor "region-…". */
bool host_is_environment_name(str name);

/* "model" or "chain". */
str host_kind_name(enum catalog_model_kind kind);

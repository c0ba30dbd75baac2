#pragma once

/*
 * Where an endpoint is reached: an api_base taken apart, and the digest that stands for the origin
 * in one revision. Strict: what is not plainly an address is an error, since a URL that two parsers
 * read differently is a way round a region.
 */

#include "base/arena.h"
#include "catalog/catalog.h"

struct origin {
    bool tls;
    str host; /* lower case, an IPv6 address without brackets */
    uint16_t port;
    str unix_path; /* "" but for unix: */
    str base_path; /* "/v1"; "" for the root */
    str query;     /* without '?' */
    str shown;     /* as written, without the query */
};

/* "https://host[:port][/path][?query]", "http://…", "unix:/path/to/socket[:/path]". Returns NULL,
 * or what is wrong with it, which never quotes the text: it may hold credentials. Strings are
 * copied to the arena. */
const char *origin_parse(str api_base, struct arena *arena, struct origin *ret_origin);

/* A digest over scheme, host, port, socket, trust anchors, client certificate, region and networks
 * that it may lie in: whatever changes there makes it another origin, with pools and state of its
 * own. Never 0. */
uint64_t origin_revision(const struct catalog_endpoint *e);

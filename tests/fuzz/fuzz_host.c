/*
 * A host's name and a path as a client sends them, split at the first newline. Whatever comes in: a
 * name that is taken is the one that its parts spell, in lower case, and so is taken again; what a
 * replica is asked for is a piece of the target that begins with a slash and climbs nowhere; a
 * regional host never lets the path choose.
 */

#include "base/mem.h"
#include "edge/host_route.h"

#include <stdint.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const str domain = STR_INIT("d.example");

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool lies_in(str part, str whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_again(const struct host *host)
{
    char text[256];
    struct host again;
    str kind = host_kind_name(host->kind), env = host->environment;
    int n = snprintf(text, sizeof(text), "%.*s-%.*s%s%.*s.%.*s", STR_ARG(kind), STR_ARG(host->id),
                     env.n ? "-" : "", STR_ARG(env), STR_ARG(domain));

    must(env.n == 0 || host_is_environment_name(env));
    must(host_parse(str_make(text, (size_t)n), domain, &again) == HOST_OF_MODEL);
    must(host_same(host, &again));
}

static void check_route(const struct host *host, str target)
{
    for (int method = HTTP_METHOD_OTHER; method <= HTTP_METHOD_PATCH; method++) {
        struct host_route route;
        enum host_route_outcome outcome =
            host_route_find(host, (enum http_method)method, target, &route);

        must(lies_in(route.path, target) && lies_in(route.query, target));
        if (host->environment.n) {
            must(route.selector == HOST_SELECTS_ENVIRONMENT);
            must(str_eq(route.name, host->environment));
        }
        if (outcome != HOST_ROUTE_FOUND)
            continue;
        must(route.selector != HOST_SELECTS_NOTHING && route.name.n);
        must(route.path.n && route.path.p[0] == '/');
        must(str_search(route.path, STR("/../")) == route.path.n);
        must(!str_ends(route.path, STR("/..")));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    str input = str_make((const char *)data, size);
    size_t newline = str_find(input, '\n', 0);
    struct host host;

    if (host_parse(str_upto(input, newline), domain, &host) != HOST_OF_MODEL)
        return 0;
    check_again(&host);
    check_route(&host, str_from(input, newline + 1));
    return 0;
}

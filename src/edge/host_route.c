#include "edge/host_route.h"

#include "base/mem.h"

/* --- operations */

enum { OF_MODELS = 1 << MODEL_KIND_MODEL, OF_CHAINS = 1 << MODEL_KIND_CHAIN };

static const struct row {
    enum http_method method; /* HTTP_METHOD_OTHER: any but TRACE */
    str path;                /* a trailing "*" stands for the rest */
    unsigned kinds;
    enum host_operation operation;
} rows[] = {
    {HTTP_METHOD_POST, STR_INIT("/predict"), OF_MODELS, HOST_PREDICT},
    {HTTP_METHOD_POST, STR_INIT("/run_remote"), OF_CHAINS, HOST_RUN_REMOTE},
    {HTTP_METHOD_OTHER, STR_INIT("/sync/*"), OF_MODELS, HOST_SYNC},
    {HTTP_METHOD_GET, STR_INIT("/websocket"), OF_MODELS | OF_CHAINS, HOST_WEBSOCKET},
    {HTTP_METHOD_POST, STR_INIT("/wake"), OF_MODELS | OF_CHAINS, HOST_WAKE},
};

str host_operation_name(enum host_operation operation)
{
    static const str names[] = {
        [HOST_PREDICT] = STR_INIT("predict"), [HOST_RUN_REMOTE] = STR_INIT("run_remote"),
        [HOST_SYNC] = STR_INIT("sync"),       [HOST_WEBSOCKET] = STR_INIT("websocket"),
        [HOST_WAKE] = STR_INIT("wake"),
    };

    return names[operation];
}

/* A TRACE brings back the request as it reached the server, the replica's credential included. */
static bool is_method_of(const struct row *row, enum http_method method)
{
    return row->method == HTTP_METHOD_OTHER ? method != HTTP_METHOD_TRACE : row->method == method;
}

static bool matches(const struct row *row, enum catalog_model_kind kind, str path)
{
    if (!(row->kinds >> kind & 1))
        return false;
    if (!str_ends(row->path, STR("*")))
        return str_eq(row->path, path);
    return str_starts(path, str_upto(row->path, row->path.n - 1));
}

/* --- dot segments: a path that climbs could leave an endpoint's base path. Servers differ in what
 * they decode, so that everything counts that may be read as "/", "\" or ".". */

static char decoded(str *rest)
{
    static const struct {
        str code;
        char c;
    } codes[] = {{STR_INIT("%2e"), '.'}, {STR_INIT("%2f"), '/'}, {STR_INIT("%5c"), '/'}};
    char c = rest->p[0];

    for (size_t i = 0; i < COUNT_OF(codes); i++)
        if (rest->n >= 3 && str_ieq(str_upto(*rest, 3), codes[i].code)) {
            *rest = str_from(*rest, 3);
            return codes[i].c;
        }
    *rest = str_from(*rest, 1);
    return c == '\\' ? '/' : c;
}

static bool has_dots(str path)
{
    size_t dots = 0, others = 0;

    while (path.n) {
        char c = decoded(&path);

        if (c == '.') {
            dots++;
        } else if (c != '/') {
            others++;
        } else {
            if (others == 0 && (dots == 1 || dots == 2))
                return true;
            dots = others = 0;
        }
    }
    return others == 0 && (dots == 1 || dots == 2);
}

static enum host_route_outcome find_operation(enum catalog_model_kind kind, enum http_method method,
                                              struct host_route *route)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (!matches(&rows[i], kind, route->path))
            continue;
        if (!is_method_of(&rows[i], method))
            return HOST_ROUTE_WRONG_METHOD;
        route->operation = rows[i].operation;
        if (route->operation == HOST_SYNC)
            route->path = str_from(route->path, rows[i].path.n - strlen("/*"));
        return has_dots(route->path) ? HOST_ROUTE_HAS_DOTS : HOST_ROUTE_FOUND;
    }
    return HOST_ROUTE_UNKNOWN;
}

/* --- selectors */

static const struct {
    str segment;
    enum host_selector selector;
    str name; /* "" : the next segment is the name */
} selectors[] = {
    {STR_INIT("/production"), HOST_SELECTS_ENVIRONMENT, STR_INIT("production")},
    {STR_INIT("/development"), HOST_SELECTS_DEVELOPMENT, STR_INIT("development")},
    {STR_INIT("/environments"), HOST_SELECTS_ENVIRONMENT, STR_INIT("")},
    {STR_INIT("/deployment"), HOST_SELECTS_DEPLOYMENT, STR_INIT("")},
};

/* "/a/b" → "/a"; `*path` becomes "/b". */
static str take_segment(str *path)
{
    size_t end = str_find(*path, '/', path->n ? 1 : 0);
    str segment = str_upto(*path, end);

    *path = str_from(*path, end);
    return segment;
}

/* False: the path does not begin with one. */
static bool take_selector(struct host_route *route)
{
    str rest = route->path, segment = take_segment(&rest);

    for (size_t i = 0; i < COUNT_OF(selectors); i++) {
        if (!str_eq(segment, selectors[i].segment))
            continue;
        route->selector = selectors[i].selector;
        route->name = selectors[i].name.n ? selectors[i].name : str_from(take_segment(&rest), 1);
        if (str_eq(route->name, STR("development")) && route->selector == HOST_SELECTS_ENVIRONMENT)
            route->selector = HOST_SELECTS_DEVELOPMENT;
        if (route->name.n == 0)
            route->selector = HOST_SELECTS_NOTHING;
        route->path = rest;
        return true;
    }
    return false;
}

static enum host_route_outcome find_on_regional(const struct host *host, enum http_method method,
                                                struct host_route *route)
{
    bool has_selector = take_selector(route);

    route->selector = HOST_SELECTS_ENVIRONMENT;
    route->name = host->environment;
    return has_selector ? HOST_ROUTE_HAS_SELECTOR : find_operation(host->kind, method, route);
}

enum host_route_outcome host_route_find(const struct host *host, enum http_method method,
                                        str target, struct host_route *ret_route)
{
    size_t question = str_find(target, '?', 0);

    *ret_route = (struct host_route){.path = str_upto(target, question),
                                     .query = str_from(target, question)};
    if (host->environment.n)
        return find_on_regional(host, method, ret_route);
    if (take_selector(ret_route))
        return ret_route->selector == HOST_SELECTS_NOTHING
                   ? HOST_ROUTE_UNKNOWN
                   : find_operation(host->kind, method, ret_route);
    return find_operation(host->kind, method, ret_route) == HOST_ROUTE_UNKNOWN
               ? HOST_ROUTE_UNKNOWN
               : HOST_ROUTE_LACKS_SELECTOR;
}

#include "edge/host_call.h"

#include "edge/body.h"
#include "edge/edge.h"
#include "edge/refusal.h"

static const struct surface host_surface = {
    .kind = SURFACE_HOST, .body = SURFACE_BODY_STREAMED, .splice = SURFACE_SPLICE_NO};

struct host_call *host_call_new(struct exchange *x, const struct catalog *c)
{
    uint64_t bits[2];
    struct host host;

    enum host_outcome outcome = host_parse(x->head->authority, c->domain, &host);
    if (outcome == HOST_OTHER)
        return NULL;
    struct host_call *call = arena_zalloc(&x->arena, sizeof(*call));
    call->exchange = x;
    list_init(&call->hold.link);
    call->is_named = outcome == HOST_OF_MODEL;
    if (call->is_named)
        host_parse(x->head->authority, c->domain, &call->host); /* its slices are its own */
    for (size_t i = 0; i < COUNT_OF(bits); i++)
        bits[i] = prng_next(&x->worker->prng);
    hex_encode(bits, sizeof(bits), call->id);
    x->surface.surface = &host_surface;
    return call;
}

/* --- existence */

static const struct catalog_environment *environment_of(const struct catalog *c, uint32_t index)
{
    return index == CATALOG_NONE ? NULL : &c->environments[index];
}

static bool find_deployment(const struct catalog *c, const struct host_route *route,
                            struct host_place *place)
{
    uint32_t index = CATALOG_NONE;

    if (route->selector == HOST_SELECTS_ENVIRONMENT) {
        place->environment = catalog_find_environment(c, place->model, route->name);
        index = place->environment ? place->environment->deployment : CATALOG_NONE;
    } else if (route->selector == HOST_SELECTS_DEVELOPMENT) {
        index = place->model->development;
    } else {
        place->deployment = catalog_find_deployment(c, place->model, route->name);
        place->environment =
            place->deployment ? environment_of(c, place->deployment->environment) : NULL;
        return place->deployment;
    }
    place->deployment = index == CATALOG_NONE ? NULL : &c->deployments[index];
    if (!place->environment && place->deployment)
        place->environment = environment_of(c, place->deployment->environment);
    return place->deployment;
}

bool host_call_find(const struct exchange *x, const struct catalog *c, struct host_place *ret_place)
{
    const struct host_call *call = x->call;

    *ret_place = (struct host_place){0};
    if (!call->is_named)
        return false;
    ret_place->model = catalog_find_model(c, call->host.kind, call->host.id);
    if (!ret_place->model)
        return false;
    return find_deployment(c, &call->route, ret_place) &&
           ret_place->deployment->state != DEPLOYMENT_INACTIVE;
}

/* In words, what is missing. */
static str describe_missing(struct exchange *x, const struct host_place *place)
{
    const struct host_call *call = x->call;
    str kind = host_kind_name(call->host.kind), id = call->host.id, name = call->route.name;

    if (!call->is_named)
        return STR("a model host is called {model|chain}-{id}, or {model|chain}-{id}-{environment} "
                   "for a regional one, below the gateway's domain");
    if (!place->model)
        return arena_printf(&x->arena, "there is no %.*s \"%.*s\"", STR_ARG(kind), STR_ARG(id));
    if (place->deployment)
        return arena_printf(&x->arena,
                            "deployment \"%.*s\" of %.*s \"%.*s\" is not active; activate it first",
                            STR_ARG(place->deployment->id), STR_ARG(kind), STR_ARG(id));
    if (call->route.selector == HOST_SELECTS_DEPLOYMENT)
        return arena_printf(&x->arena, "%.*s \"%.*s\" has no deployment \"%.*s\"", STR_ARG(kind),
                            STR_ARG(id), STR_ARG(name));
    if (call->route.selector == HOST_SELECTS_DEVELOPMENT)
        return arena_printf(&x->arena, "%.*s \"%.*s\" has no development deployment", STR_ARG(kind),
                            STR_ARG(id));
    return arena_printf(&x->arena,
                        place->environment
                            ? "nothing has been promoted to environment \"%.*s\" of %.*s \"%.*s\""
                            : "there is no environment \"%.*s\" of %.*s \"%.*s\"",
                        STR_ARG(name), STR_ARG(kind), STR_ARG(id));
}

static void refuse_missing(struct exchange *x, const struct host_place *place)
{
    exchange_refuse(x, FAULT_MODEL_NOT_FOUND, describe_missing(x, place), STR_NULL);
}

/* A host for an environment without a region rule would promise what nothing keeps. */
static bool has_regional_host(struct exchange *x, const struct host_place *place)
{
    if (x->call->host.environment.n == 0 || place->environment->rule != CATALOG_NONE)
        return true;
    exchange_refuse(x, FAULT_MODEL_NOT_FOUND,
                    arena_printf(&x->arena,
                                 "environment \"%.*s\" has no region rule, so it has no regional "
                                 "host; use the standard host",
                                 STR_ARG(place->environment->name)),
                    STR_NULL);
    return false;
}

/* --- what the key may call */

static bool contains(const str *names, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

str host_call_why_not_for_key(const struct host_call *call, const struct catalog_key *key,
                              const struct host_place *place)
{
    bool by_environment = call->route.selector == HOST_SELECTS_ENVIRONMENT;

    if (key->team.n && !str_eq(key->team, place->model->team))
        return STR("this API key belongs to another team");
    if (key->n_models && !contains(key->models, key->n_models, place->model->id))
        return STR("this API key is limited to other models");
    if (key->n_environments && !(by_environment && contains(key->environments, key->n_environments,
                                                            place->environment->name)))
        return STR("this API key is limited to other environments");
    return STR_NULL;
}

static bool key_allows(struct exchange *x, const struct catalog *c, const struct host_place *place)
{
    const struct catalog_key *key = exchange_present_key(x, c, SCOPE_INFERENCE);

    if (!key)
        return false;
    str why = host_call_why_not_for_key(x->call, key, place);
    if (why.n)
        exchange_refuse(x, FAULT_KEY_LIMITED, why, STR_NULL);
    return why.n == 0;
}

/* --- where the gateway stands */

/* A regional host promises the way to the model as well. */
bool host_call_gateway_is_inside(const struct exchange *x, const struct catalog *c,
                                 const struct host_place *place)
{
    bool is_regional = x->call->host.environment.n && place->environment;

    return policy_lets_gateway(c, c->organization_rule) &&
           (!is_regional || policy_lets_gateway(c, place->environment->rule));
}

static bool gateway_stands_inside(struct exchange *x, const struct catalog *c,
                                  const struct host_place *place)
{
    uint32_t index = place->environment ? place->environment->rule : CATALOG_NONE;
    const struct catalog_rule *rule = index < c->n_rules ? &c->rules[index] : NULL;

    if (host_call_gateway_is_inside(x, c, place))
        return true;
    str name = place->environment->name, text = rule && rule->text.p ? rule->text : STR("none");
    refusal_report(x, PERMIT_ENVIRONMENT_GROUP, name, FAULT_MISDIRECTED);
    if (c->gateway_region == REGION_NONE)
        exchange_refuse(x, FAULT_MISDIRECTED,
                        STR("this host is regional, and the region of this gateway is not stated: "
                            "set gateway.region"),
                        STR_NULL);
    else
        exchange_refuse(x, FAULT_MISDIRECTED,
                        arena_printf(&x->arena,
                                     "this gateway stands in %.*s, outside the region rule of "
                                     "environment \"%.*s\" (%.*s); use a gateway inside it",
                                     STR_ARG(region_at(c->regions, c->gateway_region)->code),
                                     STR_ARG(name), STR_ARG(text)),
                        STR_NULL);
    return false;
}

static bool standard_is_served(struct exchange *x, const struct catalog *c,
                               const struct host_place *place)
{
    const struct catalog_environment *e = place->environment;
    const struct host *host = &x->call->host;
    str kind = host_kind_name(host->kind);

    if (host->environment.n || !e || !e->standard_refused)
        return true;
    exchange_refuse(x, FAULT_STANDARD_REFUSED,
                    arena_printf(&x->arena,
                                 "environment \"%.*s\" is served on its regional host only: "
                                 "%.*s-%.*s-%.*s.%.*s",
                                 STR_ARG(e->name), STR_ARG(kind), STR_ARG(host->id),
                                 STR_ARG(e->name), STR_ARG(c->domain)),
                    STR_NULL);
    return false;
}

/* --- all of it */

static str replica_path(const struct host_call *call, const struct catalog_deployment *d)
{
    switch (call->route.operation) {
    case HOST_SYNC:
        return call->route.path;
    case HOST_WEBSOCKET:
        return d->websocket_path;
    default:
        return d->predict_path;
    }
}

static bool look(struct exchange *x, const struct catalog *c, struct host_place *ret_place)
{
    if (!host_call_find(x, c, ret_place)) {
        refuse_missing(x, ret_place);
        return false;
    }
    x->call->deployment = arena_copy(&x->arena, ret_place->deployment->id);
    return has_regional_host(x, ret_place) && key_allows(x, c, ret_place) &&
           exchange_gateway_may_serve(x, c) && gateway_stands_inside(x, c, ret_place) &&
           standard_is_served(x, c, ret_place);
}

bool host_call_place(struct exchange *x, const struct catalog *c, struct host_place *ret_place)
{
    struct host_call *call = x->call;

    if (call->accepted_by == c)
        *ret_place = call->accepted;
    else if (!look(x, c, ret_place))
        return false;
    call->accepted_by = NULL;
    call->target =
        ARENA_JOIN(&x->arena, replica_path(call, ret_place->deployment), call->route.query);
    return true;
}

static str label_of(const struct host *host)
{
    size_t n = host->environment.n
                   ? (size_t)(host->environment.p - host->label) + host->environment.n
                   : (size_t)(host->id.p - host->label) + host->id.n;

    return str_make(host->label, n);
}

/* A client that opened the connection for one model or environment and now asks for another:
 * somebody in between may have routed by the first name. */
static bool agrees_with_tls(struct exchange *x, const struct catalog *c)
{
    str name = http_server_name(x->client);
    struct host asked;

    if (name.n == 0)
        return true;
    enum host_outcome outcome = host_parse(name, c->domain, &asked);
    if (outcome == HOST_OTHER || (outcome == HOST_OF_MODEL && host_same(&asked, &x->call->host)))
        return true;
    exchange_refuse(x, FAULT_HOST_MISMATCH,
                    arena_printf(&x->arena,
                                 "this connection was opened for %.*s, and the request is for "
                                 "%.*s.%.*s: open one for that name",
                                 STR_ARG(name), STR_ARG(label_of(&x->call->host)),
                                 STR_ARG(c->domain)),
                    STR_NULL);
    return false;
}

static void refuse_path(struct exchange *x, enum host_route_outcome outcome)
{
    const struct host_route *route = &x->call->route;
    str method = x->head->method_text, path = route->path;
    str target = str_upto(x->head->target, str_find(x->head->target, '?', 0));
    enum fault fault = FAULT_NOT_FOUND;
    str message;

    switch (outcome) {
    case HOST_ROUTE_HAS_SELECTOR:
        fault = FAULT_PATH_SELECTOR;
        message = arena_printf(&x->arena,
                               "this host stands for environment \"%.*s\" already; ask for %.*s",
                               STR_ARG(route->name), STR_ARG(path));
        break;
    case HOST_ROUTE_LACKS_SELECTOR:
        message = arena_printf(&x->arena,
                               "a standard host needs to know which deployment: "
                               "/production%.*s, /environments/{name}%.*s, /deployment/{id}%.*s",
                               STR_ARG(target), STR_ARG(target), STR_ARG(target));
        break;
    case HOST_ROUTE_HAS_DOTS:
        fault = FAULT_INVALID_PATH;
        message = STR("the path has a segment \".\" or \"..\", which servers resolve differently");
        break;
    case HOST_ROUTE_WRONG_METHOD:
        fault = FAULT_METHOD_NOT_ALLOWED;
        message = arena_printf(&x->arena, "%.*s is not a method of %.*s", STR_ARG(method),
                               STR_ARG(target));
        break;
    default:
        message = arena_printf(&x->arena, "%.*s %.*s is nothing that this host serves",
                               STR_ARG(method), STR_ARG(target));
        break;
    }
    exchange_refuse(x, fault, message, STR_NULL);
}

/* A WebSocket path is for WebSockets; what sync/{path} is for, the model knows. */
static bool upgrade_is_fine(struct exchange *x)
{
    if (x->head->upgrade == HTTP_UPGRADE_NONE) {
        if (x->call->route.operation != HOST_WEBSOCKET)
            return true;
        exchange_refuse(x, FAULT_NO_UPGRADE,
                        STR("this path is for WebSockets: expected Upgrade: websocket"), STR_NULL);
        return false;
    }
    switch (websocket_judge_request(x->head)) {
    case WEBSOCKET_OTHER_VERSION:
        exchange_refuse(x, FAULT_OTHER_VERSION, STR("expected Sec-WebSocket-Version: 13"),
                        STR_NULL);
        return false;
    case WEBSOCKET_BAD_KEY:
        exchange_refuse(x, FAULT_NO_UPGRADE, STR("Sec-WebSocket-Key is not 16 bytes in base64"),
                        STR_NULL);
        return false;
    default:
        return true;
    }
}

bool host_call_accept(struct exchange *x, const struct catalog *c)
{
    struct host_call *call = x->call;
    enum host_route_outcome outcome = HOST_ROUTE_UNKNOWN;
    struct host_place place = {0};

    if (!call->is_named) {
        refuse_missing(x, &place);
        return false;
    }
    x->group = label_of(&call->host);
    outcome = host_route_find(&call->host, x->head->method, x->head->target, &call->route);
    if (call->route.selector == HOST_SELECTS_NOTHING) {
        if (catalog_find_model(c, call->host.kind, call->host.id))
            refuse_path(x, outcome);
        else
            refuse_missing(x, &place);
        return false;
    }
    if (!agrees_with_tls(x, c) || !look(x, c, &place))
        return false;
    if (outcome != HOST_ROUTE_FOUND) {
        refuse_path(x, outcome);
        return false;
    }
    call->accepted = place;
    call->accepted_by = c;
    int64_t length = x->head->content_length;
    return upgrade_is_fine(x) && !body_too_large(x, c, length > 0 ? (uint64_t)length : 0);
}

/* --- counting: whoever leaves one demand is in the next one first, so that none is freed under it.
 */

void host_call_count(struct exchange *x, struct demand *demand)
{
    struct demand *before = x->call->demand;

    if (before == demand)
        return;
    atomic_fetch_add(&demand->in_flight, 1);
    atomic_fetch_add(&demand->begun, 1);
    x->call->demand = demand;
    if (before)
        atomic_fetch_sub(&before->in_flight, 1);
}

uint32_t host_call_count_held(struct exchange *x)
{
    struct demand *demand = x->call->demand;
    uint32_t before = atomic_fetch_add(&demand->held, 1);

    if (before == 0)
        edge_ask_wake(x->worker, str_of(demand->deployment));
    atomic_fetch_sub(&demand->in_flight, 1);
    return before;
}

void host_call_count_going_on(struct exchange *x)
{
    atomic_fetch_add(&x->call->demand->in_flight, 1);
    atomic_fetch_sub(&x->call->demand->held, 1);
}

void host_call_count_over(struct exchange *x)
{
    struct demand *demand = TAKE(x->call->demand);

    if (demand)
        atomic_fetch_sub(&demand->in_flight, 1);
}

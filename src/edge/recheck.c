#include "edge/recheck.h"

#include "edge/edge.h"
#include "edge/exchange.h"

/* The endpoint as the newest policy has it; NULL: it is not named any more. */
static const struct catalog_endpoint *find_endpoint(const struct catalog *c,
                                                    const struct catalog_group *group,
                                                    const struct endpoint_state *state)
{
    struct endpoint_state *const *states = worker_states(c);

    for (size_t i = 0; i < group->n_endpoints; i++)
        if (states[group->endpoints[i]] == state)
            return &c->endpoints[group->endpoints[i]];
    return NULL;
}

/* Where an attempt's replica stands. One that is not named any more stands where it stood. */
static struct region_set place_of(const struct attempt *a, const struct catalog *c,
                                  const struct catalog_deployment *d)
{
    const struct catalog_endpoint *e =
        d ? find_endpoint(c, &c->groups[d->group], a->slot.state) : NULL;
    struct region_set place = {0};

    if (e)
        return e->place;
    if (!region_resolve(c->regions, a->region, &place))
        region_set_add(&place, region_unknown_bit(c->regions));
    return place;
}

static bool key_lets_in(const struct exchange *x, const struct catalog_key *key,
                        const struct host_place *place)
{
    return key && key->scopes & SCOPE_INFERENCE &&
           !catalog_key_has_expired(key, loop_wall_ns(x->worker->loop)) &&
           !host_call_why_not_for_key(x->call, key, place).n;
}

/* What can't be worked out any more (a key gone or expired, an environment deleted) is not
 * permitted. */
static bool present_permit(const struct exchange *x, const struct catalog *c,
                           struct permit *ret_permit, struct host_place *ret_place)
{
    struct policy_request request = x->call->asked;
    str subject;

    request.key = catalog_find_key(c, x->key_hash);
    host_call_find(x, c, ret_place);
    request.environment = ret_place->environment;
    return ret_place->deployment && key_lets_in(x, request.key, ret_place) &&
           policy_permit(c, x->worker->edge->customers, &request, ret_permit, &subject) ==
               POLICY_PERMITTED;
}

static bool has_content(const struct attempt *a)
{
    return a && !a->over && a->stream && a->head_sent;
}

static bool is_permitted(const struct exchange *x, const struct attempt *a, const struct catalog *c)
{
    struct host_place place;
    struct permit permit;

    if (!present_permit(x, c, &permit, &place) || !host_call_gateway_is_inside(x, c, &place))
        return false;
    struct region_set stands =
        place_of(a, c, catalog_find_deployment(c, place.model, x->call->deployment));
    return permit_allows(&permit, &stands);
}

static void cut(struct exchange *x)
{
    if (x->state == EXCHANGE_TUNNEL) {
        socket_forbid(x);
        return;
    }
    exchange_drop_attempt(x->attempt, ROUTE_OUTCOME_POLICY_CHANGED);
    if (x->state != EXCHANGE_TRYING) {
        exchange_finish(x, WORD_BROKEN);
        return;
    }
    if (!upload_can_repeat(x))
        x->attempts_left = 0;
    exchange_try(x);
}

void recheck_call(struct exchange *x)
{
    const struct catalog *c = worker_catalog(x->worker);

    if (x->state == EXCHANGE_TUNNEL)
        socket_watch_key(x);
    if (x->parked && has_content(x->parked) && !is_permitted(x, x->parked, c))
        exchange_drop_attempt(TAKE(x->parked), ROUTE_OUTCOME_POLICY_CHANGED);
    if (has_content(x->attempt) && !is_permitted(x, x->attempt, c))
        cut(x);
}

void recheck_calls(struct worker *w)
{
    list_for_each_safe (node, &w->exchanges) {
        struct exchange *x = list_entry(node, struct exchange, link);

        if (x->call)
            recheck_call(x);
    }
}

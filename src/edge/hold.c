#include "edge/hold.h"

#include "edge/edge.h"
#include "edge/exchange.h"

enum { RETRY_AFTER_S = 30 };

bool hold_is_due(const struct exchange *x, const struct host_place *place)
{
    const struct catalog *c = worker_catalog(x->worker);

    return !x->parked && upload_can_repeat(x) &&
           (place->deployment->state == DEPLOYMENT_ASLEEP ||
            c->groups[place->deployment->group].n_endpoints == 0);
}

void hold_refuse(struct exchange *x, str why)
{
    x->retry_after_s = RETRY_AFTER_S;
    exchange_refuse(x, x->head->upgrade ? FAULT_UPGRADE_TIMEOUT : FAULT_NOT_READY,
                    arena_printf(&x->arena, "no replica of deployment \"%.*s\" is ready; %.*s",
                                 STR_ARG(x->call->deployment), STR_ARG(why)),
                    STR_NULL);
}

/* Waiting is not Ambit's own time. */
static void skip_time(struct exchange *x)
{
    struct hold *hold = &x->call->hold;

    x->body_ended_ns = x->answered_ns = clock_monotonic_ns();
    hold->total_ns += x->answered_ns - hold->since_ns;
}

static void on_deadline(struct deadline *deadline)
{
    struct hold *hold = container_of(deadline, struct hold, deadline);
    struct exchange *x = container_of(hold, struct host_call, hold)->exchange;

    hold_refuse(x, STR("the time that requests wait for one (timers.hold) is over"));
}

/* Both count, and return what was too much. The deployment's share comes first: who has used it up
 * is told so, however full the edge is. */
static str count(struct exchange *x)
{
    const struct catalog_settings *s = &worker_catalog(x->worker)->settings;
    uint32_t of_deployment = host_call_count_held(x);
    uint32_t of_edge = atomic_fetch_add(&x->worker->edge->held_requests, 1);

    if (of_deployment >= s->held_requests_per_deployment)
        return STR(
            "and too many requests wait for it already (limits.held_requests_per_deployment)");
    if (of_edge >= s->held_requests)
        return STR("and too many requests wait already (limits.held_requests)");
    return STR_NULL;
}

static str charge(struct exchange *x, size_t n)
{
    const struct catalog_settings *s = &worker_catalog(x->worker)->settings;
    uint64_t of_deployment = atomic_fetch_add(&x->call->demand->held_bytes, n) + n;
    uint64_t of_edge = atomic_fetch_add(&x->worker->edge->held_bytes, n) + n;

    x->call->hold.charged += n;
    if (of_deployment > s->held_bytes_per_deployment)
        return STR("and too much waits for it already (limits.held_bytes_per_deployment)");
    if (of_edge > s->held_bytes)
        return STR("and too much waits already (limits.held_bytes)");
    return STR_NULL;
}

void hold_begin(struct exchange *x)
{
    struct worker *w = x->worker;
    struct hold *hold = &x->call->hold;
    int64_t rest_ms =
        worker_catalog(w)->settings.hold_ms - (hold->total_ns + NS_PER_MS - 1) / NS_PER_MS;

    exchange_move(x, EXCHANGE_WAITING);
    hold->begun = true;
    hold->since_ns = clock_monotonic_ns();
    hold->deadline.on_expire = on_deadline;
    deadline_set(w->loop, &hold->deadline, rest_ms > 0 ? rest_ms : 0);
    list_append(&w->waiting, &hold->link);
    str too_much = count(x);
    if (too_much.p)
        hold_refuse(x, too_much);
    else
        hold_grow(x, x->body_n);
}

bool hold_grow(struct exchange *x, size_t n)
{
    str too_much = charge(x, n);

    if (too_much.p)
        hold_refuse(x, too_much);
    return !too_much.p;
}

void hold_end(struct exchange *x)
{
    struct hold *hold = &x->call->hold;
    struct edge *edge = x->worker->edge;

    if (list_empty(&hold->link))
        return;
    list_remove(&hold->link);
    deadline_cancel(&hold->deadline);
    atomic_fetch_sub(&edge->held_requests, 1);
    atomic_fetch_sub(&edge->held_bytes, hold->charged);
    atomic_fetch_sub(&x->call->demand->held_bytes, hold->charged);
    hold->charged = 0;
    host_call_count_going_on(x);
    skip_time(x);
}

void hold_release(struct worker *w)
{
    struct list all;

    /* Who has to wait on joins the worker's list again. */
    list_init(&all);
    while (!list_empty(&w->waiting))
        list_move(&all, w->waiting.next);
    while (!list_empty(&all)) {
        struct hold *hold = list_first(&all, struct hold, link);
        struct exchange *x = container_of(hold, struct host_call, hold)->exchange;

        hold_end(x);
        exchange_move(x, EXCHANGE_TRYING);
        exchange_try(x);
    }
}

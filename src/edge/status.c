#include "edge/status.h"

#include "base/json_out.h"
#include "edge/edge.h"

static void put_endpoint(struct json_out *j, const struct catalog_endpoint *e,
                         const struct endpoint_state *s, int64_t now_ns)
{
    struct endpoint_load load = endpoint_load_of(s, e, now_ns);

    json_open_object(j);
    json_member_str(j, "id", e->id);
    json_member_str(j, "region", str_of(s->region));
    json_member_u64(j, "in_flight", load.in_flight);
    json_member_bool(j, "saturated", load.saturated);
    json_member_bool(j, "degraded", load.degraded);
    json_member_bool(j, "contradicted", atomic_load(&s->contradicted) != 0);
    json_close_object(j);
}

static void put_latency(struct json_out *j, struct endpoint_state *s, int64_t now_ns,
                        int64_t window_ns)
{
    int32_t p50 = region_latency_p50_us(s->latency, now_ns, window_ns);
    int32_t p95 = region_latency_p95_us(s->latency, now_ns, window_ns);

    if (p50 == LATENCY_UNKNOWN)
        return;
    json_open_object(j);
    json_member_str(j, "region", str_of(s->region));
    json_member_i64(j, "p50_us", p50);
    json_member_i64(j, "p95_us", p95);
    json_close_object(j);
}

/* Endpoints of one region share their latency: only the first of them speaks for it. */
static bool speaks_for_region(struct endpoint_state *const *states, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (states[k]->latency == states[i]->latency)
            return false;
    return true;
}

void status_render(struct edge *edge, struct buf *to)
{
    const struct catalog *c = publisher_newest(edge->publisher);
    struct endpoint_state *const *states = c ? worker_states(c) : NULL;
    int64_t now_ns = loop_now_ns(edge->loop);
    struct json_out j;

    json_out_init(&j, to);
    json_open_object(&j);
    json_member_u64(&j, "revision", edge->revision);
    json_key(&j, "endpoints");
    json_open_array(&j);
    for (size_t i = 0; c && i < c->n_endpoints; i++)
        put_endpoint(&j, &c->endpoints[i], states[i], now_ns);
    json_close_array(&j);
    json_key(&j, "regions");
    json_open_array(&j);
    for (size_t i = 0; c && i < c->n_endpoints; i++)
        if (speaks_for_region(states, i))
            put_latency(&j, states[i], now_ns, c->settings.latency_window_ms * NS_PER_MS);
    json_close_array(&j);
    json_close_object(&j);
}

#include "edge/health.h"

#include "base/mem.h"
#include "edge/edge.h"
#include "edge/edge_link.h"

#include <stdio.h>

enum { REGION_PROBE_MS = 2000, REGION_PROBE_TIMEOUT_MS = 5000, PROBES_AT_ONCE = 64 };

struct health {
    struct edge *edge;
    struct resolver *resolver;
    struct connector *connector;
    struct deadline checks, regions;
    int64_t interval_ms; /* of the checks, as last told; 0: none */
    size_t next;         /* endpoint that is checked next */
    size_t unchecked;    /* of this round */
    size_t under_way;
    bool ending;
};

struct check {
    struct health *health;
    uint64_t origin_id; /* the state may have been retired meanwhile */
    char *endpoint;
    uint64_t origin_revision;
};

static struct endpoint_state *state_of(struct health *h, const struct check *check)
{
    const struct catalog *c = publisher_newest(h->edge->publisher);
    struct endpoint_state *const *states = worker_states(c);

    for (size_t i = 0; i < c->n_endpoints; i++)
        if (states[i]->origin.id == check->origin_id)
            return states[i];
    return NULL;
}

static struct check *check_new(struct health *h, const struct catalog_endpoint *e,
                               const struct endpoint_state *s)
{
    struct check *check = mem_zalloc(sizeof(*check));

    check->health = h;
    check->origin_id = s->origin.id;
    check->endpoint = str_dup(e->id);
    check->origin_revision = e->origin_revision;
    h->under_way++;
    return check;
}

static void check_free(struct check *check)
{
    check->health->under_way--;
    mem_free(check->endpoint);
    mem_free(check);
}

/* --- active checks
 * --------------------------------------------------------------------------------------------------
 */

static void check_on(struct health *h);

static void note_check(const struct check *check, const struct http_head *head_or_null)
{
    struct endpoint_state *s = state_of(check->health, check);

    /* One that was under way when checks were switched off says nothing any more: no later one
     * could take it back. */
    if (s && check->health->interval_ms)
        atomic_store(&s->check_failed, !head_or_null || head_or_null->status >= 500);
}

/* Checks are switched off: what the last ones said would hold for ever. */
static void forget_checks(struct health *h)
{
    const struct catalog *c = publisher_newest(h->edge->publisher);
    struct endpoint_state *const *states = worker_states(c);

    h->unchecked = 0;
    for (size_t i = 0; i < c->n_endpoints; i++)
        atomic_store(&states[i]->check_failed, 0);
}

static void on_checked(void *ctx, const struct http_head *head_or_null)
{
    struct check *check = ctx;
    struct health *h = check->health;

    if (!h->ending)
        note_check(check, head_or_null);
    check_free(check);
    check_on(h);
}

/* As many at once as may be; the end of each lets the next one begin. */
static void check_on(struct health *h)
{
    const struct catalog *c = publisher_newest(h->edge->publisher);
    struct endpoint_state *const *states = worker_states(c);

    while (h->unchecked && c->n_endpoints && h->under_way < PROBES_AT_ONCE && !h->ending) {
        size_t at = h->next++ % c->n_endpoints;

        h->unchecked--;
        /* Its plane checks a replica. */
        if (c->endpoints[at].provider == PROVIDER_REPLICA)
            continue;
        struct check *check = check_new(h, &c->endpoints[at], states[at]);
        if (connector_probe(h->connector, &c->endpoints[at], states[at], c->settings.health_path,
                            PROBE_WITH_CREDENTIAL, c->settings.health_timeout_ms, on_checked,
                            check) < 0) {
            note_check(check, NULL);
            check_free(check);
        }
    }
}

static void on_checks(struct deadline *deadline)
{
    struct health *h = container_of(deadline, struct health, checks);

    deadline_set(h->edge->loop, &h->checks, h->interval_ms);
    /* A round that outlasts the interval goes on; no second one begins beside it. */
    if (h->unchecked == 0)
        h->unchecked = publisher_newest(h->edge->publisher)->n_endpoints;
    check_on(h);
}

/* --- regions to be learnt
 * -------------------------------------------------------------------------------------------- */

static void on_region_probed(void *ctx, const struct http_head *head_or_null)
{
    struct check *check = ctx;
    struct health *h = check->health;
    struct endpoint_state *s = h->ending ? NULL : state_of(h, check);
    str said = head_or_null ? http_head_value(head_or_null, HTTP_HEADER_X_MS_REGION) : STR_NULL;

    if (s)
        s->region_asking = false;
    if (said.n && !h->ending)
        edge_link_send_observed(h->edge->link, &(struct link_observed){
                                                   .kind = LINK_REGION_LEARNT,
                                                   .endpoint = str_of(check->endpoint),
                                                   .origin_revision = check->origin_revision,
                                                   .header = str_upto(said, 128),
                                               });
    check_free(check);
}

/* Evidence counts only where nobody in between could have made it up. */
static bool is_trustworthy(const struct catalog_endpoint *e)
{
    struct net_address ip;

    if (e->tls || e->unix_path.n || str_ieq(e->host, STR("localhost")))
        return true;
    return net_address_from_ip(e->host, e->port, &ip) == 0 && net_address_is_loopback(&ip);
}

static void ask_region(struct health *h, const struct catalog_endpoint *e, struct endpoint_state *s)
{
    struct check *check = check_new(h, e, s);
    char path[512];
    int n = snprintf(path, sizeof(path), "%.*s/openai/models?api-version=%.*s",
                     STR_ARG(e->base_path), STR_ARG(e->api_version));

    s->region_asking = true;
    s->region_asked_ns = loop_now_ns(h->edge->loop);
    if (n >= (int)sizeof(path) ||
        connector_probe(h->connector, e, s, str_make(path, (size_t)n), PROBE_WITH_CREDENTIAL,
                        REGION_PROBE_TIMEOUT_MS, on_region_probed, check) < 0)
        on_region_probed(check, NULL);
}

/* How long until it is to be asked (again). That is its own affair, whatever else a policy brings:
 * one that is being asked is not asked beside it. */
static int64_t region_wait_ms(const struct health *h, const struct endpoint_state *s)
{
    int64_t since_ms = (loop_now_ns(h->edge->loop) - s->region_asked_ns) / NS_PER_MS;

    if (s->region_asking)
        return REGION_PROBE_MS;
    return s->region_asked_ns && since_ms < REGION_PROBE_MS ? REGION_PROBE_MS - since_ms : 0;
}

static void on_regions(struct deadline *deadline)
{
    struct health *h = container_of(deadline, struct health, regions);
    const struct catalog *c = publisher_newest(h->edge->publisher);
    struct endpoint_state *const *states = worker_states(c);
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; i < c->n_endpoints; i++) {
        const struct catalog_endpoint *e = &c->endpoints[i];

        if (e->state != ENDPOINT_REGION_PENDING || !is_trustworthy(e))
            continue;
        int64_t wait_ms = region_wait_ms(h, states[i]);
        if (wait_ms == 0) {
            wait_ms = REGION_PROBE_MS;
            if (h->under_way < PROBES_AT_ONCE)
                ask_region(h, e, states[i]);
        }
        next_ms = wait_ms < next_ms ? wait_ms : next_ms;
    }
    if (next_ms < INT64_MAX)
        deadline_set(h->edge->loop, &h->regions, next_ms);
}

/* --- life
 * ------------------------------------------------------------------------------------------------------------
 */

struct health *health_new(struct edge *edge)
{
    struct health *h = mem_zalloc(sizeof(*h));
    struct upstream_limits limits = {
        .head_bytes = 32 * 1024, .headers = 128, .idle_per_origin = 0, .idle_ms = 0};

    h->edge = edge;
    h->resolver = resolver_new(edge->loop);
    h->connector = connector_new(edge->loop, h->resolver, &limits);
    h->checks.on_expire = on_checks;
    h->regions.on_expire = on_regions;
    return h;
}

void health_free(struct health *h)
{
    if (!h)
        return;
    h->ending = true;
    deadline_cancel(&h->checks);
    deadline_cancel(&h->regions);
    connector_free(h->connector);
    resolver_free(h->resolver);
    mem_free(h);
}

void health_refresh(struct health *h)
{
    int64_t interval_ms = publisher_newest(h->edge->publisher)->settings.health_interval_ms;

    deadline_set(h->edge->loop, &h->regions, 0);
    if (interval_ms == h->interval_ms)
        return;
    h->interval_ms = interval_ms;
    if (interval_ms) {
        deadline_set(h->edge->loop, &h->checks, 0);
        return;
    }
    deadline_cancel(&h->checks);
    forget_checks(h);
}

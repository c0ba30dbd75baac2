#include "edge/demand.h"

#include "base/mem.h"
#include "edge/edge.h"
#include "edge/edge_link.h"

/* Labels are never given back, and deployments come and go for as long as an edge runs: the later
 * ones are counted together, so that regions and endpoints keep theirs. */
enum { TELL_MS = 1000, DEPLOYMENT_LABELS = 256, PLACE_LABELS = 256 };

struct label_set {
    struct map ids; /* text → id + 1 */
    size_t max;
};

struct demands {
    struct edge *edge;
    struct list named;   /* by the newest catalog */
    struct list retired; /* not any more */
    struct map by_id;    /* deployment id → struct demand, of both */
    struct deadline tell;
    struct label_set deployments, places; /* the latter of models and environments */
};

static uint16_t label_of(struct label_set *set, str text)
{
    uintptr_t found = (uintptr_t)map_get(&set->ids, text);

    if (found)
        return (uint16_t)(found - 1);
    if (set->ids.n == set->max)
        return WORD_OTHER;
    uint16_t label = metrics_label(text);
    map_put(&set->ids, metrics_label_text(label), (void *)(uintptr_t)(label + 1u));
    return label;
}

static void on_tell(struct deadline *deadline);

struct demands *demands_new(struct edge *edge)
{
    struct demands *d = mem_zalloc(sizeof(*d));

    d->edge = edge;
    list_init(&d->named);
    list_init(&d->retired);
    map_init(&d->by_id);
    map_init(&d->deployments.ids);
    map_init(&d->places.ids);
    d->deployments.max = DEPLOYMENT_LABELS;
    d->places.max = PLACE_LABELS;
    d->tell.on_expire = on_tell;
    deadline_set(edge->loop, &d->tell, TELL_MS);
    return d;
}

static void demand_free(struct demands *d, struct demand *demand)
{
    map_remove(&d->by_id, str_of(demand->deployment));
    list_remove(&demand->link);
    mem_free(demand->deployment);
    free(demand);
}

void demands_free(struct demands *d)
{
    if (!d)
        return;
    deadline_cancel(&d->tell);
    list_for_each_safe (node, &d->named)
        demand_free(d, list_entry(node, struct demand, link));
    list_for_each_safe (node, &d->retired)
        demand_free(d, list_entry(node, struct demand, link));
    map_deinit(&d->by_id);
    map_deinit(&d->deployments.ids);
    map_deinit(&d->places.ids);
    mem_free(d);
}

static struct demand *demand_new(struct demands *d, str deployment, str model)
{
    struct demand *demand = aligned_alloc(64, (sizeof(*demand) + 63) / 64 * 64);

    if (!demand)
        abort();
    memset(demand, 0, sizeof(*demand));
    demand->deployment = str_dup(deployment);
    demand->model_label = label_of(&d->places, model);
    demand->deployment_label = label_of(&d->deployments, deployment);
    demand->told_idle = true;
    list_init(&demand->link);
    map_put(&d->by_id, str_of(demand->deployment), demand);
    return demand;
}

struct demand **demands_attach(struct demands *d, struct catalog *c)
{
    struct demand **all = arena_zalloc(&c->arena, (c->n_deployments + 1) * sizeof(struct demand *));

    for (size_t i = 0; i < c->n_deployments; i++) {
        const struct catalog_deployment *row = &c->deployments[i];
        bool placed = row->environment != CATALOG_NONE;
        struct demand *demand = map_get(&d->by_id, row->id);

        if (!demand)
            demand = demand_new(d, row->id, c->models[row->model].id);
        list_move(&d->named, &demand->link);
        demand->seen_revision = c->revision;
        atomic_store(&demand->environment_label,
                     placed ? label_of(&d->places, c->environments[row->environment].name)
                            : WORD_NONE);
        all[i] = demand;
    }
    return all;
}

void demands_retire(struct demands *d, const struct catalog *c, uint64_t epoch)
{
    list_for_each_safe (node, &d->named) {
        struct demand *demand = list_entry(node, struct demand, link);

        if (demand->seen_revision == c->revision)
            continue;
        demand->retired_epoch = epoch;
        list_move(&d->retired, &demand->link);
    }
}

static void ask(struct demands *d, struct demand *demand)
{
    int64_t now_ns = loop_now_ns(d->edge->loop);

    demand->wanted = true;
    if (demand->asked_ns && now_ns - demand->asked_ns < TELL_MS * NS_PER_MS)
        return;
    if (!edge_link_send_wake(d->edge->link, str_of(demand->deployment)))
        return;
    demand->asked_ns = now_ns;
    demand->wanted = false;
}

void demands_wake(struct demands *d, str deployment)
{
    struct demand *demand = map_get(&d->by_id, deployment);

    if (demand)
        ask(d, demand);
}

/* Once more when all is over, so that control knows. */
static void tell(struct demands *d, struct demand *demand)
{
    uint64_t begun = atomic_load(&demand->begun);
    struct link_demand now = {.deployment = str_of(demand->deployment),
                              .in_flight = atomic_load(&demand->in_flight),
                              .held = atomic_load(&demand->held),
                              .begun = begun - demand->told_begun};
    bool idle = now.in_flight == 0 && now.held == 0 && now.begun == 0;

    if (now.held || demand->wanted)
        ask(d, demand);
    if ((idle && demand->told_idle) || !edge_link_send_demand(d->edge->link, &now))
        return;
    demand->told_begun = begun;
    demand->told_idle = idle;
}

static void sweep(struct demands *d, struct demand *demand)
{
    if (publisher_passed(d->edge->publisher, demand->retired_epoch) &&
        atomic_load(&demand->in_flight) == 0 && atomic_load(&demand->held) == 0)
        demand_free(d, demand);
}

static void on_tell(struct deadline *deadline)
{
    struct demands *d = container_of(deadline, struct demands, tell);

    deadline_set(d->edge->loop, &d->tell, TELL_MS);
    list_for_each (node, &d->named)
        tell(d, list_entry(node, struct demand, link));
    list_for_each_safe (node, &d->retired) {
        struct demand *demand = list_entry(node, struct demand, link);

        tell(d, demand);
        sweep(d, demand);
    }
}

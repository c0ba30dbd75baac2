#include "control/endpoint_list.h"

#include "base/map.h"
#include "base/mem.h"
#include "control/reload_audit.h"
#include "control/render.h"

static int on_observed(void *ctx, const struct store_observed *o)
{
    json_t *endpoint = map_get(ctx, o->endpoint);

    if (!endpoint)
        return 0;
    json_object_set_new(endpoint, "observed_header", render_str(o->header));
    json_object_set_new(endpoint, "observed_at", render_time(o->at_ns));
    return 0;
}

static int on_withdrawn(void *ctx, const struct store_withdrawn *w)
{
    json_t *endpoint = map_get(ctx, w->endpoint);

    if (!endpoint)
        return 0;
    json_object_set_new(endpoint, "withdrawn",
                        json_pack("{s:o, s:o}", "reason", render_str(w->reason), "since",
                                  render_time(w->since_ns)));
    if (w->observed.n)
        json_object_set_new(endpoint, "observed_header", render_str(w->observed));
    return 0;
}

/* Of each group whether it is shown, by index. */
static bool *shown_groups(const struct catalog *c, endpoint_list_fn shows, void *ctx)
{
    bool *shown = mem_alloc(c->n_groups + 1);

    memset(shown, 1, c->n_groups);
    for (size_t i = 0; shows && i < c->n_deployments; i++)
        shown[c->deployments[i].group] = shows(ctx, c->models[c->deployments[i].model].id);
    return shown;
}

json_t *endpoint_list(const struct policy *p, endpoint_list_fn shows, void *ctx)
{
    const struct catalog *c = p->catalog;
    CLEANUP_FREE bool *shown = shown_groups(c, shows, ctx);
    json_t *list = json_array();
    struct map by_id;

    map_init(&by_id);
    for (size_t i = 0; i < c->n_endpoints; i++) {
        if (!shown[c->endpoints[i].group])
            continue;
        json_t *endpoint = endpoint_to_json(c, &c->endpoints[i]);

        json_object_set_new(endpoint, "observed_header", json_null());
        json_object_set_new(endpoint, "observed_at", json_null());
        json_object_set_new(endpoint, "withdrawn", json_null());
        json_array_append_new(list, endpoint);
        map_put(&by_id, c->endpoints[i].id, endpoint);
    }
    int r = store_observed_each(p->store, on_observed, &by_id);
    if (r == 0)
        r = store_withdrawn_each(p->store, on_withdrawn, &by_id);
    map_deinit(&by_id);
    if (r == 0)
        return list;
    json_decref(list);
    return NULL;
}

/* Endpoints: what is known of each, and taking one out of service and back. One that an answer
 * contradicted stays out until somebody has looked. */

#include "control/api_internal.h"
#include "control/endpoint_list.h"
#include "control/registry.h"
#include "control/reload_audit.h"
#include "control/render.h"

enum { REASON_MAX_BYTES = 500 };

static bool shows(void *ctx, str model)
{
    struct api_call *call = ctx;
    const struct fleet_model *m = fleet_find_model(call->api->policy->fleet, model);

    return m && registry_sees_model(call, m);
}

enum api_progress api_endpoint_list(struct api_call *call)
{
    json_t *list = endpoint_list(call->api->policy, shows, call);

    if (list)
        call->json = json_pack("{s:o}", "endpoints", list);
    else
        api_store_failed(call);
    return API_ANSWERED;
}

static const struct catalog_endpoint *find(struct api_call *call)
{
    const struct catalog *c = call->api->policy->catalog;

    for (size_t i = 0; i < c->n_endpoints; i++)
        if (str_eq(c->endpoints[i].id, api_path(call, "id")))
            return &c->endpoints[i];
    api_error(call, 404, "not_found", "id", "there is no endpoint \"%.*s\"",
              STR_ARG(str_upto(api_path(call, "id"), 200)));
    return NULL;
}

/* The same endpoint in the catalog that the change brings. */
static json_t *render_next(const struct catalog *next, str id)
{
    for (size_t i = 0; next && i < next->n_endpoints; i++)
        if (str_eq(next->endpoints[i].id, id))
            return endpoint_to_json(next, &next->endpoints[i]);
    return NULL;
}

/* Audits what the change makes of the endpoint, and ends it. */
static void finish(struct api_call *call, struct change *change, str action, str id, json_t *before)
{
    struct diagnostics diagnostics;

    diagnostics_init(&diagnostics);
    struct catalog *next = change_build(change, &diagnostics);
    json_t *after = render_next(next, id);
    change_audit(change, action, id, before, after);
    if (next && change_commit(change, next, &diagnostics) == 0) {
        call->changed = true;
        call->json = json_incref(after);
    } else {
        if (!next)
            change_abort(change);
        api_store_failed(call);
    }
    json_decref(after);
    diagnostics_deinit(&diagnostics);
}

static void withdraw(struct api_call *call, const struct catalog_endpoint *e, str reason)
{
    struct policy *p = call->api->policy;
    json_t *before = endpoint_to_json(p->catalog, e);
    struct change change;

    change_begin(&change, p, call->request.actor);
    if (change.error == 0)
        change_did(&change, store_withdrawn_put(p->store, &(struct store_withdrawn){
                                                              .endpoint = api_path(call, "id"),
                                                              .reason = reason,
                                                              .observed = STR(""),
                                                              .since_ns = change.at_ns,
                                                          }));
    finish(call, &change, STR("endpoint.withdraw"), api_path(call, "id"), before);
    json_decref(before);
}

enum api_progress api_endpoint_withdraw(struct api_call *call)
{
    static const char *const names[] = {"reason"};
    const struct catalog_endpoint *e = find(call);
    json_t *body = NULL;
    str reason = STR_NULL;

    if (!e)
        return API_ANSWERED;
    if (call->request.body.n && !(body = api_body_of(call, names, COUNT_OF(names))))
        return API_ANSWERED;
    if (api_text(call, body, "reason", REASON_MAX_BYTES, &reason))
        withdraw(call, e, reason.p ? reason : STR("taken out of service by an operator"));
    json_decref(body);
    return API_ANSWERED;
}

static int on_withdrawn(void *ctx, const struct store_withdrawn *w)
{
    const struct api_call *call = ctx;

    return str_eq(w->endpoint, api_path(call, "id")); /* ends the walk */
}

enum api_progress api_endpoint_return(struct api_call *call)
{
    struct policy *p = call->api->policy;
    const struct catalog_endpoint *e = find(call);
    struct change change;

    if (!e)
        return API_ANSWERED;
    int r = store_withdrawn_each(p->store, on_withdrawn, call);
    if (r < 0) {
        api_store_failed(call);
        return API_ANSWERED;
    }
    if (r == 0) {
        api_error(call, 409, "not_withdrawn", "id",
                  e->state == ENDPOINT_OUT_OF_SERVICE
                      ? "the configuration keeps \"%.*s\" out of service (%.*s): change it there"
                      : "\"%.*s\" is not out of service%.*s",
                  STR_ARG(str_upto(e->id, 200)), STR_ARG(e->state_reason));
        return API_ANSWERED;
    }
    json_t *before = endpoint_to_json(p->catalog, e);
    change_begin(&change, p, call->request.actor);
    change_did(&change, change.error ? 0 : store_withdrawn_delete(p->store, api_path(call, "id")));
    /* What it had learnt was contradicted: it learns anew. */
    change_did(&change, change.error ? 0 : store_observed_delete(p->store, api_path(call, "id")));
    finish(call, &change, STR("endpoint.return_to_service"), api_path(call, "id"), before);
    json_decref(before);
    return API_ANSWERED;
}

#include "control/observations.h"

#include "base/clock.h"
#include "base/log.h"
#include "control/render.h"
#include "region/normalise.h"

static const struct catalog_endpoint *find_endpoint(const struct catalog *c, str id)
{
    for (size_t i = 0; i < c->n_endpoints; i++)
        if (str_eq(c->endpoints[i].id, id))
            return &c->endpoints[i];
    return NULL;
}

static json_t *place_of(const struct catalog_endpoint *e)
{
    return json_pack("{s:o, s:o, s:o}", "region",
                     e->region_name.n ? render_str(e->region_name) : json_null(), "evidence",
                     render_str(render_evidence_name(e->evidence)), "state",
                     render_str(render_state_name(e->state)));
}

static void learn(struct change *c, const struct link_observed *observed,
                  const struct catalog_endpoint *e, unsigned region)
{
    str code = region_at(c->policy->catalog->regions, region)->code;
    json_t *after = json_pack("{s:o, s:s, s:o}", "region", render_str(code), "evidence", "observed",
                              "header", render_str(observed->header));
    json_t *before = place_of(e);

    change_did(
        c, store_observed_put(c->policy->store, &(struct store_observed){
                                                    .endpoint = e->id,
                                                    .origin_revision = observed->origin_revision,
                                                    .header = observed->header,
                                                    .region = code,
                                                    .at_ns = c->at_ns,
                                                }));
    change_audit(c, STR("endpoint.region_learnt"), e->id, before, after);
    json_decref(before);
    json_decref(after);
}

static void withdraw(struct change *c, const struct link_observed *observed,
                     const struct catalog_endpoint *e)
{
    json_t *after =
        json_pack("{s:s, s:o}", "state", "out_of_service", "header", render_str(observed->header));
    json_t *before = place_of(e);

    change_did(c, store_withdrawn_put(c->policy->store,
                                      &(struct store_withdrawn){
                                          .endpoint = e->id,
                                          .reason = STR("an answer named another region"),
                                          .observed = observed->header,
                                          .since_ns = c->at_ns,
                                      }));
    change_audit(c, STR("endpoint.region_contradicted"), e->id, before, after);
    json_decref(before);
    json_decref(after);
}

static void put_in_force(struct policy *p, const struct link_observed *observed,
                         const struct catalog_endpoint *e, unsigned region)
{
    struct diagnostics diagnostics;
    struct change change;

    change_begin(&change, p, STR("system"));
    if (observed->kind == LINK_REGION_LEARNT)
        learn(&change, observed, e, region);
    else
        withdraw(&change, observed, e);
    change.rebuild = true;
    diagnostics_init(&diagnostics);
    /* A failure is logged there. */
    (void)change_commit(&change, NULL, &diagnostics);
    diagnostics_deinit(&diagnostics);
}

void observation_take(struct policy *p, const struct link_observed *observed)
{
    const struct catalog_endpoint *e = find_endpoint(p->catalog, observed->endpoint);
    bool learnt = observed->kind == LINK_REGION_LEARNT;
    unsigned region = region_find_azure(p->catalog->regions, observed->header);

    if (!e || e->origin_revision != observed->origin_revision ||
        e->state == ENDPOINT_OUT_OF_SERVICE)
        return;
    if (learnt && (region == REGION_NONE || e->state != ENDPOINT_REGION_PENDING))
        return;
    log_event(learnt ? LOG_INFO : LOG_ERROR, learnt ? "region_learnt" : "region_contradicted",
              LOG_STR("endpoint", e->id), LOG_STR("declared", e->region_name),
              LOG_STR("observed", observed->header));
    put_in_force(p, observed, e, region);
}

void refusals_take(struct policy *p, const struct link_refusals *refusals)
{
    char day[CLOCK_RFC3339_LEN];

    if (refusals->source > PERMIT_REQUEST)
        return;
    clock_format_rfc3339(clock_wall_ns(), day);
    if (store_begin(p->store, STORE_RELAXED) < 0)
        return;
    if (store_refusals_add(p->store, &(struct store_refusals){
                                         .day = str_make(day, 10),
                                         .source = permit_source_name(refusals->source),
                                         .code = refusals->code,
                                         .subject = refusals->subject,
                                         .group = refusals->group,
                                         .count = refusals->count,
                                     }) == 0)
        store_commit(p->store);
    store_rollback(p->store);
}

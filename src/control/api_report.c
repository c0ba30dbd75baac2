/* What an officer asks: what happened to the policy, and what the policy did to requests. */

#include "base/clock.h"
#include "control/api_internal.h"
#include "control/endpoint_list.h"
#include "control/render.h"
#include "control/rules_list.h"

enum {
    AUDIT_PRESET = 100,
    AUDIT_MAX = 1000,
    DAYS_PRESET = 30,
    DAYS_MAX = 3660,
    CHANGES_MAX = 10000, /* of one report */
    DAY_CHARS = 10,
};

/* --- the trail */

static json_t *render_event(const struct store_audit *e)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "id", (json_int_t)e->id, "at",
                     render_time(e->at_ns), "actor", render_str(e->actor), "action",
                     render_str(e->action), "object", render_str(e->object), "before",
                     render_stored(e->before), "after", render_stored(e->after), "revision",
                     (json_int_t)e->revision);
}

struct page {
    json_t *events;
    int64_t from_ns; /* older ones are left out */
    uint64_t last;
};

static int on_event(void *ctx, const struct store_audit *e)
{
    struct page *page = ctx;

    if (e->at_ns < page->from_ns)
        return 1;
    page->last = e->id;
    return json_array_append_new(page->events, render_event(e));
}

enum api_progress api_audit(struct api_call *call)
{
    str object = api_query(call, "object");
    struct page page = {.from_ns = 0};
    uint64_t before, limit;

    if (!api_query_number(call, "before", 1, INT64_MAX, 0, &before) ||
        !api_query_number(call, "limit", 1, AUDIT_MAX, AUDIT_PRESET, &limit))
        return API_ANSWERED;
    page.events = json_array();
    if (store_audit_each(call->api->policy->store, before, object.p ? object : STR(""), limit,
                         on_event, &page) < 0) {
        json_decref(page.events);
        api_store_failed(call);
        return API_ANSWERED;
    }
    bool more = json_array_size(page.events) == limit && page.last > 1;
    call->json = json_pack("{s:o, s:o}", "events", page.events, "next_before",
                           more ? json_integer((json_int_t)page.last) : json_null());
    return API_ANSWERED;
}

/* --- the residency report */

static int on_refusals(void *ctx, const struct store_refusals *r)
{
    return json_array_append_new(
        ctx, json_pack("{s:o, s:o, s:o, s:o, s:o, s:I}", "day", render_str(r->day), "source",
                       render_str(r->source), "code", render_str(r->code), "subject",
                       render_str(r->subject), "model_group", render_str(r->group), "count",
                       (json_int_t)r->count));
}

static json_t *head_of(const struct policy *p, uint64_t days)
{
    const struct catalog *c = p->catalog;
    bool in_force = p->file_state == POLICY_FILE_IN_FORCE;

    return json_pack(
        "{s:o, s:o, s:I, s:o, s:I, s:{s:o, s:s, s:o}}", "generated_at",
        render_time(clock_wall_ns()), "installation", render_str(store_installation(p->store)),
        "revision", (json_int_t)policy_revision(p), "gateway_region",
        render_region(c->regions, c->gateway_region), "days", (json_int_t)days, "configuration",
        "file", render_str(str_of(p->config_path)), "state", in_force ? "in_force" : "refused",
        "why", in_force ? json_null() : render_str(buf_str(&p->file_why)));
}

/* False: the store failed. */
static bool put_history(json_t *report, const struct policy *p, uint64_t days)
{
    int64_t from_ns = clock_wall_ns() - (int64_t)days * 86400 * NS_PER_S;
    struct page page = {.events = json_array(), .from_ns = from_ns};
    json_t *refusals = json_array();
    char day[CLOCK_RFC3339_LEN];

    clock_format_rfc3339(from_ns, day);
    int r = store_audit_each(p->store, 0, STR(""), CHANGES_MAX, on_event, &page);
    if (r >= 0)
        r = store_refusals_each(p->store, str_make(day, DAY_CHARS), on_refusals, refusals);
    json_object_set_new(report, "changes", page.events);
    json_object_set_new(report, "refusals", refusals);
    return r >= 0;
}

enum api_progress api_report_residency(struct api_call *call)
{
    struct policy *p = call->api->policy;
    uint64_t days;

    if (!api_query_number(call, "days", 1, DAYS_MAX, DAYS_PRESET, &days))
        return API_ANSWERED;
    json_t *report = head_of(p, days), *endpoints = endpoint_list(p, NULL, NULL);
    json_object_set_new(report, "endpoints", endpoints ? endpoints : json_array());
    json_object_set_new(report, "rules", rules_list(p, STR("")));
    json_object_set_new(report, "customers", rules_of_customers(p));
    if (put_history(report, p, days) && endpoints) {
        call->json = report;
    } else {
        json_decref(report);
        api_store_failed(call);
    }
    return API_ANSWERED;
}

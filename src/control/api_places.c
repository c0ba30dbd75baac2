/* What is known about places, and what a given request could use of them. */

#include "control/api_internal.h"
#include "control/explain.h"
#include "control/registry.h"
#include "control/render.h"
#include "control/rules_list.h"

/* --- regions, with what edges measure */

static json_t *number_or_null(int32_t value)
{
    return value < 0 ? json_null() : json_integer(value);
}

static size_t endpoints_in(const struct catalog *c, unsigned region)
{
    size_t n = 0;

    for (size_t i = 0; i < c->n_endpoints; i++)
        n += c->endpoints[i].region == region;
    return n;
}

static json_t *render_place(const struct catalog *c, unsigned index)
{
    const struct region *r = region_at(c->regions, index);

    return json_pack("{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:s, s:I, s:b, s:o, s:[]}", "region",
                     render_str(r->code), "provider", render_str(r->provider), "location",
                     render_str(r->location), "country", r->country, "grid_zone",
                     r->grid_zone.n ? render_str(r->grid_zone) : json_null(), "grid_g_per_kwh",
                     number_or_null(r->grid_g_per_kwh), "latency_p50_ms",
                     number_or_null(r->latency_p50_ms), "latency_p95_ms",
                     number_or_null(r->latency_p95_ms), "role",
                     r->role == REGION_ROLE_GATEWAY ? "gateway" : "inference", "endpoints",
                     (json_int_t)endpoints_in(c, index), "operator_defined",
                     (int)r->operator_defined, "source", render_str(r->source), "measured");
}

/* {"edge","p50_us","p95_us"} for every region that an edge has a figure for. */
static void add_measured(json_t *regions, const struct link_reply *reply,
                         const struct region_catalogue *catalogue)
{
    json_t *status = json_loadb(reply->bytes.n ? reply->bytes.p : "", reply->bytes.n, 0, NULL);
    const json_t *one;
    size_t i;

    json_array_foreach(json_object_get(status, "regions"), i, one)
    {
        unsigned index =
            region_find(catalogue, str_of(json_string_value(json_object_get(one, "region"))));

        if (index < json_array_size(regions))
            json_array_append_new(
                json_object_get(json_array_get(regions, index), "measured"),
                json_pack("{s:o, s:I, s:I}", "edge", render_str(reply->edge), "p50_us",
                          json_integer_value(json_object_get(one, "p50_us")), "p95_us",
                          json_integer_value(json_object_get(one, "p95_us"))));
    }
    json_decref(status);
}

static json_t *render_zones(const struct region_catalogue *regions)
{
    json_t *list = json_array();
    struct region_set set;
    size_t cursor = 0;
    str name;

    while (region_zone_next(regions, &cursor, &name, &set)) {
        json_t *codes = json_array();

        for (unsigned i = 0; i < region_count(regions); i++)
            if (region_set_has(&set, i))
                json_array_append_new(codes, render_str(region_at(regions, i)->code));
        json_array_append_new(list,
                              json_pack("{s:o, s:o, s:o}", "zone", render_str(name), "members",
                                        render_set(regions, &set), "regions", codes));
    }
    return list;
}

static void on_status(void *ctx, const struct link_reply *replies, size_t n)
{
    struct api_call *call = ctx;
    const struct catalog *c = call->api->policy->catalog;
    json_t *regions = json_array();

    for (unsigned i = 0; i < region_count(c->regions); i++)
        json_array_append_new(regions, render_place(c, i));
    for (size_t i = 0; i < n; i++)
        add_measured(regions, &replies[i], c->regions);
    call->json = json_pack("{s:o, s:o}", "regions", regions, "zones", render_zones(c->regions));
    api_finish(call);
}

enum api_progress api_regions(struct api_call *call)
{
    link_server_query(call->api->link, STR("status"), on_status, call);
    return API_LATER;
}

enum api_progress api_zones(struct api_call *call)
{
    call->json = json_pack("{s:o}", "zones", render_zones(call->api->policy->catalog->regions));
    return API_ANSWERED;
}

enum api_progress api_rules(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    str team = registry_caller(call).team;

    /* Customers belong to no team. */
    call->json =
        json_pack("{s:I, s:o, s:o}", "revision", (json_int_t)policy_revision(p), "rules",
                  rules_list(p, team), "customers", team.n ? json_null() : rules_of_customers(p));
    return API_ANSWERED;
}

/* --- explain */

enum { MODEL_MAX_BYTES = 1024, PLACE_MAX_BYTES = 256 };

/* A text, or a list of them. */
static bool take_customers(struct api_call *call, const json_t *body, struct explain_query *query)
{
    const json_t *given = json_object_get(body, "customer"), *item;
    size_t n = json_is_array(given) ? json_array_size(given) : json_is_string(given), i;
    str *ids = arena_alloc(&call->arena, (n + 1) * sizeof(*ids));

    if (given && !json_is_null(given) && !json_is_string(given) && !json_is_array(given)) {
        api_error(call, 400, "invalid_field", "customer",
                  "customer: expected a customer's id, or a list of them");
        return false;
    }
    if (n && registry_caller(call).team.n) {
        api_error(call, 403, "key_limited", "customer",
                  "customer: this key belongs to a team, and customers to none");
        return false;
    }
    if (json_is_string(given))
        ids[0] = str_make(json_string_value(given), json_string_length(given));
    json_array_foreach(given, i, item)
    {
        ids[i] = str_make(json_string_value(item), json_string_length(item));
        if (json_is_string(item))
            continue;
        api_error(call, 400, "invalid_field", "customer", "customer[%zu]: expected a text", i);
        return false;
    }
    query->customers = ids;
    query->n_customers = n;
    return true;
}

static bool take_key(struct api_call *call, const json_t *body, struct explain_query *query)
{
    str name;

    if (!api_text(call, body, "key", CONFIG_NAME_MAX, &name))
        return false;
    if (!name.p)
        return true;
    query->key = explain_find_key(call->api->policy->catalog, name);
    if (query->key && !registry_sees_team(call, query->key->team))
        query->key = NULL;
    if (!query->key)
        api_error(call, 404, "not_found", "key", "there is no key with the name or id \"%.*s\"",
                  STR_ARG(str_upto(name, 200)));
    return query->key != NULL;
}

enum api_progress api_explain(struct api_call *call)
{
    static const char *const names[] = {"model", "key", "customer", "region"};
    const struct policy *p = call->api->policy;
    json_t *body = api_body_of(call, names, COUNT_OF(names));
    struct explain_query query = {0};

    if (body && api_text(call, body, "model", MODEL_MAX_BYTES, &query.model) &&
        api_text(call, body, "region", PLACE_MAX_BYTES, &query.region) &&
        take_customers(call, body, &query) && take_key(call, body, &query))
        call->json = explain(p->catalog, p->customers, &query);
    json_decref(body);
    return API_ANSWERED;
}

/*
 * Where one entry of model_list runs: the set of places that a permit must hold for it to be
 * eligible. What the operator declares counts, unless what is known about the provider says that
 * the request may run elsewhere: then the two contradict each other and that is an error, never a
 * silent choice between them.
 */

#include "base/mem.h"
#include "config/model.h"

struct placement {
    const struct config_reader *reader;
    const struct config_node *node; /* litellm_params */
    const struct config_params *params;
    const struct provider_match *provider;
    struct config_endpoint *endpoint;
};

uint16_t config_single_region(const struct region_catalogue *regions, const struct region_set *set)
{
    if (region_set_count(set) != 1)
        return REGION_NONE;
    for (unsigned i = 0; i < region_count(regions); i++) {
        if (region_set_has(set, i))
            return (uint16_t)i;
    }
    return REGION_NONE;
}

void config_deployment_place(const struct region_catalogue *regions,
                             enum region_deployment deployment, struct region_set *set, str *name)
{
    static const str datazones[] = {STR_INIT("datazone-eu"), STR_INIT("datazone-us")};
    struct region_set zone;

    if (deployment == REGION_DEPLOYMENT_REGIONAL)
        return;
    *name = region_of_deployment(regions, deployment, config_single_region(regions, set));
    /* Where only a country or zone is known, it may still lie in one data zone as a whole. */
    for (size_t i = 0; deployment == REGION_DEPLOYMENT_DATAZONE && i < COUNT_OF(datazones); i++) {
        if (region_resolve(regions, datazones[i], &zone) && region_set_within(set, &zone))
            *name = datazones[i];
    }
    (void)region_resolve(regions, *name, set);
}

static struct config_node member_or_self(const struct placement *p, const char *name)
{
    struct config_node member = *p->node;

    (void)node_member(p->reader, p->node, name, &member);
    return member;
}

/* A provider's own name of a region ("swedencentral") where the plain name is none of ours. */
static str qualify(const struct placement *p, str cloud, str name)
{
    const struct region_catalogue *regions = p->reader->config->regions;
    struct region_set set;
    unsigned index = REGION_NONE;

    if (cloud.n == 0 || name.n == 0 || region_resolve(regions, name, &set))
        return name;
    if (str_eq(cloud, STR("azure")))
        index = region_find_azure(regions, name);
    else
        index = region_find(
            regions, arena_printf(p->reader->arena, "%.*s-%.*s", STR_ARG(cloud), STR_ARG(name)));
    return index == REGION_NONE ? name : region_at(regions, index)->code;
}

/* A region setting of LiteLLM for other providers: it must name a place, and one within what
 * region_name declares. Returns the qualified name, "" if the setting is absent or wrong. */
static str read_provider_region(const struct placement *p, const char *member, str cloud, str name,
                                const struct region_set *declared)
{
    struct config_node node = member_or_self(p, member);
    struct region_set set;

    if (name.n == 0)
        return STR("");
    name = qualify(p, cloud, name);
    if (!config_read_place(p->reader, &node, name, &set))
        return STR("");
    if (declared && !region_set_within(&set, declared)) {
        node_error(p->reader, &node, "\"%.*s\" is not in the region_name \"%.*s\" of this entry",
                   STR_ARG(name), STR_ARG(p->params->region_name));
        return STR("");
    }
    return name;
}

/* The region that the file declares; "" if it declares none. */
static str declared_name(const struct placement *p, struct region_set *ret_set)
{
    const struct config_params *params = p->params;
    const json_t *written = json_object_get(p->node->value, "region_name");
    struct config_node node = member_or_self(p, "region_name");
    str name = qualify(p, p->provider->cloud, params->region_name);
    bool declared = name.n && config_read_place(p->reader, &node, name, ret_set);
    const struct region_set *within = declared ? ret_set : NULL;
    str aws =
        read_provider_region(p, "aws_region_name", STR("aws"), params->aws_region_name, within);
    str gcp =
        read_provider_region(p, "vertex_location", STR("gcp"), params->vertex_location, within);

    if (written && !params->region_name.n && !json_string_length(written))
        node_error(p->reader, &node,
                   "region_name is there but says nothing; leave it out, or name "
                   "a place");
    if (written)
        return declared ? name : STR("");
    if (str_eq(p->provider->cloud, STR("aws")))
        name = aws;
    else if (str_eq(p->provider->cloud, STR("gcp")))
        name = gcp;
    return name.n && region_resolve(p->reader->config->regions, name, ret_set) ? name : STR("");
}

/* A model name that says "any of these regions" against what was declared. */
static void apply_profile(const struct placement *p, str *name, struct region_set *set,
                          enum catalog_evidence *evidence)
{
    str zone = region_zone_of_model(p->endpoint->endpoint.upstream_model);
    struct config_node node = member_or_self(p, "model");
    struct region_set wide;

    if (!zone.p || !region_resolve(p->reader->config->regions, zone, &wide))
        return;
    if (p->params->region_name.n && name->n && !region_set_within(&wide, set)) {
        node_error(
            p->reader, &node,
            "the model may run anywhere in \"%.*s\", which the region_name \"%.*s\" does not "
            "hold; declare \"%.*s\", or use a model that stays",
            STR_ARG(zone), STR_ARG(*name), STR_ARG(zone));
        return;
    }
    /* Another provider's region setting is where the call is made, not where it runs. */
    if (!p->params->region_name.n) {
        *name = zone;
        *set = wide;
        *evidence = EVIDENCE_PROVIDER;
    }
}

static void apply_deployment(const struct placement *p, str *name, struct region_set *set,
                             enum catalog_evidence *evidence)
{
    struct config_node node = member_or_self(p, "deployment_type");
    enum region_deployment deployment;

    if (!region_deployment_parse(p->params->deployment_type, &deployment)) {
        node_error(p->reader, &node,
                   "\"%.*s\" is no deployment type; expected standard, datazone, global, or an "
                   "Azure SKU name",
                   STR_ARG(str_upto(p->params->deployment_type, 80)));
        return;
    }
    if (deployment == REGION_DEPLOYMENT_REGIONAL)
        return;
    if (p->provider->kind != PROVIDER_KIND_AZURE) {
        node_error(p->reader, &node, "is for azure models; here region_name says where they run");
        return;
    }
    p->endpoint->deployment = deployment;
    if (deployment == REGION_DEPLOYMENT_DATAZONE && !name->n)
        return;
    config_deployment_place(p->reader->config->regions, deployment, set, name);
    if (deployment == REGION_DEPLOYMENT_DATAZONE && str_eq(*name, STR("world")))
        node_warning(p->reader, &node,
                     "no data zone is known that holds this region: it may run "
                     "anywhere in the world");
    *evidence = EVIDENCE_PROVIDER;
}

static void leave_unknown(const struct placement *p)
{
    struct catalog_endpoint *e = &p->endpoint->endpoint;

    region_set_add(&e->place, region_unknown_bit(p->reader->config->regions));
    e->region_name = STR("");
    if (e->state == ENDPOINT_OUT_OF_SERVICE)
        return;
    if (e->provider == PROVIDER_AZURE) {
        e->state = ENDPOINT_REGION_PENDING;
        node_note(p->reader, p->node,
                  "no region_name: the region is learnt from the endpoint; until then only "
                  "unrestricted requests are sent to it");
        return;
    }
    node_warning(p->reader, p->node,
                 "no region_name: only unrestricted requests are sent to this endpoint");
}

void config_read_placement(const struct config_reader *r, const struct config_node *params_node,
                           const struct config_params *params,
                           const struct provider_match *provider, struct config_endpoint *endpoint)
{
    struct placement p = {r, params_node, params, provider, endpoint};
    struct catalog_endpoint *e = &endpoint->endpoint;
    enum catalog_evidence evidence = EVIDENCE_DECLARED;
    struct region_set set = region_set_none();
    str name = declared_name(&p, &set);

    e->region = REGION_NONE;
    apply_profile(&p, &name, &set, &evidence);
    apply_deployment(&p, &name, &set, &evidence);
    if (!name.n) {
        leave_unknown(&p);
        return;
    }
    e->region_name = name;
    e->place = set;
    e->region = config_single_region(r->config->regions, &set);
    e->evidence = evidence;
}

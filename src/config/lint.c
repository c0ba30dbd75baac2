/*
 * What is right as written and hardly meant: a gateway that the organisation's own rule keeps from
 * answering, endpoints that no request can ever use. Warnings only.
 */

#include "config/model.h"

#include <unistd.h>

struct lint {
    const struct config_reader *reader;
    const struct config_node *root;
    struct region_rule_compiled organization;
};

static void lint_gateway(const struct lint *l)
{
    const struct config *c = l->reader->config;
    struct config_node gateway, region;

    if (c->gateway_region == REGION_NONE ||
        region_set_has(&l->organization.transit, c->gateway_region) ||
        !node_member(l->reader, l->root, "gateway", &gateway) ||
        !node_member(l->reader, &gateway, "region", &region))
        return;
    node_warning(l->reader, &region,
                 "is outside organization.region_rule: this gateway will refuse every request "
                 "(421); a rule's transit member can let it stand there");
}

static void lint_endpoint(const struct lint *l, const struct config_endpoint *endpoint)
{
    const struct catalog_endpoint *e = &endpoint->endpoint;
    struct config_node node = {.parent = l->root, .key = "model_list"};

    /* What a pending region will turn out to be is not known yet. */
    if (e->state != ENDPOINT_IN_SERVICE || region_set_within(&e->place, &l->organization.inference))
        return;
    node.place = endpoint->place_in_file;
    node_warning(l->reader, &node,
                 "the endpoint %.*s is outside organization.region_rule: no request will use it",
                 STR_ARG(e->id));
}

/* Whoever may push is root then. */
static void lint_users(const struct config_reader *r, const struct config_node *root)
{
    const struct config *c = r->config;
    struct config_node planes;

    if (geteuid() != 0 || !node_member(r, root, "planes", &planes))
        return;
    for (size_t i = 0; i < c->n_planes; i++)
        if (!c->planes[i].user.n)
            node_warning(r, &planes,
                         "packages run as root on the plane %.*s: whoever may push can read and "
                         "change everything on this machine; give it a user",
                         STR_ARG(c->planes[i].name));
}

void config_lint(const struct config_reader *r, const struct config_node *root)
{
    const struct config *c = r->config;
    struct lint l = {.reader = r, .root = root};
    struct region_rule rule;
    str message;

    lint_users(r, root);
    if (!c->organization_rule.p ||
        !region_rule_parse_canonical(c->organization_rule, r->arena, &rule) ||
        region_rule_compile(&rule, c->regions, r->arena, &l.organization, &message))
        return;
    lint_gateway(&l);
    for (size_t i = 0; i < c->n_endpoints; i++)
        lint_endpoint(&l, &c->endpoints[i]);
}

#pragma once

/*
 * The model between file and catalog that only this folder sees: the structs that the settings
 * table fills, one for each kind of object in the file, and the endpoints with what is decided
 * about them when a catalog is built.
 */

#include "config/provider.h"
#include "config/schema.h"
#include "region/normalise.h"

#include <stddef.h>

enum { CONFIG_UNSET = 0xffffffff }; /* a count that nobody wrote */

struct config_gateway_section {
    str region;
    str domain;
    uint32_t public_scheme; /* enum config_scheme, CONFIG_UNSET */
    uint32_t public_port;
    struct config_texts listen;
    str control_listen;
    bool metrics_without_key;
    uint32_t workers;
    str client_ca_file;
};

struct config_certificate_section {
    str cert_file, key_file;
};

struct config_region_section {
    str code, provider, location, country, grid_zone, source;
    int32_t latitude_e4, longitude_e4;
    uint32_t grid_g_per_kwh, latency_p50_ms, latency_p95_ms; /* CONFIG_UNSET */
    uint32_t role;                                           /* enum region_role, CONFIG_UNSET */
};

struct config_customer_section {
    str user_id, alias;
    bool blocked;
};

struct config_key_section {
    str name, key, key_hash, customer, expires;
    struct config_texts scopes;
};

struct config_environment_group_section {
    str name;
    uint32_t standard_endpoint; /* enum config_standard_endpoint */
};

struct config_plane_section {
    str name, region, cgroup, user;
    uint32_t type, replicas_max, first_port, last_port;
};

struct config_deployments_section {
    int64_t deploy_timeout_ms, package_keep_ms;
    uint64_t package_bytes;
    str runner;
    struct config_texts external_addresses;
};

/* model_list[] */
struct config_entry_section {
    str model_name;
    str id; /* model_info.id, "" if none */
};

/* model_list[].litellm_params */
struct config_params {
    str model, custom_llm_provider;
    str api_base, api_key, api_version, organization;
    str ca_file, client_cert_file, client_key_file;
    str region_name, aws_region_name, vertex_location;
    str deployment_type;
    uint32_t rpm, weight_milli, order, max_parallel_requests, max_retries;
    uint64_t tpm;
    int64_t timeout_ms, stream_timeout_ms;
};

struct config_router_section {
    bool enable_pre_call_checks;
    uint32_t num_retries; /* CONFIG_UNSET */
    uint32_t max_fallbacks;
    uint32_t allowed_fails;
    int64_t cooldown_ms;
    int64_t timeout_ms, stream_timeout_ms; /* 0: not said */
};

struct config_litellm_section {
    uint32_t num_retries;
    int64_t request_timeout_ms;
};

struct config_general_section {
    str master_key;
};

/* model_group_settings{} */
struct config_group_section {
    int64_t connect_ms, first_byte_ms, idle_ms, total_ms; /* 0: not said */
    uint32_t max_retries;                                 /* CONFIG_UNSET */
};

struct config_routing_section {
    bool carbon_aware;
    int64_t latency_window_ms;
    struct config_texts preferred;
};

/* An endpoint as the file describes it. */
struct config_endpoint {
    struct catalog_endpoint endpoint; /* strings in the model's arena; without what probes learnt */
    enum region_deployment deployment;
    uint32_t max_retries; /* litellm_params.max_retries, CONFIG_UNSET */
    uint32_t weight_milli;
    struct yaml_place place_in_file;
};

/* --- the parts of the file, each read by its own module; what is wrong is reported */

/* places.c: regions, zones, routing */
void config_read_places(const struct config_reader *r, const struct config_node *root);
void config_read_routing(const struct config_reader *r, const struct config_node *root);
/* A name as region, zone or country; false and reported if it is none. */
bool config_read_place(const struct config_reader *r, const struct config_node *node, str name,
                       struct region_set *ret_set);
/* The index of a region's code; REGION_NONE and reported for anything else. */
uint16_t config_read_region(const struct config_reader *r, const struct config_node *node,
                            str name);

/* gateway.c */
void config_read_gateway(const struct config_reader *r, const struct config_node *root);

/* policy.c: organization, environment_groups, customers, keys, default_customer_rule */
void config_read_policy(const struct config_reader *r, const struct config_node *root);

/* planes.c: planes, deployments */
void config_read_planes(const struct config_reader *r, const struct config_node *root);

/* endpoints.c: model_list. Fills the model's endpoints, and its groups with names and endpoints. */
void config_read_endpoints(const struct config_reader *r, const struct config_node *root);

/* upstream.c: provider, address, credential, TLS, header fields of one entry. */
void config_read_upstream(const struct config_reader *r, const struct config_node *params_node,
                          const struct config_params *params, const struct provider_match *provider,
                          struct config_endpoint *endpoint);

/* placement.c: where one entry runs. */
void config_read_placement(const struct config_reader *r, const struct config_node *params_node,
                           const struct config_params *params,
                           const struct provider_match *provider, struct config_endpoint *endpoint);
/* Widens `set`, named *name, in which a deployment's resource is known to be, to where the
 * deployment may run a request. A data zone that is not known is the world. */
void config_deployment_place(const struct region_catalogue *regions,
                             enum region_deployment deployment, struct region_set *set, str *name);
/* The region where the set is exactly one, else REGION_NONE. */
uint16_t config_single_region(const struct region_catalogue *regions, const struct region_set *set);

/* groups.c: fallbacks, aliases, timers of the groups that config_read_endpoints left */
void config_read_groups(const struct config_reader *r, const struct config_node *root,
                        const struct config_router_section *router,
                        const struct config_litellm_section *litellm);

/* lint.c: warnings about what hardly can be meant, once everything has been read */
void config_lint(const struct config_reader *r, const struct config_node *root);

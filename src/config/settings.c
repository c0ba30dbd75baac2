/*
 * Every setting, in the order of the manual. See schema.h for what the columns mean. Adding a
 * setting is adding a row here and a field to its struct; the manual and `ambit check --settings`
 * follow, and a test compares the defaults with those that the traffic side assumes.
 */

#include "config/model.h"

#include "base/mem.h"

#define IN(type, member) offsetof(struct type, member), sizeof(((struct type *)NULL)->member)

#define MS_MAX  (INT64_C(7) * 86400 * 1000)
#define GIB     (INT64_C(1) << 30)
#define U32_MAX INT64_C(0xffffffff)

/* path, about */
#define GROUP(path, type, about)                                                                   \
    {                                                                                              \
        path, SETTING_##type, SETTING_USED, 0, 0, 0, 0, NULL, NULL, about                          \
    }
#define VALUE(path, type, field, preset, about)                                                    \
    {                                                                                              \
        path, SETTING_##type, SETTING_USED, field, 0, 0, preset, NULL, about                       \
    }
#define NUMBER(path, type, field, min, max, preset, about)                                         \
    {                                                                                              \
        path, SETTING_##type, SETTING_USED, field, min, max, preset, NULL, about                   \
    }
#define CHOICE(path, field, preset, choices, about)                                                \
    {                                                                                              \
        path, SETTING_CHOICE, SETTING_USED, field, 0, 0, preset, choices, about                    \
    }
#define UNUSED(path, about)                                                                        \
    {                                                                                              \
        path, SETTING_ANY, SETTING_UNUSED, 0, 0, 0, 0, NULL, NULL, about                           \
    }

#define LIMIT(name, type, member, min, max, preset, about)                                         \
    NUMBER("limits." name, type, IN(catalog_settings, member), min, max, preset, about)
#define TIMER(name, member, preset, about)                                                         \
    NUMBER("timers." name, DURATION, IN(catalog_settings, member), 1, MS_MAX, preset, about)
#define QUOTA(name, member, max, preset, about)                                                    \
    NUMBER("quotas." name, COUNT, IN(config_quotas, member), 0, max, preset, about)
#define PARAM(name, type, member, about)                                                           \
    VALUE("model_list[].litellm_params." name, type, IN(config_params, member), "", about)
#define PARAM_COUNT(name, member, min, max, preset, about)                                         \
    NUMBER("model_list[].litellm_params." name, COUNT, IN(config_params, member), min, max,        \
           preset, about)

const struct setting settings_table[] = {
    /* --- gateway */
    GROUP("gateway", OBJECT, "Where this gateway stands and listens."),
    VALUE(
        "gateway.region", PLACE, IN(config_gateway_section, region), "",
        "The region code of this gateway: what traces name, and what the organisation's rule must "
        "allow for the gateway to answer."),
    VALUE("gateway.domain", TEXT, IN(config_gateway_section, domain), "localhost",
          "The domain below which model hosts are named."),
    CHOICE("gateway.public_scheme", IN(config_gateway_section, public_scheme), NULL, "http|https",
           "How clients reach the gateway, where that is not how it listens, such as behind a load "
           "balancer that ends TLS. It is for the URLs that are printed only."),
    NUMBER("gateway.public_port", COUNT, IN(config_gateway_section, public_port), 0, UINT16_MAX,
           "0",
           "The port that clients reach the gateway at, for the URLs that are printed; 0: that of "
           "public_scheme where it is written, else the one that it listens on."),
    VALUE("gateway.listen", TEXTS, IN(config_gateway_section, listen), "0.0.0.0:4000",
          "Addresses and ports of the gateway: a text or a list."),
    VALUE("gateway.control_listen", TEXT, IN(config_gateway_section, control_listen),
          "127.0.0.1:4001", "Address and port of the management API and the metrics."),
    VALUE("gateway.metrics_without_key", FLAG, IN(config_gateway_section, metrics_without_key),
          "false",
          "Whether /metrics of the management port takes no key from the loopback interface. "
          "Whatever runs on the machine can read them then, packages included."),
    NUMBER("gateway.workers", COUNT, IN(config_gateway_section, workers), 0, 256, "0",
           "Worker threads of the edge; 0 means one for each processor."),
    GROUP("gateway.tls", OBJECT,
          "TLS of the gateway's port; without certificates it is plaintext."),
    GROUP("gateway.tls.certificates", LIST,
          "Certificates by name; the first answers clients that name none."),
    VALUE("gateway.tls.certificates[].cert_file", TEXT, IN(config_certificate_section, cert_file),
          "", "PEM file with the certificate and its chain."),
    VALUE("gateway.tls.certificates[].key_file", TEXT, IN(config_certificate_section, key_file), "",
          "PEM file with the private key; it must match the certificate."),
    VALUE("gateway.tls.client_ca_file", TEXT, IN(config_gateway_section, client_ca_file), "",
          "PEM file with the authorities that client certificates are verified against; without it "
          "none is asked for."),

    /* --- policy */
    GROUP("organization", OBJECT, "What holds for every request."),
    GROUP("organization.region_rule", RULE,
          "The region rule of the organisation; it binds the gateway as well."),
    GROUP(
        "default_customer_rule", RULE,
        "The region rule of requests without a known customer. Without it they are refused as soon "
        "as any customer has a rule."),
    GROUP("customers", LIST, "End users with a rule of their own, owned by this file."),
    VALUE("customers[].user_id", TEXT, IN(config_customer_section, user_id), "",
          "The id that requests carry in `user`. Required."),
    GROUP("customers[].allowed_model_region", RULE,
          "A region, zone or country, or a list of them, that serves this customer."),
    GROUP("customers[].primary", PLACE,
          "The one region that serves this customer, instead of allowed_model_region."),
    GROUP("customers[].secondary", PLACE, "The region to use where the primary is unavailable."),
    VALUE("customers[].blocked", FLAG, IN(config_customer_section, blocked), "false",
          "Refuse this customer's requests."),
    VALUE("customers[].alias", TEXT, IN(config_customer_section, alias), "",
          "A name for people to read."),
    GROUP("customers[].metadata", ANY, "A mapping that is kept and returned as it is."),
    GROUP("keys", LIST, "API keys, owned by this file."),
    VALUE("keys[].name", TEXT, IN(config_key_section, name), "",
          "Letters, digits, dot, dash, underscore; unique. Required."),
    VALUE("keys[].key", SECRET, IN(config_key_section, key), "",
          "The key's text, best as os.environ/NAME. This or key_hash is required."),
    VALUE("keys[].key_hash", TEXT, IN(config_key_section, key_hash), "",
          "SHA-256 of the key's text in hexadecimal."),
    VALUE(
        "keys[].scopes", TEXTS, IN(config_key_section, scopes), "inference",
        "What the key may do: inference, customers, keys, policy:read, policy:write, policy:widen, "
        "metrics, operate, deploy, or all."),
    GROUP("keys[].region_rule", RULE, "The region rule of requests with this key."),
    VALUE("keys[].customer", TEXT, IN(config_key_section, customer), "",
          "Binds the key to one customer, whatever a request says."),
    VALUE("keys[].expires", TEXT, IN(config_key_section, expires), "",
          "Instant after which the key is refused, such as 2027-01-31T00:00:00Z."),
    GROUP("environment_groups", LIST, "Environment names with a rule, owned by this file."),
    VALUE("environment_groups[].name", TEXT, IN(config_environment_group_section, name), "",
          "The environment's name. Required."),
    GROUP("environment_groups[].region_rule", RULE,
          "The region rule of every environment of that name; it binds the gateway as well."),
    CHOICE("environment_groups[].standard_endpoint",
           IN(config_environment_group_section, standard_endpoint), "serve", "serve|refuse",
           "Whether standard host names keep working for a regional environment."),
    GROUP("policy", OBJECT, "How policy reaches the edges."),
    NUMBER("policy.lease", DURATION, IN(catalog_settings, policy_lease_ms), 1000, MS_MAX, "1h",
           "An edge that has heard nothing from the control plane for longer refuses restricted "
           "requests."),

    /* --- places */
    GROUP("regions", LIST, "Regions to add to the built-in ones, or to change there."),
    VALUE("regions[].code", PLACE, IN(config_region_section, code), "",
          "Lower case: provider and the provider's own name, as in acme-fra-1. Required."),
    VALUE("regions[].country", PLACE, IN(config_region_section, country), "",
          "ISO 3166-1 alpha-2. Required for a new region."),
    VALUE("regions[].provider", TEXT, IN(config_region_section, provider), "",
          "Who runs it; the code up to its first dash where absent."),
    VALUE("regions[].location", TEXT, IN(config_region_section, location), "",
          "Where it is, for people to read."),
    VALUE("regions[].grid_zone", TEXT, IN(config_region_section, grid_zone), "",
          "Electricity Maps' zone key."),
    VALUE("regions[].source", TEXT, IN(config_region_section, source), "configuration",
          "Where these facts come from."),
    NUMBER("regions[].grid_g_per_kwh", COUNT, IN(config_region_section, grid_g_per_kwh), 0, 5000,
           NULL, "Annual mean of the grid, grams of CO2 per kWh."),
    NUMBER("regions[].latitude", DEGREES, IN(config_region_section, latitude_e4), -900000, 900000,
           NULL, "Degrees north; together with longitude."),
    NUMBER("regions[].longitude", DEGREES, IN(config_region_section, longitude_e4), -1800000,
           1800000, NULL, "Degrees east."),
    NUMBER("regions[].latency_p50_ms", COUNT, IN(config_region_section, latency_p50_ms), 0, 60000,
           NULL, "Typical network round trip, median, in milliseconds."),
    NUMBER("regions[].latency_p95_ms", COUNT, IN(config_region_section, latency_p95_ms), 0, 60000,
           NULL, "The same, 95th percentile."),
    CHOICE("regions[].role", IN(config_region_section, role), NULL, "inference|gateway",
           "A gateway region serves inference only where a pin, routing.preferred or an endpoint "
           "names it."),
    GROUP("zones", MAP, "Zones to add: a name, and the regions, zones and countries in it."),

    /* --- routing */
    GROUP("routing", OBJECT, "Choosing inside the permit."),
    CHOICE("routing.mode", IN(config_routing_section, carbon_aware), "preferred",
           "preferred|carbon_aware", "The mode of requests that name none."),
    VALUE("routing.preferred", PLACES, IN(config_routing_section, preferred),
          "scaleway-par-1, scaleway-par-2, ovh-gra-1",
          "Region codes in order of preference; the rest follow by measured latency."),
    NUMBER("routing.latency_window", DURATION, IN(config_routing_section, latency_window_ms), 1000,
           3600000, "5m", "The time over which round trips are measured."),
    GROUP("routing.health_check", OBJECT, "Active checks of endpoints."),
    NUMBER("routing.health_check.interval", DURATION, IN(catalog_settings, health_interval_ms), 0,
           86400000, "0", "Time between two checks of an endpoint; 0 means none."),
    NUMBER("routing.health_check.timeout", DURATION, IN(catalog_settings, health_timeout_ms), 1,
           600000, "2s", "Time for one check."),
    VALUE("routing.health_check.path", TEXT, IN(catalog_settings, health_path), "/health",
          "What is fetched from an endpoint's origin; it carries no content."),

    /* --- limits and timers */
    GROUP("limits", OBJECT, "Bounds on what clients and upstreams can ask of an edge."),
    LIMIT("body_bytes", BYTES, body_bytes, 1024, 16 * GIB, "64MiB",
          "Largest request body; beyond it 413."),
    LIMIT("buffered_bytes", BYTES, buffered_bytes, 1 << 20, 1024 * GIB, "512MiB",
          "Bodies that an edge holds at one time; when spent, reading pauses."),
    LIMIT("head_bytes", BYTES, head_bytes, 1024, 1 << 20, "32KiB",
          "Largest head of a request or an answer; beyond it 431."),
    LIMIT("headers", COUNT, headers, 8, 4096, "128", "Most header fields in a head."),
    LIMIT("json_members", COUNT, json_members, 8, 65536, "1024",
          "Most top-level members of a request body."),
    LIMIT("json_depth", COUNT, json_depth, 8, 1024, "128", "Deepest nesting of a request body."),
    LIMIT("splice_bytes", BYTES, splice_bytes, 0, 16 << 20, "256KiB",
          "Answers up to this size are held whole for the trace; larger ones are chunked."),
    LIMIT("trace_header_bytes", BYTES, trace_header_bytes, 0, 32768, "2KiB",
          "Longest x-ambit-routing-trace."),
    LIMIT("connections", COUNT, connections, 16, 10000000, "20000",
          "Client connections of one worker."),
    LIMIT("customer_id_bytes", BYTES, customer_id_bytes, 16, 4096, "256",
          "Longest customer id in a request."),
    LIMIT("idle_upstreams", COUNT, idle_upstreams, 0, 65536, "64",
          "Idle connections kept to one endpoint by one worker."),
    LIMIT("predict_bytes", BYTES, predict_bytes, 1024, 16 * GIB, "100MiB",
          "Largest request body of a model host; beyond it 413."),
    LIMIT(
        "replay_bytes", BYTES, replay_bytes, 0, GIB, "256KiB",
        "How much of a model host's request body is kept, so that a second replica can be tried."),
    LIMIT("websocket_message_bytes", BYTES, message_bytes, 1024, 16 * GIB, "100MiB",
          "Largest message of a WebSocket, either way; beyond it the socket closes with 1009."),
    LIMIT("held_requests", COUNT, held_requests, 0, 1000000, "1000",
          "Requests of one edge that wait for a replica; beyond them 503."),
    LIMIT("held_bytes", BYTES, held_bytes, 0, 64 * GIB, "64MiB",
          "Memory that the bodies of waiting requests take in one edge; beyond it 503."),
    LIMIT("held_requests_per_deployment", COUNT, held_requests_per_deployment, 0, 1000000, "250",
          "The share of held_requests that one deployment's requests may take; beyond it 503."),
    LIMIT("held_bytes_per_deployment", BYTES, held_bytes_per_deployment, 0, 64 * GIB, "16MiB",
          "The share of held_bytes that one deployment's requests may take; beyond it 503."),
    GROUP("timers", OBJECT, "Timers of the client's side and of idle connections."),
    TIMER("head", head_ms, "30s", "For a request's head to arrive."),
    TIMER("body_idle", body_idle_ms, "60s", "Between two reads of a request's body."),
    TIMER("keep_alive", keep_alive_ms, "75s", "An idle client connection is closed after it."),
    TIMER("write_idle", write_idle_ms, "60s", "For a client to take bytes of its answer."),
    TIMER("drain", drain_ms, "1h", "The longest that a draining edge waits for its requests."),
    TIMER("upstream_idle", upstream_idle_ms, "55s",
          "An idle upstream connection is closed after it."),
    TIMER("hold", hold_ms, "10m", "The longest that a request waits for a replica; then 503."),
    TIMER("websocket_idle", socket_idle_ms, "1h",
          "A WebSocket without traffic is closed after it."),

    /* --- deployments */
    GROUP("planes", LIST, "Workload planes: what runs replicas of deployments, each in one place."),
    VALUE("planes[].name", TEXT, IN(config_plane_section, name), "",
          "Lower case letters, digits, dashes; unique. Required."),
    VALUE("planes[].region", PLACE, IN(config_plane_section, region), "",
          "Where it stands: a region code, or a country or zone where no more is known. Required."),
    CHOICE("planes[].type", IN(config_plane_section, type), "process", "process",
           "What runs the replicas: process means processes of this machine."),
    NUMBER("planes[].replicas_max", COUNT, IN(config_plane_section, replicas_max), 0, 100000, "0",
           "The most replicas that it runs at a time; 0: no limit."),
    NUMBER("planes[].first_port", COUNT, IN(config_plane_section, first_port), 1, 65535, "21000",
           "The first of the loopback ports on which its replicas are reached."),
    NUMBER("planes[].last_port", COUNT, IN(config_plane_section, last_port), 1, 65535, "21999",
           "The last of these ports."),
    VALUE("planes[].cgroup", TEXT, IN(config_plane_section, cgroup), "",
          "Folder of a cgroup v2 subtree that is delegated to Ambit: replicas then have the memory "
          "and processor limits of their packages."),
    VALUE("planes[].user", TEXT, IN(config_plane_section, user), "",
          "User of the machine, by name or number, that packages and their builds run as; needs "
          "Ambit to run as root. Empty: the user that Ambit runs as, so that packages can read "
          "its keys."),
    GROUP("deployments", OBJECT, "How deployments come to life."),
    NUMBER("deployments.deploy_timeout", DURATION,
           IN(config_deployments_section, deploy_timeout_ms), 1, MS_MAX, "30m",
           "How long a deployment may take until its first replica is ready."),
    NUMBER("deployments.package_bytes", BYTES, IN(config_deployments_section, package_bytes), 1024,
           64 * GIB, "1GiB", "Largest package that can be pushed."),
    NUMBER("deployments.package_retention", DURATION,
           IN(config_deployments_section, package_keep_ms), 1000, MS_MAX * 52, "24h",
           "How long after its upload a package is kept that no deployment is made from."),
    VALUE("deployments.runner", TEXT, IN(config_deployments_section, runner), "",
          "Folder of the runner that serves Truss packages; empty: the one that came with the "
          "program."),
    VALUE("deployments.external_addresses", TEXTS,
          IN(config_deployments_section, external_addresses), "",
          "Networks that external deployments may reach, and no others: 10.0.0.0/8, fd12::/16, "
          "192.0.2.7. Without it they reach everything but this machine, link-local and multicast "
          "addresses, and clouds' metadata services."),

    GROUP("quotas", OBJECT, "What one team may have, so that none takes all there is."),
    QUOTA("models", models, 1000000, "1000", "Models of a team; 0: no limit."),
    QUOTA("deployments_per_model", deployments_per_model, 1000000, "1000",
          "Deployments of a model, those that promotions make included; 0: no limit."),
    QUOTA("environments_per_model", environments_per_model, 100000, "100",
          "Environments of a model; 0: no limit."),
    QUOTA("secrets", secrets, 1000000, "1000", "Secrets of a team; 0: no limit."),
    QUOTA("environment_groups", environment_groups, 1000000, "1000",
          "Environment groups of a team; 0: no limit."),
    NUMBER("quotas.package_bytes", BYTES, IN(config_quotas, package_bytes), 0, 1024 * GIB, "64GiB",
           "Bytes of the packages of a team, and of those that belong to none; 0: no limit."),

    /* --- models */
    GROUP(
        "model_list", LIST,
        "The endpoints, in LiteLLM's form. Entries with the same model_name are one model group."),
    VALUE("model_list[].model_name", TEXT, IN(config_entry_section, model_name), "",
          "The name that clients send; `*` or a name that ends in `*` is a wildcard. Required."),
    GROUP("model_list[].litellm_params", OBJECT,
          "What the entry's requests are sent to. Required."),
    PARAM("model", TEXT, model,
          "Provider and model: openai/…, azure/…, hosted_vllm/…, or a plain name with api_base. "
          "Required."),
    PARAM("custom_llm_provider", TEXT, custom_llm_provider,
          "The provider, where model does not begin with it."),
    PARAM("api_base", TEXT, api_base,
          "http://, https:// or unix:/path/to/socket:/base. https://api.openai.com/v1 for openai "
          "models that have none."),
    PARAM("api_key", SECRET, api_key, "The credential of the upstream, best as os.environ/NAME."),
    PARAM("api_version", TEXT, api_version, "Of azure; 2024-10-21 where absent."),
    PARAM("organization", TEXT, organization, "Sent as OpenAI-Organization."),
    PARAM("region_name", PLACE, region_name,
          "Where the endpoint is: a region code, or a country or zone where no more is known."),
    VALUE("model_list[].litellm_params.deployment_type", PLACE, IN(config_params, deployment_type),
          "standard",
          "Of azure: standard, datazone, global, or the name of the SKU. Beyond standard the place "
          "is "
          "the data zone of the region, or the world."),
    PARAM("aws_region_name", PLACE, aws_region_name,
          "Of bedrock. Beside region_name it must lie within it."),
    PARAM("vertex_location", PLACE, vertex_location,
          "Of vertex_ai. Beside region_name it must lie within it."),
    UNUSED("model_list[].litellm_params.watsonx_region_name", "watsonx is not supported"),
    PARAM_COUNT("rpm", rpm, 0, U32_MAX, "0", "Requests a minute; 0 means no limit."),
    NUMBER("model_list[].litellm_params.tpm", COUNT, IN(config_params, tpm), 0, INT64_MAX, "0",
           "Tokens a minute; 0 means no limit."),
    NUMBER("model_list[].litellm_params.weight", MILLI, IN(config_params, weight_milli), 1, 1000000,
           "1", "Share of the requests among equals; decimals are fine."),
    PARAM_COUNT("order", order, 0, 1000000, "1", "Lower ones are tried first."),
    PARAM_COUNT("max_parallel_requests", max_parallel_requests, 0, 1000000, "0",
                "Concurrent requests; 0 means no limit."),
    PARAM_COUNT("max_retries", max_retries, 0, 20, NULL,
                "Attempts beyond the first for this entry's group."),
    NUMBER("model_list[].litellm_params.timeout", DURATION, IN(config_params, timeout_ms), 1,
           MS_MAX, NULL, "The whole of one attempt."),
    NUMBER("model_list[].litellm_params.stream_timeout", DURATION,
           IN(config_params, stream_timeout_ms), 1, MS_MAX, NULL,
           "The first byte of a streamed answer."),
    GROUP("model_list[].litellm_params.extra_headers", MAP, "Header fields to add to requests."),
    PARAM("ca_file", TEXT, ca_file,
          "PEM file with the authorities that verify this endpoint, instead of the system's."),
    PARAM("client_cert_file", TEXT, client_cert_file,
          "PEM file with a client certificate for this endpoint."),
    PARAM("client_key_file", TEXT, client_key_file, "PEM file with its key."),
    UNUSED("model_list[].litellm_params.tags", "region rules decide, not tags that clients send"),
    UNUSED("model_list[].litellm_params.tag_regex", "region rules decide, not tags"),
    UNUSED("model_list[].litellm_params.configurable_clientside_auth_params",
           "clients never choose an endpoint's address or credential"),
    UNUSED("model_list[].litellm_params.mock_response", "ambit-sim simulates model servers"),
    UNUSED("model_list[].litellm_params.drop_params", "request bodies pass as they are"),
    UNUSED("model_list[].litellm_params.input_cost_per_token", "costs are not reckoned"),
    UNUSED("model_list[].litellm_params.output_cost_per_token", "costs are not reckoned"),
    GROUP("model_list[].model_info", OBJECT, "About the entry."),
    VALUE("model_list[].model_info.id", TEXT, IN(config_entry_section, id), "",
          "The endpoint's id in headers and traces; a digest of what it is where absent."),
    UNUSED("model_list[].model_info.mode", "the request's path says what it is"),
    UNUSED("model_list[].model_info.base_model", "costs are not reckoned"),
    UNUSED("model_list[].model_info.access_groups", "use keys with region rules"),
    UNUSED("model_list[].model_info.allow_fail_open", "nothing here fails open"),
    UNUSED("model_list[].model_info.enable_tag_filtering", "region rules decide, not tags"),
    UNUSED("model_list[].model_info.max_input_tokens", "the upstream enforces its own limits"),
    UNUSED("model_list[].model_info.max_tokens", "the upstream enforces its own limits"),
    GROUP("model_group_settings", MAP, "Timers of model groups, by the group's name."),
    NUMBER("model_group_settings{}.connect_timeout", DURATION, IN(config_group_section, connect_ms),
           1, MS_MAX, NULL, "To connect, TLS included. Default 5s."),
    NUMBER("model_group_settings{}.first_byte_timeout", DURATION,
           IN(config_group_section, first_byte_ms), 1, MS_MAX, NULL,
           "From a sent request to the answer's first byte. Default 10m, or the longest timeout of "
           "the group's entries."),
    NUMBER("model_group_settings{}.idle_timeout", DURATION, IN(config_group_section, idle_ms), 1,
           MS_MAX, NULL, "Between two bytes of an answer. Default 5m."),
    NUMBER("model_group_settings{}.total_timeout", DURATION, IN(config_group_section, total_ms), 1,
           MS_MAX, NULL, "The whole request, all attempts. Default 1h, or the longest timeout."),
    NUMBER("model_group_settings{}.max_retries", COUNT, IN(config_group_section, max_retries), 0,
           20, NULL, "Attempts beyond the first."),

    /* --- LiteLLM's other sections */
    GROUP("router_settings", OBJECT, "LiteLLM's settings of its router."),
    NUMBER("router_settings.num_retries", COUNT, IN(config_router_section, num_retries), 0, 20,
           NULL, "Attempts beyond the first. Default 2."),
    NUMBER("router_settings.timeout", DURATION, IN(config_router_section, timeout_ms), 1, MS_MAX,
           NULL, "The whole of one attempt, for entries that have no timeout."),
    NUMBER("router_settings.stream_timeout", DURATION, IN(config_router_section, stream_timeout_ms),
           1, MS_MAX, NULL, "The first byte of a streamed answer, for entries that have none."),
    NUMBER("router_settings.allowed_fails", COUNT, IN(config_router_section, allowed_fails), 1,
           10000, "3", "Consecutive failures after which an endpoint is passed over."),
    NUMBER("router_settings.cooldown_time", DURATION, IN(config_router_section, cooldown_ms), 1,
           86400000, "5s", "How long it is passed over."),
    GROUP("router_settings.fallbacks", LIST,
          "Groups to try when one has nothing left: [{group: [other, …]}]. Always inside the "
          "request's permit."),
    GROUP("router_settings.default_fallbacks", LIST, "The same for groups that have none."),
    NUMBER("router_settings.max_fallbacks", COUNT, IN(config_router_section, max_fallbacks), 0, 100,
           "5", "Most fallbacks of one group."),
    GROUP("router_settings.model_group_alias", MAP,
          "Further names of groups: {name: group} or {name: {model: group, hidden: true}}."),
    VALUE("router_settings.enable_pre_call_checks", FLAG,
          IN(config_router_section, enable_pre_call_checks), "true",
          "Accepted, and without effect: the region filter cannot be switched off."),
    UNUSED("router_settings.routing_strategy", "Ambit takes the less loaded of two, by weight"),
    UNUSED("router_settings.routing_strategy_args",
           "Ambit takes the less loaded of two, by weight"),
    UNUSED("router_settings.context_window_fallbacks", "an upstream's 400 goes to the client"),
    UNUSED("router_settings.content_policy_fallbacks", "an upstream's 400 goes to the client"),
    UNUSED("router_settings.retry_policy", "what is retried is fixed; see num_retries"),
    UNUSED("router_settings.model_group_retry_policy", "see model_group_settings"),
    UNUSED("router_settings.allowed_fails_policy", "see allowed_fails"),
    UNUSED("router_settings.retry_after", "an upstream's Retry-After is honoured"),
    UNUSED("router_settings.enable_tag_filtering", "region rules decide, not tags"),
    UNUSED("router_settings.tag_filtering_match_any", "region rules decide, not tags"),
    UNUSED("router_settings.optional_pre_call_checks", "rpm and tpm are always enforced"),
    UNUSED("router_settings.redis_host", "no Redis is needed"),
    UNUSED("router_settings.redis_port", "no Redis is needed"),
    UNUSED("router_settings.redis_password", "no Redis is needed"),
    UNUSED("router_settings.redis_url", "no Redis is needed"),
    UNUSED("router_settings.cache_responses", "answers are not cached"),
    UNUSED("router_settings.set_verbose", "every request is logged in one line"),
    UNUSED("router_settings.debug_level", "every request is logged in one line"),
    GROUP("litellm_settings", OBJECT, "LiteLLM's settings of its library."),
    NUMBER("litellm_settings.num_retries", COUNT, IN(config_litellm_section, num_retries), 0, 20,
           NULL, "As router_settings.num_retries, which wins."),
    NUMBER("litellm_settings.request_timeout", DURATION,
           IN(config_litellm_section, request_timeout_ms), 1, MS_MAX, NULL,
           "As router_settings.timeout, which wins."),
    GROUP("litellm_settings.fallbacks", LIST, "As router_settings.fallbacks, which wins."),
    GROUP("litellm_settings.default_fallbacks", LIST,
          "As router_settings.default_fallbacks, which wins."),
    UNUSED("litellm_settings.context_window_fallbacks", "an upstream's 400 goes to the client"),
    UNUSED("litellm_settings.content_policy_fallbacks", "an upstream's 400 goes to the client"),
    UNUSED("litellm_settings.drop_params", "request bodies pass as they are"),
    UNUSED("litellm_settings.modify_params", "request bodies pass as they are"),
    UNUSED("litellm_settings.callbacks", "metrics and logs are built in"),
    UNUSED("litellm_settings.success_callback", "metrics and logs are built in"),
    UNUSED("litellm_settings.failure_callback", "metrics and logs are built in"),
    UNUSED("litellm_settings.cache", "answers are not cached"),
    UNUSED("litellm_settings.cache_params", "answers are not cached"),
    UNUSED("litellm_settings.set_verbose", "every request is logged in one line"),
    UNUSED("litellm_settings.json_logs", "logs are always JSON"),
    UNUSED("litellm_settings.telemetry", "nothing is reported to anyone"),
    UNUSED("litellm_settings.sse_keepalive_ping_interval_seconds",
           "streams pass byte for byte, nothing is put between"),
    GROUP("general_settings", OBJECT, "LiteLLM's settings of its proxy."),
    VALUE(
        "general_settings.master_key", SECRET, IN(config_general_section, master_key), "",
        "The key with every scope. Else AMBIT_MASTER_KEY or LITELLM_MASTER_KEY; else one is made, "
        "kept in the data directory, and printed once."),
    UNUSED("general_settings.database_url", "the data directory holds the store"),
    UNUSED("general_settings.database_connection_pool_limit", "the data directory holds the store"),
    UNUSED("general_settings.store_model_in_db", "models come from this file"),
    UNUSED("general_settings.alerting", "alarms are metrics and log lines"),
    UNUSED("general_settings.alerting_threshold", "alarms are metrics and log lines"),
    UNUSED("general_settings.max_request_size_mb", "see limits.body_bytes"),
    UNUSED("general_settings.max_response_size_mb", "answers are streamed, whatever their size"),
    UNUSED("general_settings.enforce_user_param",
           "as soon as any customer has a rule, requests without a known customer are refused"),
    UNUSED("general_settings.reject_clientside_metadata_tags", "tags have no effect"),
    UNUSED("general_settings.user_header_mappings",
           "customer ids are read from user, metadata.user_id, x-litellm-customer-id and "
           "x-litellm-end-user-id"),
    UNUSED("general_settings.user_header_name",
           "customer ids are read from user, metadata.user_id, x-litellm-customer-id and "
           "x-litellm-end-user-id"),
    UNUSED("general_settings.allow_requests_on_db_unavailable", "nothing here fails open"),
    UNUSED("general_settings.allow_client_side_credentials",
           "clients never choose an endpoint's address or credential"),
    UNUSED("general_settings.pass_through_endpoints", "there is no way round the permit"),
    UNUSED("general_settings.forward_client_headers_to_llm_api",
           "the client's credentials are never forwarded"),
    UNUSED("general_settings.background_health_checks", "see routing.health_check"),
    UNUSED("general_settings.health_check_interval", "see routing.health_check"),
    UNUSED("general_settings.proxy_batch_write_at", "costs are not reckoned"),
    UNUSED("general_settings.disable_spend_logs", "costs are not reckoned"),
    GROUP("environment_variables", MAP,
          "Variables for os.environ/NAME; they win over those of the process."),
    UNUSED("carbon", "this version has no grid signals"),
    UNUSED("receipts", "this version keeps no receipt log"),
};

const size_t settings_count = COUNT_OF(settings_table);

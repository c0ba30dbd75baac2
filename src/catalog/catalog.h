#pragma once

/*
 * The catalog: one revision of everything small that a decision needs (regions, rules, endpoints,
 * groups, keys, settings), immutable once built. Control builds it from configuration and store and
 * encodes it; every edge decodes the same bytes. Customers are many and live beside it
 * (customers.h).
 *
 * Everything is allocated in the catalog's arena and addressed by index within one revision, except
 * rules: a rule's index is given out once by control and never reused, because customers' records
 * hold it across revisions.
 */

#include "base/arena.h"
#include "base/map.h"
#include "base/siphash.h"
#include "base/wire.h"
#include "region/permit.h"

enum { CATALOG_NONE = 0xffffffff, CATALOG_KEY_HASH_BYTES = 32 };

/* A rule as compiled for this revision. text.p == NULL: this index is not in use. */
struct catalog_rule {
    str text; /* region_rule_canonical */
    struct region_rule_compiled compiled;
};

/* How requests and answers of an endpoint look. */
enum catalog_provider {
    PROVIDER_OPENAI,     /* api.openai.com */
    PROVIDER_COMPATIBLE, /* any OpenAI-compatible server: {api_base}/chat/completions, hosted_vllm/
                            too */
    PROVIDER_AZURE,   /* {api_base}/openai/deployments/{model}/chat/completions?api-version=, header
                         api-key */
    PROVIDER_REPLICA, /* serves a deployment: paths are the deployment's, nothing is rewritten */
};

enum catalog_endpoint_state {
    ENDPOINT_IN_SERVICE,
    ENDPOINT_REGION_PENDING, /* azure without a region, not learnt yet: serves unrestricted requests
                                only */
    ENDPOINT_OUT_OF_SERVICE, /* `state_reason` says why: unsupported provider, contradicted region,
                                operator */
};

/* What an endpoint's region is known from. */
enum catalog_evidence {
    EVIDENCE_NONE,
    EVIDENCE_DECLARED, /* by the operator, region_name */
    EVIDENCE_OBSERVED, /* x-ms-region over verified TLS or loopback */
    EVIDENCE_PROVIDER, /* what the provider documents for that name (deployment_type, inference
                          profile) */
};

struct catalog_timers {
    int64_t connect_ms;    /* 5,000 */
    int64_t first_byte_ms; /* 600,000 */
    int64_t idle_ms;       /* 300,000: between bytes of an answer */
    int64_t total_ms;      /* 3,600,000: whole request, all attempts */
};

struct catalog_endpoint {
    str id; /* model_info.id, else a stable digest: "x-litellm-model-id" */
    uint32_t group;
    enum catalog_provider provider;
    enum catalog_endpoint_state state;
    str state_reason;

    /* origin: what a connection is made to */
    uint64_t origin_revision; /* digest over address, TLS identity and region: a new one means new
                                 pools */
    bool tls;
    str host;
    uint16_t port;
    str unix_path; /* instead of host and port */
    str ca_pem;    /* own trust anchors, "" for the system's */
    str client_cert_pem, client_key_pem;

    /* request */
    str api_base;       /* as configured, without its query: "x-litellm-api-base" */
    str base_path;      /* "/v1", no trailing slash */
    str upstream_model; /* "" for a wildcard endpoint whose model is what `*` matched */
    bool wildcard;
    str api_version;
    str credential; /* secret, "" if none: sent as "Authorization: Bearer" or "api-key" */
    str identity; /* secret, "" if none: what a replica proves on each new connection, before it is
                     sent anything else (http/identity.h) */
    str networks; /* that its address has to lie in (net/networks.h); "" : any, it is the
                     operator's own */
    const struct catalog_header *extra_headers;
    size_t n_extra_headers;

    /* place */
    str region_name;         /* as declared or learnt: region code, zone or country; "" unknown */
    struct region_set place; /* never empty: the unknown bit where nothing is known */
    uint16_t region; /* region index where the place is exactly one region, else REGION_NONE */
    enum catalog_evidence evidence;

    /* choice and limits; 0 means none */
    uint32_t weight; /* default 1 */
    uint32_t order;  /* lower first; default 1 */
    uint32_t rpm;
    uint64_t tpm;
    uint32_t max_parallel;     /* concurrent requests: capacity for balancing and saturation */
    int64_t timeout_ms;        /* litellm_params.timeout: total for one attempt; 0 = the group's */
    int64_t stream_timeout_ms; /* litellm_params.stream_timeout: first byte of a streamed answer; 0
                                  = the group's */
};

struct catalog_header {
    str name, value;
};

struct catalog_group {
    str name; /* the public model name; for a wildcard the pattern, "*" or "azure/..*" */
    const uint32_t *endpoints; /* indexes into catalog.endpoints */
    size_t n_endpoints;
    const uint32_t *fallbacks; /* groups to try afterwards, inside the same permit */
    size_t n_fallbacks;
    struct catalog_timers timers;
    uint32_t max_retries; /* attempts beyond the first */
    bool wildcard;
    bool deployment;   /* the endpoints of a deployment: no model name leads here, hosts do */
    int64_t created_s; /* for /v1/models */
};

/* --- what is behind model and chain hosts */

enum catalog_deployment_state {
    DEPLOYMENT_SERVING, /* its group's endpoints take requests */
    DEPLOYMENT_ASLEEP,  /* scaled to zero, or not ready yet: a request is held, and wakes it */
    DEPLOYMENT_INACTIVE /* deactivated or failed: 404 */
};

struct catalog_deployment {
    str id;
    uint32_t model; /* index into catalog.models */
    uint32_t group; /* index into catalog.groups: its replicas */
    enum catalog_deployment_state state;
    uint32_t environment; /* index into catalog.environments, whose rule binds it; CATALOG_NONE */
    str predict_path;     /* what predict and run_remote are called at a replica:
                             "/v1/models/model:predict" */
    str websocket_path;   /* "/v1/websocket" */
};

struct catalog_environment {
    str name;
    uint32_t model;        /* index into catalog.models */
    uint32_t deployment;   /* index into catalog.deployments; CATALOG_NONE: nothing is there yet */
    uint32_t rule;         /* of its environment group; CATALOG_NONE: none, so no regional host */
    bool standard_refused; /* its group says standard_endpoint: refuse */
};

enum catalog_model_kind { MODEL_KIND_MODEL, MODEL_KIND_CHAIN };

struct catalog_model {
    enum catalog_model_kind kind;
    str id; /* of the host name: lower case letters and digits */
    str name;
    str team;             /* id */
    uint32_t development; /* index into catalog.deployments; CATALOG_NONE: there is none */
};

enum catalog_scope {
    SCOPE_INFERENCE = 1 << 0,
    SCOPE_CUSTOMERS = 1 << 1, /* /customer, /end_user */
    SCOPE_KEYS = 1 << 2,
    SCOPE_POLICY_READ = 1 << 3, /* explain, regions, reports, audit */
    SCOPE_POLICY_WRITE = 1 << 4,
    SCOPE_POLICY_WIDEN = 1 << 5,
    SCOPE_METRICS = 1 << 6,
    SCOPE_OPERATE = 1 << 7, /* reload, endpoint in and out of service, upgrade */
    SCOPE_DEPLOY = 1 << 8,  /* models, environments, deployments, secrets */
    SCOPE_ALL = (1 << 9) - 1,
};

struct catalog_key {
    uint8_t hash[CATALOG_KEY_HASH_BYTES]; /* SHA-256 of the key's text: keys are random, so no salt
                                             and no stretching */
    str id;                               /* "key_…", for logs and audit */
    str name;
    uint32_t scopes;
    uint32_t rule; /* CATALOG_NONE: none */
    bool bound;    /* to one customer */
    str customer_id;
    struct digest128 customer;
    int64_t expires_wall_ns; /* 0: never */

    /* What it may call, where it is limited: a key with models or environments calls nothing but
     * model hosts. */
    str team;          /* id; "" : every team's models */
    const str *models; /* ids; none: every model */
    size_t n_models;
    const str *environments; /* names; none: every environment, and deployments by their id */
    size_t n_environments;
};

static inline bool catalog_key_has_expired(const struct catalog_key *key, int64_t wall_ns)
{
    return key->expires_wall_ns && key->expires_wall_ns <= wall_ns;
}

/* A certificate that the gateway presents; which names it is for is read from the certificate. */
struct catalog_certificate {
    str chain_pem;
    str key_pem; /* secret */
};

/* What applies to the whole installation. Names as in configuration. */
struct catalog_settings {
    /* limits */
    uint64_t body_bytes;     /* limits.body_bytes, 64 MiB */
    uint64_t buffered_bytes; /* limits.buffered_bytes, per edge, 512 MiB */
    uint32_t head_bytes;     /* limits.head_bytes, 32 KiB */
    uint32_t headers;        /* limits.headers, 128 */
    uint32_t json_members;   /* limits.json_members, top-level members of a request body, 1024 */
    uint32_t json_depth;     /* limits.json_depth, 128 */
    uint32_t splice_bytes;   /* limits.splice_bytes, 256 KiB: answers held whole for splicing */
    uint32_t trace_header_bytes; /* limits.trace_header_bytes, 2 KiB */
    uint32_t connections;        /* limits.connections, client connections per worker */
    uint32_t customer_id_bytes;  /* limits.customer_id_bytes, 256 */
    uint32_t idle_upstreams;     /* limits.idle_upstreams, per endpoint and worker, 64 */

    /* limits of model hosts */
    uint64_t predict_bytes; /* limits.predict_bytes, 100 MiB: bodies that pass unread */
    uint64_t replay_bytes;  /* limits.replay_bytes, 256 KiB: of such a body, kept for a second
                               attempt */
    uint64_t message_bytes; /* limits.websocket_message_bytes, 100 MiB */
    uint64_t held_bytes;    /* limits.held_bytes, 64 MiB: of all held requests of an edge */
    uint32_t held_requests; /* limits.held_requests, 1,000 per edge: they wait for a replica */
    /* Of these, what one deployment's requests may take: limits.held_…_per_deployment */
    uint32_t held_requests_per_deployment; /* 250 */
    uint64_t held_bytes_per_deployment;    /* 16 MiB */

    /* client side timers */
    int64_t head_ms;          /* timers.head, 30 s */
    int64_t body_idle_ms;     /* timers.body_idle, 60 s */
    int64_t keep_alive_ms;    /* timers.keep_alive, 75 s */
    int64_t write_idle_ms;    /* timers.write_idle, 60 s */
    int64_t drain_ms;         /* timers.drain, 1 h: the longest a draining edge waits */
    int64_t upstream_idle_ms; /* timers.upstream_idle, 55 s */
    int64_t hold_ms;          /* timers.hold, 10 min: how long a request waits for a replica */
    int64_t socket_idle_ms; /* timers.websocket_idle, 1 h: a silent WebSocket is closed after it */

    /* routing */
    uint32_t
        allowed_fails; /* router_settings.allowed_fails: consecutive failures before ejection, 3 */
    int64_t cooldown_ms;        /* router_settings.cooldown_time, 5 s */
    int64_t health_interval_ms; /* routing.health_check.interval, 0: no active checks */
    int64_t health_timeout_ms;
    str health_path;           /* routing.health_check.path, "/health" */
    const uint16_t *preferred; /* routing.preferred: region indexes in order */
    size_t n_preferred;
    const uint16_t
        *named; /* regions with role gateway that the operator's order or endpoints name */
    size_t n_named;
    bool default_carbon_aware; /* routing.mode: carbon_aware instead of preferred */
    int64_t latency_window_ms; /* routing.latency_window, 5 min */

    /* policy */
    int64_t policy_lease_ms; /* policy.lease, 1 h */
};

struct catalog {
    uint64_t revision;
    int64_t issued_wall_ns;
    str installation; /* id of the control store: revisions of another one never compare */
    str config_hash;  /* hex SHA-256 over the encoded content */
    struct siphash_key customer_key;
    struct region_catalogue *regions;

    struct catalog_rule *rules; /* by index; gaps have text.p == NULL */
    size_t n_rules;
    uint32_t organization_rule; /* CATALOG_NONE: none */
    uint32_t default_customer_rule;

    uint16_t gateway_region; /* region index, REGION_NONE where not configured */
    str domain;              /* gateway.domain: model hosts lie below it; "" : there are none */

    struct catalog_endpoint *endpoints;
    size_t n_endpoints;
    struct catalog_group *groups;
    size_t n_groups;
    struct catalog_model *models;
    size_t n_models;
    struct catalog_environment *environments;
    size_t n_environments;
    struct catalog_deployment *deployments;
    size_t n_deployments;
    struct catalog_key *keys;
    size_t n_keys;
    struct catalog_settings settings;

    const struct catalog_certificate
        *certificates; /* none: the gateway port speaks plaintext; the first is the default */
    size_t n_certificates;
    str client_ca_pem; /* "" : client certificates are not asked for */

    struct arena arena;
    struct map group_by_name; /* names and aliases → struct catalog_group */
    struct map key_by_hash;
    struct map model_by_host;       /* "model-abc123" → struct catalog_model */
    struct map environment_by_name; /* "model-abc123/production" → struct catalog_environment */
    struct map deployment_by_id;    /* → struct catalog_deployment */
    const uint32_t *wildcards;      /* group indexes, longest pattern first */
    size_t n_wildcards;
    const struct catalog_alias *aliases;
    size_t n_aliases;

    void *attachment; /* of whoever publishes it; not encoded */
};

struct catalog_alias {
    str name;
    uint32_t group;
};

/* An empty catalog with default settings, a revision of 0 and no regions yet. Fill it (allocating
 * in its arena), then catalog_index. */
struct catalog *catalog_new(void);
void catalog_free(struct catalog *c);

/* Builds the look-up tables; called once after filling or decoding. */
void catalog_index(struct catalog *c);

void catalog_settings_defaults(struct catalog_settings *settings);
void catalog_timers_defaults(struct catalog_timers *timers);

/* Wire form. Decoding checks every index, count and enum against its bound, compiles the rules anew
 * against the decoded regions, and returns NULL on anything malformed. Strings are copied into the
 * new catalog's arena. */
void catalog_encode(const struct catalog *c, struct buf *to);
struct catalog *catalog_decode(str bytes);

/* The group that a model name asks for: exact name, alias, then the longest wildcard. *ret_matched
 * is the part that `*` stood for (the whole name for a group that is no wildcard). NULL: none. */
const struct catalog_group *catalog_find_group(const struct catalog *c, str model,
                                               str *ret_matched);

/* The key whose SHA-256 is `hash` (compared in constant time), whether or not it has expired; NULL:
 * none. */
const struct catalog_key *catalog_find_key(const struct catalog *c,
                                           const uint8_t hash[CATALOG_KEY_HASH_BYTES]);

/* The model or chain that a host's first label starts with ("model-abc123"); NULL: none. Its
 * environment of that name; its deployment of that id. */
const struct catalog_model *catalog_find_model(const struct catalog *c,
                                               enum catalog_model_kind kind, str id);
const struct catalog_environment *
catalog_find_environment(const struct catalog *c, const struct catalog_model *model, str name);
const struct catalog_deployment *catalog_find_deployment(const struct catalog *c,
                                                         const struct catalog_model *model, str id);

/* "inference" → SCOPE_INFERENCE and so on; 0 for unknown names. catalog_scope_name is its inverse
 * for one bit. */
uint32_t catalog_scope(str name);
str catalog_scope_name(uint32_t scope);

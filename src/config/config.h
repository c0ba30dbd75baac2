#pragma once

/*
 * Configuration: one YAML file (Ambit's own sections, or a LiteLLM config.yaml as it is) read into
 * a checked model, and a catalog built from it. Nothing is half accepted: config_load either
 * returns a model that a catalog can be built from, or NULL and the errors.
 *
 * The model also lists the objects that the file owns (customers, keys, environment groups), so
 * that control can hold one owner for each object, and config_widening says what a reload would
 * take away from the rules in force. Region rules travel as canonical text (region/rule.h); their
 * indexes come from control's table.
 */

#include "base/arena.h"
#include "catalog/catalog.h"
#include "config/diagnostics.h"

#include <sys/types.h>

enum {
    CONFIG_MAX_BYTES = 64 << 20, /* of the file */
    CONFIG_NAME_MAX = 1024,      /* bytes of a name, id or URL */
    CONFIG_PEM_MAX = 1 << 20,    /* bytes of a certificate or key file */
    CONFIG_KEY_NAME_MAX = 64,    /* characters of an API key's name */
};

/* --- what the file owns */

struct config_customer {
    str id;
    str alias; /* STR_NULL: none */
    bool blocked;
    str allowed_model_region; /* JSON as written: "\"eu\"" or "[\"eu\",\"gb\"]", STR_NULL: none */
    str primary, secondary;   /* STR_NULL: none */
    str metadata;             /* JSON object, STR_NULL: none */
    str rule;                 /* canonical text, STR_NULL: known and unrestricted */
    unsigned line;
};

struct config_key {
    uint8_t hash[CATALOG_KEY_HASH_BYTES];
    str id; /* "key_file_" and the name: stable while the key's text is rotated */
    str name;
    uint32_t scopes;
    str rule;                /* canonical text, STR_NULL: none */
    str customer;            /* STR_NULL: not bound */
    int64_t expires_wall_ns; /* 0: never */
    unsigned line;
};

enum config_standard_endpoint { STANDARD_ENDPOINT_SERVE, STANDARD_ENDPOINT_REFUSE };

struct config_environment_group {
    str name;
    str rule; /* canonical text, STR_NULL: none */
    enum config_standard_endpoint standard_endpoint;
    unsigned line;
};

/* A workload plane: where replicas of deployments run. */
struct config_plane {
    str name;
    str region; /* code, zone or country, as written */
    struct region_set place;
    uint32_t replicas_max;          /* 0: no limit */
    uint16_t first_port, last_port; /* of its replicas */
    str cgroup;                     /* folder of a delegated cgroup v2 subtree, "" : none */
    str user;                       /* that packages run as, "" : the one that Ambit runs as */
    uid_t uid;                      /* of the user, with its primary group */
    gid_t gid;
    unsigned line;
};

/* quotas: what one team may have; 0: no limit */
struct config_quotas {
    uint32_t models, deployments_per_model, environments_per_model, secrets, environment_groups;
    uint64_t package_bytes;
};

struct config_listen {
    str host; /* literal address, without brackets */
    uint16_t port;
};

struct config_endpoint; /* model.h */

/* How clients reach the gateway; the first two in the order of the setting's words. */
enum config_scheme { CONFIG_SCHEME_HTTP, CONFIG_SCHEME_HTTPS, CONFIG_SCHEME_OF_LISTENER };

struct config {
    struct arena arena; /* of everything below */
    str file;
    char file_hash[65]; /* hex SHA-256 of the file's bytes: whether it changed at all */
    struct region_catalogue *regions;

    str organization_rule;     /* canonical text, STR_NULL: none */
    str default_customer_rule; /* canonical text, STR_NULL: none */
    const struct config_customer *customers;
    size_t n_customers;
    const struct config_key *keys;
    size_t n_keys;
    const struct config_environment_group *environment_groups;
    size_t n_environment_groups;

    str master_key;        /* secret; "" if neither the file nor the environment names one */
    str master_key_source; /* "general_settings.master_key", "AMBIT_MASTER_KEY", … */

    /* gateway */
    uint16_t gateway_region; /* index in `regions`, REGION_NONE */
    str domain;              /* below which model hosts are named */
    uint32_t public_scheme;  /* enum config_scheme */
    uint16_t public_port;    /* 0: that of the scheme, or of the listener */
    const struct config_listen *listen;
    size_t n_listen;
    struct config_listen control_listen;
    bool metrics_without_key; /* from the loopback interface */
    uint32_t workers;         /* 0: as many as there are processors */
    const struct catalog_certificate *certificates;
    size_t n_certificates;
    str client_ca_pem; /* "" */

    const struct config_plane *planes;
    size_t n_planes;
    int64_t deploy_timeout_ms; /* deployments.deploy_timeout */
    uint64_t package_bytes;    /* deployments.package_bytes */
    int64_t package_keep_ms;   /* deployments.package_retention */
    str runner;                /* deployments.runner, "" : beside the program */
    str external_networks;     /* deployments.external_addresses, as net/networks.h has them */
    struct config_quotas quotas;

    struct catalog_settings settings;
    const struct config_endpoint *endpoints;
    size_t n_endpoints;
    const struct catalog_group *groups;
    size_t n_groups;
    const struct catalog_alias *aliases;
    size_t n_aliases;
};

/* What an API key may be called: letters, digits, . - _ */
bool config_is_key_name(str name);

/* --- reading */

typedef const char *(*config_env_fn)(void *ctx, const char *name);

struct config_source {
    const char *file;  /* relative file names in it count from its folder */
    str text;          /* read instead of the file where text.p is set */
    config_env_fn env; /* NULL: the process's environment */
    void *env_ctx;
};

/* The model, or NULL if `diagnostics` got an error. Warnings and notes come with either. */
struct config *config_load(const struct config_source *source, struct diagnostics *diagnostics);
void config_free(struct config *c);

/* --- building */

/* Where rules get their indexes: given out once and never reused, so it is control's store that
 * keeps them. */
struct rule_table {
    uint32_t (*intern)(void *ctx, str canonical); /* CATALOG_NONE: it failed */
    void *ctx;
};

/* A rule of an object that the file does not own (a customer or key of the API). */
struct config_rule_in_use {
    uint32_t index;
    str canonical;
    str used_by; /* for messages: "customer acme" */
};

/* What an upstream said about its region, for the revision of the origin that it was asked at. */
struct config_observed {
    str endpoint;
    uint64_t origin_revision;
    str region; /* region code, country or zone */
};

/* An endpoint that stays out of service until an operator returns it. */
struct config_withdrawn {
    str endpoint;
    str reason;
};

/* What the registry of deployments adds to a catalog that is being put together: models, their
 * environments and deployments, and the groups and endpoints of these behind the file's own. All it
 * allocates comes from the catalog's arena. `rule` gives the index of a canonical rule. */
struct config_hosts {
    void (*add)(void *ctx, struct catalog *c, uint32_t (*rule)(void *rules, str canonical),
                void *rules);
    void *ctx;
};

struct config_build {
    uint64_t revision;
    int64_t issued_wall_ns;
    str installation;
    struct siphash_key customer_key;
    struct rule_table rules;
    const struct config_rule_in_use *rules_in_use;
    size_t n_rules_in_use;
    str organization_rule;          /* canonical, of the API, where the file has none; STR_NULL */
    str master_key;                 /* text of the key with every scope; "": none */
    const struct catalog_key *keys; /* of the API; their `customer` digest is filled in here */
    size_t n_keys;
    const struct config_observed *observed;
    size_t n_observed;
    const struct config_withdrawn *withdrawn;
    size_t n_withdrawn;
    struct config_hosts hosts; /* add == NULL: there are none */
};

/* An indexed catalog that owns copies of all it needs, with its config_hash (which does not depend
 * on revision and time). NULL, with errors in `diagnostics`, where a rule in use does not compile
 * against this file's regions, or the table cannot intern. */
struct catalog *config_build_catalog(const struct config *c, const struct config_build *with,
                                     struct diagnostics *diagnostics);

/* --- reloading */

enum config_subject {
    CONFIG_ORGANIZATION,
    CONFIG_DEFAULT_CUSTOMER_RULE,
    CONFIG_ENVIRONMENT_GROUP,
    CONFIG_CUSTOMER,
    CONFIG_KEY,
};

/* One rule that a reload would remove or widen. */
struct config_widened {
    enum config_subject subject;
    str name;   /* of the customer, key or group; "" for the first two */
    str before; /* canonical rules; "" none */
    str after;  /* "" : gone */
};

/* A rule in force that the file does not own; it widens where the file's regions or zones do. */
struct config_foreign_rule {
    enum config_subject subject;
    str name;
    str canonical;
};

/* What going from `before` to `after` would remove or widen: *ret_items in `arena` (their strings
 * are borrowed from both models). `ruled_customers` is the number of customers with a rule now in
 * force, whoever owns them: with any, a new default_customer_rule lets in who was refused. */
void config_widening(const struct config *before, const struct config *after,
                     const struct config_foreign_rule *foreign, size_t n_foreign,
                     size_t ruled_customers, struct arena *arena,
                     const struct config_widened **ret_items, size_t *ret_n);

/* "customer acme: allow=eu would become allow=eu,us". */
void config_widened_print(const struct config_widened *item, struct buf *to);

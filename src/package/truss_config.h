#pragma once

/*
 * A Truss package's config.yaml: checked, and what serving needs of it in typed form.
 *
 * Checked are Truss's own schema (truss-config-schema.json, a part of the binary), the rules beyond
 * it that Truss states in words, and whether Ambit can serve the package at all. What Truss mends
 * before it looks (a number among environment_variables) is mended here too. What the schema
 * accepts but has no effect here is a warning that says so, from one table; so is a member that
 * nobody knows. Everything found is reported, each with its line. Values in `secrets` and
 * `environment_variables` never go into a message.
 */

#include "base/arena.h"
#include "config/diagnostics.h"

#include <jansson.h>

enum {
    TRUSS_CONFIG_MAX_BYTES = 1 << 20, /* of config.yaml */
    TRUSS_RESERVED_PORT = 8080,       /* of the server in front of a docker_server's own */
    TRUSS_NAME_MAX = 253,             /* bytes of a model's, secret's or variable's name */
    TRUSS_ENDPOINT_MAX = 1024,        /* bytes of an endpoint's path */
    TRUSS_THRESHOLD_MIN_S = 10,       /* of health checks */
    TRUSS_THRESHOLD_MAX_S = 3000,
    TRUSS_THRESHOLD_DEFAULT_S = 1800,
};

enum truss_transport { TRUSS_TRANSPORT_HTTP, TRUSS_TRANSPORT_WEBSOCKET, TRUSS_TRANSPORT_GRPC };

/* Who serves: a model class that Truss's server loads, or a server of the package's own. */
enum truss_kind { TRUSS_KIND_MODEL, TRUSS_KIND_DOCKER_SERVER };

/* How paths reach a docker_server. */
enum truss_paths {
    TRUSS_PATHS_MAPPED, /* Truss's paths become the endpoints below */
    TRUSS_PATHS_AS_IS   /* docker_server.no_build: nothing is mapped */
};

struct truss_docker_server {
    str start_command;
    uint16_t server_port;
    str predict_endpoint, readiness_endpoint, liveness_endpoint; /* "/…" */
    enum truss_paths paths;
};

struct truss_health_checks {
    uint32_t startup_threshold_s, stop_traffic_threshold_s, restart_threshold_s;
};

struct truss_variable {
    str name, value;
};

/* Texts lie in the arena; "" where nothing is said and there is no default. */
struct truss_config {
    struct arena arena;
    json_t *document; /* the whole file with what was mended */

    enum truss_kind kind;
    struct truss_docker_server docker_server; /* of that kind */
    str model_name;
    str python_version; /* "py313" */
    str model_module_dir, model_class_filename, model_class_name;
    str data_dir, bundled_packages_dir;
    const str *requirements;
    size_t n_requirements;
    str requirements_file;
    const struct truss_variable *environment_variables;
    size_t n_environment_variables;
    const str *secrets; /* names */
    size_t n_secrets;

    uint32_t predict_concurrency;
    uint32_t streaming_read_timeout_s;
    enum truss_transport transport;
    struct truss_health_checks health_checks;
    uint32_t cpu_milli;
    uint64_t memory_bytes;
    str instance_type; /* wins over the two above */
};

enum truss_entry { TRUSS_FILE, TRUSS_FOLDER };

struct truss_source {
    str file; /* for diagnostics: "config.yaml" */
    str text;
    /* Whether the package has that. NULL: what needs something to be there is not checked. */
    bool (*has)(void *ctx, const char *path, enum truss_entry what);
    void *ctx;
};

/* NULL if an error was added to `diagnostics`. Warnings come with either. */
struct truss_config *truss_config_check(const struct truss_source *source,
                                        struct diagnostics *diagnostics);

/* The same for a package's folder: its config.yaml, and the files that it needs. */
struct truss_config *truss_config_load(const char *folder, struct diagnostics *diagnostics);

void truss_config_free(struct truss_config *config);

/* "http", "websocket", "grpc". */
str truss_transport_name(enum truss_transport transport);

/* Truss's schema, as a part of the binary. */
str truss_config_schema(void);

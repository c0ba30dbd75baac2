#include "package/truss_internal.h"

#include "package/truss_quantity.h"

/* There are no errors in the document any more, so values have their types and limits. */

static str keep(const struct truss_reader *r, const char *path, str otherwise)
{
    return arena_copy(&r->config->arena, truss_text(r, path, otherwise));
}

static uint32_t keep_number(const struct truss_reader *r, const char *path, uint32_t otherwise)
{
    int64_t number;

    return truss_number(r, path, &number) ? (uint32_t)number : otherwise;
}

static void fill_docker_server(const struct truss_reader *r)
{
    struct truss_docker_server *server = &r->config->docker_server;

    if (!truss_value(r, "docker_server"))
        return;
    r->config->kind = TRUSS_KIND_DOCKER_SERVER;
    server->start_command = keep(r, "docker_server.start_command", STR(""));
    server->server_port = (uint16_t)keep_number(r, "docker_server.server_port", 0);
    server->predict_endpoint = keep(r, "docker_server.predict_endpoint", STR("/"));
    server->readiness_endpoint = keep(r, "docker_server.readiness_endpoint", STR("/"));
    server->liveness_endpoint = keep(r, "docker_server.liveness_endpoint", STR("/"));
    server->paths = json_is_true(truss_value(r, "docker_server.no_build")) ? TRUSS_PATHS_AS_IS
                                                                           : TRUSS_PATHS_MAPPED;
}

/* An empty requirement asks for nothing. */
static void fill_requirements(const struct truss_reader *r)
{
    const json_t *list = truss_value(r, "requirements");
    size_t index, n = 0;
    str *requirements =
        arena_alloc(&r->config->arena, (json_array_size(list) + 1) * sizeof(*requirements));
    json_t *item;

    json_array_foreach(list, index, item)
    {
        if (str_trim(str_of(json_string_value(item))).n)
            requirements[n++] = arena_copy(&r->config->arena, str_of(json_string_value(item)));
    }
    r->config->requirements = requirements;
    r->config->n_requirements = n;
    r->config->requirements_file = keep(r, "requirements_file", STR(""));
}

static void fill_variables(const struct truss_reader *r)
{
    const json_t *members = truss_value(r, "environment_variables");
    size_t i = 0, n = json_object_size(members);
    struct truss_variable *variables = arena_alloc(&r->config->arena, (n + 1) * sizeof(*variables));
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)members, key, value)
    {
        variables[i].name = arena_copy(&r->config->arena, str_of(key));
        variables[i++].value = arena_copy(&r->config->arena, str_of(json_string_value(value)));
    }
    r->config->environment_variables = variables;
    r->config->n_environment_variables = n;
}

static void fill_secrets(const struct truss_reader *r)
{
    const json_t *members = truss_value(r, "secrets");
    size_t i = 0, n = json_object_size(members);
    str *secrets = arena_alloc(&r->config->arena, (n + 1) * sizeof(*secrets));
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)members, key, value)
    {
        (void)value;
        secrets[i++] = arena_copy(&r->config->arena, str_of(key));
    }
    r->config->secrets = secrets;
    r->config->n_secrets = n;
}

static enum truss_transport transport(const struct truss_reader *r)
{
    str kind = truss_text(r, "runtime.transport.kind", STR("http"));

    if (str_eq(kind, STR("websocket")))
        return TRUSS_TRANSPORT_WEBSOCKET;
    return str_eq(kind, STR("grpc")) ? TRUSS_TRANSPORT_GRPC : TRUSS_TRANSPORT_HTTP;
}

static void fill_runtime(const struct truss_reader *r)
{
    struct truss_config *c = r->config;

    c->predict_concurrency = keep_number(r, "runtime.predict_concurrency", 1);
    c->streaming_read_timeout_s = keep_number(r, "runtime.streaming_read_timeout", 60);
    c->transport = transport(r);
    c->health_checks = (struct truss_health_checks){
        .startup_threshold_s = keep_number(r, "runtime.health_checks.startup_threshold_seconds",
                                           TRUSS_THRESHOLD_DEFAULT_S),
        .stop_traffic_threshold_s = keep_number(
            r, "runtime.health_checks.stop_traffic_threshold_seconds", TRUSS_THRESHOLD_DEFAULT_S),
        .restart_threshold_s = keep_number(r, "runtime.health_checks.restart_threshold_seconds",
                                           TRUSS_THRESHOLD_DEFAULT_S),
    };
}

static void fill_resources(const struct truss_reader *r)
{
    (void)truss_parse_cpu(truss_text(r, "resources.cpu", STR("1")), &r->config->cpu_milli);
    (void)truss_parse_memory(truss_text(r, "resources.memory", STR("2Gi")),
                             &r->config->memory_bytes);
    r->config->instance_type = keep(r, "resources.instance_type", STR(""));
}

void truss_fill_view(const struct truss_reader *r)
{
    struct truss_config *c = r->config;

    c->document = json_incref(r->document.root);
    c->model_name = keep(r, "model_name", STR(""));
    c->python_version = keep(r, "python_version", STR("py313"));
    c->model_module_dir = keep(r, "model_module_dir", STR("model"));
    c->model_class_filename = keep(r, "model_class_filename", STR("model.py"));
    c->model_class_name = keep(r, "model_class_name", STR("Model"));
    c->data_dir = keep(r, "data_dir", STR("data"));
    c->bundled_packages_dir = keep(r, "bundled_packages_dir", STR("packages"));
    fill_docker_server(r);
    fill_requirements(r);
    fill_variables(r);
    fill_secrets(r);
    fill_runtime(r);
    fill_resources(r);
}

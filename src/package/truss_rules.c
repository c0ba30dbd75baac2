#include "package/truss_internal.h"

#include "base/mem.h"
#include "package/truss_quantity.h"

static const str nothing = STR_INIT("");

/* --- numbers */

/* Whole numbers with limits that Truss states in words, not in its schema. */
static const struct {
    const char *path;
    int64_t least, most;
} limits[] = {
    {"docker_server.server_port", 1, 65535},
    {"docker_server.run_as_user_id", 1, UINT32_MAX - 1},
    {"runtime.predict_concurrency", 1, INT32_MAX},
    {"runtime.streaming_read_timeout", 1, INT32_MAX},
    {"runtime.health_checks.startup_threshold_seconds", TRUSS_THRESHOLD_MIN_S,
     TRUSS_THRESHOLD_MAX_S},
    {"runtime.health_checks.stop_traffic_threshold_seconds", TRUSS_THRESHOLD_MIN_S,
     TRUSS_THRESHOLD_MAX_S},
    {"runtime.health_checks.restart_threshold_seconds", TRUSS_THRESHOLD_MIN_S,
     TRUSS_THRESHOLD_MAX_S},
};

static const char *const above_none[] = {
    "runtime.transport.ping_interval_seconds",
    "runtime.transport.ping_timeout_seconds",
};

/* Numbers within those limits that are taken. */
static const struct {
    const char *path;
    int64_t number;
    const char *why;
} reserved[] = {
    {"docker_server.server_port", TRUSS_RESERVED_PORT,
     "the port of the server in front of a package's own"},
    {"docker_server.run_as_user_id", 60000, "the user of the server in front of a package's own"},
};

static void check_numbers(const struct truss_reader *r)
{
    int64_t number;

    for (size_t i = 0; i < COUNT_OF(limits); i++) {
        if (truss_number(r, limits[i].path, &number) &&
            (number < limits[i].least || number > limits[i].most))
            truss_report(r, DIAGNOSTIC_ERROR, limits[i].path,
                         "expected a whole number from %lld to %lld, found %lld",
                         (long long)limits[i].least, (long long)limits[i].most, (long long)number);
    }
    for (size_t i = 0; i < COUNT_OF(above_none); i++) {
        const json_t *value = truss_value(r, above_none[i]);

        if (json_is_number(value) && json_number_value(value) < 0.001)
            truss_report(r, DIAGNOSTIC_ERROR, above_none[i],
                         "expected a number of at least 0.001, found %g", json_number_value(value));
    }
    for (size_t i = 0; i < COUNT_OF(reserved); i++) {
        if (truss_number(r, reserved[i].path, &number) && number == reserved[i].number)
            truss_report(r, DIAGNOSTIC_ERROR, reserved[i].path, "%lld is reserved: it is %s",
                         (long long)number, reserved[i].why);
    }
}

static void check_quantities(const struct truss_reader *r)
{
    str cpu = truss_text(r, "resources.cpu", STR("1"));
    str memory = truss_text(r, "resources.memory", STR("1"));
    uint32_t milli;
    uint64_t bytes;

    if (!truss_parse_cpu(cpu, &milli))
        truss_report(r, DIAGNOSTIC_ERROR, "resources.cpu",
                     "expected processors above none, such as \"4\" or \"500m\", found %.*s",
                     STR_ARG(truss_quoted(r, cpu)));
    if (!truss_parse_memory(memory, &bytes))
        truss_report(r, DIAGNOSTIC_ERROR, "resources.memory",
                     "expected a number above none with a unit (k, M, G, T, Ki, Mi, Gi, Ti), such "
                     "as \"2Gi\", found %.*s",
                     STR_ARG(truss_quoted(r, memory)));
}

/* --- docker_server */

static void check_endpoint(const struct truss_reader *r, const char *path)
{
    str endpoint = truss_text(r, path, STR("/"));
    bool fine = str_starts(endpoint, STR("/")) && endpoint.n <= TRUSS_ENDPOINT_MAX;

    for (size_t i = 0; i < endpoint.n; i++)
        fine = fine && endpoint.p[i] > ' ' && endpoint.p[i] < 127 && endpoint.p[i] != '#';
    if (!fine)
        truss_report(r, DIAGNOSTIC_ERROR, path,
                     "expected a path such as \"/v1/completions\" (it begins with a slash, without "
                     "blanks), found %.*s",
                     STR_ARG(truss_quoted(r, endpoint)));
}

static void check_docker_server(const struct truss_reader *r)
{
    if (!json_is_object(truss_value(r, "docker_server")))
        return;
    check_endpoint(r, "docker_server.predict_endpoint");
    check_endpoint(r, "docker_server.readiness_endpoint");
    check_endpoint(r, "docker_server.liveness_endpoint");
    if (truss_text(r, "docker_server.start_command", nothing).n == 0)
        truss_report(r, DIAGNOSTIC_ERROR, "docker_server",
                     "\"start_command\" is missing; it is what is started, since no image is run");
}

/* --- names and lists */

static bool is_name_character(char c, const char *more)
{
    char l = str_lower_char(c);

    return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') || (c && strchr(more, c));
}

static bool is_name(str name, const char *more)
{
    for (size_t i = 0; i < name.n; i++) {
        if (!is_name_character(name.p[i], more))
            return false;
    }
    return name.n > 0 && name.n <= TRUSS_NAME_MAX;
}

static void check_variables(const struct truss_reader *r)
{
    const json_t *variables = truss_value(r, "environment_variables");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)variables, key, value)
    {
        str name = str_of(key);

        if (!is_name(name, "_-.") || (name.p[0] >= '0' && name.p[0] <= '9'))
            truss_report_in(r, DIAGNOSTIC_ERROR, "environment_variables", key,
                            "%.*s is no name of a variable; expected letters, digits, _, - and ., "
                            "no digit first",
                            STR_ARG(truss_quoted(r, name)));
    }
}

/* A secret is a file of that name, and a part of a variable's name. */
static void check_secrets(const struct truss_reader *r)
{
    const json_t *secrets = truss_value(r, "secrets");
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)secrets, key, value)
    {
        str name = str_of(key);

        if (!is_name(name, "_-.") || str_eq(name, STR(".")) || str_eq(name, STR("..")))
            truss_report_in(r, DIAGNOSTIC_ERROR, "secrets", key,
                            "%.*s is no name of a secret; expected letters, digits, _, - and .",
                            STR_ARG(truss_quoted(r, name)));
        else if (json_is_string(value) && json_string_length(value))
            truss_report_in(r, DIAGNOSTIC_WARNING, "secrets", key,
                            "the value of \"%s\" has no effect; write null here, and keep the "
                            "value as a secret of that name",
                            key);
    }
}

static void check_requirements(const struct truss_reader *r)
{
    const json_t *list = truss_value(r, "requirements");
    size_t index;
    json_t *item;

    if (json_array_size(list) && truss_text(r, "requirements_file", nothing).n)
        truss_report(r, DIAGNOSTIC_ERROR, "requirements",
                     "\"requirements\" and \"requirements_file\" exclude each other");
    json_array_foreach(list, index, item)
    {
        str text = str_of(json_string_value(item));
        struct yaml_place place = yaml_item_place(&r->document, list, index);

        if (json_is_string(item) && str_find(text, '\n', 0) + 1 < text.n)
            diagnostics_add(r->diagnostics, DIAGNOSTIC_ERROR, place.line, place.column,
                            arena_printf(&r->config->arena, "requirements[%zu]", index),
                            "expected one requirement in pip's format, found %.*s",
                            STR_ARG(truss_quoted(r, text)));
    }
}

/* --- what cannot be served */

static void check_engines(const struct truss_reader *r)
{
    static const char *const engines[] = {"trt_llm", "bis_llm"};

    for (size_t i = 0; i < COUNT_OF(engines); i++) {
        if (truss_value(r, engines[i]))
            truss_report(r, DIAGNOSTIC_ERROR, engines[i],
                         "this engine is Baseten's own and cannot be served here; start a server "
                         "with docker_server.start_command instead");
    }
    if (str_eq(truss_text(r, "build.model_server", nothing), STR("TRT_LLM")))
        truss_report(r, DIAGNOSTIC_ERROR, "build.model_server",
                     "only \"TrussServer\" can be served here, found \"TRT_LLM\"");
}

static void check_model_name(const struct truss_reader *r)
{
    str name = truss_text(r, "model_name", STR("a"));

    if (str_trim(name).n == 0 || name.n > TRUSS_NAME_MAX)
        truss_report(r, DIAGNOSTIC_ERROR, "model_name",
                     "expected a text of 1 to %d bytes, found %zu", TRUSS_NAME_MAX,
                     str_trim(name).n);
}

/* "py" and the digits of a version of Python 3. */
static void check_python_version(const struct truss_reader *r)
{
    str version = truss_text(r, "python_version", STR("py313"));
    uint64_t minor;

    if (!str_starts(version, STR("py3")) || version.n > 5 ||
        !str_parse_u64(str_from(version, 3), &minor))
        truss_report(r, DIAGNOSTIC_ERROR, "python_version",
                     "expected a text such as \"py313\", found %.*s",
                     STR_ARG(truss_quoted(r, version)));
}

static void check_deprecated(const struct truss_reader *r)
{
    if (json_is_boolean(truss_value(r, "runtime.is_websocket_endpoint")))
        truss_report(r, DIAGNOSTIC_WARNING, "runtime.is_websocket_endpoint",
                     "it is deprecated; write \"transport: {kind: websocket}\"");
}

void truss_check_rules(const struct truss_reader *r)
{
    check_model_name(r);
    check_python_version(r);
    check_numbers(r);
    check_quantities(r);
    check_docker_server(r);
    check_variables(r);
    check_secrets(r);
    check_requirements(r);
    check_engines(r);
    check_deprecated(r);
}

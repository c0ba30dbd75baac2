/*
 * Any text as a package's config.yaml. Checked is what has to hold whatever came in: it is either
 * refused with an error or makes a view, and what a view promises to its readers (limits, names,
 * paths) is true.
 */

#include "package/entry_name.h"
#include "package/truss_config.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
    if (!condition)
        abort();
}

/* Some files are there and some are not. */
static bool has(void *ctx, const char *path, enum truss_entry what)
{
    char plain[ENTRY_NAME_BYTES];

    (void)ctx;
    must(strchr(path, '/') || entry_name_read(str_of(path), plain) == ENTRY_NAME_FINE);
    return (strlen(path) + (unsigned)what) % 2 == 0;
}

static bool is_threshold(uint32_t seconds)
{
    return seconds >= TRUSS_THRESHOLD_MIN_S && seconds <= TRUSS_THRESHOLD_MAX_S;
}

static void check_names(const struct truss_config *c)
{
    const str names[] = {c->model_module_dir, c->model_class_filename, c->data_dir,
                         c->bundled_packages_dir};
    char plain[ENTRY_NAME_BYTES];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        must(entry_name_read(names[i], plain) == ENTRY_NAME_FINE);
    for (size_t i = 0; i < c->n_secrets; i++) {
        must(c->secrets[i].n > 0 && !str_eq(c->secrets[i], STR(".")) &&
             !str_eq(c->secrets[i], STR("..")));
        must(str_find(c->secrets[i], '/', 0) == c->secrets[i].n);
    }
    for (size_t i = 0; i < c->n_environment_variables; i++) {
        must(c->environment_variables[i].name.n > 0);
        must(str_find(c->environment_variables[i].name, '=', 0) ==
             c->environment_variables[i].name.n);
    }
    for (size_t i = 0; i < c->n_requirements; i++)
        must(c->requirements[i].n > 0);
    must(!c->n_requirements || !c->requirements_file.n);
}

static void check_view(const struct truss_config *c)
{
    const struct truss_docker_server *server = &c->docker_server;

    must(json_is_object(c->document));
    must(c->cpu_milli > 0 && c->memory_bytes > 0 && c->predict_concurrency > 0);
    must(is_threshold(c->health_checks.startup_threshold_s));
    must(is_threshold(c->health_checks.stop_traffic_threshold_s));
    must(is_threshold(c->health_checks.restart_threshold_s));
    must(truss_transport_name(c->transport).n > 0);
    check_names(c);
    if (c->kind != TRUSS_KIND_DOCKER_SERVER)
        return;
    must(server->start_command.n > 0);
    must(server->server_port > 0 && server->server_port != TRUSS_RESERVED_PORT);
    must(str_starts(server->predict_endpoint, STR("/")));
    must(str_starts(server->readiness_endpoint, STR("/")));
    must(str_starts(server->liveness_endpoint, STR("/")));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct truss_source source = {
        .file = STR("config.yaml"),
        .text = str_make(size ? (const char *)data : "", size),
        .has = has,
    };
    struct diagnostics diagnostics;
    struct truss_config *config;
    struct buf text;

    diagnostics_init(&diagnostics);
    buf_init(&text, 0);
    config = truss_config_check(&source, &diagnostics);
    must((config != NULL) == (diagnostics.n_errors == 0));
    if (config)
        check_view(config);
    diagnostics_print(&diagnostics, &text);
    truss_config_free(config);
    buf_deinit(&text);
    diagnostics_deinit(&diagnostics);
    return 0;
}

#include "package/truss_internal.h"

#include "base/mem.h"

/* When a value asks for something. */
enum asks {
    ASKS_IF_SET,   /* neither false nor empty */
    ASKS_IF_THERE, /* even if it is empty */
    ASKS_ABOVE_ONE,
};

/* What Truss's schema accepts and Ambit does nothing with. */
static const struct {
    const char *path;
    enum asks asks;
    const char *why;
} unused[] = {
    {"base_image", ASKS_IF_SET, "replicas are processes, not containers: no image is used"},
    {"build.arguments", ASKS_IF_SET, "no image is built"},
    {"build.no_cache", ASKS_IF_SET, "no image is built"},
    {"build.secret_to_path_mapping", ASKS_IF_SET,
     "no image is built; a model reads its secrets while it runs"},
    {"build_commands", ASKS_IF_SET,
     "no image is built; what they would do has to be in the package or on the replica's machine"},
    {"cache_internal", ASKS_IF_SET, "nothing is downloaded for a model; load() can"},
    {"docker_server.run_as_user_id", ASKS_IF_THERE,
     "a replica runs as the user of the plane that it runs on"},
    {"external_data", ASKS_IF_SET, "nothing is downloaded for a model; load() can"},
    {"live_reload", ASKS_IF_SET, "a changed model is pushed again"},
    {"model_cache", ASKS_IF_SET, "nothing is downloaded for a model; load() can"},
    {"resources.accelerator", ASKS_IF_SET,
     "a replica sees the accelerators of its machine; none is set aside for it"},
    {"resources.node_count", ASKS_ABOVE_ONE, "a replica is one process on one machine"},
    {"runtime.egress_restrictions", ASKS_IF_THERE,
     "what a replica may connect to is not restricted here; the plane's network has to"},
    {"runtime.enable_tracing_data", ASKS_IF_SET, "replicas export no traces"},
    {"runtime.health_checks.restart_check_delay_seconds", ASKS_IF_THERE,
     "it is deprecated; startup_threshold_seconds says how long a start may take"},
    {"runtime.remote_ssh.enabled", ASKS_IF_SET, "no way in by ssh is opened"},
    {"runtime.truss_server_version_override", ASKS_IF_SET,
     "models run under the server that comes with Ambit"},
    {"system_packages", ASKS_IF_SET,
     "no image is built; install them on the machines that replicas run on"},
    {"training_checkpoints", ASKS_IF_SET, "nothing is downloaded for a model; load() can"},
    {"use_local_src", ASKS_IF_SET, "models run under the server that comes with Ambit"},
    {"weights", ASKS_IF_SET, "nothing is downloaded for a model; load() can"},
};

static bool asks_for_something(const json_t *value, enum asks asks)
{
    if (!value || asks == ASKS_IF_THERE)
        return value != NULL;
    if (asks == ASKS_ABOVE_ONE)
        return json_is_number(value) && json_number_value(value) > 1;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    if (json_is_array(value) || json_is_object(value))
        return json_array_size(value) + json_object_size(value) > 0;
    return !json_is_false(value);
}

void truss_check_unused(const struct truss_reader *r)
{
    for (size_t i = 0; i < COUNT_OF(unused); i++) {
        if (asks_for_something(truss_value(r, unused[i].path), unused[i].asks))
            truss_report(r, DIAGNOSTIC_WARNING, unused[i].path, "it has no effect here: %s",
                         unused[i].why);
    }
}

/*
 * From a replica and its package's config.yaml to what its shim is told: what to execute, with
 * which environment, how its health is checked, how much it may use.
 */

#include "base/log.h"
#include "package/truss_config.h"
#include "plane/files.h"
#include "plane/process_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* Names, or the beginnings of names, of variables that a child gets as the plane has them: no
 * program needs more, and what else there is may be secret. */
static const struct {
    str name;
    bool is_prefix;
    enum process_env for_kind; /* the lowest */
} passed_on[] = {
    {STR_INIT("PATH"), false, PROCESS_ENV_REPLICA},
    {STR_INIT("HOME"), false, PROCESS_ENV_REPLICA},
    {STR_INIT("LANG"), false, PROCESS_ENV_REPLICA},
    {STR_INIT("LC_"), true, PROCESS_ENV_REPLICA},
    {STR_INIT("TZ"), false, PROCESS_ENV_REPLICA},
    {STR_INIT("TMPDIR"), false, PROCESS_ENV_REPLICA},
    {STR_INIT("LD_LIBRARY_PATH"), false, PROCESS_ENV_REPLICA},
    {STR_INIT("CUDA_VISIBLE_DEVICES"), false, PROCESS_ENV_REPLICA},
    {STR_INIT("NVIDIA_"), true, PROCESS_ENV_REPLICA},
    {STR_INIT("SSL_CERT_"), true, PROCESS_ENV_REPLICA},
    {STR_INIT("PIP_"), true, PROCESS_ENV_BUILD},
    {STR_INIT("http_proxy"), false, PROCESS_ENV_BUILD},
    {STR_INIT("https_proxy"), false, PROCESS_ENV_BUILD},
    {STR_INIT("no_proxy"), false, PROCESS_ENV_BUILD},
    {STR_INIT("HTTPS_PROXY"), false, PROCESS_ENV_BUILD},
    {STR_INIT("HTTP_PROXY"), false, PROCESS_ENV_BUILD},
    {STR_INIT("NO_PROXY"), false, PROCESS_ENV_BUILD},
    {STR_INIT("REQUESTS_CA_BUNDLE"), false, PROCESS_ENV_BUILD},
};

static bool is_passed_on(str variable, enum process_env kind)
{
    str rest = variable;
    str name = str_cut(&rest, '=');

    for (size_t i = 0; i < COUNT_OF(passed_on); i++) {
        if (passed_on[i].for_kind <= kind &&
            (passed_on[i].is_prefix ? str_starts(name, passed_on[i].name)
                                    : str_eq(name, passed_on[i].name)))
            return true;
    }
    return false;
}

char **process_env_of_plane(enum process_env kind)
{
    size_t n = 0, at = 0;

    while (environ[n])
        n++;
    char **env = mem_zalloc((n + 1) * sizeof(*env));
    for (size_t i = 0; i < n; i++) {
        if (is_passed_on(str_of(environ[i]), kind))
            env[at++] = environ[i];
    }
    return env;
}

/* --- one replica */

struct draft {
    struct process_plane *plane;
    const struct plane_replica *replica;
    const struct truss_config *config;
    struct arena *arena;
    const char **env;
    size_t n_env, capacity;
    const char *package, *venv; /* folders; venv "" : there is none */
};

static bool has_variable(const struct draft *d, str name)
{
    for (size_t i = 0; i < d->n_env; i++) {
        str rest = str_of(d->env[i]);

        if (str_eq(str_cut(&rest, '='), name))
            return true;
    }
    return false;
}

/* What is there already wins. */
static void set(struct draft *d, str name, str value)
{
    if (has_variable(d, name) || d->n_env + 1 >= d->capacity)
        return;
    d->env[d->n_env++] = arena_printf(d->arena, "%.*s=%.*s", STR_ARG(name), STR_ARG(value)).p;
}

static const char *folder_of(struct draft *d, const char *suffix)
{
    return arena_printf(d->arena, "%s/replicas/%.*s%s", d->plane->data_dir, STR_ARG(d->replica->id),
                        suffix)
        .p;
}

/* Ours first, then the package's, then what the machine says. */
static void make_env(struct draft *d)
{
    const struct plane_replica *r = d->replica;
    char **machine = process_env_of_plane(PROCESS_ENV_REPLICA);
    size_t n_machine = 0;

    while (machine[n_machine])
        n_machine++;
    d->capacity = n_machine + d->config->n_environment_variables + 16;
    d->env = arena_zalloc(d->arena, d->capacity * sizeof(*d->env));
    set(d, STR("AMBIT_REPLICA_ID"), r->id);
    set(d, STR("AMBIT_REGION"), r->region);
    set(d, STR("BT_MODEL_ID"), r->model);
    set(d, STR("BT_MODEL_DEPLOYMENT_ID"), r->deployment);
    set(d, STR("B10_DYNAMIC_CONFIG_DIR"), str_of(folder_of(d, "/config")));
    set(d, STR("APP_HOME"), str_of(d->package));
    set(d, STR("AMBIT_GRACE_SECONDS"), arena_u64(d->arena, PROCESS_GRACE_MS / 1000 - 5));
    for (size_t i = 0; i < d->config->n_environment_variables; i++)
        set(d, d->config->environment_variables[i].name, d->config->environment_variables[i].value);
    if (plane_user_is_set(&d->plane->user))
        set(d, STR("HOME"), str_of(folder_of(d, "/" PROCESS_HOME)));
    for (size_t i = 0; i < n_machine; i++) {
        str value = str_of(machine[i]), name = str_cut(&value, '=');

        if (d->venv[0] && str_eq(name, STR("PATH")))
            value = arena_printf(d->arena, "%s/bin:%.*s", d->venv, STR_ARG(value));
        set(d, name, value);
    }
    mem_free(machine);
}

static const char **make_argv(struct draft *d)
{
    const char **argv = arena_zalloc(d->arena, 8 * sizeof(*argv));

    if (d->config->kind == TRUSS_KIND_DOCKER_SERVER) {
        argv[0] = "/bin/sh";
        argv[1] = "-c";
        argv[2] = arena_copy(d->arena, d->config->docker_server.start_command).p;
        return argv;
    }
    argv[0] = arena_printf(d->arena, "%s/bin/python", d->venv).p;
    argv[1] = "-m";
    argv[2] = "ambit_runner";
    argv[3] = "serve";
    argv[4] = d->package;
    return argv;
}

/* A command that speaks of $PORT goes by it, so that several replicas fit on one machine. */
static uint16_t server_port(const struct truss_config *config)
{
    str command = config->docker_server.start_command;

    if (config->kind != TRUSS_KIND_DOCKER_SERVER || str_search(command, STR("$PORT")) < command.n ||
        str_search(command, STR("${PORT")) < command.n)
        return 0;
    return config->docker_server.server_port;
}

static void set_health(struct draft *d, struct spec *spec)
{
    const struct truss_health_checks *h = &d->config->health_checks;

    spec->probe_ms = PROCESS_PROBE_MS;
    spec->first_probe_ms = PROCESS_FIRST_PROBE_MS;
    spec->startup_ms = (int64_t)h->startup_threshold_s * 1000;
    spec->stop_traffic_ms = (int64_t)h->stop_traffic_threshold_s * 1000;
    spec->restart_ms = (int64_t)h->restart_threshold_s * 1000;
    spec->readiness = "/v1/models/model";
    spec->liveness = "/";
    if (d->config->transport == TRUSS_TRANSPORT_GRPC)
        spec->readiness = spec->liveness = "";
    else if (d->config->kind == TRUSS_KIND_DOCKER_SERVER) {
        spec->readiness = arena_copy(d->arena, d->config->docker_server.readiness_endpoint).p;
        spec->liveness = arena_copy(d->arena, d->config->docker_server.liveness_endpoint).p;
    }
}

static int write_spec(struct draft *d, int folder)
{
    const struct plane_replica *r = d->replica;
    struct spec spec = {
        .id = arena_copy(d->arena, r->id).p,
        .deployment = arena_copy(d->arena, r->deployment).p,
        .directory = d->package,
        .logs = arena_printf(d->arena, "%s/logs/%.*s/%.*s.log", d->plane->data_dir,
                             STR_ARG(r->deployment), STR_ARG(r->id))
                    .p,
        .argv = make_argv(d),
        .port = r->port,
        .server_port = server_port(d->config),
        .drain_ms = r->drain_limit_ms,
        .grace_ms = PROCESS_GRACE_MS,
        .cgroup = "",
        .user = d->plane->user.name,
        .uid = d->plane->user.uid,
        .gid = d->plane->user.gid,
    };

    make_env(d);
    spec.env = d->env;
    set_health(d, &spec);
    if (d->plane->cgroup[0]) {
        spec.cgroup = arena_printf(d->arena, "%s/ambit-%.*s", d->plane->cgroup, STR_ARG(r->id)).p;
        spec.memory_bytes = d->config->memory_bytes;
        spec.cpu_milli = d->config->cpu_milli;
    }
    return spec_write(&spec, folder);
}

/* The folder that B10_DYNAMIC_CONFIG_DIR names. */
int process_environment_write(int folder, str name)
{
    json_t *document = json_pack("{s:s%}", "name", name.p ? name.p : "", name.n);
    char *text = document && name.n ? json_dumps(document, 0) : NULL;
    int config = -1, r = 0;

    r = files_share_folder(folder, "config", 0755);
    if (r == 0 && (config = openat(folder, "config", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        r = -errno;
    if (r == 0)
        r = files_write_shared(config, "environment", str_of(text));
    if (config >= 0)
        close(config);
    free(text);
    json_decref(document);
    return r;
}

/* What another plane has built, or this one before it had a user. */
static int open_gate(const struct draft *d, const char *folder)
{
    if (!plane_user_is_set(&d->plane->user))
        return 0;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    int r = fd < 0 ? -errno : files_open_gate(fd, d->plane->user.gid);
    if (fd >= 0)
        close(fd);
    return r;
}

static int find_folders(struct draft *d)
{
    const struct plane_replica *r = d->replica;
    const char *base = r->package.n ? arena_copy(d->arena, r->package).p
                                    : arena_printf(d->arena, "%s/deployments/%.*s",
                                                   d->plane->data_dir, STR_ARG(r->deployment))
                                          .p;

    d->package = arena_printf(d->arena, "%s/package", base).p;
    d->venv = arena_printf(d->arena, "%s/venv", base).p;
    if (access(d->venv, F_OK) < 0)
        d->venv = "";
    return open_gate(d, base);
}

int process_spec_write(struct process_plane *p, const struct plane_replica *replica, int folder)
{
    struct diagnostics diagnostics;
    const struct truss_source source = {.file = STR("config.yaml"), .text = replica->config};
    struct arena arena;
    struct draft d = {.plane = p, .replica = replica, .arena = &arena};
    int r = -EINVAL;

    diagnostics_init(&diagnostics);
    arena_init(&arena, NULL, 0);
    struct truss_config *config = truss_config_check(&source, &diagnostics);
    d.config = config;
    if (config) {
        r = find_folders(&d);
        if (r == 0)
            r = process_environment_write(folder, replica->environment);
        if (r == 0)
            r = write_spec(&d, folder);
    }
    if (r < 0)
        log_event(LOG_ERROR, "replica_not_startable", LOG_STR("replica", replica->id),
                  LOG_STR("why", config ? str_of(strerrordesc_np(-r))
                                        : STR("its config.yaml is not usable")));
    truss_config_free(config);
    arena_deinit(&arena);
    diagnostics_deinit(&diagnostics);
    return r;
}

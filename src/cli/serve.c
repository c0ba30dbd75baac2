/*
 * `ambit serve`: a whole server on one machine. Refuses a bad configuration before anything starts,
 * works out addresses and paths, and becomes the supervisor.
 */

#include "base/buf.h"
#include "base/command_line.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/process.h"
#include "config/config.h"
#include "supervisor/supervisor.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>

enum { ADDRESS_TEXT = 80, DEFAULT_PORT = 4000, DEFAULT_CONTROL_PORT = 4001 };

struct serve_options {
    const char *config;
    const char *data_dir;
    uint64_t port;         /* UINT64_MAX: as configured */
    uint64_t control_port; /* the same */
    uint64_t workers;      /* 0: as configured */
};

/* Addresses as the supervisor takes them. */
struct addresses {
    char gateway[SUPERVISOR_LISTENS_MAX][ADDRESS_TEXT];
    const char *gateway_list[SUPERVISOR_LISTENS_MAX];
    size_t n_gateway;
    char control[ADDRESS_TEXT];
};

static void format_address(const struct config_listen *listen, char ret_text[ADDRESS_TEXT])
{
    bool v6 = str_find(listen->host, ':', 0) != listen->host.n;

    snprintf(ret_text, ADDRESS_TEXT, v6 ? "[%.*s]:%u" : "%.*s:%u", STR_ARG(listen->host),
             (unsigned)listen->port);
}

static bool choose_gateway(const struct serve_options *o, const struct config *config,
                           struct addresses *a)
{
    size_t n = o->port == UINT64_MAX ? config->n_listen : 0;

    if (n > SUPERVISOR_LISTENS_MAX) {
        fprintf(stderr, "ambit serve: gateway.listen has %zu addresses; at most %d are possible\n",
                n, SUPERVISOR_LISTENS_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++)
        format_address(&config->listen[i], a->gateway[i]);
    if (n == 0) {
        uint64_t port = o->port == UINT64_MAX ? DEFAULT_PORT : o->port;

        snprintf(a->gateway[n++], ADDRESS_TEXT, ":%u", (unsigned)port);
    }
    for (size_t i = 0; i < n; i++)
        a->gateway_list[i] = a->gateway[i];
    a->n_gateway = n;
    return true;
}

static void choose_control(const struct serve_options *o, const struct config *config,
                           struct addresses *a)
{
    struct config_listen listen = config->control_listen;

    if (listen.host.n == 0)
        listen.host = STR("127.0.0.1");
    if (o->control_port != UINT64_MAX)
        listen.port = (uint16_t)o->control_port;
    else if (listen.port == 0)
        listen.port = DEFAULT_CONTROL_PORT;
    format_address(&listen, a->control);
}

static unsigned choose_workers(const struct serve_options *o, const struct config *config,
                               size_t n_addresses)
{
    uint64_t workers = o->workers ? o->workers : config->workers;
    uint64_t most = SUPERVISOR_SOCKETS_MAX / n_addresses;
    cpu_set_t cpus;

    if (workers == 0) {
        CPU_ZERO(&cpus);
        int r = sched_getaffinity(0, sizeof(cpus), &cpus);
        workers = r == 0 ? (uint64_t)CPU_COUNT(&cpus) : 1;
    }
    if (most > SUPERVISOR_WORKERS_MAX)
        most = SUPERVISOR_WORKERS_MAX;
    return (unsigned)(workers < most ? workers : most);
}

/* Prints what there is to say. NULL: refused. */
static struct config *load(const char *file)
{
    struct config_source source = {.file = file};
    struct diagnostics diagnostics;
    struct buf text;

    diagnostics_init(&diagnostics);
    buf_init(&text, 0);
    struct config *config = config_load(&source, &diagnostics);
    diagnostics_print(&diagnostics, &text);
    if (text.n)
        (void)fwrite(text.p, 1, text.n, stderr);
    if (!config)
        fprintf(stderr, "ambit serve: %s is refused; nothing was started\n", file);
    buf_deinit(&text);
    diagnostics_deinit(&diagnostics);
    return config;
}

/* Absolute, without following links: what a link leads to may change. Freed by the caller. */
static char *absolute(const char *path)
{
    char cwd[PATH_MAX];
    struct buf joined;

    if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
        return str_dup(str_of(path));
    buf_init(&joined, 0);
    buf_printf(&joined, "%s/%s", cwd, path);
    char *result = str_dup(buf_str(&joined));
    buf_deinit(&joined);
    return result;
}

/* The path that this program was started by: where an upgrade looks for the next one. */
static char *own_binary(void)
{
    const char *started_as = (const char *)getauxval(AT_EXECFN);
    char path[PATH_MAX];

    if (started_as && strchr(started_as, '/'))
        return absolute(started_as);
    ssize_t n = readlink("/proc/self/exe", path, sizeof(path));
    return n > 0 ? str_dup(str_make(path, (size_t)n)) : str_dup(STR("ambit"));
}

static int supervise(const struct serve_options *o, const struct config *config, char *const *argv)
{
    struct addresses addresses = {0};

    if (!choose_gateway(o, config, &addresses))
        return CLI_FAILED;
    choose_control(o, config, &addresses);
    CLEANUP_FREE char *binary = own_binary();
    CLEANUP_FREE char *data_dir = absolute(o->data_dir);
    CLEANUP_FREE char *config_path = absolute(o->config);
    struct supervisor_options options = {
        .binary = binary,
        .argv = argv,
        .data_dir = data_dir,
        .config_path = config_path,
        .gateway_listen = addresses.gateway_list,
        .n_gateway_listen = addresses.n_gateway,
        .control_listen = addresses.control,
        .workers = choose_workers(o, config, addresses.n_gateway),
        .ready_timeout_ms = SUPERVISOR_READY_TIMEOUT_MS,
        /* The edge keeps the configured limit itself; this one is for an edge that does not. */
        .drain_limit_ms = config->settings.drain_ms + SUPERVISOR_DRAIN_SLACK_MS,
        .control_stop_ms = SUPERVISOR_CONTROL_STOP_MS,
    };
    return supervisor_run(&options);
}

/* The command line that started this process, for its successor. Freed by the caller. */
static char **whole_command_line(int argc, char **argv)
{
    char **whole = mem_array((size_t)argc + 2, sizeof(*whole));

    whole[0] = (char *)"ambit";
    memcpy(whole + 1, argv, ((size_t)argc + 1) * sizeof(*whole));
    return whole;
}

int cli_serve(int argc, char **argv)
{
    struct serve_options o = {
        .data_dir = "ambit-data", .port = UINT64_MAX, .control_port = UINT64_MAX};
    const struct cli_option options[] = {
        {"config", CLI_OPTION_TEXT, &o.config, "FILE", "the configuration, YAML", 0},
        {"port", CLI_OPTION_NUMBER, &o.port, "N",
         "gateway port on all interfaces, instead of gateway.listen (4000)", UINT16_MAX},
        {"control-port", CLI_OPTION_NUMBER, &o.control_port, "N",
         "management port on the loopback interface (4001)", UINT16_MAX},
        {"data-dir", CLI_OPTION_TEXT, &o.data_dir, "DIR", "where state is kept (./ambit-data)", 0},
        {"workers", CLI_OPTION_NUMBER, &o.workers, "N", "threads that serve (one a processor)",
         SUPERVISOR_WORKERS_MAX},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit serve --config FILE [OPTION ...]",
        .about =
            "Starts a server in the foreground: a supervisor, the control plane and an edge.\n"
            "SIGTERM drains and stops it, SIGHUP reloads its configuration, SIGUSR2 upgrades it "
            "to the\nbinary that lies at its path by then. Port 0 takes a free one.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    CLEANUP_FREE char **whole = whole_command_line(argc, argv);
    int state_fd = supervisor_inherited_state();

    process_begin("ambit");
    if (state_fd >= 0)
        return supervisor_resume(state_fd, whole);
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);
    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (!o.config) {
        fprintf(stderr, "ambit serve: --config FILE is missing; see ambit serve --help\n");
        return CLI_USAGE;
    }
    struct config *config = load(o.config);
    if (!config)
        return CLI_FAILED;
    int status = supervise(&o, config, whole);
    config_free(config);
    return status;
}

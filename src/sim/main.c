/* `ambit-sim`: the command line of the simulated model server. */

#include "base/command_line.h"
#include "base/mem.h"
#include "sim/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>

enum { USAGE = 2, DEFAULT_KEEP = 1000, KEEP_MAX = 100000, DEFAULT_TOKENS = 24 };

struct arguments {
    const char *regions;
    uint64_t base_port;
    struct cli_list listen;
    const char *host;
    const char *log;
    struct cli_list models;
    uint64_t workers, tokens, interval_ms, delay_ms, keep;
    int ms_region;
};

static bool add_port(struct sim_options *o, uint64_t port, str region)
{
    if (o->n_ports == SIM_PORTS_MAX || port == 0 || port > UINT16_MAX || region.n == 0) {
        fprintf(stderr,
                "ambit-sim: port %llu for region \"%.*s\": expected a port from 1 to 65535, a "
                "region's name, and at most %d of them\n",
                (unsigned long long)port, STR_ARG(region), SIM_PORTS_MAX);
        return false;
    }
    o->ports[o->n_ports].port = (uint16_t)port;
    o->ports[o->n_ports++].region = region;
    return true;
}

static bool add_listen(struct sim_options *o, str text)
{
    str region = text;
    str port_text = str_cut(&region, ':');
    uint64_t port;

    if (str_parse_u64(port_text, &port))
        return add_port(o, port, region);
    fprintf(stderr, "ambit-sim: --listen is \"%.*s\"; expected PORT:REGION\n", STR_ARG(text));
    return false;
}

static bool read_ports(const struct arguments *a, struct sim_options *o)
{
    str regions = str_of(a->regions);
    uint64_t port = a->base_port;

    while (regions.n)
        if (!add_port(o, port++, str_trim(str_cut(&regions, ','))))
            return false;
    for (size_t i = 0; i < a->listen.n; i++)
        if (!add_listen(o, str_of(a->listen.items[i])))
            return false;
    if (o->n_ports == 0)
        fprintf(stderr, "ambit-sim: no region; give --regions or --listen (see --help)\n");
    return o->n_ports > 0;
}

static bool read_models(const struct arguments *a, struct sim_options *o)
{
    if (a->models.n > SIM_MODELS_MAX) {
        fprintf(stderr, "ambit-sim: more than %d times --model\n", SIM_MODELS_MAX);
        return false;
    }
    for (size_t i = 0; i < a->models.n; i++)
        o->models[o->n_models++] = a->models.items[i];
    return true;
}

static int open_log(const char *path)
{
    int fd = path ? open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600) : -1;

    if (path && fd < 0)
        fprintf(stderr, "ambit-sim: --log %s: %s\n", path, strerrordesc_np(errno));
    return fd;
}

static void allow_many_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static int run(const struct arguments *a)
{
    struct sim *sim = mem_zalloc(sizeof(*sim));
    struct sim_options *o = &sim->options;
    int status = USAGE;

    o->host = str_of(a->host);
    o->workers = a->workers ? (unsigned)a->workers : 1;
    o->tokens = a->tokens;
    o->token_interval_ms = (int64_t)a->interval_ms;
    o->delay_ms = (int64_t)a->delay_ms;
    o->ms_region = a->ms_region;
    if (read_ports(a, o) && read_models(a, o)) {
        int fd = open_log(a->log);

        if (!a->log || fd >= 0) {
            sim->faults = sim_faults_new();
            sim->journal = sim_journal_new((size_t)a->keep, fd);
            allow_many_descriptors();
            status = sim_run(sim);
            sim_journal_free(sim->journal);
            sim_faults_free(sim->faults);
        }
    }
    mem_free(sim);
    return status;
}

int main(int argc, char **argv)
{
    struct arguments a = {
        .host = "127.0.0.1", .base_port = 9101, .tokens = DEFAULT_TOKENS, .keep = DEFAULT_KEEP};
    const struct cli_option options[] = {
        {"regions", CLI_OPTION_TEXT, &a.regions, "A,B,...",
         "one port for each, from --base-port on", 0},
        {"base-port", CLI_OPTION_NUMBER, &a.base_port, "N", "the first of them (9101)", UINT16_MAX},
        {"listen", CLI_OPTION_LIST, &a.listen, "PORT:REGION", "one more; may come several times",
         0},
        {"host", CLI_OPTION_TEXT, &a.host, "ADDRESS", "where to listen (127.0.0.1)", 0},
        {"model", CLI_OPTION_LIST, &a.models, "NAME", "what GET /v1/models lists", 0},
        {"tokens", CLI_OPTION_NUMBER, &a.tokens, "N", "of an answer (24)", 0},
        {"token-interval-ms", CLI_OPTION_NUMBER, &a.interval_ms, "N",
         "between the tokens of a stream (0)", 0},
        {"delay-ms", CLI_OPTION_NUMBER, &a.delay_ms, "N", "before every answer (0)", 0},
        {"ms-region", CLI_OPTION_FLAG, &a.ms_region, NULL,
         "answers name their region in x-ms-region, as Azure's do", 0},
        {"log", CLI_OPTION_TEXT, &a.log, "FILE", "append a JSON line for every request", 0},
        {"keep", CLI_OPTION_NUMBER, &a.keep, "N", "requests that GET /sim/log shows (1000)",
         KEEP_MAX},
        {"workers", CLI_OPTION_NUMBER, &a.workers, "N", "threads (1)", SIM_WORKERS_MAX},
    };
    const struct cli_syntax syntax = {
        "ambit-sim --regions A,B,... [OPTION ...]",
        "A simulated model server with OpenAI's API, for tests, demonstrations and measurements. "
        "It runs\nno model: its answers say so. A request's own `sim` member sets tokens, "
        "interval_ms and delay_ms.\n\n  POST /sim/faults    a fault: kind (status, delay, hang, "
        "reset, truncate, bad_chunk, region),\n                      region, status, delay_ms, "
        "after_bytes, retry_after, ms_region, count\n  GET /sim/faults     those that are left\n"
        "  DELETE /sim/faults  none any more\n  GET /sim/log        the latest requests\n"
        "  POST /sim/reset     forgets faults and requests",
        options,
        COUNT_OF(options),
        "ambit-sim",
        NULL};

    switch (cli_parse(&syntax, argc, argv, NULL)) {
    case CLI_PARSED:
        break;
    case CLI_PARSED_HELP:
        return 0;
    case CLI_PARSED_WRONG:
        return USAGE;
    }
    int status = run(&a);
    mem_free(a.listen.items);
    mem_free(a.models.items);
    return status;
}

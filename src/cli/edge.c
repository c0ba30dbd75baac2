/* `ambit edge`: one edge, started by the supervisor with its sockets, or by hand without. */

#include "edge/edge.h"
#include "base/command_line.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/process.h"

#include <stdio.h>

enum { WORKERS_MAX = 256 };

struct edge_words {
    struct cli_numbers listen_fds;
    const char *listen;
    const char *link;
    const char *data_dir;
    const char *name;
    uint64_t ready_fd;
    uint64_t generation;
    uint64_t workers;
};

static int run(const struct edge_words *w)
{
    if (w->listen && w->listen_fds.n) {
        fprintf(stderr, "ambit edge: --listen and --listen-fd exclude each other\n");
        return CLI_USAGE;
    }
    if (!w->link) {
        fprintf(stderr, "ambit edge: --link PATH is missing; see ambit edge --help\n");
        return CLI_USAGE;
    }
    struct edge_options options = {
        .listen_fds = w->listen_fds.items,
        .n_listen_fds = w->listen_fds.n,
        .listen = w->listen,
        .link_path = w->link,
        .ready_fd = w->ready_fd == UINT64_MAX ? -1 : (int)w->ready_fd,
        .data_dir = w->data_dir,
        .name = w->name,
        .generation = (unsigned)w->generation,
        .workers = (unsigned)w->workers,
    };
    process_begin("ambit-edge");
    return edge_main(&options);
}

int cli_edge(int argc, char **argv)
{
    struct edge_words w = {
        .data_dir = "ambit-data", .name = "local", .ready_fd = UINT64_MAX, .workers = 1};
    const struct cli_option options[] = {
        {"listen", CLI_OPTION_TEXT, &w.listen, "HOST:PORT", "gateway address (*:4000)", 0},
        {"link", CLI_OPTION_TEXT, &w.link, "PATH", "control's socket, DIR/control.sock", 0},
        {"data-dir", CLI_OPTION_TEXT, &w.data_dir, "DIR",
         "where the last policy is kept (./ambit-data)", 0},
        {"name", CLI_OPTION_TEXT, &w.name, "NAME", "what control calls this edge (local)", 0},
        {"workers", CLI_OPTION_NUMBER, &w.workers, "N", "threads that serve (1)", WORKERS_MAX},
        {"listen-fd", CLI_OPTION_NUMBERS, &w.listen_fds, "N", NULL, 0},
        {"ready-fd", CLI_OPTION_NUMBER, &w.ready_fd, "N", NULL, 0},
        {"generation", CLI_OPTION_NUMBER, &w.generation, "N", NULL, 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit edge --link PATH [OPTION ...]",
        .about = "Runs an edge alone, beside a control plane that runs already. `ambit serve` "
                 "starts both.\nSIGTERM drains it; SIGUSR2 too, and leaves idle clients time to go "
                 "over to another.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);
    int status = parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;

    if (parsed == CLI_PARSED)
        status = run(&w);
    mem_free(w.listen_fds.items);
    return status;
}

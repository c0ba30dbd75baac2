/* `ambit control`: the control plane, started by the supervisor with its sockets, or by hand
 * without. */

#include "control/control.h"

#include "base/command_line.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/process.h"

#include <stdio.h>

struct control_words {
    const char *config;
    const char *data_dir;
    const char *listen;
    uint64_t gateway_port;
    uint64_t listen_fd;
    uint64_t link_fd;
    uint64_t ready_fd;
};

static int fd_of(uint64_t word)
{
    return word == UINT64_MAX ? -1 : (int)word;
}

int cli_control(int argc, char **argv)
{
    struct control_words w = {.data_dir = "ambit-data",
                              .listen_fd = UINT64_MAX,
                              .link_fd = UINT64_MAX,
                              .ready_fd = UINT64_MAX};
    const struct cli_option options[] = {
        {"config", CLI_OPTION_TEXT, &w.config, "FILE", "the configuration, YAML", 0},
        {"data-dir", CLI_OPTION_TEXT, &w.data_dir, "DIR", "where state is kept (./ambit-data)", 0},
        {"listen", CLI_OPTION_TEXT, &w.listen, "HOST:PORT", "management address (127.0.0.1:4001)",
         0},
        {"gateway-port", CLI_OPTION_NUMBER, &w.gateway_port, "N", NULL, UINT16_MAX},
        {"listen-fd", CLI_OPTION_NUMBER, &w.listen_fd, "N", NULL, 0},
        {"link-fd", CLI_OPTION_NUMBER, &w.link_fd, "N", NULL, 0},
        {"ready-fd", CLI_OPTION_NUMBER, &w.ready_fd, "N", NULL, 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit control --config FILE [OPTION ...]",
        .about = "Runs the control plane alone; edges reach it at DIR/control.sock. `ambit serve` "
                 "starts both.\nSIGTERM stops it, SIGHUP reloads its configuration.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (!w.config) {
        fprintf(stderr, "ambit control: --config FILE is missing; see ambit control --help\n");
        return CLI_USAGE;
    }
    struct control_options control = {
        .config = w.config,
        .data_dir = w.data_dir,
        .listen = w.listen,
        .gateway_port = (uint16_t)w.gateway_port,
        .listen_fd = fd_of(w.listen_fd),
        .link_fd = fd_of(w.link_fd),
        .ready_fd = fd_of(w.ready_fd),
    };
    process_begin("ambit-control");
    return control_main(&control);
}

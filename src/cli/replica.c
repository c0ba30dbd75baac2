/* `ambit replica`: what the process plane starts for each replica; nothing for people. */

#include "base/command_line.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/process.h"
#include "plane/shim.h"

#include <stdio.h>

int cli_replica(int argc, char **argv)
{
    const char *folder = NULL;
    uint64_t lock_fd = UINT64_MAX;
    const struct cli_option options[] = {
        {"folder", CLI_OPTION_TEXT, &folder, "DIR", "the replica's folder", 0},
        {"lock-fd", CLI_OPTION_NUMBER, &lock_fd, "N", "descriptor that holds its lock", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit replica --folder DIR --lock-fd N < SECRETS",
        .about = "Runs one replica of a deployment. A process plane starts it; see docs/planes.md.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (!folder) {
        fprintf(stderr, "ambit replica: --folder DIR is missing; see ambit replica --help\n");
        return CLI_USAGE;
    }
    process_begin("ambit-replica");
    log_init("replica", LOG_INFO);
    return shim_main(folder, lock_fd == UINT64_MAX ? -1 : (int)lock_fd);
}

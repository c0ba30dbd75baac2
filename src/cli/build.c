/* `ambit build`: what the process plane starts for each package; nothing for people. */

#include "base/command_line.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "cli/process.h"
#include "plane/builder.h"

#include <stdio.h>

int cli_build(int argc, char **argv)
{
    struct builder_options b = {.runner = ""};
    uint64_t uid = UINT64_MAX, gid = UINT64_MAX;
    const struct cli_option options[] = {
        {"folder", CLI_OPTION_TEXT, &b.folder, "DIR", "the deployment's folder", 0},
        {"archive", CLI_OPTION_TEXT, &b.archive, "FILE", "the package as .tar.gz", 0},
        {"runner", CLI_OPTION_TEXT, &b.runner, "DIR",
         "folder of the runner; without it no Python environment is made", 0},
        {"user", CLI_OPTION_TEXT, &b.user.name, "NAME", "who pip runs as, instead of this user", 0},
        {"uid", CLI_OPTION_NUMBER, &uid, "N", "the number of --user", UINT32_MAX - 1},
        {"gid", CLI_OPTION_NUMBER, &gid, "N", "the number of its group", UINT32_MAX - 1},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit build --folder DIR --archive FILE [--runner DIR] [--user NAME --uid N "
                 "--gid N]",
        .about = "Builds one deployment. A process plane starts it; see docs/planes.md.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (!b.folder || !b.archive) {
        fprintf(stderr, "ambit build: --folder DIR and --archive FILE are needed; see ambit build "
                        "--help\n");
        return CLI_USAGE;
    }
    if (b.user.name && (uid == UINT64_MAX || gid == UINT64_MAX)) {
        fprintf(stderr, "ambit build: --user needs --uid N and --gid N; see ambit build --help\n");
        return CLI_USAGE;
    }
    b.user.uid = (uid_t)uid;
    b.user.gid = (gid_t)gid;
    process_begin("ambit-build");
    return builder_main(&b);
}

#include "cli/words.h"

#include "cli/commands.h"

#include <stdio.h>

bool words_take(const struct cli_syntax *syntax, int argc, char **argv, int wanted,
                const char *expected, int *ret_status)
{
    int operands = 0;
    enum cli_parsed parsed = cli_parse(syntax, argc, argv, wanted ? &operands : NULL);

    *ret_status = parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (parsed == CLI_PARSED && operands != wanted)
        fprintf(stderr, "ambit %s: %s\n", argv[0], expected);
    return parsed == CLI_PARSED && operands == wanted;
}

int words_nothing_to_change(const char *command)
{
    fprintf(stderr, "ambit %s: nothing to change; `ambit %s --help` lists the settings\n", command,
            command);
    return CLI_USAGE;
}

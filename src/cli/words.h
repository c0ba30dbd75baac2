#pragma once

/* The words of a command line whose operands are counted: a message and the exit status come from
 * one place. */

#include "base/command_line.h"

/* Options, and `wanted` operands, at argv[1] and up. False: the command ends with *ret_status, as
 * its help was printed, or a message: that of the options, or `expected`, such as "a name for the
 * team is expected, once". */
bool words_take(const struct cli_syntax *syntax, int argc, char **argv, int wanted,
                const char *expected, int *ret_status);

/* CLI_USAGE, after "nothing to change". */
int words_nothing_to_change(const char *command);

#pragma once

/*
 * Options of a command, from one table: the parser and `--help` both come from it. An option is
 * `--name VALUE` or `--name=VALUE`; `--` ends them. What is left are operands.
 */

#include "base/str.h"

enum cli_option_kind {
    CLI_OPTION_FLAG,   /* no value; `into` is an int, set to 1 */
    CLI_OPTION_TEXT,   /* `into` is a const char * */
    CLI_OPTION_NUMBER, /* decimal digits, 0 to `max`; `into` is a uint64_t */
    CLI_OPTION_LIST,   /* may come several times; `into` is a struct cli_list */
    CLI_OPTION_NUMBERS /* the same with numbers; `into` is a struct cli_numbers */
};

enum { CLI_LIST_MAX = 4096 };

/* Grown by the parser, freed by the caller with mem_free(items). */
struct cli_list {
    const char **items;
    size_t n;
};

struct cli_numbers {
    int *items;
    size_t n;
};

struct cli_option {
    const char *name; /* without the dashes */
    enum cli_option_kind kind;
    void *into;
    const char *value; /* what --help calls the value; NULL for flags */
    const char *help;  /* NULL: left out of --help, for what Ambit passes to itself */
    uint64_t max;      /* of numbers; 0: INT32_MAX */
};

struct cli_syntax {
    const char *usage; /* "ambit serve --config FILE [OPTION ...]" */
    const char *about; /* a paragraph; may be NULL */
    const struct cli_option *options;
    size_t n_options;
    const char *program; /* NULL: a command of ambit, named by argv[0] */
    const char *example; /* a command line; may be NULL */
};

enum cli_parsed {
    CLI_PARSED,
    CLI_PARSED_HELP, /* --help was printed: exit with CLI_OK */
    CLI_PARSED_WRONG /* a message was printed: exit with CLI_USAGE */
};

/* Operands are moved to argv[1] and up in their order; *ret_operands counts them. NULL: an operand
 * is an error. */
enum cli_parsed cli_parse(const struct cli_syntax *syntax, int argc, char **argv,
                          int *ret_operands);

/*
 * The entry point of the one binary: finds the command and runs it. What commands there are is the
 * table in commands.h.
 */

#include "base/log.h"
#include "base/mem.h"
#include "cli/commands.h"

#include <signal.h>
#include <stdio.h>

struct command {
    str name;
    const char *help;
    int (*run)(int argc, char **argv);
};

static const struct command commands[] = {
#define X(name, word, help) {STR_INIT(word), help, cli_##name},
    CLI_COMMAND_TABLE(X)
#undef X
};

static int print_help(FILE *to)
{
    fprintf(to, "usage: ambit COMMAND [OPTION ...]\n\n");
    fprintf(to, "Ambit is a gateway for AI inference that is bounded by place.\n\n");
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (commands[i].help)
            fprintf(to, "  %-14s  %s\n", commands[i].name.p, commands[i].help);
    }
    fprintf(to, "\n`ambit COMMAND --help` says more. `ambit --version` prints the version.\n");
    return to == stdout ? CLI_OK : CLI_USAGE;
}

static int unknown_command(str wrong)
{
    str names[COUNT_OF(commands)];

    for (size_t i = 0; i < COUNT_OF(commands); i++)
        names[i] = commands[i].name;
    str near = str_near_match(wrong, names, COUNT_OF(names));
    fprintf(stderr, "ambit: there is no command \"%.*s\"", STR_ARG(wrong));
    if (near.n)
        fprintf(stderr, "; did you mean \"%.*s\"?", STR_ARG(near));
    fprintf(stderr, "\n`ambit --help` lists the commands.\n");
    return CLI_USAGE;
}

int main(int argc, char **argv)
{
    /* A peer that is gone shows as EPIPE where it is written to, a file at its limit as EFBIG. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    log_init("cli", LOG_INFO);
    if (argc < 2)
        return print_help(stderr);

    str name = str_of(argv[1]);
    if (str_eq(name, STR("--help")) || str_eq(name, STR("-h")) || str_eq(name, STR("help")))
        return print_help(stdout);
    if (str_eq(name, STR("--version"))) {
        printf("ambit %s\n", AMBIT_VERSION);
        return CLI_OK;
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        if (str_eq(name, commands[i].name))
            return commands[i].run(argc - 1, argv + 1);
    }
    return unknown_command(name);
}

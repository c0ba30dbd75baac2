/*
 * Reads a command line against a table of options. A mistake names the option, what was given and
 * what was expected, and a near match where there is one.
 */

#include "base/command_line.h"

#include "base/mem.h"

#include <stdio.h>

enum { HELP_COLUMN_MIN = 26, HELP_COLUMN_MAX = 46, COMMAND_TEXT = 64 };

/* Where all explanations begin. */
static int help_column(const struct cli_syntax *syntax)
{
    int column = HELP_COLUMN_MIN;

    for (size_t i = 0; i < syntax->n_options; i++) {
        const struct cli_option *o = &syntax->options[i];
        int end = (int)(strlen(o->name) + (o->value ? strlen(o->value) + 1 : 0)) + 6;

        if (o->help && end > column && end <= HELP_COLUMN_MAX)
            column = end;
    }
    return column;
}

static void print_help(const struct cli_syntax *syntax)
{
    int column = help_column(syntax);

    printf("usage: %s\n", syntax->usage);
    if (syntax->about)
        printf("\n%s\n", syntax->about);
    printf("\n");
    for (size_t i = 0; i < syntax->n_options; i++) {
        const struct cli_option *o = &syntax->options[i];

        if (!o->help)
            continue;
        int width = printf("  --%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("%*s%s\n", width < column ? column - width : 1, "", o->help);
    }
    printf("  %-*s%s\n", column - 2, "--help", "print this");
    if (syntax->example)
        printf("\nfor example:\n  %s\n", syntax->example);
}

static const struct cli_option *find_option(const struct cli_syntax *syntax, str name)
{
    for (size_t i = 0; i < syntax->n_options; i++) {
        if (str_eq(name, str_of(syntax->options[i].name)))
            return &syntax->options[i];
    }
    return NULL;
}

static void report_unknown(const struct cli_syntax *syntax, const char *command, str name)
{
    str *names = mem_array(syntax->n_options + 1, sizeof(*names));
    size_t n = 0;

    for (size_t i = 0; i < syntax->n_options; i++) {
        if (syntax->options[i].help)
            names[n++] = str_of(syntax->options[i].name);
    }
    str near = str_near_match(name, names, n);
    fprintf(stderr, "%s: there is no option --%.*s", command, STR_ARG(name));
    if (near.n)
        fprintf(stderr, "; did you mean --%.*s?", STR_ARG(near));
    fprintf(stderr, "\n");
    mem_free(names);
}

static bool store_number(const struct cli_option *o, const char *command, const char *text,
                         uint64_t *ret_value)
{
    uint64_t max = o->max ? o->max : INT32_MAX;

    if (str_parse_u64(str_of(text), ret_value) && *ret_value <= max)
        return true;
    fprintf(stderr, "%s: --%s is \"%s\"; a number from 0 to %llu is expected\n", command, o->name,
            text, (unsigned long long)max);
    return false;
}

static bool list_is_full(const struct cli_option *o, const char *command, size_t n)
{
    if (n < CLI_LIST_MAX)
        return false;
    fprintf(stderr, "%s: more than %d times --%s\n", command, CLI_LIST_MAX, o->name);
    return true;
}

/* `text` is NULL for flags only. */
static bool store(const struct cli_option *o, const char *command, const char *text)
{
    uint64_t number = 0;

    switch (o->kind) {
    case CLI_OPTION_FLAG:
        *(int *)o->into = 1;
        return true;
    case CLI_OPTION_TEXT:
        *(const char **)o->into = text;
        return true;
    case CLI_OPTION_NUMBER:
        return store_number(o, command, text, o->into);
    case CLI_OPTION_LIST: {
        struct cli_list *list = o->into;

        if (list_is_full(o, command, list->n))
            return false;
        list->items = mem_realloc(list->items, (list->n + 1) * sizeof(*list->items));
        list->items[list->n++] = text;
        return true;
    }
    case CLI_OPTION_NUMBERS: {
        struct cli_numbers *list = o->into;

        if (list_is_full(o, command, list->n) || !store_number(o, command, text, &number))
            return false;
        list->items = mem_realloc(list->items, (list->n + 1) * sizeof(*list->items));
        list->items[list->n++] = (int)number;
        return true;
    }
    }
    return false;
}

/* One option at argv[*at], which it moves past what it used. */
static bool take_option(const struct cli_syntax *syntax, const char *command, int argc, char **argv,
                        int *at)
{
    const char *text = argv[*at] + 2;
    const char *equals = strchr(text, '=');
    str name = equals ? str_make(text, (size_t)(equals - text)) : str_of(text);
    const struct cli_option *o = find_option(syntax, name);

    ++*at;
    if (!o) {
        report_unknown(syntax, command, name);
        return false;
    }
    if (o->kind == CLI_OPTION_FLAG) {
        if (equals)
            fprintf(stderr, "%s: --%s takes no value\n", command, o->name);
        return !equals && store(o, command, NULL);
    }
    if (equals)
        return store(o, command, equals + 1);
    if (*at == argc) {
        fprintf(stderr, "%s: --%s needs a value: %s\n", command, o->name, o->value);
        return false;
    }
    return store(o, command, argv[(*at)++]);
}

static bool take_operand(const char *command, char **argv, int at, int *operands, const int *wanted)
{
    if (!wanted) {
        fprintf(stderr, "%s: \"%s\" is not understood here\n", command, argv[at]);
        return false;
    }
    /* In its first position at the latest: what it replaces was read before. */
    argv[++*operands] = argv[at];
    return true;
}

enum cli_parsed cli_parse(const struct cli_syntax *syntax, int argc, char **argv, int *ret_operands)
{
    char command[COMMAND_TEXT]; /* as messages begin */
    int at = 1, operands = 0;
    bool only_operands = false;

    if (syntax->program)
        snprintf(command, sizeof(command), "%s", syntax->program);
    else
        snprintf(command, sizeof(command), "ambit %s", argv[0]);
    while (at < argc) {
        str word = str_of(argv[at]);

        if (!only_operands && str_eq(word, STR("--"))) {
            only_operands = true;
            at++;
        } else if (!only_operands && (str_eq(word, STR("--help")) || str_eq(word, STR("-h")))) {
            print_help(syntax);
            return CLI_PARSED_HELP;
        } else if (!only_operands && str_starts(word, STR("--"))) {
            if (!take_option(syntax, command, argc, argv, &at))
                return CLI_PARSED_WRONG;
        } else if (!take_operand(command, argv, at++, &operands, ret_operands)) {
            return CLI_PARSED_WRONG;
        }
    }
    if (ret_operands)
        *ret_operands = operands;
    return CLI_PARSED;
}

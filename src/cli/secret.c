/*
 * `ambit secret`: secrets of a team, which packages name and replicas get. A value is never an
 * argument, since other users of the machine can read those.
 */

#include "base/mem.h"
#include "cli/read_value.h"
#include "cli/registry.h"
#include "cli/words.h"

#include <stdio.h>
#include <unistd.h>

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"SECRET", "TEAM", "CREATED"};
    static const char *const members[] = {"name", "team_name", "created_at"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(&(struct registry_list){.usage = "ambit secret list [--team TEAM]",
                                                     .about = "Values are never shown.",
                                                     .of_teams = "secrets",
                                                     .table = &table},
                             argc, argv);
}

/* --- set */

struct words {
    const char *team, *value_file;
    int as_json;
};

static int put(const char *command, const char *name, const struct words *w, str value)
{
    CLEANUP_FREE char *path = registry_collection(w->team, "secrets");
    json_t *text = json_stringn(value.p, value.n), *answer = NULL;

    if (!text) {
        fprintf(stderr, "ambit %s: the value is no UTF-8 text\n", command);
        return CLI_FAILED;
    }
    json_t *body = json_pack("{s:s, s:o}", "name", name, "value", text);
    int status = client_call(command, "POST", path, body, &answer);
    if (status == CLI_OK && w->as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        printf("set: %s\n", name);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int set(const char *command, const char *name, const struct words *w)
{
    struct buf value;

    int status = read_value(command, w->value_file ? w->value_file : "-", &value);
    if (status == CLI_OK)
        status = put(command, name, w, buf_str(&value));
    read_value_deinit(&value);
    return status;
}

static int run_set(int argc, char **argv)
{
    struct words w = {0};
    const struct cli_option options[] = {
        {"value-file", CLI_OPTION_TEXT, &w.value_file, "FILE",
         "where the value is; - is standard input (the default)", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "whose it is, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .example = "ambit secret set greeting --value-file greeting.txt",
        .usage = "ambit secret set NAME [--value-file FILE] [--team TEAM]",
        .about = "Makes or replaces it. One line end at the end of the value is left out.\n"
                 "Replicas that start from then on have the new value.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 1,
                    "a name is expected, once; the value comes from a file or "
                    "standard input",
                    &status))
        return status;
    if (!w.value_file && isatty(STDIN_FILENO)) {
        fprintf(stderr, "ambit %s: pipe the value in, or name its file with --value-file\n",
                argv[0]);
        return CLI_USAGE;
    }
    return set(argv[0], argv[1], &w);
}

/* --- delete */

static int run_delete(int argc, char **argv)
{
    const char *team = NULL;
    int as_json = 0;
    const struct cli_option options[] = {
        {"team", CLI_OPTION_TEXT, &team, "TEAM", "whose it is, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {.usage = "ambit secret delete NAME [--team TEAM]",
                                      .options = options,
                                      .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 1, "a name is expected, once", &status))
        return status;
    const char *words[] = {team, argv[1]};
    CLEANUP_FREE char *path = team ? registry_path("/v1/teams/{}/secrets/{}", words)
                                   : registry_path("/v1/secrets/{}", words + 1);
    json_t *answer = NULL;
    status = client_call(argv[0], "DELETE", path, NULL, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        printf("deleted: %s\n", argv[1]);
    client_warn_if_pending(argv[0], answer);
    json_decref(answer);
    return status;
}

int cli_secret(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"set", "make or replace one", run_set},
        {"list", "list names", run_list},
        {"delete", "delete one", run_delete},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

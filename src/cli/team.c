/* `ambit team`: teams, which own models, secrets and environment groups. */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/words.h"

#include <stdio.h>

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"TEAM", "NAME", "DEFAULT", "CREATED"};
    static const char *const members[] = {"id", "name", "default", "created_at"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit team list", .path = "/v1/teams", .table = &table},
        argc, argv);
}

static int run_create(int argc, char **argv)
{
    int as_json = 0;
    const struct cli_option options[] = {
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0}};
    const struct cli_syntax syntax = {
        .usage = "ambit team create NAME", .options = options, .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 1, "a name for the team is expected, once", &status))
        return status;
    return registry_make(argv[0], "/v1/teams", json_pack("{s:s}", "name", argv[1]), "id", "name",
                         as_json);
}

int cli_team(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list teams", run_list},
        {"create", "make one", run_create},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

/* `ambit team`: teams, which own models, secrets and environment groups. */

#include "base/mem.h"
#include "cli/registry.h"

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

static int create(const char *command, const char *name, int as_json)
{
    json_t *body = json_pack("{s:s}", "name", name), *answer = NULL;
    int status = client_call(command, "POST", "/v1/teams", body, &answer);

    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        registry_print_made(answer, "id", "name");
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int run_create(int argc, char **argv)
{
    int as_json = 0, operands = 0;
    const struct cli_option options[] = {
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0}};
    const struct cli_syntax syntax = {
        .usage = "ambit team create NAME", .options = options, .n_options = COUNT_OF(options)};
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (operands != 1) {
        fprintf(stderr, "ambit %s: a name for the team is expected, once\n", argv[0]);
        return CLI_USAGE;
    }
    return create(argv[0], argv[1], as_json);
}

int cli_team(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list teams", run_list},
        {"create", "make one", run_create},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

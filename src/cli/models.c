/* `ambit models`: models of the running server. */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/words.h"

#include <stdio.h>

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"MODEL",       "NAME",          "TEAM",
                                       "DEPLOYMENTS", "IN PRODUCTION", "HOSTS"};
    static const char *const members[] = {
        "id", "name", "team_name", "deployments_count", "production_deployment_id", "hosts"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(&(struct registry_list){.usage = "ambit models list [--team TEAM]",
                                                     .of_teams = "models",
                                                     .table = &table},
                             argc, argv);
}

static int run_get(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit models get MODEL",
                                .about = "A model is named by its id or its name, here and in "
                                         "all other commands.",
                                .method = "GET",
                                .path = "/v1/models/{}"},
        argc, argv);
}

static int run_delete(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit models delete MODEL",
                                .about = "Deletes it with its environments and deployments. What "
                                         "runs is stopped; billing history stays.",
                                .method = "DELETE",
                                .path = "/v1/models/{}",
                                .done = "deleted"},
        argc, argv);
}

struct words {
    const char *team;
    int chain, as_json;
};

static int create(const char *command, const char *name, const struct words *w)
{
    CLEANUP_FREE char *path = registry_collection(w->team, "models");
    json_t *body = json_pack("{s:s}", "name", name);

    if (w->chain)
        json_object_set_new(body, "kind", json_string("chain"));
    return registry_make(command, path, body, "id", "name", w->as_json);
}

static int run_create(int argc, char **argv)
{
    struct words w = {0};
    const struct cli_option options[] = {
        {"chain", CLI_OPTION_FLAG, &w.chain, NULL, "its host begins with chain-", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "whose it is, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit models create NAME [--chain] [--team TEAM]",
        .about = "Makes a model without deployments, so that its environments can be made before "
                 "the first push.\nIts environment \"production\" is there from the beginning.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 1, "a name for the model is expected, once", &status))
        return status;
    return create(argv[0], argv[1], &w);
}

int cli_models(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list models", run_list},
        {"get", "show one", run_get},
        {"create", "make one without deployments", run_create},
        {"delete", "delete one with all it has", run_delete},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

/* `ambit models` and `ambit chains`: models and chains of the running server. */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/words.h"

#include <stdio.h>

static int list(const char *usage, const char *collection, int argc, char **argv)
{
    static const char *const head[] = {"ID",          "NAME",          "TEAM",
                                       "DEPLOYMENTS", "IN PRODUCTION", "URLS"};
    static const char *const members[] = {
        "id", "name", "team_name", "deployments_count", "production_deployment_id", "urls"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = usage, .of_teams = collection, .table = &table}, argc,
        argv);
}

static int run_list(int argc, char **argv)
{
    return list("ambit models list [--team TEAM]", "models", argc, argv);
}

static int run_list_chains(int argc, char **argv)
{
    return list("ambit chains list [--team TEAM]", "chains", argc, argv);
}

static int get(const char *usage, int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = usage,
                                .about = "A model is named by its id or its name, here and in "
                                         "all other commands;\nso is a chain, wherever a model is "
                                         "expected.",
                                .method = "GET",
                                .path = "/v1/{model}"},
        argc, argv);
}

static int run_get(int argc, char **argv)
{
    return get("ambit models get MODEL", argc, argv);
}

static int run_get_chain(int argc, char **argv)
{
    return get("ambit chains get CHAIN", argc, argv);
}

static int delete (const char *usage, int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = usage,
                                .about = "Deletes it with its environments and deployments. What "
                                         "runs is stopped; billing history stays.",
                                .method = "DELETE",
                                .path = "/v1/{model}",
                                .done = "deleted"},
        argc, argv);
}

static int run_delete(int argc, char **argv)
{
    return delete ("ambit models delete MODEL", argc, argv);
}

static int run_delete_chain(int argc, char **argv)
{
    return delete ("ambit chains delete CHAIN", argc, argv);
}

static int create(const char *usage, const char *about, const char *collection, int argc,
                  char **argv)
{
    const char *team = NULL;
    int as_json = 0, status;
    const struct cli_option options[] = {
        {"team", CLI_OPTION_TEXT, &team, "TEAM", "whose it is, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .usage = usage, .about = about, .options = options, .n_options = COUNT_OF(options)};

    if (!words_take(&syntax, argc, argv, 1, "a name is expected, once", &status))
        return status;
    CLEANUP_FREE char *path = registry_collection(team, collection);
    return registry_make(argv[0], path, json_pack("{s:s}", "name", argv[1]), "id", "name", as_json);
}

static int run_create(int argc, char **argv)
{
    return create("ambit models create NAME [--team TEAM]",
                  "Makes a model without deployments, so that its environments can be made before "
                  "the first push.\nIts environment \"production\" is there from the beginning.",
                  "models", argc, argv);
}

static int run_create_chain(int argc, char **argv)
{
    return create("ambit chains create NAME [--team TEAM]",
                  "Makes a chain without deployments. Its host begins with chain- and is called "
                  "with run_remote;\n`ambit push FOLDER --chain NAME` deploys its entry, which "
                  "calls other models by their hosts.",
                  "chains", argc, argv);
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

int cli_chains(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list chains", run_list_chains},
        {"get", "show one", run_get_chain},
        {"create", "make one without deployments", run_create_chain},
        {"delete", "delete one with all it has", run_delete_chain},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

/* `ambit env`: environments of a model. */

#include "base/mem.h"
#include "cli/env_settings.h"
#include "cli/promote.h"
#include "cli/registry.h"
#include "cli/words.h"

#include <stdio.h>

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"ENVIRONMENT", "DEPLOYMENT", "STATUS", "REPLICAS",
                                       "PROMOTION",   "RULE",       "URLS"};
    static const char *const members[] = {"name",
                                          "current_deployment.id",
                                          "current_deployment.status",
                                          "current_deployment.active_replica_count",
                                          "in_progress_promotion.status",
                                          "region_rule",
                                          "urls"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(&(struct registry_list){.usage = "ambit env list MODEL",
                                                     .path = "/v1/{model}/environments",
                                                     .table = &table},
                             argc, argv);
}

static int run_get(int argc, char **argv)
{
    return registry_run(&(struct registry_verb){.usage = "ambit env get MODEL ENVIRONMENT",
                                                .method = "GET",
                                                .path = "/v1/{model}/environments/{}"},
                        argc, argv);
}

static int run_delete(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){
            .usage = "ambit env delete MODEL ENVIRONMENT",
            .about = "Its calls answer 404 from then on, and it uses nothing. Production can't be "
                     "deleted.",
            .method = "DELETE",
            .path = "/v1/{model}/environments/{}",
            .done = "deleted"},
        argc, argv);
}

static int run_activate(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit env activate MODEL ENVIRONMENT",
                                .about = "Starts its deployment after `ambit env deactivate`.",
                                .method = "POST",
                                .path = "/v1/{model}/environments/{}/activate",
                                .done = "activated"},
        argc, argv);
}

static int run_deactivate(int argc, char **argv)
{
    return registry_run(&(struct registry_verb){.usage = "ambit env deactivate MODEL ENVIRONMENT",
                                                .about = "Stops its deployment.",
                                                .method = "POST",
                                                .path = "/v1/{model}/environments/{}/deactivate",
                                                .done = "deactivated"},
                        argc, argv);
}

static int run_promotions(int argc, char **argv)
{
    static const char *const head[] = {"PROMOTION", "STATUS", "DEPLOYMENT", "REDEPLOYED",
                                       "WHY",       "BEGAN",  "ENDED",      "ERROR"};
    static const char *const members[] = {"id",         "status",       "candidate_deployment_id",
                                          "redeployed", "reason",       "started_at",
                                          "ended_at",   "error_message"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit env promotions MODEL ENVIRONMENT",
                                .about = "The promotions to it, newest first.",
                                .path = "/v1/{model}/environments/{}/promotions",
                                .table = &table},
        argc, argv);
}

static int run_cancel(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit env cancel MODEL ENVIRONMENT",
                                .about = "Cancels the promotion that is in progress: traffic, "
                                         "settings and replicas stay as they were.",
                                .method = "POST",
                                .path = "/v1/{model}/environments/{}/cancel_promotion",
                                .print = registry_print_status},
        argc, argv);
}

/* --- settings */

static int update_body(const char *command, void *ctx, json_t **ret_body)
{
    json_t *body = json_object();
    int status = env_settings_put(command, ctx, body);

    *ret_body = body;
    return status == CLI_OK && json_object_size(body) == 0 ? words_nothing_to_change(command)
                                                           : status;
}

static int run_update(int argc, char **argv)
{
    struct env_settings settings = {0};
    struct cli_option options[ENV_SETTINGS_OPTIONS];

    env_settings_options(&settings, options);
    int status = registry_run(
        &(struct registry_verb){
            .example = "ambit env update echo prod-eu --concurrency-target 4 --reset min-replica",
            .usage = "ambit env update MODEL ENVIRONMENT OPTION ...",
            .about = "Changes what is said and leaves the rest.",
            .method = "PATCH",
            .path = "/v1/{model}/environments/{}",
            .options = options,
            .n_options = COUNT_OF(options),
            .body = update_body,
            .ctx = &settings,
            .print = registry_print_status},
        argc, argv);
    env_settings_deinit(&settings);
    return status;
}

/* --- create: the environment's name is in the body, not in the path */

struct create_words {
    struct env_settings settings;
    const char *team;
    int as_json;
};

static int create(const char *command, const struct create_words *w, const char *model_word,
                  const char *name)
{
    json_t *body = json_pack("{s:s}", "name", name), *answer = NULL;
    int status = env_settings_put(command, &w->settings, body);
    CLEANUP_FREE char *model =
        status == CLI_OK ? registry_model_path(command, w->team, model_word) : NULL;

    if (status == CLI_OK)
        status = CLI_FAILED;
    if (model) {
        CLEANUP_FREE char *path =
            registry_path("/v1/{model}/environments", (const char *const[]){model});

        status = client_call(command, "POST", path, body, &answer);
    }
    if (status == CLI_OK && w->as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        printf("created: %s\n", name);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int run_create(int argc, char **argv)
{
    struct create_words w = {0};
    struct cli_option options[ENV_SETTINGS_OPTIONS + 2];
    const struct cli_syntax syntax = {
        .example = "ambit env create echo staging --min-replica 1 --max-replica 3",
        .usage = "ambit env create MODEL ENVIRONMENT [OPTION ...]",
        .about = "An environment group of that name binds it: its region rule and who may manage "
                 "it.\nNames have lower-case letters, digits and hyphens.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    env_settings_options(&w.settings, options);
    options[ENV_SETTINGS_OPTIONS] = (struct cli_option){
        "team", CLI_OPTION_TEXT, &w.team, "TEAM", "the model's team, by name or id", 0};
    options[ENV_SETTINGS_OPTIONS + 1] = (struct cli_option){
        "json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0};
    if (words_take(&syntax, argc, argv, 2, "a model and an environment are expected", &status))
        status = create(argv[0], &w, argv[1], argv[2]);
    env_settings_deinit(&w.settings);
    return status;
}

int cli_env(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list a model's environments", run_list},
        {"get", "show one", run_get},
        {"create", "make one", run_create},
        {"update", "change its settings", run_update},
        {"delete", "delete one", run_delete},
        {"activate", "start its deployment", run_activate},
        {"deactivate", "stop its deployment", run_deactivate},
        {"promote", "make a deployment the one that it serves", env_run_promote},
        {"promotions", "list the promotions to it", run_promotions},
        {"cancel", "cancel the promotion that is in progress", run_cancel},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

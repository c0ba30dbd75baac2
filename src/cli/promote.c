#include "cli/promote.h"

#include "base/mem.h"
#include "cli/plan.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/wait.h"
#include "cli/words.h"

#include <stdio.h>

struct words {
    const char *model, *environment, *deployment;
    const char *team;
    int dry_run, wait, keep_previous, own_instance_type, as_json;
    uint64_t timeout_s;
};

static json_t *body_of(const struct words *w, const char *deployment)
{
    json_t *body =
        json_pack("{s:s, s:b, s:b}", "deployment_id", deployment, "scale_down_previous_deployment",
                  !w->keep_previous, "preserve_env_instance_type", !w->own_instance_type);

    if (w->dry_run)
        json_object_set_new(body, "dry_run", json_true());
    return body;
}

static int wait_for(const char *command, const struct words *w, const char *model,
                    const json_t *answer)
{
    struct wait wait = {
        .command = command,
        .model = model,
        .deployment = table_text(answer, "id"),
        .environment = w->environment,
        .timeout_s = w->timeout_s,
    };
    int status = wait_until_done(&wait);

    if (status == CLI_OK && !w->as_json)
        printf("promoted: %s is in %s\n", wait.deployment, w->environment);
    return status;
}

static void print_answer(const struct words *w, const json_t *answer)
{
    if (w->as_json)
        client_print_json(answer);
    else if (w->dry_run)
        plan_print(answer);
    else if (!w->wait)
        printf("promotion has begun: %s to %s\n", table_text(answer, "id"), w->environment);
}

static int promote(const char *command, const struct words *w)
{
    CLEANUP_FREE char *model = registry_model_path(command, w->team, w->model);
    const char *path_words[] = {model, w->environment};
    json_t *body, *answer = NULL;

    CLEANUP_FREE char *deployment =
        model ? registry_deployment_id(command, model, w->deployment) : NULL;
    if (!deployment)
        return CLI_FAILED;
    CLEANUP_FREE char *path = registry_path("/v1/{model}/environments/{}/promote", path_words);
    body = body_of(w, deployment);
    int status = client_call(command, "POST", path, body, &answer);
    if (status == CLI_OK)
        print_answer(w, answer);
    client_warn_if_pending(command, answer);
    if (status == CLI_OK && w->wait && !w->dry_run)
        status = wait_for(command, w, model, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

int env_run_promote(int argc, char **argv)
{
    struct words w = {0};
    const struct cli_option options[] = {
        {"dry-run", CLI_OPTION_FLAG, &w.dry_run, NULL,
         "only say what it would do: reuse or redeploy and why, where, with which settings", 0},
        {"wait", CLI_OPTION_FLAG, &w.wait, NULL, "until the promotion has ended", 0},
        {"timeout-seconds", CLI_OPTION_NUMBER, &w.timeout_s, "N", "of that wait (no limit)", 0},
        {"keep-previous", CLI_OPTION_FLAG, &w.keep_previous, NULL,
         "leave the deployment that is there now as it is", 0},
        {"no-preserve-env-instance-type", CLI_OPTION_FLAG, &w.own_instance_type, NULL,
         "take the instance type of the package, not that of the environment", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "the model's team, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .example = "ambit env promote echo prod-eu deployment-2 --dry-run",
        .usage = "ambit env promote MODEL ENVIRONMENT DEPLOYMENT [OPTION ...]",
        .about = "Makes a deployment the one that the environment serves, once it is ready.\n"
                 "A promotion that fails leaves everything as it was.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 3, "a model, an environment and a deployment are expected",
                    &status))
        return status;
    w.model = argv[1];
    w.environment = argv[2];
    w.deployment = argv[3];
    return promote(argv[0], &w);
}

/*
 * `ambit deployments`: deployments of a model, and what can be done with one. A deployment is named
 * by its id or its name, or by "production" or "development" for whatever that is at the moment.
 */

#include "base/mem.h"
#include "cli/env_settings.h"
#include "cli/external.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"DEPLOYMENT", "NAME",    "STATUS",  "ENVIRONMENT",
                                       "REPLICAS",   "REGIONS", "CREATED", "WHY"};
    static const char *const members[] = {
        "id",      "name",       "status",       "environment", "active_replica_count",
        "regions", "created_at", "status_reason"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(&(struct registry_list){.usage = "ambit deployments list MODEL",
                                                     .path = "/v1/{model}/deployments",
                                                     .table = &table},
                             argc, argv);
}

static int run_get(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){
            .usage = "ambit deployments get MODEL DEPLOYMENT",
            .about = "A deployment is named by its id or its name, or \"production\" or "
                     "\"development\",\nhere and in all other commands.",
            .method = "GET",
            .path = "/v1/{model}/deployments/{}"},
        argc, argv);
}

static int run_activate(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit deployments activate MODEL DEPLOYMENT",
                                .about = "Starts a deployment that was deactivated.",
                                .method = "POST",
                                .path = "/v1/{model}/deployments/{}/activate",
                                .done = "activated"},
        argc, argv);
}

static int run_deactivate(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){
            .usage = "ambit deployments deactivate MODEL DEPLOYMENT",
            .about = "Stops it: it answers 404 and uses nothing until it is activated.",
            .method = "POST",
            .path = "/v1/{model}/deployments/{}/deactivate",
            .done = "deactivated"},
        argc, argv);
}

static int run_wake(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit deployments wake MODEL DEPLOYMENT",
                                .about =
                                    "Has one that is scaled to zero start before a request comes.",
                                .method = "POST",
                                .path = "/v1/{model}/deployments/{}/wake",
                                .done = "woken"},
        argc, argv);
}

static int run_delete(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){
            .usage = "ambit deployments delete MODEL DEPLOYMENT",
            .about = "Refused while it is in an environment, and for a model's only deployment.",
            .method = "DELETE",
            .path = "/v1/{model}/deployments/{}",
            .done = "deleted"},
        argc, argv);
}

static void print_retry(const json_t *answer)
{
    const char *reason = table_text(answer, "reason");

    if (json_is_true(json_object_get(answer, "retried")))
        printf("retried: %s\n", table_text(answer, "deployment.id"));
    else
        printf("not retried: %s\n", *reason ? reason : "there is nothing to retry");
}

static int run_retry(int argc, char **argv)
{
    return registry_run(&(struct registry_verb){.usage = "ambit deployments retry MODEL DEPLOYMENT",
                                                .about = "Builds or starts a failed one again.",
                                                .method = "POST",
                                                .path = "/v1/{model}/deployments/{}/retry",
                                                .print = print_retry},
                        argc, argv);
}

static void print_config(const json_t *answer)
{
    const char *text = json_string_value(json_object_get(answer, "raw_config"));

    if (text)
        printf("%s", text);
    else
        client_print_json(json_object_get(answer, "config"));
}

static int run_config(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit deployments config MODEL DEPLOYMENT",
                                .about = "The config.yaml that it was pushed with.",
                                .method = "GET",
                                .path = "/v1/{model}/deployments/{}/config",
                                .print = print_config},
        argc, argv);
}

/* --- autoscaling */

static int update_body(const char *command, void *ctx, json_t **ret_body)
{
    json_t *body = json_object();
    int status = env_settings_put(command, ctx, body);

    *ret_body = json_incref(json_object_get(body, "autoscaling_settings"));
    json_decref(body);
    return status == CLI_OK && !*ret_body ? words_nothing_to_change(command) : status;
}

static int run_update(int argc, char **argv)
{
    struct env_settings settings = {0};
    struct cli_option options[ENV_SETTINGS_AUTOSCALING + 1];

    env_settings_autoscaling_options(&settings, options);
    int status = registry_run(
        &(struct registry_verb){.example =
                                    "ambit deployments update echo deployment-2 --max-replica 2",
                                .usage = "ambit deployments update MODEL DEPLOYMENT OPTION ...",
                                .about = "Changes its autoscaling until its environment says "
                                         "otherwise.",
                                .method = "PATCH",
                                .path = "/v1/{model}/deployments/{}/autoscaling_settings",
                                .options = options,
                                .n_options = COUNT_OF(options),
                                .body = update_body,
                                .ctx = &settings,
                                .print = registry_print_status},
        argc, argv);
    env_settings_deinit(&settings);
    return status;
}

/* --- promotion to production */

struct promote_words {
    int keep_previous, own_instance_type;
};

static int promote_body(const char *command, void *ctx, json_t **ret_body)
{
    const struct promote_words *w = ctx;

    (void)command;
    *ret_body = json_pack("{s:b, s:b}", "scale_down_previous_production", !w->keep_previous,
                          "preserve_env_instance_type", !w->own_instance_type);
    return CLI_OK;
}

static int run_promote(int argc, char **argv)
{
    struct promote_words w = {0};
    const struct cli_option options[] = {
        {"keep-previous", CLI_OPTION_FLAG, &w.keep_previous, NULL,
         "leave the deployment that is in production now as it is", 0},
        {"no-preserve-env-instance-type", CLI_OPTION_FLAG, &w.own_instance_type, NULL,
         "take the instance type of the package, not that of the environment", 0},
    };

    return registry_run(
        &(struct registry_verb){.usage = "ambit deployments promote MODEL DEPLOYMENT [OPTION ...]",
                                .about = "Promotes it to production. For other environments, for "
                                         "a plan, and for waiting: `ambit env promote`.",
                                .method = "POST",
                                .path = "/v1/{model}/deployments/{}/promote",
                                .options = options,
                                .n_options = COUNT_OF(options),
                                .body = promote_body,
                                .ctx = &w},
        argc, argv);
}

/* --- replicas */

static int run_replicas(int argc, char **argv)
{
    static const char *const head[] = {"REPLICA", "STATUS", "PLANE", "REGION", "READY", "WHY"};
    static const char *const members[] = {"id",     "status",   "plane",
                                          "region", "ready_at", "status_reason"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit deployments replicas MODEL DEPLOYMENT",
                                .about = "Its replicas, with the plane and region of each one.",
                                .path = "/v1/{model}/deployments/{}/replicas",
                                .table = &table},
        argc, argv);
}

static int run_terminate(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit deployments terminate MODEL DEPLOYMENT REPLICA",
                                .about = "Ends one replica; another one takes its place.",
                                .method = "DELETE",
                                .path = "/v1/{model}/deployments/{}/replicas/{}",
                                .done = "terminated"},
        argc, argv);
}

int cli_deployments(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list a model's deployments", run_list},
        {"get", "show one", run_get},
        {"create", "add a server that others run", deployments_run_create},
        {"config", "show its config.yaml", run_config},
        {"update", "change its autoscaling", run_update},
        {"activate", "start one that was deactivated", run_activate},
        {"deactivate", "stop one", run_deactivate},
        {"retry", "build or start a failed one again", run_retry},
        {"delete", "delete one", run_delete},
        {"promote", "promote one to production", run_promote},
        {"wake", "start one that is scaled to zero", run_wake},
        {"replicas", "list its replicas", run_replicas},
        {"terminate", "end one replica", run_terminate},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

#include "cli/external.h"

#include "base/mem.h"
#include "cli/read_value.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/wait.h"
#include "cli/words.h"

#include <stdio.h>

struct words {
    const char *team, *url, *region, *credential_file, *environment, *name, *instance_type;
    uint64_t timeout_s;
    int wait, as_json;
};

static void put(json_t *source, const char *member, const char *text)
{
    if (text)
        json_object_set_new(source, member, json_string(text));
}

/* Without a file there is no credential. */
static int put_credential(const char *command, const struct words *w, json_t *source)
{
    struct buf value;
    int status;

    if (!w->credential_file)
        return CLI_OK;
    status = read_value(command, w->credential_file, &value);
    if (status == CLI_OK &&
        json_object_set_new(source, "credential", json_stringn(value.p, value.n)) != 0) {
        fprintf(stderr, "ambit %s: the credential is no UTF-8 text\n", command);
        status = CLI_FAILED;
    }
    read_value_deinit(&value);
    return status;
}

static void print_made(const struct words *w, const json_t *answer)
{
    if (w->as_json)
        client_print_json(answer);
    else
        registry_print_made(json_object_get(answer, "deployment"), "id", "name");
    fflush(stdout);
}

static int wait_for(const char *command, const struct words *w, const char *model,
                    const json_t *answer)
{
    struct wait wait = {
        .command = command,
        .model = model,
        .deployment = json_string_value(table_member(answer, "deployment.id")),
        .environment = w->environment,
        .timeout_s = w->timeout_s,
    };

    return wait.deployment ? wait_until_done(&wait) : CLI_FAILED;
}

static int send(const char *command, const struct words *w, const char *model, json_t *source)
{
    CLEANUP_FREE char *path =
        registry_path("/v1/{model}/deployments", (const char *const[]){model});
    json_t *body = json_pack("{s:O}", "source", source), *answer = NULL;
    int status = client_call(command, "POST", path, body, &answer);

    if (status == CLI_OK)
        print_made(w, answer);
    client_warn_if_pending(command, answer);
    if (status == CLI_OK && w->wait)
        status = wait_for(command, w, model, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int create(const char *command, const struct words *w, const char *model_word)
{
    json_t *source =
        json_pack("{s:s, s:s, s:s}", "kind", "external", "url", w->url, "region", w->region);
    int status = put_credential(command, w, source);
    CLEANUP_FREE char *model =
        status == CLI_OK ? registry_model_path(command, w->team, model_word) : NULL;

    put(source, "environment_name", w->environment);
    put(source, "deployment_name", w->name);
    put(source, "instance_type", w->instance_type);
    status = model ? send(command, w, model, source) : CLI_FAILED;
    json_decref(source);
    return status;
}

int deployments_run_create(int argc, char **argv)
{
    struct words w = {0};
    const struct cli_option options[] = {
        {"url", CLI_OPTION_TEXT, &w.url, "URL", "of the server (needed)", 0},
        {"region", CLI_OPTION_TEXT, &w.region, "NAME",
         "where it stands: a region, or a country or zone where no more is known (needed)", 0},
        {"credential-file", CLI_OPTION_TEXT, &w.credential_file, "FILE",
         "what the server wants as a bearer; - is standard input", 0},
        {"environment", CLI_OPTION_TEXT, &w.environment, "NAME",
         "promote it to this environment once it is ready", 0},
        {"deployment-name", CLI_OPTION_TEXT, &w.name, "NAME", "a name for people", 0},
        {"instance-type", CLI_OPTION_TEXT, &w.instance_type, "NAME",
         "`ambit instance-types` lists them", 0},
        {"wait", CLI_OPTION_FLAG, &w.wait, NULL, "until it is ACTIVE, or its promotion has ended",
         0},
        {"timeout-seconds", CLI_OPTION_NUMBER, &w.timeout_s, "N", "of that wait (no limit)", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "the model's team, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .example = "ambit deployments create whisper --url http://10.0.0.7:8000 --region FR "
                   "--environment prod-eu",
        .usage = "ambit deployments create MODEL --url URL --region NAME [OPTION ...]",
        .about = "Adds a server that others run. `ambit push` deploys a package.",
        .options = options,
        .n_options = COUNT_OF(options)};
    static const char expected[] = "a model, --url and --region are expected";
    int status;

    if (!words_take(&syntax, argc, argv, 1, expected, &status))
        return status;
    if (w.url && w.region)
        return create(argv[0], &w, argv[1]);
    fprintf(stderr, "ambit %s: %s\n", argv[0], expected);
    return CLI_USAGE;
}

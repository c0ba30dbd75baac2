#include "cli/push_words.h"

#include "base/command_line.h"
#include "base/mem.h"
#include "cli/commands.h"

#include <stdio.h>

enum { TIMEOUT_MIN_MINUTES = 10, TIMEOUT_MAX_MINUTES = 1440, OPTIONS = 17 };

static void list_options(struct push_words *w, struct cli_option ret_options[OPTIONS])
{
    const struct cli_option options[OPTIONS] = {
        {"model-name", CLI_OPTION_TEXT, &w->model_name, "NAME",
         "the model (default: model_name of config.yaml); made if it is new", 0},
        {"chain", CLI_OPTION_TEXT, &w->chain, "NAME",
         "the chain whose entry it is; made if it is new", 0},
        {"team", CLI_OPTION_TEXT, &w->team, "TEAM", "the model's team, by name or id", 0},
        {"environment", CLI_OPTION_TEXT, &w->environment, "NAME",
         "promote it to this environment once it is ready", 0},
        {"promote", CLI_OPTION_FLAG, &w->promote, NULL, "the same as --environment production", 0},
        {"development", CLI_OPTION_FLAG, &w->development, NULL,
         "make it the model's development deployment, in place of the one there is", 0},
        {"deployment-name", CLI_OPTION_TEXT, &w->deployment_name, "NAME",
         "a name for people (default: deployment-1, …)", 0},
        {"labels", CLI_OPTION_TEXT, &w->labels_text, "JSON", "an object of your own", 0},
        {"preserve-env-instance-type", CLI_OPTION_FLAG, &w->preserve, NULL,
         "keep the environment's instance type (the default)", 0},
        {"no-preserve-env-instance-type", CLI_OPTION_FLAG, &w->no_preserve, NULL,
         "take the package's instead", 0},
        {"deploy-timeout-minutes", CLI_OPTION_NUMBER, &w->deploy_timeout_minutes, "N",
         "how long it may take until it is ready: 10 to 1440", 0},
        {"wait", CLI_OPTION_FLAG, &w->wait, NULL,
         "until it is ACTIVE, or its promotion has ended; exit status 1 if that fails", 0},
        {"timeout-seconds", CLI_OPTION_NUMBER, &w->timeout_s, "N", "of that wait (no limit)", 0},
        {"tail", CLI_OPTION_FLAG, &w->tail, NULL, "wait, and show its log meanwhile", 0},
        {"dry-run", CLI_OPTION_FLAG, &w->dry_run, NULL,
         "check and pack it, say what would be made, and change nothing", 0},
        {"output", CLI_OPTION_TEXT, &w->output, "text|json", "what standard output gets", 0},
        {"json", CLI_OPTION_FLAG, &w->as_json, NULL, "the same as --output json", 0},
    };

    memcpy(ret_options, options, sizeof(options));
}

static bool is_name(str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = str_lower_char(text.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.'))
            return false;
    }
    return text.n > 0;
}

/* NULL, or what is wrong with the words taken together. */
static const char *problem_of(struct push_words *w)
{
    uint64_t minutes = w->deploy_timeout_minutes;

    if (w->chain && w->model_name)
        return "--chain and --model-name exclude each other";
    if (w->promote && w->environment)
        return "--promote means --environment production; say one of them";
    if (w->development && (w->environment || w->promote || w->deployment_name || w->no_preserve))
        return "--development is in no environment and has no name: --environment, --promote, "
               "--deployment-name and --no-preserve-env-instance-type are not for it";
    if (w->preserve && w->no_preserve)
        return "--preserve-env-instance-type and --no-preserve-env-instance-type contradict each "
               "other";
    if (minutes != UINT64_MAX && (minutes < TIMEOUT_MIN_MINUTES || minutes > TIMEOUT_MAX_MINUTES))
        return "--deploy-timeout-minutes is a number from 10 to 1440";
    if (w->deployment_name && !is_name(str_of(w->deployment_name)))
        return "--deployment-name has letters, digits, dots, hyphens and underscores only";
    if (w->output && strcmp(w->output, "text") && strcmp(w->output, "json"))
        return "--output is text or json";
    if (!w->labels_text)
        return NULL;
    w->labels = json_loads(w->labels_text, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(w->labels) ? NULL : "--labels is a JSON object";
}

int push_words_take(struct push_words *w, int argc, char **argv, int *ret_done)
{
    struct cli_option options[OPTIONS];
    const struct cli_syntax syntax = {
        .example = "ambit push examples/truss/echo --environment prod-eu --wait",
        .usage = "ambit push FOLDER [OPTION ...]",
        .about = "Deploys a Truss package: a folder with config.yaml and model/model.py, or one "
                 "whose config.yaml\nhas docker_server.start_command. It is checked here before "
                 "anything is sent.",
        .options = options,
        .n_options = OPTIONS};
    const char *problem = NULL;
    int operands = 0;

    *w = (struct push_words){.command = argv[0], .deploy_timeout_minutes = UINT64_MAX};
    list_options(w, options);
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);
    *ret_done = parsed == CLI_PARSED_HELP;
    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    problem = operands == 1 ? problem_of(w) : "the package's folder is expected, once";
    if (problem) {
        fprintf(stderr, "ambit %s: %s\n", argv[0], problem);
        return CLI_USAGE;
    }
    w->folder = argv[1];
    if (w->chain)
        w->model_name = w->chain;
    w->wait = w->wait || w->tail;
    w->as_json = w->as_json || (w->output && !strcmp(w->output, "json"));
    if (w->promote)
        w->environment = "production";
    return CLI_OK;
}

void push_words_deinit(struct push_words *w)
{
    json_decref(w->labels);
}

/* `ambit logs`: the log of a deployment or environment, once or as it grows. */

#include "base/clock.h"
#include "base/mem.h"
#include "cli/log_reader.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "config/value.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

struct words {
    const char *team, *deployment, *environment, *since;
    struct log_filter filter;
    int follow, as_json;
};

/* --- whose log */

static char *log_path(const char *model, const char *kind, const char *name)
{
    return !strcmp(kind, "environment") ? registry_path("/v1/{model}/environments/{}/logs",
                                                        (const char *const[]){model, name})
                                        : registry_path("/v1/{model}/deployments/{}/logs",
                                                        (const char *const[]){model, name});
}

static bool is_before(const json_t *a, const json_t *b)
{
    const char *one = json_string_value(json_object_get(a, "created_at"));
    const char *other = json_string_value(json_object_get(b, "created_at"));

    return one && other && strcmp(one, other) < 0;
}

/* Where nothing is said: of the newest deployment. NULL after a message. */
static char *newest_path(const char *command, const char *model)
{
    CLEANUP_FREE char *path =
        registry_path("/v1/{model}/deployments", (const char *const[]){model});
    json_t *rows = registry_rows(command, path), *row, *newest = NULL;
    char *found = NULL;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        if (!newest || !is_before(row, newest))
            newest = row;
    }
    const char *id = json_string_value(json_object_get(newest, "id"));
    if (id)
        found = log_path(model, "deployment", id);
    else if (rows)
        fprintf(stderr, "ambit %s: the model has no deployment yet\n", command);
    json_decref(rows);
    return found;
}

static char *path_of(const char *command, const struct words *w, const char *model)
{
    if (w->environment)
        return log_path(model, "environment", w->environment);
    if (!w->deployment)
        return newest_path(command, model);
    CLEANUP_FREE char *id = registry_deployment_id(command, model, w->deployment);
    return id ? log_path(model, "deployment", id) : NULL;
}

/* --- printing */

static void print(const struct words *w, const json_t *rows)
{
    const json_t *row;
    size_t i;

    if (!w->as_json) {
        log_print(stdout, rows);
        return;
    }
    json_array_foreach(rows, i, row)
    {
        json_dumpf(row, stdout, JSON_COMPACT);
        printf("\n");
    }
    fflush(stdout);
}

/* A reader that goes away ends it. */
static int show(struct log_reader *log, const struct words *w)
{
    for (;;) {
        json_t *rows = log_reader_read(log);

        if (!rows)
            return CLI_FAILED;
        print(w, rows);
        json_decref(rows);
        if (!w->follow || ferror(stdout))
            return ferror(stdout) ? CLI_FAILED : CLI_OK;
        log->follows = true;
        nanosleep(&(struct timespec){.tv_sec = 1}, NULL);
    }
}

/* --- the command */

static const char *conflict_of(const struct words *w, int operands, int64_t *ret_since_s)
{
    int64_t since_ms = LOG_DEFAULT_SINCE_S * 1000LL;

    if (operands != 1)
        return "a model is expected, once";
    if (w->deployment && w->environment)
        return "--deployment and --environment exclude each other";
    if (w->since && (!value_parse_duration(str_of(w->since), &since_ms) || since_ms < 0 ||
                     since_ms > LOG_MAX_SINCE_S * 1000LL))
        return "--since is a duration of at most 7d, such as 30m";
    *ret_since_s = since_ms / 1000;
    return NULL;
}

static int run(const char *command, const char *model_word, struct words *w, int64_t since_s)
{
    CLEANUP_FREE char *model = registry_model_path(command, w->team, model_word);
    CLEANUP_FREE char *path = model ? path_of(command, w, model) : NULL;
    struct log_reader log;

    if (!path)
        return CLI_FAILED;
    log_reader_init_since(&log, command, path, since_s);
    log.filter = w->filter;
    int status = show(&log, w);
    log_reader_deinit(&log);
    return status;
}

/* The parser knows no short options: "-f" is among the operands, of which it is taken out. */
static int take_short_follow(char **argv, int operands, struct words *w)
{
    int kept = 0;

    for (int i = 1; i <= operands; i++) {
        if (!strcmp(argv[i], "-f"))
            w->follow = 1;
        else
            argv[++kept] = argv[i];
    }
    return kept;
}

int cli_logs(int argc, char **argv)
{
    struct words w = {0};
    const struct cli_option options[] = {
        {"deployment", CLI_OPTION_TEXT, &w.deployment, "ID",
         "of this one, by id or name (default: the newest)", 0},
        {"environment", CLI_OPTION_TEXT, &w.environment, "NAME",
         "of every deployment that was in it meanwhile", 0},
        {"follow", CLI_OPTION_FLAG, &w.follow, NULL, "go on as it grows; -f is the same", 0},
        {"since", CLI_OPTION_TEXT, &w.since, "DURATION", "how far back (30m)", 0},
        {"min-level", CLI_OPTION_TEXT, &w.filter.min_level, "LEVEL",
         "DEBUG, INFO, WARNING or ERROR", 0},
        {"replica", CLI_OPTION_TEXT, &w.filter.replica, "ID", "lines of this one only", 0},
        {"request-id", CLI_OPTION_TEXT, &w.filter.request_id, "ID", "lines of this request only",
         0},
        {"search", CLI_OPTION_TEXT, &w.filter.search, "PATTERN", "lines that match only", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "the model's team, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "each line as a JSON object", 0},
    };
    const struct cli_syntax syntax = {
        .example = "ambit logs echo --environment prod-eu --since 10m --min-level WARNING -f",
        .usage = "ambit logs MODEL [-f] [OPTION ...]",
        .about = "Build and replicas' logs: time, level, replica, message.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int64_t since_s = 0;
    int operands = 0;

    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);
    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    operands = take_short_follow(argv, operands, &w);
    const char *conflict = conflict_of(&w, operands, &since_s);
    if (conflict) {
        fprintf(stderr, "ambit %s: %s\n", argv[0], conflict);
        return CLI_USAGE;
    }
    return run(argv[0], argv[1], &w, since_s);
}

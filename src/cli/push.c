/*
 * `ambit push`: a package's folder becomes a deployment. All that can be known beforehand is
 * checked before anything is sent: the package, the model, the environment. Then: upload, model if
 * it is new, environment if its group is there, deployment.
 */

#include "base/mem.h"
#include "cli/log_reader.h"
#include "cli/plan.h"
#include "cli/progress.h"
#include "cli/push_words.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/wait.h"

#include <stdio.h>

enum place {
    PLACE_NONE,  /* no environment was named */
    PLACE_THERE, /* the model has it, or will have it from its making */
    PLACE_NEW,   /* it will be made: its group is there */
};

struct push {
    struct push_words words;
    struct push_package package;
    json_t *model; /* NULL: it is new */
    char *path;    /* of the model, once it is there */
    bool chain;    /* the model is a chain */
    enum place place;
    json_t *deployment;  /* once it is made */
    json_t *environment; /* the same, where there is one */
};

/* --- what is there already */

/* 200, 404, or 0 after a message. */
static long exists(const struct push *p, const char *path)
{
    json_t *answer = NULL;
    long status = 0;

    if (client_ask(p->words.command, "GET", path, NULL, &status, &answer) != CLI_OK)
        return 0;
    if (status != 200 && status != 404) {
        client_report(p->words.command, status, answer);
        status = 0;
    }
    json_decref(answer);
    return status;
}

static long environment_exists(const struct push *p)
{
    const char *words[] = {p->path, p->words.environment};
    CLEANUP_FREE char *path = registry_path("/v1/{model}/environments/{}", words);

    return exists(p, path);
}

static long group_exists(const struct push *p)
{
    const char *words[] = {p->words.team ? p->words.team : table_text(p->model, "team_id"),
                           p->words.environment};
    CLEANUP_FREE char *path = *words[0] ? registry_path("/v1/teams/{}/environment_groups/{}", words)
                                        : registry_path("/v1/environment_groups/{}", words + 1);

    return exists(p, path);
}

static const char *kind_of(const struct push *p)
{
    return p->chain ? "chain" : "model";
}

static int say_how_to_make_it(const struct push *p)
{
    const char *environment = p->words.environment, *model = p->package.model_name;

    fprintf(stderr,
            "ambit %s: %s \"%s\" has no environment \"%s\", and there is no environment group "
            "of that name. Make one of them, then push again:\n",
            p->words.command, kind_of(p), model, environment);
    fprintf(stderr, "  ambit group set %s --allow eu    with a region rule, for every model\n",
            environment);
    if (!p->model)
        fprintf(stderr, "  ambit %ss create %s && \\\n", kind_of(p), model);
    fprintf(stderr, "  ambit env create %s %s    without one\n", model, environment);
    return CLI_FAILED;
}

static int find_place(struct push *p)
{
    p->place = p->words.environment ? PLACE_THERE : PLACE_NONE;
    if (!p->words.environment || (!p->model && !strcmp(p->words.environment, "production")))
        return CLI_OK;
    long status = p->model ? environment_exists(p) : 404;
    if (status != 404)
        return status ? CLI_OK : CLI_FAILED;
    status = group_exists(p);
    p->place = PLACE_NEW;
    return status == 404 ? say_how_to_make_it(p) : status ? CLI_OK : CLI_FAILED;
}

/* --- making */

static void on_sent(void *ctx, uint64_t sent)
{
    progress_show(ctx, sent);
}

static int upload(const struct push *p)
{
    struct progress progress;
    struct client_file file = {.descriptor = p->package.archive,
                               .bytes = p->package.about.archive_bytes,
                               .on_sent = on_sent,
                               .ctx = &progress};
    json_t *answer = NULL;

    progress_init(&progress, "upload", file.bytes);
    int status =
        client_upload(p->words.command, "/v1/packages", "application/gzip", &file, &answer);
    progress_end(&progress);
    if (status == CLI_OK && strcmp(table_text(answer, "sha256"), p->package.about.sha256)) {
        fprintf(stderr, "ambit %s: the server has SHA-256 %s of the package, and it is %s\n",
                p->words.command, table_text(answer, "sha256"), p->package.about.sha256);
        status = CLI_FAILED;
    }
    json_decref(answer);
    return status;
}

static json_t *source_of(const struct push *p)
{
    const struct push_words *w = &p->words;
    json_t *deployment =
        json_pack("{s:O, s:s, s:b}", "config", p->package.config, "raw_config",
                  p->package.raw_config, "preserve_env_instance_type", !w->no_preserve);

    if (w->environment)
        json_object_set_new(deployment, "environment_name", json_string(w->environment));
    if (w->development)
        json_object_set_new(deployment, "is_development", json_true());
    if (w->deployment_name)
        json_object_set_new(deployment, "deployment_name", json_string(w->deployment_name));
    if (w->labels)
        json_object_set(deployment, "labels", w->labels);
    if (w->deploy_timeout_minutes != UINT64_MAX)
        json_object_set_new(deployment, "deploy_timeout_minutes",
                            json_integer((json_int_t)w->deploy_timeout_minutes));
    return json_pack("{s:s, s:s, s:o}", "kind", "model_archive", "package", p->package.about.sha256,
                     "deployment", deployment);
}

/* Takes the reference; NULL: there is none yet. */
static void take_model(struct push *p, json_t *model)
{
    if (model)
        json_object_set_new(model, "collection", json_string(p->chain ? "chains" : "models"));
    json_decref(p->model);
    mem_free(p->path);
    p->model = model;
    p->path = model ? registry_path_of_model(model) : NULL;
}

/* The server makes what is new in the same change: all of it, or nothing. With --dry-run it makes
 * nothing, and answers with the plan. */
static int send(const struct push *p, json_t **ret_answer)
{
    json_t *source = source_of(p), *answer = NULL;
    CLEANUP_FREE char *path =
        p->model ? registry_path("/v1/{model}/deployments", (const char *const[]){p->path})
                 : registry_collection(p->words.team, p->chain ? "chains" : "models");
    long http = 0;

    if (!p->model)
        json_object_set_new(source, "name", json_string(p->package.model_name));
    json_t *body = json_pack("{s:o}", "source", source);
    if (p->words.dry_run)
        json_object_set_new(body, "dry_run", json_true());
    int status = client_ask(p->words.command, "POST", path, body, &http, &answer);
    json_decref(body);
    if (status == CLI_OK && http >= 200 && http < 300) {
        *ret_answer = answer;
        return CLI_OK;
    }
    if (status == CLI_OK)
        client_report(p->words.command, http, answer);
    /* The name is known from other models only. */
    if (http == 404 && p->place == PLACE_NEW)
        say_how_to_make_it(p);
    json_decref(answer);
    return CLI_FAILED;
}

static int make_deployment(struct push *p)
{
    json_t *answer = NULL;
    int status = send(p, &answer);

    if (status != CLI_OK)
        return status;
    client_warn_if_pending(p->words.command, answer);
    p->deployment = json_incref(json_object_get(answer, "deployment"));
    take_model(p, json_incref(json_object_get(answer, kind_of(p))));
    json_decref(answer);
    return CLI_OK;
}

static int make(struct push *p)
{
    int status = upload(p);

    return status == CLI_OK ? make_deployment(p) : status;
}

/* --- what would be made */

static void print_plan(const struct push *p, json_t *plan)
{
    const struct package_about *about = &p->package.about;

    if (p->words.as_json) {
        json_object_set(plan, p->chain ? "chain_id" : "model_id", json_object_get(p->model, "id"));
        json_object_set_new(plan, p->chain ? "chain_name" : "model_name",
                            json_string(p->package.model_name));
        json_object_set_new(plan, "package", json_string(about->sha256));
        client_print_json(plan);
        return;
    }
    printf("package      %u files, %llu bytes packed, SHA-256 %s\n", about->files,
           (unsigned long long)about->archive_bytes, about->sha256);
    printf("%-12s %s (%s)\n", kind_of(p), p->package.model_name,
           p->model ? table_text(p->model, "id") : "new: it would be made");
    if (p->words.environment)
        printf("environment  %s%s\n", p->words.environment,
               p->place == PLACE_NEW ? " (new: it would be made)" : "");
    printf("\n");
    plan_print(plan);
    printf("\nnothing was made\n");
}

static int say_plan(const struct push *p)
{
    json_t *plan = NULL;
    int status = send(p, &plan);

    if (status == CLI_OK)
        print_plan(p, plan);
    json_decref(plan);
    return status;
}

/* --- what is there now */

static json_t *get(const struct push *p, const char *pattern, const char *last)
{
    const char *words[] = {p->path, last};
    CLEANUP_FREE char *path = registry_path(pattern, words);
    json_t *answer = NULL;

    return client_call(p->words.command, "GET", path, NULL, &answer) == CLI_OK ? answer : NULL;
}

/* "hosts" or "urls". */
static const json_t *places_of(const struct push *p, const char *member)
{
    return json_object_get(p->environment ? p->environment : p->model, member);
}

/* "model-{id}-{environment}." */
static bool is_regional(const char *host)
{
    str label = str_upto(str_of(host), str_find(str_of(host), '.', 0));
    size_t kind = str_find(label, '-', 0);

    return kind < label.n && str_find(label, '-', kind + 1) < label.n;
}

/* The host that has the environment's name takes bare paths. */
static void print_endpoint(const struct push *p, const char *label, const char *host,
                           const char *url)
{
    const char *environment = p->words.environment;
    bool chain = str_starts(str_of(host), STR("chain-"));
    const char *verb = chain ? "run_remote" : "predict";

    if (environment && is_regional(host))
        printf("%-12s %s/%s\n", label, url, verb);
    else if (environment)
        printf("%-12s %s/environments/%s/%s\n", label, url, environment, verb);
    else if (p->words.development)
        printf("%-12s %s/development/%s\n", label, url, verb);
    else
        printf("%-12s %s/deployment/%s/%s\n", label, url, table_text(p->deployment, "id"), verb);
}

static void print_text(const struct push *p)
{
    const json_t *hosts = places_of(p, "hosts"), *urls = places_of(p, "urls");

    printf("%-12s %s  %s\n", kind_of(p), table_text(p->model, "id"), table_text(p->model, "name"));
    printf("%-12s %s  %s\n", "deployment", table_text(p->deployment, "id"),
           table_text(p->deployment, "name"));
    if (p->words.environment)
        printf("%-12s %s\n", "environment", p->words.environment);
    for (size_t i = 0; i < json_array_size(hosts); i++) {
        const char *host = json_string_value(json_array_get(hosts, i));
        const char *url = json_string_value(json_array_get(urls, i));

        if (host && url)
            print_endpoint(p, i ? "" : "endpoint", host, url);
    }
    fflush(stdout);
}

static void print_json(const struct push *p)
{
    json_t *now = get(p, "/v1/{model}/deployments/{}", table_text(p->deployment, "id"));
    json_t *value = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s?, s:s, s:O?, s:O?}",
                              p->chain ? "chain_id" : "model_id", table_text(p->model, "id"),
                              p->chain ? "chain_name" : "model_name", table_text(p->model, "name"),
                              "deployment_id", table_text(p->deployment, "id"), "deployment_name",
                              table_text(p->deployment, "name"), "status",
                              table_text(now ? now : p->deployment, "status"), "environment",
                              p->words.environment, "package", p->package.about.sha256, "hosts",
                              places_of(p, "hosts"), "urls", places_of(p, "urls"));

    client_print_json(value);
    json_decref(value);
    json_decref(now);
}

static void on_turn(void *ctx)
{
    struct log_reader *log = ctx;
    json_t *rows = log_reader_read(log);

    log_print(stderr, rows);
    json_decref(rows);
}

static int wait_for(const struct push *p)
{
    const char *id = table_text(p->deployment, "id");
    const char *words[] = {p->path, id};
    CLEANUP_FREE char *path = registry_path("/v1/{model}/deployments/{}/logs", words);
    struct log_reader log;
    struct wait wait = {
        .command = p->words.command,
        .model = words[0],
        .deployment = id,
        .environment = p->words.environment,
        .timeout_s = p->words.timeout_s,
        .on_turn = p->words.tail ? on_turn : NULL,
        .ctx = &log,
    };

    log_reader_init_since(&log, p->words.command, path, LOG_DEFAULT_SINCE_S);
    log.follows = true;
    int status = wait_until_done(&wait);
    log_reader_deinit(&log);
    return status;
}

/* --- all of it */

static int find_model(struct push *p)
{
    json_t *model = NULL;
    int status =
        registry_find_model(p->words.command, p->words.team, p->package.model_name, &model);

    p->chain = model ? !strcmp(table_text(model, "collection"), "chains") : p->words.chain != NULL;
    take_model(p, model);
    if (!model || p->chain || !p->words.chain)
        return status;
    fprintf(stderr, "ambit %s: \"%s\" is a model and no chain; push without --chain\n",
            p->words.command, p->words.chain);
    return CLI_FAILED;
}

static int finish(struct push *p)
{
    int status = CLI_OK;

    if (p->words.environment)
        p->environment = get(p, "/v1/{model}/environments/{}", p->words.environment);
    if (!p->words.as_json)
        print_text(p);
    if (p->words.wait)
        status = wait_for(p);
    if (p->words.as_json)
        print_json(p);
    return status;
}

static int run(struct push *p)
{
    int status = push_package_make(&p->words, &p->package);

    if (status == CLI_OK)
        status = find_model(p);
    if (status == CLI_OK)
        status = find_place(p);
    if (status == CLI_OK && p->words.dry_run)
        return say_plan(p);
    if (status == CLI_OK)
        status = make(p);
    return status == CLI_OK ? finish(p) : status;
}

int cli_push(int argc, char **argv)
{
    struct push p = {.package.archive = -1};
    int done = 0, status = client_check_words(argc, argv);

    if (status == CLI_OK)
        status = push_words_take(&p.words, argc, argv, &done);
    if (status == CLI_OK && !done)
        status = run(&p);
    json_decref(p.environment);
    json_decref(p.deployment);
    json_decref(p.model);
    mem_free(p.path);
    push_package_deinit(&p.package);
    push_words_deinit(&p.words);
    return status;
}

/*
 * `ambit hosts`: the URLs of all models' and chains' hosts, and of the regional ones of
 * environments with a region rule. Names below localhost resolve by themselves in most programs;
 * for the others there are lines for /etc/hosts.
 */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

struct words {
    const char *team, *address;
    int etc_hosts, as_json;
};

static json_t *row_of(const json_t *model, const json_t *environment, size_t index)
{
    const json_t *of = environment ? environment : model;

    return json_pack("{s:O, s:O?, s:O?, s:O?, s:O?, s:O?}", "host",
                     json_array_get(json_object_get(of, "hosts"), index), "url",
                     json_array_get(json_object_get(of, "urls"), index), "model_id",
                     json_object_get(model, "id"), "model_name", json_object_get(model, "name"),
                     "environment", json_object_get(environment, "name"), "region_rule",
                     json_object_get(environment, "region_rule"));
}

static bool is_in(const json_t *hosts, const json_t *host)
{
    const json_t *one;
    size_t i;

    json_array_foreach(hosts, i, one)
    {
        if (json_equal(one, host))
            return true;
    }
    return false;
}

/* The model's own hosts, then those that only an environment has. */
static int add_model(const char *command, const json_t *model, json_t *rows)
{
    CLEANUP_FREE char *model_path = registry_path_of_model(model);
    CLEANUP_FREE char *path =
        registry_path("/v1/{model}/environments", (const char *const[]){model_path});
    json_t *environments = registry_rows(command, path), *environment, *host;
    const json_t *own = json_object_get(model, "hosts");
    size_t i, k;

    if (!environments)
        return CLI_FAILED;
    json_array_foreach(own, i, host) json_array_append_new(rows, row_of(model, NULL, i));
    json_array_foreach(environments, i, environment)
    {
        json_array_foreach(json_object_get(environment, "hosts"), k, host)
        {
            if (!is_in(own, host))
                json_array_append_new(rows, row_of(model, environment, k));
        }
    }
    json_decref(environments);
    return CLI_OK;
}

static void print(const struct words *w, const json_t *rows)
{
    static const char *const head[] = {"URL", "MODEL", "ENVIRONMENT", "RULE"};
    static const char *const members[] = {"url", "model_name", "environment", "region_rule"};
    const json_t *row;
    size_t i;

    if (w->as_json) {
        client_print_json(rows);
        return;
    }
    if (!w->etc_hosts) {
        table_print_rows(head, members, COUNT_OF(head), rows);
        return;
    }
    json_array_foreach(rows, i, row) printf("%s %s\n", w->address, table_text(row, "host"));
}

static int run(const char *command, const struct words *w)
{
    json_t *models = registry_models(command, w->team), *rows = json_array(), *model;
    int status = models ? CLI_OK : CLI_FAILED;
    size_t i;

    json_array_foreach(models, i, model)
    {
        if (status == CLI_OK)
            status = add_model(command, model, rows);
    }
    if (status == CLI_OK)
        print(w, rows);
    json_decref(models);
    json_decref(rows);
    return status;
}

int cli_hosts(int argc, char **argv)
{
    struct words w = {.address = "127.0.0.1"};
    const struct cli_option options[] = {
        {"etc-hosts", CLI_OPTION_FLAG, &w.etc_hosts, NULL, "as lines for /etc/hosts", 0},
        {"address", CLI_OPTION_TEXT, &w.address, "IP", "of those lines: the gateway's (127.0.0.1)",
         0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "of this team only, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "as JSON", 0},
    };
    const struct cli_syntax syntax = {
        .example = "ambit hosts --etc-hosts --address 192.0.2.10",
        .usage = "ambit hosts [--etc-hosts [--address IP]] [--team TEAM]",
        .about = "Where models are called, at names below gateway.domain. A regional host has the "
                 "environment's\nname in it, and serves in its rule only.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 0, NULL, &status))
        return status;
    return run(argv[0], &w);
}

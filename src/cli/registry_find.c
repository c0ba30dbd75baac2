/* Finding what a word of the command line names: models, chains, deployments and users. */

#include "base/mem.h"
#include "cli/naming.h"
#include "cli/registry.h"
#include "cli/table.h"

#include <stdio.h>

static char *copy_of(const char *text)
{
    return registry_path("{model}", (const char *const[]){text});
}

/* --- models and chains */

/* All of a collection; each row says which one it is of. */
static bool add_rows(const char *command, const char *team, const char *collection, json_t *rows)
{
    CLEANUP_FREE char *path = registry_collection(team, collection);
    json_t *found = registry_rows(command, path), *row;
    size_t i;

    json_array_foreach(found, i, row)
        json_object_set_new(row, "collection", json_string(collection));
    json_array_extend(rows, found);
    json_decref(found);
    return found != NULL;
}

json_t *registry_models(const char *command, const char *team)
{
    json_t *rows = json_array();

    if (add_rows(command, team, "models", rows) && add_rows(command, team, "chains", rows))
        return rows;
    json_decref(rows);
    return NULL;
}

int registry_find_model(const char *command, const char *team, const char *word, json_t **ret_model)
{
    static const struct naming naming = {.what = "model",
                                         .id = "id",
                                         .names = {"name"},
                                         .told_apart_by = "team_name",
                                         .advice = "name its team with --team, or its id"};
    json_t *models = registry_models(command, team), *model;
    bool fine = models && naming_find(&naming, command, models, word, &model);

    if (fine)
        *ret_model = json_incref(model);
    json_decref(models);
    return fine ? CLI_OK : CLI_FAILED;
}

/* NULL after a message. */
static json_t *the_model(const char *command, const char *team, const char *word)
{
    json_t *model = NULL;

    if (registry_find_model(command, team, word, &model) == CLI_OK && !model)
        fprintf(stderr,
                "ambit %s: there is no model \"%s\"%s%s; `ambit models list` shows them, and "
                "`ambit chains list` the chains\n",
                command, word, team ? " in team " : "", team ? team : "");
    return model;
}

char *registry_model_id(const char *command, const char *team, const char *word)
{
    json_t *model = the_model(command, team, word);
    char *id = model ? copy_of(table_text(model, "id")) : NULL;

    json_decref(model);
    return id;
}

char *registry_path_of_model(const json_t *model)
{
    const char *words[] = {table_text(model, "collection"), table_text(model, "id")};

    return registry_path("{}/{}", words);
}

char *registry_model_path(const char *command, const char *team, const char *word)
{
    json_t *model = the_model(command, team, word);
    char *path = model ? registry_path_of_model(model) : NULL;

    json_decref(model);
    return path;
}

/* --- deployments */

char *registry_deployment_id(const char *command, const char *model, const char *word)
{
    static const struct naming naming = {.what = "deployment",
                                         .id = "id",
                                         .names = {"name"},
                                         .told_apart_by = "environment",
                                         .advice = "say which by its id"};
    CLEANUP_FREE char *path =
        registry_path("/v1/{model}/deployments", (const char *const[]){model});
    json_t *rows = registry_rows(command, path), *row;
    char *id = NULL;

    if (rows && naming_find(&naming, command, rows, word, &row))
        id = copy_of(row ? table_text(row, "id") : word);
    json_decref(rows);
    return id;
}

/* --- users */

/* Of the user whose key this is. */
static char *own_id(const char *command)
{
    json_t *answer = NULL;
    char *id = NULL;

    if (client_call(command, "GET", "/v1/users/me", NULL, &answer) == CLI_OK)
        id = copy_of(table_text(answer, "user_id"));
    json_decref(answer);
    return id;
}

static char *listed_user_id(const char *command, const json_t *users, const char *word)
{
    static const struct naming naming = {.what = "user",
                                         .id = "user_id",
                                         .names = {"email", "name"},
                                         .any_case = true,
                                         .told_apart_by = "email",
                                         .advice = "say which by e-mail or id"};
    json_t *row;

    if (!naming_find(&naming, command, users, word, &row))
        return NULL;
    if (row)
        return copy_of(table_text(row, "user_id"));
    fprintf(stderr, "ambit %s: there is no user \"%s\"; `ambit user list` shows them\n", command,
            word);
    return NULL;
}

/* Without the list, which not every key may read. */
static bool is_user_id(const char *word)
{
    return str_starts(str_of(word), STR("user_")) && !strchr(word, '@');
}

json_t *registry_user_ids(const char *command, const char *const *words, size_t n)
{
    json_t *ids = json_array(), *users = NULL;

    for (size_t i = 0; ids && i < n; i++) {
        bool listed = !is_user_id(words[i]) && strcmp(words[i], "me") != 0;
        CLEANUP_FREE char *id = NULL;

        if (listed && !users)
            users = registry_rows(command, "/v1/users");
        if (!listed)
            id = is_user_id(words[i]) ? copy_of(words[i]) : own_id(command);
        else if (users)
            id = listed_user_id(command, users, words[i]);
        if (id) {
            json_array_append_new(ids, json_string(id));
        } else {
            json_decref(ids);
            ids = NULL;
        }
    }
    json_decref(users);
    return ids;
}

char *registry_user_id(const char *command, const char *word)
{
    json_t *ids = registry_user_ids(command, &word, 1);
    char *id = ids ? copy_of(json_string_value(json_array_get(ids, 0))) : NULL;

    json_decref(ids);
    return id;
}

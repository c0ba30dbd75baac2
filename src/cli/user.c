/* `ambit user`: users, whose roles say what their personal keys may do. */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"USER", "EMAIL", "NAME", "ROLE", "TEAMS", "CREATED"};
    static const char *const members[] = {"user_id", "email",    "name",
                                          "role",    "team_ids", "created_at"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit user list", .path = "/v1/users", .table = &table},
        argc, argv);
}

static int run_get(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){
            .usage = "ambit user get USER",
            .about = "A user is named by their e-mail address, their id, or their name where "
                     "nobody else\nhas it, here and in all other commands.",
            .method = "GET",
            .path = "/v1/users/{}"},
        argc, argv);
}

static int run_me(int argc, char **argv)
{
    return registry_run(&(struct registry_verb){.usage = "ambit user me",
                                                .about = "Whose key AMBIT_API_KEY is.",
                                                .method = "GET",
                                                .path = "/v1/users/me"},
                        argc, argv);
}

static int run_delete(int argc, char **argv)
{
    return registry_run(&(struct registry_verb){.usage = "ambit user delete USER",
                                                .about = "Their keys end with them.",
                                                .method = "DELETE",
                                                .path = "/v1/users/{}",
                                                .done = "deleted"},
                        argc, argv);
}

/* --- create and update */

struct words {
    const char *name, *role;
    struct cli_list teams;
};

static void list_options(struct words *w, struct cli_option ret_options[3])
{
    const struct cli_option options[] = {
        {"name", CLI_OPTION_TEXT, &w->name, "TEXT", "a name for people", 0},
        {"role", CLI_OPTION_TEXT, &w->role, "ROLE", "MEMBER, TEAM_ADMIN or ORGANIZATION_ADMIN", 0},
        {"in-team", CLI_OPTION_LIST, &w->teams, "TEAM",
         "a team they are in, by name or id (may be repeated; replaces the list)", 0},
    };

    memcpy(ret_options, options, sizeof(options));
}

static void put_words(json_t *body, const struct words *w)
{
    json_t *teams;

    if (w->name)
        json_object_set_new(body, "name", json_string(w->name));
    if (w->role)
        json_object_set_new(body, "role", json_string(w->role));
    if (w->teams.n == 0)
        return;
    teams = json_array();
    for (size_t i = 0; i < w->teams.n; i++)
        json_array_append_new(teams, json_string(w->teams.items[i]));
    json_object_set_new(body, "team_ids", teams);
}

static int create(const char *command, const char *email, const struct words *w, int as_json)
{
    json_t *body = json_pack("{s:s}", "email", email);

    put_words(body, w);
    return registry_make(command, "/v1/users", body, "user_id", "email", as_json);
}

static int run_create(int argc, char **argv)
{
    struct words w = {0};
    struct cli_option options[4];
    const struct cli_syntax syntax = {
        .example = "ambit user create ada@example.com --role MEMBER --in-team research",
        .usage = "ambit user create EMAIL [OPTION ...]",
        .about = "`ambit user key` makes a key for them.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int as_json = 0, status;

    list_options(&w, options);
    options[3] = (struct cli_option){
        "json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0};
    if (words_take(&syntax, argc, argv, 1, "an e-mail address is expected, once", &status))
        status = create(argv[0], argv[1], &w, as_json);
    mem_free(w.teams.items);
    return status;
}

static int update_body(const char *command, void *ctx, json_t **ret_body)
{
    *ret_body = json_object();
    put_words(*ret_body, ctx);
    return json_object_size(*ret_body) ? CLI_OK : words_nothing_to_change(command);
}

static int run_update(int argc, char **argv)
{
    struct words w = {0};
    struct cli_option options[3];

    list_options(&w, options);
    int status = registry_run(
        &(struct registry_verb){.example = "ambit user update ada@example.com --role TEAM_ADMIN",
                                .usage = "ambit user update USER OPTION ...",
                                .about = "What their keys may do follows the role at once.",
                                .method = "PATCH",
                                .path = "/v1/users/{}",
                                .options = options,
                                .n_options = COUNT_OF(options),
                                .body = update_body,
                                .ctx = &w},
        argc, argv);
    mem_free(w.teams.items);
    return status;
}

/* --- personal keys */

static int make_key(const char *command, const char *user, const char *team, const char *name)
{
    CLEANUP_FREE char *path = registry_collection(team, "api_keys");
    CLEANUP_FREE char *id = registry_user_id(command, user);
    json_t *body, *answer = NULL;

    if (!id)
        return CLI_FAILED;
    body = json_pack("{s:s, s:s}", "type", "PERSONAL", "user_id", id);
    if (name)
        json_object_set_new(body, "name", json_string(name));
    int status = client_call(command, "POST", path, body, &answer);
    if (status == CLI_OK) {
        printf("%s\n", table_text(answer, "api_key"));
        fprintf(stderr, "this is the only time that the key is shown\n");
    }
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int run_key(int argc, char **argv)
{
    const char *team = NULL, *name = NULL;
    const struct cli_option options[] = {
        {"name", CLI_OPTION_TEXT, &name, "NAME", "of the key", 0},
        {"team", CLI_OPTION_TEXT, &team, "TEAM", "for which of their teams, by name or id", 0},
    };
    const struct cli_syntax syntax = {
        .example = "ambit user key ada@example.com --name laptop",
        .usage = "ambit user key USER [--team TEAM] [--name NAME]",
        .about = "Makes a personal key and prints its text, once, on standard output.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 1, "a user is expected, once", &status))
        return status;
    return make_key(argv[0], argv[1], team, name);
}

int cli_user(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list users", run_list},
        {"get", "show one", run_get},
        {"me", "show whose key this is", run_me},
        {"create", "make one", run_create},
        {"update", "change name, role or teams", run_update},
        {"delete", "delete one, with their keys", run_delete},
        {"key", "make a personal key", run_key},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

/*
 * `ambit group`: environment groups. A region rule, and who may manage, hang on an environment's
 * name within a team, and hold for every model that has an environment of that name.
 */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"GROUP",      "TEAM",       "RULE", "STANDARD ENDPOINT",
                                       "RESTRICTED", "MANAGED BY", "OWNER"};
    static const char *const members[] = {"name",
                                          "team_name",
                                          "region_rule",
                                          "standard_endpoint",
                                          "manage_access.is_restricted",
                                          "manage_access.users",
                                          "owner"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(&(struct registry_list){.usage = "ambit group list [--team TEAM]",
                                                     .of_teams = "environment_groups",
                                                     .table = &table},
                             argc, argv);
}

static char *path_of(const char *team, const char *name)
{
    return team ? registry_path("/v1/teams/{}/environment_groups/{}",
                                (const char *const[]){team, name})
                : registry_path("/v1/environment_groups/{}", (const char *const[]){name});
}

static int call(const char *command, const char *method, const char *team, const char *name,
                const json_t *body, int as_json)
{
    CLEANUP_FREE char *path = path_of(team, name);
    json_t *answer = NULL;
    int status = client_call(command, method, path, body, &answer);

    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        table_print_object(answer);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    return status;
}

static int run_get(int argc, char **argv)
{
    const char *team = NULL;
    int as_json = 0;
    const struct cli_option options[] = {
        {"team", CLI_OPTION_TEXT, &team, "TEAM", "its team, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {.usage = "ambit group get NAME [--team TEAM]",
                                      .options = options,
                                      .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 1, "an environment's name is expected, once", &status))
        return status;
    return call(argv[0], "GET", team, argv[1], NULL, as_json);
}

/* --- set */

struct set_words {
    struct cli_list allow, exclude, transit, restrict_to;
    const char *standard_endpoint, *team;
    int clear_rule, unrestrict, as_json;
};

static void put_names(json_t *rule, const char *member, const struct cli_list *list)
{
    json_t *names;

    if (list->n == 0)
        return;
    names = json_array();
    for (size_t i = 0; i < list->n; i++)
        json_array_append_new(names, json_string(list->items[i]));
    json_object_set_new(rule, member, names);
}

static void put_rule(json_t *body, const struct set_words *w)
{
    json_t *rule = json_object();

    put_names(rule, "allow", &w->allow);
    put_names(rule, "exclude", &w->exclude);
    put_names(rule, "transit", &w->transit);
    if (w->clear_rule)
        json_object_set_new(body, "region_rule", json_null());
    else if (json_object_size(rule))
        json_object_set(body, "region_rule", rule);
    json_decref(rule);
}

static int put_access(const char *command, json_t *body, const struct set_words *w)
{
    json_t *ids = json_array();

    if (w->restrict_to.n) {
        json_decref(ids);
        ids = registry_user_ids(command, w->restrict_to.items, w->restrict_to.n);
        if (!ids)
            return CLI_FAILED;
    }
    if (w->restrict_to.n || w->unrestrict)
        json_object_set_new(
            body, "manage_access",
            json_pack("{s:b, s:O}", "is_restricted", w->restrict_to.n > 0, "user_ids", ids));
    json_decref(ids);
    return CLI_OK;
}

static const char *conflict_of(const struct set_words *w)
{
    if (w->clear_rule && (w->allow.n || w->exclude.n || w->transit.n))
        return "--clear-rule takes the rule away; --allow, --exclude and --transit set one";
    if (w->unrestrict && w->restrict_to.n)
        return "--restrict and --unrestrict contradict each other";
    if (w->standard_endpoint && strcmp(w->standard_endpoint, "serve") &&
        strcmp(w->standard_endpoint, "refuse"))
        return "--standard-endpoint is serve or refuse";
    if (!w->clear_rule && !w->allow.n && !w->exclude.n && !w->transit.n && !w->unrestrict &&
        !w->restrict_to.n && !w->standard_endpoint)
        return "nothing to set; --help lists the options";
    return NULL;
}

static int set(const char *command, const char *name, const struct set_words *w)
{
    const char *conflict = conflict_of(w);

    if (conflict) {
        fprintf(stderr, "ambit %s: %s\n", command, conflict);
        return CLI_USAGE;
    }
    json_t *body = json_object();
    put_rule(body, w);
    if (w->standard_endpoint)
        json_object_set_new(body, "standard_endpoint", json_string(w->standard_endpoint));
    int status = put_access(command, body, w);
    if (status == CLI_OK)
        status = call(command, "PATCH", w->team, name, body, w->as_json);
    json_decref(body);
    return status;
}

static int run_set(int argc, char **argv)
{
    struct set_words w = {0};
    const struct cli_option options[] = {
        {"allow", CLI_OPTION_LIST, &w.allow, "NAME",
         "a zone, country or region that inference may use (may be repeated)", 0},
        {"exclude", CLI_OPTION_LIST, &w.exclude, "NAME", "one that it may not (may be repeated)",
         0},
        {"transit", CLI_OPTION_LIST, &w.transit, "NAME",
         "where else a gateway may stand that takes its requests (may be repeated)", 0},
        {"clear-rule", CLI_OPTION_FLAG, &w.clear_rule, NULL, "take the region rule away", 0},
        {"standard-endpoint", CLI_OPTION_TEXT, &w.standard_endpoint, "serve|refuse",
         "whether the host without the environment's name takes its calls too", 0},
        {"restrict", CLI_OPTION_LIST, &w.restrict_to, "USER",
         "only these and admins may change its environments: id or e-mail (may be repeated; "
         "replaces the list)",
         0},
        {"unrestrict", CLI_OPTION_FLAG, &w.unrestrict, NULL, "everybody may again", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "its team, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .example =
            "ambit group set prod-eu --allow eu --exclude hetzner-fsn-1 --restrict ada@example.com",
        .usage = "ambit group set NAME OPTION ...",
        .about = "NAME is an environment's name; the group may be made before any model has one.\n"
                 "A new rule replaces the old one as a whole, and binds what runs at once.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (words_take(&syntax, argc, argv, 1, "an environment's name is expected, once", &status))
        status = set(argv[0], argv[1], &w);
    mem_free(w.allow.items);
    mem_free(w.exclude.items);
    mem_free(w.transit.items);
    mem_free(w.restrict_to.items);
    return status;
}

int cli_group(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list environment groups", run_list},
        {"get", "show one", run_get},
        {"set", "set its region rule and who may manage it", run_set},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

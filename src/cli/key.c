/* `ambit key`: the API keys of the running server. */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

struct key_words {
    struct cli_list scopes, regions, models, environments;
    const char *primary, *secondary, *customer, *expires, *type, *team;
    int as_json;
};

static json_t *rule_of(const struct key_words *w)
{
    json_t *allow = client_names(&w->regions), *rule;

    if (!allow && !w->primary && !w->secondary)
        return NULL;
    rule = json_object();
    if (allow)
        json_object_set_new(rule, "allow", allow);
    if (w->primary)
        json_object_set_new(rule, "primary", json_string(w->primary));
    if (w->secondary)
        json_object_set_new(rule, "secondary", json_string(w->secondary));
    return rule;
}

static json_t *body_of(const char *name, const struct key_words *w)
{
    json_t *body = json_pack("{s:s}", "name", name), *rule = rule_of(w);

    if (w->scopes.n) {
        json_t *scopes = json_array();

        for (size_t i = 0; i < w->scopes.n; i++)
            json_array_append_new(scopes, json_string(w->scopes.items[i]));
        json_object_set_new(body, "scopes", scopes);
    }
    if (rule)
        json_object_set_new(body, "region_rule", rule);
    if (w->customer)
        json_object_set_new(body, "customer", json_string(w->customer));
    if (w->expires)
        json_object_set_new(body, "expires", json_string(w->expires));
    return body;
}

static void print_new(const json_t *answer, int as_json)
{
    if (as_json) {
        client_print_json(answer);
        return;
    }
    printf("%s\n", table_text(answer, "key"));
    fprintf(stderr, "%s: this is the only time that the key is shown\n", table_text(answer, "id"));
}

/* --- by type, for what teams deploy */

/* Ids of the models that are named; NULL after a message. */
static json_t *model_ids(const char *command, const struct key_words *w)
{
    json_t *ids = json_array();

    for (size_t i = 0; i < w->models.n; i++) {
        CLEANUP_FREE char *id = registry_model_id(command, w->team, w->models.items[i]);

        if (!id) {
            json_decref(ids);
            return NULL;
        }
        json_array_append_new(ids, json_string(id));
    }
    return ids;
}

static json_t *typed_body(const char *command, const char *name, const struct key_words *w)
{
    json_t *ids = model_ids(command, w), *body = ids ? body_of(name, w) : NULL;

    if (!body)
        return NULL;
    json_object_set_new(body, "type", json_string(w->type));
    if (w->models.n)
        json_object_set(body, "model_ids", ids);
    if (w->environments.n) {
        json_t *names = json_array();

        for (size_t i = 0; i < w->environments.n; i++)
            json_array_append_new(names, json_string(w->environments.items[i]));
        json_object_set_new(body, "environments", names);
    }
    json_decref(ids);
    return body;
}

static int create_typed(const char *command, const char *name, const struct key_words *w)
{
    CLEANUP_FREE char *path = registry_collection(w->team, "api_keys");
    json_t *body = typed_body(command, name, w), *answer = NULL;
    int status = body ? client_call(command, "POST", path, body, &answer) : CLI_FAILED;

    if (status == CLI_OK && w->as_json) {
        client_print_json(answer);
    } else if (status == CLI_OK) {
        printf("%s\n", table_text(answer, "api_key"));
        fprintf(stderr, "key_%s: this is the only time that the key is shown\n",
                table_text(answer, "prefix"));
    }
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static const char *conflict_of(const struct key_words *w)
{
    if (w->type && (w->scopes.n || w->customer))
        return "--type says what the key may do; --scope and --customer are for keys without one";
    if (!w->type && (w->models.n || w->environments.n || w->team))
        return "--model, --environment and --team are for keys with a --type";
    return NULL;
}

static int create(const char *command, const char *name, const struct key_words *w)
{
    json_t *body = body_of(name, w), *answer = NULL;
    int status = client_call(command, "POST", "/v1/keys", body, &answer);

    if (status == CLI_OK)
        print_new(answer, w->as_json);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int create_either(const char *command, const char *name, const struct key_words *w)
{
    const char *conflict = conflict_of(w);

    if (!conflict)
        return w->type ? create_typed(command, name, w) : create(command, name, w);
    fprintf(stderr, "ambit %s: %s\n", command, conflict);
    return CLI_USAGE;
}

static int run_new(int argc, char **argv)
{
    struct key_words w = {0};
    const struct cli_option options[] = {
        {"scope", CLI_OPTION_LIST, &w.scopes, "NAME",
         "what it may do: inference (the default), customers, keys, policy:read, policy:write, "
         "policy:widen, metrics, operate, deploy (may be repeated)",
         0},
        {"region", CLI_OPTION_LIST, &w.regions, "NAME",
         "a zone, country or region that its requests may use (may be repeated)", 0},
        {"primary", CLI_OPTION_TEXT, &w.primary, "REGION", "their first region, instead", 0},
        {"secondary", CLI_OPTION_TEXT, &w.secondary, "REGION", "their second region", 0},
        {"customer", CLI_OPTION_TEXT, &w.customer, "ID", "bind it to this customer", 0},
        {"expires", CLI_OPTION_TEXT, &w.expires, "TIME", "as in 2027-01-31T00:00:00Z", 0},
        {"type", CLI_OPTION_TEXT, &w.type, "TYPE",
         "instead of scopes: WORKSPACE_INVOKE, WORKSPACE_MANAGE_ALL, WORKSPACE_EXPORT_METRICS, "
         "WORKSPACE_MANAGE_API_KEYS, PERSONAL",
         0},
        {"model", CLI_OPTION_LIST, &w.models, "MODEL",
         "with a type: for this model only (may be repeated)", 0},
        {"environment", CLI_OPTION_LIST, &w.environments, "NAME",
         "with a type: for environments of this name only (may be repeated)", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "with a type: of this team, by name or id", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .example = "ambit key new ci --type WORKSPACE_MANAGE_ALL --team research",
        .usage = "ambit key new NAME [OPTION ...]",
        .about = "Makes an API key and prints its text, once, on standard output.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (words_take(&syntax, argc, argv, 1, "a name for the key is expected, once", &status))
        status = create_either(argv[0], argv[1], &w);
    mem_free(w.models.items);
    mem_free(w.environments.items);
    mem_free(w.scopes.items);
    mem_free(w.regions.items);
    return status;
}

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"ID",       "NAME",    "SCOPES", "RULE",
                                       "CUSTOMER", "EXPIRES", "OWNER"};
    static const char *const members[] = {"id",       "name",    "scopes", "region_rule",
                                          "customer", "expires", "owner"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit key list", .path = "/v1/keys", .table = &table},
        argc, argv);
}

static int run_delete(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){.usage = "ambit key delete KEY",
                                .about = "Its requests are refused from then on. A key is named by "
                                         "its id or its name.",
                                .method = "DELETE",
                                .path = "/v1/keys/{}",
                                .done = "deleted"},
        argc, argv);
}

int cli_key(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"new", "make a key", run_new},
        {"list", "list keys", run_list},
        {"delete", "revoke a key", run_delete},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

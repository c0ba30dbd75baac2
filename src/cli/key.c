/* `ambit key`: the API keys of the running server. */

#include "base/buf.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"

#include <stdio.h>

struct key_words {
    struct cli_list scopes, regions;
    const char *primary, *secondary, *customer, *expires;
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
    printf("%s\n", json_string_value(json_object_get(answer, "key")));
    fprintf(stderr, "%s: this is the only time that the key is shown\n",
            json_string_value(json_object_get(answer, "id")));
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
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit key new NAME [OPTION ...]",
        .about = "Makes an API key and prints its text, once, on standard output.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int operands = 0, status = CLI_USAGE;
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);

    if (parsed == CLI_PARSED_HELP)
        status = CLI_OK;
    else if (parsed == CLI_PARSED && operands != 1)
        fprintf(stderr, "ambit %s: a name for the key is expected, once\n", argv[0]);
    else if (parsed == CLI_PARSED)
        status = create(argv[0], argv[1], &w);
    mem_free(w.scopes.items);
    mem_free(w.regions.items);
    return status;
}

static void print_keys(const json_t *answer)
{
    static const char *const head[] = {"ID",       "NAME",    "SCOPES", "RULE",
                                       "CUSTOMER", "EXPIRES", "OWNER"};
    static const char *const members[] = {"id",       "name",    "scopes", "region_rule",
                                          "customer", "expires", "owner"};

    table_print_rows(head, members, COUNT_OF(head), json_object_get(answer, "keys"));
}

static int run_list(int argc, char **argv)
{
    int as_json = 0;
    const struct cli_option options[] = {
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0}};
    const struct cli_syntax syntax = {
        .usage = "ambit key list", .options = options, .n_options = COUNT_OF(options)};
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);
    json_t *answer = NULL;

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    int status = client_call(argv[0], "GET", "/v1/keys", NULL, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        print_keys(answer);
    json_decref(answer);
    return status;
}

static int run_delete(int argc, char **argv)
{
    int operands = 0;
    const struct cli_syntax syntax = {.usage = "ambit key delete ID",
                                      .about = "Its requests are refused from then on."};
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);
    json_t *answer = NULL;
    struct buf path;

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (operands != 1) {
        fprintf(stderr, "ambit %s: the key's id (or name) is expected, once\n", argv[0]);
        return CLI_USAGE;
    }
    buf_init(&path, 0);
    buf_put_str(&path, STR("/v1/keys/"));
    client_put_encoded(&path, argv[1]);
    buf_put_char(&path, '\0');
    int status = client_call(argv[0], "DELETE", path.p, NULL, &answer);
    if (status == CLI_OK)
        printf("deleted: %s\n", json_string_value(json_object_get(answer, "id")));
    client_warn_if_pending(argv[0], answer);
    json_decref(answer);
    buf_deinit(&path);
    return status;
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

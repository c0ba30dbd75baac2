/*
 * `ambit explain`: which regions and endpoints a request could use, and which rule removed each
 * other one. It asks the running server, or judges a configuration file by itself.
 */

#include "control/explain.h"

#include "base/buf.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"
#include "config/expect.h"

#include <stdio.h>

struct explain_words {
    const char *model, *key, *region, *config;
    struct cli_list customers;
    int as_json, all;
};

/* --- who answers */

static int ask_server(const char *command, const struct explain_words *w, json_t **ret_answer)
{
    json_t *body = json_object(), *customers = client_names(&w->customers);

    if (w->model)
        json_object_set_new(body, "model", json_string(w->model));
    if (w->key)
        json_object_set_new(body, "key", json_string(w->key));
    if (w->region)
        json_object_set_new(body, "region", json_string(w->region));
    if (customers)
        json_object_set_new(body, "customer", customers);
    int status = client_call(command, "POST", "/v1/permits/explain", body, ret_answer);
    json_decref(body);
    return status;
}

static int judge(const char *command, const struct explain_words *w, const struct expectations *e,
                 json_t **ret_answer)
{
    const struct catalog *c = expectations_catalog(e);
    CLEANUP_FREE str *customers = mem_array(w->customers.n + 1, sizeof(*customers));
    struct explain_query query = {
        .model = str_of(w->model),
        .customers = customers,
        .n_customers = w->customers.n,
        .region = str_of(w->region),
    };

    for (size_t i = 0; i < w->customers.n; i++)
        customers[i] = str_of(w->customers.items[i]);
    if (w->key && !(query.key = explain_find_key(c, str_of(w->key)))) {
        fprintf(stderr, "ambit %s: the file has no key \"%s\"\n", command, w->key);
        return CLI_FAILED;
    }
    *ret_answer = explain(c, expectations_customers(e), &query);
    return CLI_OK;
}

static int ask_file(const char *command, const struct explain_words *w, json_t **ret_answer)
{
    struct config_source source = {.file = w->config};
    struct diagnostics diagnostics;
    struct expectations *e = NULL;
    int status = CLI_FAILED;
    struct buf text;

    diagnostics_init(&diagnostics);
    buf_init(&text, 0);
    struct config *config = config_load(&source, &diagnostics);
    if (config)
        e = expectations_new(config, &diagnostics);
    if (e)
        status = judge(command, w, e, ret_answer);
    else
        diagnostics_print(&diagnostics, &text);
    if (text.n)
        (void)fwrite(text.p, 1, text.n, stderr);
    expectations_free(e);
    config_free(config);
    buf_deinit(&text);
    diagnostics_deinit(&diagnostics);
    return status;
}

/* --- what is printed */

static const char *text_at(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "-";
}

static void print_decision(const json_t *answer)
{
    const char *code = json_string_value(json_object_get(answer, "code"));
    const json_t *rule;
    size_t i;

    printf("%s", text_at(answer, "decision"));
    if (code)
        printf(" (%lld %s)", (long long)json_integer_value(json_object_get(answer, "status")),
               code);
    printf(": %s\n", text_at(answer, "message"));
    json_array_foreach(json_object_get(answer, "rules"), i, rule) printf(
        "  %s %s: %s\n", text_at(rule, "source"), text_at(rule, "name"), text_at(rule, "rule"));
    if (json_object_get(answer, "allowed"))
        printf("  leaves: %s\n", text_at(answer, "allowed"));
}

/* "customer acme (allow=eu)" */
static void put_remover(struct table *t, const json_t *removed_by)
{
    struct buf text;

    buf_init(&text, 0);
    if (json_is_object(removed_by))
        buf_printf(&text, "%s %s (%s)", text_at(removed_by, "source"), text_at(removed_by, "name"),
                   text_at(removed_by, "rule"));
    else
        buf_put_char(&text, '-');
    table_put(t, buf_str(&text));
    buf_deinit(&text);
}

static void print_endpoints(const json_t *answer)
{
    static const char *const head[] = {"ENDPOINT", "MODEL",  "REGION",
                                       "EVIDENCE", "REASON", "REMOVED BY"};
    static const char *const members[] = {"id", "model_group", "region", "evidence", "reason"};
    const json_t *endpoint;
    struct table t;
    size_t i;

    table_init(&t, head, COUNT_OF(head));
    json_array_foreach(json_object_get(answer, "endpoints"), i, endpoint)
    {
        for (size_t k = 0; k < COUNT_OF(members); k++)
            table_put_json(&t, json_object_get(endpoint, members[k]));
        put_remover(&t, json_object_get(endpoint, "removed_by"));
    }
    printf("\n");
    table_print(&t);
    table_deinit(&t);
}

static void print_regions(const json_t *answer)
{
    static const char *const head[] = {"REGION", "COUNTRY", "ALLOWED", "REMOVED BY"};
    const json_t *region;
    struct table t;
    size_t i;

    table_init(&t, head, COUNT_OF(head));
    json_array_foreach(json_object_get(answer, "regions"), i, region)
    {
        table_put_json(&t, json_object_get(region, "region"));
        table_put_json(&t, json_object_get(region, "country"));
        table_put_json(&t, json_object_get(region, "allowed"));
        put_remover(&t, json_object_get(region, "removed_by"));
    }
    printf("\n");
    table_print(&t);
    table_deinit(&t);
}

static void print_answer(const json_t *answer, const struct explain_words *w)
{
    if (w->as_json) {
        client_print_json(answer);
        return;
    }
    print_decision(answer);
    if (w->model && json_array_size(json_object_get(answer, "endpoints")))
        print_endpoints(answer);
    if (json_object_get(answer, "regions") && (w->all || !w->model))
        print_regions(answer);
}

int cli_explain(int argc, char **argv)
{
    struct explain_words w = {0};
    const struct cli_option options[] = {
        {"model", CLI_OPTION_TEXT, &w.model, "NAME", "the model that the request names", 0},
        {"customer", CLI_OPTION_LIST, &w.customers, "ID",
         "a customer that it names (may be repeated)", 0},
        {"key", CLI_OPTION_TEXT, &w.key, "NAME", "the API key it comes with, by name or id", 0},
        {"region", CLI_OPTION_TEXT, &w.region, "NAME",
         "what it asks for itself: a region pins, a zone or country narrows", 0},
        {"config", CLI_OPTION_TEXT, &w.config, "FILE",
         "judge this file instead of asking the server", 0},
        {"all", CLI_OPTION_FLAG, &w.all, NULL, "list every region too", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the answer as JSON", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit explain --model NAME [OPTION ...]",
        .about = "Says, without sending anything, which regions and endpoints a request could use "
                 "and which rule\nremoved each other one. Asks the server at AMBIT_URL, or judges "
                 "a file. Exits with 1 if the request\nwould be refused.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);
    int status = parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    json_t *answer = NULL;

    if (parsed == CLI_PARSED)
        status = w.config ? ask_file(argv[0], &w, &answer) : ask_server(argv[0], &w, &answer);
    if (answer) {
        print_answer(answer, &w);
        if (json_object_get(answer, "code") && !json_is_null(json_object_get(answer, "code")))
            status = CLI_FAILED;
    }
    json_decref(answer);
    mem_free(w.customers.items);
    return status;
}

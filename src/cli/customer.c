/*
 * `ambit customer`: the customers of the running server, over the same routes that LiteLLM's
 * clients use.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

struct customer_words {
    const char *alias, *primary, *secondary, *metadata;
    struct cli_list regions, clear;
    int blocked, as_json;
};

static const char *const columns[] = {
    "user_id", "alias", "allowed_model_region", "primary", "secondary", "blocked", "owner"};

static void print_rows(const json_t *rows)
{
    static const char *const head[] = {"CUSTOMER",  "ALIAS",   "REGION", "PRIMARY",
                                       "SECONDARY", "BLOCKED", "OWNER"};

    table_print_rows(head, columns, COUNT_OF(head), rows);
}

/* Prints an answer that is one row, or a list of them. */
static void print_answer(const char *command, const json_t *answer, int as_json)
{
    if (as_json) {
        client_print_json(answer);
    } else if (json_is_array(answer)) {
        print_rows(answer);
    } else {
        json_t *rows = json_pack("[O]", answer);

        print_rows(rows);
        json_decref(rows);
    }
    client_warn_if_pending(command, answer);
}

static int call_and_print(const char *command, const char *method, const char *path,
                          const json_t *body, int as_json)
{
    json_t *answer = NULL;
    int status = client_call(command, method, path, body, &answer);

    if (status == CLI_OK)
        print_answer(command, answer, as_json);
    json_decref(answer);
    return status;
}

/* --- new and update */

static void put_text(json_t *body, const char *member, const char *text)
{
    if (text)
        json_object_set_new(body, member, json_string(text));
}

static json_t *body_of(const char *command, const char *id, const struct customer_words *w)
{
    json_t *body = json_pack("{s:s}", "user_id", id), *regions = client_names(&w->regions);
    json_error_t error;

    put_text(body, "alias", w->alias);
    put_text(body, "primary", w->primary);
    put_text(body, "secondary", w->secondary);
    if (regions)
        json_object_set_new(body, "allowed_model_region", regions);
    if (w->blocked)
        json_object_set_new(body, "blocked", json_true());
    for (size_t i = 0; i < w->clear.n; i++)
        json_object_set_new(body, w->clear.items[i], json_null());
    if (!w->metadata)
        return body;
    json_t *metadata = json_loads(w->metadata, JSON_REJECT_DUPLICATES, &error);
    if (metadata) {
        json_object_set_new(body, "metadata", metadata);
        return body;
    }
    fprintf(stderr, "ambit %s: --metadata is no JSON object: %s\n", command, error.text);
    json_decref(body);
    return NULL;
}

enum customer_edit { CUSTOMER_NEW, CUSTOMER_UPDATE };

static int edit(int argc, char **argv, enum customer_edit kind)
{
    struct customer_words w = {0};
    const struct cli_option options[] = {
        {"region", CLI_OPTION_LIST, &w.regions, "NAME",
         "a zone, country or region it may use (may be repeated)", 0},
        {"primary", CLI_OPTION_TEXT, &w.primary, "REGION", "its first region, instead", 0},
        {"secondary", CLI_OPTION_TEXT, &w.secondary, "REGION", "its second region", 0},
        {"alias", CLI_OPTION_TEXT, &w.alias, "TEXT", "a name for people", 0},
        {"metadata", CLI_OPTION_TEXT, &w.metadata, "JSON", "an object of your own", 0},
        {"blocked", CLI_OPTION_FLAG, &w.blocked, NULL, "refuse its requests", 0},
        {"json", CLI_OPTION_FLAG, &w.as_json, NULL, "print the server's answer as it is", 0},
        {"clear", CLI_OPTION_LIST, &w.clear, "FIELD",
         "take a field away, such as allowed_model_region (may be repeated)", 0},
    };
    const struct cli_syntax syntax = {
        .usage = kind == CUSTOMER_NEW ? "ambit customer new ID [OPTION ...]"
                                      : "ambit customer update ID [OPTION ...]",
        .options = options,
        /* `clear` is for update only. */
        .n_options = COUNT_OF(options) - (kind == CUSTOMER_NEW),
    };
    int status;

    if (words_take(&syntax, argc, argv, 1, "the customer's id is expected, once", &status)) {
        json_t *body = body_of(argv[0], argv[1], &w);

        status = CLI_USAGE;
        if (body)
            status = call_and_print(argv[0], "POST",
                                    kind == CUSTOMER_NEW ? "/customer/new" : "/customer/update",
                                    body, w.as_json);
        json_decref(body);
    }
    mem_free(w.regions.items);
    mem_free(w.clear.items);
    return status;
}

static int run_new(int argc, char **argv)
{
    return edit(argc, argv, CUSTOMER_NEW);
}

static int run_update(int argc, char **argv)
{
    return edit(argc, argv, CUSTOMER_UPDATE);
}

/* --- the others */

static int run_info(int argc, char **argv)
{
    int as_json = 0;
    const struct cli_option options[] = {
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0}};
    const struct cli_syntax syntax = {
        .usage = "ambit customer info ID", .options = options, .n_options = COUNT_OF(options)};
    struct buf path;
    int status;

    if (!words_take(&syntax, argc, argv, 1, "the customer's id is expected, once", &status))
        return status;
    buf_init(&path, 0);
    buf_put_str(&path, STR("/customer/info?end_user_id="));
    client_put_encoded(&path, argv[1]);
    buf_put_char(&path, '\0');
    status = call_and_print(argv[0], "GET", path.p, NULL, as_json);
    buf_deinit(&path);
    return status;
}

static int run_list(int argc, char **argv)
{
    int as_json = 0;
    const char *after = NULL;
    uint64_t limit = 1000;
    const struct cli_option options[] = {
        {"limit", CLI_OPTION_NUMBER, &limit, "N", "at most so many (1000)", 10000},
        {"after", CLI_OPTION_TEXT, &after, "ID", "only those after this id", 0},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {.usage = "ambit customer list [--limit N] [--after ID]",
                                      .about = "Customers in the order of their ids.",
                                      .options = options,
                                      .n_options = COUNT_OF(options)};
    struct buf path;
    int status;

    if (!words_take(&syntax, argc, argv, 0, NULL, &status))
        return status;
    buf_init(&path, 0);
    buf_printf(&path, "/customer/list?limit=%llu&after=", (unsigned long long)limit);
    client_put_encoded(&path, after ? after : "");
    buf_put_char(&path, '\0');
    status = call_and_print(argv[0], "GET", path.p, NULL, as_json);
    buf_deinit(&path);
    return status;
}

static int on_several(int argc, char **argv, const char *usage, const char *path, const char *done)
{
    int as_json = 0, operands = 0;
    const struct cli_option options[] = {
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0}};
    const struct cli_syntax syntax = {
        .usage = usage, .options = options, .n_options = COUNT_OF(options)};
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);
    json_t *ids, *answer = NULL;

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (operands == 0) {
        fprintf(stderr, "ambit %s: the ids of customers are expected\n", argv[0]);
        return CLI_USAGE;
    }
    ids = json_array();
    for (int i = 1; i <= operands; i++)
        json_array_append_new(ids, json_string(argv[i]));
    json_t *body = json_pack("{s:o}", "user_ids", ids);
    int status = client_call(argv[0], "POST", path, body, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        printf("%s: %d\n", done, operands);
    client_warn_if_pending(argv[0], answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int run_delete(int argc, char **argv)
{
    return on_several(argc, argv, "ambit customer delete ID ...", "/customer/delete", "deleted");
}

static int run_block(int argc, char **argv)
{
    return on_several(argc, argv, "ambit customer block ID ...", "/customer/block", "blocked");
}

static int run_unblock(int argc, char **argv)
{
    return on_several(argc, argv, "ambit customer unblock ID ...", "/customer/unblock",
                      "unblocked");
}

int cli_customer(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"new", "make a customer, with the region it is bound to", run_new},
        {"info", "show one", run_info},
        {"update", "change one", run_update},
        {"delete", "delete some", run_delete},
        {"list", "list them", run_list},
        {"block", "refuse the requests of some", run_block},
        {"unblock", "serve them again", run_unblock},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

#include "cli/registry.h"

#include "base/buf.h"
#include "base/mem.h"
#include "cli/table.h"
#include "cli/words.h"

#include <assert.h>
#include <stdio.h>

enum { OPTIONS_MAX = 24, EXPECTED_BYTES = 128 };

/* --- paths */

static char *take_text(struct buf *text)
{
    buf_put_char(text, '\0');
    return text->p;
}

static char *copy_of(const char *text)
{
    struct buf copy;

    buf_init(&copy, 0);
    buf_put_str(&copy, str_of(text));
    return take_text(&copy);
}

static bool is_model(const char *hole)
{
    return str_starts(str_of(hole), STR("{model}"));
}

char *registry_path(const char *pattern, const char *const *words)
{
    struct buf path;
    const char *hole;

    buf_init(&path, 0);
    while ((hole = strchr(pattern, '{'))) {
        buf_put(&path, pattern, (size_t)(hole - pattern));
        if (is_model(hole))
            buf_put_str(&path, str_of(*words++));
        else
            client_put_encoded(&path, *words++);
        pattern = strchr(hole, '}') + 1;
    }
    buf_put_str(&path, str_of(pattern));
    return take_text(&path);
}

char *registry_collection(const char *team, const char *what)
{
    struct buf path;

    buf_init(&path, 0);
    buf_put_str(&path, STR("/v1/"));
    if (team) {
        buf_put_str(&path, STR("teams/"));
        client_put_encoded(&path, team);
        buf_put_char(&path, '/');
    }
    buf_put_str(&path, str_of(what));
    return take_text(&path);
}

/* --- lists */

/* A list's one array: "models", "environments", or "items" of pages. */
static const json_t *array_of(const json_t *answer)
{
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)answer, name, value)
    {
        if (json_is_array(value))
            return value;
    }
    return NULL;
}

/* *ret_cursor: where the next page begins, to be freed; NULL after the last one. */
static int add_page(const char *command, const char *path, const char *cursor, json_t *rows,
                    char **ret_cursor)
{
    json_t *answer = NULL, *row;
    struct buf page;
    size_t i;

    buf_init(&page, 0);
    buf_printf(&page, "%s%s", path, cursor ? "?cursor=" : "");
    client_put_encoded(&page, cursor ? cursor : "");
    buf_put_char(&page, '\0');
    int status = client_call(command, "GET", page.p, NULL, &answer);
    const char *next = json_string_value(table_member(answer, "pagination.cursor"));

    json_array_foreach(array_of(answer), i, row) json_array_append(rows, row);
    *ret_cursor = next && *next ? copy_of(next) : NULL;
    json_decref(answer);
    buf_deinit(&page);
    return status;
}

json_t *registry_rows(const char *command, const char *path)
{
    json_t *rows = json_array();
    char *cursor = NULL;
    int status;

    do {
        CLEANUP_FREE char *at = cursor;

        status = add_page(command, path, at, rows, &cursor);
    } while (status == CLI_OK && cursor);
    if (status == CLI_OK)
        return rows;
    json_decref(rows);
    return NULL;
}

/* --- what is printed */

const json_t *registry_model_of(const json_t *answer)
{
    const json_t *model = json_object_get(answer, "model");
    const json_t *chain = json_object_get(answer, "chain");

    return model ? model : chain ? chain : answer;
}

void registry_print_made(const json_t *object, const char *id, const char *name)
{
    printf("%s  %s\n", table_text(object, id), table_text(object, name));
}

int registry_make(const char *command, const char *path, json_t *body, const char *id,
                  const char *name, int as_json)
{
    json_t *answer = NULL;
    int status = client_call(command, "POST", path, body, &answer);

    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        registry_print_made(registry_model_of(answer), id, name);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

void registry_print_status(const json_t *answer)
{
    const char *message = table_text(answer, "message");

    printf("%s%s%s\n", table_text(answer, "status"), *message ? ": " : "", message);
}

/* --- verbs */

struct common {
    const char *team;
    int as_json;
};

static bool of_a_model(const char *path)
{
    return str_starts(str_of(path), STR("/v1/{model}"));
}

static int holes_of(const char *pattern)
{
    int n = 0;

    for (; pattern && (pattern = strchr(pattern, '{')); pattern++)
        n++;
    return n;
}

/* What the "{}" behind a collection's name stands for. */
static const char *operand_of(str before, const char *hole)
{
    static const struct {
        str collection;
        const char *name;
    } operands[] = {
        {STR_INIT("/environments/"), "an environment"},
        {STR_INIT("/deployments/"), "a deployment"},
        {STR_INIT("/replicas/"), "a replica"},
        {STR_INIT("/users/"), "a user"},
        {STR_INIT("/keys/"), "a key"},
        {STR_INIT("/endpoints/"), "an endpoint"},
    };

    if (is_model(hole))
        return "a model";
    for (size_t i = 0; i < COUNT_OF(operands); i++)
        if (str_ends(before, operands[i].collection))
            return operands[i].name;
    assert(0 && "a collection without a name for what is in it");
    return NULL;
}

/* "a model and a deployment are expected"; how many those are. */
static int say_expected(const char *pattern, char ret_text[EXPECTED_BYTES])
{
    int wanted = holes_of(pattern), i = 0;
    struct buf text;

    assert(wanted <= REGISTRY_OPERANDS_MAX);
    buf_init(&text, 0);
    for (const char *at = pattern; i < wanted; i++, at++) {
        at = strchr(at, '{');
        buf_printf(&text, "%s%s",
                   !i                ? ""
                   : i == wanted - 1 ? " and "
                                     : ", ",
                   operand_of(str_make(pattern, (size_t)(at - pattern)), at));
    }
    buf_printf(&text, "%s%c", wanted == 1 ? " is expected, once" : " are expected", '\0');
    snprintf(ret_text, EXPECTED_BYTES, "%s", text.p);
    buf_deinit(&text);
    return wanted;
}

/* NULL after a message. */
static char *path_of(const char *pattern, const char *command, char **operands,
                     const struct common *c)
{
    CLEANUP_FREE char *model = NULL;
    CLEANUP_FREE char *deployment = NULL;
    CLEANUP_FREE char *user = NULL;
    const char *words[REGISTRY_OPERANDS_MAX] = {0};

    for (int i = 0; i < holes_of(pattern); i++)
        words[i] = operands[i];
    if (str_starts(str_of(pattern), STR("/v1/users/{}"))) {
        words[0] = user = registry_user_id(command, operands[0]);
        return user ? registry_path(pattern, words) : NULL;
    }
    if (!of_a_model(pattern))
        return registry_path(pattern, words);
    words[0] = model = registry_model_path(command, c->team, operands[0]);
    if (!model)
        return NULL;
    if (strstr(pattern, "/deployments/{}")) {
        words[1] = deployment = registry_deployment_id(command, model, operands[1]);
        if (!deployment)
            return NULL;
    }
    return registry_path(pattern, words);
}

/* The verb's own options, and those that all have. */
static size_t all_options(const struct cli_option *own, size_t n, bool with_team, struct common *c,
                          const char *json_help, struct cli_option ret_options[OPTIONS_MAX])
{
    assert(n + 2 <= OPTIONS_MAX);
    for (size_t i = 0; i < n; i++)
        ret_options[i] = own[i];
    if (with_team)
        ret_options[n++] = (struct cli_option){"team", CLI_OPTION_TEXT,           &c->team,
                                               "TEAM", "its team, by name or id", 0};
    ret_options[n++] =
        (struct cli_option){"json", CLI_OPTION_FLAG, &c->as_json, NULL, json_help, 0};
    return n;
}

static void print_done(const struct registry_verb *verb, char **operands, const json_t *answer,
                       const struct common *c)
{
    int n = holes_of(verb->path);

    if (c->as_json)
        client_print_json(answer);
    else if (verb->done)
        printf("%s: %s\n", verb->done, n ? operands[n - 1] : "");
    else if (verb->print)
        verb->print(answer);
    else
        table_print_object(answer);
}

static int call_verb(const struct registry_verb *verb, const char *command, char **operands,
                     const json_t *body, const struct common *c)
{
    CLEANUP_FREE char *path = path_of(verb->path, command, operands, c);
    json_t *answer = NULL;

    if (!path)
        return CLI_FAILED;
    int status = client_call(command, verb->method, path, body, &answer);
    if (status == CLI_OK)
        print_done(verb, operands, answer, c);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    return status;
}

int registry_run(const struct registry_verb *verb, int argc, char **argv)
{
    struct common c = {0};
    char expected[EXPECTED_BYTES];
    struct cli_option options[OPTIONS_MAX];
    const struct cli_syntax syntax = {
        .usage = verb->usage,
        .about = verb->about,
        .example = verb->example,
        .options = options,
        .n_options = all_options(verb->options, verb->n_options, of_a_model(verb->path), &c,
                                 "print the server's answer as it is", options),
    };
    int wanted = say_expected(verb->path, expected), status;
    json_t *body = NULL;

    if (!words_take(&syntax, argc, argv, wanted, expected, &status))
        return status;
    status = CLI_OK;
    if (verb->body)
        status = verb->body(argv[0], verb->ctx, &body);
    if (status == CLI_OK)
        status = call_verb(verb, argv[0], argv + 1, body, &c);
    json_decref(body);
    return status;
}

/* --- lists */

static int print_list(const struct registry_list *list, const char *command, const char *path,
                      const struct common *c)
{
    json_t *rows = registry_rows(command, path);

    if (!rows)
        return CLI_FAILED;
    if (c->as_json)
        client_print_json(rows);
    else
        table_print_rows(list->table->head, list->table->members, list->table->n_columns, rows);
    json_decref(rows);
    return CLI_OK;
}

int registry_run_list(const struct registry_list *list, int argc, char **argv)
{
    struct common c = {0};
    bool of_team = list->of_teams || of_a_model(list->path);
    char expected[EXPECTED_BYTES];
    struct cli_option options[OPTIONS_MAX];
    const struct cli_syntax syntax = {
        .usage = list->usage,
        .about = list->about,
        .options = options,
        .n_options = all_options(NULL, 0, of_team, &c, "print the rows as JSON", options),
    };
    int wanted = say_expected(list->path, expected), status;

    if (!words_take(&syntax, argc, argv, wanted, expected, &status))
        return status;
    CLEANUP_FREE char *path = list->of_teams ? registry_collection(c.team, list->of_teams)
                                             : path_of(list->path, argv[0], argv + 1, &c);
    return path ? print_list(list, argv[0], path, &c) : CLI_FAILED;
}

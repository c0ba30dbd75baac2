/* `ambit audit`: who changed what and when, with what it was before and after. */

#include "base/buf.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

enum { EVENTS_PRESET = 50, EVENTS_MAX = 1000 };

static void print_events(const json_t *events)
{
    static const char *const head[] = {"AT", "WHO", "WHAT", "OBJECT", "BEFORE", "AFTER"};
    static const char *const members[] = {"at", "actor", "action", "object", "before", "after"};

    table_print_rows(head, members, COUNT_OF(head), events);
}

static int ask(const char *command, const char *object, uint64_t limit, json_t **ret_answer)
{
    struct buf path;

    buf_init(&path, 0);
    buf_printf(&path, "/v1/audit?limit=%llu", (unsigned long long)limit);
    if (object) {
        buf_put_str(&path, STR("&object="));
        client_put_encoded(&path, object);
    }
    buf_put_char(&path, '\0');
    int status = client_call(command, "GET", path.p, NULL, ret_answer);
    buf_deinit(&path);
    return status;
}

int cli_audit(int argc, char **argv)
{
    const char *object = NULL;
    uint64_t limit = EVENTS_PRESET;
    int as_json = 0;
    const struct cli_option options[] = {
        {"object", CLI_OPTION_TEXT, &object, "ID", "only what happened to this object", 0},
        {"limit", CLI_OPTION_NUMBER, &limit, "N", "how many, newest first (50)", EVENTS_MAX},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the rows as JSON", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit audit [OPTION ...]",
        .about = "Prints changes of policy, newest first: who, when, what, before and after.",
        .options = options,
        .n_options = COUNT_OF(options)};
    json_t *answer = NULL;
    int status;

    if (!words_take(&syntax, argc, argv, 0, NULL, &status))
        return status;
    status = ask(argv[0], object, limit, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(json_object_get(answer, "events"));
    else if (status == CLI_OK)
        print_events(json_object_get(answer, "events"));
    json_decref(answer);
    return status;
}

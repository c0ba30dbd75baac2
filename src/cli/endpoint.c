/* `ambit endpoint`: the endpoints of the running server, and taking them out of service and back.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

static void print_rows(const json_t *rows)
{
    static const char *const head[] = {"ENDPOINT", "MODEL",    "HOST",  "REGION",
                                       "EVIDENCE", "OBSERVED", "STATE", "WHY"};
    static const char *const members[] = {"id",       "model_group",     "host",  "region",
                                          "evidence", "observed_header", "state", "state_reason"};

    table_print_rows(head, members, COUNT_OF(head), rows);
}

static int run_list(int argc, char **argv)
{
    int as_json = 0;
    const struct cli_option options[] = {
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0}};
    const struct cli_syntax syntax = {
        .usage = "ambit endpoint list",
        .about =
            "Lists endpoints with their regions, how those are known, and who is out of service.",
        .options = options,
        .n_options = COUNT_OF(options)};
    json_t *answer = NULL;
    int status;

    if (!words_take(&syntax, argc, argv, 0, NULL, &status))
        return status;
    status = client_call(argv[0], "GET", "/v1/endpoints", NULL, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        print_rows(json_object_get(answer, "endpoints"));
    json_decref(answer);
    return status;
}

static int change(const char *command, const char *id, const char *action, const json_t *body)
{
    json_t *answer = NULL;
    struct buf path;

    buf_init(&path, 0);
    buf_put_str(&path, STR("/v1/endpoints/"));
    client_put_encoded(&path, id);
    buf_printf(&path, "/%s%c", action, '\0');
    int status = client_call(command, "POST", path.p, body, &answer);
    if (status == CLI_OK) {
        json_t *rows = json_pack("[O]", answer);

        print_rows(rows);
        json_decref(rows);
    }
    client_warn_if_pending(command, answer);
    json_decref(answer);
    buf_deinit(&path);
    return status;
}

#define ONE_ENDPOINT "the endpoint's id is expected, once"

static int run_withdraw(int argc, char **argv)
{
    const char *reason = NULL;
    const struct cli_option options[] = {
        {"reason", CLI_OPTION_TEXT, &reason, "TEXT", "what the trail and the list say", 0}};
    const struct cli_syntax syntax = {
        .usage = "ambit endpoint withdraw ID [--reason TEXT]",
        .about = "Takes it out of service: no request goes there from then on.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int status;

    if (!words_take(&syntax, argc, argv, 1, ONE_ENDPOINT, &status))
        return status;
    json_t *body = reason ? json_pack("{s:s}", "reason", reason) : json_object();
    status = change(argv[0], argv[1], "withdraw", body);
    json_decref(body);
    return status;
}

static int run_return(int argc, char **argv)
{
    const struct cli_syntax syntax = {
        .usage = "ambit endpoint return ID",
        .about =
            "Returns it to service, after an operator or an answer that contradicted its region "
            "took it out.\nWhat it had been learnt to be is forgotten."};
    int status;

    if (words_take(&syntax, argc, argv, 1, ONE_ENDPOINT, &status))
        status = change(argv[0], argv[1], "return_to_service", NULL);
    return status;
}

int cli_endpoint(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"list", "list endpoints with their regions", run_list},
        {"withdraw", "take one out of service", run_withdraw},
        {"return", "return one to service", run_return},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

/* `ambit endpoint`: the endpoints of the running server, and taking them out of service and back.
 */

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/table.h"

static const char *const head[] = {"ENDPOINT", "MODEL",    "HOST",  "REGION",
                                   "EVIDENCE", "OBSERVED", "STATE", "WHY"};
static const char *const members[] = {"id",       "model_group",     "host",  "region",
                                      "evidence", "observed_header", "state", "state_reason"};

static int run_list(int argc, char **argv)
{
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit endpoint list",
                                .about = "Lists endpoints with their regions, how those are known, "
                                         "and who is out of service.",
                                .path = "/v1/endpoints",
                                .table = &table},
        argc, argv);
}

static void print_one(const json_t *answer)
{
    json_t *rows = json_pack("[O]", answer);

    table_print_rows(head, members, COUNT_OF(head), rows);
    json_decref(rows);
}

static int withdraw_body(const char *command, void *ctx, json_t **ret_body)
{
    const char *const *reason = ctx;

    (void)command;
    *ret_body = *reason ? json_pack("{s:s}", "reason", *reason) : json_object();
    return CLI_OK;
}

static int run_withdraw(int argc, char **argv)
{
    const char *reason = NULL;
    const struct cli_option options[] = {
        {"reason", CLI_OPTION_TEXT, &reason, "TEXT", "what the trail and the list say", 0}};

    return registry_run(
        &(struct registry_verb){.usage = "ambit endpoint withdraw ID [--reason TEXT]",
                                .about =
                                    "Takes it out of service: no request goes there from then on.",
                                .method = "POST",
                                .path = "/v1/endpoints/{}/withdraw",
                                .options = options,
                                .n_options = COUNT_OF(options),
                                .body = withdraw_body,
                                .ctx = &reason,
                                .print = print_one},
        argc, argv);
}

static int run_return(int argc, char **argv)
{
    return registry_run(
        &(struct registry_verb){
            .usage = "ambit endpoint return ID",
            .about = "Returns it to service, after an operator or an answer that contradicted its "
                     "region took it out.\nWhat it had been learnt to be is forgotten.",
            .method = "POST",
            .path = "/v1/endpoints/{}/return_to_service",
            .print = print_one},
        argc, argv);
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

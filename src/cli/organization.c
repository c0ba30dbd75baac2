/* `ambit organization`: the region rule that holds for every request. */

#include "base/mem.h"
#include "cli/client.h"

#include <stdio.h>

static int finish(const char *command, int status, json_t *answer)
{
    if (status == CLI_OK)
        client_print_json(answer);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    return status;
}

static int run_plain(int argc, char **argv, const char *method, const struct cli_syntax *syntax)
{
    enum cli_parsed parsed = cli_parse(syntax, argc, argv, NULL);
    json_t *answer = NULL;

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    int status = client_call(argv[0], method, "/v1/organization", NULL, &answer);
    return finish(argv[0], status, answer);
}

static int run_show(int argc, char **argv)
{
    return run_plain(argc, argv, "GET",
                     &(struct cli_syntax){.usage = "ambit organization show",
                                          .about = "Prints the rule and who owns it."});
}

static int run_clear(int argc, char **argv)
{
    return run_plain(argc, argv, "DELETE",
                     &(struct cli_syntax){.usage = "ambit organization clear",
                                          .about = "Takes the rule away (policy:widen)."});
}

static json_t *body_of(const struct cli_list *regions, const struct cli_list *excluded,
                       const struct cli_list *transit)
{
    static const char *const members[] = {"allow", "exclude", "transit"};
    const struct cli_list *lists[] = {regions, excluded, transit};
    json_t *rule = json_object();

    for (size_t i = 0; i < COUNT_OF(members); i++) {
        json_t *names = client_names(lists[i]);

        if (names)
            json_object_set_new(rule, members[i], names);
    }
    return json_pack("{s:o}", "region_rule", rule);
}

static int run_set(int argc, char **argv)
{
    struct cli_list regions = {0}, excluded = {0}, transit = {0};
    const struct cli_option options[] = {
        {"region", CLI_OPTION_LIST, &regions, "NAME",
         "a zone, country or region that may be used (may be repeated)", 0},
        {"exclude", CLI_OPTION_LIST, &excluded, "NAME",
         "one that may not, taken out of those (may be repeated)", 0},
        {"transit", CLI_OPTION_LIST, &transit, "NAME",
         "where a gateway may stand beside them (may be repeated)", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit organization set [OPTION ...]",
        .about = "Sets the rule that holds for every request, and for where gateways stand.",
        .options = options,
        .n_options = COUNT_OF(options)};
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);
    int status = parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    json_t *answer = NULL;

    if (parsed == CLI_PARSED && regions.n + excluded.n == 0) {
        fprintf(stderr, "ambit %s: --region or --exclude is expected\n", argv[0]);
    } else if (parsed == CLI_PARSED) {
        json_t *body = body_of(&regions, &excluded, &transit);

        status = client_call(argv[0], "PUT", "/v1/organization", body, &answer);
        json_decref(body);
        status = finish(argv[0], status, answer);
    }
    mem_free(regions.items);
    mem_free(excluded.items);
    mem_free(transit.items);
    return status;
}

int cli_organization(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"show", "print the rule that holds for every request", run_show},
        {"set", "set it", run_set},
        {"clear", "take it away", run_clear},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

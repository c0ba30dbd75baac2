/*
 * `ambit report residency`: for the officer who asks where requests may go, who allowed it, and
 * how that is known.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

struct section {
    const char *title;
    const char *const *head;
    const char *const *members;
    size_t n;
};

static void print_section(const struct section *section, const json_t *rows)
{
    printf("\n%s\n\n", section->title);
    table_print_rows(section->head, section->members, section->n, rows);
}

#define SECTION(title, heads, members)                                                             \
    (&(const struct section){(title), (heads), (members), COUNT_OF(heads)})

static void print_endpoints(const json_t *report)
{
    static const char *const head[] = {"ENDPOINT", "MODEL",    "HOST",  "REGION",
                                       "EVIDENCE", "OBSERVED", "STATE", "WHY"};
    static const char *const members[] = {"id",       "model_group",     "host",  "region",
                                          "evidence", "observed_header", "state", "state_reason"};

    print_section(SECTION("Endpoints, and how their regions are known", head, members),
                  json_object_get(report, "endpoints"));
}

static void print_rules(const json_t *report)
{
    static const char *const head[] = {"RULE OF", "NAME", "RULE", "OWNER"};
    static const char *const members[] = {"subject", "name", "rule", "owner"};
    static const char *const customers_head[] = {"RULE", "CUSTOMERS"};
    static const char *const customers_members[] = {"rule", "customers"};
    const json_t *customers = json_object_get(report, "customers");

    print_section(SECTION("Region rules", head, members), json_object_get(report, "rules"));
    print_section(SECTION("Rules of customers", customers_head, customers_members),
                  json_object_get(customers, "by_rule"));
    printf("\n%lld customers, %lld of them with a rule\n",
           (long long)json_integer_value(json_object_get(customers, "total")),
           (long long)json_integer_value(json_object_get(customers, "with_rule")));
}

static void print_changes(const json_t *report)
{
    static const char *const head[] = {"AT", "WHO", "WHAT", "OBJECT", "BEFORE", "AFTER"};
    static const char *const members[] = {"at", "actor", "action", "object", "before", "after"};
    static const char *const refusals_head[] = {"DAY",     "RULE OF", "CODE",
                                                "SUBJECT", "MODEL",   "COUNT"};
    static const char *const refusals_members[] = {"day",     "source",      "code",
                                                   "subject", "model_group", "count"};

    print_section(SECTION("Changes, newest first", head, members),
                  json_object_get(report, "changes"));
    print_section(SECTION("Refusals", refusals_head, refusals_members),
                  json_object_get(report, "refusals"));
}

static const char *text_at(const json_t *object, const char *member)
{
    const char *text = json_string_value(json_object_get(object, member));

    return text ? text : "-";
}

static void print_report(const json_t *report)
{
    printf("Residency report\n\n");
    printf("generated at    %s\n", text_at(report, "generated_at"));
    printf("installation    %s\n", text_at(report, "installation"));
    printf("revision        %lld\n",
           (long long)json_integer_value(json_object_get(report, "revision")));
    printf("gateway region  %s\n", text_at(report, "gateway_region"));
    printf("days            %lld\n",
           (long long)json_integer_value(json_object_get(report, "days")));
    print_endpoints(report);
    print_rules(report);
    print_changes(report);
}

static int run_residency(int argc, char **argv)
{
    int as_json = 0;
    uint64_t days = 30;
    const struct cli_option options[] = {
        {"days", CLI_OPTION_NUMBER, &days, "N", "how far back changes and refusals go (30)", 3660},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the server's answer as it is", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit report residency [--days N] [--json]",
        .about = "Prints endpoints with their regions and the evidence for each, the region rules, "
                 "who changed what\nand when with before and after, and refusals by day.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    json_t *answer = NULL;
    char path[64];
    int status;

    if (!words_take(&syntax, argc, argv, 0, NULL, &status))
        return status;
    snprintf(path, sizeof(path), "/v1/reports/residency?days=%llu", (unsigned long long)days);
    status = client_call(argv[0], "GET", path, NULL, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(answer);
    else if (status == CLI_OK)
        print_report(answer);
    json_decref(answer);
    return status;
}

int cli_report(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"residency", "where requests may go, who allowed it, and how that is known",
         run_residency},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

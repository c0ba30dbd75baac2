/* `ambit region list`: every place that the running server knows, and what is known of it. */

#include "base/mem.h"
#include "cli/client.h"
#include "cli/table.h"
#include "cli/words.h"

#include <stdio.h>

/* The highest of what the edges measure, in milliseconds; "-" where none did. */
static void put_measured(struct table *t, const json_t *region)
{
    const json_t *one;
    json_int_t worst_us = -1;
    char text[32];
    size_t i;

    json_array_foreach(json_object_get(region, "measured"), i, one)
    {
        json_int_t p95_us = json_integer_value(json_object_get(one, "p95_us"));

        worst_us = p95_us > worst_us ? p95_us : worst_us;
    }
    int n = snprintf(text, sizeof(text), "%lld.%lld", (long long)(worst_us / 1000),
                     (long long)(worst_us % 1000 / 100));
    table_put(t, worst_us < 0 ? STR("-") : str_make(text, (size_t)n));
}

static void print_regions(const json_t *answer)
{
    static const char *const head[] = {"REGION", "PROVIDER", "LOCATION", "COUNTRY", "G/KWH",
                                       "P95 MS", "P95 SEEN", "ROLE",     "MODELS"};
    static const char *const members[] = {"region",  "provider",       "location",
                                          "country", "grid_g_per_kwh", "latency_p95_ms"};
    const json_t *region;
    struct table t;
    size_t i;

    table_init(&t, head, COUNT_OF(head));
    json_array_foreach(json_object_get(answer, "regions"), i, region)
    {
        for (size_t k = 0; k < COUNT_OF(members); k++)
            table_put_json(&t, json_object_get(region, members[k]));
        put_measured(&t, region);
        table_put_json(&t, json_object_get(region, "role"));
        table_put_json(&t, json_object_get(region, "endpoints"));
    }
    table_print(&t);
    table_deinit(&t);
}

static void print_zones(const json_t *answer)
{
    static const char *const head[] = {"ZONE", "MEMBERS"};
    const json_t *zone;
    struct table t;
    size_t i;

    table_init(&t, head, COUNT_OF(head));
    json_array_foreach(json_object_get(answer, "zones"), i, zone)
    {
        table_put_json(&t, json_object_get(zone, "zone"));
        table_put_json(&t, json_object_get(zone, "members"));
    }
    table_print(&t);
    table_deinit(&t);
}

static int list(int argc, char **argv)
{
    int zones = 0, as_json = 0;
    const struct cli_option options[] = {
        {"zones", CLI_OPTION_FLAG, &zones, NULL, "list zones instead, with their members", 0},
        {"json", CLI_OPTION_FLAG, &as_json, NULL, "print the rows as JSON", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit region list [--zones]",
        .about = "Lists the regions of the server at AMBIT_URL: grid and latency from the "
                 "catalogue, and the 95th\npercentile of the round trips that its edges have seen.",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    json_t *answer = NULL;
    int status;

    if (!words_take(&syntax, argc, argv, 0, NULL, &status))
        return status;
    status = client_call(argv[0], "GET", "/v1/regions", NULL, &answer);
    if (status == CLI_OK && as_json)
        client_print_json(json_object_get(answer, zones ? "zones" : "regions"));
    else if (status == CLI_OK && zones)
        print_zones(answer);
    else if (status == CLI_OK)
        print_regions(answer);
    json_decref(answer);
    return status;
}

int cli_region(int argc, char **argv)
{
    static const struct client_verb verbs[] = {{"list", "list regions or zones", list}};

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

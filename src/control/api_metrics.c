/*
 * The samples of every edge and control's own in one exposition: each edge's with a label that says
 * whose they are, each family once.
 */

#include "control/control_metrics.h"

#include "control/api_internal.h"

static void put_labelled(struct buf *to, str line, str edge)
{
    size_t brace = str_find(line, '{', 0), space = str_find(line, ' ', 0);

    if (brace < space) {
        buf_put_str(to, str_upto(line, brace + 1));
        buf_printf(to, "edge=\"%.*s\",", STR_ARG(edge));
        buf_put_str(to, str_from(line, brace + 1));
    } else {
        buf_put_str(to, str_upto(line, space));
        buf_printf(to, "{edge=\"%.*s\"}", STR_ARG(edge));
        buf_put_str(to, str_from(line, space));
    }
    buf_put_char(to, '\n');
}

/* The lines of a family in an edge's text: from its HELP line to the next one. */
static str family_of(str text, str help)
{
    size_t at = str_search(text, help);

    if (at == text.n)
        return STR_NULL;
    str rest = str_from(text, at + help.n);
    return str_upto(rest, str_search(rest, STR("# HELP ")));
}

static void put_family(struct buf *to, str help, const struct link_reply *replies, size_t n)
{
    bool typed = false;

    buf_put_str(to, help);
    for (size_t i = 0; i < n; i++)
        for (str lines = family_of(replies[i].bytes, help); lines.n;) {
            str line = str_cut(&lines, '\n');

            if (str_starts(line, STR("# TYPE "))) {
                if (!typed)
                    buf_printf(to, "%.*s\n", STR_ARG(line));
                typed = true;
            } else if (line.n) {
                put_labelled(to, line, replies[i].edge);
            }
        }
}

static void merge(struct buf *to, const struct link_reply *replies, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (str rest = replies[i].bytes; rest.n;) {
            str line = str_cut(&rest, '\n');
            str help = str_make(line.p, line.n + 1);
            bool seen = false;

            if (!str_starts(line, STR("# HELP ")))
                continue;
            for (size_t k = 0; k < i && !seen; k++)
                seen = str_search(replies[k].bytes, help) < replies[k].bytes.n;
            if (!seen)
                put_family(to, help, replies, n);
        }
}

/* --- control's own */

static uint64_t edges_of(const struct api *api)
{
    return link_server_edges(api->link);
}

static uint64_t revision_of(const struct api *api)
{
    return policy_revision(api->policy);
}

static uint64_t customers_of(const struct api *api)
{
    return customers_count(api->policy->customers);
}

static uint64_t refused_of(const struct api *api)
{
    return api->policy->file_state == POLICY_FILE_REFUSED;
}

static const struct gauge {
    const char *name, *help;
    uint64_t (*value)(const struct api *api);
} gauges[] = {
    {"ambit_control_edges", "Edges that are connected.", edges_of},
    {"ambit_control_revision", "The newest policy revision.", revision_of},
    {"ambit_control_customers", "Customers that are known.", customers_of},
    {"ambit_control_configuration_refused",
     "1 while the configuration file is not what is in force.", refused_of},
};

void control_metrics_describe(struct buf *to)
{
    for (size_t i = 0; i < COUNT_OF(gauges); i++)
        buf_printf(to, "| `%s` | gauge |  | %s |\n", gauges[i].name, gauges[i].help);
}

static void on_replies(void *ctx, const struct link_reply *replies, size_t n)
{
    struct api_call *call = ctx;
    struct buf *to = &call->text;

    merge(to, replies, n);
    for (size_t i = 0; i < COUNT_OF(gauges); i++)
        buf_printf(to, "# HELP %s %s\n# TYPE %s gauge\n%s %llu\n", gauges[i].name, gauges[i].help,
                   gauges[i].name, gauges[i].name, (unsigned long long)gauges[i].value(call->api));
    api_finish(call);
}

enum api_progress api_metrics(struct api_call *call)
{
    call->content_type = STR("text/plain; version=0.0.4");
    link_server_query(call->api->link, STR("metrics"), on_replies, call);
    return API_LATER;
}

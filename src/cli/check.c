/*
 * `ambit check`: reads a configuration as the server would, prints what there is to say about it,
 * and judges expectations about where requests may go. It sends nothing and needs no server, so a
 * build can run it.
 */

#include "base/command_line.h"
#include "base/json_out.h"
#include "base/mem.h"
#include "cli/commands.h"
#include "config/expect.h"
#include "config/settings_print.h"
#include "control/control_metrics.h"
#include "edge/metrics.h"

#include <stdio.h>

struct check_options {
    const char *config;
    struct cli_list sentences;
    int json;
    int settings, settings_markdown, metrics_markdown;
};

struct judgement {
    enum expectation verdict;
    str why;
};

struct check {
    const struct check_options *options;
    struct diagnostics diagnostics;
    struct config *config;        /* NULL: refused */
    struct judgement *judgements; /* one for each sentence, where there is a model */
    size_t n_judgements;
    struct arena arena;
};

/* --- work */

static void judge_all(struct check *c)
{
    const struct cli_list *sentences = &c->options->sentences;
    struct expectations *e = expectations_new(c->config, &c->diagnostics);

    if (!e)
        return;
    c->judgements = arena_zalloc(&c->arena, (sentences->n + 1) * sizeof(*c->judgements));
    for (size_t i = 0; i < sentences->n; i++)
        c->judgements[i].verdict =
            expectations_check(e, str_of(sentences->items[i]), &c->arena, &c->judgements[i].why);
    c->n_judgements = sentences->n;
    expectations_free(e);
}

static int status_of(const struct check *c)
{
    int status = c->diagnostics.n_errors ? CLI_FAILED : CLI_OK;

    for (size_t i = 0; i < c->n_judgements; i++) {
        if (c->judgements[i].verdict == EXPECTATION_MALFORMED)
            return CLI_USAGE;
        if (c->judgements[i].verdict == EXPECTATION_FAILS)
            status = CLI_FAILED;
    }
    return status;
}

/* --- output */

static const char *verdict_name(enum expectation verdict)
{
    static const char *const names[] = {"holds", "fails", "malformed"};

    return names[verdict];
}

static void write_text(const struct check *c, struct buf *to)
{
    diagnostics_print(&c->diagnostics, to);
    for (size_t i = 0; i < c->n_judgements; i++) {
        const struct judgement *j = &c->judgements[i];

        buf_printf(to, "%s: %s", verdict_name(j->verdict), c->options->sentences.items[i]);
        if (j->why.n)
            buf_printf(to, ": %.*s", STR_ARG(j->why));
        buf_put_char(to, '\n');
    }
    if (c->config)
        buf_printf(to, "%s: %zu endpoints in %zu model groups, %zu customers, %zu keys; ",
                   c->options->config, c->config->n_endpoints, c->config->n_groups,
                   c->config->n_customers, c->config->n_keys);
    else
        buf_printf(to, "%s: refused; ", c->options->config);
    buf_printf(to, "%zu errors, %zu warnings\n", c->diagnostics.n_errors,
               c->diagnostics.n_warnings);
}

static void write_diagnostic(struct json_out *j, const struct diagnostic *d)
{
    json_open_object(j);
    json_member_str(j, "level", diagnostic_level_name(d->level));
    json_member_str(j, "file", d->file);
    json_member_u64(j, "line", d->line);
    json_member_u64(j, "column", d->column);
    json_member_str(j, "path", d->path);
    json_member_str(j, "message", d->message);
    json_close_object(j);
}

static void write_json(const struct check *c, struct buf *to)
{
    struct json_out j;

    json_out_init(&j, to);
    json_open_object(&j);
    json_member_bool(&j, "ok", status_of(c) == CLI_OK);
    json_member_u64(&j, "errors", c->diagnostics.n_errors);
    json_member_u64(&j, "warnings", c->diagnostics.n_warnings);
    json_key(&j, "diagnostics");
    json_open_array(&j);
    for (size_t i = 0; i < c->diagnostics.n; i++)
        write_diagnostic(&j, &c->diagnostics.list[i]);
    json_close_array(&j);
    json_key(&j, "assertions");
    json_open_array(&j);
    for (size_t i = 0; i < c->n_judgements; i++) {
        json_open_object(&j);
        json_member_str(&j, "assertion", str_of(c->options->sentences.items[i]));
        json_member_str(&j, "verdict", str_of(verdict_name(c->judgements[i].verdict)));
        json_member_str(&j, "why", c->judgements[i].why);
        json_close_object(&j);
    }
    json_close_array(&j);
    json_close_object(&j);
    buf_put_char(to, '\n');
}

static void print(const struct buf *text)
{
    (void)fwrite(text->p, 1, text->n, stdout);
}

/* --- command */

static int check_file(const struct check_options *options)
{
    struct config_source source = {.file = options->config};
    struct check c = {.options = options};
    struct buf text;
    int status;

    diagnostics_init(&c.diagnostics);
    arena_init(&c.arena, NULL, 0);
    buf_init(&text, 0);
    c.config = config_load(&source, &c.diagnostics);
    if (c.config)
        judge_all(&c);
    if (options->json)
        write_json(&c, &text);
    else
        write_text(&c, &text);
    print(&text);
    status = status_of(&c);
    config_free(c.config);
    buf_deinit(&text);
    arena_deinit(&c.arena);
    diagnostics_deinit(&c.diagnostics);
    return status;
}

static int print_settings(enum settings_form form)
{
    struct buf text;

    buf_init(&text, 0);
    settings_print(form, &text);
    print(&text);
    buf_deinit(&text);
    return CLI_OK;
}

static int print_metrics(void)
{
    struct buf text;

    buf_init(&text, 0);
    metrics_describe(&text);
    control_metrics_describe(&text);
    print(&text);
    buf_deinit(&text);
    return CLI_OK;
}

static int run(const struct check_options *options)
{
    if (options->metrics_markdown)
        return print_metrics();
    if (options->settings || options->settings_markdown)
        return print_settings(options->settings ? SETTINGS_TEXT : SETTINGS_MARKDOWN);
    if (options->config)
        return check_file(options);
    fprintf(stderr, "ambit check: --config FILE is missing; see ambit check --help\n");
    return CLI_USAGE;
}

int cli_check(int argc, char **argv)
{
    struct check_options o = {0};
    const struct cli_option options[] = {
        {"config", CLI_OPTION_TEXT, &o.config, "FILE", "the configuration to read", 0},
        {"assert", CLI_OPTION_LIST, &o.sentences, "TEXT",
         "an expectation, such as 'customer=acme never us'; may be repeated", 0},
        {"json", CLI_OPTION_FLAG, &o.json, NULL, "print one JSON object", 0},
        {"settings", CLI_OPTION_FLAG, &o.settings, NULL, "list every setting, and stop", 0},
        {"settings-markdown", CLI_OPTION_FLAG, &o.settings_markdown, NULL,
         "the same as docs/configuration.md has it", 0},
        {"metrics-markdown", CLI_OPTION_FLAG, &o.metrics_markdown, NULL,
         "list every metric as docs/metrics.md has it", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit check --config FILE [--assert TEXT ...] [--json]",
        .about =
            "Reads a configuration and prints what is wrong with it. Exit status: 0 fine, 1 "
            "errors or an\nassertion that fails, 2 called wrongly.\n\n"
            "An assertion is SUBJECT... VERB PLACE [model=NAME]. Subjects: customer=ID, "
            "key=NAME, org,\nanyone. Verbs: never (no part of the place), only (nothing outside "
            "it), may (all of it).",
        .options = options,
        .n_options = COUNT_OF(options),
    };
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, NULL);
    int status = parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;

    if (parsed == CLI_PARSED)
        status = run(&o);
    mem_free(o.sentences.items);
    return status;
}

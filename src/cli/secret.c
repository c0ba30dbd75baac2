/*
 * `ambit secret`: secrets of a team, which packages name and replicas get. A value is never an
 * argument, since other users of the machine can read those.
 */

#include "base/buf.h"
#include "base/mem.h"
#include "cli/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { VALUE_MAX_BYTES = 64 << 10, READ_BYTES = 4096 };

static int run_list(int argc, char **argv)
{
    static const char *const head[] = {"SECRET", "TEAM", "CREATED"};
    static const char *const members[] = {"name", "team_name", "created_at"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(&(struct registry_list){.usage = "ambit secret list [--team TEAM]",
                                                     .about = "Values are never shown.",
                                                     .of_teams = "secrets",
                                                     .table = &table},
                             argc, argv);
}

/* --- set */

struct words {
    const char *team, *value_file;
};

/* Up to its end; -EFBIG for more than a secret can have. */
static int read_all(int file, struct buf *to)
{
    ssize_t got = 1;

    while (got > 0 && to->n <= VALUE_MAX_BYTES) {
        char *room = buf_reserve(to, READ_BYTES);

        got = read(file, room, READ_BYTES);
        if (got < 0 && errno == EINTR)
            got = 1;
        else if (got < 0)
            return -errno;
        else
            to->n += (size_t)got;
    }
    return to->n > VALUE_MAX_BYTES ? -EFBIG : 0;
}

/* Without the line end that an editor or `echo` puts there. */
static int read_value(const char *command, const char *path, struct buf *to)
{
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    int e = file < 0 ? -errno : read_all(file, to);

    if (path && file >= 0)
        close(file);
    if (to->n && to->p[to->n - 1] == '\n')
        to->n--;
    if (e == -EFBIG)
        fprintf(stderr, "ambit %s: a value has at most %d bytes\n", command, VALUE_MAX_BYTES);
    else if (e)
        fprintf(stderr, "ambit %s: %s: %s\n", command, path ? path : "standard input",
                strerror(-e));
    else if (to->n == 0)
        fprintf(stderr, "ambit %s: the value is empty\n", command);
    return e || to->n == 0 ? CLI_FAILED : CLI_OK;
}

static int put(const char *command, const char *name, const struct words *w, str value)
{
    CLEANUP_FREE char *path = registry_collection(w->team, "secrets");
    json_t *text = json_stringn(value.p, value.n), *answer = NULL;

    if (!text) {
        fprintf(stderr, "ambit %s: the value is no UTF-8 text\n", command);
        return CLI_FAILED;
    }
    json_t *body = json_pack("{s:s, s:o}", "name", name, "value", text);
    int status = client_call(command, "POST", path, body, &answer);
    if (status == CLI_OK)
        printf("set: %s\n", name);
    client_warn_if_pending(command, answer);
    json_decref(answer);
    json_decref(body);
    return status;
}

static int set(const char *command, const char *name, const struct words *w)
{
    struct buf value;

    /* All of it at once: no copy of a secret is left behind by growing. */
    buf_init(&value, 0);
    buf_reserve(&value, VALUE_MAX_BYTES + 2 * READ_BYTES);
    int status = read_value(command, w->value_file, &value);
    if (status == CLI_OK)
        status = put(command, name, w, buf_str(&value));
    explicit_bzero(value.p, value.capacity);
    buf_deinit(&value);
    return status;
}

static int run_set(int argc, char **argv)
{
    struct words w = {0};
    const struct cli_option options[] = {
        {"value-file", CLI_OPTION_TEXT, &w.value_file, "FILE",
         "where the value is (default: standard input)", 0},
        {"team", CLI_OPTION_TEXT, &w.team, "TEAM", "whose it is, by name or id", 0},
    };
    const struct cli_syntax syntax = {
        .usage = "ambit secret set NAME [--value-file FILE] [--team TEAM]",
        .about = "Makes or replaces it. One line end at the end of the value is left out.\n"
                 "Replicas that start from then on have the new value.",
        .options = options,
        .n_options = COUNT_OF(options)};
    int operands = 0;
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (operands != 1) {
        fprintf(stderr,
                "ambit %s: a name is expected, once; the value comes from a file or "
                "standard input\n",
                argv[0]);
        return CLI_USAGE;
    }
    if (!w.value_file && isatty(STDIN_FILENO)) {
        fprintf(stderr, "ambit %s: pipe the value in, or name its file with --value-file\n",
                argv[0]);
        return CLI_USAGE;
    }
    return set(argv[0], argv[1], &w);
}

/* --- delete */

static int run_delete(int argc, char **argv)
{
    const char *team = NULL;
    int operands = 0;
    const struct cli_option options[] = {
        {"team", CLI_OPTION_TEXT, &team, "TEAM", "whose it is, by name or id", 0}};
    const struct cli_syntax syntax = {.usage = "ambit secret delete NAME [--team TEAM]",
                                      .options = options,
                                      .n_options = COUNT_OF(options)};
    enum cli_parsed parsed = cli_parse(&syntax, argc, argv, &operands);
    json_t *answer = NULL;

    if (parsed != CLI_PARSED)
        return parsed == CLI_PARSED_HELP ? CLI_OK : CLI_USAGE;
    if (operands != 1) {
        fprintf(stderr, "ambit %s: a name is expected, once\n", argv[0]);
        return CLI_USAGE;
    }
    const char *words[] = {team, argv[1]};
    CLEANUP_FREE char *path = team ? registry_path("/v1/teams/{}/secrets/{}", words)
                                   : registry_path("/v1/secrets/{}", words + 1);
    int status = client_call(argv[0], "DELETE", path, NULL, &answer);
    if (status == CLI_OK)
        printf("deleted: %s\n", argv[1]);
    client_warn_if_pending(argv[0], answer);
    json_decref(answer);
    return status;
}

int cli_secret(int argc, char **argv)
{
    static const struct client_verb verbs[] = {
        {"set", "make or replace one", run_set},
        {"list", "list names", run_list},
        {"delete", "delete one", run_delete},
    };

    return client_dispatch(argc, argv, verbs, COUNT_OF(verbs));
}

#pragma once

/*
 * What commands that talk to a running server share: one HTTP call to the management API, and the
 * way from command-line words to JSON. The server is AMBIT_URL (http://127.0.0.1:4001), the key is
 * AMBIT_API_KEY; proxy variables are ignored.
 */

#include "base/command_line.h"
#include "base/str.h"
#include "cli/commands.h"

#include <jansson.h>

/* Makes the call and returns CLI_OK and the answer (a new reference), or CLI_FAILED after a message
 * on standard error. `body` may be NULL and stays the caller's. */
int client_call(const char *command, const char *method, const char *path, const json_t *body,
                json_t **ret_answer);

/* The same, but an answer that refuses is the caller's to judge: CLI_OK with the answer's status
 * and body (JSON's null where there is none), or CLI_FAILED after a message where there was no
 * answer.
 */
int client_ask(const char *command, const char *method, const char *path, const json_t *body,
               long *ret_status, json_t **ret_answer);

/* The server's words for a refusal, on standard error. */
void client_report(const char *command, long status, const json_t *answer);

/* A file that is sent from where its descriptor is. */
struct client_file {
    int descriptor;
    uint64_t bytes, sent;
    void (*on_sent)(void *ctx, uint64_t sent); /* NULL: nobody asks */
    void *ctx;
};

/* Posts the file's bytes, as client_call does a body. */
int client_upload(const char *command, const char *path, const char *type, struct client_file *file,
                  json_t **ret_answer);

/* Appends text to a path or query, percent-encoded. */
struct buf;
void client_put_encoded(struct buf *to, const char *text);

/* One name becomes a string, several a list; NULL for none. */
json_t *client_names(const struct cli_list *list);

/* Pretty, to standard output. */
void client_print_json(const json_t *value);

/* Warns on standard error if a change is not in force on every edge yet. */
void client_warn_if_pending(const char *command, const json_t *answer);

/* CLI_USAGE after a message if a word is no UTF-8, of which JSON cannot be made: left out of a body
 * it would mean something else. client_dispatch does it for all verbs. */
int client_check_words(int argc, char **argv);

/* A command with verbs: `ambit customer new ...`. */
struct client_verb {
    const char *name;
    const char *help;
    int (*run)(int argc, char **argv); /* argv[0] is "customer new" */
};

/* Runs the verb that argv[1] names, or prints what verbs there are. */
int client_dispatch(int argc, char **argv, const struct client_verb *verbs, size_t n_verbs);

#pragma once

/*
 * What the commands about models, deployments and environments share: paths of the management API
 * from words of the command line, the model that a word names, and the way of a verb that is one
 * call. A model or deployment is named by its id or its name, a user by their e-mail as
 * well; a team likewise (the server resolves that one). A chain is named as a model is, wherever a
 * model is expected: its paths begin otherwise.
 */

#include "cli/client.h"

enum { REGISTRY_OPERANDS_MAX = 3 };

/* "/v1/{model}/environments/{}" with each "{}" replaced by the next word, percent-encoded, and
 * "{model}" by the next word as it is: what registry_model_path answered. The caller frees it with
 * mem_free. */
char *registry_path(const char *pattern, const char *const *words);

/* All rows of a list, from however many pages it has: a new reference to an array, or NULL after a
 * message. */
json_t *registry_rows(const char *command, const char *path);

/* "/v1/models", or those of a team (NULL: of every team that the key sees). To be freed. */
char *registry_collection(const char *team, const char *what);

/* Every model and chain of a team (NULL: of every one), with a member `collection`, "models" or
 * "chains", which says where it is: a new reference to an array, or NULL after a message. */
json_t *registry_models(const char *command, const char *team);

/* The model or chain of that id or name in `team` (NULL: in any): CLI_OK with a new reference
 * as above, or NULL in its place where there is none; CLI_FAILED after a message. */
int registry_find_model(const char *command, const char *team, const char *word,
                        json_t **ret_model);

/* Its id, and its path "models/ID" or "chains/ID", to be freed; NULL after a message, where there
 * is none as well. */
char *registry_model_id(const char *command, const char *team, const char *word);
char *registry_path_of_model(const json_t *model);
char *registry_model_path(const char *command, const char *team, const char *word);

/* The id of the deployment of that id or name, to be freed; NULL after a message. `model` is a path
 * as above. What is neither is left to the server: "production", "development", or a 404. */
char *registry_deployment_id(const char *command, const char *model, const char *word);

/* The id of the user of that id, e-mail or name, or of "me", to be freed; NULL after a message. */
char *registry_user_id(const char *command, const char *word);
/* Those of several: a new reference to an array. */
json_t *registry_user_ids(const char *command, const char *const *words, size_t n);

/* The model or chain of an answer that may have a deployment beside it. */
const json_t *registry_model_of(const json_t *answer);

/* "id  name", of what was made. */
void registry_print_made(const json_t *object, const char *id, const char *name);

/* POSTs the body, whose reference it takes, and prints what was made so, or the answer as JSON. */
int registry_make(const char *command, const char *path, json_t *body, const char *id,
                  const char *name, int as_json);

/* "STATUS: message", of an answer that has both. */
void registry_print_status(const json_t *answer);

/* A verb that is one call. */
struct registry_verb {
    const char *usage, *about, *example;
    const char *method;
    /* A pattern with an operand for each "{}", which its collection names, and for "{model}". */
    const char *path;
    const struct cli_option *options; /* beside --json and, for a model, --team; may be NULL */
    size_t n_options;
    /* Of the parsed options: a new reference; NULL for none, or after a message (then CLI_USAGE).
     */
    int (*body)(const char *command, void *ctx, json_t **ret_body);
    void *ctx;
    const char *done; /* "activated": printed with the last operand. NULL: `print` decides */
    void (*print)(const json_t *answer);
};

int registry_run(const struct registry_verb *verb, int argc, char **argv);

/* What a list prints as a table: the columns, and where in a row each one is. */
struct registry_table {
    const char *const *head, *const *members;
    size_t n_columns;
};

/* The rows behind a path, as a table or JSON; an operand for each "{}" of the path. */
struct registry_list {
    const char *usage, *about;
    const char *path;     /* a pattern as above */
    const char *of_teams; /* "models" of "/v1/models" and "/v1/teams/{}/models"; NULL: path */
    const struct registry_table *table;
};

int registry_run_list(const struct registry_list *list, int argc, char **argv);

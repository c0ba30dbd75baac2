#pragma once

/* What was said on the command line of `ambit push`, and the folder that it names, checked and
 * packed. */

#include "base/str.h"
#include "package/archive.h"

#include <jansson.h>

struct push_words {
    const char *command, *folder;
    const char *model_name, *chain, *team, *environment, *deployment_name, *labels_text, *output;
    uint64_t timeout_s, deploy_timeout_minutes;
    int promote, development, wait, preserve, no_preserve, tail, dry_run, as_json;

    json_t *labels; /* of labels_text; NULL: none */
};

/* Parses and checks. CLI_OK; CLI_USAGE after a message. *ret_done: --help was printed. */
int push_words_take(struct push_words *w, int argc, char **argv, int *ret_done);
void push_words_deinit(struct push_words *w);

struct push_package {
    json_t *config;   /* of config.yaml */
    char *raw_config; /* its text */
    char *model_name; /* as said, else the package's own */
    int archive;      /* descriptor of a file without a name, at its beginning */
    struct package_about about;
};

/* The folder's config.yaml is checked first, with all that is wrong with it on standard error.
 * CLI_OK, or CLI_FAILED after messages. */
int push_package_make(const struct push_words *w, struct push_package *ret_package);
void push_package_deinit(struct push_package *p);

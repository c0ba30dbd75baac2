#pragma once

/* Settings of an environment as options: `--min-replica 2`, `--reset min-replica`. Option, member
 * and group of each one are in one table. */

#include "cli/client.h"

enum {
    ENV_SETTINGS = 10,
    ENV_SETTINGS_AUTOSCALING = 8, /* the first of them */
    ENV_SETTINGS_OPTIONS = ENV_SETTINGS + 1,
};

struct env_settings {
    const char *values[ENV_SETTINGS]; /* as written; NULL: not said */
    struct cli_list reset;            /* names of settings that become null: their defaults */
};

void env_settings_options(struct env_settings *s,
                          struct cli_option ret_options[ENV_SETTINGS_OPTIONS]);
/* Only those of autoscaling, and --reset. */
void env_settings_autoscaling_options(struct env_settings *s,
                                      struct cli_option ret_options[ENV_SETTINGS_AUTOSCALING + 1]);
void env_settings_deinit(struct env_settings *s);

/* Adds `autoscaling_settings` and `promotion_settings`, where there are any, to a body: CLI_OK, or
 * CLI_USAGE after a message. */
int env_settings_put(const char *command, const struct env_settings *s, json_t *body);

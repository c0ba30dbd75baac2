#pragma once

/*
 * The commands of `ambit`: one file and one function each, named in one table, from which main.c
 * dispatches and prints its help. A function gets the command's own name as argv[0] and returns the
 * exit status: 0 fine, 1 it failed or the answer is no, 2 it was called wrongly (CLI_USAGE).
 */

#include <stdlib.h>

enum { CLI_OK = EXIT_SUCCESS, CLI_FAILED = EXIT_FAILURE, CLI_USAGE = 2 };

/* name of the function, word on the command line, help. In the order of `ambit --help`; no help:
 * left out of it, for what Ambit starts itself. */
#define CLI_COMMAND_TABLE(X)                                                                       \
    X(serve, "serve", "start a whole server: supervisor, control and edge")                        \
    X(control, "control", "run the control plane alone")                                           \
    X(edge, "edge", "run an edge alone")                                                           \
    X(check, "check", "check a configuration, and assertions about where requests may go")         \
    X(reload, "reload", "have the running server read its configuration again")                    \
    X(explain, "explain",                                                                          \
      "show which regions and endpoints a request could use, and why not the others")              \
    X(report, "report", "print reports for an officer, such as `report residency`")                \
    X(customer, "customer", "create, change, list and delete customers")                           \
    X(key, "key", "create, list and revoke API keys")                                              \
    X(organization, "organization",                                                                \
      "show, set and clear the region rule that holds for every request")                          \
    X(endpoint, "endpoint", "list endpoints, take them out of service and back")                   \
    X(audit, "audit", "show who changed what and when")                                            \
    X(region, "region", "list regions")                                                            \
    X(push, "push", "deploy a Truss package")                                                      \
    X(models, "models", "list, make and delete models")                                            \
    X(chains, "chains", "list, make and delete chains")                                            \
    X(deployments, "deployments", "list deployments, stop, start and promote them")                \
    X(env, "env", "make environments, change their settings, promote to them")                     \
    X(group, "group", "region rules and restrictions of environment names")                        \
    X(hosts, "hosts", "list the names of model hosts")                                             \
    X(logs, "logs", "show or follow a deployment's log")                                           \
    X(secret, "secret", "set and delete secrets that packages use")                                \
    X(team, "team", "list and make teams")                                                         \
    X(user, "user", "users, their roles and keys")                                                 \
    X(instance_types, "instance-types", "list instance types")                                     \
    X(usage, "usage", "show which deployment was in which environment, where, how long")           \
    X(replica, "replica", NULL)                                                                    \
    X(build, "build", NULL)

#define X(name, word, help) int cli_##name(int argc, char **argv);
CLI_COMMAND_TABLE(X)
#undef X

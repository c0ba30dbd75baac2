#pragma once

/*
 * The commands of `ambit`: one file and one function each, named in one table, from which main.c
 * dispatches and prints its help. A function gets the command's own name as argv[0] and returns the
 * exit status: 0 fine, 1 it failed or the answer is no, 2 it was called wrongly (CLI_USAGE).
 */

#include <stdlib.h>

enum { CLI_OK = EXIT_SUCCESS, CLI_FAILED = EXIT_FAILURE, CLI_USAGE = 2 };

/* name, help. In the order of `ambit --help`; NULL: left out of it, for what Ambit starts itself.
 */
#define CLI_COMMAND_TABLE(X)                                                                       \
    X(serve, "start a whole server: supervisor, control and edge")                                 \
    X(control, "run the control plane alone")                                                      \
    X(edge, "run an edge alone")                                                                   \
    X(check, "check a configuration, and assertions about where requests may go")                  \
    X(reload, "have the running server read its configuration again")                              \
    X(explain, "show which regions and endpoints a request could use, and why not the others")     \
    X(report, "print reports for an officer, such as `report residency`")                          \
    X(customer, "create, change, list and delete customers")                                       \
    X(key, "create, list and revoke API keys")                                                     \
    X(organization, "show, set and clear the region rule that holds for every request")            \
    X(endpoint, "list endpoints, take them out of service and back")                               \
    X(audit, "show who changed what and when")                                                     \
    X(region, "list regions")                                                                      \
    X(replica, NULL)                                                                               \
    X(build, NULL)

#define X(name, help) int cli_##name(int argc, char **argv);
CLI_COMMAND_TABLE(X)
#undef X

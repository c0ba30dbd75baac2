/* `ambit usage`: billing history, which outlives what it speaks of. */

#include "base/mem.h"
#include "cli/registry.h"

int cli_usage(int argc, char **argv)
{
    static const char *const head[] = {"MODEL",      "NAME",   "ENVIRONMENT",
                                       "DEPLOYMENT", "REGION", "INSTANCE TYPE",
                                       "FROM",       "TO",     "REPLICA MS"};
    static const char *const members[] = {"model_id",      "model_name", "environment",
                                          "deployment_id", "region",     "instance_type_name",
                                          "from",          "to",         "replica_milliseconds"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit usage",
                                .about = "Which deployment was in which environment, in which "
                                         "region, from when to when.",
                                .path = "/v1/usage",
                                .table = &table},
        argc, argv);
}

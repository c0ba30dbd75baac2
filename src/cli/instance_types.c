/* `ambit instance-types`: the labels that packages and environments choose from. */

#include "base/mem.h"
#include "cli/registry.h"

int cli_instance_types(int argc, char **argv)
{
    static const char *const head[] = {"NAME", "MILLICPU", "MEMORY MIB",
                                       "GPUS", "GPU",      "GPU MEMORY MIB"};
    static const char *const members[] = {"name",      "millicpu_limit", "memory_limit_mib",
                                          "gpu_count", "gpu_type",       "gpu_memory_limit_mib"};
    static const struct registry_table table = {head, members, COUNT_OF(head)};

    return registry_run_list(
        &(struct registry_list){.usage = "ambit instance-types",
                                .about = "What resources.instance_type of a config.yaml can be.",
                                .path = "/v1/instance_types",
                                .table = &table},
        argc, argv);
}

/* Instance types are labels: a list to read. */

#include "control/api_internal.h"
#include "control/instance_types.h"

enum api_progress api_instance_type_list(struct api_call *call)
{
    call->json = instance_types_json();
    return API_ANSWERED;
}

/* Billing history: what ran in which environment, and for how long. It outlives what ran. */

#include "base/clock.h"
#include "control/api_internal.h"
#include "control/registry.h"
#include "control/registry_json.h"
#include "control/render.h"
#include "fleet/controller.h"

enum api_progress api_usage_list(struct api_call *call)
{
    const struct fleet *f = call->api->policy->fleet;
    bool limited = registry_caller(call).team.n != 0;
    int64_t now_ns = clock_wall_ns();
    json_t *list = json_array();

    for (struct fleet_usage *u = fleet_first_usage(f); u; u = fleet_next_usage(f, u)) {
        const struct fleet_model *m = fleet_find_model(f, u->model);

        if (m ? !registry_sees_model(call, m) : limited)
            continue;
        json_array_append_new(
            list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:I}", "model_id",
                            render_str(u->model), "model_name", render_str(u->model_name),
                            "environment", text_or_null(u->environment), "deployment_id",
                            render_str(u->deployment), "region", render_str(u->region),
                            "instance_type_name", text_or_null(u->instance_type), "from",
                            render_time(u->from_ns), "to", render_time(u->to_ns),
                            "replica_milliseconds", (json_int_t)fleet_usage_ms(f, u, now_ns)));
    }
    call->json = json_pack("{s:o}", "usage", list);
    return API_ANSWERED;
}

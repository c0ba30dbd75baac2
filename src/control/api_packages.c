/* A package that has come: by now it lies in its place (http_api.c streams it there). */

#include "control/api_internal.h"
#include "control/package_store.h"
#include "control/registry.h"
#include "control/render.h"

enum api_progress api_package_new(struct api_call *call)
{
    const struct api_request *r = &call->request;
    struct registry_change c;

    if (!r->package.n) {
        api_error(call, 400, "missing_package", NULL,
                  "the body: expected a package as .tar.gz (content-type application/gzip)");
        return API_ANSWERED;
    }
    json_t *value = json_pack("{s:o, s:I}", "sha256", render_str(r->package), "bytes",
                              (json_int_t)r->package_bytes);
    registry_begin(call, &c);
    enum fleet_outcome outcome = fleet_add_package(c.fleet, &c.world, registry_caller(call).team,
                                                   r->package, r->package_bytes, &c.problem);
    if (outcome == FLEET_OK)
        registry_audit(&c, "PACKAGE_UPLOADED", r->package, NULL, json_incref(value));
    if (registry_end(call, &c, outcome))
        call->json = json_incref(value);
    else
        package_store_sweep(call->api->data_dir, call->api->policy->fleet);
    json_decref(value);
    return API_ANSWERED;
}

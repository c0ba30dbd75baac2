/* For whoever runs the server: reload, the state of the configuration, edges, health. */

#include "base/json_out.h"
#include "control/api_internal.h"
#include "control/reload.h"
#include "control/render.h"

/* --- reload */

static void refuse_reload(struct api_call *call, struct reload_report *report)
{
    switch (report->outcome) {
    case RELOAD_WOULD_WIDEN:
        api_error(call, 409, "would_widen", NULL,
                  "the file would remove or widen region rules; nothing was changed. Send "
                  "allow_widening to let it (`ambit reload --allow-widening`)");
        break;
    case RELOAD_INVALID:
        api_error(call, 422, "invalid_configuration", NULL,
                  "the configuration has errors; nothing was changed");
        break;
    default:
        api_store_failed(call);
        break;
    }
}

static void answer_reload(struct api_call *call, struct reload_report *report)
{
    bool done = report->outcome == RELOAD_DONE;

    if (done || report->outcome == RELOAD_UNCHANGED) {
        /* Unchanged since a moment ago may still be on its way to the edges. */
        call->changed = true;
        call->json = json_pack("{s:b, s:o, s:I}", "reloaded", done, "status",
                               render_str(reload_outcome_name(report->outcome)), "revision",
                               (json_int_t)policy_revision(call->api->policy));
    } else {
        refuse_reload(call, report);
    }
    json_object_set(call->json, "diagnostics", report->lines);
    if (report->widening)
        json_object_set(call->json, "widening", report->widening);
}

/* A body is optional. */
static bool take_leave(struct api_call *call, enum reload_widening *ret_widening)
{
    static const char *const names[] = {"allow_widening"};
    json_t *body = NULL;
    bool fine = true;

    *ret_widening = RELOAD_KEEP_NARROW;
    if (call->request.body.n == 0)
        return true;
    body = api_body_of(call, names, COUNT_OF(names));
    const json_t *leave = json_object_get(body, "allow_widening");
    if (!body) {
        fine = false;
    } else if (leave && !json_is_boolean(leave)) {
        api_error(call, 400, "invalid_field", "allow_widening",
                  "allow_widening: expected true or false");
        fine = false;
    } else if (json_is_true(leave)) {
        *ret_widening = RELOAD_ALLOW_WIDENING;
        fine = api_may(call, SCOPE_POLICY_WIDEN, "a reload that may widen region rules");
    }
    json_decref(body);
    return fine;
}

enum api_progress api_reload(struct api_call *call)
{
    enum reload_widening widening;
    struct reload_report report;

    if (!take_leave(call, &widening))
        return API_ANSWERED;
    reload(call->api->policy, widening, call->request.actor, &report);
    answer_reload(call, &report);
    reload_report_deinit(&report);
    return API_ANSWERED;
}

enum api_progress api_configuration(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    bool in_force = p->file_state == POLICY_FILE_IN_FORCE;

    call->json =
        json_pack("{s:o, s:s, s:o, s:s, s:o, s:I}", "file", render_str(str_of(p->config_path)),
                  "state", in_force ? "in_force" : "refused", "why",
                  in_force ? json_null() : render_str(buf_str(&p->file_why)), "hash_in_force",
                  p->config->file_hash, "installation", render_str(store_installation(p->store)),
                  "revision", (json_int_t)policy_revision(p));
    return API_ANSWERED;
}

/* --- edges and health */

enum api_progress api_edges(struct api_call *call)
{
    struct json_out j;

    json_out_init(&j, &call->text);
    json_open_object(&j);
    json_member_u64(&j, "revision", policy_revision(call->api->policy));
    json_key(&j, "edges");
    json_open_array(&j);
    link_server_list(call->api->link, &j);
    json_close_array(&j);
    json_close_object(&j);
    return API_ANSWERED;
}

enum api_progress api_health_live(struct api_call *call)
{
    call->json = json_pack("{s:s}", "status", "live");
    return API_ANSWERED;
}

/* Control answers at all only once a configuration is in force. */
enum api_progress api_health_ready(struct api_call *call)
{
    call->json = json_pack("{s:s}", "status", "ready");
    return API_ANSWERED;
}

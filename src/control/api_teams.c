/* Teams: models, secrets, environment groups and keys belong to one. */

#include "control/api_internal.h"
#include "control/registry.h"
#include "control/registry_json.h"

enum { NAME_BYTES = 256 };

enum api_progress api_team_list(struct api_call *call)
{
    const struct fleet *f = call->api->policy->fleet;
    json_t *list = json_array();

    for (struct fleet_team *t = fleet_first_team(f); t; t = fleet_next_team(f, t))
        if (registry_sees_team(call, t->id))
            json_array_append_new(list, team_json(t));
    call->json = json_pack("{s:o}", "teams", list);
    return API_ANSWERED;
}

enum api_progress api_team_get(struct api_call *call)
{
    struct fleet_team *t = registry_team(call);

    if (t) {
        call->json = team_json(t);
        registry_tag(call, &t->object);
    }
    return API_ANSWERED;
}

static void make_team(struct api_call *call, str name)
{
    struct registry_change c;
    struct fleet_team *team;

    registry_begin(call, &c);
    enum fleet_outcome outcome = fleet_create_team(c.fleet, &c.world, name, &team, &c.problem);
    if (outcome == FLEET_OK)
        registry_audit(&c, "TEAM_CREATED", team->id, NULL, team_json(team));
    if (registry_end(call, &c, outcome)) {
        call->json = team_json(team);
        registry_tag(call, &team->object);
    }
}

enum api_progress api_team_new(struct api_call *call)
{
    static const char *const names[] = {"name"};
    json_t *body = api_body_of(call, names, COUNT_OF(names));
    str name;

    if (body && registry_take_name(call, body, NAME_BYTES, &name))
        make_team(call, name);
    json_decref(body);
    return API_ANSWERED;
}

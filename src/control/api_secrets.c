/* Secrets of a team: sealed in the store, given to the replicas whose packages name them, never
 * shown again. */

#include "base/random.h"
#include "control/api_internal.h"
#include "control/registry.h"
#include "control/registry_json.h"
#include "control/render.h"
#include "control/seal.h"

enum { NAME_BYTES = 128, VALUE_BYTES = 64 * 1024, ID_BYTES = 8 };

enum api_progress api_secret_list(struct api_call *call)
{
    const struct fleet *f = call->api->policy->fleet;
    const struct fleet_team *team = registry_team(call);
    json_t *list = json_array();

    for (struct fleet_secret *s = team ? fleet_first_secret(f) : NULL; s;
         s = fleet_next_secret(f, s))
        if (str_eq(s->team, team->id))
            json_array_append_new(list, secret_json(f, s));
    if (team)
        call->json = json_pack("{s:o}", "secrets", list);
    else
        json_decref(list);
    return API_ANSWERED;
}

/* It becomes the name of a file and of a variable. */
static bool take_name(struct api_call *call, const json_t *body, str *ret_name)
{
    if (!registry_take_name(call, body, NAME_BYTES, ret_name))
        return false;
    for (size_t i = 0; i < ret_name->n; i++) {
        char c = ret_name->p[i];
        bool fine = (c >= '0' && c <= '9') ||
                    (str_lower_char(c) >= 'a' && str_lower_char(c) <= 'z') || c == '_' ||
                    c == '-' || (c == '.' && i > 0);

        if (fine)
            continue;
        api_error(call, 400, "invalid_field", "name",
                  "name: expected letters, digits, _ - and, not at its beginning, .");
        return false;
    }
    return true;
}

static bool take_value(struct api_call *call, const json_t *body, str *ret_value)
{
    if (!api_text(call, body, "value", VALUE_BYTES, ret_value))
        return false;
    if (!ret_value->p)
        api_error(call, 400, "missing_field", "value", "value: expected a text of 1 to %d bytes",
                  VALUE_BYTES);
    return ret_value->p != NULL;
}

static struct fleet_secret *find_or_add(struct api_call *call, struct registry_change *c,
                                        const struct fleet_team *team, str name, str key)
{
    struct fleet_secret *s = fleet_find_secret(c->fleet, key);
    uint8_t bytes[ID_BYTES];
    char hex[2 * ID_BYTES];

    if (s)
        return fleet_edit(c->fleet, s);
    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), hex);
    s = (struct fleet_secret *)fleet_add(c->fleet, FLEET_SECRET, key);
    fleet_set_str(&s->id, arena_printf(&call->arena, "secret_%.*s", (int)sizeof(hex), hex));
    fleet_set_str(&s->team, team->id);
    fleet_set_str(&s->name, name);
    s->created_ns = c->world.now_ns;
    return s;
}

static void put(struct api_call *call, const struct fleet_team *team, str name, str value)
{
    struct policy *p = call->api->policy;
    str key = arena_printf(&call->arena, "%.*s/%.*s", STR_ARG(team->id), STR_ARG(name));
    struct registry_change c;
    struct buf sealed;

    buf_init(&sealed, 0);
    if (seal(p->seal_key, key, value, &sealed) < 0) {
        api_store_failed(call);
        buf_deinit(&sealed);
        return;
    }
    registry_begin(call, &c);
    enum fleet_outcome outcome =
        fleet_find_secret(c.fleet, key)
            ? FLEET_OK
            : fleet_check_quota(c.fleet, &c.world, QUOTA_SECRETS, team->id, 1, &c.problem);
    if (outcome != FLEET_OK) {
        registry_end(call, &c, outcome);
        buf_deinit(&sealed);
        return;
    }
    struct fleet_secret *s = find_or_add(call, &c, team, name, key);
    fleet_set_str(&s->sealed, buf_str(&sealed));
    registry_audit(&c, "SECRET_UPDATED", key, NULL, secret_json(c.fleet, s));
    if (registry_end(call, &c, FLEET_OK))
        call->json = secret_json(p->fleet, s);
    buf_deinit(&sealed);
}

enum api_progress api_secret_put(struct api_call *call)
{
    static const char *const names[] = {"name", "value"};
    const struct fleet_team *team = registry_team(call);
    json_t *body = team ? api_body_of(call, names, COUNT_OF(names)) : NULL;
    str name, value;

    if (body && take_name(call, body, &name) && take_value(call, body, &value) &&
        registry_may_change(call, team->id, STR("")))
        put(call, team, name, value);
    json_decref(body);
    return API_ANSWERED;
}

enum api_progress api_secret_delete(struct api_call *call)
{
    const struct fleet *f = call->api->policy->fleet;
    const struct fleet_team *team = registry_team(call);
    str name = api_path(call, "secret_name");
    struct registry_change c;

    if (!team)
        return API_ANSWERED;
    str key = arena_printf(&call->arena, "%.*s/%.*s", STR_ARG(team->id), STR_ARG(name));
    struct fleet_secret *s = fleet_find_secret(f, key);
    if (!s) {
        api_error(call, 404, "not_found", "secret_name", "there is no secret \"%.*s\"",
                  STR_ARG(str_upto(name, 200)));
        return API_ANSWERED;
    }
    if (!registry_matches(call, &s->object) || !registry_may_change(call, team->id, STR("")))
        return API_ANSWERED;
    registry_begin(call, &c);
    registry_audit(&c, "SECRET_DELETED", key, secret_json(f, s), NULL);
    fleet_remove(c.fleet, &s->object);
    if (registry_end(call, &c, FLEET_OK))
        call->json = json_pack("{s:o}", "name", render_str(name));
    return API_ANSWERED;
}

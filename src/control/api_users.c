/*
 * Users: roles, and whom a restricted environment can name. Their personal keys have what the role
 * allows at each moment, and end with them. Nobody gives a role that may do more than they may.
 */

#include "base/random.h"
#include "control/api_internal.h"
#include "control/registry.h"
#include "control/registry_json.h"
#include "control/render.h"

enum { NAME_BYTES = 256, EMAIL_BYTES = 254, TEAMS_MAX = 64, ID_BYTES = 8, PAGE = 100 };

static struct fleet_user *find_user(struct api_call *call)
{
    str id = api_path(call, "user_id");
    struct fleet_user *u = fleet_find_user(call->api->policy->fleet, id);

    if (u && registry_sees_user(call, u))
        return u;
    api_error(call, 404, "not_found", "user_id", "there is no user \"%.*s\"",
              STR_ARG(str_upto(id, 200)));
    return NULL;
}

/* Of a user's teams a key of one team sees that one. */
static json_t *shown(struct api_call *call, const struct fleet_user *u)
{
    return user_json(u, registry_caller(call).team);
}

static void show(struct api_call *call, const struct fleet_user *u)
{
    call->json = shown(call, u);
    registry_tag(call, &u->object);
}

enum api_progress api_user_list(struct api_call *call)
{
    const struct fleet *f = call->api->policy->fleet;
    str cursor = api_query(call, "cursor"), last = STR_NULL;
    bool more = false, begun = !cursor.n;
    json_t *list = json_array();
    uint64_t limit;

    if (!api_query_number(call, "limit", 1, 1000, PAGE, &limit)) {
        json_decref(list);
        return API_ANSWERED;
    }
    for (struct fleet_user *u = fleet_first_user(f); u && !more; u = fleet_next_user(f, u)) {
        if (begun && registry_sees_user(call, u)) {
            more = json_array_size(list) == limit;
            if (!more) {
                json_array_append_new(list, shown(call, u));
                last = u->id;
            }
        }
        begun = begun || str_eq(u->id, cursor);
    }
    call->json = json_pack("{s:o, s:{s:b, s:o}}", "items", list, "pagination", "has_more",
                           (int)more, "cursor", more ? render_str(last) : json_null());
    return API_ANSWERED;
}

enum api_progress api_user_get(struct api_call *call)
{
    struct fleet_user *u = find_user(call);

    if (u)
        show(call, u);
    return API_ANSWERED;
}

enum api_progress api_user_me(struct api_call *call)
{
    struct fleet_user *u = fleet_find_user(call->api->policy->fleet, registry_caller(call).user);

    if (u)
        show(call, u);
    else
        api_error(call, 404, "not_found", NULL,
                  "this key is no user's: it belongs to the workspace");
    return API_ANSWERED;
}

/* --- changing users */

struct user_fields {
    str name; /* STR_NULL: as it is */
    enum fleet_role role;
    str *teams;
    size_t n_teams;
};

static bool take_role(struct api_call *call, const json_t *body, struct user_fields *fields)
{
    const json_t *value = json_object_get(body, "role");

    if (!value)
        return true;
    for (enum fleet_role role = ROLE_MEMBER; role <= ROLE_ORGANIZATION_ADMIN; role++)
        if (json_is_null(value) || str_eq(role_name(role), str_of(json_string_value(value)))) {
            fields->role = role; /* null: the first, which is the default */
            return true;
        }
    api_error(call, 400, "invalid_field", "role",
              "role: expected MEMBER, TEAM_ADMIN or ORGANIZATION_ADMIN");
    return false;
}

static bool take_team_ids(struct api_call *call, const json_t *body, struct user_fields *fields)
{
    const json_t *value = json_object_get(body, "team_ids"), *item;
    size_t i;

    if (!value)
        return true;
    if (!json_is_null(value) && (!json_is_array(value) || json_array_size(value) > TEAMS_MAX)) {
        api_error(call, 400, "invalid_field", "team_ids",
                  "team_ids: expected a list of at most %d teams", TEAMS_MAX);
        return false;
    }
    fields->teams = arena_alloc(&call->arena, (json_array_size(value) + 1) * sizeof(str));
    fields->n_teams = 0;
    json_array_foreach(value, i, item)
    {
        str name = str_make(json_string_value(item), json_string_length(item));
        struct fleet_team *team = registry_team_named(call, name, "team_ids");

        if (!team)
            return false;
        fields->teams[fields->n_teams++] = team->id;
    }
    return true;
}

static bool take_fields(struct api_call *call, const json_t *body, struct user_fields *fields)
{
    if (json_object_get(body, "name") && !api_text(call, body, "name", NAME_BYTES, &fields->name))
        return false;
    return take_role(call, body, fields) && take_team_ids(call, body, fields);
}

static bool may_give_role(struct api_call *call, enum fleet_role role)
{
    uint32_t lacking = policy_role_scopes(role) & ~call->request.scopes;

    if (!lacking && (role != ROLE_ORGANIZATION_ADMIN || !registry_caller(call).team.n))
        return true;
    str name = role_name(role);
    api_error(call, 403, "insufficient_scope", "role",
              "role: this key may do less than %.*s, so it can't give that away", STR_ARG(name));
    return false;
}

static void set_fields(struct fleet_user *u, const struct user_fields *fields)
{
    fleet_set_str(&u->name, fields->name.p ? fields->name : STR(""));
    fleet_set_strs(&u->teams, &u->n_teams, fields->teams, fields->n_teams);
    u->role = fields->role;
}

static bool take_email(struct api_call *call, const json_t *body, str *ret_email)
{
    const struct fleet *f = call->api->policy->fleet;

    if (!api_text(call, body, "email", EMAIL_BYTES, ret_email))
        return false;
    size_t at = str_find(*ret_email, '@', 0);
    if (!ret_email->n || at == 0 || at + 1 >= ret_email->n ||
        str_find(*ret_email, ' ', 0) < ret_email->n ||
        str_find(*ret_email, '@', at + 1) < ret_email->n) {
        api_error(call, 400, "invalid_field", "email", "email: expected an address, name@domain");
        return false;
    }
    for (struct fleet_user *u = fleet_first_user(f); u; u = fleet_next_user(f, u))
        if (str_ieq(u->email, *ret_email)) {
            api_error(call, 409, "exists", "email", "there is a user \"%.*s\" already",
                      STR_ARG(*ret_email));
            return false;
        }
    return true;
}

static void make_user(struct api_call *call, str email, const struct user_fields *fields)
{
    uint8_t bytes[ID_BYTES];
    char hex[2 * ID_BYTES];
    struct registry_change c;

    random_bytes(bytes, sizeof(bytes));
    hex_encode(bytes, sizeof(bytes), hex);
    str id = arena_printf(&call->arena, "user_%.*s", (int)sizeof(hex), hex);
    registry_begin(call, &c);
    struct fleet_user *u = (struct fleet_user *)fleet_add(c.fleet, FLEET_USER, id);
    fleet_set_str(&u->id, id);
    fleet_set_str(&u->email, email);
    u->created_ns = c.world.now_ns;
    set_fields(u, fields);
    registry_audit(&c, "USER_CREATED", id, NULL, user_json(u, STR("")));
    if (registry_end(call, &c, FLEET_OK))
        show(call, u);
}

enum api_progress api_user_new(struct api_call *call)
{
    static const char *const names[] = {"email", "name", "role", "team_ids"};
    json_t *body = api_body_of(call, names, COUNT_OF(names));
    str email, own = registry_caller(call).team;
    struct user_fields fields = {
        .teams = arena_alloc(&call->arena, sizeof(str)), .n_teams = 1, .role = ROLE_MEMBER};

    fields.teams[0] = own.n ? arena_copy(&call->arena, own) : DEPLOYMENTS_DEFAULT_TEAM;
    if (body && take_email(call, body, &email) && take_fields(call, body, &fields) &&
        may_give_role(call, fields.role))
        make_user(call, email, &fields);
    json_decref(body);
    return API_ANSWERED;
}

/* A key of one team changes only who belongs to that team alone. */
static bool may_change_user(struct api_call *call, const struct fleet_user *u)
{
    return may_give_role(call, u->role) && (u->n_teams <= 1 || registry_may_change_all(call));
}

/* As they are: copies, since what an object owns goes away when it is set. */
static struct user_fields fields_of(struct api_call *call, const struct fleet_user *u)
{
    struct user_fields fields = {
        .name = arena_copy(&call->arena, u->name),
        .role = u->role,
        .teams = arena_alloc(&call->arena, (u->n_teams + 1) * sizeof(str)),
        .n_teams = u->n_teams,
    };

    for (size_t i = 0; i < u->n_teams; i++)
        fields.teams[i] = arena_copy(&call->arena, u->teams[i]);
    return fields;
}

static void change_user(struct api_call *call, struct fleet_user *u,
                        const struct user_fields *fields)
{
    json_t *before = user_json(u, STR(""));
    struct registry_change c;

    registry_begin(call, &c);
    set_fields(fleet_edit(c.fleet, u), fields);
    registry_audit(&c, "USER_UPDATED", u->id, before, user_json(u, STR("")));
    c.change.rebuild = true; /* what its keys may do */
    if (registry_end(call, &c, FLEET_OK))
        show(call, u);
}

enum api_progress api_user_patch(struct api_call *call)
{
    static const char *const names[] = {"name", "role", "team_ids"};
    struct fleet_user *u = find_user(call);
    json_t *body = u ? api_body_of(call, names, COUNT_OF(names)) : NULL;

    if (body && registry_matches(call, &u->object) && may_change_user(call, u)) {
        struct user_fields fields = fields_of(call, u);

        if (take_fields(call, body, &fields) && may_give_role(call, fields.role))
            change_user(call, u, &fields);
    }
    json_decref(body);
    return API_ANSWERED;
}

enum api_progress api_user_delete(struct api_call *call)
{
    struct fleet_user *u = find_user(call);
    struct registry_change c;

    if (!u || !registry_matches(call, &u->object) || !may_change_user(call, u))
        return API_ANSWERED;
    str id = arena_copy(&call->arena, u->id);
    registry_begin(call, &c);
    registry_audit(&c, "USER_DELETED", id, user_json(u, STR("")), NULL);
    fleet_remove(c.fleet, &u->object);
    c.change.rebuild = true; /* its keys end with it */
    if (registry_end(call, &c, FLEET_OK))
        call->json = json_pack("{s:o, s:b}", "user_id", render_str(id), "deleted", 1);
    return API_ANSWERED;
}

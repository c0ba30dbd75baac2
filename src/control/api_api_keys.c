/*
 * Keys in Baseten's shape: by their type, of a team, limited to models and environments. They are
 * the same keys as those of /v1/keys; a prefix is what their id has behind "key_".
 */

#include "base/mem.h"
#include "control/api_internal.h"
#include "control/key_making.h"
#include "control/registry.h"
#include "control/render.h"

enum { MODELS_MAX = 256, ENVIRONMENTS_MAX = 64, ID_PREFIX_BYTES = 4, USER_BYTES = 64 };

static const struct type {
    const char *name;
    uint32_t scopes; /* 0: what the user's role allows */
    bool takes_models, takes_environments;
} types[] = {
    {"PERSONAL", 0, false, false},
    {"WORKSPACE_MANAGE_ALL",
     SCOPE_INFERENCE | SCOPE_DEPLOY | SCOPE_CUSTOMERS | SCOPE_KEYS | SCOPE_POLICY_READ |
         SCOPE_POLICY_WRITE | SCOPE_METRICS,
     false, true},
    {"WORKSPACE_EXPORT_METRICS", SCOPE_METRICS, false, false},
    {"WORKSPACE_INVOKE", SCOPE_INFERENCE, true, true},
    {"WORKSPACE_MANAGE_API_KEYS", SCOPE_KEYS | SCOPE_INFERENCE | SCOPE_METRICS, false, false},
};

/* --- reading */

static json_t *key_json(const struct policy *p, const struct store_key *key)
{
    const struct fleet_team *team = fleet_find_team(p->fleet, key->team);

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "prefix",
                     render_str(str_from(key->id, ID_PREFIX_BYTES)), "name", render_str(key->name),
                     "type", render_str(key->type), "model_ids", render_words(key->models),
                     "team_name", team ? render_str(team->name) : json_null(), "environments",
                     render_words(key->environments), "region_rule",
                     render_rule_at(p->catalog, key->rule), "expires", render_time(key->expires_ns),
                     "user_id", key->user.n ? render_str(key->user) : json_null());
}

/* Whoever has no rights over keys sees and ends their own. */
static bool is_visible(struct api_call *call, const struct registry_caller *caller,
                       const struct store_key *key)
{
    bool own = key->user.n && str_eq(key->user, caller->user);

    return key->type.n && (!caller->team.n || str_eq(caller->team, key->team)) &&
           (own || (call->request.scopes & SCOPE_KEYS));
}

struct listing {
    struct api_call *call;
    struct registry_caller caller;
    json_t *list;
};

static int on_key(void *ctx, const struct store_key *key)
{
    struct listing *l = ctx;

    if (is_visible(l->call, &l->caller, key))
        json_array_append_new(l->list, key_json(l->call->api->policy, key));
    return 0;
}

enum api_progress api_api_key_list(struct api_call *call)
{
    struct listing l = {call, registry_caller(call), json_array()};

    if (store_key_each(call->api->policy->store, on_key, &l) < 0) {
        json_decref(l.list);
        api_store_failed(call);
        return API_ANSWERED;
    }
    call->json = json_pack("{s:o}", "keys", l.list);
    return API_ANSWERED;
}

/* --- making */

static const struct type *take_type(struct api_call *call, const json_t *body)
{
    const char *name = json_string_value(json_object_get(body, "type"));

    for (size_t i = 0; i < COUNT_OF(types) && name; i++)
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    api_error(call, 400, "invalid_field", "type",
              "type: expected PERSONAL, WORKSPACE_MANAGE_ALL, WORKSPACE_EXPORT_METRICS, "
              "WORKSPACE_INVOKE or WORKSPACE_MANAGE_API_KEYS");
    return NULL;
}

/* A list of words, joined by spaces, of which `check` approves. */
static bool take_words(struct api_call *call, const json_t *body, const char *name, size_t most,
                       bool allowed, bool (*check)(struct api_call *call, str word), str *ret_words)
{
    const json_t *list = json_object_get(body, name), *item;
    str text = STR("");
    size_t i;

    if (!list || json_is_null(list))
        return true;
    if (!allowed || !json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > most) {
        api_error(call, 400, "invalid_field", name,
                  allowed ? "%s: expected a list of 1 to %zu texts, or null"
                          : "%s: a key of this type cannot be limited so (at most %zu elsewhere)",
                  name, most);
        return false;
    }
    json_array_foreach(list, i, item)
    {
        str word = str_make(json_string_value(item), json_string_length(item));

        if (!check(call, word)) {
            if (call->status < 400)
                api_error(call, 400, "invalid_field", name, "%s[%zu]: there is no \"%.*s\"", name,
                          i, STR_ARG(str_upto(word, 200)));
            return false;
        }
        text = arena_printf(&call->arena, "%.*s%s%.*s", STR_ARG(text), i ? " " : "", STR_ARG(word));
    }
    *ret_words = text;
    return true;
}

static bool is_model(struct api_call *call, str id)
{
    const struct fleet_model *m = fleet_find_model(call->api->policy->fleet, id);

    return m && registry_sees_model(call, m);
}

/* It need not be there yet; a limited key gives only what it has. */
static bool is_environment(struct api_call *call, str name)
{
    const struct catalog_key *key = registry_caller(call).key;

    for (size_t i = 0; key && i < key->n_environments; i++)
        if (str_eq(key->environments[i], name))
            return true;
    return (!key || key->n_environments == 0) &&
           (!fleet_environment_name_problem(name) || str_eq(name, STR("development")));
}

static bool belongs_to(const struct fleet_user *u, str team)
{
    for (size_t i = 0; i < u->n_teams; i++)
        if (str_eq(u->teams[i], team))
            return true;
    return u->role == ROLE_ORGANIZATION_ADMIN;
}

/* Whose it is, and of which of their teams. */
static bool take_user(struct api_call *call, const json_t *body, struct store_key *key)
{
    str own = registry_caller(call).user, named = STR_NULL;

    if (!api_text(call, body, "user_id", USER_BYTES, &named))
        return false;
    const struct fleet_user *u = fleet_find_user(call->api->policy->fleet, named.p ? named : own);
    if (!u || !registry_sees_user(call, u)) {
        api_error(call, 400, "invalid_field", "user_id",
                  named.p ? "user_id: there is no such user"
                          : "user_id: a personal key belongs to a user, and this key is no user's");
        return false;
    }
    if (!str_eq(u->id, own) && !api_may(call, SCOPE_KEYS, "a personal key for somebody else"))
        return false;
    if (!key->team.n && u->n_teams == 1 && u->role != ROLE_ORGANIZATION_ADMIN)
        key->team = arena_copy(&call->arena, u->teams[0]);
    if (!belongs_to(u, key->team)) {
        api_error(call, 400, "invalid_field", "user_id",
                  "user_id: the user is in %zu teams, and %s; use POST "
                  "/v1/teams/{team_id}/api_keys with one of theirs",
                  u->n_teams, key->team.n ? "this is none of them" : "a key belongs to one");
        return false;
    }
    key->user = arena_copy(&call->arena, u->id);
    key->scopes = policy_role_scopes(u->role);
    return true;
}

static bool take_owner(struct api_call *call, const json_t *body, const struct type *type,
                       struct store_key *key)
{
    key->scopes = type->scopes;
    if (!type->scopes)
        return take_user(call, body, key);
    if (!json_object_get(body, "user_id") || json_is_null(json_object_get(body, "user_id")))
        return api_may(call, SCOPE_KEYS, "a key of the workspace");
    api_error(call, 400, "invalid_field", "user_id", "user_id: only personal keys have a user");
    return false;
}

static bool take_key_name(struct api_call *call, const json_t *body, const struct type *type,
                          struct store_key *key)
{
    if (!json_is_null(json_object_get(body, "name")) && json_object_get(body, "name"))
        return key_take_name(call, body, &key->name);
    key->name = arena_printf(&call->arena, "%s-%.*s", type->name,
                             STR_ARG(str_from(key->id, ID_PREFIX_BYTES)));
    return true;
}

static bool may_give(struct api_call *call, uint32_t scopes)
{
    uint32_t lacking = scopes & ~call->request.scopes;

    for (uint32_t bit = 1; bit && bit <= SCOPE_ALL; bit <<= 1)
        if (lacking & bit) {
            str name = catalog_scope_name(bit);

            api_error(call, 403, "insufficient_scope", "type",
                      "type: this key lacks \"%.*s\" itself, so it can't give it away",
                      STR_ARG(name));
            return false;
        }
    return true;
}

static bool take_key(struct api_call *call, const json_t *body, struct store_key *key,
                     str *ret_rule)
{
    const struct type *type = take_type(call, body);

    if (!type)
        return false;
    key->type = str_of(type->name);
    return take_owner(call, body, type, key) && may_give(call, key->scopes) &&
           take_key_name(call, body, type, key) &&
           take_words(call, body, "model_ids", MODELS_MAX, type->takes_models, is_model,
                      &key->models) &&
           take_words(call, body, "environments", ENVIRONMENTS_MAX, type->takes_environments,
                      is_environment, &key->environments) &&
           api_rule(call, body, "region_rule", ret_rule) &&
           key_take_expiry(call, body, &key->expires_ns) && key_stays_within(call, key, *ret_rule);
}

enum api_progress api_api_key_new(struct api_call *call)
{
    static const char *const names[] = {"type",        "name",    "model_ids", "environments",
                                        "region_rule", "expires", "user_id"};
    bool of_team = api_path(call, "team_id").p || registry_caller(call).team.n;
    const struct fleet_team *team = of_team ? registry_team(call) : NULL;
    struct store_key key = {.id = key_make_id(call), .customer = STR_NULL};
    json_t *body = team || !of_team ? api_body_of(call, names, COUNT_OF(names)) : NULL;
    str rule;

    key.team = team ? arena_copy(&call->arena, team->id) : STR("");
    if (body && take_key(call, body, &key, &rule)) {
        str prefix = str_from(key.id, ID_PREFIX_BYTES);
        str text = ARENA_JOIN(&call->arena, prefix, STR("."), key_make_secret(call));

        key_take_limits(call, &key);
        json_t *made = key_store(call, &key, rule, text, "API_KEY_CREATED");
        if (made)
            call->json =
                json_pack("{s:o, s:o}", "api_key", render_str(text), "prefix", render_str(prefix));
        json_decref(made);
    }
    json_decref(body);
    return API_ANSWERED;
}

/* --- ending */

enum api_progress api_api_key_delete(struct api_call *call)
{
    struct policy *p = call->api->policy;
    str prefix = api_path(call, "api_key_prefix");
    struct registry_caller caller = registry_caller(call);
    struct store_key key;
    struct change change;

    int r =
        store_key_get(p->store, ARENA_JOIN(&call->arena, STR("key_"), prefix), &call->arena, &key);
    if (r < 0) {
        api_store_failed(call);
        return API_ANSWERED;
    }
    if (r != STORE_OK || !is_visible(call, &caller, &key)) {
        api_error(call, 404, "not_found", "api_key_prefix", "there is no key with the prefix %.*s",
                  STR_ARG(str_upto(prefix, 200)));
        return API_ANSWERED;
    }
    /* A limited key ends itself and nothing else: what the others are for is not its business. */
    if (caller.key && (caller.key->n_models || caller.key->n_environments) &&
        !str_eq(caller.key->id, key.id)) {
        api_error(call, 403, "key_limited", NULL,
                  "this key is limited to models or environments, and revokes no other");
        return API_ANSWERED;
    }
    json_t *before = key_json(p, &key);
    change_begin(&change, p, call->request.actor);
    change_did(&change, change.error ? 0 : store_key_delete(p->store, key.id));
    change_audit(&change, STR("API_KEY_DELETED"), key.id, before, NULL);
    change.rebuild = true;
    if (api_commit(call, &change))
        call->json = json_pack("{s:o}", "prefix", render_str(prefix));
    json_decref(before);
    return API_ANSWERED;
}

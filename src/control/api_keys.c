/*
 * API keys of the API's own (the file's are the file's). A key's text is made here, shown once, and
 * kept as its hash. Nobody makes a key that may do more than their own: neither in scopes, nor in
 * regions, nor by leaving the customer that theirs is bound to.
 */

#include "control/api_internal.h"
#include "control/explain.h"
#include "control/key_making.h"
#include "control/reload_audit.h"
#include "control/render.h"

/* --- reading */

static json_t *render(const struct policy *p, const struct catalog_key *key)
{
    json_t *value = key_to_json(p->catalog, key);

    json_object_set_new(value, "owner", json_string(key_owner(p, key)));
    return value;
}

enum api_progress api_key_list(struct api_call *call)
{
    const struct policy *p = call->api->policy;
    json_t *list = json_array();

    for (size_t i = 0; i < p->catalog->n_keys; i++)
        json_array_append_new(list, render(p, &p->catalog->keys[i]));
    call->json = json_pack("{s:o}", "keys", list);
    return API_ANSWERED;
}

/* --- making */

static bool take_scope(struct api_call *call, size_t i, const json_t *item, uint32_t *scopes)
{
    str name = str_make(json_string_value(item), json_string_length(item));
    uint32_t scope = str_eq(name, STR("all")) ? (uint32_t)SCOPE_ALL
                     : json_is_string(item)   ? catalog_scope(name)
                                              : 0;

    if (!scope) {
        api_error(call, 400, "invalid_field", "scopes",
                  "scopes[%zu]: expected inference, customers, keys, policy:read, policy:write, "
                  "policy:widen, metrics, operate, deploy or all",
                  i);
        return false;
    }
    if (scope & ~call->request.scopes) {
        api_error(call, 403, "insufficient_scope", "scopes",
                  "scopes[%zu]: this key lacks \"%.*s\" itself, so it can't give it away", i,
                  STR_ARG(name));
        return false;
    }
    *scopes |= scope;
    return true;
}

/* What most keys are for, unless something else is asked. */
static bool take_scopes(struct api_call *call, const json_t *body, uint32_t *ret_scopes)
{
    const json_t *list = json_object_get(body, "scopes"), *item;
    json_t *preset = json_pack("[s]", "inference");
    uint32_t scopes = 0;
    bool fine = true;
    size_t i;

    if (!list || json_is_null(list))
        list = preset;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        api_error(call, 400, "invalid_field", "scopes", "scopes: expected a list of scopes");
        fine = false;
    }
    json_array_foreach(list, i, item)
    {
        fine = fine && take_scope(call, i, item, &scopes);
    }
    json_decref(preset);
    *ret_scopes = scopes;
    return fine;
}

static bool take_members(struct api_call *call, const json_t *body, struct store_key *key,
                         str *ret_rule)
{
    uint32_t most = call->api->policy->catalog->settings.customer_id_bytes;

    return key_take_name(call, body, &key->name) && take_scopes(call, body, &key->scopes) &&
           api_rule(call, body, "region_rule", ret_rule) &&
           api_text(call, body, "customer", most, &key->customer) &&
           key_take_expiry(call, body, &key->expires_ns) && key_stays_within(call, key, *ret_rule);
}

static void make(struct api_call *call, const json_t *body)
{
    struct store_key key = {.id = key_make_id(call)};
    str text = ARENA_JOIN(&call->arena, STR("sk-"), key_make_secret(call)), rule;

    if (!take_members(call, body, &key, &rule))
        return;
    key_take_limits(call, &key);
    json_t *made = key_store(call, &key, rule, text, "key.new");
    if (!made)
        return;
    call->json = made;
    json_object_set_new(made, "owner", json_string("api"));
    json_object_set_new(made, "key", json_stringn(text.p, text.n));
}

enum api_progress api_key_new(struct api_call *call)
{
    static const char *const names[] = {"name", "scopes", "region_rule", "customer", "expires"};
    json_t *body = api_body_of(call, names, COUNT_OF(names));

    if (body)
        make(call, body);
    json_decref(body);
    return API_ANSWERED;
}

/* --- revoking */

enum api_progress api_key_delete(struct api_call *call)
{
    struct policy *p = call->api->policy;
    const struct catalog_key *key = explain_find_key(p->catalog, api_path(call, "id"));
    struct change change;

    if (!key) {
        api_error(call, 404, "not_found", "id", "there is no key \"%.*s\"",
                  STR_ARG(str_upto(api_path(call, "id"), 200)));
        return API_ANSWERED;
    }
    if (strcmp(key_owner(p, key), "api") != 0) {
        api_error(call, 409, "owned_by_file", "id",
                  "key \"%.*s\" belongs to the configuration: change it there, or name a master "
                  "key there",
                  STR_ARG(key->name));
        return API_ANSWERED;
    }
    str id = arena_copy(&call->arena, key->id);
    json_t *before = key_to_json(p->catalog, key);
    change_begin(&change, p, call->request.actor);
    change_did(&change, change.error ? 0 : store_key_delete(p->store, id));
    change_audit(&change, STR("key.delete"), id, before, NULL);
    change.rebuild = true;
    if (api_commit(call, &change))
        call->json = json_pack("{s:o, s:b}", "id", render_str(id), "deleted", 1);
    json_decref(before);
    return API_ANSWERED;
}

/*
 * API keys of the API's own (the file's are the file's). A key's text is made here, shown once, and
 * kept as its hash. Nobody makes a key that may do more than their own: neither in scopes, nor in
 * regions, nor by leaving the customer that theirs is bound to.
 */

#include "base/clock.h"
#include "base/random.h"
#include "control/api_internal.h"
#include "control/explain.h"
#include "control/reload_audit.h"
#include "control/render.h"

#include <openssl/evp.h>

enum { TEXT_RANDOM_BYTES = 24, ID_RANDOM_BYTES = 8, KEYS_MAX = 100000 };

/* --- reading */

/* "file", "api", or "system" for a master key that was made. */
static const char *owner_of(const struct policy *p, const struct catalog_key *key)
{
    if (policy_file_key(p, key->id))
        return "file";
    if (!str_eq(key->id, STR("key_master")))
        return "api";
    return p->config->master_key.n ? "file" : "system";
}

static json_t *render(const struct policy *p, const struct catalog_key *key)
{
    json_t *value = key_to_json(p->catalog, key);

    json_object_set_new(value, "owner", json_string(owner_of(p, key)));
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

static bool take_name(struct api_call *call, const json_t *body, str *ret_name)
{
    const struct catalog_key *other;

    if (!api_text(call, body, "name", CONFIG_KEY_NAME_MAX, ret_name))
        return false;
    if (!ret_name->p || !config_is_key_name(*ret_name)) {
        api_error(call, 400, "invalid_field", "name",
                  "name: expected 1 to %d letters, digits, . - _", CONFIG_KEY_NAME_MAX);
        return false;
    }
    other = explain_find_key(call->api->policy->catalog, *ret_name);
    if (other)
        api_error(call, 409, "exists", "name", "there is a key \"%.*s\" already (owner: %s)",
                  STR_ARG(*ret_name), owner_of(call->api->policy, other));
    return !other;
}

static bool take_scope(struct api_call *call, size_t i, const json_t *item, uint32_t *scopes)
{
    str name = str_make(json_string_value(item), json_string_length(item));
    uint32_t scope = str_eq(name, STR("all")) ? (uint32_t)SCOPE_ALL
                     : json_is_string(item)   ? catalog_scope(name)
                                              : 0;

    if (!scope) {
        api_error(call, 400, "invalid_field", "scopes",
                  "scopes[%zu]: expected inference, customers, keys, policy:read, policy:write, "
                  "policy:widen, metrics, operate or all",
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

static bool take_expiry(struct api_call *call, const json_t *body, int64_t *ret_expires_ns)
{
    str text;

    *ret_expires_ns = 0;
    if (!api_text(call, body, "expires", 64, &text))
        return false;
    if (!text.p)
        return true;
    if (!clock_parse_rfc3339(text, ret_expires_ns) || *ret_expires_ns <= clock_wall_ns()) {
        api_error(call, 400, "invalid_field", "expires",
                  "expires: expected a time to come, before 2262, in RFC 3339, such as "
                  "2027-01-31T00:00:00Z");
        return false;
    }
    return true;
}

/* The maker's own bounds hold for what it makes. */
static bool stays_within(struct api_call *call, const struct store_key *key, str rule)
{
    const struct policy *p = call->api->policy;
    const struct catalog_key *maker = explain_find_key(p->catalog, call->request.actor);
    str own =
        maker && maker->rule < p->catalog->n_rules ? p->catalog->rules[maker->rule].text : STR_NULL;

    if (policy_compare_rules(p, own, rule) == REGION_RULE_WIDENED &&
        !api_may(call, SCOPE_POLICY_WIDEN, "a key with a wider region rule than that of its maker"))
        return false;
    if (maker && maker->bound && !(key->customer.p && str_eq(key->customer, maker->customer_id)))
        return api_may(call, SCOPE_POLICY_WIDEN, "a key for another customer than its maker's");
    return true;
}

static bool take_members(struct api_call *call, const json_t *body, struct store_key *key,
                         str *ret_rule)
{
    uint32_t most = call->api->policy->catalog->settings.customer_id_bytes;

    if (call->api->policy->catalog->n_keys >= KEYS_MAX) {
        api_error(call, 400, "too_many_keys", NULL, "there are %d keys already", KEYS_MAX);
        return false;
    }
    return take_name(call, body, &key->name) && take_scopes(call, body, &key->scopes) &&
           api_rule(call, body, "region_rule", ret_rule) &&
           api_text(call, body, "customer", most, &key->customer) &&
           take_expiry(call, body, &key->expires_ns) && stays_within(call, key, *ret_rule);
}

static str random_text(struct api_call *call, const char *prefix, size_t n_bytes)
{
    uint8_t bytes[TEXT_RANDOM_BYTES];
    char hex[2 * TEXT_RANDOM_BYTES];

    random_bytes(bytes, n_bytes);
    hex_encode(bytes, n_bytes, hex);
    return arena_printf(&call->arena, "%s%.*s", prefix, (int)(2 * n_bytes), hex);
}

/* A key as the catalog would have it, for those who show one. */
static struct catalog_key as_catalog_key(const struct store_key *key)
{
    struct catalog_key value = {
        .id = key->id,
        .name = key->name,
        .scopes = key->scopes,
        .rule = key->rule,
        .bound = key->customer.p != NULL,
        .customer_id = key->customer,
        .expires_wall_ns = key->expires_ns,
    };

    memcpy(value.hash, key->hash, sizeof(value.hash));
    return value;
}

static json_t *described(const struct policy *p, const struct store_key *key, str rule)
{
    struct catalog_key value = as_catalog_key(key);
    json_t *json = key_to_json(p->catalog, &value);

    json_object_set_new(json, "region_rule", render_rule(rule));
    return json;
}

static void make(struct api_call *call, const json_t *body)
{
    struct policy *p = call->api->policy;
    struct store_key key = {.id = random_text(call, "key_", ID_RANDOM_BYTES)};
    str text = random_text(call, "sk-", TEXT_RANDOM_BYTES), rule;
    struct change change;

    if (!take_members(call, body, &key, &rule))
        return;
    if (EVP_Digest(text.p, text.n, key.hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
    change_begin(&change, p, call->request.actor);
    key.rule = change_rule(&change, rule);
    key.created_ns = change.at_ns;
    change_did(&change, change.error ? 0 : store_key_insert(p->store, &key));
    json_t *after = described(p, &key, rule);
    change_audit(&change, STR("key.new"), key.id, NULL, after);
    change.rebuild = true;
    if (api_commit(call, &change)) {
        call->json = json_incref(after);
        json_object_set_new(call->json, "owner", json_string("api"));
        json_object_set_new(call->json, "key", json_stringn(text.p, text.n));
    }
    json_decref(after);
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
    if (strcmp(owner_of(p, key), "api") != 0) {
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

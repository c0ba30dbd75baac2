#include "control/key_making.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"
#include "control/explain.h"
#include "control/reload_audit.h"
#include "control/render.h"

#include <openssl/evp.h>

enum { TEXT_RANDOM_BYTES = 24, ID_RANDOM_BYTES = 8, KEYS_MAX = 100000 };

const char *key_owner(const struct policy *p, const struct catalog_key *key)
{
    if (policy_file_key(p, key->id))
        return "file";
    if (!str_eq(key->id, STR("key_master")))
        return "api";
    return p->config->master_key.n ? "file" : "system";
}

/* --- reading */

bool key_check_name(struct api_call *call, str name)
{
    const struct policy *p = call->api->policy;
    const struct catalog_key *other;

    if (!name.p || !config_is_key_name(name)) {
        api_error(call, 400, "invalid_field", "name",
                  "name: expected 1 to %d letters, digits, . - _", CONFIG_KEY_NAME_MAX);
        return false;
    }
    other = explain_find_key(p->catalog, name);
    if (other)
        api_error(call, 409, "exists", "name", "there is a key \"%.*s\" already (owner: %s)",
                  STR_ARG(name), key_owner(p, other));
    return !other;
}

bool key_take_name(struct api_call *call, const json_t *body, str *ret_name)
{
    return api_text(call, body, "name", CONFIG_KEY_NAME_MAX, ret_name) &&
           key_check_name(call, *ret_name);
}

bool key_take_expiry(struct api_call *call, const json_t *body, int64_t *ret_expires_ns)
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

bool key_stays_within(struct api_call *call, const struct store_key *key, str rule)
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

static str joined(struct api_call *call, const str *list, size_t n)
{
    str text = STR("");

    for (size_t i = 0; i < n; i++)
        text =
            arena_printf(&call->arena, "%.*s%s%.*s", STR_ARG(text), i ? " " : "", STR_ARG(list[i]));
    return text;
}

void key_take_limits(struct api_call *call, struct store_key *key)
{
    const struct catalog_key *maker =
        explain_find_key(call->api->policy->catalog, call->request.actor);

    if (!maker)
        return;
    if (!key->team.n)
        key->team = arena_copy(&call->arena, maker->team);
    if (!key->models.n)
        key->models = joined(call, maker->models, maker->n_models);
    if (!key->environments.n)
        key->environments = joined(call, maker->environments, maker->n_environments);
}

/* --- making */

static str random_text(struct api_call *call, const char *prefix, size_t n_bytes)
{
    uint8_t bytes[TEXT_RANDOM_BYTES];
    char hex[2 * TEXT_RANDOM_BYTES];

    random_bytes(bytes, n_bytes);
    hex_encode(bytes, n_bytes, hex);
    return arena_printf(&call->arena, "%s%.*s", prefix, (int)(2 * n_bytes), hex);
}

str key_make_id(struct api_call *call)
{
    return random_text(call, "key_", ID_RANDOM_BYTES);
}

str key_make_secret(struct api_call *call)
{
    return random_text(call, "", TEXT_RANDOM_BYTES);
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
    json_object_set_new(json, "team", key->team.n ? render_str(key->team) : json_null());
    json_object_set_new(json, "model_ids", render_words(key->models));
    json_object_set_new(json, "environments", render_words(key->environments));
    return json;
}

json_t *key_store(struct api_call *call, struct store_key *key, str rule, str text,
                  const char *action)
{
    struct policy *p = call->api->policy;
    struct change change;

    if (p->catalog->n_keys >= KEYS_MAX) {
        api_error(call, 400, "too_many_keys", NULL, "there are %d keys already", KEYS_MAX);
        return NULL;
    }
    if (EVP_Digest(text.p, text.n, key->hash, NULL, EVP_sha256(), NULL) != 1)
        abort();
    change_begin(&change, p, call->request.actor);
    key->rule = change_rule(&change, rule);
    key->created_ns = change.at_ns;
    change_did(&change, change.error ? 0 : store_key_insert(p->store, key));
    json_t *made = described(p, key, rule);
    change_audit(&change, str_of(action), key->id, NULL, made);
    change.rebuild = true;
    if (api_commit(call, &change))
        return made;
    json_decref(made);
    return NULL;
}

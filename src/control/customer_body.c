#include "control/customer_body.h"

#include "base/map.h"
#include "base/mem.h"
#include "config/rule_json.h"

enum {
    METADATA_MAX_BYTES = 64 * 1024,
    IDS_MAX = 10000, /* of one call: they are written in one transaction */
};

static const char *const known[] = {"user_id", "alias",     "blocked", "allowed_model_region",
                                    "primary", "secondary", "metadata"};

/* LiteLLM has them; Ambit does not enforce them, so it does not take them. */
static const char *const unenforced[] = {
    "max_budget", "budget_id",        "budget_duration",       "tpm_limit",
    "rpm_limit",  "model_max_budget", "max_parallel_requests", "soft_budget",
    "spend",      "budget_reset_at",  "default_model",         "object_permission",
};

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool check_member(struct api_call *call, const char *name, const json_t *value)
{
    if (is_one_of(name, known, COUNT_OF(known)))
        return true;
    if (is_one_of(name, unenforced, COUNT_OF(unenforced))) {
        if (json_is_null(value))
            return true;
        api_error(call, 400, "unenforced_field", name,
                  "%s would not be enforced here, so it is not taken; leave it out or send null",
                  name);
        return false;
    }
    str list[COUNT_OF(known)];
    for (size_t i = 0; i < COUNT_OF(known); i++)
        list[i] = str_of(known[i]);
    str near = strcmp(name, "allowed_region") == 0
                   ? STR("allowed_model_region")
                   : str_near_match(str_of(name), list, COUNT_OF(list));
    if (near.n)
        api_error(call, 400, "invalid_field", name, "%.200s is not known; did you mean %.*s?", name,
                  STR_ARG(near));
    else
        api_error(call, 400, "invalid_field", name,
                  "%.200s is not known; expected user_id, alias, blocked, allowed_model_region, "
                  "primary, secondary, metadata",
                  name);
    return false;
}

json_t *customer_body(struct api_call *call)
{
    json_t *body = api_body(call), *value;
    const char *name;

    json_object_foreach(body, name, value)
    {
        if (check_member(call, name, value))
            continue;
        json_decref(body);
        return NULL;
    }
    return body;
}

bool customer_body_id(struct api_call *call, const json_t *body, str *ret_id)
{
    uint32_t most = call->api->policy->catalog->settings.customer_id_bytes;

    if (!api_text(call, body, "user_id", most, ret_id))
        return false;
    if (!ret_id->p)
        api_error(call, 400, "missing_field", "user_id",
                  "user_id: expected a text of 1 to %u bytes", most);
    return ret_id->p != NULL;
}

/* --- members */

static bool take_text(struct api_call *call, const json_t *body, const char *name, str *value)
{
    return !json_object_get(body, name) || api_text(call, body, name, STORE_ID_MAX, value);
}

static bool take_blocked(struct api_call *call, const json_t *body, bool *value)
{
    const json_t *given = json_object_get(body, "blocked");

    if (given && !json_is_boolean(given) && !json_is_null(given)) {
        api_error(call, 400, "invalid_field", "blocked", "blocked: expected true or false");
        return false;
    }
    if (given)
        *value = json_is_true(given);
    return true;
}

static bool take_metadata(struct api_call *call, const json_t *body, str *value)
{
    const json_t *given = json_object_get(body, "metadata");

    if (!given)
        return true;
    *value = json_is_null(given) ? STR_NULL : api_dump(call, given);
    if ((json_is_object(given) || json_is_null(given)) && value->n <= METADATA_MAX_BYTES)
        return true;
    api_error(call, 400, "invalid_field", "metadata",
              "metadata: expected an object of at most %d bytes, or null", METADATA_MAX_BYTES);
    return false;
}

static json_t *parsed(str text)
{
    return text.p ? json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL) : NULL;
}

static json_t *text_value(str text)
{
    return text.p ? json_stringn(text.p, text.n) : NULL;
}

/* The rule that the three members make. */
static bool work_out_rule(struct api_call *call, const struct store_customer *row, str *ret_rule)
{
    json_t *allowed = parsed(row->allowed_model_region);
    json_t *primary = text_value(row->primary), *secondary = text_value(row->secondary);
    struct rule_json_error error;
    struct region_rule rule;
    int r = rule_from_customer_json(allowed, primary, secondary, call->api->policy->config->regions,
                                    &call->arena, &rule, &error);

    json_decref(allowed);
    json_decref(primary);
    json_decref(secondary);
    if (r < 0) {
        const char *member = error.member ? error.member : "allowed_model_region";

        api_error(call, 400, "invalid_region", member, "%s: %.*s", member, STR_ARG(error.message));
        return false;
    }
    *ret_rule = r == 1 ? region_rule_canonical(&rule, &call->arena) : STR_NULL;
    return true;
}

bool customer_body_apply(struct api_call *call, const json_t *body, struct store_customer *row,
                         str *ret_rule)
{
    const json_t *allowed = json_object_get(body, "allowed_model_region");

    if (allowed)
        row->allowed_model_region = json_is_null(allowed) ? STR_NULL : api_dump(call, allowed);
    return take_text(call, body, "alias", &row->alias) && take_blocked(call, body, &row->blocked) &&
           take_text(call, body, "primary", &row->primary) &&
           take_text(call, body, "secondary", &row->secondary) &&
           take_metadata(call, body, &row->metadata) && work_out_rule(call, row, ret_rule);
}

/* --- lists of ids */

static bool take_ids(struct api_call *call, const json_t *list, str *ids, size_t *ret_n)
{
    uint32_t most = call->api->policy->catalog->settings.customer_id_bytes;
    struct map seen;
    const json_t *item;
    size_t i, n = 0;
    bool fine = true;

    map_init(&seen);
    json_array_foreach(list, i, item)
    {
        str id = str_make(json_string_value(item), json_string_length(item));

        fine = json_is_string(item) && id.n > 0 && id.n <= most;
        if (!fine) {
            api_error(call, 400, "invalid_field", "user_ids",
                      "user_ids[%zu]: expected a text of 1 to %u bytes", i, most);
            break;
        }
        ids[n] = arena_copy(&call->arena, id);
        if (!map_put(&seen, ids[n], &ids[n]))
            n++;
    }
    map_deinit(&seen);
    *ret_n = n;
    return fine;
}

bool customer_body_ids(struct api_call *call, const str **ret_ids, size_t *ret_n)
{
    static const char *const names[] = {"user_ids"};
    json_t *body = api_body_of(call, names, COUNT_OF(names));
    const json_t *list = json_object_get(body, "user_ids");
    size_t size = json_array_size(list);
    bool fine = false;

    if (body && (!json_is_array(list) || size == 0 || size > IDS_MAX)) {
        api_error(call, 400, "invalid_field", "user_ids",
                  "user_ids: expected a list of 1 to %d ids of customers", IDS_MAX);
    } else if (body) {
        str *ids = arena_alloc(&call->arena, size * sizeof(*ids));

        *ret_ids = ids;
        fine = take_ids(call, list, ids, ret_n);
    }
    json_decref(body);
    return fine;
}

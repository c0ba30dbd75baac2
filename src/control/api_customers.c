#include "control/api.h"

#include "base/clock.h"
#include "base/mem.h"
#include "config/rule_json.h"

/*
 * Customers in LiteLLM's shapes, with its defects mended: an update can clear a field with null and
 * set false, block and unblock change the same row, and a field that would not be enforced is
 * refused instead of stored.
 */

struct context {
    struct api *api;
    const struct api_request *request;
    struct api_reply *reply;
    struct arena arena;
};

/* LiteLLM has them; Ambit does not enforce them, so it does not take them. */
static const char *const unenforced[] = {
    "max_budget", "budget_id",        "budget_duration",       "tpm_limit",
    "rpm_limit",  "model_max_budget", "max_parallel_requests", "soft_budget",
    "spend",      "budget_reset_at",  "default_model",         "object_permission",
};

static const char *const known[] = {"user_id", "alias",     "blocked", "allowed_model_region",
                                    "primary", "secondary", "metadata"};

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

static bool check_fields(struct context *c, json_t *body)
{
    const char *name;
    json_t *value;

    json_object_foreach(body, name, value)
    {
        if (is_one_of(name, known, COUNT_OF(known)))
            continue;
        if (is_one_of(name, unenforced, COUNT_OF(unenforced)) && json_is_null(value))
            continue;
        if (is_one_of(name, unenforced, COUNT_OF(unenforced)))
            api_error(c->reply, 400, "unenforced_field", name,
                      "%s would not be enforced here, so it is not taken", name);
        else
            api_error(c->reply, 400, "invalid_field", name, "%s is not known%s", name,
                      strcmp(name, "allowed_region") == 0 ? "; did you mean allowed_model_region?"
                                                          : "");
        return false;
    }
    return true;
}

static str dump(struct context *c, const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    str copy = arena_copy(&c->arena, str_of(text));

    free(text);
    return copy;
}

static json_t *text_or_null(str text)
{
    return text.p ? json_stringn(text.p, text.n) : json_null();
}

static json_t *parsed_or_null(str text)
{
    return text.p ? json_loadb(text.p, text.n, JSON_DECODE_ANY, NULL) : json_null();
}

static json_t *row(const struct store_customer *s)
{
    return json_pack("{s:o,s:o,s:b,s:o,s:o,s:o,s:o,s:f,s:n,s:n,s:n}", "user_id",
                     json_stringn(s->id.p, s->id.n), "alias", text_or_null(s->alias), "blocked",
                     s->blocked, "allowed_model_region", parsed_or_null(s->allowed_model_region),
                     "primary", text_or_null(s->primary), "secondary", text_or_null(s->secondary),
                     "metadata", parsed_or_null(s->metadata), "spend", 0.0, "default_model",
                     "litellm_budget_table", "object_permission");
}

static bool take_id(struct context *c, const json_t *body, str *ret_id)
{
    const json_t *id = json_object_get(body, "user_id");
    uint32_t most = c->api->policy->catalog->settings.customer_id_bytes;

    if (!json_is_string(id) || json_string_length(id) == 0 || json_string_length(id) > most) {
        api_error(c->reply, 400, "invalid_field", "user_id",
                  "user_id: expected a string of 1 to %u bytes", most);
        return false;
    }
    *ret_id = arena_copy(&c->arena, str_make(json_string_value(id), json_string_length(id)));
    return true;
}

/* A member of the body, where it is given, changes the customer; null clears. False: refused. */
static bool take_text(struct context *c, const json_t *body, const char *name, str *value)
{
    const json_t *given = json_object_get(body, name);

    if (!given)
        return true;
    if (!json_is_string(given) && !json_is_null(given)) {
        api_error(c->reply, 400, "invalid_field", name, "%s: expected a string or null", name);
        return false;
    }
    *value =
        json_is_null(given)
            ? STR_NULL
            : arena_copy(&c->arena, str_make(json_string_value(given), json_string_length(given)));
    return true;
}

static bool take_blocked(struct context *c, const json_t *body, bool *value)
{
    const json_t *given = json_object_get(body, "blocked");

    if (given && !json_is_boolean(given) && !json_is_null(given)) {
        api_error(c->reply, 400, "invalid_field", "blocked", "blocked: expected true or false");
        return false;
    }
    if (given)
        *value = json_is_true(given);
    return true;
}

static bool take_metadata(struct context *c, const json_t *body, str *value)
{
    const json_t *given = json_object_get(body, "metadata");

    if (given && !json_is_object(given) && !json_is_null(given)) {
        api_error(c->reply, 400, "invalid_field", "metadata",
                  "metadata: expected an object or null");
        return false;
    }
    if (given)
        *value = json_is_null(given) ? STR_NULL : dump(c, given);
    return true;
}

/* The rule that the three members make; anything unknown in them is a 400, never an unrestricted
 * customer. */
static bool work_out_rule(struct context *c, struct store_customer *s, str *ret_canonical)
{
    json_t *allowed = s->allowed_model_region.p ? parsed_or_null(s->allowed_model_region) : NULL;
    json_t *primary = s->primary.p ? text_or_null(s->primary) : NULL;
    json_t *secondary = s->secondary.p ? text_or_null(s->secondary) : NULL;
    struct rule_json_error error;
    struct region_rule rule;
    int r = rule_from_customer_json(allowed, primary, secondary, c->api->policy->config->regions,
                                    &c->arena, &rule, &error);

    json_decref(allowed);
    json_decref(primary);
    json_decref(secondary);
    *ret_canonical = r == 1 ? region_rule_canonical(&rule, &c->arena) : STR_NULL;
    if (r >= 0)
        return true;
    const char *member = error.member ? error.member : "allowed_model_region";
    api_error(c->reply, 400, "invalid_region", member, "%s: %.*s", member, STR_ARG(error.message));
    return false;
}

static bool take_members(struct context *c, const json_t *body, struct store_customer *s)
{
    const json_t *allowed = json_object_get(body, "allowed_model_region");

    if (allowed)
        s->allowed_model_region = json_is_null(allowed) ? STR_NULL : dump(c, allowed);
    return take_text(c, body, "alias", &s->alias) && take_blocked(c, body, &s->blocked) &&
           take_text(c, body, "primary", &s->primary) &&
           take_text(c, body, "secondary", &s->secondary) && take_metadata(c, body, &s->metadata);
}

/* --- writing: object, audit and revision together, then out to the edges
 * ---------------------------------------------------------- */

enum write_kind { WRITE_NEW, WRITE_UPDATE, WRITE_DELETE };

static int write_row(struct context *c, enum write_kind kind, struct store_customer *s,
                     str canonical)
{
    struct store *store = c->api->policy->store;
    int r = STORE_OK;

    s->rule = STORE_RULE_NONE;
    if (kind == WRITE_DELETE)
        return store_customer_delete(store, s->id);
    if (canonical.p)
        r = store_rule_intern(store, canonical, &s->rule);
    if (r != STORE_OK)
        return r;
    return kind == WRITE_NEW ? store_customer_insert(store, s) : store_customer_update(store, s);
}

static int commit(struct context *c, enum write_kind kind, struct store_customer *s, str canonical,
                  str before)
{
    static const str actions[] = {STR_INIT("customer.new"), STR_INIT("customer.update"),
                                  STR_INIT("customer.delete")};
    struct store *store = c->api->policy->store;
    uint64_t revision = 0;
    int r = store_begin(store, STORE_DURABLE);

    if (r == STORE_OK)
        r = write_row(c, kind, s, canonical);
    if (r == STORE_OK)
        r = store_next_revision(store, &revision);
    json_t *after = r == STORE_OK && kind != WRITE_DELETE ? row(s) : NULL;
    if (r == STORE_OK)
        r = store_audit_append(store,
                               &(struct store_audit){.at_ns = s->updated_ns,
                                                     .actor = c->request->actor,
                                                     .action = actions[kind],
                                                     .object = s->id,
                                                     .before = before,
                                                     .after = after ? dump(c, after) : STR_NULL,
                                                     .revision = revision});
    if (r == STORE_OK)
        r = store_commit(store);
    json_decref(after);
    store_rollback(store);
    return r;
}

static void publish(struct context *c, enum write_kind kind, const struct store_customer *s)
{
    struct policy *p = c->api->policy;
    struct customer customer = {
        .id = s->digest, .rule = s->rule, .flags = s->blocked ? CUSTOMER_BLOCKED : 0};
    struct buf why;

    c->reply->changed = true;
    if (kind == WRITE_DELETE) {
        customers_remove(p->customers, s->digest);
        link_server_publish_gone(c->api->link, s->digest);
    } else {
        customers_put(p->customers, &customer);
        buf_init(&why, 0);
        /* A rule that no edge has yet: the catalog goes out before the customer that needs it. */
        bool new_rule = !policy_knows_rule(p, s->rule) && policy_rebuild(p, &why);
        buf_deinit(&why);
        link_server_publish_customer(c->api->link, &customer,
                                     new_rule ? LINK_CATALOG_TOO : LINK_CATALOG_SAME);
    }
    customers_seal(p->customers);
    customers_reclaim(p->customers);
}

static bool is_files(struct context *c, const struct store_customer *s)
{
    if (s->owner != STORE_OWNER_FILE)
        return false;
    api_error(c->reply, 409, "owned_by_file", "user_id",
              "customer \"%.*s\" is defined in the configuration file: change it there",
              STR_ARG(s->id));
    return true;
}

/* False: answered with 404 or 500. */
static bool find(struct context *c, str id, const char *param, struct store_customer *ret_row)
{
    int r = store_customer_get(c->api->policy->store, id, &c->arena, ret_row);

    if (r == STORE_OK)
        return true;
    if (r == STORE_NOT_FOUND)
        api_error(c->reply, 404, "not_found", param, "End User Id=%.*s does not exist in db",
                  STR_ARG(id));
    else
        api_error(c->reply, 500, "store_failed", NULL, "the store failed");
    return false;
}

static bool save(struct context *c, enum write_kind kind, struct store_customer *s, str before)
{
    str canonical = STR_NULL;

    if (kind != WRITE_DELETE && !work_out_rule(c, s, &canonical))
        return false;
    s->updated_ns = clock_wall_ns();
    int r = commit(c, kind, s, canonical, before);
    if (r == STORE_OK) {
        publish(c, kind, s);
        return true;
    }
    if (r == STORE_EXISTS)
        api_error(c->reply, 400, "bad_request", "user_id", "customer \"%.*s\" exists already",
                  STR_ARG(s->id));
    else
        api_error(c->reply, 500, "store_failed", NULL, "the store failed; nothing was changed");
    return false;
}

/* --- verbs
 * ------------------------------------------------------------------------------------------------------------------------
 */

static void handle_new(struct context *c, json_t *body)
{
    struct siphash_key key = store_customer_key(c->api->policy->store);
    struct store_customer s = {.owner = STORE_OWNER_API, .created_ns = clock_wall_ns()};

    if (!take_id(c, body, &s.id) || !take_members(c, body, &s))
        return;
    s.digest = customer_digest(&key, s.id);
    if (save(c, WRITE_NEW, &s, STR_NULL))
        c->reply->json = row(&s);
}

static str dump_row(struct context *c, const struct store_customer *s)
{
    json_t *json = row(s);
    str text = dump(c, json);

    json_decref(json);
    return text;
}

static void handle_update(struct context *c, json_t *body)
{
    struct store_customer s;
    str id;

    if (!take_id(c, body, &id) || !find(c, id, "user_id", &s) || is_files(c, &s))
        return;
    str before = dump_row(c, &s);
    if (take_members(c, body, &s) && save(c, WRITE_UPDATE, &s, before))
        c->reply->json = row(&s);
}

static void handle_info(struct context *c)
{
    str id = api_query(c->request, "end_user_id", &c->arena);
    struct store_customer s;

    if (!id.p)
        api_error(c->reply, 400, "missing_field", "end_user_id",
                  "end_user_id: expected a customer's id");
    else if (find(c, id, "end_user_id", &s))
        c->reply->json = row(&s);
}

enum { LIST_MAX = 100000 };

static int on_listed(void *ctx, const struct store_customer *s)
{
    return json_array_append_new(ctx, row(s));
}

static void handle_list(struct context *c)
{
    json_t *list = json_array();

    if (store_customer_each(c->api->policy->store, STR(""), LIST_MAX, on_listed, list) < 0) {
        json_decref(list);
        api_error(c->reply, 500, "store_failed", NULL, "the store failed");
        return;
    }
    c->reply->json = list;
}

/* "user_ids": every one a string. All are checked before any is changed. */
static json_t *take_ids(struct context *c, json_t *body)
{
    json_t *ids = json_object_get(body, "user_ids"), *id;
    size_t i;

    if (!json_is_array(ids) || json_object_size(body) != 1) {
        api_error(c->reply, 400, "invalid_field", "user_ids",
                  "user_ids: expected a list of ids, and nothing else");
        return NULL;
    }
    json_array_foreach(ids, i, id)
    {
        struct store_customer s;

        if (!json_is_string(id)) {
            api_error(c->reply, 400, "invalid_field", "user_ids",
                      "user_ids[%zu]: expected a string", i);
            return NULL;
        }
        if (!find(c, str_make(json_string_value(id), json_string_length(id)), "user_ids", &s) ||
            is_files(c, &s))
            return NULL;
    }
    return ids;
}

static void handle_delete(struct context *c, json_t *body)
{
    json_t *ids = take_ids(c, body), *id;
    size_t i, n = 0;

    json_array_foreach(ids, i, id)
    {
        struct store_customer s;

        if (!find(c, str_make(json_string_value(id), json_string_length(id)), "user_ids", &s) ||
            !save(c, WRITE_DELETE, &s, dump_row(c, &s)))
            return;
        n++;
    }
    if (ids)
        c->reply->json =
            json_pack("{s:I,s:s}", "deleted_customers", (json_int_t)n, "message", "deleted");
}

static void handle_block(struct context *c, json_t *body, bool blocked)
{
    json_t *ids = take_ids(c, body), *id, *list = json_array();
    size_t i;

    json_array_foreach(ids, i, id)
    {
        struct store_customer s;

        if (!find(c, str_make(json_string_value(id), json_string_length(id)), "user_ids", &s))
            break;
        str before = dump_row(c, &s);
        s.blocked = blocked;
        if (!save(c, WRITE_UPDATE, &s, before))
            break;
        json_array_append_new(list, row(&s));
    }
    if (ids && i == json_array_size(ids))
        c->reply->json = json_pack("{s:O}", blocked ? "blocked_users" : "unblocked_users", list);
    json_decref(list);
}

static bool handle_post(struct context *c, str verb)
{
    bool rows = str_eq(verb, STR("new")) || str_eq(verb, STR("update"));
    bool ids =
        str_eq(verb, STR("delete")) || str_eq(verb, STR("block")) || str_eq(verb, STR("unblock"));
    json_t *body = rows || ids ? api_body(c->request, c->reply) : NULL;

    if (!rows && !ids)
        return false;
    if (body && (ids || check_fields(c, body))) {
        if (str_eq(verb, STR("new")))
            handle_new(c, body);
        else if (str_eq(verb, STR("update")))
            handle_update(c, body);
        else if (str_eq(verb, STR("delete")))
            handle_delete(c, body);
        else
            handle_block(c, body, str_eq(verb, STR("block")));
    }
    json_decref(body);
    return true;
}

bool api_customers(struct api *api, str verb, const struct api_request *request,
                   struct api_reply *reply)
{
    struct context c = {.api = api, .request = request, .reply = reply};
    bool handled = true;

    arena_init(&c.arena, NULL, 0);
    if (str_eq(request->method, STR("GET")) && str_eq(verb, STR("info")))
        handle_info(&c);
    else if (str_eq(request->method, STR("GET")) && str_eq(verb, STR("list")))
        handle_list(&c);
    else
        handled = str_eq(request->method, STR("POST")) && handle_post(&c, verb);
    arena_deinit(&c.arena);
    return handled;
}

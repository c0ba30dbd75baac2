#include "control/reload_audit.h"

#include "base/map.h"
#include "base/random.h"
#include "control/render.h"

enum { FINGERPRINT_BYTES = 4 };

/* Enough of the hash to see that a key's text was rotated, not enough to test guesses at scale. */
static json_t *fingerprint(const struct catalog_key *key)
{
    char hex[2 * FINGERPRINT_BYTES];

    hex_encode(key->hash, FINGERPRINT_BYTES, hex);
    return json_stringn(hex, sizeof(hex));
}

static json_t *names(const str *list, size_t n)
{
    json_t *value = n ? json_array() : json_null();

    for (size_t i = 0; i < n; i++)
        json_array_append_new(value, render_str(list[i]));
    return value;
}

json_t *key_to_json(const struct catalog *c, const struct catalog_key *key)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id",
                     render_str(key->id), "name", render_str(key->name), "scopes",
                     render_scopes(key->scopes), "region_rule", render_rule_at(c, key->rule),
                     "customer", key->bound ? render_str(key->customer_id) : json_null(), "expires",
                     render_time(key->expires_wall_ns), "fingerprint", fingerprint(key), "team",
                     key->team.n ? render_str(key->team) : json_null(), "model_ids",
                     names(key->models, key->n_models), "environments",
                     names(key->environments, key->n_environments));
}

json_t *endpoint_to_json(const struct catalog *c, const struct catalog_endpoint *e)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "id", render_str(e->id),
                     "model_group", render_str(c->groups[e->group].name), "provider",
                     render_str(render_provider_name(e->provider)), "host",
                     render_str(e->unix_path.n ? e->unix_path : e->host), "region",
                     e->region_name.n ? render_str(e->region_name) : json_null(), "place",
                     render_set(c->regions, &e->place), "evidence",
                     render_str(render_evidence_name(e->evidence)), "state",
                     render_str(render_state_name(e->state)), "state_reason",
                     e->state_reason.n ? render_str(e->state_reason) : json_null());
}

/* --- comparing two catalogs */

/* Events of one kind of object, from what it was and what it is; NULL: it was not, or is not. */
static void note(struct change *c, const char *kind, str object, json_t *before, json_t *after)
{
    struct buf action;

    if (!before && !after)
        return;
    buf_init(&action, 0);
    buf_printf(&action, "%s.%s", kind, !before ? "new" : !after ? "delete" : "update");
    if (!before || !after || !json_equal(before, after))
        change_audit(c, buf_str(&action), object, before, after);
    buf_deinit(&action);
    json_decref(before);
    json_decref(after);
}

static json_t *rule_member(const struct catalog *c, uint32_t index)
{
    return c && index != CATALOG_NONE ? json_pack("{s:o}", "region_rule", render_rule_at(c, index))
                                      : NULL;
}

static void note_rules(struct change *c, const struct catalog *old, const struct catalog *next)
{
    note(c, "organization", STR("organization"),
         rule_member(old, old ? old->organization_rule : CATALOG_NONE),
         rule_member(next, next->organization_rule));
    note(c, "default_customer_rule", STR("default_customer_rule"),
         rule_member(old, old ? old->default_customer_rule : CATALOG_NONE),
         rule_member(next, next->default_customer_rule));
}

static void note_keys(struct change *c, const struct catalog *old, const struct catalog *next)
{
    struct map by_id;

    map_init(&by_id);
    for (size_t i = 0; i < next->n_keys; i++)
        map_put(&by_id, next->keys[i].id, &next->keys[i]);
    for (size_t i = 0; old && i < old->n_keys; i++) {
        const struct catalog_key *now = map_remove(&by_id, old->keys[i].id);

        note(c, "key", old->keys[i].id, key_to_json(old, &old->keys[i]),
             now ? key_to_json(next, now) : NULL);
    }
    for (size_t i = 0; i < next->n_keys; i++)
        if (map_get(&by_id, next->keys[i].id))
            note(c, "key", next->keys[i].id, NULL, key_to_json(next, &next->keys[i]));
    map_deinit(&by_id);
}

/* Replicas come and go by themselves: they are not the file's. */
static bool is_of_file(const struct catalog_endpoint *e)
{
    return e->provider != PROVIDER_REPLICA;
}

static void note_endpoints(struct change *c, const struct catalog *old, const struct catalog *next)
{
    struct map by_id;

    map_init(&by_id);
    for (size_t i = 0; i < next->n_endpoints; i++)
        map_put(&by_id, next->endpoints[i].id, &next->endpoints[i]);
    for (size_t i = 0; old && i < old->n_endpoints; i++) {
        const struct catalog_endpoint *now = map_remove(&by_id, old->endpoints[i].id);

        if (!is_of_file(&old->endpoints[i]))
            continue;
        note(c, "endpoint", old->endpoints[i].id, endpoint_to_json(old, &old->endpoints[i]),
             now ? endpoint_to_json(next, now) : NULL);
    }
    for (size_t i = 0; i < next->n_endpoints; i++)
        if (is_of_file(&next->endpoints[i]) && map_get(&by_id, next->endpoints[i].id))
            note(c, "endpoint", next->endpoints[i].id, NULL,
                 endpoint_to_json(next, &next->endpoints[i]));
    map_deinit(&by_id);
}

void reload_audit(struct change *c, const struct catalog *next, str file_hash)
{
    const struct catalog *old = c->policy->catalog;
    json_t *before =
        c->policy->config ? json_pack("{s:s}", "file_hash", c->policy->config->file_hash) : NULL;
    json_t *after = json_pack("{s:o}", "file_hash", render_str(file_hash));

    change_audit(c, STR("configuration.reload"), str_of(c->policy->config_path), before, after);
    json_decref(before);
    json_decref(after);
    note_rules(c, old, next);
    note_keys(c, old, next);
    note_endpoints(c, old, next);
}

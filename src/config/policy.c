/*
 * Who may go where: the organisation's rule, environment groups, customers, keys. Rules become
 * canonical text; what they mean is settled against the model's region catalogue while the file is
 * read, so a rule that names nothing never gets into a model.
 */

#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "config/model.h"
#include "config/rule_json.h"

#include <openssl/evp.h>

/* --- rules */

/* The node that a rule's error speaks of: a member, an element, or the rule itself. */
static void report_rule(const struct config_reader *r, const struct config_node *node,
                        const struct rule_json_error *error)
{
    struct config_node member, item;

    if (error->member && node_member(r, node, error->member, &member))
        node = &member;
    if (error->index >= 0 && (size_t)error->index < json_array_size(node->value)) {
        item = node_item(r, node, (size_t)error->index);
        node = &item;
    }
    node_error(r, node, "%.*s", STR_ARG(error->message));
}

/* STR_NULL where there is no rule, or a wrong one (reported). */
static str read_rule(const struct config_reader *r, const struct config_node *parent,
                     const char *name)
{
    struct rule_json_error error;
    struct region_rule rule;
    struct config_node node;

    if (!json_object_get(parent->value, name))
        return STR_NULL;
    if (!node_member(r, parent, name, &node)) {
        node_error(r, parent, "%s is there but says nothing; leave it out, or write a rule", name);
        return STR_NULL;
    }
    if (rule_from_json(node.value, r->config->regions, r->arena, &rule, &error)) {
        report_rule(r, &node, &error);
        return STR_NULL;
    }
    return region_rule_canonical(&rule, r->arena);
}

/* --- lists of objects */

static bool require(const struct config_reader *r, const struct config_node *node, str value,
                    const char *name)
{
    if (value.n == 0 && json_is_object(node->value))
        node_error(r, node, "%s is missing", name);
    return value.n > 0;
}

static str null_if_empty(str s)
{
    return s.n ? s : STR_NULL;
}

/* A member as JSON text, STR_NULL if absent. */
static str member_json(const struct config_reader *r, const struct config_node *node,
                       const char *name)
{
    struct config_node member;
    char *text;
    str copy;

    if (!node_member(r, node, name, &member))
        return STR_NULL;
    text = json_dumps(member.value, JSON_COMPACT | JSON_ENCODE_ANY);
    copy = text ? arena_copy(r->arena, str_of(text)) : STR_NULL;
    free(text);
    return copy;
}

/* --- customers */

static str member_text(const struct config_reader *r, const struct config_node *node,
                       const char *name)
{
    struct config_node member;
    str text = STR_NULL;

    if (node_member(r, node, name, &member) && json_is_string(member.value))
        text = arena_copy(r->arena, str_of(json_string_value(member.value)));
    return text;
}

/* A rule that is written but empty would leave the customer unrestricted: an error. */
static bool check_not_null(const struct config_reader *r, const struct config_node *node)
{
    static const char *const names[] = {"allowed_model_region", "primary", "secondary"};
    bool fine = true;

    for (size_t i = 0; i < COUNT_OF(names); i++) {
        if (!json_is_null(json_object_get(node->value, names[i])))
            continue;
        node_error(r, node, "%s is there but says nothing; leave it out, or name a place",
                   names[i]);
        fine = false;
    }
    return fine;
}

static bool read_customer_rule(const struct config_reader *r, const struct config_node *node,
                               struct config_customer *customer)
{
    const json_t *object = node->value;
    struct rule_json_error error;
    struct region_rule rule;
    int found;

    if (!check_not_null(r, node))
        return false;
    found = rule_from_customer_json(
        json_object_get(object, "allowed_model_region"), json_object_get(object, "primary"),
        json_object_get(object, "secondary"), r->config->regions, r->arena, &rule, &error);
    if (found < 0) {
        report_rule(r, node, &error);
        return false;
    }
    if (found)
        customer->rule = region_rule_canonical(&rule, r->arena);
    return true;
}

static str read_customer(const struct config_reader *r, const struct config_node *node,
                         void *ret_item)
{
    struct config_customer_section section = {.user_id = STR("")};
    struct config_customer *customer = ret_item;
    struct config_node metadata;

    if (!schema_read(r, node, "customers[]", &section))
        return STR("");
    *customer = (struct config_customer){
        .id = section.user_id,
        .alias = null_if_empty(section.alias),
        .blocked = section.blocked,
        .allowed_model_region = member_json(r, node, "allowed_model_region"),
        .primary = member_text(r, node, "primary"),
        .secondary = member_text(r, node, "secondary"),
        .metadata = member_json(r, node, "metadata"),
        .line = node->place.line,
    };
    if (node_member(r, node, "metadata", &metadata) && !json_is_object(metadata.value))
        node_error(r, &metadata, "expected a mapping, found %s", node_kind(metadata.value));
    if (!read_customer_rule(r, node, customer) || !require(r, node, customer->id, "user_id"))
        return STR("");
    return customer->id;
}

/* --- keys */

bool config_is_key_name(str name)
{
    if (name.n == 0 || name.n > CONFIG_KEY_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = str_lower_char(name.p[i]);

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_'))
            return false;
    }
    return true;
}

static bool read_key_hash(const struct config_reader *r, const struct config_node *node,
                          const struct config_key_section *section, struct config_key *key)
{
    const json_t *written = json_object_get(node->value, "key");
    struct config_node text;

    if ((section->key.n > 0) == (section->key_hash.n > 0)) {
        /* A variable that is not set has been reported already. */
        if (section->key.n || !written || json_string_length(written) == 0)
            node_error(r, node, "expected either key or key_hash");
        return false;
    }
    if (section->key_hash.n) {
        if (hex_decode(section->key_hash, key->hash, sizeof(key->hash)))
            return true;
        if (node_member(r, node, "key_hash", &text))
            node_error(r, &text, "expected a SHA-256 in 64 hexadecimal digits");
        return false;
    }
    if (node_member(r, node, "key", &text) &&
        !str_starts(str_of(json_string_value(text.value)), STR("os.environ/")))
        node_warning(r, &text, "a key in clear; better as os.environ/NAME, or its key_hash");
    return EVP_Digest(section->key.p, section->key.n, key->hash, NULL, EVP_sha256(), NULL) == 1;
}

static bool read_scopes(const struct config_reader *r, const struct config_node *node,
                        const struct config_texts *texts, uint32_t *ret_scopes)
{
    struct config_node list = *node;
    uint32_t scopes = 0;

    (void)node_member(r, node, "scopes", &list);
    for (size_t i = 0; i < texts->n; i++) {
        uint32_t scope = str_eq(texts->list[i], STR("all")) ? (uint32_t)SCOPE_ALL
                                                            : catalog_scope(texts->list[i]);

        if (!scope) {
            node_error(r, &list,
                       "\"%.*s\" is no scope; expected inference, customers, keys, policy:read, "
                       "policy:write, policy:widen, metrics, operate, deploy, all",
                       STR_ARG(str_upto(texts->list[i], 80)));
            return false;
        }
        scopes |= scope;
    }
    if (!scopes)
        node_error(r, &list, "expected at least one scope");
    *ret_scopes = scopes;
    return scopes != 0;
}

static bool read_expiry(const struct config_reader *r, const struct config_node *node, str text,
                        int64_t *ret_wall_ns)
{
    struct config_node expires;

    if (text.n == 0)
        return true;
    if (clock_parse_rfc3339(text, ret_wall_ns)) {
        *ret_wall_ns += *ret_wall_ns == 0; /* 1970 is long ago, and 0 would be never */
        return true;
    }
    if (node_member(r, node, "expires", &expires))
        node_error(
            r, &expires,
            "\"%.*s\" is no instant before 2262; expected RFC 3339, such as 2027-01-31T00:00:00Z",
            STR_ARG(str_upto(text, 80)));
    return false;
}

static str read_key(const struct config_reader *r, const struct config_node *node, void *ret_item)
{
    struct config_key_section section = {.name = STR("")};
    struct config_key *key = ret_item;

    if (!schema_read(r, node, "keys[]", &section) || !require(r, node, section.name, "name"))
        return STR("");
    if (!config_is_key_name(section.name)) {
        node_error(r, node, "the name \"%.*s\" is not at most %d letters, digits, . - _",
                   STR_ARG(str_upto(section.name, 80)), CONFIG_KEY_NAME_MAX);
        return STR("");
    }
    key->name = section.name;
    key->id = arena_printf(r->arena, "key_file_%.*s", STR_ARG(section.name));
    key->customer = null_if_empty(section.customer);
    key->rule = read_rule(r, node, "region_rule");
    key->line = node->place.line;
    if (json_object_get(node->value, "customer") && !section.customer.n) {
        node_error(r, node, "customer is there but names none; leave it out, or name one");
        return STR("");
    }
    if (!read_key_hash(r, node, &section, key) ||
        !read_scopes(r, node, &section.scopes, &key->scopes) ||
        !read_expiry(r, node, section.expires, &key->expires_wall_ns))
        return STR("");
    return key->name;
}

static void read_keys(const struct config_reader *r, const struct config_node *root)
{
    struct config *c = r->config;
    struct config_node list;
    struct map hashes;

    c->keys = config_read_list(r, root, "keys", sizeof(*c->keys), read_key, &c->n_keys);
    map_init(&hashes);
    for (size_t i = 0; i < c->n_keys && node_member(r, root, "keys", &list); i++) {
        const struct config_key *key = &c->keys[i];

        if (map_put(&hashes, str_make((const char *)key->hash, sizeof(key->hash)), c))
            node_error(r, &list, "the key \"%.*s\" has the same text as another one",
                       STR_ARG(key->name));
    }
    map_deinit(&hashes);
}

/* --- environment groups */

/* The naming rule of regional endpoints, which become host names. */
static bool is_environment_name(str name)
{
    if (name.n == 0 || name.n > 40 || name.p[0] == '-' || name.p[name.n - 1] == '-')
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

static str read_environment_group(const struct config_reader *r, const struct config_node *node,
                                  void *ret_item)
{
    struct config_environment_group_section section = {.name = STR("")};
    struct config_environment_group *group = ret_item;

    if (!schema_read(r, node, "environment_groups[]", &section) ||
        !require(r, node, section.name, "name"))
        return STR("");
    if (!is_environment_name(section.name) || str_starts(section.name, STR("region-")) ||
        str_eq(section.name, STR("development"))) {
        node_error(r, node,
                   "\"%.*s\" is no environment name; expected at most 40 lower case letters, "
                   "digits and dashes, not beginning with region-, and not development",
                   STR_ARG(str_upto(section.name, 80)));
        return STR("");
    }
    *group = (struct config_environment_group){
        .name = section.name,
        .rule = read_rule(r, node, "region_rule"),
        .standard_endpoint = (enum config_standard_endpoint)section.standard_endpoint,
        .line = node->place.line,
    };
    return group->name;
}

/* --- all */

void config_read_policy(const struct config_reader *r, const struct config_node *root)
{
    struct config *c = r->config;
    struct config_node organization;

    if (node_member(r, root, "organization", &organization)) {
        c->organization_rule = read_rule(r, &organization, "region_rule");
        (void)schema_read(r, &organization, "organization", c);
    }
    c->default_customer_rule = read_rule(r, root, "default_customer_rule");
    c->customers = config_read_list(r, root, "customers", sizeof(*c->customers), read_customer,
                                    &c->n_customers);
    read_keys(r, root);
    c->environment_groups =
        config_read_list(r, root, "environment_groups", sizeof(*c->environment_groups),
                         read_environment_group, &c->n_environment_groups);
}

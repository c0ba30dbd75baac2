/*
 * model_list: one endpoint for each entry, one group for each model_name. An endpoint's id is what
 * model_info.id says, else a digest of what the endpoint is: its group, model, address and region,
 * but not its credential, so that rotating a key leaves what is known about the endpoint in place.
 */

#include "base/map.h"
#include "base/mem.h"
#include "base/random.h"
#include "base/wire.h"
#include "config/model.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { ID_DIGEST_BYTES = 8, MAX_ENTRIES = 100000, ENDPOINT_ID_MAX = 128 };

struct entries {
    const struct config_reader *reader;
    struct config_endpoint *endpoints;
    size_t n_endpoints;
    struct catalog_group *groups;
    size_t n_groups;
    struct map group_by_name; /* name → struct catalog_group */
    struct map ids;
};

/* --- ids */

static str digest_id(const struct config_reader *r, str group, const struct catalog_endpoint *e,
                     str declared_region)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    char hex[2 * ID_DIGEST_BYTES];
    struct buf b;

    buf_init(&b, 0);
    wire_put_str(&b, group);
    wire_put_u8(&b, (uint8_t)e->provider);
    wire_put_str(&b, e->upstream_model);
    wire_put_str(&b, e->api_base);
    wire_put_str(&b, e->api_version);
    wire_put_str(&b, declared_region);
    (void)EVP_Digest(b.p, b.n, digest, NULL, EVP_sha256(), NULL);
    buf_deinit(&b);
    hex_encode(digest, ID_DIGEST_BYTES, hex);
    return arena_printf(r->arena, "ep_%.*s", (int)sizeof(hex), hex);
}

/* Entries that differ in their credential only share a digest: the later ones get a number. */
static str number_id(struct entries *all, str id)
{
    str numbered = id;

    for (unsigned i = 2; map_get(&all->ids, numbered); i++)
        numbered = arena_printf(all->reader->arena, "%.*s-%u", STR_ARG(id), i);
    return numbered;
}

/* Ids become header values and parts of paths. */
static bool is_id(str id)
{
    for (size_t i = 0; i < id.n; i++) {
        if (id.p[i] <= ' ' || id.p[i] > '~')
            return false;
    }
    return id.n > 0 && id.n <= ENDPOINT_ID_MAX;
}

static void settle_id(struct entries *all, const struct config_node *node, str written, str group,
                      const struct config_params *params, struct catalog_endpoint *e)
{
    if (written.n && !is_id(written))
        node_error(all->reader, node, "model_info.id is not at most %d visible ASCII characters",
                   ENDPOINT_ID_MAX);
    else if (written.n && map_get(&all->ids, written))
        node_error(all->reader, node, "the id \"%.*s\" is here for the second time",
                   STR_ARG(written));
    e->id =
        written.n ? written : number_id(all, digest_id(all->reader, group, e, params->region_name));
    map_put(&all->ids, e->id, e);
}

/* --- groups */

/* The group's index; a new one is added. */
static uint32_t find_group(struct entries *all, str name)
{
    struct catalog_group *group = map_get(&all->group_by_name, name);

    if (!group) {
        group = &all->groups[all->n_groups++];
        group->name = name;
        group->wildcard = name.p[name.n - 1] == '*';
        map_put(&all->group_by_name, name, group);
    }
    group->n_endpoints++;
    return (uint32_t)(group - all->groups);
}

/* Names are sent in headers. */
static bool has_control_characters(str name)
{
    for (size_t i = 0; i < name.n; i++) {
        if ((unsigned char)name.p[i] < ' ' || name.p[i] == 127)
            return true;
    }
    return false;
}

static bool check_model_name(const struct config_reader *r, const struct config_node *node,
                             str name)
{
    struct config_node member = *node;

    (void)node_member(r, node, "model_name", &member);
    if (name.n == 0)
        node_error(r, node, "model_name is missing");
    else if (has_control_characters(name))
        node_error(r, &member, "holds control characters");
    else if (str_find(name, '*', 0) + 1 < name.n)
        node_error(r, &member, "\"%.*s\" has a * before its end; expected name, name* or *",
                   STR_ARG(str_upto(name, 80)));
    else
        return true;
    return false;
}

/* Once all entries are read: each group's list of endpoints, in the order of the file. */
static void list_group_endpoints(struct entries *all)
{
    uint32_t *lists = arena_alloc(all->reader->arena, (all->n_endpoints + 1) * sizeof(*lists));
    uint32_t **next = arena_alloc(all->reader->arena, (all->n_groups + 1) * sizeof(*next));

    for (size_t i = 0; i < all->n_groups; i++) {
        next[i] = lists;
        all->groups[i].endpoints = lists;
        lists += all->groups[i].n_endpoints;
    }
    for (size_t i = 0; i < all->n_endpoints; i++)
        *next[all->endpoints[i].endpoint.group]++ = (uint32_t)i;
}

/* --- entries */

static void settle_limits(const struct config_params *params, struct config_endpoint *endpoint)
{
    struct catalog_endpoint *e = &endpoint->endpoint;

    e->order = params->order;
    e->rpm = params->rpm;
    e->tpm = params->tpm;
    e->max_parallel = params->max_parallel_requests;
    e->timeout_ms = params->timeout_ms;
    e->stream_timeout_ms = params->stream_timeout_ms;
    endpoint->weight_milli = params->weight_milli;
    endpoint->max_retries = params->max_retries;
}

static void read_params(struct entries *all, const struct config_node *entry,
                        const struct config_node *params_node,
                        const struct config_entry_section *section)
{
    const struct config_reader *r = all->reader;
    struct config_params params = {.max_retries = CONFIG_UNSET};
    struct config_endpoint *endpoint = &all->endpoints[all->n_endpoints];
    struct provider_match provider;

    if (!schema_read(r, params_node, "model_list[].litellm_params", &params))
        return;
    if (params.model.n == 0) {
        node_error(r, params_node, "model is missing");
        return;
    }
    *endpoint = (struct config_endpoint){
        .endpoint = {.state_reason = STR(""),
                     .host = STR(""),
                     .unix_path = STR(""),
                     .api_base = STR(""),
                     .base_path = STR(""),
                     .api_version = STR("")},
        .place_in_file = entry->place,
    };
    provider = provider_match(params.model, params.custom_llm_provider);
    settle_limits(&params, endpoint);
    config_read_upstream(r, params_node, &params, &provider, endpoint);
    config_read_placement(r, params_node, &params, &provider, endpoint);
    settle_id(all, entry, section->id, section->model_name, &params, &endpoint->endpoint);
    endpoint->endpoint.group = find_group(all, section->model_name);
    all->n_endpoints++;
}

static void read_entry(struct entries *all, const struct config_node *entry)
{
    const struct config_reader *r = all->reader;
    struct config_entry_section section = {.model_name = STR(""), .id = STR("")};
    struct config_node params, info;

    if (!schema_read(r, entry, "model_list[]", &section))
        return;
    if (node_member(r, entry, "model_info", &info))
        (void)schema_read(r, &info, "model_list[].model_info", &section);
    if (!check_model_name(r, entry, section.model_name))
        return;
    if (node_member(r, entry, "litellm_params", &params))
        read_params(all, entry, &params, &section);
    else
        node_error(r, entry, "litellm_params is missing");
}

void config_read_endpoints(const struct config_reader *r, const struct config_node *root)
{
    struct entries all = {.reader = r};
    struct config_node list;
    size_t n;

    if (!node_member(r, root, "model_list", &list)) {
        if (r->config->n_planes == 0)
            node_warning(r, root,
                         "there is neither a model_list nor a plane: no model can be served");
        return;
    }
    if (!json_is_array(list.value) || node_size(&list) > MAX_ENTRIES) {
        node_error(r, &list, "expected a list of at most %d entries", MAX_ENTRIES);
        return;
    }
    n = node_size(&list);
    all.endpoints = arena_zalloc(r->arena, (n + 1) * sizeof(*all.endpoints));
    all.groups = arena_zalloc(r->arena, (n + 1) * sizeof(*all.groups));
    map_init(&all.group_by_name);
    map_init(&all.ids);
    for (size_t i = 0; i < n; i++) {
        struct config_node entry = node_item(r, &list, i);

        read_entry(&all, &entry);
    }
    list_group_endpoints(&all);
    map_deinit(&all.group_by_name);
    map_deinit(&all.ids);
    r->config->endpoints = all.endpoints;
    r->config->n_endpoints = all.n_endpoints;
    r->config->groups = all.groups;
    r->config->n_groups = all.n_groups;
}

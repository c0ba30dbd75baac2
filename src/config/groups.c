/*
 * What model groups have beyond their endpoints: fallbacks, further names, timers, retries. A value
 * in model_group_settings wins over one in router_settings, which wins over litellm_settings.
 */

#include "base/map.h"
#include "base/mem.h"
#include "config/model.h"

enum { DEFAULT_RETRIES = 2, MAX_RETRIES = 20 };

struct groups {
    const struct config_reader *reader;
    struct catalog_group *list; /* the model's own, still open for writing here */
    size_t n;
    struct map by_name;  /* groups and aliases → struct catalog_group */
    struct map specific; /* groups with fallbacks of their own → themselves */
    uint32_t max_fallbacks;
    const struct config_router_section *router;
    const struct config_litellm_section *litellm;
};

static str near_group(const struct groups *g, str name)
{
    enum { MOST = 512 };
    size_t n = g->n < MOST ? g->n : MOST;
    str names[MOST];

    for (size_t i = 0; i < n; i++)
        names[i] = g->list[i].name;
    return str_near_match(name, names, n);
}

static struct catalog_group *find_group(const struct groups *g, const struct config_node *node,
                                        str name)
{
    struct catalog_group *group = map_get(&g->by_name, name);

    if (!group)
        node_warning(g->reader, node, "there is no model group \"%.*s\"; this has no effect%.*s",
                     STR_ARG(str_upto(name, 80)),
                     STR_ARG(config_suggest(g->reader, near_group(g, name))));
    return group;
}

/* --- aliases */

/* The group's name in either form; STR_NULL, and reported, for anything else. */
static str alias_target(const struct groups *g, const struct config_node *node)
{
    struct config_node model = *node;
    str target;

    if (json_is_object(node->value) && !node_member(g->reader, node, "model", &model)) {
        node_error(g->reader, node, "model is missing");
        return STR_NULL;
    }
    return node_text(g->reader, &model, &target) ? target : STR_NULL;
}

static void read_alias(struct groups *g, const struct config_node *node, struct catalog_alias *list,
                       size_t *n)
{
    const struct catalog_group *group;
    str target = alias_target(g, node);

    if (!target.p)
        return;
    if (map_get(&g->by_name, str_of(node->key))) {
        node_error(g->reader, node, "there is a model group of this name already");
        return;
    }
    group = find_group(g, node, target);
    if (!group)
        return;
    list[*n] = (struct catalog_alias){
        .name = arena_copy(g->reader->arena, str_of(node->key)),
        .group = (uint32_t)(group - g->list),
    };
    ++*n;
}

static void read_aliases(struct groups *g, const struct config_node *router)
{
    struct catalog_alias *list;
    struct config_node map, alias;
    const char *name;
    json_t *value;
    size_t n = 0;

    if (!node_member(g->reader, router, "model_group_alias", &map))
        return;
    if (!json_is_object(map.value)) {
        node_error(g->reader, &map, "expected a mapping, found %s", node_kind(map.value));
        return;
    }
    list = arena_alloc(g->reader->arena, (node_size(&map) + 1) * sizeof(*list));
    json_object_foreach((json_t *)map.value, name, value)
    {
        if (node_member(g->reader, &map, name, &alias))
            read_alias(g, &alias, list, &n);
    }
    /* Now that all are read, so that an alias of an alias is not one by accident of order. */
    for (size_t i = 0; i < n; i++)
        map_put(&g->by_name, list[i].name, &g->list[list[i].group]);
    g->reader->config->aliases = list;
    g->reader->config->n_aliases = n;
}

/* --- fallbacks */

static bool has_fallback(const uint32_t *list, size_t n, uint32_t group)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == group)
            return true;
    }
    return false;
}

/* The groups that a list of names stands for, in `arena` memory. `self` is left out. */
static const uint32_t *read_names(const struct groups *g, const struct config_node *node,
                                  const struct catalog_group *self, size_t *ret_n)
{
    bool is_list = json_is_array(node->value);
    size_t most = is_list ? node_size(node) : 1;
    uint32_t *list = arena_alloc(g->reader->arena, (most + 1) * sizeof(*list));
    size_t n = 0;

    for (size_t i = 0; i < most; i++) {
        struct config_node item = is_list ? node_item(g->reader, node, i) : *node;
        const struct catalog_group *group;
        str name;

        if (!node_text(g->reader, &item, &name))
            continue;
        group = find_group(g, &item, name);
        if (!group || group == self || has_fallback(list, n, (uint32_t)(group - g->list)))
            continue;
        if (n == g->max_fallbacks) {
            node_warning(g->reader, &item, "more than max_fallbacks: this one has no effect");
            break;
        }
        list[n++] = (uint32_t)(group - g->list);
    }
    *ret_n = n;
    return list;
}

/* Groups without fallbacks of their own get these. */
static void set_default_fallbacks(struct groups *g, const struct config_node *node)
{
    for (size_t i = 0; i < g->n; i++) {
        struct catalog_group *group = &g->list[i];
        size_t errors = g->reader->diagnostics->n_errors;

        if (map_get(&g->specific, group->name) || group->n_fallbacks)
            continue;
        group->fallbacks = read_names(g, node, group, &group->n_fallbacks);
        if (g->reader->diagnostics->n_errors > errors)
            return;
    }
}

static void read_fallback(struct groups *g, const struct config_node *node)
{
    struct config_node names;
    struct catalog_group *group;
    const char *name;
    json_t *value;

    if (!json_is_object(node->value)) {
        node_error(g->reader, node, "expected {group: [other, …]}, found %s",
                   node_kind(node->value));
        return;
    }
    json_object_foreach((json_t *)node->value, name, value)
    {
        if (!strcmp(name, "*") || !node_member(g->reader, node, name, &names))
            continue;
        group = find_group(g, &names, str_of(name));
        if (!group || map_put(&g->specific, group->name, group))
            continue;
        group->fallbacks = read_names(g, &names, group, &group->n_fallbacks);
    }
}

/* LiteLLM's other way to write default_fallbacks: "*" in the list, which is not the group of that
 * name. */
static void read_star_fallbacks(struct groups *g, const struct config_node *list)
{
    struct config_node names;

    for (size_t i = 0; i < node_size(list); i++) {
        struct config_node item = node_item(g->reader, list, i);

        if (node_member(g->reader, &item, "*", &names))
            set_default_fallbacks(g, &names);
    }
}

static void read_fallbacks(struct groups *g, const struct config_node *section)
{
    struct config_node list;

    if (node_member(g->reader, section, "fallbacks", &list)) {
        if (!json_is_array(list.value)) {
            node_error(g->reader, &list, "expected a list, found %s", node_kind(list.value));
            return;
        }
        for (size_t i = 0; i < node_size(&list); i++) {
            struct config_node item = node_item(g->reader, &list, i);

            read_fallback(g, &item);
        }
        read_star_fallbacks(g, &list);
    }
    if (node_member(g->reader, section, "default_fallbacks", &list))
        set_default_fallbacks(g, &list);
}

/* --- timers and retries */

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static struct config_endpoint *endpoint_of(const struct groups *g,
                                           const struct catalog_group *group, size_t i)
{
    return (struct config_endpoint *)&g->reader->config->endpoints[group->endpoints[i]];
}

/* Timeouts of entries that have none, and the longest of the group. */
static int64_t settle_timeouts(const struct groups *g, const struct catalog_group *group)
{
    int64_t whole = g->router->timeout_ms ? g->router->timeout_ms : g->litellm->request_timeout_ms;
    int64_t longest = 0;

    for (size_t i = 0; i < group->n_endpoints; i++) {
        struct catalog_endpoint *e = &endpoint_of(g, group, i)->endpoint;

        if (!e->timeout_ms)
            e->timeout_ms = whole;
        if (!e->stream_timeout_ms)
            e->stream_timeout_ms = g->router->stream_timeout_ms;
        longest = longer(longest, e->timeout_ms);
    }
    return longest;
}

static uint32_t first_set(const uint32_t *values, size_t n, uint32_t otherwise)
{
    for (size_t i = 0; i < n; i++) {
        if (values[i] != CONFIG_UNSET)
            return values[i];
    }
    return otherwise;
}

/* The most that any entry of the group asks for. */
static uint32_t entry_retries(const struct groups *g, const struct catalog_group *group)
{
    uint32_t most = CONFIG_UNSET;

    for (size_t i = 0; i < group->n_endpoints; i++) {
        uint32_t own = endpoint_of(g, group, i)->max_retries;

        if (own != CONFIG_UNSET && (most == CONFIG_UNSET || own > most))
            most = own;
    }
    return most;
}

/* What the group's own settings leave open grows with its entries' timeouts, so that a long timeout
 * is not cut short by a default that nobody wrote. */
static void settle_timers(const struct groups *g, struct catalog_group *group,
                          const struct config_group_section *own)
{
    const uint32_t retries[] = {own->max_retries, entry_retries(g, group), g->router->num_retries,
                                g->litellm->num_retries};
    int64_t longest = settle_timeouts(g, group);

    catalog_timers_defaults(&group->timers);
    group->timers.first_byte_ms = longer(group->timers.first_byte_ms, longest);
    group->timers.total_ms = longer(group->timers.total_ms, longest);
    if (own->connect_ms)
        group->timers.connect_ms = own->connect_ms;
    if (own->first_byte_ms)
        group->timers.first_byte_ms = own->first_byte_ms;
    if (own->idle_ms)
        group->timers.idle_ms = own->idle_ms;
    if (own->total_ms)
        group->timers.total_ms = own->total_ms;
    group->max_retries = first_set(retries, COUNT_OF(retries), DEFAULT_RETRIES);
}

static void read_group_settings(struct groups *g, const struct config_node *root)
{
    struct config_node map, settings;
    bool written = node_member(g->reader, root, "model_group_settings", &map);
    const char *name;
    json_t *value;

    for (size_t i = 0; i < g->n; i++) {
        struct config_group_section own = {.max_retries = CONFIG_UNSET};
        char *key = str_dup(g->list[i].name);

        if (written && node_member(g->reader, &map, key, &settings))
            (void)schema_read(g->reader, &settings, "model_group_settings{}", &own);
        mem_free(key);
        settle_timers(g, &g->list[i], &own);
    }
    if (!written)
        return;
    if (!json_is_object(map.value))
        node_error(g->reader, &map, "expected a mapping, found %s", node_kind(map.value));
    json_object_foreach((json_t *)map.value, name, value)
    {
        if (node_member(g->reader, &map, name, &settings))
            (void)find_group(g, &settings, str_of(name));
    }
}

/* Weights are written with decimals; whole ones stay as they are, so that reports show them so. */
static void settle_weights(const struct groups *g, const struct catalog_group *group)
{
    uint32_t divisor = 1000;

    for (size_t i = 0; i < group->n_endpoints; i++) {
        if (endpoint_of(g, group, i)->weight_milli % 1000)
            divisor = 1;
    }
    for (size_t i = 0; i < group->n_endpoints; i++) {
        struct config_endpoint *endpoint = endpoint_of(g, group, i);

        endpoint->endpoint.weight = endpoint->weight_milli / divisor;
    }
}

/* --- all */

/* LiteLLM's own constant for `created` of /v1/models: a date that does not move with every reload.
 */
enum { MODELS_CREATED_S = 1677610602 };

void config_read_groups(const struct config_reader *r, const struct config_node *root,
                        const struct config_router_section *router,
                        const struct config_litellm_section *litellm)
{
    struct groups g = {
        .reader = r,
        .list = (struct catalog_group *)r->config->groups,
        .n = r->config->n_groups,
        .max_fallbacks = router->max_fallbacks,
        .router = router,
        .litellm = litellm,
    };
    struct config_node section;

    map_init(&g.by_name);
    map_init(&g.specific);
    for (size_t i = 0; i < g.n; i++) {
        g.list[i].created_s = MODELS_CREATED_S;
        map_put(&g.by_name, g.list[i].name, &g.list[i]);
        settle_weights(&g, &g.list[i]);
    }
    read_group_settings(&g, root);
    if (node_member(r, root, "router_settings", &section)) {
        read_aliases(&g, &section);
        read_fallbacks(&g, &section);
    }
    if (node_member(r, root, "litellm_settings", &section))
        read_fallbacks(&g, &section);
    map_deinit(&g.by_name);
    map_deinit(&g.specific);
}

/*
 * The file's own regions and zones, which go into the region catalogue before anything else that
 * names a place is read, and the settings that name single regions.
 *
 * A row for a built-in code changes the members that it has and keeps the others.
 */

#include "base/mem.h"
#include "config/model.h"

enum { MAX_ZONE_MEMBERS = 1024 };

struct places {
    const struct config_reader *reader;
    struct region_catalogue *known; /* the built-in rows, to be changed */
    struct region_catalogue_builder *builder;
};

/* --- regions */

static int32_t changed(uint32_t value, int32_t before)
{
    return value == CONFIG_UNSET ? before : (int32_t)value;
}

static str changed_text(str value, str before)
{
    return value.n ? value : before;
}

static bool read_country(const struct config_reader *r, const struct config_node *node, str country,
                         struct region *row)
{
    struct config_node member = *node;
    char upper[3] = {0};

    if (country.n == 0)
        return true;
    (void)node_member(r, node, "country", &member);
    for (size_t i = 0; i < 2 && i < country.n; i++)
        upper[i] = (char)(country.p[i] >= 'a' && country.p[i] <= 'z' ? country.p[i] & ~0x20
                                                                     : country.p[i]);
    if (country.n != 2 || !region_country_name(str_of(upper)).p) {
        node_error(r, &member, "\"%.*s\" is no country; expected ISO 3166-1 alpha-2, such as DE",
                   STR_ARG(str_upto(country, 80)));
        return false;
    }
    memcpy(row->country, upper, sizeof(upper));
    return true;
}

static bool read_coordinates(const struct config_reader *r, const struct config_node *node,
                             const struct config_region_section *section, struct region *row)
{
    struct config_node latitude, longitude;
    bool north = node_member(r, node, "latitude", &latitude);
    bool east = node_member(r, node, "longitude", &longitude);

    if (north != east) {
        node_error(r, north ? &latitude : &longitude,
                   "latitude and longitude only make sense together");
        return false;
    }
    if (north) {
        row->has_coordinates = true;
        row->latitude_e4 = section->latitude_e4;
        row->longitude_e4 = section->longitude_e4;
    }
    return true;
}

static struct region row_before(const struct places *p, str code)
{
    unsigned index = region_find(p->known, code);

    if (index != REGION_NONE)
        return *region_at(p->known, index);
    return (struct region){
        .provider = str_upto(code, str_find(code, '-', 0)),
        .location = STR(""),
        .grid_zone = STR(""),
        .grid_g_per_kwh = -1,
        .latency_p50_ms = -1,
        .latency_p95_ms = -1,
    };
}

static void read_region(const struct places *p, const struct config_node *node)
{
    const struct config_reader *r = p->reader;
    struct config_region_section section = {
        .code = STR(""),
        .grid_g_per_kwh = CONFIG_UNSET,
        .latency_p50_ms = CONFIG_UNSET,
        .latency_p95_ms = CONFIG_UNSET,
        .role = CONFIG_UNSET,
    };
    const char *message = NULL;
    struct region row;

    if (!schema_read(r, node, "regions[]", &section))
        return;
    row = row_before(p, section.code);
    row.code = section.code;
    row.provider = changed_text(section.provider, row.provider);
    row.location = changed_text(section.location, row.location);
    row.grid_zone = changed_text(section.grid_zone, row.grid_zone);
    row.source = section.source;
    row.grid_g_per_kwh = changed(section.grid_g_per_kwh, row.grid_g_per_kwh);
    row.latency_p50_ms = changed(section.latency_p50_ms, row.latency_p50_ms);
    row.latency_p95_ms = changed(section.latency_p95_ms, row.latency_p95_ms);
    row.role = (enum region_role)changed(section.role, (int32_t)row.role);
    row.operator_defined = true;
    if (!read_country(r, node, section.country, &row) || !read_coordinates(r, node, &section, &row))
        return;
    if (region_builder_put(p->builder, &row, &message))
        node_error(r, node, "%s", message);
}

static void read_regions(const struct places *p, const struct config_node *root)
{
    struct config_node list;

    if (!node_member(p->reader, root, "regions", &list))
        return;
    if (!json_is_array(list.value)) {
        node_error(p->reader, &list, "expected a list, found %s", node_kind(list.value));
        return;
    }
    for (size_t i = 0; i < node_size(&list); i++) {
        struct config_node item = node_item(p->reader, &list, i);

        read_region(p, &item);
    }
}

/* --- zones */

static void read_zone(const struct places *p, const struct config_node *node)
{
    const struct config_reader *r = p->reader;
    size_t n = json_is_array(node->value) ? node_size(node) : 0;
    const char *message = NULL;
    str *members;

    if (n == 0 || n > MAX_ZONE_MEMBERS) {
        node_error(r, node, "expected a list of 1 to %d regions, zones and countries",
                   MAX_ZONE_MEMBERS);
        return;
    }
    members = arena_alloc(r->arena, n * sizeof(*members));
    for (size_t i = 0; i < n; i++) {
        struct config_node item = node_item(r, node, i);

        if (!node_text(r, &item, &members[i]))
            return;
    }
    if (region_builder_put_zone(p->builder, str_of(node->key), members, n, &message))
        node_error(r, node, "%s", message);
}

static void read_zones(const struct places *p, const struct config_node *root)
{
    struct config_node map, zone;
    const char *name;
    json_t *value;

    if (!node_member(p->reader, root, "zones", &map))
        return;
    if (!json_is_object(map.value)) {
        node_error(p->reader, &map, "expected a mapping of names to lists, found %s",
                   node_kind(map.value));
        return;
    }
    json_object_foreach((json_t *)map.value, name, value)
    {
        if (node_member(p->reader, &map, name, &zone))
            read_zone(p, &zone);
    }
}

void config_read_places(const struct config_reader *r, const struct config_node *root)
{
    struct places p = {
        .reader = r,
        .known = region_builder_finish(region_builder_new()),
        .builder = region_builder_new(),
    };

    read_regions(&p, root);
    read_zones(&p, root);
    r->config->regions = region_builder_finish(p.builder);
    region_catalogue_unref(p.known);
}

/* --- names of places */

bool config_read_place(const struct config_reader *r, const struct config_node *node, str name,
                       struct region_set *ret_set)
{
    if (region_resolve(r->config->regions, name, ret_set))
        return true;
    node_error(r, node, "\"%.*s\" is no region, zone or country%.*s", STR_ARG(str_upto(name, 80)),
               STR_ARG(config_suggest(r, region_near_match(r->config->regions, name))));
    return false;
}

uint16_t config_read_region(const struct config_reader *r, const struct config_node *node, str name)
{
    unsigned index = region_find(r->config->regions, name);
    struct region_set set;

    if (index == REGION_NONE && config_read_place(r, node, name, &set))
        node_error(r, node, "\"%.*s\" holds several regions; expected the code of one",
                   STR_ARG(name));
    return (uint16_t)index;
}

void config_read_routing(const struct config_reader *r, const struct config_node *root)
{
    struct catalog_settings *settings = &r->config->settings;
    struct config_routing_section section = {0};
    struct config_node routing = *root, preferred = *root;
    bool written = node_member(r, root, "routing", &routing);
    bool ordered;
    uint16_t *order;

    (void)schema_read(r, written ? &routing : NULL, "routing", &section);
    ordered = written && node_member(r, &routing, "preferred", &preferred) &&
              json_array_size(preferred.value) == section.preferred.n;
    order = arena_alloc(r->arena, (section.preferred.n + 1) * sizeof(*order));
    for (size_t i = 0; i < section.preferred.n; i++) {
        struct config_node item = ordered ? node_item(r, &preferred, i) : preferred;

        order[i] = config_read_region(r, &item, section.preferred.list[i]);
    }
    settings->preferred = order;
    settings->n_preferred = section.preferred.n;
    settings->default_carbon_aware = section.carbon_aware;
    settings->latency_window_ms = section.latency_window_ms;
    written = written && node_member(r, &routing, "health_check", &preferred);
    (void)schema_read(r, written ? &preferred : NULL, "routing.health_check", settings);
}

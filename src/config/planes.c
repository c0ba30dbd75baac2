/* The planes, deployments and quotas sections: where replicas run, and within which limits. */

#include "base/mem.h"
#include "config/model.h"
#include "net/networks.h"

#include <pwd.h>
#include <stdio.h>

enum { PLANE_NAME_MAX = 40, USER_NAME_MAX = 64, NETWORKS_MAX = 64 };

static bool is_plane_name(str name)
{
    if (name.n == 0 || name.n > PLANE_NAME_MAX)
        return false;
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];

        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'))
            return false;
    }
    return true;
}

/* A plane without a region could be anywhere, so that nothing with a rule could ever run there. */
static bool read_place(const struct config_reader *r, const struct config_node *node,
                       const struct config_plane_section *section, struct config_plane *plane)
{
    struct config_node region;

    if (!node_member(r, node, "region", &region)) {
        node_error(r, node, "region is missing: where does the plane \"%.*s\" stand?",
                   STR_ARG(section->name));
        return false;
    }
    plane->region = section->region;
    return config_read_place(r, &region, section->region, &plane->place);
}

/* Numbers are looked up as well: the user's group comes with it. */
static bool find_user(str user, struct config_plane *plane)
{
    char name[USER_NAME_MAX + 1], bytes[4096];
    struct passwd entry, *found = NULL;
    uint64_t number;

    if (user.n > USER_NAME_MAX)
        return false;
    snprintf(name, sizeof(name), "%.*s", STR_ARG(user));
    if (!str_parse_u64(user, &number))
        getpwnam_r(name, &entry, bytes, sizeof(bytes), &found);
    else if (number < UINT32_MAX)
        getpwuid_r((uid_t)number, &entry, bytes, sizeof(bytes), &found);
    if (!found)
        return false;
    plane->uid = entry.pw_uid;
    plane->gid = entry.pw_gid;
    return true;
}

static bool read_user(const struct config_reader *r, const struct config_node *node, str user,
                      struct config_plane *plane)
{
    struct config_node at;

    plane->user = user;
    if (user.n == 0 || !node_member(r, node, "user", &at))
        return true;
    if (!find_user(user, plane)) {
        node_error(r, &at,
                   "\"%.*s\" is no user of this machine; expected the name or the number of one",
                   STR_ARG(str_upto(user, 80)));
        return false;
    }
    if (plane->uid == 0) {
        node_error(r, &at,
                   "\"%.*s\" may do everything; expected a user with fewer rights than Ambit",
                   STR_ARG(user));
        return false;
    }
    return true;
}

static str read_plane(const struct config_reader *r, const struct config_node *node, void *ret_item)
{
    struct config_plane_section section = {.name = STR("")};
    struct config_plane *plane = ret_item;

    if (!schema_read(r, node, "planes[]", &section))
        return STR("");
    if (!is_plane_name(section.name)) {
        node_error(
            r, node,
            "\"%.*s\" is no name of a plane; expected 1 to %d lower case letters, digits and "
            "dashes",
            STR_ARG(str_upto(section.name, 80)), PLANE_NAME_MAX);
        return STR("");
    }
    if (section.first_port > section.last_port) {
        node_error(r, node, "first_port %u lies behind last_port %u", section.first_port,
                   section.last_port);
        return STR("");
    }
    *plane = (struct config_plane){
        .name = section.name,
        .replicas_max = section.replicas_max,
        .first_port = (uint16_t)section.first_port,
        .last_port = (uint16_t)section.last_port,
        .cgroup = section.cgroup,
        .line = node->place.line,
    };
    if (!read_user(r, node, section.user, plane))
        return STR("");
    return read_place(r, node, &section, plane) ? plane->name : STR("");
}

/* Two planes would give the same port to two replicas. */
static void check_ports(const struct config_reader *r, const struct config_node *root)
{
    const struct config *c = r->config;
    struct config_node list;

    if (!node_member(r, root, "planes", &list))
        return;
    for (size_t i = 0; i < c->n_planes; i++)
        for (size_t k = 0; k < i; k++)
            if (c->planes[i].first_port <= c->planes[k].last_port &&
                c->planes[k].first_port <= c->planes[i].last_port)
                node_error(
                    r, &list,
                    "the ports of %.*s (%u to %u) and %.*s (%u to %u) overlap: give each plane "
                    "its own first_port and last_port",
                    STR_ARG(c->planes[k].name), c->planes[k].first_port, c->planes[k].last_port,
                    STR_ARG(c->planes[i].name), c->planes[i].first_port, c->planes[i].last_port);
}

/* One text, so that an endpoint can carry it. */
static str read_networks(const struct config_reader *r, const struct config_node *deployments,
                         const struct config_texts *texts)
{
    CLEANUP(buf_deinit) struct buf all = {0};
    struct config_node node;

    if (!deployments || !node_member(r, deployments, "external_addresses", &node))
        return NETWORKS_OUTSIDE;
    buf_init(&all, 0);
    if (texts->n == 0 || texts->n > NETWORKS_MAX)
        node_error(r, &node, "names %zu networks; expected 1 to %d", texts->n, NETWORKS_MAX);
    for (size_t i = 0; i < texts->n; i++) {
        if (!networks_is_one(texts->list[i]))
            node_error(r, &node,
                       "\"%.*s\" is no network; expected an address with the length of its "
                       "prefix, and no bits beyond it, such as 10.0.0.0/8 or fd12::/16",
                       STR_ARG(str_upto(texts->list[i], 80)));
        buf_printf(&all, "%s%.*s", i ? " " : "", STR_ARG(texts->list[i]));
    }
    return arena_copy(r->arena, buf_str(&all));
}

void config_read_planes(const struct config_reader *r, const struct config_node *root)
{
    struct config_deployments_section section = {.runner = STR("")};
    struct config *c = r->config;
    struct config_node deployments, quotas;
    bool written = node_member(r, root, "deployments", &deployments);
    bool bounded = node_member(r, root, "quotas", &quotas);

    (void)schema_read(r, written ? &deployments : NULL, "deployments", &section);
    (void)schema_read(r, bounded ? &quotas : NULL, "quotas", &c->quotas);
    c->deploy_timeout_ms = section.deploy_timeout_ms;
    c->package_bytes = section.package_bytes;
    c->package_keep_ms = section.package_keep_ms;
    c->runner = section.runner;
    c->external_networks =
        read_networks(r, written ? &deployments : NULL, &section.external_addresses);
    c->planes = config_read_list(r, root, "planes", sizeof(*c->planes), read_plane, &c->n_planes);
    check_ports(r, root);
}

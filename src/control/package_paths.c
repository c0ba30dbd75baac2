#include "control/package_paths.h"

#include "base/map.h"
#include "base/mem.h"

#include <jansson.h>

struct package_paths {
    struct map by_deployment; /* id → known */
};

struct known {
    char *deployment; /* the entry's key */
    char *predict, *websocket;
};

static void known_free(struct known *k)
{
    mem_free(k->deployment);
    mem_free(k->predict);
    mem_free(k->websocket);
    mem_free(k);
}

struct package_paths *package_paths_new(void)
{
    return mem_zalloc(sizeof(struct package_paths));
}

void package_paths_free(struct package_paths *p)
{
    struct map_entry entry;

    if (!p)
        return;
    for (size_t cursor = 0; map_next(&p->by_deployment, &cursor, &entry);)
        known_free(entry.value);
    map_deinit(&p->by_deployment);
    mem_free(p);
}

/* A Truss's own are the default. */
static struct known *derive(const struct fleet_deployment *d)
{
    json_t *config = json_loadb(d->config.n ? d->config.p : "", d->config.n, 0, NULL);
    const json_t *server = json_object_get(config, "docker_server");
    const json_t *named = json_object_get(server, "predict_endpoint");
    str predict = STR("/v1/models/model:predict"), websocket = STR("/v1/websocket");
    struct known *k = mem_zalloc(sizeof(*k));

    if (json_is_object(server))
        predict = websocket = json_is_string(named)
                                  ? str_make(json_string_value(named), json_string_length(named))
                                  : STR("/predict");
    k->deployment = str_dup(d->id);
    k->predict = str_dup(predict);
    k->websocket = str_dup(websocket);
    json_decref(config);
    return k;
}

struct package_path package_paths_of(struct package_paths *p, const struct fleet_deployment *d)
{
    struct known *k = map_get(&p->by_deployment, d->id);

    if (!k) {
        k = derive(d);
        map_put(&p->by_deployment, str_of(k->deployment), k);
    }
    return (struct package_path){str_of(k->predict), str_of(k->websocket)};
}

void package_paths_trim(struct package_paths *p, const struct fleet *f)
{
    struct package_paths kept = {0};
    struct map_entry entry;

    if (p->by_deployment.n <= fleet_count(f, FLEET_DEPLOYMENT))
        return;
    for (size_t cursor = 0; map_next(&p->by_deployment, &cursor, &entry);)
        if (fleet_find_deployment(f, entry.key))
            map_put(&kept.by_deployment, entry.key, entry.value);
        else
            known_free(entry.value);
    map_deinit(&p->by_deployment);
    *p = kept;
}

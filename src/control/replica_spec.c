#include "control/replica_spec.h"

#include "base/mem.h"
#include "control/seal.h"

#include <jansson.h>
#include <openssl/crypto.h>

/* --- secrets */

static const struct fleet_secret *find_secret(const struct policy *p, struct arena *arena, str team,
                                              const char *name)
{
    return fleet_find_secret(p->fleet, arena_printf(arena, "%.*s/%s", STR_ARG(team), name));
}

static str open_secret(const struct policy *p, struct arena *arena,
                       const struct fleet_secret *secret)
{
    struct buf plain;
    str text = STR_NULL;

    buf_init(&plain, 0);
    if (unseal(p->seal_key, secret->object.key, secret->sealed, &plain) == 0)
        text = arena_printf(arena, "TRUSS_SECRET_%.*s=%.*s", STR_ARG(secret->name),
                            STR_ARG(buf_str(&plain)));
    if (plain.n)
        OPENSSL_cleanse(plain.p, plain.n);
    buf_deinit(&plain);
    return text;
}

/* A package gets the secrets that its config.yaml names, of its own team. */
static void add_secrets(struct replica_spec *s, const struct policy *p, str team, str config)
{
    json_t *root = json_loadb(config.n ? config.p : "", config.n, 0, NULL);
    json_t *names = json_object_get(root, "secrets");
    str *list = arena_zalloc(&s->arena, (json_object_size(names) + 1) * sizeof(*list));
    const char *name;
    json_t *value;

    json_object_foreach(names, name, value)
    {
        const struct fleet_secret *secret = find_secret(p, &s->arena, team, name);
        str text = secret ? open_secret(p, &s->arena, secret) : STR_NULL;

        if (text.p)
            list[s->replica.n_secrets++] = text;
    }
    s->replica.secrets = list;
    json_decref(root);
}

/* --- the whole */

void replica_spec_init(struct replica_spec *s, const struct policy *p, const char *data_dir,
                       const struct fleet_replica *replica)
{
    const struct fleet_deployment *d = fleet_find_deployment(p->fleet, replica->deployment);
    const struct fleet_model *model = d ? fleet_find_model(p->fleet, d->model) : NULL;

    *s = (struct replica_spec){0};
    arena_init(&s->arena, NULL, 0);
    s->replica = (struct plane_replica){
        .id = replica->id,
        .deployment = replica->deployment,
        .model = d ? d->model : STR(""),
        .environment = d ? d->told_environment : STR(""),
        .region = replica->region,
        .port = (uint16_t)replica->port,
        .identity = replica->identity,
        .config = d ? d->config : STR(""),
        .drain_limit_ms = p->config->settings.drain_ms,
    };
    if (d)
        s->replica.package =
            arena_printf(&s->arena, "%s/deployments/%.*s", data_dir, STR_ARG(d->image));
    if (model)
        add_secrets(s, p, model->team, d->config);
}

void replica_spec_deinit(struct replica_spec *s)
{
    for (size_t i = 0; i < s->replica.n_secrets; i++)
        OPENSSL_cleanse((char *)s->replica.secrets[i].p, s->replica.secrets[i].n);
    arena_deinit(&s->arena);
}

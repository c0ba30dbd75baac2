/*
 * Archives that were uploaded. One belongs to the team whose key uploaded it, or to none (a key of
 * the workspace) until it is deployed for a team. The same content of two teams is two packages and
 * one file. It is kept for a while, so that a push can come after its upload, and for as long as a
 * deployment of its team is made from it.
 */

#include "fleet/controller_internal.h"

#include <stdio.h>

enum { KEY_BYTES = 256 };

static str key_of(str team, str sha256, char storage[KEY_BYTES])
{
    int n = snprintf(storage, KEY_BYTES, "%.*s/%.*s", STR_ARG(team), STR_ARG(sha256));

    return str_make(storage, n > 0 && n < KEY_BYTES ? (size_t)n : 0);
}

static struct fleet_package *find_own(const struct fleet *f, str team, str sha256)
{
    char storage[KEY_BYTES];

    return fleet_find_package(f, key_of(team, sha256, storage));
}

const struct fleet_package *fleet_find_package_for(const struct fleet *f, str team, str sha256)
{
    if (team.n)
        return find_own(f, team, sha256);
    for (struct fleet_package *p = fleet_first_package(f); p; p = fleet_next_package(f, p))
        if (str_eq(p->sha256, sha256))
            return p;
    return NULL;
}

static struct fleet_package *add(struct fleet *f, str team, str sha256, uint64_t bytes)
{
    char storage[KEY_BYTES];
    struct fleet_package *p =
        (struct fleet_package *)fleet_add(f, FLEET_PACKAGE, key_of(team, sha256, storage));

    fleet_set_str(&p->team, team);
    fleet_set_str(&p->sha256, sha256);
    p->bytes = bytes;
    return p;
}

enum fleet_outcome fleet_add_package(struct fleet *f, const struct fleet_world *w, str team,
                                     str sha256, uint64_t bytes, struct fleet_problem *problem)
{
    struct fleet_package *p = find_own(f, team, sha256);
    enum fleet_outcome outcome =
        p ? FLEET_OK : fleet_check_quota(f, w, QUOTA_PACKAGE_BYTES, team, bytes, problem);

    if (outcome != FLEET_OK)
        return outcome;
    p = p ? fleet_edit(f, p) : add(f, team, sha256, bytes);
    p->uploaded_ns = w->now_ns;
    return FLEET_OK;
}

enum fleet_outcome package_take(struct fleet *f, const struct fleet_world *w, str team, str sha256,
                                struct fleet_problem *problem)
{
    const struct fleet_package *from = fleet_find_package_for(f, STR(""), sha256);

    if (!from || find_own(f, team, sha256))
        return FLEET_OK;
    struct fleet_package *of_none = find_own(f, STR(""), sha256);
    int64_t uploaded_ns = from->uploaded_ns;
    enum fleet_outcome outcome =
        fleet_check_quota(f, w, QUOTA_PACKAGE_BYTES, team, from->bytes, problem);
    if (outcome != FLEET_OK)
        return outcome;
    add(f, team, sha256, from->bytes)->uploaded_ns = uploaded_ns;
    if (of_none)
        fleet_remove(f, &of_none->object);
    return FLEET_OK;
}

uint64_t fleet_package_room(const struct fleet *f, const struct fleet_world *w, str team)
{
    uint64_t most = w->quotas[QUOTA_PACKAGE_BYTES], has = quota_count(f, QUOTA_PACKAGE_BYTES, team);

    return !most ? UINT64_MAX : most > has ? most - has : 0;
}

/* What deployments are made from is marked. */
static void mark_used(struct fleet *f)
{
    for (struct fleet_package *p = fleet_first_package(f); p; p = fleet_next_package(f, p))
        p->object.slot = 0;
    for (struct fleet_deployment *d = fleet_first_deployment(f); d;
         d = fleet_next_deployment(f, d)) {
        const struct fleet_model *m = d->package.n ? fleet_find_model(f, d->model) : NULL;
        struct fleet_package *p = m ? find_own(f, m->team, d->package) : NULL;

        if (p)
            p->object.slot = 1;
    }
}

void packages_expire(struct fleet *f, const struct fleet_world *w, int64_t *next_ns)
{
    struct fleet_package *next;

    mark_used(f);
    for (struct fleet_package *p = fleet_first_package(f); p; p = next) {
        int64_t ends_ns = p->uploaded_ns + w->package_keep_ns;

        next = fleet_next_package(f, p);
        if (p->object.slot)
            continue;
        if (ends_ns <= w->now_ns)
            fleet_remove(f, &p->object);
        else if (ends_ns < *next_ns)
            *next_ns = ends_ns;
    }
}

/* What one team may have, so that none takes all of the store, the memory and the disk. */

#include "fleet/controller_internal.h"

/* Objects of a kind whose member says whose they are. */
#define COUNT(f, kind, member, owner)                                                              \
    ({                                                                                             \
        uint64_t n = 0;                                                                            \
        for (struct fleet_##kind *o = fleet_first_##kind(f); o; o = fleet_next_##kind(f, o))       \
            n += str_eq(o->member, owner);                                                         \
        n;                                                                                         \
    })

static uint64_t bytes_of_packages(const struct fleet *f, str team)
{
    uint64_t n = 0;

    for (struct fleet_package *p = fleet_first_package(f); p; p = fleet_next_package(f, p))
        n += str_eq(p->team, team) ? p->bytes : 0;
    return n;
}

uint64_t quota_count(const struct fleet *f, enum fleet_quota quota, str owner)
{
    switch (quota) {
    case QUOTA_MODELS:
        return COUNT(f, model, team, owner);
    case QUOTA_DEPLOYMENTS:
        return COUNT(f, deployment, model, owner);
    case QUOTA_ENVIRONMENTS:
        return COUNT(f, environment, model, owner);
    case QUOTA_SECRETS:
        return COUNT(f, secret, team, owner);
    case QUOTA_GROUPS:
        return COUNT(f, group, team, owner);
    case QUOTA_PACKAGE_BYTES:
        return bytes_of_packages(f, owner);
    case FLEET_QUOTAS:
        break;
    }
    return 0;
}

enum fleet_outcome fleet_check_quota(const struct fleet *f, const struct fleet_world *w,
                                     enum fleet_quota quota, str owner, uint64_t more,
                                     struct fleet_problem *problem)
{
    static const struct words {
        const char *setting, *whose, *what;
    } words[FLEET_QUOTAS] = {
        [QUOTA_MODELS] = {"models", "team", "models"},
        [QUOTA_DEPLOYMENTS] = {"deployments_per_model", "model", "deployments"},
        [QUOTA_ENVIRONMENTS] = {"environments_per_model", "model", "environments"},
        [QUOTA_SECRETS] = {"secrets", "team", "secrets"},
        [QUOTA_GROUPS] = {"environment_groups", "team", "environment groups"},
        [QUOTA_PACKAGE_BYTES] = {"package_bytes", "team", "bytes of packages"},
    };
    uint64_t most = w->quotas[quota], has = most ? quota_count(f, quota, owner) : 0;

    if (!most || has + more <= most)
        return FLEET_OK;
    if (more > 1)
        problem_say(problem, "", "the %s has %llu %s, this is %llu more, and quotas.%s allows %llu",
                    owner.n ? words[quota].whose : "workspace", (unsigned long long)has,
                    words[quota].what, (unsigned long long)more, words[quota].setting,
                    (unsigned long long)most);
    else
        problem_say(problem, "", "the %s has %llu %s, and quotas.%s allows %llu: delete some first",
                    words[quota].whose, (unsigned long long)has, words[quota].what,
                    words[quota].setting, (unsigned long long)most);
    return FLEET_QUOTA;
}

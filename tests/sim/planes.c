/* Fake planes: they come and go, are cut off, are declared elsewhere; what they run starts slowly,
 * fails, flaps and dies; builds take time and may fail. */

#include "sim.h"

static const char *const names[SIM_PLANES] = {"ie", "fr", "de", "us"};
static const char *const regions[SIM_PLANES][2] = {{"aws-eu-west-1", "IE"},
                                                   {"FR", "scaleway-par-1"},
                                                   {"aws-eu-central-1", "aws-us-west-2"},
                                                   {"aws-us-east-1", "aws-us-east-1"}};

void planes_init(struct sim *s)
{
    for (int i = 0; i < SIM_PLANES; i++)
        s->planes[i] = (struct sim_plane){.exists = true, .available = true};
    planes_declare(s);
}

void planes_declare(struct sim *s)
{
    s->world.n_planes = 0;
    s->world.planes = s->declared;
    for (int i = 0; i < SIM_PLANES; i++) {
        const struct sim_plane *p = &s->planes[i];

        if (!p->exists)
            continue;
        struct fleet_plane *d = &s->declared[s->world.n_planes++];
        *d = (struct fleet_plane){.name = str_of(names[i]),
                                  .region = str_of(regions[i][p->region]),
                                  .available = p->available,
                                  .why = p->available ? STR_NULL : STR("cut off"),
                                  .replicas_max = p->replicas_max};
        (void)region_resolve(s->world.regions, d->region, &d->place);
    }
    s->world_is_news = true;
}

struct sim_replica *planes_find(struct sim *s, str id)
{
    for (size_t i = 0; i < s->n_replicas; i++)
        if (sim_is(&s->replicas[i].id, id))
            return &s->replicas[i];
    return NULL;
}

static void drop(struct sim *s, size_t i)
{
    s->replicas[i] = s->replicas[--s->n_replicas];
}

void planes_advance(struct sim *s)
{
    int64_t now = s->world.now_ns;

    for (size_t i = 0; i < s->n_replicas; i++) {
        struct sim_replica *r = &s->replicas[i];

        if (r->life == LIFE_STARTING && r->ready_ns && now >= r->ready_ns)
            r->life = LIFE_READY;
        if (r->dies_ns && now >= r->dies_ns)
            r->life = LIFE_DEAD;
        if (r->reads_ns && now >= r->reads_ns) {
            r->knows = r->written;
            r->awaited = false;
        }
    }
}

static void flap_or_kill(struct sim *s)
{
    if (s->n_replicas == 0)
        return;
    struct sim_replica *r = &s->replicas[sim_below(s, (uint32_t)s->n_replicas)];
    if (sim_chance(s, 2)) {
        r->life = LIFE_DEAD;
        sim_note(s, "replica %.*s dies", (int)r->id.n, r->id.p);
    } else if (r->life == LIFE_READY) {
        r->life = LIFE_NOT_READY;
    } else if (r->life == LIFE_NOT_READY) {
        r->life = LIFE_READY;
    }
}

void planes_misbehave(struct sim *s)
{
    int i = (int)sim_below(s, SIM_PLANES);
    struct sim_plane *p = &s->planes[i];

    switch (sim_below(s, 8)) {
    case 0:
        p->exists = !p->exists;
        for (size_t k = 0; k < s->n_replicas; k++)
            if (s->replicas[k].plane == i)
                s->replicas[k].life = LIFE_DEAD;
        break;
    case 1:
    case 2:
        p->available = !p->available;
        break;
    case 3:
        p->replicas_max = sim_below(s, 5);
        break;
    case 4:
        p->region = (int)sim_below(s, 2);
        break;
    default:
        flap_or_kill(s);
        return;
    }
    planes_declare(s);
    sim_note(s, "plane %s: %s, %s, in %s, room %u", names[i], p->exists ? "exists" : "is no more",
             p->available ? "available" : "cut off", regions[i][p->region], p->replicas_max);
}

void planes_heal(struct sim *s)
{
    planes_init(s);
    for (size_t i = 0; i < s->n_replicas; i++) {
        struct sim_replica *r = &s->replicas[i];

        if (r->life == LIFE_NOT_READY)
            r->life = LIFE_READY;
        if (r->life == LIFE_STARTING && r->ready_ns == 0)
            r->ready_ns = s->world.now_ns + NS_PER_S;
        r->reads_ns = s->world.now_ns + NS_PER_S;
    }
    for (size_t i = 0; i < s->n_builds; i++)
        s->builds[i].fails = false;
}

static int index_of(str name)
{
    for (int i = 0; i < SIM_PLANES; i++)
        if (str_eq(str_of(names[i]), name))
            return i;
    return -1;
}

/* --- what control asks for */

static void start(struct sim *s, str id)
{
    const struct fleet_replica *r = fleet_find_replica(s->fleet, id);
    int plane = index_of(r->plane);

    if (planes_find(s, id) || s->n_replicas == SIM_REPLICAS_MAX || !s->planes[plane].exists ||
        !s->planes[plane].available)
        return;
    struct sim_replica *new = &s->replicas[s->n_replicas++];
    *new = (struct sim_replica){.id = sim_text(r->id),
                                .deployment = sim_text(r->deployment),
                                .plane = plane,
                                .ready_ns = s->world.now_ns + sim_below(s, 20) * NS_PER_S};
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, r->deployment);
    new->written = new->knows = sim_text(d->told_environment);
    if (s->faults && sim_chance(s, s->calm)) { /* never becomes ready: hangs or ends */
        new->ready_ns = 0;
        new->dies_ns = sim_chance(s, 3) ? 0 : s->world.now_ns + sim_below(s, 10) * NS_PER_S + 1;
    }
}

static void stop(struct sim *s, str id)
{
    struct sim_replica *r = planes_find(s, id);

    if (r && s->planes[r->plane].available && r->life != LIFE_DEAD && r->dies_ns == 0)
        r->dies_ns = s->world.now_ns + 1 + sim_below(s, 10) * NS_PER_S;
}

static void build(struct sim *s, str id)
{
    for (size_t i = 0; i < s->n_builds; i++)
        if (sim_is(&s->builds[i].deployment, id))
            return;
    if (s->n_builds < SIM_BUILDS_MAX)
        s->builds[s->n_builds++] =
            (struct sim_build){.deployment = sim_text(id),
                               .done_ns = s->world.now_ns + sim_below(s, 10) * NS_PER_S,
                               .fails = s->faults && sim_chance(s, s->calm + 2)};
}

static void forget(struct sim *s, str id)
{
    struct sim_replica *r = planes_find(s, id);

    if (r && r->life != LIFE_DEAD && s->planes[r->plane].exists)
        sim_violation(s, "replica %.*s is to be forgotten and runs", STR_ARG(id));
    if (r)
        drop(s, (size_t)(r - s->replicas));
    if (!fleet_find_leftover(s->fleet, id))
        return;
    for (size_t i = 0; i < s->n_replicas; i++)
        if (sim_is(&s->replicas[i].deployment, id) && s->replicas[i].life != LIFE_DEAD)
            sim_violation(s, "deployment %.*s is to be forgotten and a replica of it runs",
                          STR_ARG(id));
}

/* What runs is told of its environment: it reads that later, or never. */
static void tell(struct sim *s)
{
    for (size_t i = 0; i < s->n_replicas; i++) {
        struct sim_replica *r = &s->replicas[i];
        const struct fleet_deployment *d = fleet_find_deployment(s->fleet, sim_str(&r->deployment));

        if (!d || !s->planes[r->plane].available || sim_is(&r->written, d->told_environment) ||
            (s->faults && sim_chance(s, 8)))
            continue;
        r->written = sim_text(d->told_environment);
        r->awaited = true;
        r->reads_ns = s->faults && sim_chance(s, s->calm + 2)
                          ? 0
                          : s->world.now_ns + 1 + sim_below(s, 30) * NS_PER_S;
    }
}

void planes_act(struct sim *s)
{
    struct fleet_action a;
    size_t cursor = 0;

    while (fleet_next_action(s->fleet, &cursor, &a)) {
        if (s->faults && sim_chance(s, 8))
            continue;
        if (a.kind == ACTION_START)
            start(s, a.id);
        else if (a.kind == ACTION_STOP)
            stop(s, a.id);
        else if (a.kind == ACTION_BUILD)
            build(s, a.id);
        else
            forget(s, a.id);
    }
    tell(s);
}

/* --- what control is told */

static bool is_news_of_readiness(const struct fleet_replica *r, const struct sim_replica *fake,
                                 bool is_told)
{
    if (fake->life == LIFE_NOT_READY)
        return r->state == REPLICA_READY;
    return is_told && (r->state < REPLICA_READY || r->state == REPLICA_UNHEALTHY);
}

/* Control listens to what is said after it has told what it means to. */
static bool has_heard(const struct sim_replica *fake, const struct fleet_deployment *d)
{
    return fake && !fake->awaited && sim_is(&fake->written, d->told_environment);
}

static bool unknown_to_fleet(struct sim *s, const struct fleet_replica *r, struct sim_replica *fake,
                             enum fleet_seen *ret_seen)
{
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, r->deployment);

    bool is_told = d && has_heard(fake, d);

    if (!fake || fake->life == LIFE_DEAD) {
        *ret_seen = SEEN_GONE;
        return r->state != REPLICA_GONE && (fake || r->state != REPLICA_PENDING);
    }
    if (fake->life == LIFE_STARTING) {
        *ret_seen = SEEN_STARTED;
        return r->state == REPLICA_PENDING;
    }
    *ret_seen = fake->life == LIFE_READY ? SEEN_READY : SEEN_NOT_READY;
    return r->state < REPLICA_STOPPING &&
           (is_news_of_readiness(r, fake, is_told && sim_is(&fake->knows, d->told_environment)) ||
            (fake->life == LIFE_READY && is_told && !sim_is(&fake->knows, r->environment)));
}

static bool report_replica(struct sim *s)
{
    struct fleet_replica *chosen = NULL;
    enum fleet_seen seen = SEEN_GONE, one;
    uint32_t n = 0;

    for (struct fleet_replica *r = fleet_first_replica(s->fleet); r;
         r = fleet_next_replica(s->fleet, r)) {
        int plane = index_of(r->plane);

        /* Control itself says what has become of replicas whose plane is no more. */
        if (plane < 0 || (s->planes[plane].exists && !s->planes[plane].available) ||
            !unknown_to_fleet(s, r, planes_find(s, r->id), &one) || !sim_chance(s, ++n))
            continue;
        chosen = r;
        seen = one;
    }
    if (!chosen)
        return false;
    sim_note(s, "replica %.*s of %.*s is seen %s", STR_ARG(chosen->id), STR_ARG(chosen->deployment),
             (const char *[]){"started", "ready", "not ready", "gone"}[seen]);
    if (seen == SEEN_NOT_READY || seen == SEEN_GONE)
        sim_excuse(s, chosen->deployment);
    const struct fleet_deployment *d = fleet_find_deployment(s->fleet, chosen->deployment);
    const struct sim_replica *fake = planes_find(s, chosen->id);
    if (seen == SEEN_READY && d && has_heard(fake, d))
        fleet_observe_environment(s->fleet, chosen->id, sim_str(&fake->knows));
    fleet_observe_replica(s->fleet, &s->world, chosen->id, seen,
                          seen == SEEN_GONE ? STR("exit 1") : STR_NULL);
    return true;
}

/* A build that control forgot about, or that is told, is over. */
static bool report_build(struct sim *s)
{
    for (size_t i = 0; i < s->n_builds; i++) {
        struct sim_build b = s->builds[i];
        const struct fleet_deployment *d = fleet_find_deployment(s->fleet, sim_str(&b.deployment));

        if (s->world.now_ns < b.done_ns)
            continue;
        if (!d || d->built || sim_chance(s, 3)) {
            s->builds[i] = s->builds[--s->n_builds];
            continue;
        }
        sim_note(s, "deployment %.*s: build %s", (int)b.deployment.n, b.deployment.p,
                 b.fails ? "fails" : "is done");
        fleet_observe_build(s->fleet, &s->world, d->id, b.fails ? "no such package" : NULL);
        return true;
    }
    return false;
}

bool planes_report(struct sim *s)
{
    if (sim_chance(s, 3))
        return report_build(s) || report_replica(s);
    return report_replica(s) || report_build(s);
}

void planes_report_late(struct sim *s)
{
    const struct fleet_replica *r = (struct fleet_replica *)sim_some(s, FLEET_REPLICA);

    if (!r || r->state < REPLICA_STOPPING)
        return;
    fleet_observe_replica(s->fleet, &s->world, r->id, (enum fleet_seen)sim_below(s, 3), STR_NULL);
    fleet_observe_replica(s->fleet, &s->world, STR("nobody"), SEEN_GONE, STR_NULL);
}

void planes_adopt(struct sim *s)
{
    for (size_t i = s->n_replicas; i-- > 0;) {
        const struct fleet_replica *r = fleet_find_replica(s->fleet, sim_str(&s->replicas[i].id));

        if (!r || r->state == REPLICA_GONE || s->replicas[i].life == LIFE_DEAD)
            drop(s, i);
    }
    s->n_builds = 0;
}

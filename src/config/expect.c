#include "config/expect.h"

#include "base/map.h"
#include "base/mem.h"
#include "catalog/eligible.h"
#include "config/sentence.h"

enum { SHOWN_REGIONS = 6 };

/* Rules get indexes of this run only. */
struct local_rules {
    struct arena arena;
    struct map indexes; /* canonical → uint32_t */
    uint32_t n;
};

struct expectations {
    const struct config *config;
    struct local_rules rules;
    struct catalog *catalog;
    struct customers *customers;
    struct catalog_key
        plain_key; /* no rule, not bound: a request that only customers' rules bind */
};

struct judge {
    const struct expectations *all;
    const struct sentence *sentence;
    struct arena *arena;
    str why;
};

/* --- the catalog */

static uint32_t intern(void *ctx, str canonical)
{
    struct local_rules *rules = ctx;
    uint32_t *index = map_get(&rules->indexes, canonical);

    if (!index) {
        index = arena_alloc(&rules->arena, sizeof(*index));
        *index = rules->n++;
        map_put(&rules->indexes, arena_copy(&rules->arena, canonical), index);
    }
    return *index;
}

static void add_customers(struct expectations *e)
{
    for (size_t i = 0; i < e->config->n_customers; i++) {
        const struct config_customer *from = &e->config->customers[i];
        struct customer customer = {
            .id = customer_digest(&e->catalog->customer_key, from->id),
            .rule = from->rule.p ? intern(&e->rules, from->rule) : (uint32_t)CUSTOMER_RULE_NONE,
            .flags = from->blocked ? CUSTOMER_BLOCKED : 0,
        };

        customers_put(e->customers, &customer);
        customers_seal(e->customers);
        customers_reclaim(e->customers);
    }
}

struct expectations *expectations_new(const struct config *config, struct diagnostics *diagnostics)
{
    struct expectations *e = mem_zalloc(sizeof(*e));
    struct config_build build = {
        .revision = 1,
        .installation = STR("check"),
        .rules = {intern, &e->rules},
        .master_key = config->master_key,
    };

    e->config = config;
    e->plain_key = (struct catalog_key){.name = STR("any key"), .rule = CATALOG_NONE};
    e->customers = customers_new();
    arena_init(&e->rules.arena, NULL, 0);
    map_init(&e->rules.indexes);
    e->catalog = config_build_catalog(config, &build, diagnostics);
    if (!e->catalog) {
        expectations_free(e);
        return NULL;
    }
    add_customers(e);
    return e;
}

void expectations_free(struct expectations *e)
{
    if (!e)
        return;
    if (e->catalog)
        catalog_free(e->catalog);
    customers_free(e->customers);
    map_deinit(&e->rules.indexes);
    arena_deinit(&e->rules.arena);
    mem_free(e);
}

const struct catalog *expectations_catalog(const struct expectations *e)
{
    return e->catalog;
}

const struct customers *expectations_customers(const struct expectations *e)
{
    return e->customers;
}

/* --- judging a permit */

static bool breaks(struct judge *j, str who, const char *what, const struct region_set *set)
{
    struct buf b;

    buf_init(&b, 0);
    buf_printf(&b, "%.*s %s ", STR_ARG(who), what);
    region_set_describe(j->all->config->regions, set, SHOWN_REGIONS, &b);
    j->why = arena_copy(j->arena, buf_str(&b));
    buf_deinit(&b);
    return false;
}

static bool judge_regions(struct judge *j, str who, const struct permit *permit)
{
    const struct sentence *s = j->sentence;
    struct region_set set;

    switch (s->verb) {
    case VERB_NEVER:
        set = region_set_and(&permit->set, &s->place);
        return region_set_is_empty(&set) || breaks(j, who, "may use", &set);
    case VERB_ONLY:
        set = region_set_minus(&permit->set, &s->place);
        return region_set_is_empty(&set) || breaks(j, who, "may use", &set);
    default:
        set = region_set_minus(&s->place, &permit->set);
        return region_set_is_empty(&set) || breaks(j, who, "may not use", &set);
    }
}

/* Whether an endpoint that the permit lets in breaks `never` or `only`. An unknown place may be
 * any. */
static bool endpoint_breaks(const struct judge *j, const struct catalog_endpoint *e)
{
    const struct sentence *s = j->sentence;
    unsigned unknown = region_unknown_bit(j->all->catalog->regions);
    struct region_set common = region_set_and(&e->place, &s->place);

    if (s->verb == VERB_ONLY)
        return !region_set_within(&e->place, &s->place);
    return !region_set_is_empty(&common) || region_set_has(&e->place, unknown);
}

/* True where this endpoint settles the sentence: it breaks never or only, or fulfils may. */
static bool endpoint_settles(const struct judge *j, const struct permit *permit,
                             const struct catalog_endpoint *e)
{
    if (j->sentence->verb == VERB_MAY)
        return catalog_eligible(j->all->catalog, permit, e) == ELIGIBLE &&
               region_set_within(&e->place, &j->sentence->place);
    return permit_allows(permit, &e->place) && endpoint_breaks(j, e);
}

static const struct catalog_endpoint *
find_settling(const struct judge *j, const struct permit *permit, const struct catalog_group *group)
{
    for (size_t i = 0; i < group->n_endpoints; i++) {
        const struct catalog_endpoint *e = &j->all->catalog->endpoints[group->endpoints[i]];

        if (endpoint_settles(j, permit, e))
            return e;
    }
    return NULL;
}

static bool judge_endpoints(struct judge *j, str who, const struct permit *permit)
{
    const struct catalog_group *group = j->sentence->group;
    const struct catalog_endpoint *e = find_settling(j, permit, group);

    for (size_t i = 0; !e && i < group->n_fallbacks; i++)
        e = find_settling(j, permit, &j->all->catalog->groups[group->fallbacks[i]]);
    if (j->sentence->verb == VERB_MAY) {
        if (!e)
            j->why = arena_printf(j->arena, "%.*s has no endpoint of %.*s in %.*s", STR_ARG(who),
                                  STR_ARG(group->name), STR_ARG(j->sentence->place_name));
        return e != NULL;
    }
    if (e)
        j->why = arena_printf(
            j->arena, "%.*s may use the endpoint %.*s in %.*s", STR_ARG(who), STR_ARG(e->id),
            STR_ARG(e->region_name.n ? e->region_name : STR("an unknown region")));
    return e == NULL;
}

static bool judge_permit(struct judge *j, str who, const struct permit *permit)
{
    return j->sentence->group ? judge_endpoints(j, who, permit) : judge_regions(j, who, permit);
}

/* --- whose permit */

static bool judge_request(struct judge *j, str who, const struct policy_request *request)
{
    const struct expectations *all = j->all;
    struct permit permit;
    str subject;

    if (policy_permit(all->catalog, all->customers, request, &permit, &subject) == POLICY_PERMITTED)
        return judge_permit(j, who, &permit);
    if (j->sentence->verb == VERB_MAY)
        j->why = arena_printf(j->arena, "%.*s is refused as a whole", STR_ARG(who));
    return j->sentence->verb != VERB_MAY;
}

static bool judge_named(struct judge *j)
{
    const struct sentence *s = j->sentence;
    struct policy_request request = {.key = s->key ? s->key : &j->all->plain_key};
    str who = s->n_customers ? s->customers[0] : s->key ? s->key->name : STR("the request");

    for (size_t i = 0; i < s->n_customers; i++)
        (void)policy_add_customer(&request, j->all->catalog, s->customers[i]);
    return judge_request(j, who, &request);
}

static bool judge_organization(struct judge *j)
{
    const struct catalog *c = j->all->catalog;
    struct permit permit;

    permit_init(&permit, c->regions, c->revision);
    if (c->organization_rule != CATALOG_NONE)
        permit_narrow(&permit, PERMIT_ORGANIZATION, STR("organization"),
                      c->rules[c->organization_rule].text,
                      &c->rules[c->organization_rule].compiled);
    return judge_permit(j, STR("the organization"), &permit);
}

/* Keys only narrow, and one without a rule can be made any time: so none is assumed. */
static bool judge_anyone(struct judge *j)
{
    const struct config *config = j->all->config;
    struct policy_request nobody = {.key =
                                        j->sentence->key ? j->sentence->key : &j->all->plain_key};

    if (!judge_request(j, STR("a request without a customer"), &nobody))
        return false;
    for (size_t i = 0; i < config->n_customers; i++) {
        struct policy_request request = nobody;

        (void)policy_add_customer(&request, j->all->catalog, config->customers[i].id);
        if (!judge_request(j, config->customers[i].id, &request))
            return false;
    }
    return true;
}

enum expectation expectations_check(const struct expectations *e, str sentence, struct arena *arena,
                                    str *ret_why)
{
    struct sentence s;
    struct judge j = {.all = e, .sentence = &s, .arena = arena, .why = STR("")};
    bool holds;

    if (!sentence_read(sentence, e->config, e->catalog, arena, &s, ret_why))
        return EXPECTATION_MALFORMED;
    if (s.subject == SUBJECT_ORGANIZATION)
        holds = judge_organization(&j);
    else
        holds = s.subject == SUBJECT_ANYONE ? judge_anyone(&j) : judge_named(&j);
    *ret_why = holds ? STR("") : j.why;
    return holds ? EXPECTATION_HOLDS : EXPECTATION_FAILS;
}

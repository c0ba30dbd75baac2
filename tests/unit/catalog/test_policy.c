/* From who asks to where it may go: every way in which rules of four levels come together. */

#include "catalog/policy.h"
#include "unit/catalog/fixture.h"

enum { RULE_EU, RULE_NORDICS, RULE_US, RULE_FR, RULE_DORA, RULE_OTHER_DORA, RULE_MISSING };

struct world {
    struct catalog *c;
    struct customers *customers;
    struct catalog_key *key;
};

static struct world world_new(void)
{
    struct world w = {.c = bare_catalog(), .customers = customers_new()};

    set_rule(w.c, RULE_EU, "allow=eu");
    set_rule(w.c, RULE_NORDICS, "allow=nordics");
    set_rule(w.c, RULE_US, "allow=us");
    set_rule(w.c, RULE_FR, "allow=fr");
    set_rule(w.c, RULE_DORA, "primary=atnorth-sto-1;secondary=scaleway-par-1");
    set_rule(w.c, RULE_OTHER_DORA, "primary=scaleway-par-1;secondary=atnorth-sto-1");
    w.key = add_key(w.c, "key_1", CATALOG_NONE);
    return w;
}

static void world_free(struct world *w)
{
    customers_free(w->customers);
    catalog_free(w->c);
}

static void know(struct world *w, const char *id, uint32_t rule, uint32_t flags)
{
    struct customer customer = {customer_digest(&w->c->customer_key, str_of(id)), rule, flags};

    customers_put(w->customers, &customer);
}

static void bind_key(struct world *w, const char *id)
{
    w->key->bound = true;
    w->key->customer_id = str_of(id);
    w->key->customer = customer_digest(&w->c->customer_key, str_of(id));
}

struct answer {
    enum policy_outcome outcome;
    struct permit permit;
    str subject;
};

/* `ids` is the customers that the request names, parted by blanks. */
static struct answer ask(const struct world *w, const char *ids, const char *region)
{
    struct policy_request request = {.key = w->key, .region = str_of(region)};
    struct answer a;

    for (str rest = str_of(ids), id; (id = str_cut(&rest, ' ')).n;)
        CHECK(policy_add_customer(&request, w->c, id));
    a.outcome = policy_permit(w->c, w->customers, &request, &a.permit, &a.subject);
    return a;
}

static bool may_use(const struct answer *a, const char *name)
{
    struct region_set place = region_set_none();

    if (!name)
        region_set_add(&place, region_unknown_bit(a->permit.catalogue));
    else
        CHECK(region_resolve(a->permit.catalogue, str_of(name), &place));
    return permit_allows(&a->permit, &place);
}

/* Permitted, and exactly so: `in` may be used and `out` may not (names parted by blanks). */
static void expect_permit(const struct answer *a, const char *in, const char *out)
{
    char name[REGION_CODE_MAX + 1];

    CHECK_INT(a->outcome, POLICY_PERMITTED);
    for (int inside = 0; inside < 2; inside++)
        for (str rest = str_of(inside ? in : out), s; (s = str_cut(&rest, ' ')).n;) {
            snprintf(name, sizeof(name), "%.*s", STR_ARG(s));
            if (may_use(a, name) != (inside == 1))
                printf("  %s\n", name);
            CHECK(may_use(a, name) == (inside == 1));
        }
}

static void expect_refusal(const struct answer *a, enum policy_outcome outcome, const char *subject)
{
    CHECK_INT(a->outcome, outcome);
    CHECK_STR(a->subject, subject);
}

static void without_any_rule_everything_is_allowed(void)
{
    struct world w = world_new();
    struct answer a = ask(&w, "", "");

    expect_permit(&a, "world FR us", "");
    CHECK(may_use(&a, NULL) && !a.permit.restricted && a.permit.n_steps == 0);
    CHECK_INT(a.permit.revision, w.c->revision);
    CHECK(a.subject.n == 0);
    world_free(&w);
}

static void the_organization_narrows_everybody(void)
{
    struct world w = world_new();

    w.c->organization_rule = RULE_EU;
    struct answer a = ask(&w, "", "");
    expect_permit(&a, "SE FR scaleway-par-1", "us NO world");
    CHECK(!may_use(&a, NULL) && a.permit.restricted);
    CHECK_INT(a.permit.steps[0].source, PERMIT_ORGANIZATION);
    CHECK_STR(a.permit.steps[0].rule, "allow=eu");
    world_free(&w);
}

static void organization_customer_key_and_request_intersect(void)
{
    static const enum permit_source order[] = {PERMIT_ORGANIZATION, PERMIT_CUSTOMER, PERMIT_KEY,
                                               PERMIT_REQUEST};
    struct world w = world_new();

    w.c->organization_rule = RULE_EU;
    w.key->rule = RULE_NORDICS;
    know(&w, "shop", RULE_EU, 0);
    struct answer a = ask(&w, "shop", "SE");
    expect_permit(&a, "SE atnorth-sto-1", "FI NO FR");
    CHECK_INT(a.permit.n_steps, COUNT_OF(order));
    for (size_t i = 0; i < COUNT_OF(order); i++)
        CHECK_INT(a.permit.steps[i].source, order[i]);
    CHECK_STR(a.permit.steps[1].name, "shop");
    CHECK_STR(a.permit.steps[2].name, "key_1");
    a = ask(&w, "shop", "");
    expect_permit(&a, "SE FI DK", "NO IS FR");
    world_free(&w);
}

/* What leaves nothing is permitted by name and lets nothing pass: the refusal says which rule. */
static void rules_that_contradict_leave_nothing(void)
{
    struct world w = world_new();

    w.c->organization_rule = RULE_EU;
    w.key->rule = RULE_US;
    struct answer a = ask(&w, "", "");
    expect_permit(&a, "", "FR us world");
    CHECK(region_set_is_empty(&a.permit.set));
    world_free(&w);
}

/* A missing rule is no licence. Index 6 is a gap, 999 lies outside of the table. */
static void a_rule_that_is_missing_leaves_nothing(void)
{
    static const uint32_t missing[] = {RULE_MISSING, FIXTURE_RULES, 999};

    for (size_t i = 0; i < COUNT_OF(missing); i++)
        for (int where = 0; where < 4; where++) {
            struct world w = world_new();

            if (where == 0)
                w.c->organization_rule = missing[i];
            else if (where == 1)
                w.key->rule = missing[i];
            else if (where == 2)
                w.c->default_customer_rule = missing[i];
            else
                know(&w, "shop", missing[i], 0);
            struct answer a = ask(&w, where == 3 ? "shop" : "", "");
            expect_permit(&a, "", "FR world");
            CHECK(region_set_is_empty(&a.permit.set) && !may_use(&a, NULL));
            CHECK_INT(a.permit.primary, REGION_NONE);
            world_free(&w);
        }
}

static void an_unknown_customer_is_refused_once_any_has_a_rule(void)
{
    struct world w = world_new();
    struct answer a = ask(&w, "stranger", "");

    expect_permit(&a, "world", ""); /* nobody has a rule */
    know(&w, "free", CUSTOMER_RULE_NONE, 0);
    a = ask(&w, "stranger", "");
    expect_permit(&a, "world", ""); /* to be known is no rule */
    know(&w, "shop", RULE_EU, 0);
    a = ask(&w, "stranger", "");
    expect_refusal(&a, POLICY_UNKNOWN_CUSTOMER, "stranger");
    a = ask(&w, "", "");
    expect_refusal(&a, POLICY_UNKNOWN_CUSTOMER, ""); /* nor may a request leave its customer out */
    a = ask(&w, "free", "");
    expect_permit(&a, "world", "");
    CHECK(may_use(&a, NULL));
    CHECK(customers_remove(w.customers, customer_digest(&w.c->customer_key, STR("shop"))));
    a = ask(&w, "stranger", "");
    expect_permit(&a, "world", "");
    world_free(&w);
}

static void the_default_rule_is_for_those_that_nobody_knows(void)
{
    struct world w = world_new();

    w.c->default_customer_rule = RULE_FR;
    know(&w, "free", CUSTOMER_RULE_NONE, 0);
    know(&w, "shop", RULE_EU, 0);
    struct answer a = ask(&w, "stranger", "");
    expect_permit(&a, "FR scaleway-par-1", "SE us");
    CHECK_STR(a.permit.steps[0].name, "stranger");
    a = ask(&w, "", "");
    expect_permit(&a, "FR", "SE");
    CHECK_STR(a.permit.steps[0].name, "default_customer_rule");
    a = ask(&w, "shop", "");
    expect_permit(&a, "FR SE", "us");
    a = ask(&w, "free", "");
    expect_permit(&a, "us FR", "");
    a = ask(&w, "shop stranger", "");
    expect_permit(&a, "FR", "SE");
    world_free(&w);
}

static void every_customer_that_is_named_counts(void)
{
    struct world w = world_new();

    know(&w, "shop", RULE_EU, 0);
    know(&w, "north", RULE_NORDICS, 0);
    know(&w, "bad", CUSTOMER_RULE_NONE, CUSTOMER_BLOCKED);
    struct answer a = ask(&w, "shop north", "");
    expect_permit(&a, "SE", "NO FR");
    a = ask(&w, "north shop", "");
    expect_permit(&a, "SE", "NO FR");
    a = ask(&w, "shop stranger", "");
    expect_refusal(&a, POLICY_UNKNOWN_CUSTOMER, "stranger");
    a = ask(&w, "shop bad north", "");
    expect_refusal(&a, POLICY_CUSTOMER_BLOCKED, "bad");
    world_free(&w);
}

static void a_blocked_customer_is_refused_whatever_its_rule(void)
{
    struct world w = world_new();

    know(&w, "bad", RULE_EU, CUSTOMER_BLOCKED);
    struct answer a = ask(&w, "bad", "");
    expect_refusal(&a, POLICY_CUSTOMER_BLOCKED, "bad");
    a = ask(&w, "bad", "nowhere"); /* before the request's own mistakes */
    expect_refusal(&a, POLICY_CUSTOMER_BLOCKED, "bad");
    know(&w, "bad", RULE_EU, 0);
    a = ask(&w, "bad", "");
    expect_permit(&a, "SE", "us");
    world_free(&w);
}

/* A bound key speaks for its customer; what else the request names can only narrow. */
static void a_bound_key_brings_its_customer(void)
{
    struct world w = world_new();

    know(&w, "shop", RULE_EU, 0);
    know(&w, "north", RULE_NORDICS, 0);
    bind_key(&w, "shop");
    struct answer a = ask(&w, "", "");
    expect_permit(&a, "SE FR", "us");
    CHECK_STR(a.permit.steps[0].name, "shop");
    a = ask(&w, "stranger", "");
    expect_permit(&a, "SE FR", "us");
    a = ask(&w, "north", "");
    expect_permit(&a, "SE", "FR NO");
    know(&w, "north", CUSTOMER_RULE_NONE, CUSTOMER_BLOCKED);
    a = ask(&w, "north", "");
    expect_refusal(&a, POLICY_CUSTOMER_BLOCKED, "north");
    know(&w, "shop", RULE_EU, CUSTOMER_BLOCKED);
    a = ask(&w, "", "");
    expect_refusal(&a, POLICY_CUSTOMER_BLOCKED, "shop");
    world_free(&w);
}

static void a_bound_key_without_its_customer_is_refused(void)
{
    struct world w = world_new();

    bind_key(&w, "shop");
    struct answer a = ask(&w, "", "");
    expect_refusal(&a, POLICY_UNKNOWN_CUSTOMER, "shop"); /* though nobody has a rule */
    w.c->default_customer_rule = RULE_EU;
    know(&w, "north", RULE_NORDICS, 0);
    a = ask(&w, "north", "");
    expect_refusal(&a, POLICY_UNKNOWN_CUSTOMER, "shop"); /* and another one is no substitute */
    world_free(&w);
}

static void the_request_pins_a_region_or_narrows_to_a_zone(void)
{
    struct world w = world_new();

    w.key->rule = RULE_EU;
    struct answer a = ask(&w, "", "scaleway-par-1");
    expect_permit(&a, "scaleway-par-1", "ovh-gra-1 FR");
    CHECK_INT(a.permit.pin, region_named(w.c, "scaleway-par-1"));
    a = ask(&w, "", "nordics");
    expect_permit(&a, "SE", "NO FR");
    CHECK_INT(a.permit.pin, REGION_NONE);
    a = ask(&w, "", "us"); /* it asks for what it may not have: nothing is left */
    expect_permit(&a, "", "us FR");
    a = ask(&w, "", "atlantis");
    expect_refusal(&a, POLICY_UNKNOWN_REGION, "atlantis");
    world_free(&w);
}

static void primary_and_secondary_stay_in_their_order(void)
{
    struct world w = world_new();

    know(&w, "bank", RULE_DORA, 0);
    struct answer a = ask(&w, "bank", "");
    expect_permit(&a, "atnorth-sto-1 scaleway-par-1", "ovh-gra-1 SE FR");
    CHECK_INT(a.permit.primary, region_named(w.c, "atnorth-sto-1"));
    CHECK_INT(a.permit.secondary, region_named(w.c, "scaleway-par-1"));
    w.key->rule = RULE_OTHER_DORA; /* the order of the first rule stays */
    a = ask(&w, "bank", "");
    expect_permit(&a, "atnorth-sto-1 scaleway-par-1", "ovh-gra-1");
    CHECK_INT(a.permit.primary, region_named(w.c, "atnorth-sto-1"));
    CHECK_INT(a.permit.secondary, region_named(w.c, "scaleway-par-1"));
    w.key->rule = RULE_FR;
    a = ask(&w, "bank", "");
    expect_permit(&a, "scaleway-par-1", "atnorth-sto-1");
    CHECK_INT(a.permit.primary, region_named(w.c, "atnorth-sto-1"));
    world_free(&w);
}

static void customers_are_named_once_and_not_too_often(void)
{
    struct world w = world_new();
    struct policy_request request = {.key = w.key};
    char ids[POLICY_MAX_CUSTOMER_IDS][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};

    for (size_t i = 0; i < POLICY_MAX_CUSTOMER_IDS; i++) {
        CHECK(policy_add_customer(&request, w.c, str_of(ids[i])));
        CHECK(policy_add_customer(&request, w.c, str_of(ids[0])));
        CHECK_INT(request.n_customer_ids, i + 1);
    }
    CHECK(!policy_add_customer(&request, w.c, STR("i")));
    CHECK_INT(request.n_customer_ids, POLICY_MAX_CUSTOMER_IDS);
    CHECK(policy_add_customer(&request, w.c, STR("h")));
    CHECK_STR(request.customer_ids[7], "h");
    world_free(&w);
}

int main(void)
{
    RUN(without_any_rule_everything_is_allowed);
    RUN(the_organization_narrows_everybody);
    RUN(organization_customer_key_and_request_intersect);
    RUN(rules_that_contradict_leave_nothing);
    RUN(a_rule_that_is_missing_leaves_nothing);
    RUN(an_unknown_customer_is_refused_once_any_has_a_rule);
    RUN(the_default_rule_is_for_those_that_nobody_knows);
    RUN(every_customer_that_is_named_counts);
    RUN(a_blocked_customer_is_refused_whatever_its_rule);
    RUN(a_bound_key_brings_its_customer);
    RUN(a_bound_key_without_its_customer_is_refused);
    RUN(the_request_pins_a_region_or_narrows_to_a_zone);
    RUN(primary_and_secondary_stay_in_their_order);
    RUN(customers_are_named_once_and_not_too_often);
    return test_end();
}

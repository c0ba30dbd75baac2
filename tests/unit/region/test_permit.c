#include "fixture.h"

static struct region_rule_compiled rule_allowing(const struct region_catalogue *c, const char *name)
{
    struct region_rule_compiled out = {.primary = REGION_NONE, .secondary = REGION_NONE};

    out.inference = out.transit = resolved(c, name);
    return out;
}

static struct region_set unknown_place(const struct region_catalogue *c)
{
    struct region_set place = region_set_none();

    region_set_add(&place, region_unknown_bit(c));
    return place;
}

static void test_no_rule_allows_everything(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_set unknown = unknown_place(c), world = resolved(c, "world");
    struct region_set nowhere = region_set_none();
    struct permit p;

    permit_init(&p, c, 9);
    CHECK(permit_allows(&p, &unknown) && permit_allows(&p, &world));
    CHECK(!permit_allows(&p, &nowhere)); /* an empty set never passes */
    CHECK(!p.restricted && p.n_steps == 0 && p.revision == 9 && p.catalogue == c);
    CHECK(p.pin == REGION_NONE && p.primary == REGION_NONE && p.secondary == REGION_NONE);
    CHECK(!permit_blocker(&p, &world));
    region_catalogue_unref(c);
}

/* Even a rule that names the whole world lets no unknown place pass. */
static void test_any_rule_refuses_the_unknown(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_set unknown = unknown_place(c), world = resolved(c, "global");
    struct region_rule_compiled all = rule_allowing(c, "world");
    struct permit p;

    permit_init(&p, c, 1);
    permit_narrow(&p, PERMIT_KEY, STR("k"), STR("allow=world"), &all);
    CHECK(p.restricted && !permit_allows(&p, &unknown) && permit_allows(&p, &world));
    permit_init(&p, c, 1);
    CHECK(permit_narrow_by_request(&p, STR("world")));
    CHECK(p.restricted && !permit_allows(&p, &unknown));
    region_catalogue_unref(c);
}

static void test_rules_intersect(void)
{
    static const struct {
        const char *first, *second, *in, *out;
    } cases[] = {
        {"eu", "nordics", "SE DK FI atnorth-sto-1", "IS NO FR"},
        {"eea", "efta", "IS LI NO", "CH FR"},
        {"eu", "us", "", "FR US"},
        {"europe", "eu", "FR datazone-eu", "GB bedrock-eu europe"},
        {"FR", "scaleway-par-1", "scaleway-par-1", "FR ovh-gra-1"},
        {"world", "bedrock-eu", "GB CH FR bedrock-eu", "IS world"},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region_rule_compiled first = rule_allowing(c, cases[i].first);
        struct region_rule_compiled second = rule_allowing(c, cases[i].second);
        struct region_set place;
        struct permit p;

        permit_init(&p, c, 1);
        permit_narrow(&p, PERMIT_ORGANIZATION, STR(""), STR("first"), &first);
        permit_narrow(&p, PERMIT_CUSTOMER, STR("c"), STR("second"), &second);
        for (str rest = str_of(cases[i].in), name; (name = str_cut(&rest, ' ')).n;) {
            CHECK(region_resolve(c, name, &place));
            CHECK(permit_allows(&p, &place));
            CHECK(!permit_blocker(&p, &place));
        }
        for (str rest = str_of(cases[i].out), name; (name = str_cut(&rest, ' ')).n;) {
            CHECK(region_resolve(c, name, &place));
            CHECK(!permit_allows(&p, &place));
            CHECK(permit_blocker(&p, &place));
        }
    }
    region_catalogue_unref(c);
}

static void test_pins(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_set gra = resolved(c, "ovh-gra-1"), rbx = resolved(c, "ovh-rbx-1");
    struct permit p;

    permit_init(&p, c, 1);
    CHECK(permit_narrow_by_request(&p, STR("OVH-GRA-1")));
    CHECK_INT(p.pin, region_find(c, STR("ovh-gra-1")));
    CHECK(permit_allows(&p, &gra) && !permit_allows(&p, &rbx));

    permit_init(&p, c, 1);
    CHECK(permit_narrow_by_request(&p, STR("fr"))); /* narrows, does not pin */
    CHECK_INT(p.pin, REGION_NONE);
    CHECK(permit_allows(&p, &gra) && permit_allows(&p, &rbx));

    struct permit before = p;
    CHECK(!permit_narrow_by_request(&p, STR("frnace")));
    CHECK(!permit_narrow_by_request(&p, STR("")));
    CHECK(region_set_equal(&p.set, &before.set) && p.n_steps == before.n_steps);

    struct region_rule_compiled us = rule_allowing(c, "us");
    permit_init(&p, c, 1);
    permit_narrow(&p, PERMIT_CUSTOMER, STR("c"), STR("allow=us"), &us);
    CHECK(permit_narrow_by_request(&p, STR("ovh-gra-1")));
    CHECK(!permit_allows(&p, &gra)); /* a pin never widens */
    CHECK(region_set_is_empty(&p.set));
    region_catalogue_unref(c);
}

static void test_primary_order_of_the_first_rule_stays(void)
{
    struct region_catalogue *c = builtin_catalogue();
    unsigned gra = region_find(c, STR("ovh-gra-1")), rbx = region_find(c, STR("ovh-rbx-1"));
    struct region_rule_compiled one = {.primary = (uint16_t)gra, .secondary = (uint16_t)rbx};
    struct region_rule_compiled two = {.primary = (uint16_t)rbx, .secondary = REGION_NONE};
    struct region_rule_compiled eu = rule_allowing(c, "eu");
    struct permit p;

    region_set_add(&one.inference, gra);
    region_set_add(&one.inference, rbx);
    region_set_add(&two.inference, rbx);
    permit_init(&p, c, 1);
    permit_narrow(&p, PERMIT_ORGANIZATION, STR(""), STR("allow=eu"), &eu);
    permit_narrow(&p, PERMIT_CUSTOMER, STR("c"), STR("one"), &one);
    permit_narrow(&p, PERMIT_KEY, STR("k"), STR("two"), &two);
    CHECK_INT(p.primary, gra);
    CHECK_INT(p.secondary, rbx);
    CHECK_INT(region_set_count(&p.set), 1);
    CHECK(region_set_has(&p.set, rbx));
    region_catalogue_unref(c);
}

static void test_blocker_is_the_first_that_excludes(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled eea = rule_allowing(c, "eea"), eu = rule_allowing(c, "eu");
    struct region_rule_compiled nordics = rule_allowing(c, "nordics");
    struct region_set is = resolved(c, "is"), us = resolved(c, "us"), fr = resolved(c, "fr");
    struct region_set se = resolved(c, "se"), both = region_set_or(&is, &fr);
    struct permit p;

    permit_init(&p, c, 1);
    permit_narrow(&p, PERMIT_ORGANIZATION, STR(""), STR("allow=eea"), &eea);
    permit_narrow(&p, PERMIT_CUSTOMER, STR("acme"), STR("allow=eu"), &eu);
    permit_narrow(&p, PERMIT_KEY, STR("k1"), STR("allow=nordics"), &nordics);
    CHECK_INT(permit_blocker(&p, &us)->source, PERMIT_ORGANIZATION);
    CHECK_STR(permit_blocker(&p, &is)->name, "acme");
    CHECK_STR(permit_blocker(&p, &fr)->rule, "allow=nordics");
    CHECK(!permit_blocker(&p, &se));
    CHECK_STR(permit_blocker(&p, &both)->name, "acme"); /* one member is enough */
    region_catalogue_unref(c);
}

/* More rules than can be told apart still all count. */
static void test_rules_beyond_the_list(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled eea = rule_allowing(c, "eea"), eu = rule_allowing(c, "eu");
    struct region_set is = resolved(c, "is"), fr = resolved(c, "fr");
    struct permit p;

    permit_init(&p, c, 1);
    for (int i = 0; i < PERMIT_MAX_STEPS; i++)
        permit_narrow(&p, PERMIT_CUSTOMER, STR("c"), STR("allow=eea"), &eea);
    CHECK(permit_allows(&p, &is));
    permit_narrow(&p, PERMIT_KEY, STR("k"), STR("allow=eu"), &eu);
    CHECK(!permit_allows(&p, &is) && permit_allows(&p, &fr));
    CHECK_INT(p.n_steps, PERMIT_MAX_STEPS);
    CHECK(permit_blocker(&p, &is));
    region_catalogue_unref(c);
}

static void test_narrowing_never_adds(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct prng r;

    prng_seed(&r, 8);
    for (int round = 0; round < 1000; round++) {
        struct permit p;
        struct arena arena;

        arena_init(&arena, NULL, 0);
        permit_init(&p, c, 1);
        for (uint64_t n = prng_below(&r, 20); n; n--) {
            struct region_set before = p.set;
            struct region_rule_compiled compiled;
            struct region_rule rule = random_rule(c, &r, &arena);
            str error;

            if (prng_below(&r, 6) == 0)
                CHECK(permit_narrow_by_request(&p, random_name(c, &r)));
            else if (!region_rule_compile(&rule, c, &arena, &compiled, &error))
                permit_narrow(&p, PERMIT_CUSTOMER, STR("c"), STR("r"), &compiled);
            struct region_set gained = region_set_minus(&p.set, &before);
            CHECK(region_set_is_empty(&gained));
        }
        CHECK(!p.restricted || !region_set_has(&p.set, region_unknown_bit(c)));
        /* What the permit allows no step blocks, and the other way round. */
        struct region_set place;
        CHECK(region_resolve(c, random_name(c, &r), &place));
        CHECK_INT(permit_allows(&p, &place), permit_blocker(&p, &place) == NULL);
        arena_deinit(&arena);
    }
    region_catalogue_unref(c);
}

static void test_explain(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled eea = rule_allowing(c, "eea"), eu = rule_allowing(c, "eu");
    struct permit p;
    struct buf text;

    buf_init(&text, 0);
    permit_init(&p, c, 1);
    permit_explain(&p, &text);
    CHECK_STR(buf_str(&text), "no region rule applies");
    buf_clear(&text);
    permit_narrow(&p, PERMIT_ORGANIZATION, STR(""), STR("allow=eea"), &eea);
    permit_narrow(&p, PERMIT_CUSTOMER, STR("acme"), STR("allow=eu"), &eu);
    CHECK(permit_narrow_by_request(&p, STR("atnorth-isl-1")));
    permit_explain(&p, &text);
    CHECK_STR(buf_str(&text), "organization (allow=eea) leaves eea; customer \"acme\" (allow=eu) "
                              "leaves eu; request (atnorth-isl-1) leaves nothing");
    buf_deinit(&text);
    CHECK_STR(permit_source_name(PERMIT_ENVIRONMENT_GROUP), "environment_group");
    CHECK_STR(permit_source_name(PERMIT_KEY), "key");
    region_catalogue_unref(c);
}

int main(void)
{
    RUN(test_no_rule_allows_everything);
    RUN(test_any_rule_refuses_the_unknown);
    RUN(test_rules_intersect);
    RUN(test_pins);
    RUN(test_primary_order_of_the_first_rule_stays);
    RUN(test_blocker_is_the_first_that_excludes);
    RUN(test_rules_beyond_the_list);
    RUN(test_narrowing_never_adds);
    RUN(test_explain);
    return test_end();
}

#include "fixture.h"

#include <errno.h>

enum { MAX_NAMES = 4 };

/* A rule as a table writes it: names with a space between them. */
struct written {
    const char *allow, *exclude, *transit, *primary, *secondary;
};

static const str *split(const char *names, size_t *ret_n, struct arena *arena)
{
    str *list = arena_alloc(arena, MAX_NAMES * sizeof(*list));
    size_t n = 0;

    for (str rest = str_of(names), name; (name = str_cut(&rest, ' ')).n;)
        list[n++] = name;
    *ret_n = n;
    return list;
}

static struct region_rule rule_of(const struct written *w, struct arena *arena)
{
    struct region_rule rule = {.primary = str_of(w->primary), .secondary = str_of(w->secondary)};

    rule.allow = split(w->allow, &rule.n_allow, arena);
    rule.exclude = split(w->exclude, &rule.n_exclude, arena);
    rule.transit = split(w->transit, &rule.n_transit, arena);
    return rule;
}

static struct region_rule_compiled compiled(const struct region_catalogue *c, struct written w)
{
    struct region_rule_compiled out = {.primary = 1};
    struct arena arena;
    str error = STR_NULL;

    arena_init(&arena, NULL, 0);
    struct region_rule rule = rule_of(&w, &arena);
    int r = region_rule_compile(&rule, c, &arena, &out, &error);
    if (r)
        printf("  %.*s\n", STR_ARG(error));
    arena_deinit(&arena);
    CHECK_INT(r, 0);
    return out;
}

static void test_what_rules_allow(void)
{
    static const struct {
        struct written rule;
        const char *in, *out; /* places that are wholly inside, places that are not */
    } cases[] = {
        {{.allow = "eu"},
         "eu FR de ovh-gra-1 datazone-eu",
         "eea IS GB uk CH NO US world europe bedrock-eu"},
        {{.allow = "EU"}, "FR aws-eu-west-1", "aws-eu-west-2 aws-eu-central-2 atnorth-isl-1"},
        {{.allow = "eea"}, "eu IS atnorth-isl-1", "CH GB azure-uksouth gcp-europe-west6"},
        {{.allow = "efta"}, "CH IS LI NO", "DE GB eu"},
        {{.allow = "uk"}, "GB gb azure-ukwest gcp-europe-west2", "IE JE eu"},
        {{.allow = "us"},
         "US datazone-us azure-eastus",
         "azure-australiaeast azure-austriaeast CA PR"},
        {{.allow = "eu uk ch"}, "bedrock-eu GB CH FR", "IS europe eea"},
        {{.allow = "europe"}, "eea-uk-ch bedrock-eu RU", "world US"},
        {{.allow = "eu", .exclude = "FR"}, "DE", "FR scaleway-par-1 ovh-gra-1 eu"},
        {{.allow = "eu", .exclude = "scaleway-par-1"}, "scaleway-par-2 DE", "scaleway-par-1 FR eu"},
        {{.exclude = "us"}, "eu CH CN", "US aws-us-east-1 datazone-us world"},
        {{.exclude = "FR"}, "DE US", "FR scaleway-par-1 eu"},
        {{.exclude = "fr"}, "DE", "FR"},
        {{.allow = "scaleway-par-1 scaleway-par-2"}, "scaleway-par-1", "FR ovh-gra-1"},
        {{.allow = "world", .exclude = "eu"}, "US GB", "FR eea"},
        {{0}, "world US FR", ""},
        {{.primary = "ovh-gra-1"}, "ovh-gra-1", "ovh-rbx-1 FR"},
        {{.primary = "ovh-gra-1", .secondary = "Ovh-RBX-1"}, "ovh-gra-1 ovh-rbx-1", "FR"},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region_rule_compiled rule = compiled(c, cases[i].rule);
        struct region_set place;

        CHECK(!region_set_has(&rule.inference, region_unknown_bit(c)));
        for (str rest = str_of(cases[i].in), name; (name = str_cut(&rest, ' ')).n;) {
            CHECK(region_resolve(c, name, &place));
            if (!region_set_within(&place, &rule.inference))
                printf("  case %zu: %.*s is out\n", i, STR_ARG(name));
            CHECK(region_set_within(&place, &rule.inference));
        }
        for (str rest = str_of(cases[i].out), name; (name = str_cut(&rest, ' ')).n;) {
            CHECK(region_resolve(c, name, &place));
            if (region_set_within(&place, &rule.inference))
                printf("  case %zu: %.*s is in\n", i, STR_ARG(name));
            CHECK(!region_set_within(&place, &rule.inference));
        }
    }
    region_catalogue_unref(c);
}

/* An exclusion of one region takes one bit: somewhere else in the country stays allowed, but an
 * endpoint that is declared only as "FR" could be in the excluded region, so it is out. */
static void test_exclusion_of_one_region(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled rule =
        compiled(c, (struct written){.allow = "FR", .exclude = "scaleway-par-1"});
    struct region_set france = resolved(c, "FR");

    CHECK_INT(region_set_count(&rule.inference), region_set_count(&france) - 1);
    CHECK(!region_set_within(&france, &rule.inference));
    CHECK(region_set_within(&rule.inference, &france));

    /* A region that is added later counts as well: the declared country may mean that one. */
    struct region_catalogue_builder *b = region_builder_new();
    struct region cellar = plain_row("home-cellar-1", "FR");
    const char *error;
    CHECK_INT(region_builder_put(b, &cellar, &error), 0);
    struct region_catalogue *bigger = region_builder_finish(b);
    struct region_set place = resolved(bigger, "FR");
    rule = compiled(bigger, (struct written){.allow = "FR", .exclude = "home-cellar-1"});
    CHECK(!region_set_within(&place, &rule.inference));
    rule = compiled(bigger, (struct written){.allow = "FR"});
    CHECK(region_set_within(&place, &rule.inference));
    CHECK(region_set_has(&rule.inference, region_find(bigger, STR("home-cellar-1"))));
    region_catalogue_unref(bigger);
    region_catalogue_unref(c);
}

static void test_transit(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled rule =
        compiled(c, (struct written){.allow = "eu", .transit = "CH"});
    struct region_set ch = resolved(c, "CH"), eu = resolved(c, "eu"), us = resolved(c, "us");

    CHECK(region_set_equal(&rule.inference, &eu));
    CHECK(region_set_within(&ch, &rule.transit) && region_set_within(&eu, &rule.transit));
    CHECK(!region_set_within(&us, &rule.transit));
    rule = compiled(c, (struct written){.allow = "eu"});
    CHECK(region_set_equal(&rule.inference, &rule.transit));
    rule = compiled(c, (struct written){.primary = "ovh-gra-1", .transit = "CH"});
    CHECK_INT(region_set_count(&rule.inference), 1);
    CHECK(region_set_within(&ch, &rule.transit));
    region_catalogue_unref(c);
}

static void test_primary_and_secondary(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled rule =
        compiled(c, (struct written){.primary = "ovh-gra-1", .secondary = "atnorth-sto-1"});

    CHECK_INT(rule.primary, region_find(c, STR("ovh-gra-1")));
    CHECK_INT(rule.secondary, region_find(c, STR("atnorth-sto-1")));
    CHECK_INT(region_set_count(&rule.inference), 2);
    rule = compiled(c, (struct written){.primary = "ovh-gra-1"});
    CHECK_INT(rule.secondary, REGION_NONE);
    rule = compiled(c, (struct written){.allow = "eu"});
    CHECK_INT(rule.primary, REGION_NONE);
    CHECK_INT(rule.secondary, REGION_NONE);
    region_catalogue_unref(c);
}

static void test_mistakes(void)
{
    static const struct {
        struct written rule;
        const char *error;
    } cases[] = {
        {{.allow = "eu frnace"},
         "allow: \"frnace\" is not a region, zone or country code; did you mean \"FR\"?"},
        {{.exclude = "el"},
         "exclude: \"el\" is not a region, zone or country code; did you mean \"GR\"?"},
        {{.transit = "eu-west-1"},
         "transit: \"eu-west-1\" is not a region, zone or country code; did "
         "you mean \"aws-eu-west-1\"?"},
        {{.allow = "zz"}, "allow: \"zz\" is not a region, zone or country code"},
        {{.allow = "unknown"}, "allow: \"unknown\" is not a region, zone or country code"},
        {{.primary = "eu"},
         "primary: \"eu\" names a zone or country; the code of one region is expected"},
        {{.primary = "ovh-gra1"},
         "primary: \"ovh-gra1\" is not the code of a region; did you mean \"ovh-gra-1\"?"},
        {{.primary = "ovh-gra-1", .secondary = "FR"},
         "secondary: \"FR\" names a zone or country; the code of one region is expected"},
        {{.primary = "ovh-gra-1", .secondary = "OVH-gra-1"},
         "secondary: \"OVH-gra-1\" is the primary region; another is expected"},
        {{.secondary = "ovh-gra-1"},
         "secondary: \"ovh-gra-1\" stands alone; primary is expected as well"},
        {{.primary = "ovh-gra-1", .allow = "eu"},
         "allow: \"eu\" stands beside primary, which replaces allow"},
        {{.primary = "ovh-gra-1", .exclude = "us"},
         "exclude: \"us\" stands beside primary, which replaces exclude"},
        {{.allow = "FR", .exclude = "eu"},
         "exclude: \"eu\" and what else is excluded leave no region "
         "of those allowed; at least one is expected"},
        {{.exclude = "world"},
         "exclude: \"world\" and what else is excluded leave no region of those "
         "allowed; at least one is expected"},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region_rule_compiled out = {.primary = 77};
        struct arena arena;
        str error = STR_NULL;

        arena_init(&arena, NULL, 0);
        struct region_rule rule = rule_of(&cases[i].rule, &arena);
        CHECK_INT(region_rule_compile(&rule, c, &arena, &out, &error), -EINVAL);
        CHECK_STR(error, cases[i].error);
        CHECK_INT(out.primary, 77); /* untouched */
        arena_deinit(&arena);
    }
    region_catalogue_unref(c);
}

static void test_hostile_names(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_rule_compiled out;
    struct arena arena;
    str error = STR_NULL;
    char *longest = mem_alloc(100000);
    str *many = mem_array(2000, sizeof(*many));

    arena_init(&arena, NULL, 0);
    memset(longest, 'x', 100000);
    const str names[] = {STR_INIT("e\0u"), STR_INIT(""), {longest, 100000}};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct region_rule rule = {.allow = &names[i], .n_allow = 1};
        CHECK_INT(region_rule_compile(&rule, c, &arena, &out, &error), -EINVAL);
        CHECK(error.n > 0 && error.n < 300);
    }
    for (size_t i = 0; i < 2000; i++)
        many[i] = STR("eu");
    struct region_rule rule = {.allow = many, .n_allow = 2000};
    CHECK_INT(region_rule_compile(&rule, c, &arena, &out, &error), -EINVAL);
    CHECK_STR(error, "allow: 2000 names; at most 1024 are expected");
    arena_deinit(&arena);
    mem_free(longest);
    mem_free(many);
    region_catalogue_unref(c);
}

static void test_compare(void)
{
    static const struct {
        struct written before, after;
        enum region_rule_change change;
    } cases[] = {
        {{.allow = "eu"}, {.allow = "EU"}, REGION_RULE_SAME},
        {{.allow = "eu"}, {.allow = "datazone-eu"}, REGION_RULE_SAME},
        {{.allow = "uk"}, {.allow = "GB"}, REGION_RULE_SAME},
        {{.allow = "eea"}, {.allow = "eu"}, REGION_RULE_NARROWED},
        {{.allow = "eu"}, {.allow = "eea"}, REGION_RULE_WIDENED},
        {{.allow = "eu"}, {.allow = "efta"}, REGION_RULE_WIDENED}, /* neither within the other */
        {{.allow = "eu"}, {.allow = "eu", .exclude = "FR"}, REGION_RULE_NARROWED},
        {{.allow = "eu", .exclude = "FR"}, {.allow = "eu"}, REGION_RULE_WIDENED},
        {{.allow = "eu", .exclude = "FR"}, {.allow = "eu", .exclude = "DE"}, REGION_RULE_WIDENED},
        {{.allow = "eu"}, {.allow = "eu", .transit = "CH"}, REGION_RULE_WIDENED},
        {{.allow = "eu", .transit = "CH"}, {.allow = "eu"}, REGION_RULE_NARROWED},
        {{.allow = "eu"}, {.allow = "eu", .transit = "FR"}, REGION_RULE_SAME},
        {{.allow = "eu"}, {0}, REGION_RULE_WIDENED},
        {{0}, {.allow = "eu"}, REGION_RULE_NARROWED},
        {{.allow = "eu"}, {.primary = "ovh-gra-1"}, REGION_RULE_NARROWED},
        {{.allow = "eu"}, {.primary = "azure-uksouth"}, REGION_RULE_WIDENED},
        {{.primary = "ovh-gra-1"}, {.allow = "FR"}, REGION_RULE_WIDENED},
        {{.primary = "ovh-gra-1"},
         {.primary = "ovh-gra-1", .secondary = "ovh-rbx-1"},
         REGION_RULE_WIDENED},
        {{.primary = "ovh-gra-1", .secondary = "ovh-rbx-1"},
         {.primary = "ovh-gra-1"},
         REGION_RULE_NARROWED},
        {{.primary = "ovh-gra-1", .secondary = "ovh-rbx-1"},
         {.primary = "ovh-rbx-1", .secondary = "ovh-gra-1"},
         REGION_RULE_NARROWED}, /* another order of the same two */
        {{.primary = "ovh-gra-1"}, {.primary = "ovh-rbx-1"}, REGION_RULE_WIDENED},
        {{.primary = "ovh-gra-1", .secondary = "ovh-rbx-1"},
         {.primary = "ovh-gra-1", .secondary = "ovh-rbx-1"},
         REGION_RULE_SAME},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region_rule_compiled before = compiled(c, cases[i].before);
        struct region_rule_compiled after = compiled(c, cases[i].after);
        enum region_rule_change change = region_rule_compare(&before, &after);

        if (change != cases[i].change)
            printf("  case %zu\n", i);
        CHECK_INT(change, cases[i].change);
    }
    struct region_rule_compiled any = compiled(c, (struct written){0});
    CHECK_INT(region_rule_compare(NULL, NULL), REGION_RULE_SAME);
    CHECK_INT(region_rule_compare(NULL, &any), REGION_RULE_NARROWED); /* unknown places go */
    CHECK_INT(region_rule_compare(&any, NULL), REGION_RULE_WIDENED);
    region_catalogue_unref(c);
}

static void test_canonical(void)
{
    static const struct {
        struct written rule;
        const char *text;
    } cases[] = {
        {{0}, "known"},
        {{.allow = "IS eu EU"}, "allow=eu,is"},
        {{.allow = "eu", .exclude = "FR ovh-gra-1"}, "allow=eu;exclude=fr,ovh-gra-1"},
        {{.exclude = "US", .transit = "CH"}, "exclude=us;transit=ch"},
        {{.primary = "Ovh-Gra-1", .secondary = "ovh-rbx-1"},
         "primary=ovh-gra-1;secondary=ovh-rbx-1"},
        {{.allow = "eu;exclude=fr"}, "allow=eu%3bexclude%3dfr"},
        {{.allow = "a%2cb a,b"}, "allow=a%252cb,a%2cb"},
    };
    struct arena arena;

    arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct region_rule rule = rule_of(&cases[i].rule, &arena), back;
        str text = region_rule_canonical(&rule, &arena);

        CHECK_STR(text, cases[i].text);
        CHECK(region_rule_parse_canonical(text, &arena, &back));
        CHECK_STR(region_rule_canonical(&back, &arena), cases[i].text);
    }
    arena_deinit(&arena);
}

static void test_canonical_refuses_everything_else(void)
{
    static const char *const wrong[] = {
        "",
        "Known",
        "known;allow=eu",
        "allow",
        "allow=EU",
        "allow=is,eu",
        "allow=eu,eu",
        "allow=eu;",
        ";allow=eu",
        "allow=eu;;exclude=fr",
        "exclude=fr;allow=eu",
        "allow=eu;allow=fr",
        "allow= eu",
        "deny=eu",
        "allow=e%75",
        "allow=%2",
        "allow=%zz",
        "allow=%2C",
        "primary=",
        "primary=a;primary=b",
        "allow=eu=fr",
    };
    struct region_rule rule = {.n_allow = 77};
    struct arena arena;

    arena_init(&arena, NULL, 0);
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        if (region_rule_parse_canonical(str_of(wrong[i]), &arena, &rule))
            printf("  \"%s\" passes\n", wrong[i]);
        CHECK_INT(rule.n_allow, 77);
    }
    arena_deinit(&arena);
}

static void test_canonical_round_trip_compiles_alike(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct prng r;

    prng_seed(&r, 5);
    for (int round = 0; round < 1000; round++) {
        struct region_rule_compiled a, b;
        struct region_rule back;
        struct arena arena;
        str e1, e2;

        arena_init(&arena, NULL, 0);
        struct region_rule rule = random_rule(c, &r, &arena);
        str text = region_rule_canonical(&rule, &arena);
        CHECK(region_rule_parse_canonical(text, &arena, &back));
        int r1 = region_rule_compile(&rule, c, &arena, &a, &e1);
        int r2 = region_rule_compile(&back, c, &arena, &b, &e2);
        CHECK_INT(r1, r2);
        CHECK(r1 || region_rule_compare(&a, &b) == REGION_RULE_SAME);
        CHECK(r1 || !region_set_is_empty(&a.inference));
        CHECK(r1 || region_set_within(&a.inference, &a.transit));
        arena_deinit(&arena);
    }
    region_catalogue_unref(c);
}

static void test_parse_survives_noise(void)
{
    static const char letters[] = "allow=eu,;%2cknownexcludeprimary\0\xff";
    struct prng r;

    prng_seed(&r, 6);
    for (int round = 0; round < 20000; round++) {
        char text[40];
        size_t n = prng_below(&r, sizeof(text));
        struct region_rule rule;
        struct arena arena;

        for (size_t i = 0; i < n; i++)
            text[i] = letters[prng_below(&r, sizeof(letters) - 1)];
        arena_init(&arena, NULL, 0);
        str input = str_make(text, n);
        if (region_rule_parse_canonical(input, &arena, &rule))
            CHECK(str_eq(region_rule_canonical(&rule, &arena), input));
        arena_deinit(&arena);
    }
}

/* The change that compare names is the change that places see. */
static void test_compare_agrees_with_sets(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct prng r;
    unsigned seen[3] = {0};

    prng_seed(&r, 7);
    for (int round = 0; round < 3000; round++) {
        struct region_rule_compiled a, b;
        struct arena arena;
        str error;

        arena_init(&arena, NULL, 0);
        struct region_rule before = random_rule(c, &r, &arena), after = before;
        if (prng_below(&r, 3))
            after = random_rule(c, &r, &arena);
        if (!region_rule_compile(&before, c, &arena, &a, &error) &&
            !region_rule_compile(&after, c, &arena, &b, &error)) {
            bool wider = !region_set_within(&b.inference, &a.inference) ||
                         !region_set_within(&b.transit, &a.transit);
            enum region_rule_change change = region_rule_compare(&a, &b);

            CHECK_INT(change == REGION_RULE_WIDENED, wider);
            seen[change]++;
        }
        arena_deinit(&arena);
    }
    CHECK(seen[REGION_RULE_SAME] && seen[REGION_RULE_NARROWED] && seen[REGION_RULE_WIDENED]);
    region_catalogue_unref(c);
}

int main(void)
{
    RUN(test_what_rules_allow);
    RUN(test_exclusion_of_one_region);
    RUN(test_transit);
    RUN(test_primary_and_secondary);
    RUN(test_mistakes);
    RUN(test_hostile_names);
    RUN(test_compare);
    RUN(test_canonical);
    RUN(test_canonical_refuses_everything_else);
    RUN(test_canonical_round_trip_compiles_alike);
    RUN(test_parse_survives_noise);
    RUN(test_compare_agrees_with_sets);
    return test_end();
}

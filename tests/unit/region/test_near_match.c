#include "fixture.h"

static void test_near_matches(void)
{
    static const struct {
        const char *wrong, *near;
    } cases[] = {
        {"el", "GR"},
        {"EL", "GR"},
        {"usa", "us"},
        {"England", "uk"},
        {"France", "FR"},
        {"frnace", "FR"},
        {"Germany", "DE"},
        {"germny", "DE"},
        {"Schweden", "SE"},
        {"eu-west-1", "aws-eu-west-1"},
        {"EU-West-1", "aws-eu-west-1"},
        {"us-west1", "gcp-us-west1"},
        {"us-west-1", "aws-us-west-1"},
        {"us_west_2", "aws-us-west-2"},
        {"swedencentral", "azure-swedencentral"},
        {"Sweden Central", "azure-swedencentral"},
        {"europe-west4", "gcp-europe-west4"},
        {"fsn1", "hetzner-fsn-1"},
        {"hetzner-fsn1", "hetzner-fsn-1"},
        {"scaleway-fr-par-1", "scaleway-par-1"},
        {"fr-par-2", "scaleway-par-2"},
        {"scaleway-par-3", "scaleway-par-1"},
        {"azure-swedncentral", "azure-swedencentral"},
        {"eurpoe", "europe"},
        {"nordic", "nordics"},
        {"eux", "eu"},
        {"e", "eu"},
        {"all", "world"},
    };
    struct region_catalogue *c = builtin_catalogue();

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_STR(region_near_match(c, str_of(cases[i].wrong)), cases[i].near);
    region_catalogue_unref(c);
}

static void test_nothing_is_near(void)
{
    static const char *const wrong[] = {"", "q", "zz", "xyz", "qwertyuiopasdfghjklzxcvbnm"};
    struct region_catalogue *c = builtin_catalogue();
    char longest[300];

    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        CHECK_STR(region_near_match(c, str_of(wrong[i])), "");
    memset(longest, 'e', sizeof(longest));
    CHECK(!region_near_match(c, str_make(longest, sizeof(longest))).p);
    region_catalogue_unref(c);
}

/* A hint that does not resolve would send the reader from one error to the next. */
static void test_hints_resolve(void)
{
    struct region_catalogue *c = builtin_catalogue();
    struct region_set set;
    struct prng r;

    prng_seed(&r, 4);
    for (int round = 0; round < 2000; round++) {
        char *name = str_dup(random_name(c, &r));
        size_t n = strlen(name);

        name[prng_below(&r, n)] = (char)prng_next(&r);
        str near = region_near_match(c, str_make(name, n));
        CHECK(!near.p || region_resolve(c, near, &set));
        mem_free(name);
    }
    region_catalogue_unref(c);
}

int main(void)
{
    RUN(test_near_matches);
    RUN(test_nothing_is_near);
    RUN(test_hints_resolve);
    return test_end();
}

#include "base/mem.h"
#include "cli/registry.h"
#include "cli/table.h"
#include "unit/test.h"

static void check_path(const char *pattern, const char *const *words, const char *expected)
{
    CLEANUP_FREE char *path = registry_path(pattern, words);

    CHECK_STR(str_of(path), expected);
}

static void test_words_go_into_the_holes_of_a_path(void)
{
    const char *words[] = {"chains/abcd1234", "prod-eu"};

    check_path("/v1/{model}/environments/{}", words, "/v1/chains/abcd1234/environments/prod-eu");
    check_path("/v1/{model}/deployments", words, "/v1/chains/abcd1234/deployments");
    check_path("/v1/teams", NULL, "/v1/teams");
}

/* No word leaves its segment. */
static void test_words_are_encoded(void)
{
    const char *words[] = {"../x?a=b&c#d", "ü %"};

    check_path("/v1/teams/{}/environment_groups/{}", words,
               "/v1/teams/..%2Fx%3Fa%3Db%26c%23d/environment_groups/%C3%BC%20%25");
}

static void test_a_team_has_its_own_collections(void)
{
    CLEANUP_FREE char *all = registry_collection(NULL, "models");
    CLEANUP_FREE char *own = registry_collection("red team", "models");

    CHECK_STR(str_of(all), "/v1/models");
    CHECK_STR(str_of(own), "/v1/teams/red%20team/models");
}

static void test_members_are_found_inside_of_others(void)
{
    json_t *row = json_pack("{s:{s:{s:s}}, s:n}", "a", "b", "c", "here", "none");

    CHECK_STR(str_of(json_string_value(table_member(row, "a.b.c"))), "here");
    CHECK(!table_member(row, "a.x.c"));
    CHECK(!table_member(row, "none.c"));
    CHECK(json_is_null(table_member(row, "none")));
    json_decref(row);
}

int main(void)
{
    RUN(test_words_go_into_the_holes_of_a_path);
    RUN(test_words_are_encoded);
    RUN(test_a_team_has_its_own_collections);
    RUN(test_members_are_found_inside_of_others);
    return test_end();
}

/* Packages: whose they are, who may deploy them, and when they go. */

#include "world.h"

#define OTHER STR("fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210")

enum { BYTES = 1000, KEEP_S = 3600 };

static struct fleet_team *make_team(const char *name)
{
    struct fleet_team *t = NULL;

    CHECK_INT(fleet_create_team(fleet, &world, str_of(name), &t, &problem), FLEET_OK);
    return t;
}

static void begin(void)
{
    set_up();
    world.package_keep_ns = KEEP_S * NS_PER_S;
}

static void upload(str owner, str sha256)
{
    CHECK_INT(fleet_add_package(fleet, &world, owner, sha256, BYTES, &problem), FLEET_OK);
}

static bool has(str owner, str sha256)
{
    const struct fleet_package *p = fleet_find_package_for(fleet, owner, sha256);

    return p && str_eq(p->team, owner);
}

static void test_a_package_is_its_teams(void)
{
    begin();
    struct fleet_team *rival = make_team("rival");
    upload(team, PACKAGE);
    CHECK(has(team, PACKAGE));
    CHECK(!fleet_find_package_for(fleet, rival->id, PACKAGE));
    CHECK(fleet_find_package_for(fleet, STR(""), PACKAGE)); /* the workspace's keys have all */
    upload(rival->id, PACKAGE);
    CHECK(has(rival->id, PACKAGE) && has(team, PACKAGE));
    upload(STR(""), OTHER);
    CHECK(!fleet_find_package_for(fleet, team, OTHER));
    tear_down();
}

static void test_what_is_deployed_becomes_the_models_teams(void)
{
    begin();
    upload(STR(""), PACKAGE);
    push("");
    CHECK(has(team, PACKAGE));
    CHECK_INT(fleet_count(fleet, FLEET_PACKAGE), 1);
    /* Of another team's there is one for each then. */
    struct fleet_team *rival = make_team("rival");
    struct fleet_deployment *d;
    struct fleet_model *m;
    CHECK_INT(
        fleet_create_model(fleet, &world, rival->id, STR("m"), FLEET_MODEL_PLAIN, &m, &problem),
        FLEET_OK);
    struct fleet_push from_other = {.model = m->id, .package = PACKAGE};
    CHECK_INT(fleet_push(fleet, &world, &from_other, &d, &problem), FLEET_OK);
    CHECK(has(team, PACKAGE) && has(rival->id, PACKAGE));
    tear_down();
}

static void test_a_package_that_nothing_is_made_from_goes(void)
{
    int64_t next;

    begin();
    upload(team, OTHER);
    upload(team, PACKAGE);
    struct fleet_deployment *one = push(""), *two = push("");
    pass(KEEP_S - 1);
    CHECK(has(team, OTHER) && has(team, PACKAGE));
    fleet_tick(fleet, &world, &next);
    CHECK(next <= world.now_ns + NS_PER_S);
    pass(1);
    CHECK(!fleet_find_package_for(fleet, STR(""), OTHER));
    CHECK(has(team, PACKAGE));
    CHECK_INT(fleet_delete_deployment(fleet, &world, one, &problem), FLEET_OK);
    pass(1);
    CHECK(has(team, PACKAGE));
    CHECK(two);
    CHECK_INT(fleet_delete_model(fleet, &world, model->id, &problem), FLEET_OK);
    CHECK(has(team, PACKAGE)); /* time has not passed */
    pass(1);
    CHECK(!has(team, PACKAGE));
    tear_down();
}

static void test_an_upload_is_kept_for_its_push(void)
{
    begin();
    upload(team, PACKAGE);
    pass(KEEP_S - 1);
    upload(team, PACKAGE); /* again: somebody is about to push it */
    pass(KEEP_S - 1);
    CHECK(has(team, PACKAGE));
    push("");
    pass(KEEP_S);
    CHECK(has(team, PACKAGE));
    tear_down();
}

/* Another team that uploaded the same does not keep it for this one's deployment. */
static void test_each_teams_goes_by_itself(void)
{
    begin();
    struct fleet_team *rival = make_team("rival");
    upload(team, PACKAGE);
    upload(rival->id, PACKAGE);
    push("");
    pass(KEEP_S);
    CHECK(has(team, PACKAGE));
    CHECK(!has(rival->id, PACKAGE));
    tear_down();
}

static void test_a_team_has_no_more_bytes_than_it_may(void)
{
    begin();
    struct fleet_deployment *d;
    CHECK(fleet_package_room(fleet, &world, team) == UINT64_MAX);
    world.quotas[QUOTA_PACKAGE_BYTES] = BYTES + BYTES / 2;
    upload(team, OTHER);
    CHECK_INT(fleet_package_room(fleet, &world, team), BYTES / 2);
    CHECK_INT(fleet_add_package(fleet, &world, team, PACKAGE, BYTES, &problem), FLEET_QUOTA);
    CHECK_STR(str_of(problem.message),
              "the team has 1000 bytes of packages, this is 1000 more, and "
              "quotas.package_bytes allows 1500");
    upload(team, OTHER); /* no more than before */
    upload(make_team("rival")->id, PACKAGE);
    upload(STR(""), PACKAGE);
    const struct fleet_push push = {.model = model->id, .package = PACKAGE};
    CHECK_INT(fleet_push(fleet, &world, &push, &d, &problem), FLEET_QUOTA);
    CHECK_INT(fleet_count(fleet, FLEET_PACKAGE), 3); /* the workspace's is still its own */
    pass(KEEP_S);
    CHECK_INT(fleet_package_room(fleet, &world, team), BYTES + BYTES / 2);
    tear_down();
}

int main(void)
{
    RUN(test_a_package_is_its_teams);
    RUN(test_what_is_deployed_becomes_the_models_teams);
    RUN(test_a_package_that_nothing_is_made_from_goes);
    RUN(test_an_upload_is_kept_for_its_push);
    RUN(test_each_teams_goes_by_itself);
    RUN(test_a_team_has_no_more_bytes_than_it_may);
    return test_end();
}

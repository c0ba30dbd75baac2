/* The store of objects: transactions that happen or do not, and what a restart finds. */

#include "fake_store.h"
#include "test.h"

static struct fleet *loaded; /* the fleet of the running test, and what was committed of it */
static struct fake_store store;

static void set_up(void)
{
    store = (struct fake_store){0};
    loaded = fleet_new();
}

static void tear_down(void)
{
    fleet_free(loaded);
    fake_deinit(&store);
}

static bool same_as_store(const struct fleet *f)
{
    struct fleet *read = fake_load(&store);
    bool same = read && fleet_equal(f, read);

    fleet_free(read);
    return same;
}

static int save(struct fleet *f, uint64_t version)
{
    struct fleet_store to = fake_interface(&store);
    int r = fleet_write(f, &to, version);

    if (r) {
        fake_rollback(&store);
        fleet_rollback(f);
        return r;
    }
    fake_commit(&store);
    fleet_commit(f);
    return 0;
}

static struct fleet_model *add_model(struct fleet *f, const char *id)
{
    struct fleet_model *m = (struct fleet_model *)fleet_add(f, FLEET_MODEL, str_of(id));

    CHECK(m);
    fleet_set_str(&m->id, str_of(id));
    fleet_set_str(&m->name, STR("llama"));
    return m;
}

static void three_models(struct fleet *f)
{
    fleet_begin(f);
    add_model(f, "a");
    add_model(f, "b");
    add_model(f, "c");
    CHECK_INT(save(f, 1), 0);
}

static void test_objects_keep_their_order(void)
{
    set_up();
    three_models(loaded);
    str keys = STR("abc");
    size_t n = 0;
    for (struct fleet_model *m = fleet_first_model(loaded); m; m = fleet_next_model(loaded, m))
        CHECK_INT(m->id.p[0], keys.p[n++]);
    CHECK_INT(n, 3);
    CHECK(same_as_store(loaded));
    CHECK_STR(fleet_find_model(loaded, STR("b"))->name, "llama");
    CHECK(!fleet_find_model(loaded, STR("d")));
    CHECK(!fleet_first_team(loaded));
    tear_down();
}

static void test_add_refuses_a_key_that_is_taken(void)
{
    set_up();
    three_models(loaded);
    fleet_begin(loaded);
    CHECK(!fleet_add(loaded, FLEET_MODEL, STR("b")));
    CHECK(fleet_add(loaded, FLEET_TEAM, STR("b")));
    fleet_rollback(loaded);
    CHECK(!fleet_find_team(loaded, STR("b")));
    tear_down();
}

/* Changes, additions, removals, a key that is taken again, and something that comes and goes. */
static void change_much(struct fleet *f)
{
    struct fleet_model *m = fleet_edit(f, fleet_find_model(f, STR("a")));

    fleet_set_str(&m->name, STR("mistral"));
    m->n_deployments_made = 7;
    fleet_remove(f, &fleet_find_model(f, STR("b"))->object);
    CHECK(!fleet_find_model(f, STR("b")));
    add_model(f, "b")->chain = true;
    m = fleet_edit(f, fleet_find_model(f, STR("c")));
    fleet_set_str(&m->name, STR("gone"));
    fleet_remove(f, &m->object);
    add_model(f, "d");
    fleet_remove(f, &add_model(f, "e")->object);
}

static void test_rollback_restores_all(void)
{
    set_up();
    three_models(loaded);
    for (int i = 0; i < 3; i++) {
        fleet_begin(loaded);
        change_much(loaded);
        CHECK(fleet_has_changed(loaded));
        CHECK(!same_as_store(loaded));
        fleet_rollback(loaded);
        CHECK(same_as_store(loaded));
    }
    tear_down();
}

static void test_commit_is_what_a_restart_finds(void)
{
    set_up();
    three_models(loaded);
    fleet_begin(loaded);
    change_much(loaded);
    CHECK_INT(save(loaded, 2), 0);
    CHECK(same_as_store(loaded));
    CHECK_INT(fleet_find_model(loaded, STR("a"))->object.version, 2);
    CHECK(fleet_find_model(loaded, STR("b"))->chain);
    CHECK(!fleet_find_model(loaded, STR("c")));
    CHECK(!fleet_find_model(loaded, STR("e")));
    /* What came anew is last. */
    CHECK_STR(fleet_next_model(loaded, fleet_first_model(loaded))->id, "b");
    tear_down();
}

static void test_a_store_that_fails_at_any_write(void)
{
    size_t failed = 0;

    for (size_t at = 1; at < 8; at++) {
        set_up();
        three_models(loaded);
        store.fail_at = at;
        fleet_begin(loaded);
        change_much(loaded);
        int r = save(loaded, 2);
        CHECK(r == 0 || r == -EIO);
        failed += r != 0;
        CHECK(same_as_store(loaded));
        CHECK(!fleet_in_transaction(loaded));
        CHECK_INT(fleet_find_model(loaded, STR("a"))->object.version, r ? 1 : 2);
        tear_down();
    }
    CHECK_INT(failed, 5); /* put a, remove b, put b, remove c, put d */
}

static void test_what_is_as_before_is_not_written(void)
{
    set_up();
    three_models(loaded);
    fleet_begin(loaded);
    struct fleet_model *m = fleet_edit(loaded, fleet_find_model(loaded, STR("a")));
    fleet_set_str(&m->name, STR("other"));
    fleet_set_str(&m->name, STR("llama"));
    CHECK(!fleet_has_changed(loaded));
    store.fail_at = 1;
    CHECK_INT(save(loaded, 2), 0);
    CHECK_INT(m->object.version, 1);
    tear_down();
}

static void test_bytes_that_are_no_text_are_mended_at_once(void)
{
    set_up();
    fleet_begin(loaded);
    fleet_set_str(&add_model(loaded, "a")->name, STR("x\xff\xc3\x28y\xe2\x82"));
    CHECK_STR(fleet_find_model(loaded, STR("a"))->name,
              "x\xef\xbf\xbd\xef\xbf\xbd(y\xef\xbf\xbd\xef\xbf\xbd");
    add_model(loaded, "b");
    fleet_set_str(&fleet_find_model(loaded, STR("b"))->name, str_make("a\0b", 3));
    CHECK_INT(save(loaded, 1), 0);
    CHECK(same_as_store(loaded));
    tear_down();
}

static void test_load_refuses_what_it_did_not_write(void)
{
    set_up();
    three_models(loaded);
    CHECK_INT(fleet_load(loaded, FLEET_MODEL, STR("d"), 1, STR("{\"colour\":\"red\"}")), -EUCLEAN);
    CHECK_INT(fleet_load(loaded, FLEET_MODEL, STR("a"), 1, STR("{}")), -EUCLEAN);
    CHECK_INT(fleet_load(loaded, FLEET_KINDS, STR("a"), 1, STR("{}")), -EUCLEAN);
    CHECK(same_as_store(loaded));
    tear_down();
}

static void test_new_objects_have_defaults(void)
{
    set_up();
    fleet_begin(loaded);
    struct fleet_environment *e =
        (struct fleet_environment *)fleet_add(loaded, FLEET_ENVIRONMENT, STR("a/production"));
    CHECK_INT(e->autoscaling.min_replica, 0);
    CHECK_INT(e->autoscaling.max_replica, 1);
    CHECK_INT(e->autoscaling.scale_down_delay_s, 900);
    CHECK_INT(e->promotion_settings.max_surge_percent, 10);
    CHECK_INT(e->promotion_settings.cleanup_strategy, CLEANUP_SCALE_TO_ZERO);
    CHECK(fleet_find_environment_of(loaded, STR("a"), STR("production")) == e);
    CHECK(!fleet_group_of_environment(loaded, e));
    fleet_rollback(loaded);
    tear_down();
}

static void test_equal_sees_every_difference(void)
{
    struct fleet *other;

    set_up();
    three_models(loaded);
    other = fake_load(&store);
    CHECK(fleet_equal(loaded, other));
    fleet_begin(other);
    fleet_set_str(&fleet_edit(other, fleet_find_model(other, STR("c")))->name, STR("x"));
    CHECK(!fleet_equal(loaded, other));
    fleet_rollback(other);
    fleet_begin(other);
    fleet_remove(other, &fleet_find_model(other, STR("c"))->object);
    CHECK(!fleet_equal(loaded, other));
    CHECK(!fleet_equal(other, loaded));
    fleet_rollback(other);
    fleet_find_model(other, STR("a"))->object.version = 9;
    CHECK(!fleet_equal(loaded, other));
    fleet_free(other);
    tear_down();
}

static void test_environment_names(void)
{
    static const struct {
        const char *name;
        bool fine;
    } cases[] = {
        {"production", true},
        {"prod-eu", true},
        {"a", true},
        {"0", true},
        {"abcdefghijabcdefghijabcdefghijabcdefghij", true},
        {"abcdefghijabcdefghijabcdefghijabcdefghijk", false},
        {"", false},
        {"-a", false},
        {"a-", false},
        {"Prod", false},
        {"a_b", false},
        {"a.b", false},
        {"development", false},
        {"region-eu", false},
        {"regional", true},
    };

    for (size_t i = 0; i < COUNT_OF(cases); i++)
        CHECK_INT(fleet_environment_name_problem(str_of(cases[i].name)) == NULL, cases[i].fine);
}

static void test_ids_are_lower_case_alphanumerics(void)
{
    struct prng random;
    char id[64];

    prng_seed(&random, 1);
    for (int i = 0; i < 100; i++) {
        fleet_make_id(&random, id, sizeof(id));
        for (size_t k = 0; k < sizeof(id); k++)
            CHECK((id[k] >= '0' && id[k] <= '9') || (id[k] >= 'a' && id[k] <= 'z'));
    }
}

int main(void)
{
    RUN(test_objects_keep_their_order);
    RUN(test_add_refuses_a_key_that_is_taken);
    RUN(test_rollback_restores_all);
    RUN(test_commit_is_what_a_restart_finds);
    RUN(test_a_store_that_fails_at_any_write);
    RUN(test_what_is_as_before_is_not_written);
    RUN(test_bytes_that_are_no_text_are_mended_at_once);
    RUN(test_load_refuses_what_it_did_not_write);
    RUN(test_new_objects_have_defaults);
    RUN(test_equal_sees_every_difference);
    RUN(test_environment_names);
    RUN(test_ids_are_lower_case_alphanumerics);
    return test_end();
}

/*
 * The store against a real database in a temporary directory: what is committed is there after
 * reopening, what is rolled back is not, and the file refuses what it must.
 */

#include "store/store.h"

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char directory[64];

static void make_directory(void)
{
    snprintf(directory, sizeof(directory), "/tmp/ambit-store-XXXXXX");
    if (!mkdtemp(directory))
        abort();
}

static void path_of(const char *name, char *ret_path, size_t size)
{
    snprintf(ret_path, size, "%s/%s", directory, name);
}

static void remove_directory(void)
{
    static const char *const names[] = {"control.db", "control.db-wal", "control.db-shm"};
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        path_of(names[i], path, sizeof(path));
        unlink(path);
    }
    rmdir(directory);
}

static struct store *open_store(void)
{
    struct store *s = NULL;

    CHECK_INT(store_open(directory, &s), 0);
    return s;
}

static struct store *reopen(struct store *s)
{
    store_close(s);
    return open_store();
}

static struct store_customer a_customer(const char *id)
{
    return (struct store_customer){
        .id = str_of(id),
        .digest = {.lo = 7, .hi = str_of(id).n},
        .rule = STORE_RULE_NONE,
        .owner = STORE_OWNER_API,
        .created_ns = 1,
        .updated_ns = 2,
    };
}

static void test_installation_survives(void)
{
    struct store *s = open_store();
    char first[64];
    struct siphash_key key = store_customer_key(s);

    CHECK_INT(store_installation(s).n, 32);
    snprintf(first, sizeof(first), "%.*s", STR_ARG(store_installation(s)));
    s = reopen(s);
    CHECK_STR(store_installation(s), first);
    CHECK(store_customer_key(s).k0 == key.k0 && store_customer_key(s).k1 == key.k1);
    store_close(s);
}

static void test_file_is_private(void)
{
    struct stat st;
    char path[128];

    store_close(open_store());
    path_of("control.db", path, sizeof(path));
    CHECK_INT(stat(path, &st), 0);
    CHECK_INT(st.st_mode & 0777, 0600);
}

static void test_one_owner_at_a_time(void)
{
    struct store *s = open_store();

    /* SQLite's locks are per process, so the second owner has to be one. */
    pid_t child = fork();
    if (child == 0) {
        struct store *second = NULL;
        int null = open("/dev/null", O_WRONLY);

        dup2(null, STDERR_FILENO);
        _exit(store_open(directory, &second) == -EBUSY ? 0 : 1);
    }
    int status = -1;
    CHECK_INT(waitpid(child, &status, 0), child);
    CHECK_INT(status, 0);
    store_close(s);
}

static void test_newer_schema_is_refused(void)
{
    sqlite3 *db = NULL;
    struct store *s = NULL;
    char path[128];

    store_close(open_store());
    path_of("control.db", path, sizeof(path));
    CHECK_INT(sqlite3_open(path, &db), SQLITE_OK);
    CHECK_INT(sqlite3_exec(db, "PRAGMA user_version = 999", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    CHECK_INT(store_open(directory, &s), -ENOTSUP);
    CHECK(s == NULL);
    remove_directory();
    make_directory();
}

static void test_garbage_is_refused(void)
{
    struct store *s = NULL;
    char path[128];

    path_of("control.db", path, sizeof(path));
    int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    char junk[4096];
    memset(junk, 'x', sizeof(junk));
    CHECK_INT(write(fd, junk, sizeof(junk)), sizeof(junk));
    close(fd);
    CHECK_INT(store_open(directory, &s), -EUCLEAN);
    remove_directory();
    make_directory();
}

static void test_revision_only_moves_with_commit(void)
{
    struct store *s = open_store();
    uint64_t before = store_revision(s), next = 0;

    CHECK_INT(store_begin(s, STORE_DURABLE), 0);
    CHECK_INT(store_next_revision(s, &next), 0);
    CHECK_INT(next, before + 1);
    store_rollback(s);
    CHECK_INT(store_revision(s), before);

    CHECK_INT(store_begin(s, STORE_DURABLE), 0);
    CHECK_INT(store_next_revision(s, &next), 0);
    CHECK_INT(store_commit(s), 0);
    CHECK_INT(store_revision(s), before + 1);
    s = reopen(s);
    CHECK_INT(store_revision(s), before + 1);
    store_close(s);
}

static void test_settings(void)
{
    struct store *s = open_store();
    struct arena arena;
    str value = STR_NULL;

    arena_init(&arena, NULL, 0);
    CHECK_INT(store_setting_get(s, "colour", &arena, &value), STORE_NOT_FOUND);
    CHECK_INT(store_setting_put(s, "colour", STR("green")), 0);
    CHECK_INT(store_setting_put(s, "colour", STR("blue")), 0);
    s = reopen(s);
    CHECK_INT(store_setting_get(s, "colour", &arena, &value), 0);
    CHECK_STR(value, "blue");
    CHECK_INT(store_setting_delete(s, "colour"), 0);
    CHECK_INT(store_setting_get(s, "colour", &arena, &value), STORE_NOT_FOUND);
    arena_deinit(&arena);
    store_close(s);
}

static int count_rule(void *ctx, uint32_t index, str canonical)
{
    (void)index;
    (void)canonical;
    ++*(int *)ctx;
    return 0;
}

static void test_rules_are_interned_once(void)
{
    struct store *s = open_store();
    uint32_t eu = 0, us = 0, again = 0;
    int n = 0;

    CHECK_INT(store_rule_intern(s, STR("allow=eu"), &eu), 0);
    CHECK_INT(store_rule_intern(s, STR("allow=us"), &us), 0);
    s = reopen(s);
    CHECK_INT(store_rule_intern(s, STR("allow=eu"), &again), 0);
    CHECK_INT(again, eu);
    CHECK(us != eu);
    CHECK_INT(store_rule_each(s, count_rule, &n), 0);
    CHECK_INT(n, 2);
    store_close(s);
}

static void test_customer_round_trip(void)
{
    struct store *s = open_store();
    struct arena arena;
    struct store_customer in = a_customer("ishaan"), out;
    uint32_t rule = 0;

    arena_init(&arena, NULL, 0);
    CHECK_INT(store_rule_intern(s, STR("allow=eu"), &rule), 0);
    in.rule = rule;
    in.blocked = true;
    in.alias = STR("");
    in.allowed_model_region = STR("\"eu\"");
    in.metadata = STR("{\"a\":1}");
    CHECK_INT(store_customer_insert(s, &in), STORE_OK);
    CHECK_INT(store_customer_insert(s, &in), STORE_EXISTS);
    s = reopen(s);
    CHECK_INT(store_customer_get(s, STR("ishaan"), &arena, &out), STORE_OK);
    CHECK_STR(out.id, "ishaan");
    CHECK(digest128_eq(out.digest, in.digest));
    CHECK_INT(out.rule, rule);
    CHECK(out.blocked);
    CHECK(out.alias.p && out.alias.n == 0);
    CHECK(!out.primary.p);
    CHECK_STR(out.allowed_model_region, "\"eu\"");
    CHECK_STR(out.metadata, "{\"a\":1}");
    CHECK_INT(out.owner, STORE_OWNER_API);
    CHECK_INT(out.created_ns, 1);

    in.blocked = false;
    in.rule = STORE_RULE_NONE;
    in.allowed_model_region = STR_NULL;
    in.created_ns = 99;
    CHECK_INT(store_customer_update(s, &in), STORE_OK);
    CHECK_INT(store_customer_get(s, STR("ishaan"), &arena, &out), STORE_OK);
    CHECK(!out.blocked && !out.allowed_model_region.p);
    CHECK_INT(out.rule, STORE_RULE_NONE);
    CHECK_INT(out.created_ns, 1);
    CHECK_INT(store_customer_delete(s, STR("ishaan")), STORE_OK);
    CHECK_INT(store_customer_delete(s, STR("ishaan")), STORE_NOT_FOUND);
    CHECK_INT(store_customer_update(s, &in), STORE_NOT_FOUND);
    CHECK_INT(store_customer_get(s, STR("ishaan"), &arena, &out), STORE_NOT_FOUND);
    arena_deinit(&arena);
    store_close(s);
}

static void test_rolled_back_customer_is_gone(void)
{
    struct store *s = open_store();
    struct arena arena;
    struct store_customer in = a_customer("half"), out;

    arena_init(&arena, NULL, 0);
    CHECK_INT(store_begin(s, STORE_DURABLE), 0);
    CHECK_INT(store_customer_insert(s, &in), STORE_OK);
    store_rollback(s);
    CHECK_INT(store_customer_get(s, STR("half"), &arena, &out), STORE_NOT_FOUND);

    /* Closing in the middle is a crash as far as the database is concerned. */
    CHECK_INT(store_begin(s, STORE_DURABLE), 0);
    CHECK_INT(store_customer_insert(s, &in), STORE_OK);
    s = reopen(s);
    CHECK_INT(store_customer_get(s, STR("half"), &arena, &out), STORE_NOT_FOUND);
    arena_deinit(&arena);
    store_close(s);
}

struct ids {
    char text[64];
    int n;
};

static void append_text(struct ids *ids, str text)
{
    size_t used = strlen(ids->text);

    CHECK(used + text.n < sizeof(ids->text));
    memcpy(ids->text + used, text.p, text.n);
    ids->text[used + text.n] = '\0';
}

static int collect_id(void *ctx, const struct store_customer *customer)
{
    struct ids *ids = ctx;

    append_text(ids, customer->id);
    ids->n++;
    return 0;
}

static void count_record(void *ctx, const struct store_customer_record *record)
{
    struct ids *ids = ctx;

    ids->n += record->blocked ? 100 : 1;
}

static void test_customers_are_walked_in_pages(void)
{
    struct store *s = open_store();
    static const char *const names[] = {"c", "a", "d", "b"};
    struct ids page = {"", 0}, rest = {"", 0}, owned = {"", 0}, loaded = {"", 0};

    for (size_t i = 0; i < 4; i++) {
        struct store_customer customer = a_customer(names[i]);

        customer.owner = i % 2 ? STORE_OWNER_FILE : STORE_OWNER_API;
        customer.blocked = i == 0;
        CHECK_INT(store_customer_insert(s, &customer), STORE_OK);
    }
    CHECK_INT(store_customer_each(s, STR(""), 3, collect_id, &page), 0);
    CHECK_STR(str_of(page.text), "abc");
    CHECK_INT(store_customer_each(s, STR("c"), 3, collect_id, &rest), 0);
    CHECK_STR(str_of(rest.text), "d");
    CHECK_INT(store_customer_each_owned(s, STORE_OWNER_FILE, collect_id, &owned), 0);
    CHECK_STR(str_of(owned.text), "ab");
    CHECK_INT(store_customer_load(s, count_record, &loaded), 0);
    CHECK_INT(loaded.n, 103);
    store_close(s);
    remove_directory();
    make_directory();
}

static void test_keys(void)
{
    struct store *s = open_store();
    struct arena arena;
    struct store_key one = {.id = STR("key_1"), .name = STR("one"), .scopes = 5};
    struct store_key two = {.id = STR("key_2"), .name = STR("two"), .scopes = 1}, out;

    arena_init(&arena, NULL, 0);
    one.rule = two.rule = STORE_RULE_NONE;
    one.customer = STR("acme");
    one.type = STR("WORKSPACE_INVOKE");
    one.team = STR("default");
    one.models = STR("abc12345 def12345");
    memset(one.hash, 1, sizeof(one.hash));
    memset(two.hash, 2, sizeof(two.hash));
    CHECK_INT(store_key_insert(s, &one), STORE_OK);
    CHECK_INT(store_key_insert(s, &one), STORE_EXISTS);
    CHECK_INT(store_key_insert(s, &two), STORE_OK);
    s = reopen(s);
    CHECK_INT(store_key_get(s, STR("key_1"), &arena, &out), STORE_OK);
    CHECK_STR(out.name, "one");
    CHECK_STR(out.customer, "acme");
    CHECK_STR(out.type, "WORKSPACE_INVOKE");
    CHECK_STR(out.team, "default");
    CHECK_STR(out.models, "abc12345 def12345");
    CHECK_STR(out.environments, "");
    CHECK_STR(out.user, "");
    CHECK_INT(out.scopes, 5);
    CHECK(memcmp(out.hash, one.hash, sizeof(out.hash)) == 0);

    two.name = STR("one");
    CHECK_INT(store_key_update(s, &two), STORE_EXISTS);
    two.name = STR("deux");
    CHECK_INT(store_key_update(s, &two), STORE_OK);
    CHECK_INT(store_key_delete(s, STR("key_2")), STORE_OK);
    CHECK_INT(store_key_update(s, &two), STORE_NOT_FOUND);
    CHECK_INT(store_key_delete(s, STR("key_2")), STORE_NOT_FOUND);
    arena_deinit(&arena);
    store_close(s);
}

static int check_observed(void *ctx, const struct store_observed *observed)
{
    ++*(int *)ctx;
    CHECK_STR(observed->header, "Sweden Central");
    CHECK_STR(observed->region, "azure-swedencentral");
    CHECK(observed->origin_revision == 0xfedcba9876543210);
    return 0;
}

static int check_withdrawn(void *ctx, const struct store_withdrawn *withdrawn)
{
    ++*(int *)ctx;
    CHECK_STR(withdrawn->endpoint, "az-1");
    CHECK_INT(withdrawn->since_ns, 10);
    return 0;
}

static void test_endpoints(void)
{
    struct store *s = open_store();
    struct store_observed observed = {.endpoint = STR("az-1"),
                                      .origin_revision = 1,
                                      .header = STR("East US"),
                                      .region = STR("azure-eastus")};
    struct store_withdrawn withdrawn = {
        .endpoint = STR("az-1"), .reason = STR("x"), .since_ns = 10};
    int n = 0;

    CHECK_INT(store_observed_put(s, &observed), 0);
    observed = (struct store_observed){.endpoint = STR("az-1"),
                                       .origin_revision = 0xfedcba9876543210,
                                       .header = STR("Sweden Central"),
                                       .region = STR("azure-swedencentral")};
    CHECK_INT(store_observed_put(s, &observed), 0);
    CHECK_INT(store_withdrawn_put(s, &withdrawn), 0);
    /* A second contradiction does not make it look more recent. */
    withdrawn.since_ns = 20;
    CHECK_INT(store_withdrawn_put(s, &withdrawn), 0);
    s = reopen(s);
    CHECK_INT(store_observed_each(s, check_observed, &n), 0);
    CHECK_INT(n, 1);
    CHECK_INT(store_withdrawn_each(s, check_withdrawn, &n), 0);
    CHECK_INT(n, 2);
    CHECK_INT(store_withdrawn_delete(s, STR("az-1")), STORE_OK);
    CHECK_INT(store_withdrawn_delete(s, STR("az-1")), STORE_NOT_FOUND);
    store_close(s);
}

static int collect_action(void *ctx, const struct store_audit *event)
{
    struct ids *ids = ctx;

    append_text(ids, event->action);
    ids->n = (int)event->id;
    return 0;
}

static void test_audit_is_newest_first(void)
{
    struct store *s = open_store();
    static const char *const actions[] = {"a", "b", "c"};
    struct ids all = {"", 0}, older = {"", 0}, object = {"", 0};

    for (size_t i = 0; i < 3; i++) {
        struct store_audit event = {.actor = STR("key_1"),
                                    .action = str_of(actions[i]),
                                    .object = i == 1 ? STR("other") : STR("acme"),
                                    .before = i ? STR("{}") : STR_NULL};

        CHECK_INT(store_audit_append(s, &event), 0);
    }
    s = reopen(s);
    CHECK_INT(store_audit_each(s, 0, STR(""), 2, collect_action, &all), 0);
    CHECK_STR(str_of(all.text), "cb");
    CHECK_INT(store_audit_each(s, (uint64_t)all.n, STR(""), 2, collect_action, &older), 0);
    CHECK_STR(str_of(older.text), "a");
    CHECK_INT(store_audit_each(s, 0, STR("acme"), 9, collect_action, &object), 0);
    CHECK_STR(str_of(object.text), "ca");
    store_close(s);
}

static int sum_refusals(void *ctx, const struct store_refusals *refusals)
{
    *(uint64_t *)ctx += refusals->count;
    return 0;
}

static void test_refusals_add_up(void)
{
    struct store *s = open_store();
    struct store_refusals refusals = {.day = STR("2026-11-20"),
                                      .source = STR("customer"),
                                      .code = STR("region_not_allowed"),
                                      .subject = STR("customer"),
                                      .group = STR("gpt-4o"),
                                      .count = 3};
    uint64_t sum = 0;

    CHECK_INT(store_begin(s, STORE_RELAXED), 0);
    CHECK_INT(store_refusals_add(s, &refusals), 0);
    CHECK_INT(store_refusals_add(s, &refusals), 0);
    refusals.day = STR("2026-11-21");
    CHECK_INT(store_refusals_add(s, &refusals), 0);
    CHECK_INT(store_commit(s), 0);
    s = reopen(s);
    CHECK_INT(store_refusals_each(s, STR("2026-11-21"), sum_refusals, &sum), 0);
    CHECK_INT(sum, 3);
    CHECK_INT(store_refusals_each(s, STR(""), sum_refusals, &sum), 0);
    CHECK_INT(sum, 12);
    store_close(s);
}

struct seen_objects {
    char text[256];
};

static int see_object(void *ctx, str kind, str key, uint64_t version, str body)
{
    struct seen_objects *seen = ctx;
    size_t n = strlen(seen->text);

    snprintf(seen->text + n, sizeof(seen->text) - n, "%.*s %.*s %llu %.*s;", STR_ARG(kind),
             STR_ARG(key), (unsigned long long)version, STR_ARG(body));
    return 0;
}

static const char *objects_of(struct store *s, struct seen_objects *seen)
{
    seen->text[0] = '\0';
    CHECK_INT(store_object_each(s, see_object, seen), 0);
    return seen->text;
}

static void test_objects_keep_their_order_and_newest_body(void)
{
    struct store *s = open_store();
    struct seen_objects seen;

    CHECK_INT(store_begin(s, STORE_DURABLE), 0);
    CHECK_INT(store_object_put(s, STR("model"), STR("b"), 1, STR("{}")), 0);
    CHECK_INT(store_object_put(s, STR("model"), STR("a"), 1, STR("{}")), 0);
    CHECK_INT(store_object_put(s, STR("team"), STR("b"), 1, STR("{}")), 0);
    CHECK_INT(store_object_put(s, STR("model"), STR("b"), 2, STR("{\"n\":1}")), 0);
    CHECK_INT(store_commit(s), 0);
    s = reopen(s);
    CHECK_STR(str_of(objects_of(s, &seen)), "model b 2 {\"n\":1};model a 1 {};team b 1 {};");
    CHECK_INT(store_begin(s, STORE_DURABLE), 0);
    CHECK_INT(store_object_delete(s, STR("model"), STR("b")), 0);
    CHECK_INT(store_object_delete(s, STR("model"), STR("never")), 0);
    CHECK_STR(str_of(objects_of(s, &seen)), "model a 1 {};team b 1 {};");
    store_rollback(s);
    CHECK_STR(str_of(objects_of(s, &seen)), "model b 2 {\"n\":1};model a 1 {};team b 1 {};");
    store_close(s);
}

int main(void)
{
    make_directory();
    RUN(test_installation_survives);
    RUN(test_file_is_private);
    RUN(test_one_owner_at_a_time);
    RUN(test_newer_schema_is_refused);
    RUN(test_garbage_is_refused);
    RUN(test_revision_only_moves_with_commit);
    RUN(test_settings);
    RUN(test_rules_are_interned_once);
    RUN(test_customer_round_trip);
    RUN(test_rolled_back_customer_is_gone);
    RUN(test_customers_are_walked_in_pages);
    RUN(test_keys);
    RUN(test_endpoints);
    RUN(test_audit_is_newest_first);
    RUN(test_objects_keep_their_order_and_newest_body);
    RUN(test_refusals_add_up);
    remove_directory();
    return test_end();
}

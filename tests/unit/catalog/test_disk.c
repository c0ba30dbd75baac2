/*
 * The snapshot on disk: it comes back as it was saved, or not at all. Files are damaged byte by
 * byte, cut, mixed and read with another key.
 */

#include "catalog/disk.h"

#include "base/clock.h"
#include "base/mem.h"
#include "unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET "sk-upstream-secret"

static const uint8_t test_key[DISK_KEY_BYTES] = {1, 2, 3};
static char dir[64];

static const char *path_of(const char *name)
{
    static _Thread_local char path[256];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void make_dir(void)
{
    snprintf(dir, sizeof(dir), "/tmp/ambit-test-disk-XXXXXX");
    CHECK(mkdtemp(dir) != NULL);
}

static void remove_dir(void)
{
    static const char *const names[] = {"catalog.snapshot", "customers.snapshot", "in-force",
                                        "key"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        unlink(path_of(names[i]));
    CHECK(rmdir(dir) == 0); /* so that nothing else was left behind */
}

static void read_whole(const char *name, struct buf *to)
{
    FILE *file = fopen(path_of(name), "r");

    CHECK(file != NULL);
    buf_clear(to);
    for (int c; (c = getc(file)) != EOF;)
        buf_put_char(to, (char)c);
    fclose(file);
}

static void write_whole(const char *name, str bytes)
{
    FILE *file = fopen(path_of(name), "w");

    CHECK(file != NULL);
    CHECK(fwrite(bytes.p, 1, bytes.n, file) == bytes.n);
    CHECK(fclose(file) == 0);
}

static void save(uint64_t revision, str catalog)
{
    struct customers *customers = customers_new();

    for (uint32_t i = 0; i < 5; i++)
        customers_put(customers, &(struct customer){.id = {i, revision}, .rule = i});
    CHECK_INT(disk_save_customers(dir, revision, customers), 0);
    CHECK_INT(disk_save_catalog(dir, test_key, revision, catalog), 0);
    customers_free(customers);
}

struct loaded {
    int result;
    uint64_t revision;
    size_t n_customers;
    bool is_catalog; /* its bytes are `wanted` */
};

static struct loaded load(const uint8_t *key, str wanted)
{
    CLEANUP(buf_deinit) struct buf bytes;
    struct customers *customers = customers_new();
    struct loaded l = {0};

    buf_init(&bytes, 0);
    l.result = disk_load(dir, key, &l.revision, &bytes, customers);
    l.n_customers = customers_count(customers);
    l.is_catalog = str_eq(buf_str(&bytes), wanted);
    customers_free(customers);
    return l;
}

static void expect_refused(const uint8_t *key, int result)
{
    struct loaded l = load(key, STR(SECRET));

    CHECK_INT(l.result, result);
    CHECK_INT(l.revision, 0);
    CHECK_INT(l.n_customers, 0);
}

static void what_was_saved_is_loaded(void)
{
    static const str catalogs[] = {STR_INIT(SECRET), STR_INIT(""), STR_INIT("\0\0\0")};

    make_dir();
    expect_refused(test_key, -ENOENT);
    for (size_t i = 0; i < COUNT_OF(catalogs); i++) {
        save(i + 1, catalogs[i]); /* in place of the one before */
        struct loaded l = load(test_key, catalogs[i]);
        CHECK_INT(l.result, 0);
        CHECK_INT(l.revision, i + 1);
        CHECK_INT(l.n_customers, 5);
        CHECK(l.is_catalog);
    }
    remove_dir();
}

static void one_half_is_none(void)
{
    make_dir();
    save(3, STR(SECRET));
    unlink(path_of("customers.snapshot"));
    expect_refused(test_key, -ENOENT);
    save(3, STR(SECRET));
    unlink(path_of("catalog.snapshot"));
    expect_refused(test_key, -ENOENT);
    remove_dir();
}

/* Half a policy is none, whichever half is older; the table stays empty. */
static void two_halves_of_different_revisions_are_refused(void)
{
    struct customers *customers = customers_new();

    customers_put(customers, &(struct customer){.id = {1, 2}, .rule = 3});
    make_dir();
    save(3, STR(SECRET));
    CHECK_INT(disk_save_customers(dir, 4, customers), 0);
    expect_refused(test_key, -EBADMSG);
    CHECK_INT(disk_save_customers(dir, 2, customers), 0);
    expect_refused(test_key, -EBADMSG);
    CHECK_INT(disk_save_customers(dir, 3, customers), 0);
    CHECK_INT(load(test_key, STR(SECRET)).result, 0);
    customers_free(customers);
    remove_dir();
}

/* An old catalog whose file says that it is the one of today's customers. */
static void the_revision_is_authenticated(void)
{
    CLEANUP(buf_deinit) struct buf old;

    make_dir();
    buf_init(&old, 0);
    save(3, STR(SECRET));
    read_whole("catalog.snapshot", &old);
    save(4, STR("newer"));
    CHECK_INT(old.p[8], 3); /* behind the magic */
    old.p[8] = 4;
    write_whole("catalog.snapshot", buf_str(&old));
    expect_refused(test_key, -EBADMSG);
    remove_dir();
}

static void another_key_opens_nothing(void)
{
    uint8_t key[DISK_KEY_BYTES];

    make_dir();
    save(3, STR(SECRET));
    for (size_t i = 0; i < sizeof(key); i++) {
        memcpy(key, test_key, sizeof(key));
        key[i] ^= 0x10;
        expect_refused(key, -EBADMSG);
    }
    remove_dir();
}

static void damage(const char *name)
{
    CLEANUP(buf_deinit) struct buf whole;

    buf_init(&whole, 0);
    save(3, STR(SECRET));
    read_whole(name, &whole);
    for (size_t n = 0; n < whole.n; n++) {
        write_whole(name, str_make(whole.p, n));
        expect_refused(test_key, -EBADMSG);
    }
    for (size_t at = 0; at < whole.n; at++) {
        whole.p[at] ^= 0x04;
        write_whole(name, buf_str(&whole));
        expect_refused(test_key, -EBADMSG);
        whole.p[at] ^= 0x04;
    }
    write_whole(name, buf_str(&whole));
    CHECK_INT(load(test_key, STR(SECRET)).result, 0);
    buf_put_char(&whole, 0);
    write_whole(name, buf_str(&whole));
    expect_refused(test_key, -EBADMSG);
}

static void a_damaged_catalog_is_refused(void)
{
    make_dir();
    damage("catalog.snapshot");
    remove_dir();
}

static void damaged_customers_are_refused(void)
{
    make_dir();
    damage("customers.snapshot");
    remove_dir();
}

/* The catalog holds credentials: they are not readable on disk, and no two files are alike. */
static void secrets_do_not_lie_open(void)
{
    CLEANUP(buf_deinit) struct buf first, second;
    struct stat st;

    make_dir();
    buf_init(&first, 0);
    buf_init(&second, 0);
    save(3, STR(SECRET));
    read_whole("catalog.snapshot", &first);
    CHECK(str_search(buf_str(&first), STR("secret")) == first.n);
    CHECK(stat(path_of("catalog.snapshot"), &st) == 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK(stat(path_of("customers.snapshot"), &st) == 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    save(3, STR(SECRET));
    read_whole("catalog.snapshot", &second);
    CHECK(!str_eq(str_from(buf_str(&first), 16), str_from(buf_str(&second), 16)));
    remove_dir();
}

static void without_a_directory_nothing_is_saved(void)
{
    struct customers *customers = customers_new();
    uint8_t key[DISK_KEY_BYTES];

    snprintf(dir, sizeof(dir), "/tmp/ambit-test-disk-none");
    CHECK_INT(disk_save_catalog(dir, test_key, 1, STR("x")), -ENOENT);
    CHECK_INT(disk_save_customers(dir, 1, customers), -ENOENT);
    CHECK_INT(disk_note_in_force(dir, STR("inst"), 1), -ENOENT);
    CHECK_INT(disk_key_load(path_of("key"), key), -ENOENT);
    CHECK_INT(disk_heard_wall_ns(dir), 0);
    customers_free(customers);
}

/* --- the key --------------------------------------------------------------- */

static void a_key_is_made_once_and_kept(void)
{
    uint8_t first[DISK_KEY_BYTES] = {0}, again[DISK_KEY_BYTES] = {0};
    const uint8_t zero[DISK_KEY_BYTES] = {0};
    struct stat st;

    make_dir();
    CHECK_INT(disk_key_load(path_of("key"), first), 0);
    CHECK(memcmp(first, zero, sizeof(zero)) != 0);
    CHECK(stat(path_of("key"), &st) == 0);
    CHECK_INT(st.st_mode & 0777, 0600);
    CHECK_INT(st.st_size, DISK_KEY_BYTES);
    CHECK_INT(disk_key_load(path_of("key"), again), 0);
    CHECK(memcmp(first, again, sizeof(first)) == 0);
    unlink(path_of("key"));
    CHECK_INT(disk_key_load(path_of("key"), again), 0);
    CHECK(memcmp(first, again, sizeof(first)) != 0);
    remove_dir();
}

/* Edges that start at once in one directory have one key between them. */
enum { STARTERS = 4, STARTS = 50 };

struct starter {
    pthread_barrier_t *barrier;
    uint8_t key[DISK_KEY_BYTES];
    int result;
};

static void *start(void *arg)
{
    struct starter *s = arg;

    pthread_barrier_wait(s->barrier);
    s->result = disk_key_load(path_of("key"), s->key);
    return NULL;
}

static void those_that_start_at_once_share_a_key(void)
{
    pthread_barrier_t barrier;

    make_dir();
    CHECK(pthread_barrier_init(&barrier, NULL, STARTERS) == 0);
    for (int round = 0; round < STARTS; round++) {
        struct starter starters[STARTERS];
        pthread_t threads[STARTERS];

        unlink(path_of("key"));
        for (size_t i = 0; i < STARTERS; i++) {
            starters[i] = (struct starter){.barrier = &barrier};
            CHECK(pthread_create(&threads[i], NULL, start, &starters[i]) == 0);
        }
        for (size_t i = 0; i < STARTERS; i++)
            pthread_join(threads[i], NULL);
        for (size_t i = 0; i < STARTERS; i++) {
            CHECK_INT(starters[i].result, 0);
            CHECK(memcmp(starters[i].key, starters[0].key, DISK_KEY_BYTES) == 0);
        }
    }
    pthread_barrier_destroy(&barrier);
    remove_dir();
}

static void a_file_that_is_no_key_is_not_replaced(void)
{
    CLEANUP(buf_deinit) struct buf bytes;
    uint8_t key[DISK_KEY_BYTES];

    make_dir();
    buf_init(&bytes, 0);
    write_whole("key", STR(""));
    CHECK_INT(disk_key_load(path_of("key"), key), -EINVAL);
    write_whole("key", STR("0123456789abcdef0123456789abcde"));
    CHECK_INT(disk_key_load(path_of("key"), key), -EINVAL);
    write_whole("key", STR("0123456789abcdef0123456789abcdef0"));
    CHECK_INT(disk_key_load(path_of("key"), key), -EINVAL);
    read_whole("key", &bytes);
    CHECK_STR(buf_str(&bytes), "0123456789abcdef0123456789abcdef0");
    remove_dir();
}

/* --- what has been in force ------------------------------------------------ */

static void the_highest_revision_that_was_noted_stays(void)
{
    make_dir();
    CHECK(disk_is_newest(dir, STR("inst"), 0)); /* nothing was ever noted */
    CHECK_INT(disk_note_in_force(dir, STR("inst"), 5), 0);
    CHECK(disk_is_newest(dir, STR("inst"), 5) && disk_is_newest(dir, STR("inst"), 6));
    CHECK(!disk_is_newest(dir, STR("inst"), 4));
    CHECK_INT(disk_note_in_force(dir, STR("inst"), 3), 0); /* another edge is behind */
    CHECK(!disk_is_newest(dir, STR("inst"), 4));
    CHECK_INT(disk_note_in_force(dir, STR("inst"), 1ull << 40), 0);
    CHECK(!disk_is_newest(dir, STR("inst"), 6) && disk_is_newest(dir, STR("inst"), 1ull << 40));
    remove_dir();
}

/* Revisions of two installations never compare: the last one that was in force counts. */
static void another_installation_starts_anew(void)
{
    make_dir();
    CHECK_INT(disk_note_in_force(dir, STR("inst"), 5), 0);
    CHECK(!disk_is_newest(dir, STR("other"), 5) && !disk_is_newest(dir, STR("other"), 99));
    CHECK_INT(disk_note_in_force(dir, STR("other"), 2), 0);
    CHECK(disk_is_newest(dir, STR("other"), 2) && !disk_is_newest(dir, STR("other"), 1));
    CHECK(!disk_is_newest(dir, STR("inst"), 5));
    remove_dir();
}

static void a_damaged_note_lets_nothing_pass(void)
{
    make_dir();
    CHECK_INT(disk_note_in_force(dir, STR("inst"), 5), 0);
    write_whole("in-force", STR("short"));
    CHECK(!disk_is_newest(dir, STR("inst"), 99));
    write_whole("in-force", STR(""));
    CHECK(!disk_is_newest(dir, STR("inst"), 99));
    CHECK_INT(disk_note_in_force(dir, STR("inst"), 1), 0);
    CHECK(disk_is_newest(dir, STR("inst"), 1));
    remove_dir();
}

static void when_control_was_heard_is_kept_with_the_snapshot(void)
{
    const struct timespec long_ago[] = {{.tv_sec = 1000, .tv_nsec = 5},
                                        {.tv_sec = 1000, .tv_nsec = 5}};

    make_dir();
    CHECK_INT(disk_heard_wall_ns(dir), 0);
    disk_touch_heard(dir); /* makes no file */
    CHECK_INT(disk_heard_wall_ns(dir), 0);
    save(1, STR("x"));
    CHECK(utimensat(AT_FDCWD, path_of("catalog.snapshot"), long_ago, 0) == 0);
    CHECK_INT(disk_heard_wall_ns(dir), 1000 * NS_PER_S + 5);
    disk_touch_heard(dir);
    CHECK(disk_heard_wall_ns(dir) > 1000000 * NS_PER_S);
    CHECK_INT(load(test_key, STR("x")).result, 0);
    remove_dir();
}

int main(void)
{
    RUN(what_was_saved_is_loaded);
    RUN(one_half_is_none);
    RUN(two_halves_of_different_revisions_are_refused);
    RUN(the_revision_is_authenticated);
    RUN(another_key_opens_nothing);
    RUN(a_damaged_catalog_is_refused);
    RUN(damaged_customers_are_refused);
    RUN(secrets_do_not_lie_open);
    RUN(without_a_directory_nothing_is_saved);
    RUN(a_key_is_made_once_and_kept);
    RUN(those_that_start_at_once_share_a_key);
    RUN(a_file_that_is_no_key_is_not_replaced);
    RUN(the_highest_revision_that_was_noted_stays);
    RUN(another_installation_starts_anew);
    RUN(a_damaged_note_lets_nothing_pass);
    RUN(when_control_was_heard_is_kept_with_the_snapshot);
    return test_end();
}

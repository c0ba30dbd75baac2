#include "edge/response_map.h"

#include "base/mem.h"
#include "unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A map in a file of its own for every test. Reopening stands for a restart, a second open map for
 * the next generation of the edge, and bytes cut off for a power loss.
 */

enum { LIMIT = 64, RECORD_BYTES = 152 };

static const struct siphash_key key = {11, 22};
static char path[64];
static struct response_map *m;

static struct response_map *open_map(size_t limit)
{
    struct response_map *map = response_map_open(path, &key, limit);

    CHECK(map);
    return map;
}

static void begin(void)
{
    snprintf(path, sizeof(path), "/tmp/ambit-test-XXXXXX");
    int fd = mkstemp(path);

    CHECK(fd >= 0);
    close(fd);
    m = open_map(LIMIT);
}

static void end(void)
{
    response_map_close(m);
    m = NULL;
    unlink(path);
}

static void reopen(void)
{
    response_map_close(m);
    m = open_map(LIMIT);
}

static int put(struct response_map *map, const char *response, const char *api_key,
               const char *endpoint)
{
    return response_map_put(map, str_of(response), str_of(api_key), str_of(endpoint));
}

/* The endpoint, or "none". */
static str look(struct response_map *map, const char *response, const char *api_key)
{
    static char storage[RESPONSE_ENDPOINT_BYTES];
    str endpoint;

    if (!response_map_find(map, str_of(response), str_of(api_key), storage, &endpoint))
        return STR("none");
    return endpoint;
}

static off_t file_size(void)
{
    struct stat st;

    CHECK(stat(path, &st) == 0);
    return st.st_size;
}

static void test_what_was_put_is_found(void)
{
    begin();
    CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
    CHECK_INT(put(m, "resp_2", "key_a", "e2"), 0);
    CHECK_STR(look(m, "resp_1", "key_a"), "e1");
    CHECK_STR(look(m, "resp_2", "key_a"), "e2");
    CHECK_STR(look(m, "resp_3", "key_a"), "none");
    end();
}

/* Somebody else's response is no different from one that never was. */
static void test_a_response_belongs_to_the_key_that_made_it(void)
{
    begin();
    CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
    CHECK_STR(look(m, "resp_1", "key_b"), "none");
    CHECK_STR(look(m, "resp_1key_a", ""), "none");
    CHECK_STR(look(m, "resp_", "1key_a"), "none");
    CHECK_INT(put(m, "resp_1", "key_b", "e2"), 0);
    CHECK_STR(look(m, "resp_1", "key_a"), "e1");
    CHECK_STR(look(m, "resp_1", "key_b"), "e2");
    end();
}

static void test_the_last_word_counts(void)
{
    begin();
    CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
    CHECK_INT(put(m, "resp_1", "key_a", "e2"), 0);
    CHECK_STR(look(m, "resp_1", "key_a"), "e2");
    reopen();
    CHECK_STR(look(m, "resp_1", "key_a"), "e2");
    end();
}

static void test_it_survives_reopening(void)
{
    begin();
    CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
    reopen();
    CHECK_STR(look(m, "resp_1", "key_a"), "e1");
    CHECK_INT(put(m, "resp_2", "key_a", "e2"), 0);
    reopen();
    CHECK_STR(look(m, "resp_1", "key_a"), "e1");
    CHECK_STR(look(m, "resp_2", "key_a"), "e2");
    end();
}

static void test_another_generation_reads_what_this_one_writes(void)
{
    begin();
    struct response_map *next = open_map(LIMIT);

    CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
    CHECK_STR(look(next, "resp_1", "key_a"), "e1");
    CHECK_INT(put(next, "resp_2", "key_a", "e2"), 0);
    CHECK_INT(put(m, "resp_3", "key_a", "e3"), 0);
    CHECK_STR(look(m, "resp_2", "key_a"), "e2");
    CHECK_STR(look(next, "resp_3", "key_a"), "e3");
    response_map_close(next);
    end();
}

/* An endpoint's id without padding behind it: a cut anywhere loses some of it. */
static const char *longest_id(void)
{
    static char id[RESPONSE_ENDPOINT_BYTES];

    memset(id, 'e', sizeof(id) - 1);
    return id;
}

/* The last record is cut at every length; what came before stays, and what comes after is kept. */
static void test_a_truncated_last_record_costs_itself_only(void)
{
    for (off_t left = 0; left < RECORD_BYTES - 1; left += left < 32 ? 1 : 17) {
        begin();
        CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
        CHECK_INT(put(m, "resp_2", "key_a", longest_id()), 0);
        response_map_close(m);
        CHECK_INT(file_size(), 2 * RECORD_BYTES);
        CHECK(truncate(path, RECORD_BYTES + left) == 0);
        m = open_map(LIMIT);
        CHECK_STR(look(m, "resp_1", "key_a"), "e1");
        CHECK_STR(look(m, "resp_2", "key_a"), "none");
        CHECK_INT(put(m, "resp_3", "key_a", "e3"), 0);
        reopen();
        CHECK_STR(look(m, "resp_1", "key_a"), "e1");
        CHECK_STR(look(m, "resp_2", "key_a"), "none");
        CHECK_STR(look(m, "resp_3", "key_a"), "e3");
        CHECK_INT(file_size() % RECORD_BYTES, 0);
        end();
    }
}

/* A write that stopped half way (a full disk) while two generations have the file open. */
static void test_a_torn_write_does_not_shift_what_follows(void)
{
    begin();
    struct response_map *next = open_map(LIMIT);
    int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);

    CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
    CHECK_INT(write(fd, "half a record", 13), 13);
    close(fd);
    CHECK_INT(put(next, "resp_2", "key_a", "e2"), 0);
    CHECK_INT(put(m, "resp_3", "key_a", "e3"), 0);
    CHECK_STR(look(m, "resp_2", "key_a"), "e2");
    CHECK_STR(look(next, "resp_1", "key_a"), "e1");
    CHECK_STR(look(next, "resp_3", "key_a"), "e3");
    response_map_close(next);
    end();
}

/* One flipped bit anywhere in a record makes it no record. */
static void test_a_damaged_record_is_skipped(void)
{
    for (off_t at = 0; at < RECORD_BYTES; at += 3) {
        begin();
        CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
        CHECK_INT(put(m, "resp_2", "key_a", "e2"), 0);
        response_map_close(m);
        int fd = open(path, O_RDWR | O_CLOEXEC);
        char byte;

        CHECK(pread(fd, &byte, 1, at) == 1);
        byte ^= 0x10;
        CHECK(pwrite(fd, &byte, 1, at) == 1);
        close(fd);
        m = open_map(LIMIT);
        CHECK_STR(look(m, "resp_1", "key_a"), "none");
        CHECK_STR(look(m, "resp_2", "key_a"), "e2");
        end();
    }
}

/* Records of another key are noise. */
static void test_a_file_of_another_key_says_nothing(void)
{
    static const struct siphash_key other = {33, 44};

    begin();
    CHECK_INT(put(m, "resp_1", "key_a", "e1"), 0);
    response_map_close(m);
    m = response_map_open(path, &other, LIMIT);
    CHECK(m);
    CHECK_STR(look(m, "resp_1", "key_a"), "none");
    end();
}

static void test_the_newest_are_kept(void)
{
    char response[32], endpoint[32];

    begin();
    for (int round = 0; round < 2; round++) {
        for (int i = 0; round == 0 && i < 3 * LIMIT + 5; i++) {
            snprintf(response, sizeof(response), "resp_%d", i);
            snprintf(endpoint, sizeof(endpoint), "e%d", i);
            CHECK_INT(put(m, response, "key_a", endpoint), 0);
        }
        int last = 3 * LIMIT + 4;

        /* A quarter goes at once where room is made, so three quarters are always there. */
        for (int i = last; i > last - LIMIT * 3 / 4 + 1; i--) {
            snprintf(response, sizeof(response), "resp_%d", i);
            snprintf(endpoint, sizeof(endpoint), "e%d", i);
            CHECK_STR(look(m, response, "key_a"), endpoint);
        }
        CHECK_STR(look(m, "resp_0", "key_a"), "none");
        CHECK_STR(look(m, "resp_100", "key_a"), "none");
        reopen();
    }
    end();
}

static void test_long_endpoint_ids(void)
{
    char id[RESPONSE_ENDPOINT_BYTES + 1];

    begin();
    snprintf(id, sizeof(id), "%se", longest_id());
    CHECK_INT(put(m, "resp_1", "key_a", id), -ENAMETOOLONG);
    CHECK_STR(look(m, "resp_1", "key_a"), "none");
    CHECK_INT(file_size(), 0);
    id[RESPONSE_ENDPOINT_BYTES - 1] = '\0';
    CHECK_INT(put(m, "resp_1", "key_a", id), 0);
    reopen();
    CHECK_STR(look(m, "resp_1", "key_a"), id);
    end();
}

/* The ids are nobody's business who reads the disk. */
static void test_the_file_holds_no_ids_in_the_clear(void)
{
    char bytes[RECORD_BYTES];

    begin();
    CHECK_INT(put(m, "resp_secret", "key_a", "e1"), 0);
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    CHECK_INT(read(fd, bytes, sizeof(bytes)), RECORD_BYTES);
    close(fd);
    CHECK_INT(str_search(str_make(bytes, sizeof(bytes)), STR("resp_")), sizeof(bytes));
    CHECK_INT(str_search(str_make(bytes, sizeof(bytes)), STR("key_a")), sizeof(bytes));
    end();
}

static void test_a_path_that_cannot_be_opened(void)
{
    CHECK(!response_map_open("/nonexistent/responses.map", &key, LIMIT));
}

int main(void)
{
    RUN(test_what_was_put_is_found);
    RUN(test_a_response_belongs_to_the_key_that_made_it);
    RUN(test_the_last_word_counts);
    RUN(test_it_survives_reopening);
    RUN(test_another_generation_reads_what_this_one_writes);
    RUN(test_a_truncated_last_record_costs_itself_only);
    RUN(test_a_torn_write_does_not_shift_what_follows);
    RUN(test_a_damaged_record_is_skipped);
    RUN(test_a_file_of_another_key_says_nothing);
    RUN(test_the_newest_are_kept);
    RUN(test_long_endpoint_ids);
    RUN(test_the_file_holds_no_ids_in_the_clear);
    RUN(test_a_path_that_cannot_be_opened);
    return test_end();
}

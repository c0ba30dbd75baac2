#include "cli/log_reader.h"
#include "unit/test.h"

static json_t *line(const char *ns, const char *message)
{
    return json_pack("{s:s, s:s, s:s}", "timestamp", ns, "replica", "r1", "message", message);
}

/* "abc": a line for each letter, at the times given. Takes the rows; answers the new letters. */
static str take(struct log_reader *r, json_t *rows, int64_t *last_ms)
{
    static char text[64];
    json_t *fresh = log_reader_take(r, rows, last_ms), *row;
    size_t i;

    json_array_foreach(fresh, i, row) text[i] =
        json_string_value(json_object_get(row, "message"))[0];
    str seen = str_make(text, json_array_size(fresh));
    json_decref(fresh);
    json_decref(rows);
    return seen;
}

static void test_a_line_is_new_once(void)
{
    struct log_reader r;
    int64_t last_ms = 0;

    log_reader_init(&r, "logs", "/logs", 0);
    CHECK_STR(take(&r, json_pack("[o, o]", line("1000000", "a"), line("2000000", "b")), &last_ms),
              "ab");
    CHECK_INT(last_ms, 2);
    CHECK_STR(take(&r,
                   json_pack("[o, o, o]", line("1000000", "a"), line("2000000", "b"),
                             line("3000000", "c")),
                   &last_ms),
              "c");
    log_reader_deinit(&r);
}

/* It came from another replica, and is older than what was read before. */
static void test_a_late_line_is_not_lost(void)
{
    struct log_reader r;
    int64_t last_ms = 0;

    log_reader_init(&r, "logs", "/logs", 0);
    take(&r, json_pack("[o]", line("2000000", "b")), &last_ms);
    CHECK_STR(take(&r, json_pack("[o, o]", line("1000000", "a"), line("2000000", "b")), &last_ms),
              "a");
    log_reader_deinit(&r);
}

static void test_equal_lines_are_counted(void)
{
    struct log_reader r;
    int64_t last_ms = 0;

    log_reader_init(&r, "logs", "/logs", 0);
    CHECK_STR(take(&r, json_pack("[o, o]", line("1", "a"), line("1", "a")), &last_ms), "aa");
    CHECK_STR(
        take(&r, json_pack("[o, o, o]", line("1", "a"), line("1", "a"), line("1", "a")), &last_ms),
        "a");
    CHECK_STR(
        take(&r, json_pack("[o, o, o]", line("1", "a"), line("1", "a"), line("1", "a")), &last_ms),
        "");
    log_reader_deinit(&r);
}

static str printed(const char *message)
{
    static char *text;
    static size_t n;
    json_t *rows = json_pack("[{s:s, s:s, s:s, s:s}]", "timestamp", "1000000000", "level", "ERROR",
                             "replica", "r1", "message", message);

    free(text);
    FILE *to = open_memstream(&text, &n);
    log_print(to, rows);
    fclose(to);
    json_decref(rows);
    return str_make(text, n);
}

#define HEAD  "1970-01-01T00:00:01.000Z  ERROR    r1          "
#define BELOW "                                               "

static void test_a_message_of_several_lines_is_lines(void)
{
    CHECK_STR(printed("failed\nTraceback:\n\tline 1\r\nValueError: x\n"),
              HEAD "failed\n" BELOW "Traceback:\n" BELOW "\tline 1\n" BELOW "ValueError: x\n");
    CHECK_STR(printed(""), HEAD "\n");
}

static void test_a_message_steers_no_terminal(void)
{
    CHECK_STR(printed("a\x1b[2Jb\rc\x7f\xc2\x9b"
                      "d\xc2\xa0\xc3\xa9"),
              HEAD "a?[2Jb?c??d\xc2\xa0\xc3\xa9\n");
}

int main(void)
{
    RUN(test_a_message_of_several_lines_is_lines);
    RUN(test_a_message_steers_no_terminal);
    RUN(test_a_line_is_new_once);
    RUN(test_a_late_line_is_not_lost);
    RUN(test_equal_lines_are_counted);
    return test_end();
}

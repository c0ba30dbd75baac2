#include "base/mem.h"
#include "plane/output.h"
#include "unit/test.h"

static struct buf lines;
static size_t n_lines;

static void on_line(void *ctx, str line)
{
    (void)ctx;
    buf_put_str(&lines, line);
    n_lines++;
}

static struct output begin(void)
{
    struct output o;

    buf_deinit(&lines);
    buf_init(&lines, 0);
    n_lines = 0;
    output_init(&o, on_line, NULL);
    return o;
}

#define PLAIN(text) "{\"timestamp\":\"7\",\"level\":\"INFO\",\"message\":\"" text "\"}\n"

static const struct {
    const char *said, *lines, *last;
} cases[] = {
    {"", "", ""},
    {"hello\n", PLAIN("hello"), "hello"},
    {"hello", PLAIN("hello"), "hello"},
    {"a\r\n\nb\n", PLAIN("a") PLAIN("") PLAIN("b"), "b"},
    {"tab\t\"quote\" \x01\n", PLAIN("tab\\t\\\"quote\\\" \\u0001"), "tab\t\"quote\" \x01"},
    {"not \xff UTF-8\n", PLAIN("not \xef\xbf\xbd UTF-8"), "not \xff UTF-8"},
    {"why\n   \n", PLAIN("why") PLAIN("   "), "why"},
    {"{\"level\":\"error\",\"message\":\"m\\n  at x\\n last \"}\n",
     "{\"timestamp\":\"7\",\"level\":\"ERROR\",\"message\":\"m\\n  at x\\n last \"}\n", "last"},
    {"{\"message\":\"m\",\"request_id\":\"r\\u0041\",\"level\":\"warn\"}\n",
     "{\"timestamp\":\"7\",\"level\":\"WARNING\",\"message\":\"m\",\"request_id\":\"rA\"}\n", "m"},
    {"{\"message\":\"m\",\"timestamp\":\"1\",\"replica\":\"x\",\"n\":[1,{\"a\":\"b\"}]}\n",
     PLAIN("{\\\"message\\\":\\\"m\\\",\\\"timestamp\\\":\\\"1\\\",\\\"replica\\\":\\\"x\\\","
           "\\\"n\\\":[1,"
           "{\\\"a\\\":\\\"b\\\"}]}"),
     "m"},
    /* No object with a message: a line like any other. */
    {"{\"msg\":\"m\"}\n", PLAIN("{\\\"msg\\\":\\\"m\\\"}"), "{\"msg\":\"m\"}"},
    {"{\"message\":1}\n", PLAIN("{\\\"message\\\":1}"), "{\"message\":1}"},
    {"{\"message\":\"m\"} x\n", PLAIN("{\\\"message\\\":\\\"m\\\"} x"), "{\"message\":\"m\"} x"},
    {"{\"message\":\"m\",\"message\":\"n\"}\n",
     PLAIN("{\\\"message\\\":\\\"m\\\",\\\"message\\\":\\\"n\\\"}"),
     "{\"message\":\"m\",\"message\":\"n\"}"},
};

static void lines_are_what_was_said_however_it_comes(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str said = str_of(cases[i].said);

        for (size_t cut = 0; cut <= said.n; cut++) {
            struct output o = begin();

            output_feed(&o, str_upto(said, cut), 7);
            output_feed(&o, str_from(said, cut), 7);
            output_end(&o, 7);
            CHECK_STR(buf_str(&lines), cases[i].lines);
            CHECK_STR(output_last(&o), cases[i].last);
            output_deinit(&o);
        }
    }
}

static void a_long_line_is_several(void)
{
    struct output o = begin();
    struct buf text;

    /* Of two bytes a character, from an odd place: no cut at the limit falls between them. */
    buf_init(&text, 0);
    buf_put_char(&text, 'x');
    for (size_t i = 0; i < OUTPUT_LINE_MAX; i++)
        buf_put(&text, "\xc3\xa9", 2);
    buf_put_char(&text, '\n');
    output_feed(&o, buf_str(&text), 7);
    output_end(&o, 7);
    CHECK_INT(n_lines, 3);
    CHECK(str_search(buf_str(&lines), STR("\xef\xbf\xbd")) == lines.n);
    CHECK_INT(lines.n, 2 * OUTPUT_LINE_MAX + 1 + 3 * (sizeof(PLAIN("")) - 1));
    CHECK_STR(output_last(&o), "\xc3\xa9");
    buf_deinit(&text);
    output_deinit(&o);
}

static void what_is_remembered_is_bounded(void)
{
    struct output o = begin();
    char said[OUTPUT_LAST_MAX + 2];

    memset(said, 'y', sizeof(said));
    memcpy(said + OUTPUT_LAST_MAX - 1, "\xc3\xa9", 2);
    output_say(&o, "INFO", str_make(said, sizeof(said)), 7);
    CHECK_INT(output_last(&o).n, OUTPUT_LAST_MAX - 1);
    output_deinit(&o);
}

static void what_another_library_may_not_read_is_not_merged_raw(void)
{
    struct output o = begin();

    output_feed(&o, STR("{\"message\":\"m\",\"x\":\"\xff\"}\n"), 7);
    CHECK(str_search(buf_str(&lines), STR("\xff")) == lines.n);
    output_deinit(&o);
}

int main(void)
{
    RUN(lines_are_what_was_said_however_it_comes);
    RUN(a_long_line_is_several);
    RUN(what_is_remembered_is_bounded);
    RUN(what_another_library_may_not_read_is_not_merged_raw);
    buf_deinit(&lines);
    return test_end();
}

/* The scanner says the same of a text whatever the pieces it comes in, and about validity the same
 * as a parser that we did not write. */

#include "base/json_scan.h"
#include "base/mem.h"
#include "test.h"

#include <jansson.h>

enum { MEMBERS = 64, DEPTH = 16 };

/* Exactly as long as the text, so that a byte read too far is seen by the sanitizers. */
static char *exact_copy(str text)
{
    char *copy = malloc(text.n ? text.n : 1);

    if (text.n)
        memcpy(copy, text.p, text.n);
    return copy;
}

static enum json_scan_result scan_at(str text, size_t cut, struct json_scan *s)
{
    char *first = exact_copy(str_upto(text, cut)), *whole = exact_copy(text);
    enum json_scan_result result = json_scan_feed(s, str_make(first, cut), JSON_SCAN_MORE_COMES);

    if (result < JSON_SCAN_INVALID)
        result = json_scan_feed(s, str_make(whole, text.n), JSON_SCAN_LAST);
    free(first);
    free(whole);
    return result;
}

static void expect_everywhere(str text, enum json_scan_result expected)
{
    for (size_t cut = 0; cut <= text.n; cut++) {
        struct json_scan *s = json_scan_new(MEMBERS, DEPTH);
        enum json_scan_result result = scan_at(text, cut, s);

        json_scan_free(s);
        if (result != expected)
            printf("  %.*s cut at %zu: %d, not %d\n", STR_ARG(text), cut, (int)result,
                   (int)expected);
        CHECK(result == expected);
    }
    struct json_scan *s = json_scan_new(MEMBERS, DEPTH);
    for (size_t n = 0; n < text.n; n++)
        json_scan_feed(s, str_upto(text, n), JSON_SCAN_MORE_COMES);
    CHECK(json_scan_feed(s, text, JSON_SCAN_LAST) == expected);
    json_scan_free(s);
}

static const char *const valid[] = {
    "{}",
    " {\t}\r\n ",
    "{\"\":0}",
    "{\"a\":1,\"b\":[],\"c\":{},\"d\":null,\"e\":true,\"f\":false,\"g\":\"\"}",
    "{\"a\":-0.0e+10,\"b\":1E5,\"c\":1234567890123456789,\"d\":0.5e-3,\"e\":-1}",
    "{ \"a\" : [ 1 , [ 2 , { \"b\" : [ ] } ] ] , \"a2\" : \"x\" }",
    "{\"a\":\"int main(void) {\\n    return \\u0041; /* { [ */\\n}\\n\",\"b\":\"[{\"}",
    "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD834\\uDD1E\\ud7ff\\ue000\"}",
    "{\"a\":\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80"
    "\xf4\x8f\xbf\xbf\",\"\xd0\xbf\":\"\x7f\"}",
    "{\"long\":\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901"
    "234567890123456789012345678901234567890123456789\\\\0123456789012345678901234567890123456789"
    "01234567890123456789012345678901\\\"\"}",
    "{\"a\":[[[[[[[[[[[[[[]]]]]]]]]]]]]]}",
};

static const char *const invalid[] = {
    "",
    " ",
    "[]",
    "1",
    "\"a\"",
    "{",
    "{\"a\"}",
    "{\"a\":}",
    "{\"a\":1,}",
    "{,}",
    "{\"a\":1 \"b\":2}",
    "{\"a\":1}}",
    "{\"a\":1} x",
    "{\"a\":[1,]}",
    "{\"a\":[1}",
    "{\"a\":{]}",
    "{a:1}",
    "{'a':1}",
    "{\"a\":01}",
    "{\"a\":-}",
    "{\"a\":+1}",
    "{\"a\":.5}",
    "{\"a\":1.}",
    "{\"a\":1e}",
    "{\"a\":0x1}",
    "{\"a\":1-2}",
    "{\"a\":NaN}",
    "{\"a\":tru}",
    "{\"a\":truex}",
    "{\"a\":nul",
    "{\"a\":\"",
    "{\"a\":\"\\",
    "{\"a\":\"\\x\"}",
    "{\"a\":\"\\u12\"}",
    "{\"a\":\"\\u12G4\"}",
    "{\"a\":\"\\ud834\"}",
    "{\"a\":\"\\ud834\\u0041\"}",
    "{\"a\":\"\\udd1e\"}",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\x01\"}",
    "{\"a\":\"\x80\"}",
    "{\"a\":\"\xc0\xaf\"}",
    "{\"a\":\"\xc1\xbf\"}",
    "{\"a\":\"\xe0\x80\x80\"}",
    "{\"a\":\"\xed\xa0\x80\"}",
    "{\"a\":\"\xf0\x80\x80\x80\"}",
    "{\"a\":\"\xf4\x90\x80\x80\"}",
    "{\"a\":\"\xf5\x80\x80\x80\"}",
    "{\"a\":\"\xe2\x82\"}",
    "{\"a\":\"0123456789012345678901234567890123456789012345678901234567890123456789\x80 rest\"}",
    "{\"a\":\"01234567890123456789012345678901234567890123456789012345678901\\x23456789\"}",
    "\xef\xbb\xbf{}",
    "{\"a\":1}\v",
};

static bool jansson_accepts(str text)
{
    json_t *value = json_loadb(text.n ? text.p : "", text.n, JSON_ALLOW_NUL, NULL);
    bool accepted = json_is_object(value);

    json_decref(value);
    return accepted;
}

/* It reads numbers into 64 bits; a scanner has no need to. */
static bool is_too_big_for_jansson(str text)
{
    json_error_t error;
    json_t *value = json_loadb(text.p, text.n, JSON_ALLOW_NUL, &error);
    bool too_big = !value && json_error_code(&error) == json_error_numeric_overflow;

    json_decref(value);
    return too_big;
}

static void valid_texts_in_all_pieces(void)
{
    for (size_t i = 0; i < COUNT_OF(valid); i++) {
        CHECK(jansson_accepts(str_of(valid[i])));
        expect_everywhere(str_of(valid[i]), JSON_SCAN_DONE);
    }
}

static void invalid_texts_in_all_pieces(void)
{
    for (size_t i = 0; i < COUNT_OF(invalid); i++) {
        CHECK(!jansson_accepts(str_of(invalid[i])));
        expect_everywhere(str_of(invalid[i]), JSON_SCAN_INVALID);
    }
}

static void two_members_of_one_name(void)
{
    expect_everywhere(STR("{\"model\":1,\"b\":2,\"model\":3}"), JSON_SCAN_DUPLICATE);
    expect_everywhere(STR("{\"model\":1,\"m\\u006fdel\":3}"), JSON_SCAN_DUPLICATE);
    expect_everywhere(STR("{\"\":1,\"\":3}"), JSON_SCAN_DUPLICATE);
    expect_everywhere(STR("{\"a-name-of-more-than-8-bytes\":1,\"a-name-of-m0re-than-8-bytes\":3}"),
                      JSON_SCAN_DONE);
    /* Inside a value names are the reader's business. */
    expect_everywhere(STR("{\"a\":{\"x\":1,\"x\":2}}"), JSON_SCAN_DONE);
}

static struct json_scan *scan_of_numbered(int n, const char *last)
{
    char text[4096] = "{";
    size_t at = 1;
    struct json_scan *s = json_scan_new(MEMBERS, DEPTH);

    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "\"member-%d\":%d,", i, i);
    at += (size_t)snprintf(text + at, sizeof(text) - at, "\"%s\":0}", last);
    json_scan_feed(s, str_make(text, at), JSON_SCAN_LAST);
    return s;
}

static void names_are_told_apart_however_many(void)
{
    for (int n = 1; n < MEMBERS; n++) {
        struct json_scan *s = scan_of_numbered(n, "last");

        CHECK_INT(json_scan_count(s), n + 1);
        json_scan_free(s);
        for (int repeated = 0; repeated < n; repeated += 7) {
            char name[32];

            snprintf(name, sizeof(name), "member-%d", repeated);
            s = scan_of_numbered(n, name);
            CHECK(json_scan_is_duplicate(s));
            json_scan_free(s);
        }
    }
}

static void limits(void)
{
    struct json_scan *s = scan_of_numbered(MEMBERS, "one-too-many");

    CHECK(json_scan_feed(s, STR("x"), JSON_SCAN_LAST) == JSON_SCAN_TOO_MANY);
    json_scan_free(s);
    expect_everywhere(STR("{\"a\":[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]}"), JSON_SCAN_DONE);
    expect_everywhere(STR("{\"a\":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]}"), JSON_SCAN_TOO_DEEP);
}

static void members_lie_where_they_are_said_to(void)
{
    str text = STR(" { \"m\\u006fdel\" : \"a\\nb\" , \"n\":-5, \"u\":18446744073709551615,"
                   "\"o\":{\"x\":[1]}, \"t\":true,\"z\":null}");

    for (size_t cut = 0; cut <= text.n; cut++) {
        struct json_scan *s = json_scan_new(MEMBERS, DEPTH);
        struct arena arena;
        uint64_t u;

        arena_init(&arena, NULL, 0);
        CHECK(scan_at(text, cut, s) == JSON_SCAN_DONE);
        const struct json_member *m = json_scan_find(s, text, STR("model"));
        CHECK(m && m->kind == JSON_KIND_STRING);
        CHECK_STR(json_value_text(m, text, &arena), "a\nb");
        CHECK_STR(json_name_text(m, text, &arena), "model");
        CHECK_STR(json_value_raw(json_scan_find(s, text, STR("o")), text), "{\"x\":[1]}");
        CHECK(!json_value_u64(json_scan_find(s, text, STR("n")), text, &u));
        CHECK(json_value_u64(json_scan_find(s, text, STR("u")), text, &u) && u == UINT64_MAX);
        CHECK(json_scan_find(s, text, STR("t"))->kind == JSON_KIND_TRUE);
        CHECK(json_scan_find(s, text, STR("z"))->kind == JSON_KIND_NULL);
        CHECK(!json_scan_find(s, text, STR("x")));
        arena_deinit(&arena);
        json_scan_free(s);
    }
}

/* Random edits of valid texts: accepted by both or by none. */
static void agrees_with_another_parser(void)
{
    unsigned seed = 1;

    for (int round = 0; round < 20000; round++) {
        char text[512];
        const char *from = valid[(size_t)rand_r(&seed) % COUNT_OF(valid)];
        size_t n = strlen(from) < sizeof(text) ? strlen(from) : sizeof(text);

        memcpy(text, from, n);
        for (int edits = rand_r(&seed) % 3 + 1; edits; edits--)
            text[(size_t)rand_r(&seed) % n] = "{}[]:,\"\\u0x \n-e.\x80\xc3t"[rand_r(&seed) % 19];
        struct json_scan *s = json_scan_new(MEMBERS, DEPTH);
        enum json_scan_result result =
            scan_at(str_make(text, n), (size_t)rand_r(&seed) % (n + 1), s);
        json_scan_free(s);
        if (result == JSON_SCAN_DUPLICATE || result == JSON_SCAN_TOO_DEEP)
            continue; /* stricter by intention */
        if (is_too_big_for_jansson(str_make(text, n)))
            continue;
        if ((result == JSON_SCAN_DONE) != jansson_accepts(str_make(text, n)))
            printf("  %.*s\n", (int)n, text);
        CHECK((result == JSON_SCAN_DONE) == jansson_accepts(str_make(text, n)));
    }
}

int main(void)
{
    RUN(valid_texts_in_all_pieces);
    RUN(invalid_texts_in_all_pieces);
    RUN(two_members_of_one_name);
    RUN(names_are_told_apart_however_many);
    RUN(limits);
    RUN(members_lie_where_they_are_said_to);
    RUN(agrees_with_another_parser);
    return test_end();
}

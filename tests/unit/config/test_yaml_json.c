#include "config/yaml_json.h"

#include "base/buf.h"
#include "base/mem.h"
#include "unit/test.h"

#include <errno.h>

static char text[4096];

/* The document as compact JSON, or "line:column: message". */
static str parsed(str source)
{
    struct yaml_document document;
    struct yaml_error error;
    char *json;

    if (yaml_parse(source, &document, &error)) {
        int n = snprintf(text, sizeof(text), "%u:%u: %s", error.place.line, error.place.column,
                         error.message);

        return str_make(text, (size_t)n);
    }
    json = json_dumps(document.root, JSON_COMPACT | JSON_ENCODE_ANY);
    int n = snprintf(text, sizeof(text), "%s", json);
    free(json);
    yaml_document_deinit(&document);
    return str_make(text, (size_t)n);
}

static void test_scalars_are_typed_strictly(void)
{
    CHECK_STR(parsed(STR("[no, NO, yes, on, off, y, n]")),
              "[\"no\",\"NO\",\"yes\",\"on\",\"off\",\"y\",\"n\"]");
    CHECK_STR(parsed(STR("[true, True, FALSE, null, ~, Null]")),
              "[true,true,false,null,null,null]");
    CHECK_STR(parsed(STR("[0, 12, -3, 010, 0x1f, 1:30, 1_000, +1, 1e3]")),
              "[0,12,-3,\"010\",\"0x1f\",\"1:30\",\"1_000\",\"+1\",\"1e3\"]");
    CHECK_STR(parsed(STR("[1.5, -0.25, .5, 1., 2024-10-21, .inf, .nan]")),
              "[1.5,-0.25,\".5\",\"1.\",\"2024-10-21\",\".inf\",\".nan\"]");
    CHECK_STR(parsed(STR("['true', \"12\", 'null']")), "[\"true\",\"12\",\"null\"]");
    CHECK_STR(parsed(STR("[9223372036854775807999]")), "[\"9223372036854775807999\"]");
}

static void test_tags(void)
{
    CHECK_STR(parsed(STR("[!!str 12, !!int 3, !!bool true, !!null ~, !!float 1.5, ! 7]")),
              "[\"12\",3,true,null,1.5,\"7\"]");
    CHECK_STR(parsed(STR("!!int abc")), "1:1: the tag tag:yaml.org,2002:int does not fit here");
    CHECK_STR(parsed(STR("!ruby/object x")), "1:1: the tag !ruby/object does not fit here");
    CHECK_STR(parsed(STR("!!python/object {a: 1}")),
              "1:1: the tag tag:yaml.org,2002:python/object is not known");
    CHECK_STR(parsed(STR("!!set {a: 1}")), "1:1: the tag tag:yaml.org,2002:set is not known");
    CHECK_STR(parsed(STR("!!map {a: 1}")), "{\"a\":1}");
}

static void test_documents(void)
{
    CHECK_STR(parsed(STR("")), "null");
    CHECK_STR(parsed(STR("# a comment\n")), "null");
    CHECK_STR(parsed(STR("---\na: 1\n...\n")), "{\"a\":1}");
    CHECK_STR(parsed(STR("a: 1\n---\nb: 2\n")),
              "2:1: a second document begins here; one is allowed");
}

static void test_keys(void)
{
    CHECK_STR(parsed(STR("a: 1\nb: 2\na: 3\n")),
              "3:1: the key \"a\" is here for the second time, first on line 1");
    CHECK_STR(parsed(STR("{a: {x: 1, 'x': 2}}")),
              "1:12: the key \"x\" is here for the second time, first on line 1");
    CHECK_STR(parsed(STR("? [a]\n: 1\n")), "1:3: a key must be a text");
    CHECK_STR(parsed(STR("1: a\nno: b\n")), "{\"1\":\"a\",\"no\":\"b\"}");
    CHECK_STR(parsed(STR("\"a\\0b\": 1")), "1:1: a key must not contain NUL");
    CHECK_STR(parsed(STR("a: \"b\\0\"")), "1:4: a text must not contain NUL");
    CHECK_STR(parsed(STR("&k a: 1")), "1:1: a key cannot have an anchor");
}

static void test_malformed_text_has_a_place(void)
{
    CHECK(str_starts(parsed(STR("a: [1, 2\nb: 3\n")), STR("2:2: not YAML: ")));
    CHECK(str_starts(parsed(STR("a: b: c")), STR("1:5: not YAML: ")));
    CHECK(str_search(parsed(STR("a: \xff")), STR("not YAML")) == 5);
    CHECK(str_starts(parsed(STR("\tx: 1")), STR("1:1: not YAML: ")));
}

static void test_aliases_and_merges(void)
{
    CHECK_STR(parsed(STR("a: &x [1, 2]\nb: *x\n")), "{\"a\":[1,2],\"b\":[1,2]}");
    CHECK_STR(parsed(STR("a: *x")), "1:4: the alias *x names no anchor before it");
    CHECK_STR(parsed(STR("a: &x [*x]")), "1:8: the alias *x names no anchor before it");
    CHECK_STR(parsed(STR("a: &x 1\nb: &x 2\nc: *x\n")), "{\"a\":1,\"b\":2,\"c\":2}");
    CHECK_STR(parsed(STR("a: &x {p: 1, q: 2}\nb:\n  <<: *x\n  q: 3\n")),
              "{\"a\":{\"p\":1,\"q\":2},\"b\":{\"q\":3,\"p\":1}}");
    CHECK_STR(parsed(STR("a: &x {p: 1}\nb: &y {p: 2, r: 4}\nc: {<<: [*x, *y]}\n")),
              "{\"a\":{\"p\":1},\"b\":{\"p\":2,\"r\":4},\"c\":{\"p\":1,\"r\":4}}");
    CHECK_STR(parsed(STR("a: {<<: 3}")), "1:9: a merge key takes a mapping or a list of mappings");
    CHECK_STR(parsed(STR("x: &x {p: 1}\na: {<<: *x, <<: *x}")),
              "2:13: the key \"<<\" is here for the second time");
}

static void test_billion_laughs_end_early(void)
{
    struct buf b;

    buf_init(&b, 0);
    buf_put_str(&b, STR("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"));
    for (int i = 1; i < 12; i++) {
        buf_printf(&b, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&b, "%s*a%d", k ? "," : "", i - 1);
        buf_put_str(&b, STR("]\n"));
    }
    CHECK(str_search(parsed(buf_str(&b)), STR("aliases repeat more than 100000 values")) < 20);
    buf_deinit(&b);
}

static void test_depth_is_bounded(void)
{
    char deep[YAML_MAX_DEPTH + 2];

    memset(deep, '[', sizeof(deep));
    CHECK_STR(parsed(str_make(deep, sizeof(deep))), "1:49: nested more than 48 levels deep");
}

static void test_places(void)
{
    str source = STR("top:\n  list:\n    - a\n    -   key: 1\n");
    struct yaml_document d;
    struct yaml_error error;
    struct yaml_place place;
    const json_t *top, *list;

    CHECK(yaml_parse(source, &d, &error) == 0);
    top = json_object_get(d.root, "top");
    list = json_object_get(top, "list");
    place = yaml_member_place(&d, top, STR("list"));
    CHECK_INT(place.line, 2);
    CHECK_INT(place.column, 3);
    place = yaml_item_place(&d, list, 1);
    CHECK_INT(place.line, 4);
    CHECK_INT(place.column, 9);
    place = yaml_member_place(&d, json_array_get(list, 1), STR("key"));
    CHECK_INT(place.column, 9);
    CHECK_INT(yaml_member_place(&d, top, STR("absent")).line, 0);
    yaml_document_deinit(&d);
}

/* Whatever the prefix, the parser ends with a value or an error and leaks nothing (under asan). */
static void test_cut_anywhere(void)
{
    static const char source[] =
        "a: &x {p: [1, 'two', \"th\\u00e9e\"], q: ~}\nb: {<<: *x, r: !!str 5}\n? c\n: |\n  block\n";

    for (size_t n = 0; n < sizeof(source); n++)
        (void)parsed(str_make(source, n));
    CHECK_STR(parsed(str_make(source, sizeof(source) - 1)),
              "{\"a\":{\"p\":[1,\"two\",\"th\xc3\xa9"
              "e\"],\"q\":null},"
              "\"b\":{\"r\":\"5\",\"p\":[1,\"two\",\"th\xc3\xa9"
              "e\"],\"q\":null},"
              "\"c\":\"block\\n\"}");
}

int main(void)
{
    RUN(test_scalars_are_typed_strictly);
    RUN(test_tags);
    RUN(test_documents);
    RUN(test_keys);
    RUN(test_malformed_text_has_a_place);
    RUN(test_aliases_and_merges);
    RUN(test_billion_laughs_end_early);
    RUN(test_depth_is_bounded);
    RUN(test_places);
    RUN(test_cut_anywhere);
    return test_end();
}

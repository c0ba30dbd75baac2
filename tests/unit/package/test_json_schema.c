#include "base/mem.h"
#include "package/json_schema.h"
#include "package/json_schema_pattern.h"
#include "unit/test.h"

static struct buf said;

static void on_problem(void *ctx, const struct json_schema_problem *problem)
{
    (void)ctx;
    if (said.n)
        buf_put_str(&said, STR(" | "));
    buf_printf(&said, "%s%.*s: %.*s", problem->kind == JSON_SCHEMA_UNKNOWN ? "(" : "",
               STR_ARG(problem->path), STR_ARG(problem->message));
    if (problem->kind == JSON_SCHEMA_UNKNOWN)
        buf_put_char(&said, ')');
    if (problem->container)
        CHECK(problem->key ? json_object_get(problem->container, problem->key) != NULL
                           : json_array_get(problem->container, problem->index) != NULL);
}

/* Everything that a check says, or why the schema was refused. */
static str checked(const char *schema_text, const char *value_text)
{
    static const str hidden[] = {STR_INIT("hush")};
    const struct json_schema_check how = {
        .hidden = hidden, .n_hidden = 1, .on_problem = on_problem};
    json_t *value = json_loads(value_text, JSON_DECODE_ANY, NULL);
    struct json_schema *schema;

    CHECK(value);
    buf_clear(&said);
    schema = json_schema_new(str_of(schema_text), &said);
    if (schema)
        (void)json_schema_check(schema, value, &how);
    json_schema_free(schema);
    json_decref(value);
    return said.n ? buf_str(&said) : STR("");
}

struct row {
    const char *value, *expected;
};

static void check_rows(const char *schema, const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        CHECK_STR(checked(schema, rows[i].value), rows[i].expected);
}
#define CHECK_ROWS(schema, ...)                                                                    \
    check_rows(schema, (const struct row[]){__VA_ARGS__},                                          \
               sizeof((const struct row[]){__VA_ARGS__}) / sizeof(struct row))

static void test_types(void)
{
    CHECK_ROWS("{\"type\":\"string\"}", {"\"a\"", ""},
               {"1", ": expected a text, found the number 1; write it in quotes"},
               {"true", ": expected a text, found true; write it in quotes"},
               {"null", ": expected a text, found null"},
               {"[]", ": expected a text, found a list"});
    CHECK_ROWS("{\"type\":\"integer\"}", {"1", ""}, {"2.0", ""}, {"-3", ""},
               {"1.5", ": expected a whole number, found the number 1.5"},
               {"1e300", ": expected a whole number, found the number 1e300"},
               {"\"1\"", ": expected a whole number, found the text \"1\""});
    CHECK_ROWS("{\"type\":\"number\"}", {"1", ""}, {"1.5", ""},
               {"false", ": expected a number, found false"});
    CHECK_ROWS("{\"type\":\"boolean\"}", {"true", ""}, {"false", ""},
               {"\"yes\"", ": expected true or false, found the text \"yes\""});
    CHECK_ROWS("{\"type\":\"null\"}", {"null", ""}, {"0", ": expected null, found the number 0"});
    CHECK_ROWS("{\"type\":\"array\"}", {"[1]", ""}, {"{}", ": expected a list, found a mapping"});
    CHECK_ROWS("{\"type\":\"object\"}", {"{\"a\":1}", ""},
               {"[]", ": expected a mapping, found a list"});
    CHECK_ROWS("{}", {"1", ""}, {"{\"a\":[null]}", ""});
}

static void test_numbers(void)
{
    CHECK_ROWS("{\"type\":\"integer\",\"minimum\":1,\"maximum\":3}", {"1", ""}, {"3", ""},
               {"0", ": expected a whole number of at least 1 up to 3, found the number 0"},
               {"4", ": expected a whole number of at least 1 up to 3, found the number 4"},
               {"9223372036854775807", ": expected a whole number of at least 1 up to 3, found the "
                                       "number 9223372036854775807"});
    CHECK_ROWS("{\"type\":\"number\",\"exclusiveMinimum\":0,\"exclusiveMaximum\":1}", {"0.5", ""},
               {"0", ": expected a number above 0 below 1, found the number 0"},
               {"1.0", ": expected a number above 0 below 1, found the number 1.0"});
    CHECK_ROWS("{\"minimum\":5}", {"\"text\"", ""}, {"5", ""});
}

static void test_texts(void)
{
    CHECK_ROWS("{\"minLength\":2,\"maxLength\":3}", {"\"ab\"", ""}, {"\"äöü\"", ""}, {"7", ""},
               {"\"ä\"", ": expected a text of at least 2 characters, found 1"},
               {"\"abcd\"", ": expected a text of at most 3 characters, found 4"});
    CHECK_ROWS("{\"minLength\":1}", {"\"\"", ": expected a text of at least 1 character, found 0"});
    CHECK_ROWS("{\"pattern\":\"^a+$\"}", {"\"aa\"", ""},
               {"\"ab\"", ": expected a text that matches ^a+$"});
}

static void test_literals(void)
{
    CHECK_ROWS("{\"enum\":[\"hf\",\"gcs\",1,null]}", {"\"hf\"", ""}, {"1.0", ""}, {"null", ""},
               {"\"gc\"", ": expected one of \"hf\", \"gcs\", 1, null, found the text \"gc\"; did "
                          "you mean \"gcs\"?"},
               {"[]", ": expected one of \"hf\", \"gcs\", 1, null, found a list"});
    CHECK_ROWS("{\"const\":\"v1\"}", {"\"v1\"", ""},
               {"\"v2\"", ": expected \"v1\", found the text \"v2\""});
}

static void test_members(void)
{
    static const char closed[] = "{\"properties\":{\"port\":{\"type\":\"integer\"},\"host\":{}},"
                                 "\"required\":[\"port\"],\"additionalProperties\":false}";
    static const char open[] = "{\"properties\":{\"port\":{\"type\":\"integer\"}}}";

    CHECK_ROWS(closed, {"{\"port\":1}", ""},
               {"{\"prot\":1,\"port\":\"x\"}",
                "prot: unknown member | port: expected a whole number, found the text \"x\""},
               {"{\"hots\":1}", ": \"port\" is missing; expected a whole number | hots: unknown "
                                "member; did you mean \"host\"?"},
               {"[1]", ""});
    CHECK_ROWS(open, {"{\"prt\":1}", "(prt: unknown member; did you mean \"port\"?)"},
               {"{\"zebra\":1}", "(zebra: unknown member)"});
    CHECK_ROWS("{\"type\":\"object\"}", {"{\"anything\":{\"goes\":1}}", ""});
    CHECK_ROWS(
        "{\"additionalProperties\":{\"type\":\"string\"}}", {"{\"a\":\"b\"}", ""},
        {"{\"a\":1,\"b c\":2}",
         "a: expected a text, found the number 1; write it in quotes | [\"b c\"]: expected a "
         "text, found the number 2; write it in quotes"});
    CHECK_ROWS("{\"patternProperties\":{\"^[a-z\\\\-\\\\.]+$\":{\"type\":\"null\"}}}",
               {"{\"a-b.c\":null}", ""}, {"{\"a\":1}", "a: expected null, found the number 1"},
               {"{\"A\":1}", "(A: unknown member)"});
}

static void test_items_and_paths(void)
{
    CHECK_ROWS(
        "{\"properties\":{\"weights\":{\"items\":{\"required\":[\"source\"],\"properties\":{"
        "\"source\":{\"type\":\"string\"}}}}}}",
        {"{\"weights\":[]}", ""},
        {"{\"weights\":[{\"source\":\"s\"},{},{\"source\":[]}]}",
         "weights[1]: \"source\" is missing; expected a text | weights[2].source: expected a "
         "text, found a list"});
}

static void test_any_of(void)
{
    static const char schema[] =
        "{\"$defs\":{\"S\":{\"type\":\"object\",\"properties\":{\"port\":{\"type\":\"integer\"}},"
        "\"required\":[\"port\"]}},\"anyOf\":[{\"$ref\":\"#/$defs/S\"},{\"type\":\"string\"},{"
        "\"type\":\"null\"}]}";

    CHECK_ROWS(
        schema, {"null", ""}, {"\"a\"", ""}, {"{\"port\":1}", ""},
        {"1", ": expected a mapping, a text or null, found the number 1; write it in quotes"},
        {"{}", ": \"port\" is missing; expected a whole number"},
        {"{\"port\":null}", "port: expected a whole number, found null"},
        {"{\"port\":1,\"prt\":2}", "(prt: unknown member)"});
    CHECK_ROWS("{\"anyOf\":[{\"type\":\"integer\",\"minimum\":1},{\"type\":\"null\"}]}",
               {"0", ": expected a whole number of at least 1, found the number 0"});
}

static void test_one_of(void)
{
    static const char plain[] =
        "{\"oneOf\":[{\"type\":\"object\",\"properties\":{\"v\":{\"const\":1}}},{\"type\":"
        "\"object\",\"properties\":{\"v\":{\"const\":2},\"w\":{\"type\":\"null\"}}}]}";
    static const char told[] =
        "{\"$defs\":{\"A\":{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"http\"}}},"
        "\"B\":{\"type\":\"object\",\"properties\":{\"kind\":{\"const\":\"grpc\"},\"n\":{\"type\":"
        "\"integer\"}}}},\"oneOf\":[{\"$ref\":\"#/$defs/A\"},{\"$ref\":\"#/$defs/B\"}],"
        "\"discriminator\":{\"propertyName\":\"kind\",\"mapping\":{\"http\":\"#/$defs/A\",\"grpc\":"
        "\"#/$defs/B\"}}}";

    CHECK_ROWS(plain, {"{\"v\":1}", ""}, {"{\"v\":2,\"w\":null}", ""}, {"{}", ""},
               {"{\"v\":2,\"w\":1}", "w: expected null, found the number 1"},
               {"{\"v\":3}", "v: expected 1, found the number 3"},
               {"7", ": expected a mapping, found the number 7"});
    CHECK_ROWS(
        told, {"{\"kind\":\"http\"}", ""}, {"{\"kind\":\"grpc\",\"n\":1}", ""},
        {"{\"kind\":\"grpc\",\"n\":\"x\"}", "n: expected a whole number, found the text \"x\""},
        {"{\"kind\":\"gprc\"}", "kind: expected one of \"http\", \"grpc\", found the text "
                                "\"gprc\"; did you mean \"grpc\"?"},
        {"{\"n\":1}", ": \"kind\" is missing; expected one of \"http\", \"grpc\""},
        {"3", ": expected a mapping, found the number 3"});
}

static void test_hidden_values_are_not_told(void)
{
    CHECK_ROWS("{\"additionalProperties\":{\"additionalProperties\":{\"type\":\"null\"}}}",
               {"{\"hush\":{\"a\":\"secret\"},\"say\":{\"a\":\"open\"}}",
                "hush.a: expected null, found a text | say.a: expected null, found the text "
                "\"open\""});
}

static void test_long_values_are_cut(void)
{
    CHECK_STR(checked("{\"type\":\"null\"}",
                      "\"ääääääääääääääääääääääääääääääääääääääääääääääääääääääää\""),
              ": expected null, found the text \"ääääääääääääääääääääääääääää\" (cut)");
}

static void test_depth_is_bounded(void)
{
    char deep[300] = {0};

    memset(deep, '[', 100);
    memset(deep + 100, ']', 100);
    CHECK_STR(checked("{\"items\":{\"$ref\":\"#/$defs/A\"},\"$defs\":{\"A\":{\"items\":{\"$ref\":"
                      "\"#/$defs/A\"}}}}",
                      "[[[1]]]"),
              "");
    CHECK(str_ends(checked("{\"items\":{\"$ref\":\"#/$defs/A\"},\"$defs\":{\"A\":{\"items\":{"
                           "\"$ref\":\"#/$defs/A\"}}}}",
                           deep),
                   STR(": nested more than 64 levels deep")));
}

static void test_schemas_that_are_not_understood_are_refused(void)
{
    static const struct {
        const char *schema, *why;
    } rows[] = {
        {"{\"type\":\"strin\"}", "\"type\" must be the name of one type"},
        {"{\"type\":[\"string\",\"null\"]}", "\"type\" must be the name of one type"},
        {"{\"properties\":{\"a\":{\"format\":\"uri\"}}}",
         "\"format\" is a keyword that is not known"},
        {"{\"$defs\":{\"A\":{\"not\":{}}}}", "\"not\" is a keyword that is not known"},
        {"{\"anyOf\":[{\"if\":{}}]}", "\"if\" is a keyword that is not known"},
        {"{\"items\":{\"uniqueItems\":true}}", "\"uniqueItems\" is a keyword that is not known"},
        {"{\"additionalProperties\":{\"dependentRequired\":{}}}",
         "\"dependentRequired\" is a keyword that is not known"},
        {"{\"anyOf\":[]}", "\"anyOf\" must be a list that is not empty"},
        {"{\"enum\":[]}", "\"enum\" must be a list that is not empty"},
        {"{\"required\":[1]}", "\"required\" must be a list of texts"},
        {"{\"items\":true}", "\"schema\" must be an object"},
        {"{\"properties\":[]}", "\"properties\" must be an object"},
        {"{\"minimum\":\"1\"}", "\"minimum\" must be a number"},
        {"{\"minLength\":-1}", "\"minLength\" must be a whole number"},
        {"{\"pattern\":\"(?=a)\"}", "\"(?=a)\" is a pattern that cannot be carried over"},
        {"{\"pattern\":3}", "\"pattern\" must be a text"},
        {"{\"$ref\":\"#/$defs/A\"}", "\"$ref\" must be #/$defs/ and a name that is there"},
        {"{\"$ref\":\"other.json\"}", "\"$ref\" must be #/$defs/ and a name that is there"},
        {"{\"discriminator\":{\"propertyName\":\"a\"}}",
         "\"discriminator\" must have a propertyName and a mapping"},
        {"{\"$defs\":{\"A\":{\"anyOf\":[{\"$ref\":\"#/$defs/A\"}]}}}",
         "\"A\" refers to itself without an end"},
        {"[]", "\"schema\" must be an object"},
        {"{", "not JSON: line 1: string or '}' expected near end of file"},
    };

    for (size_t i = 0; i < COUNT_OF(rows); i++)
        CHECK_STR(checked(rows[i].schema, "1"), rows[i].why);
}

static bool pattern_matches(const char *pattern, const char *text)
{
    struct json_schema_pattern *p = json_schema_pattern_new(pattern);
    bool matches;

    CHECK(p);
    matches = json_schema_pattern_matches(p, text);
    json_schema_pattern_free(p);
    return matches;
}

static void test_patterns(void)
{
    static const char *const refused[] = {"(?:a)", "a*?",   "a+?",   "a{1,2}?", "\\b",  "\\1", "[",
                                          "[a",    "[\\b]", "[[:x]", "(",       "a)b(", "\\"};

    CHECK(pattern_matches("^[a-zA-Z0-9_\\-\\.:]+$", "a-B.9:_"));
    CHECK(!pattern_matches("^[a-zA-Z0-9_\\-\\.:]+$", "a b"));
    CHECK(!pattern_matches("^[a-zA-Z0-9_\\-\\.:]+$", "a\\b"));
    CHECK(pattern_matches("^\\d{2}\\.\\w+$", "12.ab_"));
    CHECK(!pattern_matches("^\\d{2}\\.\\w+$", "12xab"));
    CHECK(pattern_matches("^[^\\]x]$", "y"));
    CHECK(!pattern_matches("^[^\\]x]$", "]"));
    CHECK(pattern_matches("^[\\s\\d]+$", "1 2"));
    CHECK(pattern_matches("b|c", "abc"));
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct json_schema_pattern *p = json_schema_pattern_new(refused[i]);

        if (p)
            printf("  not refused: %s\n", refused[i]);
        CHECK(!p);
    }
}

int main(void)
{
    buf_init(&said, 0);
    RUN(test_types);
    RUN(test_numbers);
    RUN(test_texts);
    RUN(test_literals);
    RUN(test_members);
    RUN(test_items_and_paths);
    RUN(test_any_of);
    RUN(test_one_of);
    RUN(test_hidden_values_are_not_told);
    RUN(test_long_values_are_cut);
    RUN(test_depth_is_bounded);
    RUN(test_schemas_that_are_not_understood_are_refused);
    RUN(test_patterns);
    buf_deinit(&said);
    return test_end();
}

/* Tokens are read from where they are, and from nowhere else. */

#include "base/mem.h"
#include "http/usage.h"
#include "unit/test.h"

#define CHAT "{\"id\":\"c\",\"choices\":[{\"message\":{\"content\":\"x\"}}],"

static void expect(const char *text, enum usage_result result, uint64_t prompt, uint64_t completion)
{
    enum usage_result (*const readers[])(str, uint64_t *, uint64_t *) = {usage_read, usage_find};

    for (size_t i = 0; i < COUNT_OF(readers); i++) {
        uint64_t p = 0, c = 0;

        CHECK_INT(readers[i](str_of(text), &p, &c), result);
        CHECK_INT(p, prompt);
        CHECK_INT(c, completion);
    }
}

static void where_it_usually_is(void)
{
    expect(CHAT "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4,\"total_tokens\":7}}",
           USAGE_FOUND, 3, 4);
    expect(CHAT "\"usage\" : {\"input_tokens\" : 3, \"output_tokens\":4}, \"z\":[1,{}]} \n",
           USAGE_FOUND, 3, 4);
    expect("{\"usage\":{\"prompt_tokens\":3,\"total_tokens\":3},\"data\":[]}", USAGE_FOUND, 3, 0);
    expect(CHAT "\"usage\":{\"prompt_tokens\":3,\"prompt_tokens_details\":{\"cached_tokens\":1},"
                "\"completion_tokens\":4}}",
           USAGE_FOUND, 3, 4);
    expect("{\"type\":\"x\",\"response\":{\"usage\":{\"input_tokens\":5,\"output_tokens\":6}}}",
           USAGE_FOUND, 5, 6);
}

static void where_it_is_not(void)
{
    expect(CHAT "\"x\":1}", USAGE_NONE, 0, 0);
    expect(CHAT "\"usage\":null}", USAGE_NONE, 0, 0);
    expect(CHAT "\"usage\":\"usage\"}", USAGE_NONE, 0, 0);
    expect("{\"content\":\"\\\"usage\\\":{\\\"prompt_tokens\\\":9}\"}", USAGE_NONE, 0, 0);
    expect("{\"deep\":{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}}", USAGE_NONE, 0,
           0);
    expect("{\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":4},"
           "\"deep\":[{\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":9}}]}",
           USAGE_FOUND, 3, 4);
    expect("{\"a\":\"usage\",\"b\":{\"prompt_tokens\":9}}", USAGE_NONE, 0, 0);
}

static void what_is_no_object(void)
{
    expect("", USAGE_INVALID, 0, 0);
    expect("[]", USAGE_INVALID, 0, 0);
    expect("{", USAGE_INVALID, 0, 0);
    expect("plain text", USAGE_INVALID, 0, 0);
}

static void ids(void)
{
    char storage[16];
    str id;

    CHECK(answer_id_read(STR("{\"id\":\"resp_1\",\"x\":{\"id\":\"no\"}}"), storage, 16, &id));
    CHECK_STR(id, "resp_1");
    CHECK(
        answer_id_read(STR("{\"type\":\"t\",\"response\":{\"id\":\"resp_2\"}}"), storage, 16, &id));
    CHECK_STR(id, "resp_2");
    CHECK(!answer_id_read(STR("{\"id\":1}"), storage, 16, &id));
    CHECK(!answer_id_read(STR("{\"id\":\"longer than the room of 16\"}"), storage, 16, &id));
    CHECK(!answer_id_read(STR("{\"id\":"), storage, 16, &id));
}

int main(void)
{
    RUN(where_it_usually_is);
    RUN(where_it_is_not);
    RUN(what_is_no_object);
    RUN(ids);
    return test_end();
}

#include "http/h1_chunked.h"
#include "unit/test.h"

#include "base/mem.h"

struct outcome {
    enum h1_chunked_result result;
    enum h1_fault fault;
    size_t used;
    char body[256];
    size_t n;
};

static struct outcome decode(struct h1_chunked *c, str in, size_t most, struct outcome o)
{
    o.result = H1_CHUNKED_MORE;
    while (in.n) {
        str data;
        size_t used = 0;

        o.result = h1_chunked_next(c, in, most, &used, &data, &o.fault);
        if (o.result == H1_CHUNKED_BAD)
            break;
        o.used += used;
        in = str_from(in, used);
        if (o.result == H1_CHUNKED_LAST)
            break;
        if (o.result == H1_CHUNKED_DATA) {
            memcpy(o.body + o.n, data.p, data.n);
            o.n += data.n;
            o.result = H1_CHUNKED_MORE;
        }
    }
    return o;
}

static struct outcome decode_whole(str in)
{
    struct h1_chunked c;

    h1_chunked_init(&c);
    return decode(&c, in, SIZE_MAX, (struct outcome){0});
}

static const struct {
    const char *in;
    enum h1_chunked_result result;
    const char *body;
} cases[] = {
    {"0\r\n", H1_CHUNKED_LAST, ""},
    {"5\r\nhello\r\n0\r\n", H1_CHUNKED_LAST, "hello"},
    {"5;a=b;c=\"d e\"\r\nhello\r\n1\r\n \r\n000;x\r\n", H1_CHUNKED_LAST, "hello "},
    {"00000000000000A\r\n0123456789\r\n0\r\n", H1_CHUNKED_LAST, "0123456789"},
    {"a\r\n\r\n0\r\n\r\nGET\r\n0\r\n", H1_CHUNKED_LAST, "\r\n0\r\n\r\nGET"},
    {"5\r\nhel", H1_CHUNKED_MORE, "hel"},
    {"", H1_CHUNKED_MORE, ""},
    {"5", H1_CHUNKED_MORE, ""},
    {"\r\n", H1_CHUNKED_BAD, ""},
    {" 5\r\n", H1_CHUNKED_BAD, ""},
    {"5 \r\n", H1_CHUNKED_BAD, ""},
    {"5\n", H1_CHUNKED_BAD, ""},
    {"5\r\r", H1_CHUNKED_BAD, ""},
    {"0x5\r\n", H1_CHUNKED_BAD, ""},
    {"+5\r\n", H1_CHUNKED_BAD, ""},
    {"-5\r\n", H1_CHUNKED_BAD, ""},
    {"5_0\r\n", H1_CHUNKED_BAD, ""},
    {";a\r\n", H1_CHUNKED_BAD, ""},
    {"5;a\nhello\r\n", H1_CHUNKED_BAD, ""},
    {"5;a\rb\r\n", H1_CHUNKED_BAD, ""},
    {"5;\x01\r\n", H1_CHUNKED_BAD, ""},
    {"5\r\nhello0\r\n", H1_CHUNKED_BAD, "hello"},
    {"5\r\nhello\n0\r\n", H1_CHUNKED_BAD, "hello"},
    {"5\r\nhello\r0\r\n", H1_CHUNKED_BAD, "hello"},
    {"1000000000000000\r\n", H1_CHUNKED_BAD, ""},
    {"FFFFFFFFFFFFFFFFF\r\n", H1_CHUNKED_BAD, ""},
    {"g\r\n", H1_CHUNKED_BAD, ""},
};

static void every_case_has_its_outcome(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct outcome o = decode_whole(str_of(cases[i].in));

        if (o.result != cases[i].result)
            printf("  case %zu: %s\n", i, cases[i].in);
        CHECK_INT(o.result, cases[i].result);
        CHECK_STR(str_make(o.body, o.n), cases[i].body);
    }
}

static void cutting_changes_nothing(void)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        str in = str_of(cases[i].in);

        for (size_t cut = 1; cut < in.n; cut++) {
            struct h1_chunked c;

            h1_chunked_init(&c);
            struct outcome o = decode(&c, str_upto(in, cut), 3, (struct outcome){0});
            if (o.result == H1_CHUNKED_MORE)
                o = decode(&c, str_from(in, cut), 3, o);
            CHECK_INT(o.result, cases[i].result);
            CHECK_STR(str_make(o.body, o.n), cases[i].body);
        }
    }
}

static void the_trailer_section_is_left_alone(void)
{
    struct outcome o = decode_whole(STR("1\r\na\r\n0\r\nX: 1\r\n\r\n"));

    CHECK_INT(o.result, H1_CHUNKED_LAST);
    CHECK_INT(o.used, 9);
}

static void extensions_are_bounded_over_the_message(void)
{
    struct h1_chunked c;
    struct outcome o = {0};
    enum h1_chunked_result last = H1_CHUNKED_MORE;
    size_t chunks = 0;

    h1_chunked_init(&c);
    while (last == H1_CHUNKED_MORE) {
        o.n = 0;
        o = decode(&c, STR("1;0123456789abcde\r\na\r\n"), SIZE_MAX, o);
        last = o.result;
        chunks++;
    }
    CHECK_INT(last, H1_CHUNKED_BAD);
    CHECK_INT(o.fault, H1_FAULT_CHUNK_EXTENSIONS);
    CHECK_INT(chunks, H1_CHUNK_EXTENSION_BYTES / 15 + 1);
}

static void heads_of_chunks_are_plain_hex(void)
{
    char text[H1_CHUNK_HEAD_BYTES];

    CHECK_STR(str_make(text, h1_chunk_head(1, text)), "1\r\n");
    CHECK_STR(str_make(text, h1_chunk_head(16, text)), "10\r\n");
    CHECK_STR(str_make(text, h1_chunk_head(0xabcdef, text)), "abcdef\r\n");
    CHECK_STR(str_make(text, h1_chunk_head(SIZE_MAX, text)), "ffffffffffffffff\r\n");
}

static void framing_may_not_come_in_trailers(void)
{
    struct http_header h = {.name = STR("Content-Length"), .id = HTTP_HEADER_CONTENT_LENGTH};

    CHECK(h1_is_forbidden_trailer(&h));
    h = (struct http_header){.name = STR("Range")};
    CHECK(h1_is_forbidden_trailer(&h));
    h = (struct http_header){.name = STR("Server-Timing")};
    CHECK(!h1_is_forbidden_trailer(&h));
}

int main(void)
{
    RUN(every_case_has_its_outcome);
    RUN(cutting_changes_nothing);
    RUN(the_trailer_section_is_left_alone);
    RUN(extensions_are_bounded_over_the_message);
    RUN(heads_of_chunks_are_plain_hex);
    RUN(framing_may_not_come_in_trailers);
    return test_end();
}

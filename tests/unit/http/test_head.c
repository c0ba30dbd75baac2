#include "http/head.h"
#include "unit/test.h"

#include "base/mem.h"

static void every_known_name_has_its_id_in_any_case(void)
{
    for (int id = 1; id < HTTP_HEADER_COUNT; id++) {
        str name = http_header_name((enum http_header_id)id);
        char upper[64];

        for (size_t i = 0; i < name.n; i++)
            upper[i] = name.p[i] >= 'a' && name.p[i] <= 'z' ? (char)(name.p[i] - 32) : name.p[i];
        CHECK_INT(http_header_id(name), id);
        CHECK_INT(http_header_id(str_make(upper, name.n)), id);
    }
}

static void other_names_have_none(void)
{
    static const char *const names[] = {"",
                                        "x",
                                        "hoss",
                                        "accept",
                                        "x-ambit-regiom",
                                        "hos",
                                        "hostt",
                                        "accept-encodinh",
                                        "content-lengtg"};

    for (size_t i = 0; i < COUNT_OF(names); i++)
        CHECK_INT(http_header_id(str_of(names[i])), HTTP_HEADER_OTHER);
    CHECK_INT(http_header_id(str_make("ho\0t", 4)), HTTP_HEADER_OTHER);
}

static void methods_are_case_sensitive(void)
{
    CHECK_INT(http_method_of(STR("POST")), HTTP_METHOD_POST);
    CHECK_INT(http_method_of(STR("TRACE")), HTTP_METHOD_TRACE);
    CHECK_INT(http_method_of(STR("post")), HTTP_METHOD_OTHER);
    CHECK_INT(http_method_of(STR("BREW")), HTTP_METHOD_OTHER);
}

#define H(n, v)                                                                                    \
    {                                                                                              \
        .name = STR_INIT(n), .value = STR_INIT(v)                                                  \
    }

static struct http_header headers[] = {
    H("Connection", "x-one , Keep-Alive"),
    H("X-One", "1"),
    H("X-Two", "2"),
    H("connection", "x-two"),
    H("Keep-Alive", "5"),
    H("Proxy-Foo", "1"),
    H("Content-Type", "text/plain"),
    H("TE", "trailers"),
    H("X-On", "1"),
    H("Transfer-Encoding", "chunked"),
};

static struct http_head make_head(void)
{
    for (size_t i = 0; i < COUNT_OF(headers); i++)
        headers[i].id = http_header_id(headers[i].name);
    return (struct http_head){
        .method = HTTP_METHOD_POST,
        .method_text = STR("POST"),
        .target = STR("/v1/models?x=1"),
        .authority = STR("example.com"),
        .version = 11,
        .content_length = 7,
        .headers = headers,
        .n_headers = COUNT_OF(headers),
    };
}

static void hop_by_hop_headers_are_recognised(void)
{
    struct http_head head = make_head();
    static const bool expected[] = {true, true, true, true, true, true, false, true, false, true};

    for (size_t i = 0; i < COUNT_OF(headers); i++)
        CHECK_INT(http_header_is_hop_by_hop(&head, &headers[i]), expected[i]);
}

static void finding_takes_the_first(void)
{
    struct http_head head = make_head();

    CHECK_STR(http_head_value(&head, HTTP_HEADER_CONNECTION), "x-one , Keep-Alive");
    CHECK(http_head_find(&head, HTTP_HEADER_HOST) == NULL);
    CHECK(http_head_value(&head, HTTP_HEADER_HOST).p == NULL);
}

static void a_copy_shares_nothing(void)
{
    char target[] = "/a";
    struct http_head head = make_head();
    struct arena arena;

    head.target = str_of(target);
    arena_init(&arena, NULL, 0);
    struct http_head *copy = http_head_copy(&arena, &head);
    target[1] = 'X';
    headers[6].value = STR("changed");
    CHECK_STR(copy->target, "/a");
    CHECK_STR(copy->method_text, "POST");
    CHECK_STR(copy->authority, "example.com");
    CHECK_INT(copy->content_length, 7);
    CHECK_INT(copy->n_headers, COUNT_OF(headers));
    CHECK_STR(http_head_value(copy, HTTP_HEADER_CONTENT_TYPE), "text/plain");
    headers[6].value = STR("text/plain");
    arena_deinit(&arena);
}

static void reasons_are_the_registered_ones(void)
{
    CHECK_STR(http_reason(200), "OK");
    CHECK_STR(http_reason(431), "Request Header Fields Too Large");
    CHECK_STR(http_reason(299), "");
}

int main(void)
{
    RUN(every_known_name_has_its_id_in_any_case);
    RUN(other_names_have_none);
    RUN(methods_are_case_sensitive);
    RUN(hop_by_hop_headers_are_recognised);
    RUN(finding_takes_the_first);
    RUN(a_copy_shares_nothing);
    RUN(reasons_are_the_registered_ones);
    return test_end();
}

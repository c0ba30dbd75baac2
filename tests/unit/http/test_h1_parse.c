#include "http/h1_parse.h"
#include "unit/test.h"

#include "base/mem.h"

enum { HEADERS = 8, HEAD_BYTES = 256 };

static const struct h1_limits limits = {.head_bytes = HEAD_BYTES, .headers = HEADERS};
static struct http_header headers[HEADERS];
static struct h1_message m;

static enum h1_result parse_as(enum h1_kind kind, str bytes, enum http_method asked)
{
    struct h1_parser p;

    h1_parser_init(&p, kind);
    return h1_parse(&p, bytes, &limits, headers, asked, &m);
}

static enum h1_result request(const char *text)
{
    return parse_as(H1_REQUEST, str_of(text), HTTP_METHOD_OTHER);
}

static enum h1_result response(const char *text)
{
    return parse_as(H1_RESPONSE, str_of(text), HTTP_METHOD_GET);
}

static void a_request_is_taken_apart(void)
{
    CHECK_INT(request("POST /v1/chat?x=%41 HTTP/1.1\r\nHost: a.example:8080\r\n"
                      "content-length:  12\t\r\nX-Empty:\r\n\r\nbody"),
              H1_DONE);
    CHECK_INT(m.head.method, HTTP_METHOD_POST);
    CHECK_STR(m.head.method_text, "POST");
    CHECK_STR(m.head.target, "/v1/chat?x=%41");
    CHECK_STR(m.head.authority, "a.example:8080");
    CHECK_INT(m.head.version, 11);
    CHECK_INT(m.head.content_length, 12);
    CHECK_INT(m.head.n_headers, 3);
    CHECK_STR(m.head.headers[2].name, "X-Empty");
    CHECK_STR(m.head.headers[2].value, "");
    CHECK_INT(m.framing, H1_LENGTH);
    CHECK(m.keep_alive);
    CHECK_INT(m.bytes, 86);
}

static void absolute_form_becomes_origin_form(void)
{
    CHECK_INT(request("GET http://A.example/x?y HTTP/1.1\r\nHost: a.example\r\n\r\n"), H1_DONE);
    CHECK_STR(m.head.target, "/x?y");
    CHECK_STR(m.head.authority, "A.example");
    CHECK_INT(request("OPTIONS https://[::1]:8 HTTP/1.1\r\nHost: [::1]:8\r\n\r\n"), H1_DONE);
    CHECK_STR(m.head.target, "*");
    CHECK_INT(request("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"), H1_DONE);
    CHECK_STR(m.head.target, "/");
    CHECK_INT(request("GET http://a/\x01://[::1]/ HTTP/1.1\r\nHost: a\r\n\r\n"), H1_BAD);
}

static void connections_stay_open_as_the_version_says(void)
{
    CHECK_INT(request("GET / HTTP/1.0\r\n\r\n"), H1_DONE);
    CHECK(!m.keep_alive);
    CHECK_INT(request("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), H1_DONE);
    CHECK(m.keep_alive);
    CHECK_INT(request("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"), H1_DONE);
    CHECK(!m.keep_alive);
}

static void expectations_hold_for_bodies_of_1_1(void)
{
    CHECK_INT(
        request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n"),
        H1_DONE);
    CHECK(m.head.expects_continue);
    CHECK_INT(request("PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n"), H1_DONE);
    CHECK(!m.head.expects_continue);
    CHECK_INT(request("PUT / HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"),
              H1_DONE);
    CHECK(!m.head.expects_continue);
}

#define WISH(line, rest) line "\r\nHost: a\r\n" rest "\r\n"

static void a_wish_to_leave_http_has_conditions(void)
{
    static const struct {
        const char *text;
        enum http_upgrade upgrade;
    } wishes[] = {
        {WISH("GET / HTTP/1.1", "Connection: Upgrade\r\nUpgrade: WebSocket\r\n"), 1},
        {WISH("GET / HTTP/1.1", "Upgrade: h2c, websocket\r\nConnection: x, upgrade\r\n"), 1},
        {WISH("GET / HTTP/1.1",
              "Connection: x\r\nConnection: upgrade\r\nUpgrade: x\r\nUpgrade: websocket\r\n"),
         1},
        {WISH("GET / HTTP/1.1",
              "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n"),
         1},
        {WISH("GET / HTTP/1.1", "Upgrade: websocket\r\n"), 0},
        {WISH("GET / HTTP/1.1", "Connection: keep-alive\r\nUpgrade: websocket\r\n"), 0},
        {WISH("GET / HTTP/1.1", "Connection: upgrade\r\n"), 0},
        {WISH("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: h2c\r\n"), 0},
        {WISH("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket/13\r\n"), 0},
        {WISH("GET / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocketx\r\n"), 0},
        {WISH("GET / HTTP/1.0", "Connection: upgrade\r\nUpgrade: websocket\r\n"), 0},
        {WISH("HEAD / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n"), 0},
        {WISH("POST / HTTP/1.1", "Connection: upgrade\r\nUpgrade: websocket\r\n"), 0},
        {WISH("GET / HTTP/1.1",
              "Connection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n"),
         0},
        {WISH("GET / HTTP/1.1",
              "Connection: upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: chunked\r\n"),
         0},
    };

    for (size_t i = 0; i < COUNT_OF(wishes); i++) {
        CHECK_INT(request(wishes[i].text), H1_DONE);
        CHECK_INT(m.head.upgrade, wishes[i].upgrade);
    }
}

static void a_101_names_one_protocol(void)
{
    static const struct {
        const char *text;
        enum http_upgrade upgrade;
    } answers[] = {
        {"HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n", 1},
        {"HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n", 0},
        {"HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", 0},
        {"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n", 0},
        {"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket, h2c\r\n\r\n", 0},
        {"HTTP/1.0 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 0},
        {"HTTP/1.1 200 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 0},
    };

    for (size_t i = 0; i < COUNT_OF(answers); i++) {
        CHECK_INT(response(answers[i].text), H1_DONE);
        CHECK_INT(m.head.upgrade, answers[i].upgrade);
    }
}

/* The answer must be the same however the bytes are cut: fed one more byte at a time, with the
 * buffer moved in between. */
static void parsing_does_not_depend_on_cuts(void)
{
    static const char *const texts[] = {
        "\r\nPOST /v1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nX-A: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/3.7\r\nHost: a\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        str text = str_of(texts[i]);
        enum h1_result whole = request(texts[i]), result = H1_MORE;
        enum h1_fault fault = m.fault;
        char buffers[2][HEAD_BYTES];
        struct h1_parser p;

        h1_parser_init(&p, H1_REQUEST);
        for (size_t n = 1; n <= text.n && result == H1_MORE; n++) {
            memset(buffers, 0, sizeof(buffers));
            memcpy(buffers[n % 2], text.p, n);
            result =
                h1_parse(&p, str_make(buffers[n % 2], n), &limits, headers, HTTP_METHOD_OTHER, &m);
        }
        CHECK_INT(result, whole);
        CHECK_INT(m.fault, fault);
        if (result == H1_DONE) {
            CHECK_STR(m.head.target, "/v1");
            CHECK_INT(m.head.n_headers, 3);
            CHECK_STR(m.head.headers[2].value, "b");
        }
    }
}

static void limits_hold_by_position(void)
{
    char text[HEAD_BYTES + 64];
    struct h1_parser p;

    memset(text, 'a', sizeof(text));
    h1_parser_init(&p, H1_REQUEST);
    CHECK_INT(h1_parse(&p, str_make(text, HEAD_BYTES), &limits, headers, HTTP_METHOD_OTHER, &m),
              H1_MORE);
    CHECK_INT(h1_parse(&p, str_make(text, HEAD_BYTES + 1), &limits, headers, HTTP_METHOD_OTHER, &m),
              H1_BAD);
    CHECK_INT(m.fault, H1_FAULT_LINE_TOO_LONG);
    memcpy(text, "GET / HTTP/1.1\r\nHost: a\r\nX: ", 28);
    CHECK_INT(parse_as(H1_REQUEST, str_make(text, sizeof(text)), HTTP_METHOD_OTHER), H1_BAD);
    CHECK_INT(m.fault, H1_FAULT_HEAD_TOO_LARGE);
    CHECK_INT(
        request("GET / HTTP/1.1\r\nHost: a\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\n\r\n"),
        H1_DONE);
    CHECK_INT(
        request(
            "GET / HTTP/1.1\r\nHost: a\r\na:\r\nb:\r\nc:\r\nd:\r\ne:\r\nf:\r\ng:\r\nh:\r\n\r\n"),
        H1_BAD);
    CHECK_INT(m.fault, H1_FAULT_TOO_MANY_HEADERS);
}

static void a_response_is_taken_apart(void)
{
    CHECK_INT(response("HTTP/1.1 200 Fine, thanks\r\nContent-Length: 3\r\n\r\nabc"), H1_DONE);
    CHECK_INT(m.head.status, 200);
    CHECK_INT(m.framing, H1_LENGTH);
    CHECK(m.keep_alive);
    CHECK_INT(response("HTTP/1.1 200\r\n\r\n"), H1_DONE);
    CHECK_INT(m.framing, H1_UNTIL_CLOSE);
    CHECK(!m.keep_alive);
    CHECK_INT(response("HTTP/1.0 200 \r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n"),
              H1_DONE);
    CHECK_INT(m.framing, H1_NO_BODY);
    CHECK(m.keep_alive);
    CHECK_INT(response("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"), H1_DONE);
    CHECK_INT(m.framing, H1_CHUNKED);
}

static void some_responses_have_no_body(void)
{
    CHECK_INT(response("HTTP/1.1 304 x\r\nContent-Length: 30\r\n\r\n"), H1_DONE);
    CHECK_INT(m.framing, H1_NO_BODY);
    CHECK_INT(m.head.content_length, 30);
    CHECK(m.keep_alive);
    CHECK_INT(response("HTTP/1.1 204 x\r\n\r\n"), H1_DONE);
    CHECK_INT(m.framing, H1_NO_BODY);
    CHECK_INT(response("HTTP/1.1 103 x\r\n\r\n"), H1_DONE);
    CHECK_INT(m.framing, H1_NO_BODY);
    CHECK_INT(
        parse_as(H1_RESPONSE, STR("HTTP/1.1 200 x\r\nContent-Length: 9\r\n\r\n"), HTTP_METHOD_HEAD),
        H1_DONE);
    CHECK_INT(m.framing, H1_NO_BODY);
    CHECK(m.keep_alive);
}

static void bad_responses_are_refused(void)
{
    static const char *const bad[] = {
        "X",
        "ICY 200 OK\r\n",
        "HTTP/1.1 20 OK\r\n",
        "HTTP/1.1 2000 OK\r\n",
        "HTTP/1.1 099 x\r\n",
        "HTTP/1.1 600 x\r\n",
        "HTTP/1.1  200 x\r\n",
        "HTTP/2.0 200 x\r\n",
        "HTTP/1.1 200 a\x01\r\n",
        "HTTP/1.1 200 OK\n",
        "HTTP/1.1 200 OK\r\nA: b\n",
        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n",
        "HTTP/1.1 200 OK\r\nA : b\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
    };

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        if (response(bad[i]) != H1_BAD)
            printf("  %s\n", bad[i]);
        CHECK_INT(response(bad[i]), H1_BAD);
    }
}

static void trailers_have_no_start_line(void)
{
    CHECK_INT(parse_as(H1_TRAILERS, STR("X: 1\r\n\r\n"), HTTP_METHOD_OTHER), H1_DONE);
    CHECK_INT(m.head.n_headers, 1);
    CHECK_INT(parse_as(H1_TRAILERS, STR("\r\n"), HTTP_METHOD_OTHER), H1_DONE);
    CHECK_INT(m.bytes, 2);
    CHECK_INT(parse_as(H1_TRAILERS, STR("GET / HTTP/1.1\r\n"), HTTP_METHOD_OTHER), H1_BAD);
    CHECK_INT(parse_as(H1_TRAILERS, STR("X: 1\r\n"), HTTP_METHOD_OTHER), H1_MORE);
}

int main(void)
{
    RUN(a_request_is_taken_apart);
    RUN(absolute_form_becomes_origin_form);
    RUN(connections_stay_open_as_the_version_says);
    RUN(expectations_hold_for_bodies_of_1_1);
    RUN(a_wish_to_leave_http_has_conditions);
    RUN(a_101_names_one_protocol);
    RUN(parsing_does_not_depend_on_cuts);
    RUN(limits_hold_by_position);
    RUN(a_response_is_taken_apart);
    RUN(some_responses_have_no_body);
    RUN(bad_responses_are_refused);
    RUN(trailers_have_no_start_line);
    return test_end();
}
